//! A job's worktree: made, furnished and prepared; and removed, once nothing of it can be lost.
//!
//! Guarantees that nothing that was there is written over, neither a folder nor a branch; that what could not be made whole is
//! taken away again, except where a person's own setup command failed, which is left to be looked at; and that the project's
//! own worktree is only read. Names are for the caller to choose.

mod include;
mod remove;
mod setup;
mod submodules;

use std::fmt::{self, Display};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

pub use self::include::named;
pub use self::remove::{Branch, Removed, Unremoved, is_left_aside, remove};
use super::git::{Repository, Trouble, done, locks};
use super::remains::JOB;

/// For writing every file of a commit.
const CHECKOUT: Duration = Duration::from_secs(600);

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The project's own worktree.
    pub project: &'a Path,
    /// Where the new one is to be; nothing may be there.
    pub worktree: &'a Path,
    /// Its new branch.
    pub branch: &'a str,
    /// Where that begins.
    pub commit: &'a str,
    /// The job's id, for the setup command to know.
    pub job: &'a str,
    /// The first of the job's ports, for the setup command to know; 0 for none.
    pub port: u16,
    /// The person's shell command that prepares it; empty for none.
    pub setup: &'a str,
    /// Where that command's output goes.
    pub log: &'a Path,
    /// How many bytes `.worktreeinclude` may bring: see [`INCLUDE_LIMIT`].
    pub include_limit: u64,
    /// That command is stopped when this is not 0 any more.
    pub stopped: Option<&'a Arc<AtomicUsize>>,
}

/// What `.worktreeinclude` may bring, in bytes, where nobody says otherwise.
pub const INCLUDE_LIMIT: u64 = 256 << 20;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The commit's files are written.
    Checkout,
    /// Files that are not in git are copied.
    Include,
    /// Other repositories that are part of it are fetched.
    Submodules,
    /// The person's command runs.
    Setup,
}

impl Step {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Step::Checkout => "worktree",
            Step::Include => "files",
            Step::Submodules => "submodules",
            Step::Setup => "setup",
        }
    }
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The commit that the branch began at.
    pub commit: String,
    /// How many files `.worktreeinclude` brought.
    pub included: usize,
    /// What did not go as it might have, in words.
    pub notes: Vec<String>,
}

/// Why there is no worktree, or none that is ready.
#[derive(Debug)]
pub enum Uncreated {
    /// Git did not do it.
    Git(Trouble),
    /// A file or folder could not be written.
    Io(PathBuf, io::Error),
    /// Something is there already.
    PathTaken(PathBuf),
    /// The branch is there already.
    BranchTaken(String),
    /// No branch can have such a name.
    BadBranch(String),
    /// The setup command failed; the worktree is there.
    Setup {
        /// What it said last, or how it ended.
        said: String,
        /// All that it said.
        log: PathBuf,
    },
    /// What was made could not be taken away again.
    HalfMade {
        /// Why it was to be.
        cause: Box<Uncreated>,
        /// What is left of it, and why.
        left: String,
    },
}

/// Makes a worktree on a new branch, with what else an agent needs there: the files of `.worktreeinclude`, submodules that the
/// project has, a folder `.aio` that git does not see, and what the setup command makes.
///
/// # Errors
/// When it cannot be made, or the setup command fails; only then is anything left.
pub fn create(plan: &Plan<'_>, report: &mut dyn FnMut(Step)) -> Result<Made, Uncreated> {
    let repository = Repository::open(plan.project)?;
    let commit = check(&repository, plan)?;
    report(Step::Checkout);
    // Each git that finds it there waits for it, and then goes on all the same.
    locks::put_away_packed(&repository.common_dir()?);
    begin(&repository, plan, &commit)?;
    let made = check_out(&repository, plan).and_then(|()| furnish(&repository, plan, report));
    let mut made = made.map_err(|cause| take_away(&repository, plan, &commit, cause))?;
    made.commit = commit;
    if !plan.setup.is_empty() {
        report(Step::Setup);
        setup::run(plan, repository.root())?;
    }
    Ok(made)
}

/// The commit to begin at, if all that is asked for can be.
fn check(repository: &Repository, plan: &Plan<'_>) -> Result<String, Uncreated> {
    if repository.is_bare() {
        return Err(Trouble::Bare(plan.project.to_owned()).into());
    }
    if !repository.is_branch_name(plan.branch)? {
        return Err(Uncreated::BadBranch(plan.branch.to_owned()));
    }
    if repository.has_branch(plan.branch)? {
        return Err(Uncreated::BranchTaken(plan.branch.to_owned()));
    }
    if fs::symlink_metadata(plan.worktree).is_ok() {
        return Err(Uncreated::PathTaken(plan.worktree.to_owned()));
    }
    match repository.commit(plan.commit)? {
        Some(commit) => Ok(commit),
        None if !repository.has_commits()? => Err(Trouble::NoCommits(plan.project.to_owned()).into()),
        None => Err(Trouble::NoSuchCommit(plan.commit.to_owned()).into()),
    }
}

