//! Work that is kept when its worktree goes: under refs, which nothing but a person removes.
//!
//! Owns `refs/aio/rescue/<job>/<n>`. Guarantees that what a worktree and its branch have and their target has not is under a ref
//! before there is a [`Proof`], and that without a proof nothing can be removed; that neither the worktree nor its index is touched;
//! that a ref is never written over, and the same work not kept twice. Content is kept as git would commit it: by the
//! project's own rules for line ends and filters, without what it ignores; files that do not come back as they were are named. Removes
//! nothing.
//!
//! Whoever removes has to have ended the agent first: what is written while a folder is being removed is lost.

mod content;
mod converted;
mod ignored;
mod keep;
mod logs;
mod nested;
mod origin;
mod site;
mod tips;

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use self::keep::Keeper;
pub(super) use self::keep::witness;
pub(super) use self::nested::all as nested;
pub(super) use self::site::Site;
use super::git::{Trouble, done, git};
use crate::host::mounts;
use crate::protocol::spelling::shell_word;

/// Where all that is kept is.
pub const FOLDER: &str = "refs/aio/rescue";

/// Where a job works.
#[derive(Clone, Copy, Debug)]
pub struct Workplace<'a> {
    /// The project's own worktree.
    pub project: &'a Path,
    /// The job's worktree, which may have vanished.
    pub worktree: &'a Path,
    /// The job's branch, which goes with it.
    pub branch: &'a str,
    /// The branch that its work is for: what that has, here and not only at a remote, has come home.
    pub target: &'a str,
    /// The job's id, under which its work is kept.
    pub job: &'a str,
}

/// What a kept commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The worktree's content, on top of what it was committed on; or, where nothing was changed, the commits alone.
    Work,
    /// What was staged, where that is neither committed nor the content.
    Staged,
    /// The branch, where the worktree was not on it, as in the middle of a rebase.
    Branch,
    /// A commit that a merge, rebase or the like in progress leans on.
    Operation,
    /// What HEAD was on when it was moved elsewhere.
    LeftBehind,
    /// A stash entry that was made on the branch, or on a commit of the worktree's where it names no branch.
    Stash,
}

/// A commit, and the ref that keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it is.
    pub kind: Kind,
    /// The full name of the ref.
    pub name: String,
    /// The commit.
    pub commit: String,
}

/// That nothing is lost when a worktree and its branch go, as both were when it was made. Only [`save`] makes one.
#[derive(Debug)]
pub struct Proof {
    site: Site,
    seen: Seen,
    /// Commits that only the worktree or its branch had, or that a ref was found to have.
    commits: Vec<String>,
    kept: Vec<Kept>,
    converted: Vec<PathBuf>,
}

/// All of a worktree that can be lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    head: Option<String>,
    branch: Option<String>,
    /// The tree of what lies in the folder; none where that vanished.
    content: Option<String>,
    /// The tree of what is staged; none in the middle of a conflict.
    staged: Option<String>,
    tips: Vec<(Kind, String)>,
}

/// Why work could not be kept, or is not what was kept.
#[derive(Debug)]
pub enum Unsaved {
    /// Git did not do it.
    Git(Trouble),
    /// A file could not be read.
    Io(PathBuf, std::io::Error),
    /// The folder is no worktree of the project, or is the project's own.
    NotAWorktree(PathBuf),
    /// The folder is gone, and somebody said that the worktree is to stay: it may be on a disk that is not mounted.
    Away(PathBuf),
    /// Somebody said that the worktree is to stay, and perhaps why.
    Locked(PathBuf, String),
    /// Something is mounted there, in the worktree or over it: what it shows would be deleted, and lies elsewhere.
    Mounted(PathBuf),
    /// The folder is a repository of its own by now.
    OtherRepository(PathBuf),
    /// A repository in the worktree holds what is nowhere else.
    Nested(PathBuf, &'static str),
    /// One of them has tags whose commits are at no remote, as far as is known; and its remotes, a line each.
    Tagged(PathBuf, String),
    /// Nothing can be kept under such an id.
    BadJob(String),
    /// The worktree is not what it was when it was saved.
    Changed(PathBuf),
    /// What was kept is there no longer.
    Lost(String),
}

/// Keeps what has not come home. What some other branch, a remote's or a tag has is kept all the same: whoever has it may
/// move or remove that at any time.
///
/// # Errors
/// When anything could not be looked at, or cannot be kept; then nothing may be removed.
pub fn save(place: &Workplace<'_>) -> Result<Proof, Unsaved> {
    let site = Site::find(place)?;
    let seen = Seen::at(&site)?;
    let mut keeper = Keeper::new(&site, place.job)?;
    keeper.keep_work(&seen)?;
    for (kind, commit) in &seen.tips {
        keeper.keep(*kind, commit)?;
    }
    let Keeper { commits, kept, converted, .. } = keeper.finish()?;
    Ok(Proof { site, seen, commits, kept, converted })
}

/// Looks for mounts in a folder that is to be deleted.
///
/// # Errors
/// When something is mounted there.
pub(super) fn refuse_mounted(folder: &Path) -> Result<(), Unsaved> {
    mounts::below(folder).map_or(Ok(()), |at| Err(Unsaved::Mounted(at)))
}

/// Whether what a proof says is still so: the worktree is as it was, and every commit of it is under a ref that stays.
///
/// # Errors
/// When it is not.
pub fn verify(proof: &Proof) -> Result<(), Unsaved> {
    let site = &proof.site;
    refuse_mounted(&site.worktree)?;
    if !site.is_unmoved() || Seen::at(site)? != proof.seen {
        return Err(Unsaved::Changed(site.worktree.clone()));
    }
    for kept in &proof.kept {
        if site.repository.commit(&kept.name)?.as_ref() != Some(&kept.commit) {
            return Err(Unsaved::Lost(kept.name.clone()));
        }
    }
    for commit in &proof.commits {
        if witness(site, commit)?.is_none() {
            return Err(Unsaved::Lost(commit.clone()));
        }
    }
    Ok(())
}

impl Kept {
    /// The command that brings it back into the project, from wherever it is typed; a commit on a branch of its own.
    pub fn restore_hint(&self, project: &Path) -> String {
        match self.kind {
            Kind::Stash => format!("git -C {} stash apply {}", shell_word(project), self.name),
            _ => on_a_branch(project, &self.name),
        }
    }
}

/// The command that puts what a ref keeps on a branch of its own, from wherever it is typed.
pub fn on_a_branch(project: &Path, name: &str) -> String {
    let mut parts = name.rsplit('/');
    let number = parts.next().unwrap_or_default();
    let job = parts.next().unwrap_or_default();
    format!("git -C {} switch -c rescued/{job}-{number} {name}", shell_word(project))
}

/// All that is kept in a repository, by the refs' numbers; of what it is, only whether it is a stash entry is known still.
///
/// # Errors
/// When git cannot be asked there.
pub fn all_kept(project: &Path) -> Result<Vec<Kept>, Trouble> {
    let format = "--format=%(objectname) %(refname) %(parent)";
    let ran = done(git(project).args(["for-each-ref", "--sort=version:refname", format, FOLDER]), "list what is kept")?;
    let text = ran.text();
    let mut kept = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(commit), Some(name)) = (words.next(), words.next()) else { continue };
        let is_stash = words.count() > 1 && is_stash(project, &commit)?;
        kept.push(Kept { kind: if is_stash { Kind::Stash } else { Kind::Work }, name, commit });
    }
    Ok(kept)
}

