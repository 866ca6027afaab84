//! What stands in a worktree where a merge would write.
//!
//! Guarantees that no merge is begun that git would refuse: a `git merge` whose strategy gives up puts the worktree back by force
//! (`restore_state` in its merge.c), and what no stash knows of is lost, such as an edit of a file that is assumed to be unchanged.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use super::super::git::{complaint, entries};
use super::super::program::{Program, Ran};
use super::git::{answer, branch_ref, common, git, run_merging, touched};
use super::trouble::Trouble;
use crate::protocol::spelling;

/// Merge drivers of a person's may take their time.
const LIMIT: Duration = Duration::from_secs(600);
/// So many names fit in a command line.
const NAMES: usize = 500;
/// What git's mode of a submodule is.
const GITLINK: &str = "160000";
/// And of what is not there.
const ABSENT: &str = "000000";

/// A path that a merge writes.
#[derive(Debug)]
struct Written {
    path: Vec<u8>,
    /// A file or link; else a submodule, which leaves a folder that is there as it is, or nothing.
    is_file: bool,
    is_there: bool,
}

/// All that a merge writes.
#[derive(Debug, Default)]
pub(super) struct Brought {
    written: Vec<Written>,
}

impl Brought {
    /// By merging these commits into a target, each on its own.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub(super) fn by(folder: &Path, target: &str, arriving: &[String]) -> Result<Brought, Trouble> {
        let target = branch_ref(target);
        let mut brought = Brought::default();
        for commit in arriving {
            // What has no history in common is refused elsewhere.
            if common(folder, &target, commit)?.is_some() {
                brought.written.extend(written(folder, &target, commit)?);
            }
        }
        Ok(brought)
    }

    /// The names of all.
    pub(super) fn names(&self) -> HashSet<&[u8]> {
        self.written.iter().map(|written| &*written.path).collect()
    }

    /// Refuses where anything stands in the way that git does not track: files, or what lies below a folder that a file takes
    /// the place of. What git ignores it would overwrite without a word.
    ///
    /// # Errors
    /// When something does, or git cannot be asked.
    pub(super) fn must_find_room(&self, folder: &Path) -> Result<(), Trouble> {
        let untracked = untracked(folder, &self.obstacles(folder))?;
        let ignored = ignored(folder, &untracked)?;
        let are_ignored = !ignored.is_empty();
        let files = if are_ignored { ignored } else { untracked };
        match files.is_empty() {
            true => Ok(()),
            false => {
                let files = files.iter().map(|name| spelling::encode(name).into_owned()).collect();
                Err(Trouble::Untracked { folder: folder.to_owned(), files, are_ignored })
            }
        }
    }

    fn obstacles(&self, folder: &Path) -> BTreeSet<&Path> {
        let there = self.written.iter().filter(|written| written.is_there);
        there.filter_map(|written| written.obstacle(folder)).collect()
    }
}

impl Written {
    /// What is at its place already, or at that of a folder around it and is none.
    fn obstacle(&self, folder: &Path) -> Option<&Path> {
        let path = Path::new(OsStr::from_bytes(&self.path));
        let mut ways: Vec<&Path> = path.ancestors().filter(|way| !way.as_os_str().is_empty()).collect();
        ways.reverse();
        for way in ways {
            let is_folder = folder.join(way).symlink_metadata().ok()?.is_dir();
            if !is_folder || (way == path && self.is_file) {
                return Some(way);
            }
        }
        None
    }
}

