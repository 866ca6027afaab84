//! A room beside a repository: objects that are made to look at something vanish with it.
//!
//! A worktree's whole present content becomes a commit here, staged or not, untracked files too. Neither the worktree nor
//! its index is touched, and nothing is left in the repository.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::super::git::{self, Repository, complaint, entries, whole_path};
use super::super::merge::Trouble;
use super::super::merge::git::{answer, git};
use super::super::program::{Program, Ran, Unrun};
use super::batch::Pair;

/// Reading every file of a large worktree takes this long at most.
const LIMIT: Duration = Duration::from_secs(120);
/// How many files git may die of before the rest is given up.
const TRIES: usize = 20;
/// What a person or a hook set up may not stand in the way of a look.
const PLAINLY: [&str; 12] = [
    "-c",
    "core.safecrlf=false",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.splitIndex=false",
    "-c",
    "advice.addEmbeddedRepo=false",
    "-c",
    "advice.updateSparsePath=false",
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
    /// The commit that is checked out; empty on a branch that has none.
    pub head: String,
    /// A commit of all that is there, by the same files always the same; the one checked out where nothing differs.
    pub commit: String,
    /// Why some of it is not in that commit.
    pub left_out: Option<String>,
    /// The files whose conflict nobody resolved; what stands in them counts as their content.
    pub unmerged: Vec<Vec<u8>>,
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
    /// When it is not there, or cannot be read.
    pub fn snapshot(&self, worktree: &Path) -> Result<Snapshot, Trouble> {
        let Head { folder, commit: head, tree } = self.head(worktree)?;
        // One that was given up leaves a lock behind.
        let aside = tempfile::tempdir_in(self.folder.path()).map_err(own)?;
        let index = aside.path().join("index");
        copy_index(&folder.join("index"), &index).map_err(own)?;
        let staged =
            |args: &[&'static str]| self.git(worktree, args.iter().copied()).variable("GIT_INDEX_FILE", &index);
        let unmerged =
            unmerged(&answer(staged(&["ls-files", "--unmerged", "-z"]), "see what conflicts", worktree)?.out);
        let left_out = take_in(|| staged(&["add", "--sparse", "--all", "--ignore-errors"]))?;
        let now = answer(staged(&["write-tree"]), "read what is there", worktree)?.text();
        if now == tree {
            return Ok(Snapshot { commit: head.clone(), head, left_out, unmerged });
        }
        let parents = if head.is_empty() { Vec::new() } else { parents(&folder, &head) };
        let commit = self.commit(worktree, &now, &parents)?;
        Ok(Snapshot { head, commit, left_out, unmerged })
    }

    /// Whether two commits have no history in common.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn is_unrelated(&self, repository: &Path, (ours, theirs): &Pair) -> Result<bool, Trouble> {
        Ok(self.git(repository, ["merge-base", ours, theirs]).run()?.code == 1)
    }

    fn head(&self, worktree: &Path) -> Result<Head, Trouble> {
        let ask = |what: &[&'static str]| {
            let args = ["rev-parse", "--absolute-git-dir"].into_iter().chain(what.iter().copied());
            answer(self.git(worktree, args), "see what is checked out", worktree)
        };
        let ran = match ask(&["HEAD", "HEAD^{tree}"]) {
            Err(_) if is_unborn(worktree) => {
                return Ok(Head { folder: whole_path(ask(&[])?.out), commit: String::new(), tree: String::new() });
            }
            asked => asked?,
        };
        let mut lines: Vec<Vec<u8>> =
            ran.out.trim_ascii_end().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let mut id = || String::from_utf8_lossy(&lines.pop().unwrap_or_default()).into_owned();
        let (tree, commit) = (id(), id());
        Ok(Head { folder: OsString::from_vec(lines.join(&b'\n')).into(), commit, tree })
    }

    /// Dated as its first parent, so that it is the same whenever it is made.
    pub(super) fn commit(&self, worktree: &Path, tree: &str, parents: &[String]) -> Result<String, Trouble> {
        let seconds = match parents.first() {
            Some(parent) => {
                let date = self.git(worktree, ["show", "--no-patch", "--format=%ct", parent]);
                answer(date, "read a commit", worktree)?.text()
            }
            None => "0".to_owned(),
        };
        let date = format!("@{seconds} +0000");
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

/// Has git add all that it can read, and says why it could not read the rest. A file that it dies of is left out, and the
/// others are added all the same.
fn take_in(add: impl Fn() -> Program) -> Result<Option<String>, Trouble> {
    let mut unreadable: Vec<Vec<u8>> = Vec::new();
    let mut said = None;
    for _ in 0..TRIES {
        let mut program = add();
        if !unreadable.is_empty() {
            program = program.args(["--", "."]);
        }
        for path in &unreadable {
            program = program.arg(OsStr::from_bytes(&[b":(top,exclude,literal)", &path[..]].concat()));
        }
        let ran = program.run()?;
        if ran.is_good() {
            break;
        }
        let (path, why) = deadly(&ran).map_or_else(|| (None, complaint(&ran)), |(path, why)| (Some(path), why));
        said.get_or_insert(why);
        match path.filter(|path| !unreadable.contains(path)) {
            Some(path) => unreadable.push(path),
            None => break,
        }
    }
    let more = unreadable.len().saturating_sub(1);
    Ok(said.map(|why| if more == 0 { why } else { format!("{why}, and {more} more") }))
}

/// The file that git died of, where it says so: `fatal: <file>: clean filter '<name>' failed`, and what it said.
fn deadly(ran: &Ran) -> Option<(Vec<u8>, String)> {
    let mut lines = ran.err.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"fatal: "));
    lines.find_map(|line| {
        let at = memchr::memmem::rfind(line, b": clean filter '")?;
        Some((line[..at].to_owned(), String::from_utf8_lossy(line).into_owned()))
    })
}

/// Of `mode SP id SP side TAB name NUL`, a line for each side, the names.
fn unmerged(listed: &[u8]) -> Vec<Vec<u8>> {
    let name = |entry: &[u8]| entry.splitn(2, |byte| *byte == b'\t').nth(1).map(<[u8]>::to_vec);
    let mut names: Vec<Vec<u8>> = entries(listed).filter_map(name).collect();
    names.dedup();
    names
}

/// Whether it is on a branch on which nothing was committed yet.
fn is_unborn(worktree: &Path) -> bool {
    let Ok(repository) = Repository::open(worktree) else { return false };
    match repository.head() {
        // One whose commit cannot be read has a ref.
        Ok(git::Head::Unborn(branch)) => repository.has_branch(&branch).is_ok_and(|has| !has),
        _ => false,
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
