//! What is left of work whose worktree is not where it was made: on its branch, or in the worktree that somebody moved.
//!
//! Guarantees that nothing is changed by looking, and that once git did not answer nothing else is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Found, Target, Work, done_since, reference, why};
use crate::fleet::git::look::Listed;
use crate::fleet::git::{Repository, Trouble, done, git};
use crate::fleet::merge::branch_ref;

/// A worktree that is not there, or has no `.git` any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Where it was.
    pub worktree: PathBuf,
    /// The main worktree of its repository.
    pub project: PathBuf,
    /// The branch it was on.
    pub branch: String,
    /// The commit at which it began.
    pub base: String,
    /// The branch that its work is for.
    pub target: String,
}

/// What git knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// What its branch has that its target has not; nothing where that is nothing.
    pub found: Found,
    /// Where its branch is checked out by now.
    pub moved_to: Option<PathBuf>,
    /// Whether git still has what belongs to the folder, so that it can be repaired.
    pub is_known: bool,
    /// Whether its branch is there. Where it is not, nothing tells what was on it.
    pub has_branch: bool,
    /// Whether anything was committed on that since it began.
    pub has_commits: bool,
}

impl Absent {
    /// What went with it that nobody knows of, in words; nothing where all that is known to have been there still is.
    pub fn loss(&self) -> Option<&'static str> {
        match (self.has_branch, self.has_commits) {
            _ if self.moved_to.is_some() => None,
            (false, _) => Some("its worktree and its branch are gone, so what it did is not known"),
            (true, false) => Some("its worktree is gone, and nothing was committed, so what it did is not known"),
            (true, true) => None,
        }
    }
}

/// What git knows of each.
pub fn look(missing: &[Missing]) -> Vec<Absent> {
    let mut repositories: BTreeMap<&Path, Result<(Repository, Vec<Listed>), Found>> = BTreeMap::new();
    let mut gives_up = false;
    let mut look = |missing| {
        let absent = if gives_up { Err(Found::Unanswered) } else { one(missing, &mut repositories) };
        let unknown = |found| Absent { found, moved_to: None, is_known: false, has_branch: true, has_commits: true };
        let absent = absent.unwrap_or_else(unknown);
        gives_up |= absent.found == Found::Unanswered;
        absent
    };
    missing.iter().map(&mut look).collect()
}

fn one<'m>(
    missing: &'m Missing,
    repositories: &mut BTreeMap<&'m Path, Result<(Repository, Vec<Listed>), Found>>,
) -> Result<Absent, Found> {
    let open = || {
        let repository = Repository::open(&missing.project)?;
        let listed = repository.worktrees()?;
        Ok((repository, listed))
    };
    let entry = repositories.entry(&missing.project);
    let known = entry.or_insert_with(|| open().map_err(|trouble: Trouble| why(&trouble)));
    let (repository, listed) = known.as_ref().map_err(|found| *found)?;
    let folder = missing.worktree.canonicalize().unwrap_or_else(|_| missing.worktree.clone());
    let is_here = |listed: &Listed| listed.path == folder || listed.path == missing.worktree;
    let elsewhere =
        |listed: &&Listed| listed.branch.as_ref() == Some(&missing.branch) && !is_here(listed) && !listed.is_gone;
    // Nothing can be moved back to where something is.
    let moved = listed.iter().skip(1).find(elsewhere).filter(|_| missing.worktree.symlink_metadata().is_err());
    // Where git cannot tell, it may be there.
    let tip = repository.commit(&branch_ref(&missing.branch)).map_err(|trouble| why(&trouble))?;
    let found = tip.as_ref().map_or(Ok(Found::Nothing), |tip| on_branch(repository, missing, tip));
    Ok(Absent {
        found: found.unwrap_or_else(|trouble| why(&trouble)),
        moved_to: moved.map(|listed| listed.path.clone()),
        is_known: listed.iter().any(is_here),
        has_branch: tip.is_some(),
        has_commits: tip.is_some_and(|tip| tip != missing.base),
    })
}

/// Whether all that was committed to a branch came with a merge that another branch, here or at a remote, still has.
///
/// # Errors
/// When git cannot be asked.
pub fn is_elsewhere(project: &Path, branch: &str, merge: &str) -> Result<bool, Trouble> {
    let name = branch_ref(branch);
    if !git(project).args(["merge-base", "--is-ancestor", &name, merge]).run()?.is_good() {
        return Ok(false);
    }
    let ask = ["for-each-ref", "--format=%(refname)", "--contains", merge, "refs/heads", "refs/remotes"];
    let listed = done(git(project).args(ask), "see what has its commits")?.text();
    let is_own =
        |found: &str| found == name || found.starts_with("refs/remotes/") && found.ends_with(&format!("/{branch}"));
    Ok(listed.lines().any(|found| !is_own(found)))
}

fn on_branch(repository: &Repository, missing: &Missing, tip: &str) -> Result<Found, Trouble> {
    let name = reference(&missing.target);
    let target = repository.commit(&name)?.map(|commit| Target { name, commit });
    let done = done_since(repository.root(), &missing.base, target.as_ref(), &BTreeSet::from([tip]))?;
    let Some((own, files)) = done.get(tip).filter(|(own, _)| !own.commits.is_empty() && !own.has_arrived) else {
        return Ok(Found::Nothing);
    };
    Ok(Found::Work(Work { files: files.len(), commits: own.commits.len(), ..Work::default() }))
}
