//! What comes from a person's terminal: text they type, or what the terminal itself answers and reports, which is none.

/// Whether text was typed that was not entered yet, as far as the keys tell.
#[derive(Debug, Default)]
pub(super) struct Typing {
    state: State,
    is_pasting: bool,
    has_text: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// After `ESC [`, what stands before the final byte.
    Sequence(Vec<u8>),
    /// After `ESC O`: one byte more.
    Single,
    /// An answer in words, up to BEL or `ESC \`; whether Escape was last.
    Words(bool),
}

/// No sequence that is looked at is longer.
const LONGEST: usize = 64;

impl Typing {
    /// Takes in what came.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.byte(*byte));
    }

    /// Whether text was typed since it was last entered or forgotten.
    pub(super) fn has_text(&self) -> bool {
        self.has_text
    }

    /// What was typed went elsewhere.
    pub(super) fn forget(&mut self) {
        self.has_text = false;
    }

    fn byte(&mut self, byte: u8) {
        self.state = match (std::mem::take(&mut self.state), byte) {
            (State::Ground | State::Single | State::Escape, 0x1b) => State::Escape,
            (State::Ground, byte) => {
                self.key(u32::from(byte));
                State::Ground
            }
            (State::Escape, b'[') => State::Sequence(Vec::new()),
            (State::Escape, b'O') => State::Single,
            (State::Escape, b']' | b'P' | b'_' | b'^' | b'X') => State::Words(false),
            // A key with Alt, or the last of what was begun.
            (State::Escape | State::Single, _) => State::Ground,
            (State::Sequence(parameters), b'@'..=b'~') => {
                self.sequence(&parameters, byte);
                State::Ground
            }
            (State::Sequence(mut parameters), byte) => {
                if parameters.len() < LONGEST {
                    parameters.push(byte);
                }
                State::Sequence(parameters)
            }
            (State::Words(_), 0x07) | (State::Words(true), b'\\') => State::Ground,
            (State::Words(_), byte) => State::Words(byte == 0x1b),
        };
    }

    fn key(&mut self, code: u32) {
        match code {
            13 | 10 if !self.is_pasting => self.has_text = false,
            0..32 | 127 => {}
            _ => self.has_text = true,
        }
    }

    /// A paste's beginning or end, or a key as newer terminals tell it: `CSI code ; modifiers : event u`.
    fn sequence(&mut self, parameters: &[u8], last: u8) {
        match (parameters, last) {
            (b"200", b'~') => self.is_pasting = true,
            (b"201", b'~') => self.is_pasting = false,
            ([b'0'..=b'9', ..], b'u') => {
                const SHIFT_AND_LOCKS: u32 = 1 | 64 | 128;
                const RELEASE: u32 = 3;
                let number = |parameter: usize, part: usize| -> Option<u32> {
                    let parameter = parameters.split(|byte| *byte == b';').nth(parameter)?;
                    std::str::from_utf8(parameter.split(|byte| *byte == b':').nth(part)?).ok()?.parse().ok()
                };
                let modifiers = number(1, 0).unwrap_or(1).saturating_sub(1);
                if modifiers & !SHIFT_AND_LOCKS == 0 && number(1, 1) != Some(RELEASE) {
                    self.key(number(0, 0).unwrap_or(0));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_text(bytes: &[u8]) -> bool {
        let (mut whole, mut pieces) = (Typing::default(), Typing::default());
        whole.take(bytes);
        bytes.chunks(1).for_each(|byte| pieces.take(byte));
        assert_eq!(whole.has_text(), pieces.has_text(), "{bytes:?}");
        whole.has_text()
    }

    #[test]
    fn what_a_person_types_is_text_until_they_enter_it() {
        for typed in
            [&b"a"[..], "é".as_bytes(), b"\x1b[200~two\nlines\n\x1b[201~", b"one\rtwo", b"\x1b[97u", b"\x1b[65;2u"]
        {
            assert!(has_text(typed), "{typed:?}");
        }
        for keys in [
            &b""[..],
            b"\r",
            b"yes\r",
            b"\x03",
            b"\x1b[A\x1bOB",
            b"\x1bx",
            b"\x1b[99;5u",
            b"\x1b[97;1:3u",
            b"a\x1b[13u",
            b"\x7f\t",
        ] {
            assert!(!has_text(keys), "{keys:?}");
        }
    }

    #[test]
    fn what_a_terminal_answers_is_not_text() {
        for answer in [
            &b"\x1b[?62;22;52c"[..],
            b"\x1b[24;80R",
            b"\x1b[?0u",
            b"\x1b[?2026;2$y",
            b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\",
            b"\x1b]10;rgb:cdcd/d6d6/f4f4\x07",
            b"\x1bP>|kitty(0.35)\x1b\\",
            b"\x1b_Gi=31;OK\x1b\\",
            b"\x1b[I\x1b[O",
            b"\x1b[<35;12;7M\x1b[<0;3;4m",
        ] {
            assert!(!has_text(answer), "{answer:?}");
            assert!(has_text(&[answer, b"x"].concat()), "{answer:?}");
        }
    }
}
