//! What a word comes to: a text, or a set of paths that only the file system knows.

/// One argument, as far as it is known. An argument that is not known is a `None` where one of these could stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Text(String),
    /// A pattern that the shell replaces by the paths it matches, its literal parts escaped with backslashes.
    Glob(String),
    /// One of the paths that a pattern matches: the variable of a loop.
    Each(String),
    /// The same in a branch, which only some of the paths may come to.
    Doubted(String),
    /// `{}` of `find FOLDER -name NAME`.
    Found {
        folder: String,
        /// An escaped pattern.
        name: String,
    },
}

/// Longer than a command is: what a loop may have piled up.
const LONGEST: usize = super::MOST_BYTES;

impl Field {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Field::Text(text) => Some(text),
            Field::Glob(_) | Field::Each(_) | Field::Doubted(_) | Field::Found { .. } => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Field::Text(text) | Field::Glob(text) | Field::Each(text) | Field::Doubted(text) => text.len(),
            Field::Found { folder, name } => folder.len() + name.len(),
        }
    }

    pub(super) fn push_literal(&mut self, literal: &str) -> Option<()> {
        match self {
            Field::Text(text) => text.push_str(literal),
            Field::Glob(pattern) => escape_into(pattern, literal),
            Field::Each(_) | Field::Doubted(_) | Field::Found { .. } => return None,
        }
        self.is_short()
    }

    /// Adds a part of a pattern, such as `*` or `[a-z]`.
    pub(super) fn push_wild(&mut self, wild: &str) -> Option<()> {
        let mut pattern = match std::mem::replace(self, Field::Text(String::new())) {
            Field::Text(text) => escape(&text),
            Field::Glob(pattern) => pattern,
            Field::Each(_) | Field::Doubted(_) | Field::Found { .. } => return None,
        };
        // Whether `**` goes deeper than `*` depends on the shell; `*` is what it means to all of them.
        if !(wild == "*" && pattern.ends_with('*') && !pattern.ends_with("\\*")) {
            pattern.push_str(wild);
        }
        *self = Field::Glob(pattern);
        self.is_short()
    }

    fn is_short(&self) -> Option<()> {
        (self.len() <= LONGEST).then_some(())
    }
}

/// The pattern that matches `text` and nothing else.
pub(super) fn escape(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    escape_into(&mut pattern, text);
    pattern
}

fn escape_into(pattern: &mut String, text: &str) {
    for character in text.chars() {
        if "*?[]{}\\".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
}

/// The text that `pattern` matches, where it matches only one.
pub(super) fn unescape(pattern: &str) -> Option<String> {
    let mut text = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?),
            '*' | '?' | '[' | '{' => return None,
            other => text.push(other),
        }
    }
    Some(text)
}
