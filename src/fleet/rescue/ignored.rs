//! Repositories in folders that git ignores: a look at the folders themselves, as git does not look into them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Unsaved;
use crate::fleet::git::{done, entries};
use crate::fleet::program::Program;

/// For a look at every file of a worktree.
const LOOKING: Duration = Duration::from_secs(120);

/// How the file begins by which a folder says that all in it can be made anew (bford.info/cachedir), as `target` has it.
const CACHE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// The folders of all that lie in what `git` ignores in a folder, but for what says that it is a cache.
///
/// # Errors
/// When git does not say what it ignores.
pub(super) fn repositories(git: &Program, folder: &Path) -> Result<Vec<PathBuf>, Unsaved> {
    let list = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"];
    let listed = done(git.clone().args(list).limit(LOOKING), "list what it ignores")?;
    let ignored = entries(&listed.out).filter_map(|path| path.strip_suffix(b"/"));
    let mut found = Vec::new();
    for path in ignored {
        walk(folder.join(OsStr::from_bytes(path)), &mut found);
    }
    // A folder is listed beside the one around it where all of that is ignored too.
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// What cannot be read cannot be deleted either, and is named then.
fn walk(top: PathBuf, found: &mut Vec<PathBuf>) {
    let mut folders = vec![top];
    while let Some(folder) = folders.pop() {
        if is_cache(&folder) {
            continue;
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
        let (own, inner): (Vec<PathBuf>, Vec<PathBuf>) = inner.partition(|path| path.ends_with(".git"));
        found.extend(own.iter().filter(|path| is_repository(path)).map(|_| folder.clone()));
        folders.extend(inner);
    }
}

fn is_cache(folder: &Path) -> bool {
    let tag = folder.join("CACHEDIR.TAG");
    fs::symlink_metadata(&tag).is_ok_and(|found| found.is_file())
        && fs::read(tag).is_ok_and(|tag| tag.starts_with(CACHE))
}

/// As git tells one.
fn is_repository(git_dir: &Path) -> bool {
    ["HEAD", "objects", "refs"].iter().all(|part| git_dir.join(part).exists())
}