/// Takes the path and the branch, each of which only one can get.
fn begin(repository: &Repository, plan: &Plan<'_>, commit: &str) -> Result<(), Uncreated> {
    let parent = plan.worktree.parent().unwrap_or(plan.worktree);
    fs::create_dir_all(parent).map_err(|error| Uncreated::Io(parent.to_owned(), error))?;
    fs::create_dir(plan.worktree).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Uncreated::PathTaken(plan.worktree.to_owned()),
        _ => Uncreated::Io(plan.worktree.to_owned(), error),
    })?;
    let change = format!("create refs/heads/{}\0{commit}\0", plan.branch);
    repository.change_refs(change.into_bytes(), "make the branch").map_err(|trouble| {
        // It is as empty as it was made; where it is not, it is somebody's.
        fs::remove_dir(plan.worktree).unwrap_or_default();
        match repository.has_branch(plan.branch) {
            Ok(true) => Uncreated::BranchTaken(plan.branch.to_owned()),
            _ => trouble.into(),
        }
    })
}

fn check_out(repository: &Repository, plan: &Plan<'_>) -> Result<(), Uncreated> {
    let program = repository.git().args(["worktree", "add", "--quiet", "--"]).arg(plan.worktree).arg(plan.branch);
    done(program.variable(JOB, plan.job).limit(CHECKOUT), "add the worktree")?;
    Ok(())
}

fn furnish(repository: &Repository, plan: &Plan<'_>, report: &mut dyn FnMut(Step)) -> Result<Made, Uncreated> {
    report(Step::Include);
    let mut made = include::copy(repository, plan.worktree, plan.include_limit)?;
    if submodules::are_there(plan.worktree) {
        report(Step::Submodules);
        made.notes.extend(submodules::fetch(repository, plan.worktree)?);
    }
    make_own_folder(plan.worktree)?;
    Ok(made)
}

/// The folder in which an agent says that it is done. It ignores itself.
fn make_own_folder(worktree: &Path) -> Result<(), Uncreated> {
    let folder = worktree.join(".aio");
    let io = |error| Uncreated::Io(folder.clone(), error);
    match fs::symlink_metadata(&folder) {
        Ok(found) if found.is_dir() => {}
        // A link might lead out of the worktree.
        Ok(_) => return Err(Uncreated::PathTaken(folder)),
        Err(_) => fs::create_dir(&folder).map_err(io)?,
    }
    match fs::File::create_new(folder.join(".gitignore")).and_then(|mut file| io::Write::write_all(&mut file, b"*\n")) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(io(error)),
        _ => Ok(()),
    }
}

/// Takes away what was made a moment ago, and what nobody worked in yet.
fn take_away(repository: &Repository, plan: &Plan<'_>, commit: &str, cause: Uncreated) -> Uncreated {
    let change = format!("delete refs/heads/{}\0{commit}\0", plan.branch);
    let is_listed = repository.worktrees().is_ok_and(|worktrees| {
        let path = plan.worktree.canonicalize().unwrap_or_else(|_| plan.worktree.to_owned());
        worktrees.iter().any(|listed| listed.path == path)
    });
    let forgotten = || if is_listed { remove::forget(repository, plan.worktree) } else { Ok(()) };
    let taken = remove::clear(plan.worktree)
        .map_err(|error| format!("{}: {error}", plan.worktree.display()))
        .and_then(|()| forgotten().map_err(|trouble| trouble.to_string()))
        .and_then(|()| {
            repository.change_refs(change.into_bytes(), "remove the branch").map_err(|trouble| trouble.to_string())
        });
    match taken {
        Ok(()) => cause,
        Err(left) => Uncreated::HalfMade { cause: Box::new(cause), left },
    }
}

impl From<Trouble> for Uncreated {
    fn from(trouble: Trouble) -> Uncreated {
        Uncreated::Git(trouble)
    }
}

impl Display for Uncreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Uncreated::Git(trouble) => trouble.fmt(f),
            Uncreated::Io(path, error) => write!(f, "{} cannot be written: {error}", path.display()),
            Uncreated::PathTaken(path) => write!(f, "{} is there already", path.display()),
            Uncreated::BranchTaken(branch) => write!(f, "the branch {branch} is there already"),
            Uncreated::BadBranch(branch) => write!(f, "{branch:?} cannot be a branch's name"),
            Uncreated::Setup { said, log } => {
                write!(f, "the setup command failed: {said} (all of it: {})", log.display())
            }
            Uncreated::HalfMade { cause, left } => write!(f, "{cause}; and it could not be taken away again: {left}"),
        }
    }
}

impl std::error::Error for Uncreated {}

#[cfg(test)]
mod tests;
