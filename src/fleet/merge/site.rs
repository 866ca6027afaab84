//! Where a target can be merged into: the worktree it is checked out in, or one that is made for it and vanishes again.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::git::{answer, branch_ref, git, own_folder, resolve, tip, uncommitted};
use super::trouble::Trouble;
use crate::fleet::program::{Program, Unrun};
use crate::host::process::all_with_environment;

/// Writing out a large repository takes this long at most.
const LIMIT: Duration = Duration::from_secs(600);
/// What the folders that are made begin with.
const MADE: &str = "merge-";
/// The variable by which a git at work in such a folder is known, should it outlive whoever started it.
const ROOM: &str = "AIO_MERGE_ROOM";
/// What git leaves in its folder while something is under way.
const UNDER_WAY: [(&str, &str); 6] = [
    ("MERGE_HEAD", "merge"),
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisection"),
];

/// A worktree to merge in, in which nothing else is under way.
#[derive(Debug)]
pub struct Site {
    /// The worktree.
    pub folder: PathBuf,
    repository: PathBuf,
    target: String,
    /// The commit it begins at.
    start: String,
    /// Where it was made for this.
    made_in: Option<TempDir>,
}

impl Site {
    /// The worktree that has the target checked out; else one below `scratch`, where the target's commit is checked out and
    /// the branch itself is not, so that it stays free should this end halfway.
    ///
    /// # Errors
    /// When there is no such branch, or something stands in the way there.
    pub fn open(repository: &Path, scratch: &Path, target: &str) -> Result<Site, Trouble> {
        let start = tip(repository, target)?;
        let site = |folder, made_in| Site {
            folder,
            repository: repository.to_owned(),
            target: target.to_owned(),
            start: start.clone(),
            made_in,
        };
        match must_be_free(repository, target)? {
            Some(folder) => Ok(site(folder, None)),
            None => {
                let made_in = room_in(scratch)?;
                let folder = made_in.path().join("worktree");
                let program = git(repository, ["worktree", "add", "--quiet", "--detach"]);
                let program = program.arg(&folder).arg(&start).variable(ROOM, made_in.path()).limit(LIMIT);
                answer(program, "make a worktree to merge in", repository)?;
                Ok(site(folder, Some(made_in)))
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
            None => program,
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
            remove.run().map(drop).unwrap_or_default();
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

/// The worktree that has a target checked out, where it can be merged into.
///
/// # Errors
/// When there is no such branch, something is under way in that worktree or not committed, or the folder is not there.
pub fn must_be_free(repository: &Path, target: &str) -> Result<Option<PathBuf>, Trouble> {
    tip(repository, target)?;
    let Some(folder) = checked_out(repository, target)? else { return Ok(None) };
    if !folder.exists() {
        return Err(Trouble::Gone { branch: target.to_owned(), folder });
    }
    check(&folder)?;
    Ok(Some(folder))
}

/// Refuses where something is under way, or not committed.
fn check(folder: &Path) -> Result<(), Trouble> {
    let own = own_folder(folder)?;
    if let Some((_, what)) = UNDER_WAY.into_iter().find(|(name, _)| own.join(name).exists()) {
        return Err(Trouble::InProgress { folder: folder.to_owned(), what });
    }
    // Untracked files stand in nobody's way, and where one does git says so before it touches anything.
    match uncommitted(folder, false)? {
        files if files.is_empty() => Ok(()),
        files => Err(Trouble::Dirty { folder: folder.to_owned(), files }),
    }
}
