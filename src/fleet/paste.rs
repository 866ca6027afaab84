//! A text's way into a pane: as one paste, then Enter.
//!
//! Guarantees: what arrives is the text, each byte once and in order, without the control bytes that are named in the
//! result; never key by key, never a second time; no buffer stays in tmux. Where it cannot be known whether it arrived,
//! that is said, and it is not tried again, since that might double it. Does not: know whether the agent took it, which
//! only its hook can tell; what its screen shows is a hint.

mod proof;
mod sanitise;
mod terminal;

pub use proof::{is_exact, proof};
pub use sanitise::{Sanitised, left_out, sanitise};

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tmux::{Pane, Seen, Tmux, TmuxError};
use terminal::Terminal;

/// So much of a text's first line is looked for on a screen; a prompt box is seldom narrower.
const BEGINNING: usize = 40;
/// A prompt, with what stands below it, has so few lines.
const OF_A_PROMPT: usize = 8;

/// A text that was pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pasted {
    /// What the terminal would have taken for keys, and how much of it was left out.
    pub removed: Vec<(String, usize)>,
    /// Whether the program was seen to have read all of it before Enter was pressed.
    pub was_read: bool,
}

/// Why a text was not pasted, or not for certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpasted {
    /// Nothing of it reached the program. It may be tried again.
    Nothing(Unready),
    /// It was handed to tmux, and nobody knows whether it, or the Enter after it, arrived. It must not be tried again.
    Unknown(TmuxError),
}

/// Why nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unready {
    /// The text has nothing that can be pasted.
    Empty,
    /// The program in the pane has ended.
    Ended,
    /// Its program does not read keys, but lines, as before it has started properly: it would get the text in pieces.
    ReadsLines,
    /// tmux would not.
    Tmux(TmuxError),
}

/// Pastes a text and presses Enter.
///
/// # Errors
/// As [`put`]; where Enter was not pressed for certain, it is not known whether the text arrived.
pub fn paste(tmux: &Tmux, pane: &Pane, text: &str) -> Result<Pasted, Unpasted> {
    let pasted = put(tmux, pane, text)?;
    press_enter(tmux, pane).map_err(Unpasted::Unknown)?;
    Ok(pasted)
}

/// Pastes a text, and leaves it to the caller to press Enter.
///
/// Newlines are the text's own only where the program asked for bracketed paste, as agents do. A pane in which somebody
/// scrolls is put back at its end first.
///
/// # Errors
/// Those two, which ask for different things.
pub fn put(tmux: &Tmux, pane: &Pane, text: &str) -> Result<Pasted, Unpasted> {
    let Sanitised { text, removed } = sanitise(text);
    let terminal = ready(tmux, pane, &text).map_err(Unpasted::Nothing)?;
    hand_over(tmux, pane, &text)?;
    let was_read = terminal.settle();
    Ok(Pasted { removed, was_read })
}

/// Presses Enter. In a program that asks something this says yes: the caller knows that it asks nothing.
///
/// # Errors
/// When the pane is no more or tmux cannot be asked.
pub fn press_enter(tmux: &Tmux, pane: &Pane) -> Result<(), TmuxError> {
    tmux.must_be_there(pane)?;
    // Leaving the mode here again: a person may have begun to scroll since.
    tmux.call(["copy-mode", "-q", "-t", &pane.id, ";", "send-keys", "-t", &pane.id, "Enter"]).map(drop)
}

/// Whoever is there to take it.
fn ready(tmux: &Tmux, pane: &Pane, text: &str) -> Result<Terminal, Unready> {
    if text.is_empty() {
        return Err(Unready::Empty);
    }
    let Seen { has_ended, terminal, .. } = tmux.must_be_there(pane).map_err(Unready::Tmux)?;
    if has_ended {
        return Err(Unready::Ended);
    }
    let terminal = Terminal::open(&terminal);
    if terminal.reads_lines() { Err(Unready::ReadsLines) } else { Ok(terminal) }
}

/// In one call: tmux has the text and pastes it, or has nothing.
fn hand_over(tmux: &Tmux, pane: &Pane, text: &str) -> Result<(), Unpasted> {
    let buffer = buffer();
    let load = ["load-buffer", "-b", &buffer, "-", ";"];
    let leave = ["copy-mode", "-q", "-t", &pane.id, ";"];
    let paste = ["paste-buffer", "-p", "-r", "-d", "-b", &buffer, "-t", &pane.id];
    let program = tmux.program().args(load).args(leave).args(paste).input(text);
    let Err(error) = tmux.ask(program) else { return Ok(()) };
    if let TmuxError::Hung(_) = error {
        return Err(Unpasted::Unknown(error));
    }
    // It may have come before there was a buffer; and what is said about the paste matters more than what about this.
    tmux.call(["delete-buffer", "-b", &buffer]).map(drop).unwrap_or_default();
    Err(Unpasted::Nothing(Unready::Tmux(error)))
}

/// A name that no other paste has, of this process or another.
fn buffer() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("aio-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The same, of a screen that was looked at. Blanks do not count: a screen breaks lines where it likes.
pub fn is_shown(screen: &str, text: &str) -> bool {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let squeezed = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let beginning: String = squeezed(line).chars().take(BEGINNING).collect();
    !beginning.is_empty() && squeezed(screen).contains(&beginning) || is_held(screen)
}

/// Whether a prompt shows, instead of what is long, that it was pasted: then it was not taken yet, because agents show it whole
/// when they have taken it.
pub fn is_held(screen: &str) -> bool {
    // Claude Code and Gemini CLI say the one, in letters of their own, and Codex the other.
    const NOTES: [&str; 2] = ["[pasted text", "[pasted content"];
    let lines = screen.lines().rev().filter(|line| !line.trim().is_empty()).take(OF_A_PROMPT);
    lines.map(str::to_lowercase).any(|line| NOTES.iter().any(|note| line.contains(note)))
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unready::Empty => write!(f, "there is nothing to paste"),
            Unready::Ended => write!(f, "the program in the pane has ended"),
            Unready::ReadsLines => write!(f, "the program in the pane does not read keys yet"),
            Unready::Tmux(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Unpasted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unpasted::Nothing(why) => write!(f, "nothing was pasted: {why}"),
            Unpasted::Unknown(error) => write!(f, "it is not known whether the text arrived: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_shows_a_beginning_however_it_is_broken() {
        let text = "\n  Fix the parser so that it reads numbers as large as people write them\nand more";
        assert!(is_shown("> Fix the parser so that it rea\n  ds numbers as large as\n", text));
        assert!(!is_shown("> Fix the printer", text));
        for note in ["[Pasted text #1 +12 lines]", "[Pasted Text: 494 lines]", "[Pasted Content 21173 chars]"] {
            assert!(is_shown(&format!("> {note}\n\n  below"), text), "{note}");
            assert!(!is_held(&format!("> {note}{}", "\nwork".repeat(9))), "{note} is not in the prompt");
        }
        assert!(!is_shown("anything", " \n "));
    }

    #[test]
    fn no_two_buffers_are_called_the_same() {
        assert_ne!(buffer(), buffer());
    }
}
