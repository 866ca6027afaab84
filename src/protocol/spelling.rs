//! The reversible spelling of path bytes as text, and of words for a shell.
//!
//! Owns the escape that lets any path of the file system stand in the state, in JSON and in front of a person.
//! Guarantees that `decode(encode(bytes)) == bytes` for all bytes, and that a path of plain UTF-8 without a
//! backslash, which is nearly every path, is its own spelling and costs no allocation.
//! Does not escape newlines or control characters: they are valid UTF-8, JSON escapes them by itself, and a terminal
//! is the printer's business. Does not normalise Unicode or fold case.

use std::borrow::Cow;
use std::ffi::OsStr;

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The text for the bytes of a path: valid UTF-8 stays as it is, except that a backslash becomes `\\`; each byte
/// that is not part of valid UTF-8 becomes `\xHH` in lower-case hex.
pub fn encode(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) if !text.contains('\\') => Cow::Borrowed(text),
        _ => Cow::Owned(escape(bytes)),
    }
}

/// The bytes that `text` spells; the inverse of [`encode`].
///
/// Total, because states are also written by hand and by scripts that know no escape: a backslash followed neither
/// by a backslash nor by `x` and two hex digits (of either case) stands for itself.
pub fn decode(text: &str) -> Cow<'_, [u8]> {
    if text.contains('\\') { Cow::Owned(unescape(text.as_bytes())) } else { Cow::Borrowed(text.as_bytes()) }
}

/// A word as a person pastes it into a shell: in single quotes unless it is plain (POSIX.1-2024, Shell Command Language, 2.2.2;
/// zsh also expands an `=` at its beginning). What is not UTF-8 in it cannot be pasted, and is replaced.
pub fn shell_word(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=+,@".contains(c);
    match !word.is_empty() && !word.starts_with('=') && word.chars().all(is_plain) {
        true => word.into_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '\\' {
                text.push('\\');
            }
            text.push(character);
        }
        for &byte in chunk.invalid() {
            text.push_str("\\x");
            text.push(hex_digit(byte >> 4));
            text.push(hex_digit(byte & 0xf));
        }
    }
    text
}

fn unescape(mut rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((byte, length)) = first_byte(rest) {
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

/// The byte spelled at the beginning of `text`, and how much of `text` spells it.
fn first_byte(text: &[u8]) -> Option<(u8, usize)> {
    match *text {
        [] => None,
        [b'\\', b'\\', ..] => Some((b'\\', 2)),
        [b'\\', b'x', high, low, ..] => hex_byte(high, low).map_or(Some((b'\\', 1)), |byte| Some((byte, 4))),
        [byte, ..] => Some((byte, 1)),
    }
}

fn hex_digit(value: u8) -> char {
    char::from(HEX_DIGITS[usize::from(value)])
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(high)? * 16 + value(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed_both_ways() {
        for text in ["", "/", "src/main.rs", "naïve/日本語 \n\t\u{1b}[31m/🦀", "nul\0"] {
            assert!(matches!(encode(text.as_bytes()), Cow::Borrowed(same) if same == text));
            assert!(matches!(decode(text), Cow::Borrowed(same) if same == text.as_bytes()));
        }
    }

    #[test]
    fn a_shell_takes_a_word_as_it_was() {
        for word in ["/srv/a-b_c.d", "port:3000", "a=b", "--target", "user@host:a+b,c"] {
            assert_eq!(shell_word(word), word);
        }
        let strange = [
            "",
            "my folder",
            "it's",
            "'",
            "=aio",
            "~",
            "$(touch x)",
            "a\nb",
            r"a\b",
            "*",
            "#x",
            "!!",
            "é",
            "a;b",
            "{a,b}",
        ];
        for word in strange {
            let ran =
                std::process::Command::new("sh").args(["-c", &format!("printf %s {}", shell_word(word))]).output();
            assert_eq!(ran.expect("sh runs").stdout, word.as_bytes());
        }
    }

    #[test]
    fn each_escape_is_written_as_specified() {
        let cases: [(&[u8], &str); 8] = [
            (b"a\\b", r"a\\b"),
            (b"\\", r"\\"),
            (b"\\x41", r"\\x41"),
            (b"\xff", r"\xff"),
            (b"caf\xe9/\xc3\xa9", r"caf\xe9/é"),
            (b"cut \xe2\x82", r"cut \xe2\x82"),
            (b"surrogate \xed\xa0\x80", r"surrogate \xed\xa0\x80"),
            (b"\\\xff\\", r"\\\xff\\"),
        ];
        for (bytes, text) in cases {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text), bytes);
        }
    }

    #[test]
    fn a_backslash_that_escapes_nothing_stands_for_itself() {
        let cases: [(&str, &[u8]); 8] = [
            (r"a\b", b"a\\b"),
            (r"\", b"\\"),
            (r"\x", b"\\x"),
            (r"\xf", b"\\xf"),
            (r"\xfg", b"\\xfg"),
            (r"\xé", "\\xé".as_bytes()),
            (r"\n\\\y", b"\\n\\\\y"),
            (r"\xFF\x2f", b"\xff/"),
        ];
        for (text, bytes) in cases {
            assert_eq!(decode(text), bytes, "{text}");
        }
    }

    #[test]
    fn every_byte_string_survives_the_round_trip() {
        // Short strings over an alphabet of troublemakers: every escape meets every other one, cut off anywhere.
        const ALPHABET: &[u8] = b"\\\\xx0fF9a/\n\0\xff\xc3\xa9\xe2\x82\xac\xed\xa0\x80\xf0\x9f\xa6\x80";
        let cases = std::env::var("AIO_PROOF_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(50_000);
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..cases {
            let start = seed;
            let bytes: Vec<u8> = (0..xorshift(&mut seed) % 24)
                .map(|_| match xorshift(&mut seed) {
                    any if any % 8 == 0 => any.to_le_bytes()[3],
                    one => ALPHABET[(one >> 8) as usize % ALPHABET.len()],
                })
                .collect();
            assert_eq!(decode(&encode(&bytes)), bytes, "seed {start:#x}");
        }
    }

    fn xorshift(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }
}
