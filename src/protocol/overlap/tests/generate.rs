//! Random patterns and areas over few bytes, so that they often meet.

use super::super::{Area, Glob};
use std::fmt;

/// The bytes that paths are made of: all that generated patterns mention, some between the ends of their ranges, and
/// some that no pattern mentions.
pub(super) const ALPHABET: &[u8] = b"/.ab\xc3\xa9\xc4cAB-!,*{}[]\\^0q\n\xa0\xb0\xff";

const PIECES: &[&str] = &[
    "a", "b", "c", "/", ".", "*", "?", "**", "**/", "/**", "/**/", "[ab]", "[!a]", "[^/]", "[a-c]", "[.-0]", "[!.]",
    "[]a]", "[a-]", "[--/]", "[a-b-c]", "[a-c-a]", "[à-ý]", "[A]", "[!B]", "[é]", "[a-é]", "é", "A", "\\*", "\\/",
    "\\a", "\\,", "..", "\\{**", "!", "-", "{}", "{,}",
];
const SOUP: &[&str] = &["a", "*", "**", "/", "{", "}", ",", "[", "]", "-", "!", "^", "\\", "?", "é", ".", "[a", "b]"];
const NAMES: &[&str] = &["a", "b", "ab", ".a", "é", "...", "c"];

/// An xorshift generator: the same seed draws the same cases everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    pub(super) fn pattern(&mut self) -> String {
        if self.below(8) == 0 { self.soup() } else { self.sequence(2) }
    }

    /// Often not a pattern at all.
    pub(super) fn soup(&mut self) -> String {
        (0..self.below(9)).map(|_| self.pick(SOUP)).collect()
    }

    fn sequence(&mut self, depth: usize) -> String {
        let pieces = self.below(if depth == 2 { 7 } else { 4 });
        (0..pieces).map(|_| if depth > 0 && self.below(6) == 0 { self.braces(depth) } else { self.piece() }).collect()
    }

    fn piece(&mut self) -> String {
        self.pick(PIECES).to_owned()
    }

    fn braces(&mut self, depth: usize) -> String {
        let branches: Vec<String> = (0..=self.below(3)).map(|_| self.sequence(depth - 1)).collect();
        format!("{{{}}}", branches.join(","))
    }

    /// Any bytes, path or not.
    pub(super) fn bytes(&mut self) -> Vec<u8> {
        let common = if self.below(2) == 0 { 6 } else { ALPHABET.len() };
        (0..self.below(8)).map(|_| ALPHABET[self.below(common)]).collect()
    }

    fn path(&mut self) -> String {
        let names: String = (0..self.below(4)).map(|_| format!("/{}", self.pick(NAMES))).collect();
        if names.is_empty() { "/".to_owned() } else { names }
    }

    pub(super) fn spec(&mut self) -> Spec {
        let path = self.path();
        match self.below(5) {
            0 => Spec { path, kind: Kind::File },
            1 => Spec { path, kind: Kind::Directory },
            _ => Spec { path, kind: Kind::Pattern(self.valid_pattern()) },
        }
    }

    fn valid_pattern(&mut self) -> Glob {
        loop {
            if let Ok(glob) = Glob::parse(&self.pattern()) {
                return glob;
            }
        }
    }
}

/// An [`Area`] that owns its parts.
#[derive(Clone)]
pub(super) struct Spec {
    pub(super) path: String,
    pub(super) kind: Kind,
}

#[derive(Clone)]
pub(super) enum Kind {
    File,
    Directory,
    Pattern(Glob),
}

impl Spec {
    pub(super) fn area(&self) -> Area<'_> {
        let path = self.path.as_bytes();
        match &self.kind {
            Kind::File => Area::File(path),
            Kind::Directory => Area::Directory(path),
            Kind::Pattern(glob) => Area::Pattern { base: path, glob },
        }
    }

    /// Everything that is a little smaller: a component less, or a character of the pattern less.
    pub(super) fn smaller(&self) -> Vec<Spec> {
        let parent = self.path.rsplit_once('/').map(|(parent, _)| if parent.is_empty() { "/" } else { parent });
        let mut smaller: Vec<Spec> = parent
            .filter(|parent| *parent != self.path)
            .map(|p| Spec { path: p.to_owned(), ..self.clone() })
            .into_iter()
            .collect();
        if let Kind::Pattern(glob) = &self.kind {
            smaller
                .extend(shorter(glob.text()).map(|glob| Spec { path: self.path.clone(), kind: Kind::Pattern(glob) }));
        }
        smaller
    }
}

fn shorter(text: &str) -> impl Iterator<Item = Glob> {
    let without = move |(at, c): (usize, char)| format!("{}{}", &text[..at], &text[at + c.len_utf8()..]);
    text.char_indices().map(without).filter_map(|shorter| Glob::parse(&shorter).ok())
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::File => write!(f, "file {:?}", self.path),
            Kind::Directory => write!(f, "directory {:?}", self.path),
            Kind::Pattern(glob) => write!(f, "pattern {:?} in {:?}", glob.text(), self.path),
        }
    }
}
