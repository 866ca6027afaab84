//! The position in a command's text: blanks, operators, here-documents, and how deep it is nested.
//!
//! Everywhere in this reader `None` means "not understood", and ends it: there is no recovery, because after a
//! misunderstanding text could pass for commands.

use std::cell::OnceCell;
use std::rc::Rc;

use super::syntax::{Document, Part, Word};

/// Deeper than anybody nests; far from what a stack holds.
const MOST_NESTED: usize = 48;

pub(super) struct Scanner<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    depth: usize,
    /// Here-documents whose text begins behind the next line break.
    pending: Vec<Pending>,
}

struct Pending {
    delimiter: String,
    literal: bool,
    strips_tabs: bool,
    text: Rc<OnceCell<String>>,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, depth: usize) -> Self {
        Scanner { text, at: 0, depth, pending: Vec::new() }
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Reads something that may hold its like.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= MOST_NESTED {
            return None;
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads commands inside a word. A here-document may not be open across its border.
    pub(super) fn enclosed<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let outer = std::mem::take(&mut self.pending);
        let start = self.at;
        let result = self.nested(read)?;
        let crosses = !outer.is_empty() && self.text[start..self.at].contains('\n');
        let is_whole = self.pending.is_empty() && !crosses;
        self.pending = outer;
        is_whole.then_some(result)
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn peek_second(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at + 1).copied()
    }

    pub(super) fn starts_with(&self, prefix: &str) -> bool {
        self.rest().starts_with(prefix)
    }

    /// Steps over `prefix` if it comes next.
    pub(super) fn take(&mut self, prefix: &str) -> bool {
        let comes = self.starts_with(prefix);
        if comes {
            self.at += prefix.len();
        }
        comes
    }

    /// Whatever character comes next, of any length.
    pub(super) fn next_char(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// The text up to the first byte that does not belong.
    pub(super) fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.bytes().position(|byte| !belongs(byte)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The text up to `end`, stepping over both.
    pub(super) fn take_until(&mut self, end: char) -> Option<&'t str> {
        let (text, _) = self.rest().split_once(end)?;
        self.at += text.len() + end.len_utf8();
        Some(text)
    }

    /// Steps over blanks, continued lines, and a comment.
    pub(super) fn blanks(&mut self) {
        let start = self.at;
        while self.take(" ") || self.take("\t") || self.take("\\\n") {}
        let before = self.text[..start].bytes().next_back();
        let follows_word = self.at == start && before.is_some_and(|byte| !b"\n;&|()".contains(&byte));
        if self.peek() == Some(b'#') && !follows_word {
            self.take_while(|byte| byte != b'\n');
        }
    }

    /// Steps over blanks and line breaks.
    pub(super) fn lines(&mut self) -> Option<()> {
        self.blanks();
        while self.peek() == Some(b'\n') {
            self.line_break()?;
            self.blanks();
        }
        Some(())
    }

    /// Steps over a line break, and the here-documents behind it.
    pub(super) fn line_break(&mut self) -> Option<()> {
        self.at += 1;
        for pending in std::mem::take(&mut self.pending) {
            let text = self.document(&pending);
            pending.text.set(text).ok()?;
        }
        Some(())
    }

    fn document(&mut self, pending: &Pending) -> String {
        let mut text = String::new();
        let mut is_continued = false;
        while self.at < self.text.len() {
            let line = self.rest().split_inclusive('\n').next().unwrap_or_default();
            self.at += line.len();
            let line = if pending.strips_tabs { line.trim_start_matches('\t') } else { line };
            let bare = line.trim_end_matches('\n');
            if bare == pending.delimiter && !is_continued {
                break;
            }
            is_continued = !pending.literal && (bare.len() - bare.trim_end_matches('\\').len()) % 2 == 1;
            text.push_str(line);
        }
        text
    }

    /// Notes a here-document that was announced by `delimiter`.
    pub(super) fn announce(&mut self, delimiter: &Word, strips_tabs: bool) -> Option<Document> {
        let literal = delimiter.0.iter().any(|part| matches!(part, Part::Quoted(_)));
        let text = Rc::new(OnceCell::new());
        let delimiter = delimiter.literal()?;
        self.pending.push(Pending { delimiter, literal, strips_tabs, text: Rc::clone(&text) });
        Some(Document::Here { text, literal })
    }
}
