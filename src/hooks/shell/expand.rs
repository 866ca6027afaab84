//! From words to arguments: braces, `~`, variables and patterns, in the shell's order.
//!
//! An expansion that is not certain in every shell makes its word unknown, and so does one of many paths with something
//! else in the same word: which of the results exist cannot be said. The commands inside `$(…)` are followed
//! elsewhere; their output is unknown, except that of `pwd`.

use super::braces;
use super::field::Field;
use super::scope::Scope;
use super::syntax::{Body, List, Part, Word};

/// More arguments than a command gets from braces.
pub(super) const MOST_FIELDS: usize = 512;

/// The arguments that a word becomes; unknown ones, and words that become no known number of them, are one `None`.
pub(super) fn arguments(word: &Word, scope: &Scope) -> Vec<Option<Field>> {
    if word.assigns_home() {
        return vec![None];
    }
    match braces::alternatives(word) {
        None => vec![field(word, scope, Splitting::Argument)],
        Some(_) if !scope.has_braces => vec![None],
        Some(words) if words.is_empty() => vec![None],
        Some(words) => words.iter().map(|word| field(word, scope, Splitting::Argument)).collect(),
    }
}

/// The single path that a redirection goes to.
pub(super) fn target(word: &Word, scope: &Scope) -> Option<Field> {
    let is_certain = braces::alternatives(word).is_none() && !word.has_pattern();
    field(word, scope, Splitting::Argument).filter(|_| is_certain)
}

/// What an assignment puts into its variable.
pub(super) fn value(word: &Word, scope: &Scope) -> Option<Field> {
    field(word, scope, Splitting::Never)
}

#[derive(Clone, Copy, PartialEq)]
enum Splitting {
    /// Unquoted expansions are split and matched, in most shells.
    Argument,
    Never,
}

fn field(word: &Word, scope: &Scope, splitting: Splitting) -> Option<Field> {
    let mut field = Field::Text(String::new());
    for (index, part) in word.0.iter().enumerate() {
        match part {
            Part::Text(text) => {
                let rest = text.strip_prefix('~').filter(|_| index == 0);
                if let Some(rest) = rest {
                    let is_own = rest.starts_with('/') || rest.is_empty() && word.0.len() == 1;
                    field.push_literal(&home(scope).filter(|_| is_own)?)?;
                }
                let rest = rest.unwrap_or(text);
                if splitting == Splitting::Never { field.push_literal(rest)? } else { push_pattern(&mut field, rest)? }
            }
            Part::Quoted(text) => field.push_literal(text)?,
            Part::Variable { name, quoted } => {
                let value = scope.get(name)?;
                let stays_whole = *quoted || splitting == Splitting::Never || stays_whole(&value, scope);
                match value {
                    _ if !stays_whole => return None,
                    Field::Text(text) => field.push_literal(&text)?,
                    Field::Doubted(_) => return None,
                    set => return word.is_nothing_but(index).then_some(set),
                }
            }
            Part::Output { list, .. } if prints_folder(list) => field.push_literal(scope.cwd.as_deref()?)?,
            Part::Output { .. } | Part::Process(_) | Part::Arithmetic(_) | Part::Unknown { .. } => return None,
        }
    }
    Some(field)
}

fn home(scope: &Scope) -> Option<String> {
    scope.get("HOME")?.text().map(str::to_owned)
}

/// Whether an unquoted variable stays one argument in shells that split it and in those that do not.
fn stays_whole(value: &Field, scope: &Scope) -> bool {
    let is_plain = |text: &str| !text.contains([' ', '\t', '\n', '*', '?', '[', '\\']);
    !scope.knows("IFS") && value.text().is_none_or(is_plain)
}

/// Adds unquoted text, in which `*`, `?` and `[…]` match.
fn push_pattern(field: &mut Field, text: &str) -> Option<()> {
    let mut rest = text;
    while let Some(at) = rest.find(['*', '?', '[']) {
        field.push_literal(&rest[..at])?;
        rest = &rest[at..];
        let length = match rest.as_bytes()[0] {
            b'[' => set_length(rest)?,
            _ => 1,
        };
        match length {
            0 => field.push_literal("[")?,
            _ => field.push_wild(&rest[..length])?,
        }
        rest = &rest[length.max(1)..];
    }
    field.push_literal(rest)
}

/// The length of `[…]` at the beginning, 0 where it is not closed. Sets are named in no pattern of ours.
fn set_length(text: &str) -> Option<usize> {
    let negation = usize::from(text[1..].starts_with(['!', '^']));
    // A bracket in the first place stands for itself.
    let first = 1 + negation + usize::from(text[1 + negation..].starts_with(']'));
    let Some(end) = text[first..].find(']').map(|at| first + at) else { return Some(0) };
    let inside = &text[1..end];
    (inside.is_ascii() && !inside.contains(['[', '/', '\\'])).then_some(end + 1)
}

/// `pwd`, alone.
fn prints_folder(list: &List) -> bool {
    let [item] = &list.0[..] else { return false };
    let [command] = &item.chain.first.commands[..] else { return false };
    let Body::Simple(simple) = &command.body else { return false };
    let is_pwd = matches!(&simple.words[..], [word] if word.plain() == Some("pwd"));
    is_pwd && item.chain.rest.is_empty() && command.redirects.is_empty() && simple.assignments.is_empty()
}

impl Word {
    /// Whether the part stands alone, but for empty quotes.
    fn is_nothing_but(&self, at: usize) -> bool {
        let is_empty = |part: &Part| matches!(part, Part::Quoted(text) if text.is_empty());
        self.0.iter().enumerate().all(|(index, part)| index == at || is_empty(part))
    }

    fn has_pattern(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Text(text) if text.contains(['*', '?', '['])))
    }
}
