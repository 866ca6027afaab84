//! What a worktree holds, and where a repository's worktrees are.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use std::time::Duration;

use super::{Repository, Trouble, done, entries, git, whole_path};

/// For a look at every file of a worktree.
const LOOKING: Duration = Duration::from_secs(120);

/// A worktree, as git keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Where it is, or was.
    pub path: PathBuf,
    /// The branch it is on.
    pub branch: Option<String>,
    /// Whether somebody said that it is to stay.
    pub is_locked: bool,
    /// Whether its folder is gone.
    pub is_gone: bool,
}

impl Repository {
    /// All its worktrees, the main one first.
    ///
    /// # Errors
    /// When git does not answer.
    pub fn worktrees(&self) -> Result<Vec<Listed>, Trouble> {
        let ran = done(self.git().args(["worktree", "list", "--porcelain", "-z"]), "list the worktrees")?;
        let mut found: Vec<Listed> = Vec::new();
        for line in entries(&ran.out) {
            if let Some(path) = line.strip_prefix(b"worktree ") {
                found.push(Listed { path: OsStr::from_bytes(path).into(), ..Listed::default() });
            } else if let Some(last) = found.last_mut() {
                last.note(line);
            }
        }
        Ok(found)
    }

    /// The main one. None where it is known nowhere: a bare repository has none, and `git init --separate-git-dir` does not
    /// write down which it is. (The first that git lists is then the repository itself.)
    ///
    /// # Errors
    /// When git does not answer.
    pub fn main_worktree(&self) -> Result<Option<PathBuf>, Trouble> {
        let common = self.common_dir()?;
        let own = done(self.git().args(["rev-parse", "--absolute-git-dir"]), "find the repository")?;
        if whole_path(own.out).canonicalize().is_ok_and(|own| own == common) {
            return Ok((!self.is_bare()).then(|| self.root().to_owned()));
        }
        // Submodules say it; else it is around `.git`.
        let named = git(&common).args(["config", "--get", "core.worktree"]).run()?;
        let candidate = match named.is_good() {
            true => common.join(whole_path(named.out)).canonicalize().ok(),
            false if common.file_name() == Some(OsStr::new(".git")) => common.parent().map(Path::to_owned),
            false => None,
        };
        let is_main = |folder: &PathBuf| {
            Repository::open(folder).is_ok_and(|main| {
                !main.is_bare() && main.root() == folder && main.common_dir().is_ok_and(|its| its == common)
            })
        };
        Ok(candidate.filter(is_main))
    }

    /// Where a branch is checked out.
    ///
    /// # Errors
    /// When git does not answer.
    pub fn checked_out_at(&self, branch: &str) -> Result<Option<PathBuf>, Trouble> {
        let mut worktrees = self.worktrees()?.into_iter();
        Ok(worktrees.find(|worktree| worktree.branch.as_deref() == Some(branch)).map(|worktree| worktree.path))
    }

    /// How many commits `tip` has that `base` has not.
    ///
    /// # Errors
    /// When one of them is no commit.
    pub fn commits_ahead(&self, base: &str, tip: &str) -> Result<usize, Trouble> {
        let range = format!("{base}..{tip}");
        let ran =
            done(self.git().args(["rev-list", "--count", "--end-of-options", &range, "--"]), "count the commits")?;
        Ok(ran.text().parse().unwrap_or_default())
    }

    /// What git ignores in the worktree: files, and folders in which everything is ignored, from its top. Sorted.
    ///
    /// # Errors
    /// When git does not answer.
    pub fn ignored(&self) -> Result<Vec<PathBuf>, Trouble> {
        let list = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"];
        let listed = done(self.git().args(list).limit(LOOKING), "list what it ignores")?;
        Ok(entries(&listed.out).map(|path| PathBuf::from(OsStr::from_bytes(path))).collect())
    }
}

impl Listed {
    fn note(&mut self, line: &[u8]) {
        match line.split(|byte| *byte == b' ').next() {
            Some(b"branch") => {
                let branch = line.strip_prefix(b"branch refs/heads/").unwrap_or_default();
                self.branch = Some(String::from_utf8_lossy(branch).into_owned());
            }
            Some(b"locked") => self.is_locked = true,
            Some(b"prunable") => self.is_gone = true,
            _ => {}
        }
    }
}

/// The bytes that may yet be written at a path.
///
/// # Errors
/// When nothing is there.
pub fn free_space(path: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
