//! Reading words: quotes and expansions.

use super::scanner::Scanner;
use super::syntax::{List, Part, Word};

/// What ends an unquoted word.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Ends {
    AtOperators,
    /// Inside `[[ … ]]`, where `<`, `(` and `|` are the test's own.
    AtBlanks,
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Scanner<'_> {
    /// The word that comes next; an empty one where none does.
    pub(super) fn word(&mut self, ends: Ends) -> Option<Word> {
        let mut word = Word::default();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' => break,
                b'<' | b'>' if self.peek_second() == Some(b'(') => word.0.push(self.process()?),
                b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' if ends == Ends::AtOperators => break,
                b'\\' => self.escape(&mut word)?,
                b'\'' => word.0.push(self.single_quoted()?),
                b'"' => self.double_quoted(&mut word)?,
                b'$' => self.dollar(&mut word, false)?,
                b'`' => word.0.push(self.backticks(false)?),
                _ => word.push_text(self.next_char()?),
            }
        }
        Some(word)
    }

    fn escape(&mut self, word: &mut Word) -> Option<()> {
        self.at += 1;
        match self.next_char() {
            Some('\n') => {}
            Some(other) => word.0.push(Part::Quoted(other.into())),
            None => word.0.push(Part::Quoted("\\".into())),
        }
        Some(())
    }

    fn single_quoted(&mut self) -> Option<Part> {
        self.at += 1;
        self.take_until('\'').map(|text| Part::Quoted(text.to_owned()))
    }

    fn double_quoted(&mut self, word: &mut Word) -> Option<()> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek()? {
                b'"' => break self.at += 1,
                b'\\' => {
                    self.at += 1;
                    match self.next_char()? {
                        '\n' => {}
                        special @ ('$' | '`' | '"' | '\\') => text.push(special),
                        other => text.extend(['\\', other]),
                    }
                }
                b'$' => {
                    word.0.push(Part::Quoted(std::mem::take(&mut text)));
                    self.dollar(word, true)?;
                }
                b'`' => {
                    word.0.push(Part::Quoted(std::mem::take(&mut text)));
                    word.0.push(self.backticks(true)?);
                }
                _ => text.push(self.next_char()?),
            }
        }
        word.0.push(Part::Quoted(text));
        Some(())
    }

    /// What a `$` begins.
    fn dollar(&mut self, word: &mut Word, quoted: bool) -> Option<()> {
        self.at += 1;
        let part = match self.peek() {
            Some(b'\'') if !quoted => self.ansi_quoted()?,
            Some(b'"') if !quoted => return self.double_quoted(word),
            Some(b'(') => self.dollar_bracket(quoted)?,
            Some(b'{') => self.nested(|scanner| scanner.parameter(quoted))?,
            Some(b'[') => return None,
            Some(byte) if byte.is_ascii_digit() || b"@*#?-$!".contains(&byte) => {
                self.at += 1;
                Part::Variable { name: char::from(byte).into(), quoted }
            }
            Some(byte) if is_name_byte(byte) => self.variable(quoted),
            _ => Part::Quoted("$".into()),
        };
        word.0.push(part);
        Some(())
    }

    /// zsh takes `$name[1]` and `$name:h` for more than `$name`, other shells do not.
    fn variable(&mut self, quoted: bool) -> Part {
        let name = self.take_while(is_name_byte).to_owned();
        match self.peek() {
            Some(b'[' | b':') => Part::Unknown { quoted },
            _ => Part::Variable { name, quoted },
        }
    }

    /// `$((…))`, or else `$(…)`.
    fn dollar_bracket(&mut self, quoted: bool) -> Option<Part> {
        if self.starts_with("((")
            && let Some(text) = self.arithmetic()
        {
            return Some(Part::Arithmetic(text));
        }
        self.at += 1;
        let list = self.enclosed(|scanner| scanner.list_until(")"))?;
        Some(Part::Output { list, quoted })
    }

    fn process(&mut self) -> Option<Part> {
        self.at += 2;
        self.enclosed(|scanner| scanner.list_until(")")).map(Part::Process)
    }

    /// The text between `((` and `))`; nothing, and no step, where it is something else.
    pub(super) fn arithmetic(&mut self) -> Option<String> {
        let text = self.rest().strip_prefix("((")?;
        let mut open = 0_usize;
        for (index, byte) in text.bytes().enumerate() {
            match byte {
                b'(' => open += 1,
                b')' if open > 0 => open -= 1,
                b')' if text[index..].starts_with("))") => {
                    self.at += 2 + index + 2;
                    return Some(text[..index].to_owned());
                }
                b')' => return None,
                _ => {}
            }
        }
        None
    }

    fn backticks(&mut self, quoted: bool) -> Option<Part> {
        self.at += 1;
        let mut inner = String::new();
        loop {
            match self.next_char()? {
                '`' => break,
                '\\' => match self.next_char()? {
                    special @ ('`' | '\\' | '$') => inner.push(special),
                    '"' if quoted => inner.push('"'),
                    other => inner.extend(['\\', other]),
                },
                other => inner.push(other),
            }
        }
        let depth = self.depth();
        let list = self.nested(|_| Scanner::new(&inner, depth + 1).program())?;
        Some(Part::Output { list, quoted })
    }

    /// `${…}`: a variable, or something that only a shell works out.
    fn parameter(&mut self, quoted: bool) -> Option<Part> {
        self.at += 1;
        let start = self.at;
        let name = self.take_while(is_name_byte);
        if self.take("}") && !name.is_empty() {
            return Some(Part::Variable { name: name.to_owned(), quoted });
        }
        // `${ command; }` runs it.
        self.at = start;
        if matches!(self.peek()?, b' ' | b'\t' | b'\n' | b'|') {
            return None;
        }
        let mut inside = Word::default();
        loop {
            match self.peek()? {
                b'}' => break self.at += 1,
                b'\\' => self.escape(&mut inside)?,
                // Whether it quotes depends on the operator and on the shell.
                b'\'' if quoted => return None,
                b'\'' => drop(self.single_quoted()?),
                b'"' => self.double_quoted(&mut inside)?,
                b'$' => self.dollar(&mut inside, quoted)?,
                b'`' => drop(self.backticks(quoted)?),
                _ => drop(self.next_char()?),
            }
        }
        Some(Part::Unknown { quoted })
    }

    /// `$'…'`, with the escapes that people write.
    fn ansi_quoted(&mut self) -> Option<Part> {
        self.at += 1;
        let mut text = String::new();
        let mut known = true;
        loop {
            match self.next_char()? {
                '\'' => break,
                '\\' => match self.next_char()? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    same @ ('\\' | '\'' | '"' | '?') => text.push(same),
                    _ => known = false,
                },
                other => text.push(other),
            }
        }
        Some(if known { Part::Quoted(text) } else { Part::Unknown { quoted: true } })
    }

    /// Commands up to `end`, stepping over it.
    fn list_until(&mut self, end: &str) -> Option<List> {
        let list = self.list()?;
        self.take(end).then_some(list)
    }
}

impl Word {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push_text(&mut self, character: char) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.push(character),
            _ => self.0.push(Part::Text(character.into())),
        }
    }
}
