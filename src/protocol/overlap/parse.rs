//! Reads the text of a pattern the way globset 0.4 does.
//!
//! Guarantees to accept what globset accepts with `literal_separator` and `backslash_escape` on and everything else at
//! its default, and to give it the same meaning, oddities included; a differential test holds it to that. Only nesting
//! is limited here. Does not build a regex, which is what makes reading a stored claim cheap.

use super::glob::{GlobError, MAX_NESTING};
use std::iter::Peekable;
use std::str::Chars;

/// One piece of a pattern, named as in globset; `.` below is any byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Literal(char),
    /// `?`: one byte other than `/`.
    Any,
    /// `*`: any number of bytes other than `/`.
    ZeroOrMore,
    /// `**/` at the start: nothing, or `.*/`.
    RecursivePrefix,
    /// `/**` at the end: `/.*`.
    RecursiveSuffix,
    /// `/**/` in between: `/`, or `/.*/`.
    RecursiveZeroOrMore,
    Class(Class),
    /// `{a,b}`, empty branches removed: globset drops them, so that `{,a}` is `a` and `{}` is nothing.
    Alternates(Vec<Vec<Token>>),
}

/// `[a-z]`: one byte, which may be `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) negated: bool,
    pub(super) ranges: Vec<(char, char)>,
}

/// The tokens of a pattern, or why it has none.
pub(super) fn parse(text: &str) -> Result<Vec<Token>, GlobError> {
    let mut parser =
        Parser { chars: text.chars().peekable(), previous: None, current: None, open: Vec::new(), tokens: Vec::new() };
    while let Some(c) = parser.bump() {
        parser.token(c)?;
    }
    if parser.open.is_empty() { Ok(parser.tokens) } else { Err(GlobError::UnclosedBrace) }
}

struct Parser<'a> {
    chars: Peekable<Chars<'a>>,
    /// The character read before `current`, whatever it meant.
    previous: Option<char>,
    current: Option<char>,
    /// The braces we are inside of, outermost first.
    open: Vec<Brace>,
    /// The branch being read.
    tokens: Vec<Token>,
}

struct Brace {
    /// The branch that the brace stands in, up to the brace.
    before: Vec<Token>,
    branches: Vec<Vec<Token>>,
}

impl Parser<'_> {
    fn token(&mut self, c: char) -> Result<(), GlobError> {
        match c {
            '?' => self.tokens.push(Token::Any),
            '*' => self.star(),
            '[' => {
                let class = self.class()?;
                self.tokens.push(Token::Class(class));
            }
            '{' => self.open_brace()?,
            '}' => self.close_brace()?,
            ',' => self.comma(),
            '\\' => {
                let escaped = self.bump().ok_or(GlobError::DanglingEscape)?;
                self.tokens.push(Token::Literal(escaped));
            }
            _ => self.tokens.push(Token::Literal(c)),
        }
        Ok(())
    }

    fn open_brace(&mut self) -> Result<(), GlobError> {
        if self.open.len() == MAX_NESTING {
            return Err(GlobError::TooDeep);
        }
        let before = std::mem::take(&mut self.tokens);
        self.open.push(Brace { before, branches: Vec::new() });
        Ok(())
    }

    fn close_brace(&mut self) -> Result<(), GlobError> {
        let mut brace = self.open.pop().ok_or(GlobError::UnopenedBrace)?;
        brace.branches.push(std::mem::replace(&mut self.tokens, brace.before));
        brace.branches.retain(|branch| !branch.iter().all(is_empty_alternates));
        self.tokens.push(Token::Alternates(brace.branches));
        Ok(())
    }

    fn comma(&mut self) {
        match self.open.last_mut() {
            Some(brace) => brace.branches.push(std::mem::take(&mut self.tokens)),
            None => self.tokens.push(Token::Literal(',')),
        }
    }

    fn star(&mut self) {
        let before = self.previous;
        if self.chars.peek() != Some(&'*') {
            return self.zero_or_more();
        }
        self.bump();
        if self.tokens.is_empty() {
            self.leading_double_star();
        } else if self.starts_component(before) {
            self.inner_double_star();
        } else {
            self.zero_or_more();
        }
    }

    /// A `**` after this character is a component's start. After an escaped `,` or `{` within braces globset takes it
    /// for a branch's start, and drops that character; so do we.
    fn starts_component(&self, before: Option<char>) -> bool {
        match before {
            Some('/') => true,
            Some(',' | '{') => !self.open.is_empty(),
            _ => false,
        }
    }

    fn leading_double_star(&mut self) {
        match self.chars.peek() {
            None | Some('/') => {
                self.tokens.push(Token::RecursivePrefix);
                self.bump();
            }
            Some(_) => self.zero_or_more(),
        }
    }

    /// Replaces the separator before `**`, which belongs to the recursive token; a run of `**/` is one.
    fn inner_double_star(&mut self) {
        let recursive = match self.chars.peek() {
            None => Token::RecursiveSuffix,
            Some(',' | '}') if !self.open.is_empty() => Token::RecursiveSuffix,
            Some('/') => {
                self.bump();
                Token::RecursiveZeroOrMore
            }
            Some(_) => return self.zero_or_more(),
        };
        let merged = match self.tokens.pop() {
            Some(Token::RecursivePrefix) => Token::RecursivePrefix,
            _ => recursive,
        };
        self.tokens.push(merged);
    }

    /// `**` that is no component of its own means what `*` means, so a run of stars is one token.
    fn zero_or_more(&mut self) {
        if self.tokens.last() != Some(&Token::ZeroOrMore) {
            self.tokens.push(Token::ZeroOrMore);
        }
    }

    fn class(&mut self) -> Result<Class, GlobError> {
        let negated = matches!(self.chars.peek(), Some('!' | '^'));
        if negated {
            self.bump();
        }
        let first = self.bump().ok_or(GlobError::UnclosedClass)?;
        let mut ranges = vec![(first, first)];
        let mut in_range = false;
        loop {
            match self.bump().ok_or(GlobError::UnclosedClass)? {
                ']' => break,
                '-' if !in_range => in_range = true,
                c if in_range => {
                    extend_last(&mut ranges, c)?;
                    in_range = false;
                }
                c => ranges.push((c, c)),
            }
        }
        if in_range {
            ranges.push(('-', '-'));
        }
        Ok(Class { negated, ranges })
    }

    fn bump(&mut self) -> Option<char> {
        self.previous = self.current;
        self.current = self.chars.next();
        self.current
    }
}

fn is_empty_alternates(token: &Token) -> bool {
    matches!(token, Token::Alternates(branches) if branches.is_empty())
}

/// Moves the end of the last range, so that `a-c-e` is `a-e`, as in globset.
fn extend_last(ranges: &mut [(char, char)], end: char) -> Result<(), GlobError> {
    if let Some(last) = ranges.last_mut() {
        if end < last.0 {
            return Err(GlobError::InvalidRange(last.0, end));
        }
        last.1 = end;
    }
    Ok(())
}
