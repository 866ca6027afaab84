//! Where a target can be merged into: the worktree it is checked out in, or one that is made for it and vanishes again.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::super::git::entries;
use super::git::{answer, branch_ref, common, git, own_folder, resolve, run_merging, status, tip, touched};
use super::present::{moved_later, under_way};
use super::trouble::Trouble;
use crate::fleet::program::{Program, Unrun};
use crate::host::process::{Environment, all_with_environment};
use crate::protocol::spelling;

/// Writing out a large repository takes this long at most.
const LIMIT: Duration = Duration::from_secs(600);
/// What the folders that are made begin with.
const MADE: &str = "merge-";
/// The variable by which a git at work in such a folder is known, should it outlive whoever started it.
const ROOM: &str = "AIO_MERGE_ROOM";
/// The variable by which a git that merges where a branch is checked out is known: the worktree.
const INTO: &str = "AIO_MERGE_INTO";
/// A worktree to merge in, in which nothing else is under way.
#[derive(Debug)]
pub struct Site {
    /// The worktree.
    pub folder: PathBuf,
    repository: PathBuf,
    target: String,
    /// The commit it begins at.
    start: String,
    /// What was changed there and not committed.
    changed: Vec<Vec<u8>>,
    /// Where it was made for this.
    made_in: Option<TempDir>,
}

impl Site {
    /// The worktree that has the target checked out; else one below `scratch`, where the target's commit is checked out and
    /// the branch itself is not, so that it stays free should this end halfway.
    ///
    /// # Errors
    /// When there is no such branch, or something stands in the way there.
    pub fn open(repository: &Path, scratch: &Path, target: &str, arriving: &str) -> Result<Site, Trouble> {
        let start = tip(repository, target)?;
        let site = |Free { folder, changed }, made_in| Site {
            folder,
            changed,
            repository: repository.to_owned(),
            target: target.to_owned(),
            start: start.clone(),
            made_in,
        };
        match must_be_free(repository, target, &[arriving.to_owned()])? {
            Some(free) => Ok(site(free, None)),
            None => {
                let made_in = room_in(scratch)?;
                let folder = made_in.path().join("worktree");
                let program = git(repository, ["worktree", "add", "--quiet", "--detach"]);
                let program = program.arg(&folder).arg(&start).variable(ROOM, made_in.path()).limit(LIMIT);
                answer(program, "make a worktree to merge in", repository)?;
                Ok(site(Free { folder, changed: Vec::new() }, Some(made_in)))
            }
        }
    }

    /// Whether it is only for this merge.
    pub fn is_temporary(&self) -> bool {
        self.made_in.is_some()
    }

    /// Has a git that works here be known by it.
    pub(super) fn marked(&self, program: Program) -> Program {
        match &self.made_in {
            Some(room) => program.variable(ROOM, room.path()),
            None => program.variable(INTO, &self.folder),
        }
    }

    /// The commit whose merge is in progress.
    pub(super) fn merges(&self) -> Result<Option<String>, Trouble> {
        let head = std::fs::read_to_string(own_folder(&self.folder)?.join("MERGE_HEAD"));
        Ok(head.ok().map(|head| head.trim().to_owned()))
    }

