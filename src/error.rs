//! The one error type at the edge: what failed, why, and what to do next.

use serde_json::Value;

use crate::protocol::identity::Unidentified;
use crate::protocol::op::{Conflict, LostClaim, Refusal};
use crate::protocol::time;
use crate::store::StoreError;

/// How a command ends. The table in `spec/EXIT-CODES.md` is generated from the same list by hand and kept by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; available.
    Done,
    /// Somebody else holds it, or it is another's, or the wait timed out.
    Refused,
    /// Bad arguments, unknown or ambiguous id.
    Usage,
    /// Not registered, or the identity is ambiguous.
    NotRegistered,
    /// The state cannot be read or is newer; nothing was changed.
    State,
    /// The lock was not had in time.
    Busy,
    /// Disk full, permissions, no such project.
    Environment,
    /// `aio run` itself failed.
    Run,
    /// A child's own code, passed on.
    Child(u8),
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::NotRegistered => 3,
            Exit::State => 4,
            Exit::Busy => 5,
            Exit::Environment => 6,
            Exit::Run => 125,
            Exit::Child(code) => code,
        }
    }
}

/// Why a command was not done.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How the command ends.
    pub exit: Exit,
    /// A word for programs; stable.
    pub code: &'static str,
    /// First line on stdout, where the original printed one.
    pub answer: Option<String>,
    /// What failed, where, and why.
    pub message: String,
    /// The next commands to try, the best first.
    pub hints: Vec<String>,
    /// Whether the same command may succeed later.
    pub retryable: bool,
    /// Details for programs.
    pub data: Value,
}

impl Failure {
    /// A failure with nothing but its message.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            code,
            answer: None,
            message: message.into(),
            hints: Vec::new(),
            retryable: false,
            data: Value::Null,
        }
    }

    /// Bad arguments.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, "usage", message)
    }

    /// The machine would not.
    pub fn environment(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Environment, "environment", message)
    }

    /// In a line, with what to do.
    pub fn line(&self) -> String {
        let hint = self.hints.first().map_or_else(String::new, |hint| format!("; next: {hint}"));
        format!("{}{hint}", self.message)
    }

    /// Adds the next command to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }
}

impl From<Unidentified> for Failure {
    fn from(error: Unidentified) -> Failure {
        match error {
            Unidentified::NoSuch(id) => not_registered(&id).hint("aio status --all lists instances"),
            Unidentified::Unknown => not_registered(""),
            Unidentified::Ambiguous(candidates) => {
                let message = format!("this could be any of {}", candidates.join(" "));
                let mut failure = Failure::new(Exit::NotRegistered, "identity-ambiguous", message);
                failure.data = serde_json::json!({ "candidates": candidates });
                failure.hint("add --as with the one that is yours")
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Busy(busy) => {
                let holder = busy.holder.map_or_else(String::new, |holder| {
                    format!(", taken by process {} at {}", holder.pid, holder.since)
                });
                let waited = match u64::try_from(busy.waited.as_millis()).unwrap_or(u64::MAX) {
                    ms @ ..1000 => format!("{ms}ms"),
                    ms => time::span(ms),
                };
                let message = format!("busy: the lock {} was not had in {waited}{holder}", busy.path.display());
                let mut failure =
                    Failure::new(Exit::Busy, "busy", message).hint("try again, or raise lock_timeout in config.toml");
                failure.retryable = true;
                failure
            }
            StoreError::Unreadable { path, reason } => {
                let message = format!("{} cannot be read: {reason}; nothing was changed", path.display());
                Failure::new(Exit::State, "state-unreadable", message)
                    .hint("aio doctor --repair keeps a copy and rebuilds what it can")
            }
            StoreError::Newer { path, version } => {
                let message =
                    format!("{} has schemaVersion {version}, newer than this aio; nothing was changed", path.display());
                Failure::new(Exit::State, "state-newer", message).hint("install the newer aio; reading still works")
            }
            StoreError::Io { action, path, error } => {
                Failure::environment(format!("cannot {action} {}: {error}", path.display())).hint(remedy(&error))
            }
            StoreError::Directory { path, reason } => {
                Failure::environment(format!("{} cannot be used: {reason}", path.display()))
                    .hint("set AIO_DIR to a directory of your own")
            }
        }
    }
}

/// What a person can do about an answer of the file system.
pub fn remedy(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, then try again; nothing was changed",
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            "make the state directory writable from here (a sandbox may need it in its writable roots), or set AIO_DIR"
        }
        ErrorKind::NotADirectory => "set AIO_DIR to a directory",
        ErrorKind::Unsupported => "put AIO_DIR on a file system that supports locks",
        _ => "aio doctor",
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        match refusal {
            Refusal::NotRegistered(id) => not_registered(&id),
            Refusal::Held(conflicts) => held(&conflicts),
            Refusal::Deadlock(cycle) => {
                let message = format!("waiting would never end: {}", cycle.join(" waits for "));
                Failure::new(Exit::Refused, "deadlock", message)
                    .hint("aio release what the others wait for, then claim again")
            }
            Refusal::NotYours(conflict) => {
                let message = format!("not yours to release: {}", describe(&conflict));
                let mut failure = Failure::new(Exit::Refused, "not-yours", message)
                    .hint(format!("ask {} to release it, or work on something else", conflict.holder));
                failure.data = serde_json::json!({ "conflicts": [conflict] });
                failure
            }
            Refusal::Unknown { what, word } => {
                let list = match what {
                    "claim" => "aio status",
                    "job" => "aio jobs",
                    "project" => "aio projects",
                    _ => "aio context list",
                };
                Failure::new(Exit::Usage, "unknown", format!("no {what} {word:?}")).hint(list)
            }
            Refusal::Ambiguous { what, word, candidates } => {
                let message = format!("{word:?} names more than one {what}: {}", candidates.join(" "));
                Failure::new(Exit::Usage, "ambiguous", message).hint("use more of the id")
            }
            Refusal::Taken { what: "word", word } => {
                let message = format!("{word:?} is no name for a project: it means all of them, or an agent");
                Failure::new(Exit::Refused, "taken", message).hint("choose another --name, or leave it out")
            }
            Refusal::Taken { what, word } => {
                let list = if what == "project" { "aio projects" } else { "aio jobs" };
                Failure::new(Exit::Refused, "taken", format!("{word} is a {what}")).hint(list)
            }
            Refusal::Malformed(reason) => {
                let message = format!("a section of state.json cannot be read: {reason}; nothing was changed");
                Failure::new(Exit::State, "state-unreadable", message)
                    .hint("aio doctor --repair keeps a copy and rebuilds what it can")
            }
        }
    }
}

