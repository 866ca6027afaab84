//! The nondeterministic automaton of a pattern, and running it over a path.
//!
//! Guarantees one order that all algorithms lean on: every edge leads to a lower state, except that a loop leads to
//! itself. So one sweep from the highest state down visits each state after everything that can reach it. There is at
//! most one state for each byte of the pattern's (folded) text, plus one to accept in and one to start in.
//! Does not know what a path is; it reads any bytes, as globset does.

use super::byteset::ByteSet;
use super::fold::fold_path;
use super::parse::{Class, Token};

/// The accepting state of every automaton.
pub(super) const ACCEPT: usize = 0;

#[derive(Clone, Debug)]
pub(super) enum State {
    Accept,
    /// Reads one byte of the set.
    Step {
        on: ByteSet,
        next: usize,
    },
    /// Reads any number of bytes of the set, then goes on without reading.
    Loop {
        on: ByteSet,
        next: usize,
    },
    /// Goes on to each of these without reading.
    Split(Vec<usize>),
}

/// Starts in its last state.
#[derive(Clone, Debug)]
pub(super) struct Automaton {
    pub(super) states: Vec<State>,
}

impl Automaton {
    /// The automaton of a pattern; with `fold`, of what it means on folded paths.
    pub(super) fn compile(tokens: &[Token], fold: bool) -> Automaton {
        let mut builder = Builder::new(fold);
        let start = match tokens {
            // Alone, `**` is anything at all, not only what ends in a separator.
            [Token::RecursivePrefix] => builder.push(State::Loop { on: ByteSet::ALL, next: ACCEPT }),
            _ => builder.sequence(tokens, ACCEPT),
        };
        builder.finish(start)
    }

    /// Accepts everything.
    pub(super) fn anything() -> Automaton {
        let rest = State::Loop { on: ByteSet::ALL, next: ACCEPT };
        Automaton { states: vec![State::Accept, rest] }
    }

    /// Accepts everything but `path` and what continues it with a `/`. With `fold`, for use against folded patterns:
    /// those take letters in either case, and a capital, which no folded path has, must not pass for a way out.
    pub(super) fn outside(path: &[u8], fold: bool) -> Automaton {
        let mut builder = Builder::new(false);
        let rest = builder.push(State::Loop { on: ByteSet::ALL, next: ACCEPT });
        let beside = ByteSet::NOT_SLASH;
        let mut start = builder.push(State::Step { on: beside, next: rest });
        for &byte in path.iter().rev() {
            let along = builder.push(State::Step { on: ByteSet::of(byte), next: start });
            let mut same = ByteSet::of(byte);
            if fold {
                same.close_over_ascii_case();
            }
            let away = builder.push(State::Step { on: same.complement(), next: rest });
            start = builder.push(State::Split(vec![along, away, ACCEPT]));
        }
        builder.finish(start)
    }

    /// The states it starts in.
    pub(super) fn start(&self) -> StateSet {
        let mut set = StateSet::empty(self.states.len());
        set.insert(self.states.len() - 1);
        self.close(&mut set);
        set
    }

    /// The states it can be in after reading `bytes` from those in `set`.
    pub(super) fn read(&self, mut set: StateSet, bytes: &[u8]) -> StateSet {
        let mut after = StateSet::empty(self.states.len());
        for &byte in bytes {
            after.clear();
            set.for_each_descending(|state| self.step(state, byte, &mut after));
            self.close(&mut after);
            std::mem::swap(&mut set, &mut after);
            if set.is_empty() {
                break;
            }
        }
        set
    }

    fn step(&self, state: usize, byte: u8, after: &mut StateSet) {
        match &self.states[state] {
            State::Step { on, next } if on.contains(byte) => after.insert(*next),
            State::Loop { on, .. } if on.contains(byte) => after.insert(state),
            _ => {}
        }
    }

    /// Adds what is reached without reading. The sweep meets what it adds, because edges lead down.
    fn close(&self, set: &mut StateSet) {
        let mut top = self.states.len();
        while let Some(state) = set.highest_below(top) {
            match &self.states[state] {
                State::Loop { next, .. } => set.insert(*next),
                State::Split(targets) => targets.iter().for_each(|&target| set.insert(target)),
                State::Accept | State::Step { .. } => {}
            }
            top = state;
        }
    }
}

/// Builds from the end to the front: each piece is given the state that follows it.
struct Builder {
    states: Vec<State>,
    fold: bool,
}

impl Builder {
    fn new(fold: bool) -> Builder {
        Builder { states: vec![State::Accept], fold }
    }

    fn push(&mut self, state: State) -> usize {
        self.states.push(state);
        self.states.len() - 1
    }

    /// The start must be the last state; an empty pattern, or one that is only an empty group, pushed nothing.
    fn finish(mut self, start: usize) -> Automaton {
        if start + 1 != self.states.len() {
            self.push(State::Split(vec![start]));
        }
        Automaton { states: self.states }
    }

    fn sequence(&mut self, tokens: &[Token], mut next: usize) -> usize {
        for run in tokens.chunk_by(both_literal).rev() {
            next = match run {
                [Token::Literal(_), ..] => self.literals(run, next),
                _ => run.iter().rev().fold(next, |next, token| self.token(token, next)),
            };
        }
        next
    }

