//! Answers the module's questions by other means: globset writes the regex, the regex engine's lazy DFA runs it, and a
//! breadth-first search over pairs of DFA states looks for a path. The search is exhaustive, because states are finite
//! and one byte is tried for each way the two DFAs and the shape of paths tell bytes apart; its "none" is exact as well.

use super::generate::{Kind, Spec};
use globset::{GlobBuilder, GlobMatcher};
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, hybrid};
use std::collections::{HashSet, VecDeque};

pub(super) fn globset(pattern: &str, fold: bool) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).case_insensitive(fold).build()
}

pub(super) fn matcher(pattern: &str, fold: bool) -> GlobMatcher {
    globset(pattern, fold).expect("accepted before").compile_matcher()
}

/// The shortest real path for which `wanted(in a, in b)` holds.
pub(super) fn find(a: &Spec, b: &Spec, fold: bool, wanted: fn(bool, bool) -> bool) -> Option<Vec<u8>> {
    if wanted(contains(a, "/", fold), contains(b, "/", fold)) {
        return Some(b"/".to_vec());
    }
    let (mut a, mut b) = (Runner::new(a, fold), Runner::new(b, fold));
    let root = (a.step(a.start, b'/'), b.step(b.start, b'/'));
    let alphabet = alphabet(&a, &b, fold);
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([(root.0, root.1, b"/".to_vec())]);
    while let Some((p, q, path)) = queue.pop_front() {
        for &byte in &alphabet {
            let mut longer = path.clone();
            longer.push(byte);
            let Some(position) = position(&longer) else { continue };
            let (p, q) = (a.step(p, byte), b.step(q, byte));
            if position == Position::Name && wanted(a.accepts(p), b.accepts(q)) {
                return Some(longer);
            }
            if seen.insert((p, q, position)) {
                queue.push_back((p, q, longer));
            }
        }
    }
    None
}

/// One byte for each class of bytes that nobody tells apart. Folded paths have no capitals, and no path has NUL.
fn alphabet(a: &Runner, b: &Runner, fold: bool) -> Vec<u8> {
    let mut seen = HashSet::new();
    let mut new = |byte: u8| {
        let special = [b'/', b'.'].iter().position(|&special| special == byte);
        seen.insert((a.dfa.byte_classes().get(byte), b.dfa.byte_classes().get(byte), special))
    };
    (1..=255u8).filter(|byte| !(fold && byte.is_ascii_uppercase())).filter(|&byte| new(byte)).collect()
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Position {
    Start,
    Dots(usize),
    Name,
}

/// Where the end of this beginning of a path stands, if any path can begin so. All components but the last were
/// judged when their separator was added.
fn position(beginning: &[u8]) -> Option<Position> {
    let mut components = beginning.rsplit(|&byte| byte == b'/');
    let last = components.next().expect("rsplit yields something");
    match last {
        b"" => {
            let ended = components.next().expect("a slash has a left side");
            let fine = !matches!(ended, b"" | b"." | b"..");
            fine.then_some(Position::Start)
        }
        b"." | b".." => Some(Position::Dots(last.len())),
        _ => Some(Position::Name),
    }
}

struct Runner {
    dfa: DFA,
    cache: Cache,
    start: LazyStateID,
}

impl Runner {
    fn new(spec: &Spec, fold: bool) -> Runner {
        let dfa: DFA = hybrid::dfa::Builder::new()
            .syntax(syntax::Config::new().utf8(false).dot_matches_new_line(true))
            .thompson(thompson::Config::new().utf8(false))
            .configure(hybrid::dfa::Config::new().cache_capacity(1 << 30))
            .build(&regex(spec, fold))
            .expect("regexes from globset are valid");
        let mut cache = dfa.create_cache();
        let anchored = start::Config::new().anchored(Anchored::Yes);
        let start = dfa.start_state(&mut cache, &anchored).expect("no quit bytes are set");
        Runner { dfa, cache, start }
    }

    fn step(&mut self, state: LazyStateID, byte: u8) -> LazyStateID {
        let next = self.dfa.next_state(&mut self.cache, state, byte).expect("small enough for the cache");
        assert_eq!(self.cache.clear_count(), 0, "states must keep their identity");
        next
    }

    fn accepts(&mut self, state: LazyStateID) -> bool {
        self.dfa.next_eoi_state(&mut self.cache, state).expect("small enough for the cache").is_match()
    }
}

/// The whole area as one regex over absolute paths.
fn regex(spec: &Spec, fold: bool) -> String {
    let path = literal(if spec.path == "/" { "" } else { &spec.path });
    let tail = match &spec.kind {
        Kind::File if spec.path == "/" => "/".to_owned(),
        Kind::Directory if spec.path == "/" => "/.*".to_owned(),
        Kind::File => String::new(),
        Kind::Directory => "(?:/.*)?".to_owned(),
        Kind::Pattern(glob) => {
            let regex = globset(glob.text(), fold).expect("accepted before").regex().to_owned();
            let inner = regex.strip_prefix(if fold { "(?-u)(?i)^" } else { "(?-u)^" });
            let inner = inner.and_then(|inner| inner.strip_suffix('$')).expect("globset anchors its regexes");
            format!("/(?:{inner})")
        }
    };
    format!("(?s-u){}^{path}{tail}$", if fold { "(?i)" } else { "" })
}

fn literal(path: &str) -> String {
    path.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// Is a path in an area? By globset's own matcher, and by path components.
pub(super) fn contains(spec: &Spec, path: &str, fold: bool) -> bool {
    use std::path::Path;
    let (own, path) = (Path::new(&spec.path), Path::new(path));
    match &spec.kind {
        Kind::File => own == path,
        Kind::Directory => path.starts_with(own),
        Kind::Pattern(glob) => {
            let below = path.strip_prefix(own).ok().filter(|relative| !relative.as_os_str().is_empty());
            below.is_some_and(|relative| matcher(glob.text(), fold).is_match(relative))
        }
    }
}