    /// Takes away the lock on the index that a git which was killed here left behind; it would keep everybody out.
    pub(super) fn unlock(&self) -> Result<(), Trouble> {
        match std::fs::remove_file(own_folder(&self.folder)?.join("index.lock")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Trouble::Unrun(Unrun::Io("git".into(), error)))
            }
            _ => Ok(()),
        }
    }

    /// Whether nothing was committed here.
    pub(super) fn is_at_start(&self) -> Result<bool, Trouble> {
        Ok(self.head()? == self.start)
    }

    /// Whether the same is not committed here as when it began.
    pub(super) fn is_changed_as_before(&self) -> Result<bool, Trouble> {
        Ok(status(&self.folder, false)? == self.changed)
    }

    /// Whether what is staged is the merge of a commit with where this began, and nothing else.
    pub(super) fn has_staged_only(&self, commit: &str) -> Result<bool, Trouble> {
        let staged = git(&self.folder, ["write-tree"]).run()?;
        let begun = git(&self.folder, ["rev-parse", "--verify", &format!("{}^{{tree}}", self.start)]).run()?;
        if !staged.is_good() || staged.text() == begun.text() {
            return Ok(false);
        }
        let merge = git(&self.folder, ["merge-tree", "--write-tree", &self.start, commit]);
        let merged = run_merging(merge, &self.folder)?;
        Ok(merged.is_good() && merged.text() == staged.text())
    }

    fn head(&self) -> Result<String, Trouble> {
        let head = resolve(&self.folder, &["HEAD".to_owned()])?.pop().flatten();
        let why = || Trouble::Moved { branch: self.target.clone() };
        head.ok_or_else(why)
    }

    /// Makes the target what was merged here, and gives that commit. One that went on meanwhile is left alone.
    ///
    /// # Errors
    /// When the target is not where this began, or is not what was merged here.
    pub fn settle(&self) -> Result<String, Trouble> {
        let head = self.head()?;
        if self.is_temporary() {
            // It may have been checked out meanwhile, or be rebased.
            must_stay(&self.repository, &self.target)?;
            if checked_out(&self.repository, &self.target)?.is_some() {
                return Err(Trouble::Moved { branch: self.target.clone() });
            }
            let reference = branch_ref(&self.target);
            let update = ["update-ref", "-m", "aio merge", &reference, &head, &self.start];
            if !git(&self.repository, update).run()?.is_good() {
                return Err(Trouble::Moved { branch: self.target.clone() });
            }
        }
        Ok(head)
    }
}

impl Drop for Site {
    /// The worktree was made here, and holds nothing but what was or was not merged.
    fn drop(&mut self) {
        if self.is_temporary() {
            let remove = git(&self.repository, ["worktree", "remove", "--force"]).arg(&self.folder);
            // What is left behind then is swept by `git worktree prune`, since its folder vanishes.
            answer(remove, "remove the worktree", &self.repository).map(drop).unwrap_or_default();
        }
    }
}

/// Removes what a merge that was killed left behind, once nothing of it runs any more. Only whoever holds the lock may.
pub(super) fn sweep(scratch: &Path) {
    let mut rooms = rooms(scratch).peekable();
    if rooms.peek().is_none() {
        return;
    }
    let busy: Vec<OsString> =
        all_with_environment().iter().filter_map(|(_, environment)| Some(environment.get(ROOM)?.to_owned())).collect();
    for path in rooms.filter(|path| !busy.iter().any(|room| room == path)) {
        let worktree = path.join("worktree");
        // What cannot be removed stays, and is tried again next time.
        git(&worktree, ["worktree", "remove", "--force", "--force", "."]).run().map(drop).unwrap_or_default();
        std::fs::remove_dir_all(&path).unwrap_or_default();
    }
}

/// Whether there is anything to sweep.
pub(super) fn has_rooms(scratch: &Path) -> bool {
    rooms(scratch).next().is_some()
}

fn rooms(scratch: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(scratch).into_iter().flatten().flatten();
    let made = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(MADE.as_bytes()));
    made.map(|entry| entry.path())
}

fn room_in(scratch: &Path) -> Result<TempDir, Trouble> {
    let made = std::fs::create_dir_all(scratch);
    let made = made.and_then(|()| tempfile::Builder::new().prefix(MADE).tempdir_in(scratch));
    made.map_err(|error| Trouble::Unrun(Unrun::Io("git".into(), error)))
}

/// The worktree of a repository that has a branch checked out.
///
/// # Errors
/// When git cannot be asked.
pub fn checked_out(repository: &Path, branch: &str) -> Result<Option<PathBuf>, Trouble> {
    let program = git(repository, ["worktree", "list", "--porcelain", "-z"]);
    let ran = answer(program, "list its worktrees", repository)?;
    let wanted = format!("branch {}", branch_ref(branch)).into_bytes();
    let mut folder = None;
    for line in ran.out.split(|byte| *byte == 0) {
        if let Some(path) = line.strip_prefix(b"worktree ") {
            folder = Some(PathBuf::from(OsString::from_vec(path.to_vec())));
        }
        if line == wanted {
            return Ok(folder);
        }
    }
    Ok(None)
}

/// A worktree in which a target can be merged into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Free {
    /// Where it is.
    pub folder: PathBuf,
    /// What is not committed there and in nobody's way, as git lists it.
    changed: Vec<Vec<u8>>,
}

