//! The fake agent's prompt in a terminal: raw, with bracketed paste, as strict as the strictest of the real ones.
//!
//! Enter that comes in one read with the end of a paste is taken for a part of what was pasted, as happens to whoever sends
//! both at once.

use std::io::Write;
use std::os::fd::AsFd;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::record::Record;
use crate::script::Script;

const START: &[u8] = b"\x1b[200~";
const END: &[u8] = b"\x1b[201~";
/// What is longer, or has several lines, is not shown as it is.
const SHOWN: usize = 200;

/// What came of the keys.
pub enum Event {
    /// This text.
    Entered(Vec<u8>),
    /// Ctrl-C or Ctrl-D.
    Interrupted,
    /// The terminal is gone.
    Closed,
}

pub struct Prompt {
    before: Termios,
    text: Vec<u8>,
    /// Read and not looked at yet; the rest of an unfinished sequence.
    unread: Vec<u8>,
    /// What is being pasted.
    paste: Option<Vec<u8>>,
    /// Whether a paste ended among what was last read.
    has_just_pasted: bool,
    pastes: u32,
    swallow_enters: u64,
    starts_late: bool,
    ignore_pastes: u64,
    drawn: &'static str,
    record: Record,
}

/// What the real ones show while they wait, in another order.
const CLAUDE: &str = "\r\n  ⏵⏵ accept edits on (shift+tab to cycle)\r\n❯ ";
const CODEX: &str = "\r\n  ? for shortcuts\r\n› ";

impl Prompt {
    pub fn open(script: &Script, tool: &str, record: &Record) -> Prompt {
        let before = tcgetattr(std::io::stdin().as_fd()).unwrap();
        let drawn = if tool == "codex" { CODEX } else { CLAUDE };
        if !script.late_pastes.is_zero() {
            make_raw(&before, script.keeps_typed);
            show(drawn.as_bytes());
            std::thread::sleep(script.late_pastes);
        }
        take_keys(&before, script.keeps_typed);
        Prompt {
            before,
            text: Vec::new(),
            unread: Vec::new(),
            paste: None,
            has_just_pasted: false,
            pastes: 0,
            swallow_enters: script.swallow_enters,
            starts_late: script.starts_late,
            ignore_pastes: script.ignore_pastes,
            drawn,
            record: record.clone(),
        }
    }

    pub fn draw(&self) {
        show(self.drawn.as_bytes());
    }

    /// As if it had been typed.
    pub fn write(&mut self, text: &str) {
        self.text.extend(text.as_bytes());
        show(text.as_bytes());
    }

    pub fn close(&mut self) {
        show(b"\x1b[?2004l\r\n");
        tcsetattr(std::io::stdin().as_fd(), OptionalActions::Drain, &self.before).unwrap();
    }

    pub fn next(&mut self) -> Event {
        loop {
            while let Some(byte) = self.take() {
                if let Some(event) = self.key(byte) {
                    return event;
                }
            }
            match read() {
                chunk if chunk.is_empty() => return Event::Closed,
                chunk => self.unread.extend(chunk),
            }
            self.has_just_pasted = false;
        }
    }

    /// The next byte outside of a paste; pastes on the way are taken in.
    fn take(&mut self) -> Option<u8> {
        loop {
            if let Some(mut paste) = self.paste.take() {
                let Some(end) = find(&self.unread, END) else {
                    // The end may have come in part.
                    let sure = self.unread.len().saturating_sub(END.len() - 1);
                    paste.extend(self.unread.drain(..sure));
                    self.paste = Some(paste);
                    return None;
                };
                paste.extend(&self.unread[..end]);
                self.unread.drain(..end + END.len());
                self.pasted(&paste);
            } else if self.unread.starts_with(START) {
                self.unread.drain(..START.len());
                self.paste = Some(Vec::new());
            } else if START.starts_with(&self.unread) {
                return None;
            } else {
                return Some(self.unread.remove(0));
            }
        }
    }

    fn pasted(&mut self, paste: &[u8]) {
        self.has_just_pasted = true;
        if self.ignore_pastes > 0 {
            self.ignore_pastes -= 1;
            return;
        }
        self.pastes += 1;
        self.text.extend(paste);
        self.record.note("input", &self.text);
        let lines = paste.iter().filter(|byte| **byte == b'\n').count();
        if lines == 0 && paste.len() <= SHOWN {
            show(paste);
        } else {
            show(format!("[Pasted text #{} +{lines} lines]", self.pastes).as_bytes());
        }
    }

    /// As Gemini CLI does: it goes on when it is continued, not before.
    fn suspend(&mut self) {
        let mut continued = signal_hook::iterator::Signals::new([signal_hook::consts::SIGCONT]).unwrap();
        self.close();
        self.record.moment("suspended");
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP).unwrap();
        continued.forever().next();
        self.record.moment("continued");
        take_keys(&self.before, false);
        self.draw();
        show(&self.text);
    }

    fn key(&mut self, byte: u8) -> Option<Event> {
        match byte {
            b'\r' if self.has_just_pasted => self.text.push(b'\n'),
            b'\r' if self.swallow_enters > 0 => {
                self.swallow_enters -= 1;
                if self.starts_late {
                    // At the top, and what is below it is drawn anew.
                    show(b"\x1b[2J\x1b[H* Executing hook: start (esc to interrupt)\r\n");
                    std::thread::sleep(std::time::Duration::from_millis(500));
                    show(b"\x1b[2J\x1b[H");
                    self.draw();
                    show(String::from_utf8_lossy(&self.text).replace('\n', "\r\n").as_bytes());
                }
            }
            b'\r' if !self.text.is_empty() => return Some(Event::Entered(std::mem::take(&mut self.text))),
            b'\r' | 0x1b => {}
            0x03 | 0x04 => return Some(Event::Interrupted),
            0x1a => self.suspend(),
            0x7f => self.text.truncate(self.text.len().saturating_sub(1)),
            _ => {
                self.text.push(byte);
                show(&[byte]);
            }
        }
        None
    }
}

fn take_keys(before: &Termios, keeps_typed: bool) {
    make_raw(before, keeps_typed);
    show(b"\x1b[?2004h");
}

/// What was typed before is dropped, unless it is to be kept.
fn make_raw(before: &Termios, keeps_typed: bool) {
    let mut raw = before.clone();
    raw.make_raw();
    let actions = if keeps_typed { OptionalActions::Drain } else { OptionalActions::Flush };
    tcsetattr(std::io::stdin().as_fd(), actions, &raw).unwrap();
}

/// What one read gives, with no buffer between that would join two; nothing when the terminal is gone.
pub fn read() -> Vec<u8> {
    let mut chunk = [0; 4096];
    let count = rustix::io::read(std::io::stdin(), &mut chunk).unwrap_or_default();
    chunk[..count].to_vec()
}

pub fn show(bytes: &[u8]) {
    let mut out = std::io::stdout();
    out.write_all(bytes).unwrap();
    out.flush().unwrap();
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
