//! A room beside a repository: objects that are made to look at something vanish with it.
//!
//! A worktree's whole present content becomes a commit here, staged or not, untracked files too. Neither the worktree nor
//! its index is touched, and nothing is left in the repository.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::super::merge::Trouble;
use super::super::merge::git::{answer, git};
use super::super::program::{Program, Unrun};

/// Reading every file of a large worktree takes this long at most.
const LIMIT: Duration = Duration::from_secs(120);
/// What a person or a hook set up may not stand in the way of a look.
const PLAINLY: [&str; 10] = [
    "-c",
    "core.safecrlf=false",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.splitIndex=false",
    "-c",
    "advice.addEmbeddedRepo=false",
    "-c",
    "gc.auto=0",
];

/// See the module.
#[derive(Debug)]
pub struct Room {
    folder: TempDir,
}

/// What a worktree holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The commit that is checked out.
    pub head: String,
    /// A commit of all that is there, by the same files always the same; the one checked out where nothing differs.
    pub commit: String,
    /// Why some of it is not in that commit.
    pub left_out: Option<String>,
}

impl Room {
    /// One beside the repository of a worktree.
    ///
    /// # Errors
    /// When git cannot be asked there, or nothing can be written to the folder for temporary files.
    pub fn beside(worktree: &Path) -> Result<Room, Trouble> {
        let args = ["rev-parse", "--path-format=absolute", "--git-path", "objects"];
        let objects = answer(git(worktree, args), "find its objects", worktree)?.out;
        let room = || {
            let folder = tempfile::Builder::new().prefix("aio-room-").tempdir()?;
            fs::create_dir_all(folder.path().join("objects/info"))?;
            fs::write(folder.path().join("objects/info/alternates"), objects)?;
            Ok(Room { folder })
        };
        room().map_err(own)
    }

    /// git in a folder, with what is in this room, and whatever it makes stays here.
    pub fn git<'a>(&self, folder: &Path, args: impl IntoIterator<Item = &'a str>) -> Program {
        git(folder, PLAINLY.into_iter().chain(args)).variable("GIT_OBJECT_DIRECTORY", self.objects()).limit(LIMIT)
    }

    /// Where objects are made.
    pub fn objects(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    /// The whole present content of a worktree.
    ///
    /// # Errors
    /// When it is not there, has no commit yet, or cannot be read.
    pub fn snapshot(&self, worktree: &Path) -> Result<Snapshot, Trouble> {
        let Head { folder, commit: head, tree } = self.head(worktree)?;
        // One that was given up leaves a lock behind.
        let aside = tempfile::tempdir_in(self.folder.path()).map_err(own)?;
        let index = aside.path().join("index");
        copy_index(&folder.join("index"), &index).map_err(own)?;
        let staged =
            |args: &[&'static str]| self.git(worktree, args.iter().copied()).variable("GIT_INDEX_FILE", &index);
        let added = staged(&["add", "--all", "--ignore-errors"]).run()?;
        let left_out = (!added.is_good()).then(|| added.complaint());
        let now = answer(staged(&["write-tree"]), "read what is there", worktree)?.text();
        if now == tree {
            return Ok(Snapshot { commit: head.clone(), head, left_out });
        }
        let commit = self.commit(worktree, &now, &parents(&folder, &head))?;
        Ok(Snapshot { head, commit, left_out })
    }

    fn head(&self, worktree: &Path) -> Result<Head, Trouble> {
        let program = self.git(worktree, ["rev-parse", "--absolute-git-dir", "HEAD", "HEAD^{tree}"]);
        let mut lines: Vec<Vec<u8>> = {
            let ran = answer(program, "see what is checked out", worktree)?;
            ran.out.trim_ascii_end().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
        };
        let mut id = || String::from_utf8_lossy(&lines.pop().unwrap_or_default()).into_owned();
        let (tree, commit) = (id(), id());
        Ok(Head { folder: OsString::from_vec(lines.join(&b'\n')).into(), commit, tree })
    }

    /// Dated as its first parent, so that it is the same whenever it is made.
    fn commit(&self, worktree: &Path, tree: &str, parents: &[String]) -> Result<String, Trouble> {
        let date = self.git(worktree, ["show", "--no-patch", "--format=%ct", &parents[0]]);
        let date = format!("@{} +0000", answer(date, "read a commit", worktree)?.text());
        let mut program = self.git(worktree, ["commit-tree", tree, "-m", "not committed"]);
        for parent in parents {
            program = program.args(["-p", parent]);
        }
        for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
            program = program.variable(name, "aio");
        }
        for address in ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
            program = program.variable(address, "aio@localhost");
        }
        for time in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            program = program.variable(time, &date);
        }
        Ok(answer(program, "make a commit of what is there", worktree)?.text())
    }
}

struct Head {
    /// Where git keeps what is the worktree's own.
    folder: PathBuf,
    commit: String,
    tree: String,
}

/// A merge that is under way counts as made.
fn parents(folder: &Path, head: &str) -> Vec<String> {
    let merged = fs::read_to_string(folder.join("MERGE_HEAD")).unwrap_or_default();
    let merged = merged.lines().filter(|line| !line.is_empty()).map(str::to_owned);
    [head.to_owned()].into_iter().chain(merged).collect()
}

/// Dated as the original: git looks closer at files that are not older than their index.
fn copy_index(from: &Path, to: &Path) -> io::Result<()> {
    match fs::copy(from, to) {
        // Nothing was ever staged.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => File::options().write(true).open(to)?.set_modified(fs::metadata(from)?.modified()?),
    }
}

fn own(error: io::Error) -> Trouble {
    Trouble::Unrun(Unrun::Io("git".into(), error))
}
