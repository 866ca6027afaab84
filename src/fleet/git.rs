//! Git, by its own program: what a repository is, and what stands in it.
//!
//! Guarantees that nothing asks a question of a person, that nothing in the environment leads git elsewhere, and that every
//! call ends in time. Changes refs where it is told to, and what is known of a remote; never a worktree. Does not decide:
//! what a branch without a remote or a fetch that failed means is for the caller to say.

pub mod locks;
pub mod look;
pub mod remote;
mod trouble;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use self::remote::Heard;
pub use self::trouble::Trouble;
use super::program::{Program, Ran};

/// What leads git to another repository, index, configuration or meaning of a path; git's own list
/// (`rev-parse --local-env-vars`) and what it forgot. What a person configures by `GIT_CONFIG_COUNT` stays.
pub const REDIRECTING: [&str; 26] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_DATE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DEFAULT_HASH",
    "GIT_DIFF_OPTS",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Options of every call: plain words, no paths in quotes, nothing that goes on in the background afterwards, and
/// patience, in milliseconds, with others of the fleet who are at the same refs.
const PLAIN: [&str; 13] = [
    "--no-pager",
    "-c",
    "core.quotepath=false",
    "-c",
    "color.ui=false",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "maintenance.auto=false",
    "-c",
    "core.filesRefLockTimeout=10000",
    "-c",
    "core.packedRefsTimeout=10000",
];

/// A repository, seen from one of its worktrees.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
    is_bare: bool,
    /// What its remote said last of the branch that is its default one.
    heard: OnceLock<Heard>,
}

/// What HEAD is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A branch.
    Branch(String),
    /// A branch without a commit.
    Unborn(String),
    /// A commit.
    Detached(String),
}

/// Git in that folder, which asks nothing and is led astray by nothing.
pub fn git(folder: &Path) -> Program {
    let program = Program::new("git").within(folder).without(&REDIRECTING).args(PLAIN);
    isolated(program)
        .variable("LC_ALL", "C")
        .variable("GIT_OPTIONAL_LOCKS", "0")
        .variable("GIT_TERMINAL_PROMPT", "0")
        // Set and empty: then nothing else that the person set up is asked.
        .variable("GIT_ASKPASS", "")
        .variable("GCM_INTERACTIVE", "never")
        // ssh has to ask this program instead of the terminal, and this one refuses.
        .variable("SSH_ASKPASS", "false")
        .variable("SSH_ASKPASS_REQUIRE", "force")
        .variable("GIT_EDITOR", "false")
        .variable("GIT_MERGE_AUTOEDIT", "no")
}

/// Runs it; anything but success is trouble.
///
/// # Errors
/// When it cannot be run, or fails.
pub fn done(program: Program, doing: &'static str) -> Result<Ran, Trouble> {
    match program.patiently(is_passing)? {
        ran if ran.is_good() => Ok(ran),
        ran => Err(Trouble::Failed { doing, said: complaint(&ran) }),
    }
}

/// Whether it failed because another git was just adding or removing a worktree: what git notes of one it neither writes nor
/// takes away at once, and all others read it all the same (`failed to read …/worktrees/4/commondir: Success`,
/// `failed to read '…/worktrees/4/locked': No such file or directory`).
pub fn is_passing(ran: &Ran) -> bool {
    let said = String::from_utf8_lossy(&ran.err);
    said.lines().any(|line| line.contains("failed to read ") && line.contains("/worktrees/"))
}

/// What git gave as the reason: the first, as those that follow say no more than that it then gave up, or advise.
pub fn complaint(ran: &Ran) -> String {
    let said = String::from_utf8_lossy(&ran.err);
    let reason = said.lines().find_map(|line| line.strip_prefix("error: ").or_else(|| line.strip_prefix("fatal: ")));
    reason.map_or_else(|| ran.complaint(), |reason| reason.trim().to_owned())
}

/// The entries of a list whose ends are NUL.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0).filter(|entry| !entry.is_empty())
}

/// The path that is the whole of an answer.
pub fn whole_path(mut bytes: Vec<u8>) -> PathBuf {
    bytes.pop_if(|last| *last == b'\n');
    OsString::from_vec(bytes).into()
}

