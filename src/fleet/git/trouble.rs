//! Why git did not answer, in words.

use std::fmt::{self, Display};
use std::path::PathBuf;

use crate::error::Failure;
use crate::fleet::program::Unrun;
use crate::protocol::spelling::shell_word;

/// Why git did not answer.
#[derive(Debug)]
pub enum Trouble {
    /// It could not be run to its end.
    Unrun(Unrun),
    /// No repository is there.
    NoRepository(PathBuf),
    /// The repository has no worktree there.
    Bare(PathBuf),
    /// Nothing was committed yet.
    NoCommits(PathBuf),
    /// No branch can be called the default one.
    NoDefaultBranch(PathBuf),
    /// Nothing has that name.
    NoSuchCommit(String),
    /// The remote did not give a branch.
    Unfetched {
        /// The remote.
        remote: String,
        /// The branch.
        branch: String,
        /// Git's words.
        said: String,
    },
    /// The remote had a branch, and has it no more.
    Gone {
        /// The repository here.
        root: PathBuf,
        /// The remote.
        remote: String,
        /// The branch.
        branch: String,
        /// The remote's default branch now, where that is known.
        now: Option<String>,
    },
    /// The remote's default branch, of which nothing was fetched.
    NotHere {
        /// The repository here.
        root: PathBuf,
        /// The remote.
        remote: String,
        /// The branch.
        branch: String,
    },
    /// There are several remotes, and nothing says which of those that have a branch it comes from.
    ManyRemotes {
        /// The repository here.
        root: PathBuf,
        /// The branch.
        branch: String,
        /// The remotes.
        remotes: Vec<String>,
    },
    /// Git said no.
    Failed {
        /// What was tried: "list the worktrees".
        doing: &'static str,
        /// Git's words.
        said: String,
    },
}

impl Trouble {
    /// What to do about it.
    pub fn next(&self) -> String {
        match self {
            Trouble::Unrun(unrun) => unrun.next(),
            Trouble::NoRepository(path) if !path.exists() => format!("bring {} back", shell_word(path)),
            Trouble::NoRepository(path) => format!("git init {}", shell_word(path)),
            Trouble::Bare(path) => format!("git -C {} worktree add FOLDER, and name that", shell_word(path)),
            Trouble::NoCommits(path) => format!("git -C {} commit, a first time", shell_word(path)),
            Trouble::NoDefaultBranch(_) => "name a branch with --target".to_owned(),
            Trouble::NoSuchCommit(_) => "git branch --all lists what there is".to_owned(),
            Trouble::Unfetched { remote, .. } => format!("git fetch {remote}, and see what it says"),
            Trouble::Gone { root, remote, now, .. } => {
                let (git, remote) = (format!("git -C {}", shell_word(root)), shell_word(remote));
                let option = if now.is_some() { "--auto" } else { "--delete" };
                format!("{git} fetch --prune {remote}; {git} remote set-head {remote} {option}")
            }
            Trouble::NotHere { root, remote, branch } => {
                let branch = shell_word(branch);
                format!("git -C {} fetch {} {branch}:{branch}", shell_word(root), shell_word(remote))
            }
            Trouble::ManyRemotes { root, branch, remotes } => {
                let (git, branch) = (format!("git -C {}", shell_word(root)), shell_word(branch));
                let remote = shell_word(remotes.first().map_or("REMOTE", String::as_str));
                let follow = format!("{git} fetch {remote}; {git} branch --set-upstream-to={remote}/{branch} {branch}");
                format!("{follow}, or another remote; where it is at none, {git} config branch.{branch}.remote .")
            }
            Trouble::Failed { .. } => "git status there may say more".to_owned(),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        Failure::environment(trouble.to_string()).hint(trouble.next())
    }
}

impl From<Unrun> for Trouble {
    fn from(unrun: Unrun) -> Trouble {
        Trouble::Unrun(unrun)
    }
}

impl Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Unrun(unrun) => unrun.fmt(f),
            Trouble::NoRepository(path) if !path.exists() => write!(f, "{} is not there", path.display()),
            Trouble::NoRepository(path) => write!(f, "{} is in no git repository", path.display()),
            Trouble::Bare(path) => write!(f, "{} is a bare repository, without a worktree", path.display()),
            Trouble::NoCommits(path) => write!(f, "{} has no commit yet", path.display()),
            Trouble::NoDefaultBranch(path) => {
                write!(f, "{} is on no branch and has neither main nor master", path.display())
            }
            Trouble::NoSuchCommit(name) => write!(f, "no commit {name:?}"),
            Trouble::Unfetched { remote, branch, said } => write!(f, "cannot fetch {branch} from {remote}: {said}"),
            Trouble::Gone { remote, branch, now, .. } => {
                write!(f, "{remote} has no branch {branch} any more")?;
                now.as_ref().map_or(Ok(()), |now| write!(f, "; its default branch is {now}"))
            }
            Trouble::NotHere { remote, branch, .. } => {
                write!(f, "the default branch of {remote} is {branch}, of which nothing is known here")
            }
            Trouble::ManyRemotes { branch, remotes, .. } => {
                let remotes = remotes.join(", ");
                write!(f, "nothing says from which remote {branch} comes; {remotes} had it, and none is called origin")
            }
            Trouble::Failed { doing, said } => write!(f, "git could not {doing}: {said}"),
        }
    }
}

impl std::error::Error for Trouble {}
