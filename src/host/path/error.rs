//! What stops a walk along a path, and how that is told.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::protocol::spelling;

/// A path in a message is cut here: a path is refused for its length, not printed in full for it.
const SHOWN_CHARACTERS: usize = 200;

/// Why a path has no physical identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// The path as the caller gave it.
    pub typed: PathBuf,
    /// The physical path that stopped the walk; the root if it never began.
    pub at: PathBuf,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is an unset variable; a claim on the whole base was never what was meant.
    Empty,
    /// The kernel would take the path to end there.
    Nul,
    /// Neither the path nor its base is absolute.
    RelativeBase,
    /// `file/x`, `file/..` and `file/`, as the kernel has it.
    NotADirectory,
    /// A loop of symlinks, or more of them than the kernel follows.
    TooManyLinks,
    /// The last name of `at` could not be created.
    NameTooLong,
    /// The path is longer than the kernel takes, as it was typed or once it is absolute.
    PathTooLong,
    /// `at` may not be searched, so what lies below may be symlinks to anywhere. Guessing would give one file two
    /// identities, one for each caller's permissions; and who cannot search a directory cannot write in it either.
    Denied,
    /// The file system failed.
    Other(Errno),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason == Reason::Empty {
            return write!(f, "an empty path names nothing");
        }
        write!(f, "cannot resolve {}: ", shown(&self.typed))?;
        let at = shown(&self.at);
        match self.reason {
            Reason::Empty => Ok(()),
            Reason::Nul => write!(f, "it contains a NUL byte"),
            Reason::RelativeBase => write!(f, "it is relative, and so is its base"),
            Reason::NotADirectory => write!(f, "{at} is not a directory"),
            Reason::TooManyLinks => write!(f, "too many levels of symbolic links at {at}"),
            Reason::NameTooLong => write!(f, "a name is too long in {at}"),
            Reason::PathTooLong => write!(f, "the path is too long"),
            Reason::Denied => write!(f, "permission denied to search {at}"),
            Reason::Other(errno) => write!(f, "{at}: {errno}"),
        }
    }
}

impl std::error::Error for PathError {}

fn shown(path: &Path) -> String {
    let text = spelling::encode(path.as_os_str().as_bytes());
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
