//! Where the state lives: files in one directory, changed under one lock.
//!
//! The store knows nothing of claims or agents. It reads a text, lets a decision make another of it, and puts that in
//! its place so that at every moment, whatever dies, readers find the old text or the new one. Nothing here spawns a
//! process, and nothing is written without the lock.

pub mod archive;
pub mod calls;
pub mod file;
pub mod journal;
pub mod lock;
pub mod mount;
mod reading;
pub mod watch;

use std::io;
use std::path::{Path, PathBuf};

use crate::protocol::op::Refusal;

/// Why the store could not do what it was asked.
#[derive(Debug)]
pub enum StoreError {
    /// The lock was not had in time.
    Busy(lock::Busy),
    /// The state is there but is no state.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// The state was written by a newer version; it can be read, not changed.
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `schemaVersion`.
        version: u64,
    },
    /// The file system refused.
    Io {
        /// What was being done: `write`, `lock`.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Its answer.
        error: io::Error,
    },
    /// The state directory is not one we may use.
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The decision refused.
    Refused(Refusal),
}

impl StoreError {
    /// For `map_err`: the file system refused `action` on `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |error| StoreError::Io { action, path, error }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        StoreError::Refused(refusal)
    }
}
