//! Why a branch could not be looked at or merged, in words, and what to do next.

use std::path::{Path, PathBuf};

use super::super::program::Unrun;
use crate::protocol::spelling::shell_word;

/// Why not. Whatever it is, target, index and worktrees are as they were, but where [`Trouble::Unclean`],
/// [`Trouble::PutBack`] or [`Trouble::WentElsewhere`] says so.
#[derive(Debug)]
pub enum Trouble {
    /// git could not be run, or not to its end.
    Unrun(Unrun),
    /// git could not do a thing.
    Git {
        /// What was to be done.
        what: &'static str,
        /// Where.
        folder: PathBuf,
        /// What git said.
        why: String,
    },
    /// This git cannot merge without a worktree.
    TooOld(String),
    /// There is no such branch.
    NoBranch {
        /// Its name.
        branch: String,
        /// In which repository.
        folder: PathBuf,
    },
    /// Files where the target is checked out are not committed.
    Dirty {
        /// The worktree.
        folder: PathBuf,
        /// The files.
        files: Vec<String>,
    },
    /// What is staged where the target is checked out is the merge that is wanted, and nothing says that it is one.
    HalfMerged {
        /// The worktree.
        folder: PathBuf,
        /// The target.
        target: String,
    },
    /// Files that git does not track where the target is checked out would be overwritten.
    Untracked {
        /// The worktree.
        folder: PathBuf,
        /// The files.
        files: Vec<String>,
        /// They are such as git ignores.
        are_ignored: bool,
    },
    /// Something was begun there and not ended.
    InProgress {
        /// The worktree.
        folder: PathBuf,
        /// What.
        what: String,
    },
    /// The target is checked out in a folder that is not there.
    Gone {
        /// The target.
        branch: String,
        /// The folder.
        folder: PathBuf,
        /// The repository.
        repository: PathBuf,
    },
    /// The target is checked out in several folders, as git lets a person have it by force: those in which it is not merged would
    /// seem changed.
    Shared {
        /// The target.
        target: String,
        /// The folders.
        folders: Vec<PathBuf>,
    },
    /// The two histories have no commit in common.
    Unrelated {
        /// The branch.
        branch: String,
        /// The other.
        target: String,
        /// The repository's history was cut off, which may be why.
        is_shallow: bool,
    },
    /// Both changed the same.
    Conflict {
        /// The branch.
        branch: String,
        /// The other.
        target: String,
        /// Where.
        files: Vec<String>,
    },
    /// A hook, a merge driver or git itself would not.
    Stopped {
        /// The branch.
        branch: String,
        /// The other.
        target: String,
        /// What was said last.
        why: String,
    },
    /// A remote, or a hook of this side, would not take a branch.
    Unpushed {
        /// The branch.
        branch: String,
        /// The worktree.
        folder: PathBuf,
        /// Why.
        why: String,
    },
    /// Another merge of ours is under way.
    Busy,
    /// A git goes on with a merge of ours, although the command that began it was killed.
    StillMerging {
        /// The worktree in which it merges.
        folder: PathBuf,
    },
    /// A merge was left half done, because taking it back failed.
    Unclean {
        /// The worktree.
        folder: PathBuf,
        /// Why the merge was to be taken back.
        why: String,
    },
    /// git gave up halfway, and put back what was checked out, and then what was not committed as far as it had kept it.
    PutBack {
        /// The worktree.
        folder: PathBuf,
        /// Why.
        why: String,
    },
    /// The target went on meanwhile.
    Moved {
        /// The target.
        branch: String,
    },
    /// Another branch than the target was checked out meanwhile, before anything was merged.
    Switched {
        /// The target.
        target: String,
        /// The worktree.
        folder: PathBuf,
    },
    /// The same while it was merged: then the merge went there.
    WentElsewhere {
        /// The target.
        target: String,
        /// The worktree.
        folder: PathBuf,
        /// The branch that has the merge, or the commit.
        went: String,
        /// The merge.
        commit: String,
    },
    /// git would not have the target be another commit.
    Unwritten {
        /// The target.
        target: String,
        /// What was said.
        why: String,
        /// The lock that kept git from it.
        lock: Option<PathBuf>,
    },
    /// The merge was made, and some of the branch is not in it.
    NotArrived {
        /// The branch.
        branch: String,
        /// The other.
        target: String,
        /// How many commits are missing.
        missing: u64,
        /// The repository.
        folder: PathBuf,
    },
}

