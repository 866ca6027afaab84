//! The only printer: answers on stdout, everything else on stderr, or one JSON object with `--json`.
//!
//! What others wrote (paths, tasks, messages) can carry escape sequences; every span is made harmless here, in one
//! place, and colour is added around it only for a terminal.

mod progress;

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::error::{Exit, Failure};

pub use progress::{Progress, Step};

/// What a command has to say when it was done.
#[derive(Clone, Debug)]
pub struct Report {
    /// How the command ends.
    pub exit: Exit,
    /// A word for programs; stable.
    pub code: &'static str,
    /// The answer.
    pub lines: Vec<Line>,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// The next commands to try, the best first, for programs; in words they stand in the notes.
    pub hints: Vec<String>,
    /// Details for programs.
    pub data: Value,
    /// The signal that this process is to end by as well, once all is said; 0 for none.
    pub signal: i32,
}

impl Report {
    /// A done command and its first line.
    pub fn done(code: &'static str, line: impl Into<Line>) -> Report {
        Report { lines: vec![line.into()], ..Report::silent(code) }
    }

    /// A done command with nothing to say.
    pub fn silent(code: &'static str) -> Report {
        let (lines, notes, hints, signal) = Default::default();
        Report { exit: Exit::Done, code, lines, notes, hints, data: Value::Null, signal }
    }

    /// Whether the same command may succeed later without anybody's doing anything else.
    pub fn is_retryable(&self) -> bool {
        self.exit == Exit::Refused && matches!(self.code, "conflicts" | "held" | "lost" | "not-merged" | "not-taken")
    }

    /// Adds details for programs.
    #[must_use]
    pub fn with(mut self, data: Value) -> Report {
        self.data = data;
        self
    }
}

/// How a span is shown on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As text.
    Plain,
    /// A heading.
    Strong,
    /// Of less weight.
    Faint,
    /// All is well.
    Good,
    /// Worth a look.
    Notice,
    /// Something is wrong.
    Bad,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Strong => "\x1b[1m",
            Style::Faint => "\x1b[2m",
            Style::Good => "\x1b[32m",
            Style::Notice => "\x1b[33m",
            Style::Bad => "\x1b[31m",
        }
    }
}

/// One line of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<(Style, String)>);

impl Line {
    /// A line of one style.
    pub fn of(style: Style, text: impl Into<String>) -> Line {
        Line(vec![(style, text.into())])
    }

    /// The line without its styles.
    pub fn plain(&self) -> String {
        self.0.iter().map(|(_, text)| printable(text)).collect()
    }

    fn coloured(&self) -> String {
        let span = |(style, text): &(Style, String)| match style {
            Style::Plain => printable(text).into_owned(),
            style => format!("{}{}\x1b[0m", style.code(), printable(text)),
        };
        self.0.iter().map(span).collect()
    }
}

impl<T: Into<String>> From<T> for Line {
    fn from(text: T) -> Line {
        Line::of(Style::Plain, text)
    }
}

/// How many there are of something.
pub fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Escapes what would move the cursor, colour the screen or turn the direction of reading.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|c| if is_harmful(c) { c.escape_default().to_string() } else { c.to_string() });
    Cow::Owned(escaped.collect())
}

/// One line on stderr, in one write: it stays whole among those of others.
///
/// # Errors
/// When it cannot be written.
pub fn say(message: &str) -> io::Result<()> {
    io::stderr().write_all(format!("aio: {}\n", printable(message)).as_bytes())
}

fn unless_nobody_reads(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// A message that quotes something huge, without its middle: it names the thing at its beginning and the reason at its end.
fn shortened(message: &str) -> Cow<'_, str> {
    const KEPT_CHARS: usize = 500;
    let length = message.chars().count();
    if length <= 2 * KEPT_CHARS {
        return Cow::Borrowed(message);
    }
    let start: String = message.chars().take(KEPT_CHARS).collect();
    let end: String = message.chars().skip(length - KEPT_CHARS).collect();
    Cow::Owned(format!("{start} … {end}"))
}

/// Where and how to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON object instead of text.
    pub json: bool,
    /// Colours on stdout.
    pub colour: bool,
    /// The terminal, if there is one, can have its cursor moved.
    pub can_move: bool,
}

impl Output {
    /// Prints how a command ended, and gives the exit code. A reader that went away is no failure; an answer that cannot be
    /// written is one, unless something was changed or refused, which the exit code tells all the same.
    pub fn finish(self, result: Result<Report, Failure>, changed: bool) -> u8 {
        let (exit, written) = match &result {
            Ok(report) => (report.exit, self.report(report)),
            Err(failure) => (failure.exit, self.failure(failure)),
        };
        let Err(error) = written.or_else(unless_nobody_reads) else { return exit.code() };
        // There may be no place left to say it.
        say(&format!("the answer cannot be written: {error}")).unwrap_or_default();
        if exit == Exit::Done && !changed { Exit::Environment.code() } else { exit.code() }
    }

    fn report(self, report: &Report) -> io::Result<()> {
        if self.json {
            let message = report.lines.first().map(Line::plain);
            return self.emit(&json!({
                "ok": report.exit.code() == 0, "code": report.code, "exit": report.exit.code(),
                "retryable": report.is_retryable(),
                "message": message, "notes": report.notes, "hints": report.hints, "data": report.data,
            }));
        }
        let written = self.lines(&report.lines);
        self.notes(&report.notes).unwrap_or_default();
        written
    }

    fn failure(self, failure: &Failure) -> io::Result<()> {
        let message = shortened(&failure.message);
        if self.json {
            return self.emit(&json!({
                "ok": false, "code": failure.code, "exit": failure.exit.code(), "retryable": failure.retryable,
                "message": message, "notes": [], "hints": failure.hints, "data": failure.data,
            }));
        }
        let written = self.lines(&failure.answer.iter().map(|line| line.clone().into()).collect::<Vec<_>>());
        let hint = failure.hints.first().map_or_else(String::new, |hint| format!("; next: {hint}"));
        say(&format!("{message}{hint}")).unwrap_or_default();
        written
    }

    /// Prints lines of an answer at once, for commands that go on.
    ///
    /// # Errors
    /// When nobody reads any more, or the disk behind stdout is full.
    pub fn lines(self, lines: &[Line]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let text: String =
            lines.iter().map(|line| if self.colour { line.coloured() } else { line.plain() } + "\n").collect();
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Prints a page, on a terminal in the place of the one before.
    ///
    /// # Errors
    /// As [`Output::lines`].
    pub fn page(self, lines: &[Line]) -> io::Result<()> {
        use std::io::IsTerminal;
        if io::stdout().is_terminal() {
            io::stdout().write_all(b"\x1b[H\x1b[2J")?;
        }
        self.lines(lines)
    }

    /// Prints one JSON value as a line of an answer.
    ///
    /// # Errors
    /// As [`Output::lines`].
    pub fn emit(self, value: &Value) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{value}")?;
        stdout.flush()
    }

    /// Prints what else there is to know.
    ///
    /// # Errors
    /// When stderr is closed.
    pub fn notes(self, notes: &[String]) -> io::Result<()> {
        notes.iter().try_for_each(|note| say(note))
    }

    /// Columns of the terminal; none when stdout is not one.
    pub fn width(self) -> Option<usize> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0).then_some(usize::from(size.ws_col))
    }
}
