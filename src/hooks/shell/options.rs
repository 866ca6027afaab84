//! Telling a program's options from its operands.
//!
//! A program is described by one text: its options, separated by blanks, short ones by their letter, long ones by their
//! name; `x:` takes a value, `x?` may have one attached. An option that is not listed makes the call one that is not
//! understood, for nobody knows what it does or whether the next word belongs to it.

use super::field::Field;

/// An argument, where it is known.
pub(super) type Argument = Option<Field>;

#[derive(Debug, Default)]
pub(super) struct Options<'s> {
    given: Vec<(&'s str, Option<Argument>)>,
    pub(super) operands: Vec<Argument>,
}

/// How an option takes its value.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Nothing,
    Next,
    Attached,
}

/// Options wherever they stand.
pub(super) fn read<'s>(args: &[Argument], spec: &'s str) -> Option<Options<'s>> {
    Reader { args, spec, options: Options::default() }.read(false).map(|(options, _)| options)
}

/// Options up to the first operand, and what begins there.
pub(super) fn read_leading<'s, 'a>(args: &'a [Argument], spec: &'s str) -> Option<(Options<'s>, &'a [Argument])> {
    Reader { args, spec, options: Options::default() }.read(true)
}

struct Reader<'s, 'a> {
    args: &'a [Argument],
    spec: &'s str,
    options: Options<'s>,
}

impl<'s, 'a> Reader<'s, 'a> {
    fn read(mut self, stops_at_operand: bool) -> Option<(Options<'s>, &'a [Argument])> {
        while let Some((argument, rest)) = self.args.split_first() {
            match argument.as_ref().and_then(Field::text) {
                Some("--") => {
                    self.args = rest;
                    break;
                }
                Some(text) if text.len() > 1 && text.starts_with('-') => {
                    self.args = rest;
                    match text.strip_prefix("--") {
                        Some(long) => self.long(long)?,
                        None => self.short(&text[1..])?,
                    }
                }
                _ if stops_at_operand => break,
                _ => {
                    self.args = rest;
                    self.options.operands.push(argument.clone());
                }
            }
        }
        if !stops_at_operand {
            self.options.operands.extend_from_slice(self.args);
        }
        Some((self.options, self.args))
    }

    fn long(&mut self, text: &str) -> Option<()> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let (name, takes) = self.find(name).filter(|(name, _)| name.len() > 1)?;
        let value = match (takes, value) {
            (Takes::Nothing, Some(_)) => return None,
            (Takes::Nothing | Takes::Attached, None) => None,
            (_, Some(value)) => Some(Some(Field::Text(value.to_owned()))),
            (Takes::Next, None) => Some(self.next()?),
        };
        self.options.given.push((name, value));
        Some(())
    }

    /// Letters behind one dash, the last of which may take a value.
    fn short(&mut self, letters: &str) -> Option<()> {
        for (index, letter) in letters.char_indices() {
            let rest = &letters[index + letter.len_utf8()..];
            let (name, takes) = self.find(&letters[index..letters.len() - rest.len()])?;
            let value = match takes {
                Takes::Nothing => None,
                Takes::Next if rest.is_empty() => Some(self.next()?),
                Takes::Attached if rest.is_empty() => None,
                Takes::Next | Takes::Attached => Some(Some(Field::Text(rest.to_owned()))),
            };
            self.options.given.push((name, value));
            if takes != Takes::Nothing {
                break;
            }
        }
        Some(())
    }

    fn next(&mut self) -> Option<Argument> {
        let (next, rest) = self.args.split_first()?;
        self.args = rest;
        Some(next.clone())
    }

    fn find(&self, name: &str) -> Option<(&'s str, Takes)> {
        self.spec.split(' ').find_map(|word| {
            let (listed, takes) = match word.as_bytes().last()? {
                b':' => (&word[..word.len() - 1], Takes::Next),
                b'?' => (&word[..word.len() - 1], Takes::Attached),
                _ => (word, Takes::Nothing),
            };
            (listed == name).then_some((listed, takes))
        })
    }
}

impl Options<'_> {
    /// Whether one of these was given.
    pub(super) fn has(&self, names: &str) -> bool {
        self.given.iter().any(|(given, _)| names.split(' ').any(|name| name == *given))
    }

    /// The last value given to one of these.
    pub(super) fn value(&self, names: &str) -> Option<&Argument> {
        let mut given = self.given.iter().rev();
        let (_, value) = given.find(|(given, _)| names.split(' ').any(|name| name == *given))?;
        value.as_ref()
    }
}