impl Trouble {
    /// Whether the repository stands against it, not the machine.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Trouble::Unrun(_) | Trouble::Git { .. } | Trouble::TooOld(_) | Trouble::NoBranch { .. })
    }

    /// The next thing to do; `again` is the command that came to this.
    pub fn next(&self, again: &str) -> String {
        match self {
            Trouble::Unrun(unrun @ Unrun::Missing(_)) => unrun.next(),
            Trouble::Moved { .. } | Trouble::Switched { .. } => again.to_owned(),
            Trouble::Busy | Trouble::StillMerging { .. } | Trouble::Unrun(_) => again.to_owned(),
            Trouble::Git { folder, .. } => at(folder, "status"),
            Trouble::TooOld(_) => "install git 2.39 or a newer one".to_owned(),
            Trouble::NoBranch { folder, branch } => {
                let from_remote = format!("branch {0} REMOTE/{0}", shell_word(branch));
                format!("{}, and where only a remote has it {}", at(folder, "branch --all"), at(folder, &from_remote))
            }
            Trouble::Dirty { folder, .. } => format!("{}, and commit or stash", at(folder, "status")),
            Trouble::HalfMerged { folder, .. } => format!("{}, then {again}", at(folder, "reset --merge")),
            Trouble::Untracked { .. } => format!("move them away, then {again}"),
            Trouble::InProgress { folder, .. } => at(folder, "status"),
            Trouble::Gone { repository, .. } => {
                format!(
                    "bring it back, or where it was moved, {}, then {again}",
                    at(repository, "worktree repair FOLDER")
                )
            }
            Trouble::Shared { folders, .. } => {
                let others = folders.iter().skip(1).map(|folder| at(folder, "switch --detach") + " && ");
                others.chain([again.to_owned()]).collect()
            }
            Trouble::Unrelated { is_shallow: true, .. } => "git fetch --unshallow".to_owned(),
            Trouble::Unrelated { .. } => "merge it by hand, with --allow-unrelated-histories".to_owned(),
            Trouble::Conflict { branch, target, .. } => {
                format!("in the worktree of {branch}: git merge {target}, mend, commit")
            }
            Trouble::Unpushed { branch, folder, .. } => at(folder, &format!("push -u origin {branch}")),
            Trouble::Unwritten { lock: Some(lock), .. } => {
                format!("wait for the git that has {}; where none runs, remove that, then {again}", lock.display())
            }
            Trouble::Stopped { .. } | Trouble::Unwritten { .. } => format!("mend what it says, then {again}"),
            Trouble::WentElsewhere { folder, commit, .. } => at(folder, &format!("log -1 {commit}")),
            Trouble::Unclean { folder, .. } | Trouble::PutBack { folder, .. } => at(folder, "status"),
            Trouble::NotArrived { branch, target, folder, .. } => {
                at(folder, &format!("log {}", shell_word(format!("{target}..{branch}"))))
            }
        }
    }
}

fn at(folder: &Path, words: &str) -> String {
    format!("git -C {} {words}", shell_word(folder))
}

