//! Reading assignments: `name=value`, `name+=value`, `name[index]=value`, `name=(…)`.

use super::scanner::Scanner;
use super::syntax::{Assignment, Part, Simple, Value, Word};
use super::words::{Ends, is_name_byte};

/// Commands whose arguments may be assignments, arrays among them.
const DECLARING: [&str; 5] = ["export", "declare", "typeset", "local", "readonly"];

impl Scanner<'_> {
    /// An assignment, if one begins here and may stand here.
    pub(super) fn assignment(&mut self, so_far: &Simple) -> Option<Option<Assignment>> {
        let may_stand = match so_far.words.first() {
            None => true,
            Some(command) => command.plain().is_some_and(|name| DECLARING.contains(&name)),
        };
        match self.assigned() {
            Some((length, name, is_plain)) if may_stand => {
                self.at += length;
                let value = self.value(is_plain)?;
                Some(Some(Assignment { name, value }))
            }
            _ => Some(None),
        }
    }

    /// How long the left side and its `=` are, the name, and whether it takes the value as it is.
    fn assigned(&self) -> Option<(usize, String, bool)> {
        let rest = self.rest();
        let name = rest.bytes().take_while(|byte| is_name_byte(*byte)).count();
        if name == 0 || rest.as_bytes()[0].is_ascii_digit() {
            return None;
        }
        let mut length = name + subscript(&rest[name..]);
        length += usize::from(rest[length..].starts_with('+'));
        rest[length..].starts_with('=').then(|| (length + 1, rest[..name].to_owned(), length == name))
    }

    fn value(&mut self, is_plain: bool) -> Option<Value> {
        if self.take("(") {
            return self.elements().map(Value::Other);
        }
        let word = self.word(Ends::AtOperators)?;
        Some(if is_plain { Value::Plain(word) } else { Value::Other(vec![word]) })
    }

    /// What stands in the brackets of an array.
    fn elements(&mut self) -> Option<Vec<Word>> {
        let mut words = Vec::new();
        loop {
            self.lines()?;
            if self.take(")") {
                return Some(words);
            }
            match self.word(Ends::AtOperators)? {
                word if word.is_empty() => return None,
                word => words.push(word),
            }
        }
    }
}

/// The length of `[…]` at the beginning, without blanks and quotes inside.
fn subscript(text: &str) -> usize {
    let inside =
        text.strip_prefix('[').map(|rest| rest.split([']', ' ', '\t', '\n', '"', '\'']).next().unwrap_or(rest));
    match inside {
        Some(inside) if text[1 + inside.len()..].starts_with(']') => inside.len() + 2,
        _ => 0,
    }
}

impl Word {
    /// Whether an unquoted `name=` begins it, with a `~` just behind: bash expands that, zsh does not.
    pub(super) fn assigns_home(&self) -> bool {
        let Some(Part::Text(text)) = self.0.first() else { return false };
        text.split_once('=').is_some_and(|(name, value)| value.starts_with('~') && name.bytes().all(is_name_byte))
    }
}