/// The worktree that has a target checked out, where these commits can be merged into it.
///
/// # Errors
/// When there is no such branch, something is under way in that worktree, or not committed and in the way of what arrives, or
/// the folder is not there.
pub fn must_be_free(repository: &Path, target: &str, arriving: &[String]) -> Result<Option<Free>, Trouble> {
    tip(repository, target)?;
    must_stay(repository, target)?;
    let Some(folder) = checked_out(repository, target)? else { return Ok(None) };
    if !folder.exists() {
        return Err(Trouble::Gone { branch: target.to_owned(), folder, repository: repository.to_owned() });
    }
    match check(&folder, target, arriving) {
        Ok(changed) => Ok(Some(Free { folder, changed })),
        // What is found there is not a person's then.
        Err(_) if is_merged_into(&folder) => Err(Trouble::StillMerging { folder }),
        Err(trouble) => Err(trouble),
    }
}

/// Whether a git of ours that outlived whoever started it merges there, perhaps waiting for a hook.
fn is_merged_into(folder: &Path) -> bool {
    let is_ours = |environment: &Environment| environment.get(INTO).is_some_and(|into| into == folder.as_os_str());
    all_with_environment().iter().any(|(process, environment)| process.name == "git" && is_ours(environment))
}

/// Refuses where something is in progress, wherever, that moves the target once it ends or is given up.
fn must_stay(repository: &Path, target: &str) -> Result<(), Trouble> {
    match moved_later(repository, target)? {
        Some((folder, what)) => Err(Trouble::InProgress { folder, what: format!("{what} of {target}") }),
        None => Ok(()),
    }
}

/// Refuses where something is under way, or not committed and in the way. Gives what is not committed otherwise.
fn check(folder: &Path, target: &str, arriving: &[String]) -> Result<Vec<Vec<u8>>, Trouble> {
    if let Some(what) = under_way(folder)? {
        return Err(Trouble::InProgress { folder: folder.to_owned(), what: what.to_owned() });
    }
    // Untracked files stand in nobody's way, and where one does git says so before it touches anything; but not of those that
    // are ignored.
    let changed = status(folder, false)?;
    let mut brought = HashSet::new();
    for commit in arriving {
        // What has no history in common is refused elsewhere.
        if common(folder, &branch_ref(target), commit)?.is_some() {
            brought.extend(touched(folder, &branch_ref(target), commit)?);
        }
    }
    match ignored(folder, &brought)? {
        files if files.is_empty() => {}
        files => return Err(Trouble::Ignored { folder: folder.to_owned(), files }),
    }
    // What is changed in the worktree alone stays so, whether a merge ends well or is taken back; what is staged does not.
    let is_in_the_way = |entry: &&Vec<u8>| !matches!(entry[..2], [b' ', b'M' | b'D']) || brought.contains(&entry[3..]);
    let files: Vec<String> =
        changed.iter().filter(is_in_the_way).map(|entry| spelling::encode(&entry[3..]).into_owned()).collect();
    match files.is_empty() {
        true => Ok(changed),
        false => Err(Trouble::Dirty { folder: folder.to_owned(), files }),
    }
}

/// Which of these stand in a worktree, or have a file where they want a folder, as what git ignores: a merge overwrites it.
fn ignored(folder: &Path, brought: &HashSet<Vec<u8>>) -> Result<Vec<String>, Trouble> {
    let mut there: Vec<&Path> = Vec::new();
    for path in brought {
        let ways = Path::new(OsStr::from_bytes(path)).ancestors();
        let own = |way: &&Path| {
            folder.join(way).symlink_metadata().is_ok_and(|found| way.as_os_str().as_bytes() == path || !found.is_dir())
        };
        there.extend(ways.filter(|way| !way.as_os_str().is_empty()).filter(own));
    }
    if there.is_empty() {
        return Ok(Vec::new());
    }
    there.sort_unstable();
    there.dedup();
    let names: Vec<u8> = there.into_iter().flat_map(|way| [way.as_os_str().as_bytes(), b"\0"].concat()).collect();
    // It leaves out what is tracked. Of what is beyond a link or in a submodule it says nothing; then git itself is the judge.
    let ran = git(folder, ["check-ignore", "-z", "--stdin"]).input(names).run()?;
    Ok(entries(&ran.out).map(|name| spelling::encode(name).into_owned()).collect())
}
