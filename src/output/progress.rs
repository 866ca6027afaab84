//! How far long work has come, on stderr: bars on a terminal, elsewhere a line for each change. With `--json` nothing.

use std::io::{self, IsTerminal, Write};

use super::{Output, printable, say};

/// How wide a bar is, in columns.
const BAR: usize = 12;
/// A terminal that does not say how large it is has at least this many lines and columns.
const SIZE: (usize, usize) = (24, 80);

/// One thing that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub name: String,
    /// Where it is, in a word.
    pub at: String,
    /// How many steps that is from the beginning.
    pub done: usize,
    /// And to the end.
    pub of: usize,
}

/// What was shown.
#[derive(Debug)]
pub struct Progress {
    how: How,
    steps: Vec<Step>,
    drawn: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Bars,
    Lines,
    Silent,
}

impl Progress {
    /// Nothing yet.
    pub fn new(output: Output) -> Progress {
        let how = match () {
            () if output.json => How::Silent,
            () if io::stderr().is_terminal() && output.can_move => How::Bars,
            () => How::Lines,
        };
        Progress { how, steps: Vec::new(), drawn: String::new() }
    }

    /// Shows how things stand, and all of them in a few words.
    pub fn show(&mut self, steps: &[Step], words: &str) {
        if self.how == How::Lines {
            for step in steps.iter().filter(|step| !self.steps.contains(step)) {
                // A closed stderr must not end what is under way.
                say(&format!("{}: {} ({words})", step.name, step.at)).unwrap_or_default();
            }
        }
        if self.how == How::Bars {
            let (lines, columns) = size();
            self.draw(picture(steps, words, lines, columns));
        }
        self.steps = steps.to_vec();
    }

    /// Takes the bars away: what came of it is told otherwise.
    pub fn clear(&mut self) {
        self.draw(String::new());
    }

    fn draw(&mut self, picture: String) {
        if picture == self.drawn {
            return;
        }
        let up = match self.drawn.lines().count() {
            0 => String::new(),
            lines => format!("\r\x1b[{lines}A\x1b[J"),
        };
        io::stderr().write_all(format!("{up}{picture}").as_bytes()).unwrap_or_default();
        self.drawn = picture;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A bar for each that fits, those that are at their end last, and a bar for all of them.
fn picture(steps: &[Step], words: &str, lines: usize, columns: usize) -> String {
    let mut shown: Vec<&Step> = steps.iter().collect();
    let room = lines.saturating_sub(2).max(1);
    if shown.len() > room {
        shown.sort_by_key(|step| step.done >= step.of);
        shown.truncate(room);
    }
    let names = steps.iter().map(|step| step.name.chars().count()).max().unwrap_or_default();
    let line = |name: &str, done: usize, of: usize, words: &str| {
        let text = format!("{name:<names$}  {}  {words}", bar(done, of));
        printable(&text).chars().take(columns.saturating_sub(1)).chain(['\n']).collect::<String>()
    };
    let done = steps.iter().map(|step| step.done).sum();
    let of = steps.iter().map(|step| step.of).sum();
    let each = shown.iter().map(|step| line(&step.name, step.done, step.of, &step.at));
    let all = (steps.len() > 1).then(|| line("", done, of, words));
    each.chain(all).collect()
}

fn bar(done: usize, of: usize) -> String {
    let full = (done * BAR).checked_div(of).unwrap_or_default().min(BAR);
    format!("[{}{}]", "=".repeat(full), " ".repeat(BAR - full))
}

/// Lines and columns of the terminal behind stderr.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (usize::from(size.ws_row), usize::from(size.ws_col)),
        _ => SIZE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, at: &str, done: usize) -> Step {
        Step { name: name.to_owned(), at: at.to_owned(), done, of: 4 }
    }

    #[test]
    fn each_has_a_bar_and_all_have_one() {
        let steps = [step("claude-1", "setup", 2), step("codex-22", "acknowledged", 4)];
        let expected = "claude-1  [======      ]  setup\ncodex-22  [============]  acknowledged\n          [=========   ]  1/2 acknowledged\n";
        assert_eq!(picture(&steps, "1/2 acknowledged", 24, 80), expected);
        assert_eq!(picture(&steps[..1], "0/1", 24, 80), "claude-1  [======      ]  setup\n");
        assert_eq!(picture(&[], "", 24, 80), "");
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_what_moves_is_kept() {
        let many: Vec<Step> = (0..30).map(|n| step(&format!("job-{n:02}"), "x", if n < 20 { 4 } else { 1 })).collect();
        let drawn = picture(&many, "20/30", 8, 20);
        assert_eq!(drawn.lines().count(), 7);
        assert!(drawn.starts_with("job-20  [==="), "{drawn}");
        assert!(drawn.lines().all(|line| line.len() < 20), "{drawn}");
        assert!(picture(&[step("a\u{1b}[2J", "x", 1)], "", 24, 80).starts_with("a\\u{1b}[2J"));
    }
}
