//! JSON as people write it in settings: with comments, trailing commas, any indentation, and other people's entries.
//!
//! Guarantees: what is added is inserted, so that without it every byte stands as it stood, and it is laid out as what
//! stands around it. What is taken out takes along the comma and the space that came with it, and nothing else. Does not
//! read files and knows nothing of hooks.

mod document;
mod layout;
#[cfg(test)]
mod tests;
mod tree;

pub(super) use document::{Document, Step};
pub(super) use tree::Tree;

/// Where a text is not what it should be, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Counted from 1.
    pub(super) line: usize,
    /// In characters, counted from 1.
    pub(super) column: usize,
    /// In words.
    pub(super) reason: String,
}

impl Wrong {
    /// What is wrong at a byte of a text.
    pub(super) fn at(text: &str, offset: usize, reason: impl Into<String>) -> Wrong {
        let before = &text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before[before.rfind('\n').map_or(0, |newline| newline + 1)..].chars().count() + 1;
        Wrong { line, column, reason: reason.into() }
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.reason)
    }
}
