//! Repositories inside a worktree: submodules, and what an agent cloned or began there. A commit of the worktree holds no more
//! of them than the number of a commit, so what they alone have would be lost with the folder.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::content::{Entry, is_committed, listed};
use super::origin::{Origin, refs};
use super::site::Site;
use super::{Unsaved, ignored};
use crate::fleet::git::{done, entries, git, whole_path};
use crate::fleet::program::Program;
use crate::protocol::spelling::shell_word;

/// For a look at every file of one of them.
const LOOKING: Duration = Duration::from_secs(120);

const CHANGED: &str = "has changes that are not committed: commit and push them, or move it, first";
const HIDDEN: &str =
    "has changes in files that its index is told not to look at (h or S): commit and push them, or move it, first";
const UNPUSHED: &str = "has commits that no remote has: push them, or move it, first";
const UNKNOWN: &str =
    "has commits that no remote is known to have: push them, and fetch them into refs/remotes, or move it, first";
const BEGUN: &str = "was begun here and is nowhere else: move or remove it first";
const WORKTREE: &str = "is another worktree of the project: remove that first";
const UNREADABLE: &str = "cannot be read";

/// Looks into each. Of a clone that git ignores only the commits count: its files are what every ignored file is.
///
/// # Errors
/// When one of them has changes, or commits that no remote is known to have.
pub(super) fn refuse(site: &Site) -> Result<(), Unsaved> {
    if let Some(admin) = &site.admin {
        refuse_modules(&admin.join("modules"), &site.worktree)?;
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
    refuse_below(&site.git(), &site.worktree, &site.worktree)
}

/// All that are no project's ignored files, those inside others too.
pub(in crate::fleet) fn all(site: &Site) -> Result<Vec<PathBuf>, Unsaved> {
    let mut found = if site.is_there { below(&site.git(), &site.worktree)? } else { Vec::new() };
    let mut at = 0;
    while let Some(folder) = found.get(at) {
        found.extend(below(&git_in(folder), folder)?);
        at += 1;
    }
    Ok(found)
}

impl Unsaved {
    /// What shows, in a repository inside the worktree, what would be lost of it, or has it learn that it would not.
    pub fn nested_hint(&self) -> Option<String> {
        let (Unsaved::Nested(folder, _) | Unsaved::Tagged(folder, _)) = self else { return None };
        let git = format!("git -C {}", shell_word(folder));
        Some(match self {
            Unsaved::Nested(_, HIDDEN) => format!("{git} ls-files -v"),
            Unsaved::Nested(_, UNPUSHED | UNKNOWN) => format!("{git} log --oneline --all --not --remotes"),
            Unsaved::Tagged(_, remotes) => match remotes.lines().next() {
                Some(remote) => {
                    let refs = shell_word(format!("+refs/tags/*:refs/remotes/{remote}/tags/*"));
                    format!("{git} fetch {} {refs}", shell_word(remote))
                }
                None => format!("{git} log --oneline --tags --not --remotes"),
            },
            _ => format!("{git} status"),
        })
    }
}

/// Git in one of them, led nowhere else.
fn git_in(folder: &Path) -> Program {
    git(folder).arg("--git-dir").arg(folder.join(".git")).arg("--work-tree").arg(folder)
}

fn refuse_below(git: &Program, folder: &Path, top: &Path) -> Result<(), Unsaved> {
    below(git, folder)?.iter().try_for_each(|nested| refuse_one(nested, top))?;
    ignored::repositories(git, folder)?.iter().try_for_each(|git_dir| match git_dir.parent() {
        Some(nested) if git_dir.ends_with(".git") => refuse_history(nested, top),
        _ => refuse_alone(git_dir, top),
    })
}

/// Its submodules, and those that it does not know, which git lists as folders. One that is not checked out has nothing to lose
/// here, nor has one that a link leads to.
fn below(git: &Program, folder: &Path) -> Result<Vec<PathBuf>, Unsaved> {
    let listed = listed(git.clone())?;
    let submodules = Entry::all(&listed).filter(Entry::is_submodule).map(|entry| folder.join(entry.path));
    let list = ["ls-files", "--others", "--exclude-standard", "-z"];
    let ran = done(git.clone().args(list).limit(LOOKING), "list new files")?;
    let untracked = entries(&ran.out).filter_map(|path| path.strip_suffix(b"/"));
    let all = submodules.chain(untracked.map(|path| folder.join(OsStr::from_bytes(path))));
    let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    Ok(all.filter(|nested| !is_link(nested) && fs::symlink_metadata(nested.join(".git")).is_ok()).collect())
}

fn refuse_one(folder: &Path, top: &Path) -> Result<(), Unsaved> {
    refuse_history(folder, top)?;
    let asked = git_in(folder);
    if !asked.clone().args(["rev-parse", "--quiet", "--verify", "HEAD^{commit}"]).run()?.is_good() {
        return Err(Unsaved::Nested(folder.to_owned(), BEGUN));
    }
    refuse_changed(folder)?;
    refuse_below(&asked, folder, top)
}

fn refuse_changed(folder: &Path) -> Result<(), Unsaved> {
    if is_committed(git_in(folder), folder)? {
        return Ok(());
    }
    let shown = git_in(folder).args(["status", "--porcelain", "--ignore-submodules=none"]).limit(LOOKING);
    let is_hidden = done(shown, "look at a nested repository")?.out.is_empty();
    Err(Unsaved::Nested(folder.to_owned(), if is_hidden { HIDDEN } else { CHANGED }))
}

/// All that goes with the `.git` of a folder.
fn refuse_history(folder: &Path, top: &Path) -> Result<(), Unsaved> {
    refuse_unpushed(folder, &git_in(folder), top)?;
    let git_dir = folder.join(".git");
    refuse_linked(&git_dir)?;
    refuse_modules(&git_dir.join("modules"), top)
}

/// All that goes with a repository that is in no `.git`.
fn refuse_alone(git_dir: &Path, top: &Path) -> Result<(), Unsaved> {
    let asked = git(git_dir).arg("--git-dir").arg(git_dir).arg("--work-tree").arg(git_dir);
    refuse_unpushed(git_dir, &asked, top)?;
    refuse_linked(git_dir)?;
    refuse_modules(&git_dir.join("modules"), top)
}

/// Commits, tags and stash entries that go with the repository. Its own tags say nothing of a remote, but for those that came when
/// it was cloned.
fn refuse_unpushed(shown: &Path, asked: &Program, top: &Path) -> Result<(), Unsaved> {
    let shallow = asked.clone().args(["rev-parse", "--git-path", "shallow"]).run()?;
    if !shallow.is_good() {
        return Err(Unsaved::Nested(shown.to_owned(), UNREADABLE));
    }
    let shallow = shown.join(whole_path(shallow.out));
    let git_dir = shallow.parent().unwrap_or(shown);
    let origin = Origin::of(shown, asked, top)?;
    let cut = fs::read_to_string(&shallow).unwrap_or_default() + "\n" + &origin.known(asked, git_dir, top)?;
    let inside: Vec<String> = origin.inside().map(|name| format!("--exclude={name}/*")).collect();
    if is_unpushed(asked, &["--exclude=refs/tags/*", "--all"], &cut, &inside)? {
        return Err(Unsaved::Nested(shown.to_owned(), if origin.is_bare { UNKNOWN } else { UNPUSHED }));
    }
    let tags = refs(asked, git_dir, "refs/tags/")?;
    let own: Vec<&str> = tags.iter().filter(|tag| !tag.was_cloned).map(|tag| &*tag.name).collect();
    match !own.is_empty() && is_unpushed(asked, &own, &cut, &inside)? {
        true => Err(Unsaved::Tagged(shown.to_owned(), asked.clone().arg("remote").run()?.text())),
        false => Ok(()),
    }
}

/// Whether some of the commits are at no remote, as far as is known here. `cut` is where a remote's history was cut off when it
/// was fetched, as such commits are never one's own and may be on no branch there, and what else remotes have.
fn is_unpushed(asked: &Program, which: &[&str], cut: &str, inside: &[String]) -> Result<bool, Unsaved> {
    let cut: String = cut.lines().filter(|commit| !commit.is_empty()).map(|commit| format!("^{commit}\n")).collect();
    // Git goes on to list there what it has cleared away.
    let gone = (!cut.is_empty()).then_some("--ignore-missing");
    let list = asked.clone().args(["rev-list", "--max-count=1"]).args(gone).arg("--stdin").args(which);
    let listed = done(list.arg("--not").args(inside).arg("--remotes").input(cut), "look at a nested repository")?;
    Ok(!listed.out.is_empty())
}

/// Other worktrees of a repository that goes: what is staged there, or half merged, goes with it.
fn refuse_linked(git_dir: &Path) -> Result<(), Unsaved> {
    let admins = fs::read_dir(git_dir.join("worktrees")).into_iter().flatten().flatten().map(|entry| entry.path());
    let folder =
        |admin: PathBuf| Some(admin.join(whole_path(fs::read(admin.join("gitdir")).ok()?)).parent()?.to_owned());
    admins
        .filter_map(folder)
        .filter(|folder| folder.join(".git").exists())
        .try_for_each(|folder| refuse_changed(&folder))
}

/// The repositories of submodules, which git keeps for each worktree, and keeps when their folders are deleted.
fn refuse_modules(folder: &Path, top: &Path) -> Result<(), Unsaved> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for module in entries.map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if module.join("HEAD").exists() {
            refuse_alone(&module, top)?;
        } else {
            // One that is named like a path.
            refuse_modules(&module, top)?;
        }
    }
    Ok(())
}
