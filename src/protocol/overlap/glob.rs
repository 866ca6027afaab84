//! A pattern as a claim stores it: its text, and what the text means.
//!
//! Guarantees globset's meaning (`literal_separator` and `backslash_escape` on, otherwise its defaults) byte for byte:
//! `?` is one byte other than `/`, a class is one byte and may be `/`, `**` is special as a whole component only. Every
//! accepted pattern is small enough that any two are compared in milliseconds.
//! Does not restrict matches to real paths; `overlaps` does that.

use super::automaton::{ACCEPT, Automaton, StateSet, literal_text};
use super::fold::fold_path;
use super::parse::{Token, parse};
use super::product::meet;
use std::fmt;
use std::sync::OnceLock;

/// The longest pattern that can be claimed. It bounds the automaton, and thereby the time of every comparison.
pub const MAX_PATTERN_BYTES: usize = 512;
/// How deep braces may be nested. It bounds recursion, here and in globset.
pub const MAX_NESTING: usize = 16;

/// A parsed pattern. Equal when the text is.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    tokens: Vec<Token>,
    exact: Form,
    folded: Form,
}

/// What a pattern means with or without folding. The automaton waits until literal prefixes did not decide.
#[derive(Clone, Debug)]
struct Form {
    prefix: Vec<u8>,
    automaton: OnceLock<Automaton>,
}

impl Glob {
    /// Parses a pattern that somebody wants to claim: ours and globset's own parser must both accept it.
    pub fn parse(text: &str) -> Result<Glob, GlobError> {
        let glob = Glob::read(text)?;
        globset::GlobBuilder::new(text)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| GlobError::Rejected(error.kind().to_string()))?;
        Ok(glob)
    }

    /// Parses a pattern that was claimed before: the same language and caps, without calling globset.
    pub fn read(text: &str) -> Result<Glob, GlobError> {
        check_length(text)?;
        let tokens = parse(text)?;
        let prefix = literal_text(&tokens).into_bytes();
        let folded = Form::new(fold_path(&prefix).into_owned());
        Ok(Glob { text: text.to_owned(), tokens, exact: Form::new(prefix), folded })
    }

    /// The pattern as it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Does the pattern match these bytes, whole? With `fold`, `path` must be folded already.
    pub fn matches(&self, path: &[u8], fold: bool) -> bool {
        path.starts_with(self.prefix(fold)) && self.after(path, fold).contains(ACCEPT)
    }

    /// The literal bytes that the pattern, and so every match, starts with, up to the first special character.
    pub fn literal_prefix(&self) -> &[u8] {
        &self.exact.prefix
    }

    /// Is there any real path among the matches?
    pub(super) fn matches_some_path(&self, fold: bool) -> bool {
        let (own, anything) = (self.automaton(fold), Automaton::anything());
        meet(own, &own.start(), &anything, &anything.start())
    }

    /// Is a match `directory`, or a real path below it?
    pub(super) fn enters(&self, directory: &[u8], fold: bool) -> bool {
        if !agree(self.prefix(fold), directory.iter().chain(b"/")) {
            return false;
        }
        let (own, at) = (self.automaton(fold), self.after(directory, fold));
        let anything = Automaton::anything();
        at.contains(ACCEPT) || meet(own, &own.read(at, b"/"), &anything, &anything.start())
    }

    /// Is every match that is a real path `directory`, or below it?
    pub(super) fn stays_in(&self, directory: &[u8], fold: bool) -> bool {
        let rest = self.prefix(fold).strip_prefix(directory);
        if rest.is_some_and(|rest| rest.starts_with(b"/")) {
            return true;
        }
        let (own, outside) = (self.automaton(fold), Automaton::outside(directory, fold));
        !meet(own, &own.start(), &outside, &outside.start())
    }

    /// Has this pattern a match that is `directory`, a `/`, and a match of `other`? An empty `directory` stands for
    /// the base itself.
    pub(super) fn meets(&self, directory: &[u8], other: &Glob, fold: bool) -> bool {
        let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
        let theirs = directory.iter().chain(slash).chain(other.prefix(fold));
        if !agree(self.prefix(fold), theirs) {
            return false;
        }
        let (a, b) = (self.automaton(fold), other.automaton(fold));
        let from = a.read(self.after(directory, fold), slash);
        meet(a, &from, b, &b.start())
    }

    fn form(&self, fold: bool) -> &Form {
        if fold { &self.folded } else { &self.exact }
    }

    fn prefix(&self, fold: bool) -> &[u8] {
        &self.form(fold).prefix
    }

    fn automaton(&self, fold: bool) -> &Automaton {
        self.form(fold).automaton.get_or_init(|| Automaton::compile(&self.tokens, fold))
    }

    fn after(&self, bytes: &[u8], fold: bool) -> StateSet {
        let automaton = self.automaton(fold);
        automaton.read(automaton.start(), bytes)
    }
}

impl Form {
    fn new(prefix: Vec<u8>) -> Form {
        Form { prefix, automaton: OnceLock::new() }
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Glob) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

/// Both forms are bounded, since folding can make a text three times as long.
fn check_length(text: &str) -> Result<(), GlobError> {
    let mut bytes = text.len();
    if bytes <= MAX_PATTERN_BYTES {
        bytes = bytes.max(fold_path(text.as_bytes()).len());
    }
    if bytes > MAX_PATTERN_BYTES { Err(GlobError::TooLong(bytes)) } else { Ok(()) }
}

/// Can strings that start with these two prefixes be equal?
fn agree<'a>(prefix: &[u8], other: impl Iterator<Item = &'a u8>) -> bool {
    prefix.iter().zip(other).all(|(x, y)| x == y)
}

/// Why a text is no pattern that can be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobError {
    /// Its length in bytes, or that of its folded form.
    TooLong(usize),
    /// More than [`MAX_NESTING`] braces stand open at once.
    TooDeep,
    /// A `[` without `]`.
    UnclosedClass,
    /// The ends of a range in a class, the first above the second.
    InvalidRange(char, char),
    /// A `}` without `{`.
    UnopenedBrace,
    /// A `{` without `}`.
    UnclosedBrace,
    /// A `\` with nothing after it.
    DanglingEscape,
    /// What globset said of a text that our own parser took.
    Rejected(String),
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GlobError::TooLong(bytes) => {
                write!(f, "pattern is {bytes} bytes long; at most {MAX_PATTERN_BYTES} are allowed")
            }
            GlobError::TooDeep => write!(f, "braces are nested more than {MAX_NESTING} deep"),
            GlobError::UnclosedClass => f.write_str("`[` without `]` (write `\\[` for the character)"),
            GlobError::InvalidRange(low, high) => {
                write!(f, "range {low:?}-{high:?} is the wrong way round")
            }
            GlobError::UnopenedBrace => f.write_str("`}` without `{` (write `\\}` for the character)"),
            GlobError::UnclosedBrace => f.write_str("`{` without `}` (write `\\{` for the character)"),
            GlobError::DanglingEscape => f.write_str("`\\` at the end (write `\\\\` for the character)"),
            GlobError::Rejected(reason) => write!(f, "not a valid pattern: {}", reason.escape_debug()),
        }
    }
}

impl std::error::Error for GlobError {}
