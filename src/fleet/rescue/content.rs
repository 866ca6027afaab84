//! What lies in a worktree, as a tree of git's: made in an index of its own, so that the worktree's is not touched.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::Unsaved;
use super::site::Site;
use crate::fleet::git::{Trouble, complaint, done, entries};
use crate::fleet::program::Program;

/// For reading every file of a worktree.
const READING: Duration = Duration::from_secs(600);

/// Objects are on the disk before anything is removed on their account. A file that git finds big goes into a pack, which it
/// loses while it writes a batch of others: so it finds none big.
pub(super) const DURABLE: [&str; 6] =
    ["-c", "core.fsync=all", "-c", "core.fsyncMethod=batch", "-c", "core.bigFileThreshold=1048576g"];

/// The tree of the folder: every file that git has in the index or does not ignore. None where the folder vanished.
pub(super) fn in_folder(site: &Site) -> Result<Option<String>, Unsaved> {
    if !site.is_there {
        return Ok(None);
    }
    let scratch = Scratch::new(site.git(), &site.worktree)?;
    scratch.begin_as(&listed(site.git())?)?;
    let add = ["-c", "advice.addEmbeddedRepo=false", "-c", "core.safecrlf=false", "add", "--all", "--sparse"];
    done(scratch.git().args(add).limit(READING), "keep what is not committed")?;
    scratch.write_tree()
}

/// The tree of what is staged. None while there are conflicts: then the files have what was made of them, and their
/// versions are in the commits.
pub(super) fn in_index(site: &Site) -> Result<Option<String>, Unsaved> {
    let Some(admin) = &site.admin else { return Ok(None) };
    let index = admin.join("index");
    let scratch = Scratch::new(site.git(), &site.worktree)?;
    match fs::copy(&index, &scratch.index) {
        Ok(_) => scratch.write_tree(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Unsaved::Io(index, error)),
    }
}

/// Whether a folder is what its index has, and that what is committed: every file is read, whatever the index was told of it.
pub(super) fn is_committed(git: Program, folder: &Path) -> Result<bool, Unsaved> {
    let scratch = Scratch::new(git.clone(), folder)?;
    scratch.begin_as(&listed(git)?)?;
    let status = ["status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=none"];
    Ok(done(scratch.git().args(status).limit(READING), "look at a nested repository")?.out.is_empty())
}

/// Every entry of an index, as [`Entry::all`] reads them.
pub(super) fn listed(git: Program) -> Result<Vec<u8>, Unsaved> {
    Ok(done(git.args(["ls-files", "--stage", "-t", "-z"]), "read the index")?.out)
}

/// A file of the index.
pub(super) struct Entry<'a> {
    /// `MODE OBJECT STAGE\tPATH`
    line: &'a [u8],
    pub(super) path: &'a Path,
    is_skipped: bool,
}

impl<'a> Entry<'a> {
    pub(super) fn all(listed: &'a [u8]) -> impl Iterator<Item = Entry<'a>> {
        entries(listed).filter_map(|entry| {
            let line = entry.get(2..)?;
            let tab = memchr::memchr(b'\t', line)?;
            Some(Entry { line, path: Path::new(OsStr::from_bytes(&line[tab + 1..])), is_skipped: entry[0] == b'S' })
        })
    }

    /// Whether it stands for a commit of another repository.
    pub(super) fn is_submodule(&self) -> bool {
        self.line.starts_with(b"160000")
    }
}

/// An index that nobody else uses.
struct Scratch<'f> {
    git: Program,
    folder: &'f Path,
    index: PathBuf,
    _place: TempDir,
}

impl<'f> Scratch<'f> {
    fn new(git: Program, folder: &'f Path) -> Result<Scratch<'f>, Unsaved> {
        let place = tempfile::tempdir().map_err(|error| Unsaved::Io(PathBuf::from("a temporary folder"), error))?;
        Ok(Scratch { git, folder, index: place.path().join("index"), _place: place })
    }

    fn git(&self) -> Program {
        let trusting = ["-c", "core.untrackedCache=false", "-c", "core.ignoreStat=false"];
        self.git.clone().args(DURABLE).args(trusting).variable("GIT_INDEX_FILE", &self.index)
    }

    /// Puts in what the worktree's index has, but not when it last saw each file: a file that was written twice within one
    /// tick of the clock would pass as unchanged, and so would one that was declared so. So all are read.
    fn begin_as(&self, listed: &[u8]) -> Result<(), Unsaved> {
        let lines = joined(Entry::all(listed).map(|entry| entry.line));
        done(self.git().args(["update-index", "-z", "--index-info"]).input(lines), "begin an index")?;
        // Of a sparse checkout: not deleted, but never there.
        let is_absent = |entry: &Entry<'_>| fs::symlink_metadata(self.folder.join(entry.path)).is_err();
        let left_out = Entry::all(listed).filter(|entry| entry.is_skipped && is_absent(entry));
        let left_out = joined(left_out.map(|entry| entry.path.as_os_str().as_bytes()));
        let skip = ["update-index", "-z", "--skip-worktree", "--stdin"];
        done(self.git().args(skip).input(left_out), "leave out what is not checked out")?;
        Ok(())
    }

    fn write_tree(&self) -> Result<Option<String>, Unsaved> {
        let ran = self.git().arg("write-tree").run()?;
        if ran.is_good() {
            return Ok(Some(ran.text()));
        }
        let unmerged = done(self.git().args(["ls-files", "--unmerged", "-z"]), "look for conflicts")?;
        match unmerged.out.is_empty() {
            true => Err(Trouble::Failed { doing: "write a tree", said: complaint(&ran) }.into()),
            false => Ok(None),
        }
    }
}

fn joined<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    entries.flat_map(|entry| [entry, b"\0"]).flatten().copied().collect()
}