impl From<Unrun> for Trouble {
    fn from(unrun: Unrun) -> Trouble {
        Trouble::Unrun(unrun)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Unrun(unrun) => unrun.fmt(f),
            Trouble::Git { what, folder, why } => write!(f, "cannot {what} in {}: {why}", folder.display()),
            Trouble::TooOld(version) => write!(f, "{version} cannot foretell merges"),
            Trouble::NoBranch { branch, folder } => write!(f, "there is no branch {branch} in {}", folder.display()),
            Trouble::Dirty { folder, files } => {
                write!(f, "in {} is not committed: {}", folder.display(), listed(files))
            }
            Trouble::HalfMerged { folder, target } => {
                let folder = folder.display();
                write!(
                    f,
                    "this merge into {target} is staged in {folder} and not committed, as one that was killed leaves it"
                )
            }
            Trouble::Untracked { folder, files, are_ignored } => {
                let what = if *are_ignored { "ignores" } else { "does not track" };
                write!(f, "what git {what} in {} would be overwritten: {}", folder.display(), listed(files))
            }
            Trouble::InProgress { folder, what } => write!(f, "a {what} is in progress in {}", folder.display()),
            Trouble::Gone { branch, folder, .. } => {
                write!(
                    f,
                    "{branch} is checked out in {}, which is not there; if it is on a disk, mount that",
                    folder.display()
                )
            }
            Trouble::Shared { target, folders } => {
                let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
                write!(f, "{target} is checked out in {}, and would move in one of them only", folders.join(" and "))
            }
            Trouble::Unrelated { branch, target, is_shallow } => {
                let why = if *is_shallow { ": the history of this clone is cut off" } else { "" };
                write!(f, "{branch} and {target} have no history in common{why}")
            }
            Trouble::Conflict { branch, target, files } => {
                write!(f, "{branch} conflicts with {target} in {}", listed(files))
            }
            Trouble::Stopped { branch, target, why } => {
                write!(f, "{branch} was not merged into {target}, which is as it was: {why}")
            }
            Trouble::Unpushed { branch, why, .. } => write!(f, "{branch} was not pushed: {why}"),
            Trouble::Busy => f.write_str("another aio merge is under way"),
            Trouble::StillMerging { folder } => {
                write!(
                    f,
                    "git still merges in {}, for an aio merge that was killed; perhaps a hook runs",
                    folder.display()
                )
            }
            Trouble::Unclean { folder, why } => {
                write!(f, "a merge stopped ({why}) and could not be taken back in {}", folder.display())
            }
            Trouble::PutBack { folder, why } => {
                let folder = folder.display();
                write!(
                    f,
                    "git gave up and put {folder} back by force: see whether all that was not committed is there ({why})"
                )
            }
            Trouble::Moved { branch } => write!(f, "{branch} went on while it was merged into; it was left alone"),
            Trouble::Switched { target, folder } => {
                write!(f, "{target} is not checked out in {} any more; nothing was merged", folder.display())
            }
            Trouble::WentElsewhere { target, folder, went, commit } => {
                let (folder, commit) = (folder.display(), commit.get(..10).unwrap_or(commit));
                write!(
                    f,
                    "not into {target}, but into {went} it was merged ({commit}): that was checked out in {folder} meanwhile"
                )
            }
            Trouble::Unwritten { target, lock: Some(lock), .. } => {
                write!(f, "{target} is as it was: git holds {}", lock.display())
            }
            Trouble::Unwritten { target, why, .. } => write!(f, "{target} is as it was: {why}"),
            Trouble::NotArrived { branch, target, missing, .. } => {
                let commits = if *missing == 1 { "1 commit".to_owned() } else { format!("{missing} commits") };
                write!(f, "not in {target} after the merge: {commits} of {branch}")
            }
        }
    }
}

/// The first few names, and how many there are beyond.
pub fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.get(..SHOWN).unwrap_or(names).join(", ");
    match (names.len(), names.len().saturating_sub(SHOWN)) {
        (0, _) => "folders that were renamed".to_owned(),
        (_, 0) => shown,
        (_, more) => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Trouble;

    #[test]
    fn one_commit_is_one() {
        let said = |missing| {
            let (branch, target, folder) = ("job".to_owned(), "main".to_owned(), PathBuf::from("/p"));
            Trouble::NotArrived { branch, target, missing, folder }.to_string()
        };
        assert_eq!(said(1), "not in main after the merge: 1 commit of job");
        assert_eq!(said(2), "not in main after the merge: 2 commits of job");
    }
}