/// Nobody of that id takes part.
pub fn not_registered(id: &str) -> Failure {
    let message = match id {
        "" => "this session is not registered".to_owned(),
        id => format!("no instance {id} is registered"),
    };
    Failure::new(Exit::NotRegistered, "not-registered", message).hint("aio register <tool>")
}

/// A project must be there before anything can be done in it.
pub fn no_such_project(folder: &std::path::Path) -> Failure {
    Failure::environment(format!("no such project: {}", folder.display())).hint("create the folder, or name another")
}

/// A job's project was moved or deleted: what it did cannot be looked at without it.
pub fn project_is_gone(job: &str, folder: &std::path::Path) -> Failure {
    Failure::environment(format!("the project of {job} is gone: {}", folder.display()))
        .hint(format!("mv it back to {}", folder.display()))
}

fn held(conflicts: &[Conflict]) -> Failure {
    let first = conflicts.first();
    let holder = first.map_or("", |conflict| &conflict.holder);
    let all: Vec<String> = conflicts.iter().map(describe).collect();
    let mut failure =
        Failure::new(Exit::Refused, "held", all.join("; ")).hint("work on something else, or claim again with --wait");
    failure.answer = Some(format!("Already claimed by: {holder}"));
    failure.retryable = true;
    failure.data = serde_json::json!({ "conflicts": conflicts });
    failure
}

/// Who holds what, doing what, since when, and whether they are still there.
pub fn describe(conflict: &Conflict) -> String {
    let verb = if conflict.waiting { "is awaited first by" } else { "is held by" };
    let task = conflict.task.as_ref().map_or_else(String::new, |task| format!(", working on {task:?}"));
    let reason = if conflict.reason.is_empty() { String::new() } else { format!(" for {:?}", conflict.reason) };
    let until = if conflict.expires_at.is_empty() { String::new() } else { format!(" until {}", conflict.expires_at) };
    format!(
        "{} {} in {} {verb} {}{reason}{task}, since {}{until}, last seen {} ago",
        conflict.kind,
        conflict.target,
        conflict.project,
        conflict.holder,
        conflict.since,
        time::span(conflict.last_seen_ms),
    )
}

/// What a holder is told of a claim that was taken from it.
pub fn lost_line(lost: &LostClaim) -> String {
    let next = match &*lost.to {
        "" => "nobody held it since".to_owned(),
        to => format!("{to} held it since: read it again before you edit"),
    };
    format!("you lost the {} {} in {} at {} ({}); {next}", lost.kind, lost.target, lost.project, lost.at, lost.reason)
}
