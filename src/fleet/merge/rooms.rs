//! Whose turn it is to merge in a repository, and the folders that are made to merge in.
//!
//! Guarantees that one merge of ours is under way in a repository at a time, whatever is under way in others, and that no folder
//! is swept that somebody merges in: only whoever has a repository's turn makes or sweeps folders of it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::git::{common_folder, git};
use super::trouble::Trouble;
use crate::fleet::program::Unrun;
use crate::host::mounts;
use crate::host::process::all_with_environment;

/// What the folders that are made begin with; then comes the repository's mark.
const MADE: &str = "merge-";
/// The variable by which a git at work in such a folder is known, should it outlive whoever started it.
pub(super) const ROOM: &str = "AIO_MERGE_ROOM";

/// Merging in one repository, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    scratch: PathBuf,
    /// That of the repository; empty for folders of versions that gave none.
    mark: String,
    _lock: File,
}

impl Turn {
    /// That of a repository, whose folders are made below `scratch`.
    ///
    /// # Errors
    /// When another merge has it.
    pub(super) fn take(repository: &Path, scratch: &Path) -> Result<Turn, Trouble> {
        let common = common_folder(repository)?;
        let physical = common.canonicalize().unwrap_or(common);
        let digest = Sha256::digest(physical.as_os_str().as_bytes());
        let mark = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        Turn::of(mark, scratch)
    }

    fn of(mark: String, scratch: &Path) -> Result<Turn, Trouble> {
        let name = if mark.is_empty() { "merge.lock".to_owned() } else { format!("merging-{mark}.lock") };
        let open = || {
            fs::create_dir_all(scratch)?;
            File::options().create(true).append(true).open(scratch.join(name))
        };
        let lock = open().map_err(|error| Trouble::Unrun(Unrun::Io("git".into(), error)))?;
        match lock.try_lock() {
            Ok(()) => Ok(Turn { scratch: scratch.to_owned(), mark, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Trouble::Busy),
            Err(TryLockError::Error(error)) => Err(Trouble::Unrun(Unrun::Io("git".into(), error))),
        }
    }

    /// Makes a folder.
    pub(super) fn room(&self) -> Result<TempDir, Trouble> {
        let made = tempfile::Builder::new().prefix(&format!("{MADE}{}-", self.mark)).tempdir_in(&self.scratch);
        made.map_err(|error| Trouble::Unrun(Unrun::Io("git".into(), error)))
    }

    /// Removes what a merge that was killed left behind, once nothing of it runs any more.
    fn sweep(&self) {
        let rooms = rooms(&self.scratch).filter(|path| mark_of(path) == self.mark);
        let processes = all_with_environment();
        let busy: Vec<OsString> =
            processes.iter().filter_map(|(_, environment)| Some(environment.get(ROOM)?.to_owned())).collect();
        let is_at_rest = |path: &PathBuf| !busy.iter().any(|room| room == path) && mounts::below(path).is_none();
        for path in rooms.filter(is_at_rest) {
            let worktree = path.join("worktree");
            // What cannot be removed stays, and is tried again next time.
            git(&worktree, ["worktree", "remove", "--force", "--force", "."]).run().map(drop).unwrap_or_default();
            fs::remove_dir_all(&path).unwrap_or_default();
        }
    }
}

/// Removes what merges that were killed left behind in any repository. Says what stays, and why.
pub fn sweep_rooms(scratch: &Path) -> Option<String> {
    let marks: BTreeSet<String> = rooms(scratch).map(|path| mark_of(&path)).collect();
    let mut stays = None;
    for mark in marks {
        match Turn::of(mark.clone(), scratch) {
            Ok(turn) => {
                turn.sweep();
                if rooms(scratch).any(|path| mark_of(&path) == mark) {
                    stays = Some(format!("a merge that was killed is not at its end in {}", scratch.display()));
                }
            }
            // One is under way, and takes its own away.
            Err(Trouble::Busy) => {}
            Err(trouble) => stays = Some(trouble.to_string()),
        }
    }
    stays
}

fn rooms(scratch: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(scratch).into_iter().flatten().flatten();
    let made = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(MADE.as_bytes()));
    made.map(|entry| entry.path()).filter(|path| path.is_dir())
}

fn mark_of(room: &Path) -> String {
    let name = room.file_name().unwrap_or_default().to_string_lossy();
    let rest = name.strip_prefix(MADE).unwrap_or_default();
    rest.rsplit_once('-').map_or_else(String::new, |(mark, _)| mark.to_owned())
}
