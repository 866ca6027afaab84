//! What of a text can be pasted, and a name for what cannot.
//!
//! A terminal takes control bytes for keys: Escape stops an agent, Ctrl-C ends it, and what ends a bracketed paste early
//! has the rest typed. So all go but the tab and the line break, and the result says which.

/// The markers of a bracketed paste, after Escape and `[` or what stands for both.
const MARKERS: [(&str, &str); 2] = [("200~", "start of paste"), ("201~", "end of paste")];
const C0: [&str; 32] = [
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI", "DLE",
    "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
];

/// A text that can be pasted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sanitised {
    /// All that is left.
    pub text: String,
    /// What was removed, and how often: ASCII's names, `U+0085` above them, and the markers of a paste.
    pub removed: Vec<(String, usize)>,
}

/// `left out: 2 × CR, 1 × ESC`, or nothing.
pub fn left_out(removed: &[(String, usize)]) -> String {
    let removed: Vec<String> = removed.iter().map(|(what, count)| format!("{count} × {what}")).collect();
    if removed.is_empty() { String::new() } else { format!("left out: {}", removed.join(", ")) }
}

/// The text without what a terminal would take for keys.
pub fn sanitise(text: &str) -> Sanitised {
    let mut sanitised = Sanitised { text: String::with_capacity(text.len()), removed: Vec::new() };
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some((name, length)) = marker(rest) {
            sanitised.note(name);
            rest = &rest[length..];
            continue;
        }
        match control(next) {
            Some(name) => sanitised.note(&name),
            None => sanitised.text.push(next),
        }
        rest = &rest[next.len_utf8()..];
    }
    sanitised
}

impl Sanitised {
    fn note(&mut self, what: &str) {
        match self.removed.iter_mut().find(|(name, _)| name == what) {
            Some((_, count)) => *count += 1,
            None => self.removed.push((what.to_owned(), 1)),
        }
    }
}

/// The marker that a text begins with, and its length.
fn marker(text: &str) -> Option<(&'static str, usize)> {
    let inner = text.strip_prefix("\x1b[").or_else(|| text.strip_prefix('\u{9b}'))?;
    let (code, name) = MARKERS.into_iter().find(|(code, _)| inner.starts_with(code))?;
    Some((name, text.len() - inner.len() + code.len()))
}

/// The name of a control that must go.
fn control(character: char) -> Option<String> {
    match character {
        '\t' | '\n' => None,
        '\x7f' => Some("DEL".to_owned()),
        '\0'..='\x1f' => C0.get(character as usize).map(|name| (*name).to_owned()),
        '\u{80}'..='\u{9f}' => Some(format!("U+{:04X}", character as u32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, text: &str, removed: &[(&str, usize)]) {
        let removed = removed.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect();
        assert_eq!(sanitise(given), Sanitised { text: text.to_owned(), removed }, "{given:?}");
    }

    #[test]
    fn what_is_printed_stays_as_it_is() {
        for text in
            ["", " ", "a\tb\n\nc\n", "$(x) `y` #{z} ; ' \" \\", "é e\u{301} 👩‍👩‍👧 \u{a0}\u{2028}\u{202e}", "-t", "[201~"]
        {
            check(text, text, &[]);
        }
    }

    #[test]
    fn controls_go_and_are_named() {
        check("a\r\nb\r\n", "a\nb\n", &[("CR", 2)]);
        check("\x03\x1b[31mred\x1b[0m\0\x7f", "[31mred[0m", &[("ETX", 1), ("ESC", 2), ("NUL", 1), ("DEL", 1)]);
        check("a\u{85}b\u{9b}31m", "ab31m", &[("U+0085", 1), ("U+009B", 1)]);
    }

    #[test]
    fn markers_of_a_paste_go_whole() {
        check("a\x1b[201~rm\x1b[200~b", "armb", &[("end of paste", 1), ("start of paste", 1)]);
        check("a\u{9b}201~b", "ab", &[("end of paste", 1)]);
        check("\x1b[20\x1b[201~1~", "[201~", &[("ESC", 1), ("end of paste", 1)]);
    }

    #[test]
    fn no_control_is_left_of_any_character() {
        let all: String = (0..0x300).filter_map(char::from_u32).collect();
        let Sanitised { text, removed } = sanitise(&all);
        assert!(text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n')));
        let count = removed.iter().map(|(_, count)| count).sum::<usize>();
        assert_eq!(count, 30 + 1 + 32);
        assert_eq!(text.chars().count() + count, all.chars().count());
    }
}
