//! Repositories in folders that git ignores: a look at the folders themselves, as git does not look into them. Each folder is read
//! once, and by the names in it alone told for a repository, as a bare one may have any name.

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

/// What every repository has.
const ESSENTIAL: [&str; 3] = ["HEAD", "objects", "refs"];
/// What git has in a repository and in none of its worktrees: no repository of anybody's is looked for there.
const PARTS: [&str; 7] = ["objects", "refs", "logs", "info", "hooks", "worktrees", "modules"];

/// Git's own folders, such as `.git`, of all that lie in what `git` ignores in a folder, but for what says that it is a cache.
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
        let (mut inner, mut seen) = (Vec::new(), 0);
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            seen += usize::from(ESSENTIAL.iter().any(|part| name == *part));
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                inner.push(name);
            }
        }
        if seen == ESSENTIAL.len() && is_repository(&folder) {
            // Of one called otherwise the worktrees may lie beside its own parts.
            inner.retain(|name| !folder.ends_with(".git") && !PARTS.iter().any(|part| name == *part));
            found.push(folder.clone());
        }
        folders.extend(inner.into_iter().map(|name| folder.join(name)));
    }
}

fn is_cache(folder: &Path) -> bool {
    let tag = folder.join("CACHEDIR.TAG");
    fs::symlink_metadata(&tag).is_ok_and(|found| found.is_file())
        && fs::read(tag).is_ok_and(|tag| tag.starts_with(CACHE))
}

/// As git tells one, by a HEAD that leads somewhere; what is called `.git` is nothing else, even where that is damaged.
fn is_repository(git_dir: &Path) -> bool {
    let head = git_dir.join("HEAD");
    let leads = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        text.starts_with("ref:") || text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_link = fs::symlink_metadata(&head).is_ok_and(|found| found.is_symlink());
    git_dir.ends_with(".git") || is_link || fs::read(&head).is_ok_and(leads)
}
