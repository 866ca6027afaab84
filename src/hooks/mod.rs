//! What an agent is about to do, told from its own words, without looking at a file.
//!
//! Pure: the same answer to the same question, always. No file, environment, clock, process or randomness is read here.

pub mod patch;
