//! What is not committed within the submodules of a worktree, of which no comparison of its own commits shows anything.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::super::git::{Trouble, done, entries};
use super::status;

/// The submodules of a worktree in which something is not committed, seen from its top.
///
/// # Errors
/// When git cannot be asked there.
pub fn inside(worktree: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let ran = done(status(worktree), "look into its submodules")?;
    Ok(entries(&ran.out).filter_map(read).collect())
}

/// `1 XY S<c><m><u> mH mI mW hH hI path`: `m` is M where what is tracked in it changed, `u` is U where something is new.
fn read(entry: &[u8]) -> Option<PathBuf> {
    let mut words = entry.splitn(9, |byte| *byte == b' ');
    let is_ordinary = words.next()? == b"1";
    let is_changed = matches!(words.nth(1)?, [b'S', _, b'M', _] | [b'S', _, _, b'U']);
    let path = words.nth(5)?;
    (is_ordinary && is_changed).then(|| Path::new(OsStr::from_bytes(path)).to_owned())
}
