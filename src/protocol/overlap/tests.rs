//! Tables of examples, and proofs by comparison: against globset for what a pattern matches, against an exhaustive
//! search of automata built by the regex engine for overlap. `AIO_PROOF_CASES` sets how many cases each proof draws,
//! `AIO_PROOF_SEED` which ones.

mod examples;
mod generate;
mod oracle;
mod proofs;
mod worst_case;
