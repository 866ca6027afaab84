//! Repositories inside a worktree: submodules, and what an agent cloned or began there. A commit of the worktree holds no more
//! of them than the number of a commit, so what they alone have would be lost with the folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Unsaved;
use super::content::{Entry, listed};
use super::site::Site;
use crate::fleet::git::{done, entries, git};
use crate::fleet::program::Program;

/// For a look at every file of one of them.
const LOOKING: Duration = Duration::from_secs(120);

const CHANGED: &str = "has changes that are not committed: commit and push them, or move it, first";
const UNPUSHED: &str = "has commits that no remote has: push them, or move it, first";
const BEGUN: &str = "was begun here and is nowhere else: move or remove it first";
const WORKTREE: &str = "is another worktree of the project: remove that first";
const UNREADABLE: &str = "cannot be read";

/// Looks into each. Clones that git ignores are what every ignored file is: nobody's work.
///
/// # Errors
/// When one of them has changes, or commits that no remote is known to have.
pub(super) fn refuse(site: &Site) -> Result<(), Unsaved> {
    if let Some(admin) = &site.admin {
        refuse_modules(&admin.join("modules"))?;
    }
    if !site.is_there {
        return Ok(());
    }
    // Even where they are ignored: agents keep worktrees of their own in folders that are.
    let is_inside = |path: &&PathBuf| path.starts_with(&site.worktree) && **path != site.worktree && path.exists();
    let worktrees: Vec<PathBuf> = site.repository.worktrees()?.into_iter().map(|listed| listed.path).collect();
    if let Some(inside) = worktrees.iter().find(is_inside) {
        return Err(Unsaved::Nested(inside.clone(), WORKTREE));
    }
    let listed = listed(site)?;
    let submodules = Entry::all(&listed).filter(Entry::is_submodule).map(|entry| entry.path.to_owned());
    submodules.chain(untracked(&site.git())?).try_for_each(|nested| refuse_one(&site.worktree.join(nested)))
}

/// Git lists a repository that it does not know as a folder.
fn untracked(git: &Program) -> Result<Vec<PathBuf>, Unsaved> {
    let list = ["ls-files", "--others", "--exclude-standard", "-z"];
    let ran = done(git.clone().args(list).limit(LOOKING), "list new files")?;
    let folders = entries(&ran.out).filter_map(|path| path.strip_suffix(b"/"));
    Ok(folders.map(|path| OsStr::from_bytes(path).into()).collect())
}

fn refuse_one(folder: &Path) -> Result<(), Unsaved> {
    // A submodule that is not checked out has nothing to lose here.
    if fs::symlink_metadata(folder.join(".git")).is_err() {
        return Ok(());
    }
    let asked = || git(folder).arg("--git-dir").arg(folder.join(".git")).arg("--work-tree").arg(folder);
    refuse_unpushed(folder, &asked())?;
    if !asked().args(["rev-parse", "--quiet", "--verify", "HEAD^{commit}"]).run()?.is_good() {
        return Err(Unsaved::Nested(folder.to_owned(), BEGUN));
    }
    let status = ["status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=none"];
    if !done(asked().args(status).limit(LOOKING), "look at a nested repository")?.out.is_empty() {
        return Err(Unsaved::Nested(folder.to_owned(), CHANGED));
    }
    let inner = done(asked().args(["ls-files", "--stage", "-t", "-z"]), "look at a nested repository")?;
    let mut inner = Entry::all(&inner.out).filter(Entry::is_submodule);
    inner.try_for_each(|entry| refuse_one(&folder.join(entry.path)))
}

/// Commits and stash entries that go with the repository.
fn refuse_unpushed(shown: &Path, asked: &Program) -> Result<(), Unsaved> {
    let refusal = |why| Err(Unsaved::Nested(shown.to_owned(), why));
    if !asked.clone().args(["rev-parse", "--git-dir"]).run()?.is_good() {
        return refusal(UNREADABLE);
    }
    let unpushed = ["rev-list", "--max-count=1", "--exclude=refs/tags/*", "--all", "--not", "--remotes", "--tags"];
    match done(asked.clone().args(unpushed), "look at a nested repository")?.out.is_empty() {
        true => Ok(()),
        false => refusal(UNPUSHED),
    }
}

/// The repositories of submodules, which git keeps for each worktree, and keeps when their folders are deleted.
fn refuse_modules(folder: &Path) -> Result<(), Unsaved> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for module in entries.map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if module.join("HEAD").exists() {
            refuse_unpushed(&module, &git(&module).arg("--git-dir").arg(&module).arg("--work-tree").arg(&module))?;
            refuse_modules(&module.join("modules"))?;
        } else {
            // One that is named like a path.
            refuse_modules(&module)?;
        }
    }
    Ok(())
}