/// What the merge of one commit writes; where git cannot tell, all that the commit changed.
fn written(folder: &Path, target: &str, commit: &str) -> Result<Vec<Written>, Trouble> {
    let Ok(tree) = outcome(folder, trial(folder, target, commit)) else {
        let written = |path| Written { path, is_file: true, is_there: true };
        return Ok(touched(folder, target, commit)?.into_iter().map(written).collect());
    };
    let args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--ignore-submodules=none", target, &tree];
    let ran = answer(git(folder, args), "see what a merge would write", folder)?;
    let mut words = entries(&ran.out);
    let mut all = Vec::new();
    // `:old mode SP new mode SP old SP new SP letter NUL path NUL`
    while let (Some(what), Some(path)) = (words.next(), words.next()) {
        let what = String::from_utf8_lossy(what);
        let mode = what.split(' ').nth(1).unwrap_or_default();
        all.push(Written { path: path.to_vec(), is_file: mode != GITLINK, is_there: mode != ABSENT });
    }
    Ok(all)
}

/// Tries a merge that touches no worktree.
fn trial(folder: &Path, ours: &str, theirs: &str) -> Program {
    git(folder, ["merge-tree", "--write-tree", "--name-only", "--no-messages", ours, theirs]).limit(LIMIT)
}

/// The tree that came of it, conflicts and all; else what stopped it.
fn outcome(folder: &Path, trial: Program) -> Result<String, String> {
    match run_merging(trial, folder) {
        // 1 where there are conflicts.
        Ok(ran @ Ran { code: 0 | 1, .. }) => Ok(ran.text().lines().next().unwrap_or_default().to_owned()),
        Ok(ran) => Err(ran.complaint()),
        Err(unrun) => Err(unrun.to_string()),
    }
}

/// The tree of a merge without conflicts.
pub(super) fn clean_outcome(folder: &Path, ours: &str, theirs: &str) -> Result<Option<String>, Trouble> {
    let ran = run_merging(trial(folder, ours, theirs), folder)?;
    Ok(ran.is_good().then(|| ran.text()))
}

/// Goes through all that git checks before a merge writes its first file, of tracked files too that are said to be unchanged.
/// Else why it would refuse, or what it could not tell.
pub(super) fn rehearse(
    folder: &Path,
    ours: &str,
    theirs: &str,
    until: impl FnOnce(Program) -> Program,
) -> Result<(), String> {
    let tree = outcome(folder, until(trial(folder, ours, theirs)))?;
    // What was only touched is not changed; the merge itself would look again too.
    let run = |program: Program| program.limit(LIMIT).run().map_err(|unrun| unrun.to_string());
    run(git(folder, ["update-index", "-q", "--refresh"]))?;
    // A merge leaves submodules as they are, whatever is set for other commands.
    let check = ["read-tree", "--dry-run", "--no-recurse-submodules", "-m", "-u", ours, &tree];
    match run(git(folder, check))? {
        ran if ran.is_good() => Ok(()),
        ran => Err(complaint(&ran)),
    }
}

/// Of what is there, all that git does not track, ignored or not; what lies below folders in its stead.
fn untracked(folder: &Path, there: &BTreeSet<&Path>) -> Result<Vec<Vec<u8>>, Trouble> {
    if there.is_empty() {
        return Ok(Vec::new());
    }
    let what = "see what it does not track";
    let index = answer(git(folder, ["ls-files", "-z", "--cached"]), what, folder)?;
    let tracked: HashSet<&[u8]> = entries(&index.out).collect();
    let left: Vec<&Path> = there.iter().copied().filter(|way| !tracked.contains(way.as_os_str().as_bytes())).collect();
    let mut found = Vec::new();
    for ways in left.chunks(NAMES) {
        let list = git(folder, ["--literal-pathspecs", "ls-files", "-z", "--others", "--"]);
        found.extend(entries(&answer(list.args(ways), what, folder)?.out).map(<[u8]>::to_vec));
    }
    Ok(found)
}

/// Those that git ignores.
fn ignored(folder: &Path, untracked: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Trouble> {
    if untracked.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<u8> = untracked.iter().flat_map(|name| [name, &b"\0"[..]].concat()).collect();
    let ran = git(folder, ["check-ignore", "-z", "--stdin"]).input(names).run()?;
    Ok(entries(&ran.out).map(<[u8]>::to_vec).collect())
}