    /// A run of literals is folded as a whole, so that a letter composes with its marks.
    fn literals(&mut self, run: &[Token], next: usize) -> usize {
        let text = literal_text(run);
        let bytes = if self.fold { fold_path(text.as_bytes()) } else { text.as_bytes().into() };
        bytes.iter().rev().fold(next, |next, &byte| self.byte(byte, next))
    }

    fn byte(&mut self, byte: u8, next: usize) -> usize {
        self.push(State::Step { on: ByteSet::of(byte), next })
    }

    fn token(&mut self, token: &Token, next: usize) -> usize {
        match token {
            Token::Literal(_) => self.literals(std::slice::from_ref(token), next),
            Token::Any => self.push(State::Step { on: ByteSet::NOT_SLASH, next }),
            Token::ZeroOrMore => self.push(State::Loop { on: ByteSet::NOT_SLASH, next }),
            Token::RecursivePrefix => self.maybe_directories(next),
            Token::RecursiveSuffix => {
                let rest = self.push(State::Loop { on: ByteSet::ALL, next });
                self.byte(b'/', rest)
            }
            Token::RecursiveZeroOrMore => {
                let directories = self.maybe_directories(next);
                self.byte(b'/', directories)
            }
            Token::Class(class) => {
                let on = class_bytes(class, self.fold);
                self.push(State::Step { on, next })
            }
            Token::Alternates(branches) => self.alternates(branches, next),
        }
    }

    /// Nothing, or anything that ends in a `/`.
    fn maybe_directories(&mut self, next: usize) -> usize {
        let slash = self.byte(b'/', next);
        let any = self.push(State::Loop { on: ByteSet::ALL, next: slash });
        self.push(State::Split(vec![any, next]))
    }

    fn alternates(&mut self, branches: &[Vec<Token>], next: usize) -> usize {
        if branches.is_empty() {
            return next;
        }
        let starts = branches.iter().map(|branch| self.sequence(branch, next)).collect();
        self.push(State::Split(starts))
    }
}

fn both_literal(a: &Token, b: &Token) -> bool {
    matches!((a, b), (Token::Literal(_), Token::Literal(_)))
}

/// The literals that `tokens` start with.
pub(super) fn literal_text(tokens: &[Token]) -> String {
    let literal = |token: &Token| match token {
        Token::Literal(c) => Some(*c),
        _ => None,
    };
    tokens.iter().map_while(literal).collect()
}

/// A class reads one byte: globset writes each end of a range as its UTF-8 bytes into a bytewise regex class, so of
/// `[à-ý]`, bytes c3 a0 and c3 bd, remain c3, a0 to c3, and bd.
fn class_bytes(class: &Class, fold: bool) -> ByteSet {
    let mut set: ByteSet = class.ranges.iter().flat_map(|&range| range_bytes(range)).collect();
    if fold {
        let ends = class.ranges.iter().flat_map(|&(low, high)| [low, high]);
        ends.for_each(|end| fold_end(end, &mut set));
        set.close_over_ascii_case();
    }
    if class.negated { set.complement() } else { set }
}

fn range_bytes((low, high): (char, char)) -> Vec<u8> {
    let bytes = format!("{low}{high}").into_bytes();
    if low == high {
        return bytes;
    }
    let (first, second) = (bytes[low.len_utf8() - 1], bytes[low.len_utf8()]);
    (first..=second).chain(bytes).collect()
}

fn fold_end(end: char, set: &mut ByteSet) {
    let mut buffer = [0; 4];
    let text = end.encode_utf8(&mut buffer);
    fold_path(text.as_bytes()).iter().for_each(|&byte| set.insert(byte));
}

/// A set of states, walked from the highest down.
#[derive(Clone, Debug)]
pub(super) struct StateSet {
    words: Vec<u64>,
}

impl StateSet {
    fn empty(states: usize) -> StateSet {
        StateSet { words: vec![0; states.div_ceil(64)] }
    }

    fn clear(&mut self) {
        self.words.fill(0);
    }

    fn insert(&mut self, state: usize) {
        self.words[state / 64] |= 1 << (state % 64);
    }

    pub(super) fn contains(&self, state: usize) -> bool {
        self.words[state / 64] >> (state % 64) & 1 == 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    pub(super) fn for_each_descending(&self, mut visit: impl FnMut(usize)) {
        for (index, &word) in self.words.iter().enumerate().rev() {
            let mut left = word;
            while left != 0 {
                let bit = left.ilog2() as usize;
                left ^= 1 << bit;
                visit(index * 64 + bit);
            }
        }
    }

    fn highest_below(&self, top: usize) -> Option<usize> {
        let mut index = top / 64;
        let mut word = match self.words.get(index) {
            Some(word) => word & ((1 << (top % 64)) - 1),
            None => 0,
        };
        while word == 0 {
            index = index.checked_sub(1)?;
            word = self.words[index];
        }
        Some(index * 64 + word.ilog2() as usize)
    }
}
