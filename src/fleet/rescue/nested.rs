//! Repositories inside a worktree: submodules, and what an agent cloned or began there. A commit of the worktree holds no more
//! of them than the number of a commit, so what they alone have would be lost with the folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Unsaved;
use super::content::{Entry, listed};
use super::site::Site;
use crate::fleet::git::{done, entries, git, whole_path};
use crate::fleet::program::Program;

/// # Errors
/// When one of them has changes, or commits that no remote is known to have.
pub(super) fn refuse(site: &Site) -> Result<(), Unsaved> {
    if !site.is_there {
        return Ok(());
    }
    let own = site.repository.common_dir()?;
    let listed = listed(site)?;
    let submodules = Entry::all(&listed).filter(Entry::is_submodule).map(|entry| entry.path.to_owned());
    for nested in submodules.chain(untracked(&site.git())?) {
        refuse_one(&site.worktree.join(nested), &own)?;
    }
    Ok(())
}

/// Git lists a repository that it does not know as a folder.
fn untracked(git: &Program) -> Result<Vec<PathBuf>, Unsaved> {
    let ran = done(git.clone().args(["ls-files", "--others", "--exclude-standard", "-z"]), "list new files")?;
    let folders = entries(&ran.out).filter_map(|path| path.strip_suffix(b"/"));
    Ok(folders.map(|path| OsStr::from_bytes(path).into()).collect())
}

fn refuse_one(folder: &Path, own: &Path) -> Result<(), Unsaved> {
    // A submodule that is not checked out has nothing to lose.
    if std::fs::symlink_metadata(folder.join(".git")).is_err() {
        return Ok(());
    }
    let refusal = |why| Err(Unsaved::Nested(folder.to_owned(), why));
    let asked = || git(folder).arg("--git-dir").arg(folder.join(".git")).arg("--work-tree").arg(folder);
    let Ok(common) = done(asked().args(["rev-parse", "--git-common-dir"]), "find it") else {
        return refusal("cannot be read");
    };
    if folder.join(whole_path(common.out)).canonicalize().is_ok_and(|common| common == own) {
        return refusal("is another worktree of the project: remove that first");
    }
    if !asked().args(["rev-parse", "--quiet", "--verify", "HEAD^{commit}"]).run()?.is_good() {
        return refusal("was begun here and is nowhere else: move or remove it first");
    }
    let status = ["status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=none"];
    if !done(asked().args(status), "look at a nested repository")?.out.is_empty() {
        return refusal("has changes that are not committed: commit and push them, or move it, first");
    }
    let unpushed =
        ["rev-list", "--max-count=1", "HEAD", "--exclude=refs/tags/*", "--all", "--not", "--remotes", "--tags"];
    if !done(asked().args(unpushed), "look at a nested repository")?.out.is_empty() {
        return refusal("has commits that no remote has: push them, or move it, first");
    }
    let inner = done(asked().args(["ls-files", "--stage", "-t", "-z"]), "look at a nested repository")?;
    let mut inner = Entry::all(&inner.out).filter(Entry::is_submodule);
    inner.try_for_each(|entry| refuse_one(&folder.join(entry.path), own))
}
