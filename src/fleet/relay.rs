//! A terminal of its own for an agent, between it and the one somebody sits at, so that a prompt can be pasted there.
//!
//! Guarantees: what is typed and what is drawn is passed on byte for byte, with the size of the terminal; the prompt is pasted once
//! or not at all, and which is told; the person's terminal is put back as it was, however this ends; an agent that stops itself
//! stops this process too. When the person's terminal is gone, this process gets SIGHUP, as whoever has a terminal does.
//! Does not: wait for the agent, or end it.

mod copying;
mod prompt;
mod pty;
mod settings;
mod typing;
mod wake;

use std::fmt;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::process::Pid;

pub use self::prompt::Fate;
pub use self::settings::TerminalSettings;

use self::copying::Copying;
use self::prompt::Prompt;
use self::pty::Pty;
use self::wake::{Wake, Waker};
use super::agents::Agent;
use super::paste::left_out;

/// A terminal for an agent that is yet to be started.
pub struct Relay {
    pty: Pty,
    prompt: Prompt,
    left_out: Vec<(String, usize)>,
    wake: Wake,
    waker: Waker,
}

/// An agent's terminal, at work until the agent has ended.
pub struct Relaying {
    fate: Arc<Mutex<Fate>>,
    left_out: Vec<(String, usize)>,
    is_over: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Opens a terminal like the one this process has. Into it these words are pasted, and sent if they are to be.
    ///
    /// # Errors
    /// When the system has no more.
    pub fn open(agent: &'static Agent, words: &str, is_sent: bool) -> io::Result<Relay> {
        let size = copying::size_here();
        let (wake, waker) = Wake::new()?;
        let (prompt, left_out) = Prompt::new(agent, words, is_sent, size);
        Ok(Relay { pty: Pty::open(size)?, prompt, left_out, wake, waker })
    }

    /// Has what is yet to be started lead a session there.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn attach(&self, command: &mut Command) -> io::Result<()> {
        self.pty.attach(command)
    }

    /// Takes the person's terminal over for the agent that was started there.
    pub fn begin(self, agent: u32) -> Relaying {
        let (fate, is_over) = (Arc::new(Mutex::new(Fate::Waiting)), Arc::new(AtomicBool::new(false)));
        let agent = i32::try_from(agent).ok().and_then(Pid::from_raw);
        let shared = (Arc::clone(&fate), Arc::clone(&is_over));
        let mut copying = Copying::new(self.pty.into_ours(), agent, self.prompt, self.wake, shared);
        let thread = std::thread::spawn(move || copying.until_the_end());
        Relaying { fate, left_out: self.left_out, is_over, waker: self.waker, thread: Some(thread) }
    }
}

impl Relaying {
    /// What became of the prompt so far.
    pub fn fate(&self) -> Fate {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What of the prompt a terminal would have taken for keys, and was left out; empty where nothing was.
    pub fn left_out(&self) -> String {
        left_out(&self.left_out)
    }

    /// What of the prompt did not come about, where that is so.
    pub fn shortfall(&self) -> Option<String> {
        match self.fate() {
            Fate::Written | Fate::Sent => None,
            Fate::Waiting => Some("the prompt was not written: the agent was not seen at its own prompt".to_owned()),
            Fate::Withheld(why) => Some(format!("the prompt was left to you: {why}")),
        }
    }

    /// Shows what the agent that has ended drew last, and puts the person's terminal back.
    pub fn end(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // It was told on stderr why it panicked; the terminal is put back either way.
            thread.join().unwrap_or_default();
        }
    }
}

impl Drop for Relaying {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

impl fmt::Debug for Relaying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relaying").field("fate", &self.fate()).finish_non_exhaustive()
    }
}
