//! Submodules whose new commit nobody else can get: a merge that names one breaks its target for everybody.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::git::entries;
use super::git::{answer, branch_ref, common, git};
use super::trouble::Trouble;

/// Patience with a remote that is asked what it has.
const LIMIT: Duration = Duration::from_secs(10);
/// What git's mode of a submodule is.
const GITLINK: &str = "160000";

/// A submodule whose commit is not known to be at a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpublished {
    /// Where, seen from the top of the worktree.
    pub path: PathBuf,
    /// Its new commit.
    pub commit: String,
    /// The commit is there, and at no remote; else it cannot be known, because the submodule is not checked out.
    pub is_only_here: bool,
}

struct Change {
    path: PathBuf,
    old: String,
    new: String,
}

/// The submodules that a branch brings to what `base` is, without those whose commit is at a remote.
///
/// # Errors
/// When git cannot be asked.
pub fn unpublished(repository: &Path, worktree: &Path, base: &str, branch: &str) -> Result<Vec<Unpublished>, Trouble> {
    let mut found = Vec::new();
    for Change { path, old, new } in changes(repository, base, &branch_ref(branch))? {
        let folder = worktree.join(&path);
        let is_there =
            folder.join(".git").exists() && says_yes(&folder, &["cat-file", "-e", &format!("{new}^{{commit}}")])?;
        if !is_there || !is_published(&folder, &old, &new)? {
            found.push(Unpublished { path, commit: new, is_only_here: is_there });
        }
    }
    Ok(found)
}

/// `:old mode SP new mode SP old SP new SP letter NUL path NUL`
fn changes(repository: &Path, base: &str, branch: &str) -> Result<Vec<Change>, Trouble> {
    let since = common(repository, base, branch)?.unwrap_or_else(|| base.to_owned());
    let how = ["diff", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--ignore-submodules=none"];
    let args = how.into_iter().chain([since.as_str(), branch, "--"]);
    let ran = answer(git(repository, args), "list changed submodules", repository)?;
    let mut words = entries(&ran.out);
    let mut found = Vec::new();
    while let (Some(what), Some(path)) = (words.next(), words.next()) {
        let what = String::from_utf8_lossy(what).into_owned();
        let parts: Vec<&str> = what.split(' ').collect();
        if let [_, GITLINK, old, new, _] = parts[..] {
            let path = Path::new(OsStr::from_bytes(path)).to_owned();
            found.push(Change { path, old: old.to_owned(), new: new.to_owned() });
        }
    }
    Ok(found)
}

/// By what is known here of its remotes; asked is one only where that does not answer.
fn is_published(folder: &Path, old: &str, new: &str) -> Result<bool, Trouble> {
    let known = ["for-each-ref", "--count=1", "--contains", new, "refs/remotes"];
    if !answer(git(folder, known), "see what its remotes have", folder)?.out.is_empty() {
        return Ok(true);
    }
    // What the target has already, or an older one.
    if says_yes(folder, &["merge-base", "--is-ancestor", new, old])? {
        return Ok(true);
    }
    let asked = git(folder, ["ls-remote", "--quiet", "origin"]).limit(LIMIT).run();
    Ok(asked.is_ok_and(|ran| ran.is_good() && ran.text().lines().any(|line| line.starts_with(new))))
}

fn says_yes(folder: &Path, args: &[&str]) -> Result<bool, Trouble> {
    Ok(git(folder, args.iter().copied()).run()?.is_good())
}