/// Whether it is what git-stash(1) makes: a merge of a commit with one of its index.
fn is_stash(project: &Path, commit: &str) -> Result<bool, Trouble> {
    let asked = ["log", "-1", "--no-show-signature", "--format=%s", "--end-of-options"];
    let ran = done(git(project).args(asked).arg(format!("{commit}^2")), "look at what is kept")?;
    Ok(ran.text().starts_with("index on "))
}

/// The command that lists all that is kept of a job.
pub fn listing(project: &Path, job: &str) -> String {
    format!("git -C {} for-each-ref {FOLDER}/{job}", shell_word(project))
}

impl Proof {
    /// What was kept under refs for this job, the work first; nothing where nothing would be lost.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// The files whose bytes are not what was kept of them, but what git would commit.
    pub fn converted(&self) -> &[PathBuf] {
        &self.converted
    }

    /// The ref to name when one is to be named.
    pub fn reference(&self) -> Option<&str> {
        self.kept.first().map(|kept| &*kept.name)
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// The commit that the branch was, if it was there.
    pub(super) fn branch_tip(&self) -> Option<&str> {
        self.seen.branch.as_deref()
    }
}

impl Seen {
    fn at(site: &Site) -> Result<Seen, Unsaved> {
        nested::refuse(site)?;
        Ok(Seen {
            head: site.head()?,
            branch: site.repository.commit(&site.branch_ref())?,
            content: content::in_folder(site)?,
            staged: content::in_index(site)?,
            tips: tips::of(site)?,
        })
    }
}

impl Kind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Work => "work",
            Kind::Staged => "what was staged",
            Kind::Branch => "the branch",
            Kind::Operation => "a merge or rebase in progress",
            Kind::LeftBehind => "commits that were left behind",
            Kind::Stash => "a stash entry",
        }
    }
}

impl From<Trouble> for Unsaved {
    fn from(trouble: Trouble) -> Unsaved {
        Unsaved::Git(trouble)
    }
}

impl From<super::program::Unrun> for Unsaved {
    fn from(unrun: super::program::Unrun) -> Unsaved {
        Unsaved::Git(unrun.into())
    }
}

impl Display for Unsaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsaved::Git(trouble) => trouble.fmt(f),
            Unsaved::Io(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Unsaved::NotAWorktree(path) => write!(f, "{} is not one of the project's added worktrees", path.display()),
            Unsaved::Away(path) => {
                write!(f, "{} is locked and not there; if it is on a disk, mount that", path.display())
            }
            Unsaved::Locked(path, reason) if reason.is_empty() => write!(f, "{} is locked", path.display()),
            Unsaved::Locked(path, reason) => write!(f, "{} is locked: {reason}", path.display()),
            Unsaved::Mounted(path) => write!(f, "something is mounted at {}", path.display()),
            Unsaved::OtherRepository(path) => {
                write!(f, "{} is a repository of its own by now, which would be lost", path.display())
            }
            Unsaved::Nested(path, why) => write!(f, "the repository {} {why}", path.display()),
            Unsaved::Tagged(path, _) => {
                let next = "push them, and fetch the remote's tags, or move it, first";
                write!(f, "the repository {} has tags whose commits no remote is known to have: {next}", path.display())
            }
            Unsaved::BadJob(job) => write!(f, "nothing can be kept under the id {job:?}"),
            Unsaved::Changed(path) => write!(f, "{} was changed after its work was kept", path.display()),
            Unsaved::Lost(name) => write!(f, "{name} is no longer kept by any ref"),
        }
    }
}

impl std::error::Error for Unsaved {}

#[cfg(test)]
mod tests;
