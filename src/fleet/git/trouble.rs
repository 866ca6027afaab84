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
            Trouble::Failed { doing, said } => write!(f, "git could not {doing}: {said}"),
        }
    }
}

impl std::error::Error for Trouble {}
