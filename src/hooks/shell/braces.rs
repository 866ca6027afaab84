//! Brace expansion: `{a,b}` and `{1..3}`.
//!
//! Braces are expanded before anything else and only where they stand unquoted. What does not look like either form
//! stays as it is; a range with padding or a step, and more alternatives than a command line holds, are not understood.

use super::expand::MOST_FIELDS;
use super::syntax::{Part, Word};

/// The longest word that is looked at.
const MOST_ATOMS: usize = 4096;
/// Characters that are gone over for one word.
const MOST_WORK: usize = 65_536;

/// A character that may be special, or a part that is not.
#[derive(Clone, Copy)]
enum Atom<'w> {
    Character(char),
    Part(&'w Part),
}

/// The words that `word` stands for, where it has braces that are expanded; none where they are not understood.
pub(super) fn alternatives(word: &Word) -> Option<Vec<Word>> {
    let has_braces = word.0.iter().any(|part| matches!(part, Part::Text(text) if text.contains('{')));
    if !has_braces {
        return None;
    }
    let atoms: Vec<Atom<'_>> = word.0.iter().flat_map(Atom::of).collect();
    if atoms.len() > MOST_ATOMS {
        return Some(Vec::new());
    }
    group(&atoms)?;
    Some(expand(atoms).unwrap_or_default())
}

/// Expands from the left, the way shells do, until no word has braces.
fn expand(atoms: Vec<Atom<'_>>) -> Option<Vec<Word>> {
    let mut done = Vec::new();
    let mut waiting = vec![atoms];
    let mut work = 0;
    while let Some(atoms) = waiting.pop() {
        let Some((open, close)) = group(&atoms) else {
            done.push(word(&atoms));
            continue;
        };
        for member in members(&atoms[open + 1..close])?.into_iter().rev() {
            waiting.push([&atoms[..open], &member, &atoms[close + 1..]].concat());
        }
        work += waiting.len() + atoms.len();
        if done.len() + waiting.len() > MOST_FIELDS || work > MOST_WORK {
            return None;
        }
    }
    Some(done)
}

/// The first pair of braces that means something.
fn group(atoms: &[Atom<'_>]) -> Option<(usize, usize)> {
    let mut opened: Vec<(usize, bool)> = Vec::new();
    let mut found: Option<(usize, usize)> = None;
    for (index, atom) in atoms.iter().enumerate() {
        match atom.character() {
            Some('{') => opened.push((index, false)),
            Some(',') => opened.last_mut().into_iter().for_each(|(_, lists)| *lists = true),
            Some('}') => {
                let Some((open, lists)) = opened.pop() else { continue };
                if lists || is_range(&atoms[open + 1..index]) {
                    found = Some(found.filter(|(first, _)| *first < open).unwrap_or((open, index)));
                }
            }
            _ => {}
        }
    }
    found
}

/// What stands between commas, or in a range.
fn members<'w>(inside: &[Atom<'w>]) -> Option<Vec<Vec<Atom<'w>>>> {
    if is_range(inside) {
        return range(inside);
    }
    let mut depth = 0_usize;
    let mut members = vec![Vec::new()];
    for &atom in inside {
        match atom.character() {
            Some(',') if depth == 0 => {
                members.push(Vec::new());
                continue;
            }
            Some('{') => depth += 1,
            Some('}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        members.last_mut()?.push(atom);
    }
    Some(members)
}

fn plain(atoms: &[Atom<'_>]) -> Option<String> {
    atoms.iter().map(Atom::character).collect()
}

fn is_range(inside: &[Atom<'_>]) -> bool {
    inside.len() < 64 && plain(inside).is_some_and(|text| text.contains("..") && !text.contains(['{', '}', ',']))
}

fn range<'w>(inside: &[Atom<'w>]) -> Option<Vec<Vec<Atom<'w>>>> {
    let text = plain(inside)?;
    let (from, to) = text.split_once("..")?;
    let bound = |text: &str| text.parse::<i32>().ok().filter(|number| number.to_string() == text);
    let (from, to) = (bound(from)?, bound(to)?);
    if from.abs_diff(to) as usize >= MOST_FIELDS {
        return None;
    }
    let spelled = |number: i32| number.to_string().chars().map(Atom::Character).collect();
    let upwards = (from.min(to)..=from.max(to)).map(spelled);
    Some(if from <= to { upwards.collect() } else { upwards.rev().collect() })
}

fn word(atoms: &[Atom<'_>]) -> Word {
    let mut word = Word::default();
    for atom in atoms {
        match atom {
            Atom::Character(character) => word.push_text(*character),
            Atom::Part(part) => word.0.push(part.copy()),
        }
    }
    word
}

impl<'w> Atom<'w> {
    fn of(part: &'w Part) -> Vec<Atom<'w>> {
        match part {
            Part::Text(text) => text.chars().map(Atom::Character).collect(),
            other => vec![Atom::Part(other)],
        }
    }

    fn character(&self) -> Option<char> {
        match self {
            Atom::Character(character) => Some(*character),
            Atom::Part(_) => None,
        }
    }
}

impl Part {
    /// The same part for another word. The commands in it are followed in the first.
    fn copy(&self) -> Part {
        match self {
            Part::Text(text) => Part::Text(text.clone()),
            Part::Quoted(text) => Part::Quoted(text.clone()),
            Part::Variable { name, quoted } => Part::Variable { name: name.clone(), quoted: *quoted },
            Part::Output { quoted, .. } | Part::Unknown { quoted } => Part::Unknown { quoted: *quoted },
            Part::Process(_) | Part::Arithmetic(_) => Part::Unknown { quoted: true },
        }
    }
}
