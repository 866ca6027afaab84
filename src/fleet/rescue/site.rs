//! A worktree as the repository keeps it: its folder, and the directory below `worktrees/` that says what is checked out there.
//!
//! Git is told both outright, so that what an agent did to `.git` in its folder leads nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

use super::{FOLDER, Unsaved, Workplace, refuse_mounted};
use crate::fleet::git::{Repository, git, whole_path};
use crate::fleet::program::Program;

/// A job's worktree and branch, as they are found.
#[derive(Debug)]
pub(in crate::fleet) struct Site {
    pub(in crate::fleet) repository: Repository,
    pub(in crate::fleet) worktree: PathBuf,
    pub(in crate::fleet) branch: String,
    target: String,
    job: String,
    /// Where git keeps the worktree's HEAD and index; none where git forgot the worktree.
    pub(in crate::fleet) admin: Option<PathBuf>,
    /// Whether the folder is there.
    pub(in crate::fleet) is_there: bool,
}

impl Site {
    /// Looks for both.
    ///
    /// # Errors
    /// When the folder is there, and is not a worktree that was added to the project, or has something mounted in it; or is not, and may come back.
    pub(super) fn find(place: &Workplace<'_>) -> Result<Site, Unsaved> {
        let repository = Repository::open(place.project)?;
        let worktree = physical(place.worktree);
        let admin = admin_of(&repository.common_dir()?, &worktree);
        let is_there = is_there(&worktree, admin.is_some());
        refuse_mounted(&worktree)?;
        if is_there {
            let admin = admin.as_ref().ok_or_else(|| Unsaved::NotAWorktree(worktree.clone()))?;
            refuse_other_repository(&worktree, admin)?;
            refuse_locked(&worktree, admin)?;
        } else if admin.as_ref().is_some_and(|admin| admin.join("locked").exists()) {
            return Err(Unsaved::Away(worktree));
        }
        let [branch, target, job] = [place.branch, place.target, place.job].map(str::to_owned);
        Ok(Site { repository, worktree, branch, target, job, admin, is_there })
    }

    /// Whether folder and directory are there, or not there, as when they were found.
    pub(super) fn is_unmoved(&self) -> bool {
        is_there(&self.worktree, self.admin.is_some()) == self.is_there
            && self.admin.as_ref().is_none_or(|admin| admin.is_dir())
    }

    /// Git in the worktree; where its folder vanished, git as if in it; where git forgot it, git in the project.
    pub(super) fn git(&self) -> Program {
        match &self.admin {
            Some(admin) if self.is_there => {
                git(&self.worktree).arg("--git-dir").arg(admin).arg("--work-tree").arg(&self.worktree)
            }
            Some(admin) => git(admin).arg("--git-dir").arg(admin),
            None => self.repository.git(),
        }
    }

    /// The commit that a name has, seen from the worktree.
    pub(super) fn commit(&self, name: &str) -> Result<Option<String>, Unsaved> {
        let named = format!("{name}^{{commit}}");
        let ran = self.git().args(["rev-parse", "--quiet", "--verify", "--end-of-options", &named]).run()?;
        Ok(ran.is_good().then(|| ran.text()))
    }

    /// The commit that is checked out; none where nothing was committed.
    pub(super) fn head(&self) -> Result<Option<String>, Unsaved> {
        match &self.admin {
            Some(_) => self.commit("HEAD"),
            None => self.commit(&self.branch_ref()),
        }
    }

    pub(in crate::fleet) fn branch_ref(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// Where what is kept for the job is.
    pub(super) fn rescue_folder(&self) -> String {
        format!("{FOLDER}/{}", self.job)
    }

    /// The refs that have what has come home, or was kept, as patterns. What a remote is remembered to have had may be gone
    /// from there, and goes from here with the next fetch.
    pub(super) fn homes(&self) -> Vec<String> {
        std::iter::once(self.rescue_folder()).chain(self.target_ref()).collect()
    }

    /// The branch that the work is for, if that is another.
    pub(super) fn target_ref(&self) -> Option<String> {
        let is_another = !self.target.is_empty() && self.target != self.branch;
        is_another.then(|| format!("refs/heads/{}", self.target))
    }
}

/// An empty folder that git does not know is what is there before there is a worktree.
fn is_there(worktree: &Path, is_known: bool) -> bool {
    let is_empty = || fs::read_dir(worktree).is_ok_and(|mut entries| entries.next().is_none());
    fs::symlink_metadata(worktree).is_ok() && (is_known || !is_empty())
}

/// The path without links in it, as far as it is there.
fn physical(path: &Path) -> PathBuf {
    let by_parent = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(by_parent).unwrap_or_else(|| path.to_owned())
}

/// The one below `worktrees/` whose `gitdir` leads to the folder.
fn admin_of(common_dir: &Path, worktree: &Path) -> Option<PathBuf> {
    let admins = fs::read_dir(common_dir.join("worktrees")).ok()?.flatten().map(|entry| entry.path());
    let is_of = |admin: &PathBuf| {
        let dot_git = fs::read(admin.join("gitdir")).map(|bytes| admin.join(whole_path(bytes)));
        dot_git.is_ok_and(|dot_git| dot_git.parent().map(physical).as_deref() == Some(worktree))
    };
    admins.into_iter().find(is_of)
}

/// An agent that replaced `.git` works in a repository that nothing else knows.
fn refuse_other_repository(worktree: &Path, admin: &Path) -> Result<(), Unsaved> {
    let dot_git = worktree.join(".git");
    let Ok(kind) = fs::symlink_metadata(&dot_git) else { return Ok(()) };
    let leads_to = |bytes: Vec<u8>| Some(worktree.join(whole_path(bytes.strip_prefix(b"gitdir: ")?.to_vec())));
    let named = fs::read(&dot_git).ok().and_then(leads_to);
    // Where it leads nowhere, git is told outright where to look.
    let is_other = named.is_some_and(|named| named.is_dir() && physical(&named) != physical(admin));
    if kind.is_file() && !is_other { Ok(()) } else { Err(Unsaved::OtherRepository(worktree.to_owned())) }
}

/// Who locks a worktree wants it to stay. Git locks those that it makes, too, and leaves that behind where it is killed.
fn refuse_locked(worktree: &Path, admin: &Path) -> Result<(), Unsaved> {
    let Ok(reason) = fs::read(admin.join("locked")) else { return Ok(()) };
    match String::from_utf8_lossy(&reason).trim() {
        "initializing" => Ok(()),
        reason => Err(Unsaved::Locked(worktree.to_owned(), reason.to_owned())),
    }
}
