//! Is there a path that two automata both accept?
//!
//! Walks the pairs of states once, from the highest down: by the order that `automaton` guarantees, each pair is
//! complete when it is reached, so there is no work list and no second visit. Each pair carries the set of positions
//! within a path component at which it can be reached, which is what keeps the answer to real paths.
//! Costs one byte and at most some twenty nanoseconds for each pair, whatever the patterns are.

use super::automaton::{ACCEPT, Automaton, State, StateSet};
use super::byteset::ByteSet;

/// A set of positions within a relative path, one bit each.
type Positions = u8;

/// Before the first byte of a component.
const START: Positions = 1;
/// After `.` as all there is of the component yet.
const DOT: Positions = 2;
/// After `..` likewise.
const DOT_DOT: Positions = 4;
/// Within a component that may end here.
const NAME: Positions = 8;

const DOT_BYTE: ByteSet = ByteSet::of(b'.');
const SLASH_BYTE: ByteSet = ByteSet::of(b'/');
/// All that remains, but for NUL, which is in no path.
const OTHER_BYTES: ByteSet =
    ByteSet::of(0).complement().intersection(DOT_BYTE.complement()).intersection(SLASH_BYTE.complement());

/// Is there a relative path that leads `a` from `a_from`, and `b` from `b_from`, to acceptance?
pub(super) fn meet(a: &Automaton, a_from: &StateSet, b: &Automaton, b_from: &StateSet) -> bool {
    let (a, b) = (&a.states[..], &b.states[..]);
    let mut product = Product { a, b, reached: vec![0; a.len() * b.len()] };
    a_from.for_each_descending(|p| {
        b_from.for_each_descending(|q| product.reach(p, q, START));
    });
    product.sweep()
}

struct Product<'a> {
    a: &'a [State],
    b: &'a [State],
    /// For each pair of states, row by row, the positions it can be reached at.
    reached: Vec<Positions>,
}

impl Product<'_> {
    fn sweep(mut self) -> bool {
        for p in (0..self.a.len()).rev() {
            for q in (0..self.b.len()).rev() {
                let at = self.reached[p * self.b.len() + q];
                if at != 0 {
                    self.leave(p, q, at);
                }
            }
        }
        self.reached[ACCEPT] & NAME != 0
    }

    fn reach(&mut self, p: usize, q: usize, at: Positions) {
        self.reached[p * self.b.len() + q] |= at;
    }

    /// Follows every edge out of a pair. Steps without reading are taken on one side at a time.
    fn leave(&mut self, p: usize, q: usize, at: Positions) {
        match (&self.a[p], &self.b[q]) {
            (State::Split(targets), _) => targets.iter().for_each(|&to| self.reach(to, q, at)),
            (_, State::Split(targets)) => targets.iter().for_each(|&to| self.reach(p, to, at)),
            (&State::Step { on: x, next: i }, &State::Step { on: y, next: j }) => {
                self.reach(i, j, advance(at, x, y));
            }
            (&State::Loop { on: x, next: i }, &State::Step { on: y, next: j }) => {
                self.reach(p, j, advance(at, x, y));
                self.reach(i, q, at);
            }
            (&State::Step { on: x, next: i }, &State::Loop { on: y, next: j }) => {
                self.reach(i, q, advance(at, x, y));
                self.reach(p, j, at);
            }
            (&State::Loop { on: x, next: i }, &State::Loop { on: y, next: j }) => {
                let at = advance_repeatedly(at, x, y);
                self.reach(i, q, at);
                self.reach(p, j, at);
            }
            (&State::Loop { next, .. }, State::Accept) => self.reach(next, q, at),
            (State::Accept, &State::Loop { next, .. }) => self.reach(p, next, at),
            (State::Accept, State::Accept | State::Step { .. }) | (State::Step { .. }, State::Accept) => {}
        }
    }
}

/// Where one byte that both sets have leads from these positions.
fn advance(at: Positions, x: ByteSet, y: ByteSet) -> Positions {
    let both = x.intersection(y);
    let mut to = 0;
    if !both.intersection(OTHER_BYTES).is_empty() {
        to |= NAME;
    }
    if both.contains(b'/') && at & NAME != 0 {
        to |= START;
    }
    if both.contains(b'.') {
        to |= after_dot(at);
    }
    to
}

fn after_dot(at: Positions) -> Positions {
    let mut to = (at & (START | DOT)) << 1;
    if at & (DOT_DOT | NAME) != 0 {
        to |= NAME;
    }
    to
}

fn advance_repeatedly(mut at: Positions, x: ByteSet, y: ByteSet) -> Positions {
    loop {
        let more = at | advance(at, x, y);
        if more == at {
            return at;
        }
        at = more;
    }
}
