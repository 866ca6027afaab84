//! Why tmux did not do what it was asked.

use std::fmt;
use std::time::Duration;

use super::Version;
use crate::fleet::program::{Ran, Unrun};

/// Why tmux did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TmuxError {
    /// It is not installed.
    Missing,
    /// It cannot do what is needed; what it calls itself.
    TooOld(String),
    /// Its server does not run: nothing was started yet, or somebody killed it with all that ran there.
    NoServer,
    /// Its server did not answer for so long. It may yet do what it was asked: a stopped one finds it in its socket.
    Hung(Duration),
    /// No such session or pane; in tmux's words.
    Gone(String),
    /// There is a session of that name already; in tmux's words.
    Taken(String),
    /// Anything else; in tmux's words.
    Failed(String),
}

impl TmuxError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            TmuxError::Missing => "install tmux, or run agents headless",
            TmuxError::TooOld(_) => "install a newer tmux, or run agents headless",
            TmuxError::NoServer | TmuxError::Gone(_) | TmuxError::Taken(_) => "aio jobs",
            TmuxError::Hung(_) => {
                "look at its process (ps -eo pid,stat,args | grep tmux.sock): kill -CONT lets one go on that is stopped (T)"
            }
            TmuxError::Failed(_) => "aio doctor",
        }
    }

    /// What tmux complained of. Its messages have no other language.
    pub(super) fn said(ran: &Ran) -> TmuxError {
        let complaint = ran.complaint();
        let begins = |words: &[&str]| words.iter().any(|word| complaint.starts_with(word));
        // The last two are said when it goes while it is asked.
        if begins(&["no server running", "error connecting to", "server exited", "lost server"]) {
            TmuxError::NoServer
        } else if begins(&["can't find", "no such session", "session not found"]) {
            TmuxError::Gone(complaint)
        } else if begins(&["duplicate session"]) {
            TmuxError::Taken(complaint)
        } else {
            TmuxError::Failed(complaint)
        }
    }
}

impl From<Unrun> for TmuxError {
    fn from(unrun: Unrun) -> TmuxError {
        match unrun {
            Unrun::Missing(_) => TmuxError::Missing,
            Unrun::TimedOut(_, limit) => TmuxError::Hung(limit),
            unrun @ (Unrun::Stopped(_) | Unrun::Io(..)) => TmuxError::Failed(unrun.to_string()),
        }
    }
}

impl fmt::Display for TmuxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TmuxError::Missing => write!(f, "tmux is not installed"),
            TmuxError::TooOld(version) => write!(f, "this is {version}, and {} is needed", Version::OLDEST),
            TmuxError::NoServer => write!(f, "the tmux server does not run"),
            TmuxError::Hung(limit) => write!(f, "the tmux server did not answer within {limit:?}"),
            TmuxError::Gone(said) => write!(f, "not in tmux any more: {said}"),
            TmuxError::Taken(said) | TmuxError::Failed(said) => write!(f, "tmux: {said}"),
        }
    }
}

impl std::error::Error for TmuxError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(err: &str) -> TmuxError {
        TmuxError::said(&Ran { code: 1, out: Vec::new(), err: err.as_bytes().to_vec() })
    }

    #[test]
    fn complaints_are_told_apart() {
        let gone = ["no server running on /x", "error connecting to /x (No such file or directory)"];
        assert!(gone.iter().all(|text| said(text) == TmuxError::NoServer));
        assert_eq!(said("server exited unexpectedly\n"), TmuxError::NoServer);
        assert_eq!(said("can't find pane: %9\n"), TmuxError::Gone("can't find pane: %9".to_owned()));
        assert_eq!(said("duplicate session: a"), TmuxError::Taken("duplicate session: a".to_owned()));
        assert_eq!(said("no space for new pane"), TmuxError::Failed("no space for new pane".to_owned()));
    }
}
