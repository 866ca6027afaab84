//! How a text is laid out around a place, and how what is put there is.

/// The layout of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layout<'t> {
    /// All on one line, with or without spaces between.
    Inline { spaced: bool },
    /// Each entry on a line of its own.
    Lines { indent: &'t str, depth: usize, unit: &'t str, newline: &'t str },
}

impl<'t> Layout<'t> {
    /// Of what stands one level further in.
    pub(super) fn deeper(&self) -> Layout<'t> {
        match *self {
            Layout::Inline { spaced } => Layout::Inline { spaced },
            Layout::Lines { indent, depth, unit, newline } => Layout::Lines { indent, depth: depth + 1, unit, newline },
        }
    }

    /// What begins an entry after a comma.
    pub(super) fn gap(&self) -> String {
        match self {
            Layout::Inline { spaced: true } => " ".to_owned(),
            _ => self.start(),
        }
    }

    /// What begins an entry after a bracket.
    pub(super) fn start(&self) -> String {
        match self {
            Layout::Inline { .. } => String::new(),
            Layout::Lines { indent, depth, unit, newline } => format!("{newline}{indent}{}", unit.repeat(*depth)),
        }
    }

    /// What stands between a key and its value.
    pub(super) fn colon(&self) -> &'static str {
        if matches!(self, Layout::Inline { spaced: false }) { ":" } else { ": " }
    }
}

/// The habits of a whole text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits<'t> {
    text: &'t str,
    unit: &'t str,
    newline: &'t str,
}

impl<'t> Habits<'t> {
    /// Of a text.
    pub(super) fn of(text: &'t str) -> Habits<'t> {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let values = text.lines().filter(|line| line.trim_start().starts_with(['"', '{', '[']));
        let unit = values.map(indent_of).find(|indent| !indent.is_empty()).unwrap_or("  ");
        Habits { text, unit, newline }
    }

    /// The line end.
    pub(super) fn newline(&self) -> &'t str {
        self.newline
    }

    /// The indentation of the line on which a byte stands.
    pub(super) fn indent_at(&self, offset: usize) -> &'t str {
        indent_of(&self.text[self.line_start(offset)..])
    }

    /// Whether nothing but space stands before it on its line.
    pub(super) fn begins_line(&self, offset: usize) -> bool {
        self.text[self.line_start(offset)..offset].trim().is_empty()
    }

    /// The layout of lines as deep as this.
    pub(super) fn lines(&self, indent: &'t str) -> Layout<'t> {
        Layout::Lines { indent, depth: 0, unit: self.unit, newline: self.newline }
    }

    /// The layout of what stands on one line.
    pub(super) fn inline(&self) -> Layout<'t> {
        Layout::Inline { spaced: self.text.contains("\": ") }
    }

    fn line_start(&self, offset: usize) -> usize {
        self.text[..offset].rfind('\n').map_or(0, |newline| newline + 1)
    }
}

/// The space a line begins with.
fn indent_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