impl Repository {
    /// The repository around a folder.
    ///
    /// # Errors
    /// When there is none, or git may not look.
    pub fn open(folder: &Path) -> Result<Repository, Trouble> {
        if !folder.is_dir() {
            return Err(Trouble::NoRepository(folder.to_owned()));
        }
        let kind = git(folder).args(["rev-parse", "--is-bare-repository", "--absolute-git-dir"]).run()?;
        if !kind.is_good() {
            let said = complaint(&kind);
            let is_none = said.contains("not a git repository");
            return Err(if is_none {
                Trouble::NoRepository(folder.to_owned())
            } else {
                Trouble::Failed { doing: "look at the repository", said }
            });
        }
        if let Some(git_dir) = kind.out.strip_prefix(b"true\n") {
            return Ok(Repository { root: whole_path(git_dir.to_vec()), is_bare: true, heard: OnceLock::new() });
        }
        let root = done(git(folder).args(["rev-parse", "--show-toplevel"]), "find the worktree")?;
        Ok(Repository { root: whole_path(root.out), is_bare: false, heard: OnceLock::new() })
    }

    /// The top of the worktree; of a bare repository, the repository itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it has no worktree here.
    pub fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// Git, in this worktree.
    pub fn git(&self) -> Program {
        git(&self.root)
    }

    /// What all worktrees of the repository share, physical.
    ///
    /// # Errors
    /// When git does not answer.
    pub fn common_dir(&self) -> Result<PathBuf, Trouble> {
        let ran = done(self.git().args(["rev-parse", "--git-common-dir"]), "find the repository")?;
        let dir = self.root.join(whole_path(ran.out));
        Ok(dir.canonicalize().unwrap_or(dir))
    }

    /// What HEAD is.
    ///
    /// # Errors
    /// When git does not answer.
    pub fn head(&self) -> Result<Head, Trouble> {
        let commit = self.commit("HEAD")?;
        let branch = self.git().args(["symbolic-ref", "--quiet", "HEAD"]).run()?.text();
        match (branch.strip_prefix("refs/heads/"), commit) {
            (Some(branch), Some(_)) => Ok(Head::Branch(branch.to_owned())),
            (Some(branch), None) => Ok(Head::Unborn(branch.to_owned())),
            (None, Some(commit)) => Ok(Head::Detached(commit)),
            (None, None) => Err(Trouble::NoCommits(self.root.clone())),
        }
    }

    /// The commit of that name, if something has it.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn commit(&self, name: &str) -> Result<Option<String>, Trouble> {
        let named = format!("{name}^{{commit}}");
        let ran = self.git().args(["rev-parse", "--quiet", "--verify", "--end-of-options", &named]).run()?;
        Ok(ran.is_good().then(|| ran.text()))
    }

    /// Whether anything was committed on what is checked out.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn has_commits(&self) -> Result<bool, Trouble> {
        Ok(self.commit("HEAD")?.is_some())
    }

    /// Whether its history was cut off.
    ///
    /// # Errors
    /// When git does not answer.
    pub fn is_shallow(&self) -> Result<bool, Trouble> {
        let ran = done(self.git().args(["rev-parse", "--is-shallow-repository"]), "look at the repository")?;
        Ok(ran.text() == "true")
    }

    /// Whether there is a branch of that name here.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn has_branch(&self, name: &str) -> Result<bool, Trouble> {
        self.has_ref(&format!("refs/heads/{name}"))
    }

    /// Whether there is a ref of that full name.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn has_ref(&self, name: &str) -> Result<bool, Trouble> {
        Ok(self.git().args(["show-ref", "--verify", "--quiet", "--", name]).run()?.is_good())
    }

    /// Whether a branch may be called that.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn is_branch_name(&self, name: &str) -> Result<bool, Trouble> {
        let ran = self.git().args(["check-ref-format", &format!("refs/heads/{name}")]).run()?;
        Ok(ran.is_good() && !name.starts_with('-') && name != "HEAD")
    }

    /// Changes refs, all or none of them. `changes` are lines of `update-ref --stdin -z`, each `what SP ref NUL commit NUL`.
    ///
    /// # Errors
    /// When one of them is not what it should be, or cannot be written.
    pub fn change_refs(&self, changes: Vec<u8>, doing: &'static str) -> Result<(), Trouble> {
        let program = self.git().args(["-c", "core.hooksPath=/dev/null", "update-ref", "-z", "--stdin"]);
        done(program.input(changes), doing).map(drop)
    }
}

#[cfg(not(test))]
fn isolated(program: Program) -> Program {
    program
}

/// What the machine's owner told git is no test's business.
#[cfg(test)]
fn isolated(program: Program) -> Program {
    testing::isolated(program)
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
