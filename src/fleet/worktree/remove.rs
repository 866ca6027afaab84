//! A worktree and its branch, taken away. There is no way to ask for it but with a [`Proof`] that nothing is lost.
//!
//! The folder is moved aside first, in one step, so that it is either whole and known to git or neither. What cannot be deleted
//! of it, such as files of another user, is then nobody's worktree and is named to the caller.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::fleet::brief::{BLOCKED, DONE};
use crate::fleet::git::{Repository, Trouble, done, locks};
use crate::fleet::rescue::{self, Proof, Site, Unsaved, refuse_mounted, witness};

/// How long another may take that removes branches of the same repository.
const TURN_PATIENCE: Duration = Duration::from_secs(60);
/// How often a branch whose witness moves in the same moment is tried.
const RACES: usize = 10;

/// What aio itself has in a worktree, and has agents write there.
const OWN: [&str; 3] = [".aio/.gitignore", DONE, BLOCKED];

/// What was removed.
#[derive(Debug)]
pub struct Removed {
    /// What became of the branch.
    pub branch: Branch,
    /// What could not be deleted of the folder, and why. All that matters of it is kept.
    pub left: Option<(PathBuf, io::Error)>,
    /// What went with it because git ignores it, from its top. What is in the project just as it was is not named.
    pub ignored: Vec<String>,
}

/// What became of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Branch {
    /// It was removed.
    Removed,
    /// It was not there.
    WasGone,
    /// It was left, and why.
    Left(String),
}

/// Why nothing was removed, or not all.
#[derive(Debug)]
pub enum Unremoved {
    /// The proof does not hold any more. Nothing was removed.
    Unsaved(Unsaved),
    /// The folder could not be moved aside. Nothing was removed.
    Io(PathBuf, io::Error),
    /// Git did not do its part.
    Git(Trouble),
}

/// Removes the worktree and the branch that a proof is of, after a look whether it still holds.
///
/// # Errors
/// When the proof does not hold, or the folder cannot be moved, or git does not do its part.
pub fn remove(proof: &Proof) -> Result<Removed, Unremoved> {
    rescue::verify(proof)?;
    let site = proof.site();
    mark(site);
    let ignored = ignored(site);
    let mut to_delete: Vec<PathBuf> = left_aside(&site.worktree).collect();
    let aside = match site.is_there {
        true => Some(move_aside(&site.worktree)?),
        false => {
            // Only an empty one can be there, from before there was a worktree.
            fs::remove_dir(&site.worktree).unwrap_or_default();
            None
        }
    };
    if let Err(trouble) = site.admin.as_ref().map_or(Ok(()), |_| forget(&site.repository, &site.worktree)) {
        // Nothing of it is gone yet. Where it cannot even be put back, it stays where it is.
        aside.map_or(Ok(()), |aside| fs::rename(aside, &site.worktree)).unwrap_or_default();
        return Err(trouble.into());
    }
    to_delete.extend(aside);
    let left = to_delete.into_iter().find_map(|aside| clear_aside(&aside).err().map(|error| (aside, error)));
    Ok(Removed { branch: remove_branch(site, proof.branch_tip())?, left, ignored })
}

/// Gives it back the `.git` that somebody deleted, by which it is known for a worktree while it is being deleted. Where that
/// cannot be written, only a removal that is killed leaves something that no other takes away.
fn mark(site: &Site) {
    if let Some(admin) = site.admin.as_ref().filter(|_| site.is_there) {
        let line = [b"gitdir: ", admin.as_os_str().as_bytes(), b"\n"].concat();
        let written = File::create_new(site.worktree.join(".git")).and_then(|mut file| file.write_all(&line));
        written.unwrap_or_default();
    }
}

/// Only what is said of the removal depends on it.
fn ignored(site: &Site) -> Vec<String> {
    let nested = rescue::nested(site).unwrap_or_default();
    let listed: Vec<PathBuf> =
        std::iter::once(&site.worktree).chain(&nested).flat_map(|folder| ignored_in(site, folder)).collect();
    let is_elsewhere = |path: &Path| {
        let (here, there) = (site.worktree.join(path), site.repository.root().join(path));
        // What a link leads to may be something else for each.
        fs::symlink_metadata(&here).is_ok_and(|found| found.is_file()) && fs::read(here).ok() == fs::read(there).ok()
    };
    let (own, listed): (Vec<PathBuf>, Vec<PathBuf>) = listed.into_iter().partition(|path| path.starts_with(".aio"));
    let own = own.first().map(|_| foreign(&site.worktree)).unwrap_or_default();
    let gone = own.iter().chain(listed.iter().filter(|path| !is_elsewhere(path)));
    gone.map(|path| path.display().to_string()).collect()
}

/// From the worktree's top, whichever repository in it that is of.
fn ignored_in(site: &Site, folder: &Path) -> Vec<PathBuf> {
    let below = folder.strip_prefix(&site.worktree).unwrap_or(folder);
    let listed = Repository::open(folder).and_then(|repository| repository.ignored()).unwrap_or_default();
    listed.into_iter().map(|path| below.join(path)).collect()
}

/// What lies in the folder for what the agent says, and is not that.
fn foreign(worktree: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(worktree.join(".aio")).into_iter().flatten().flatten();
    let paths = entries.map(|entry| Path::new(".aio").join(entry.file_name()));
    let mut foreign: Vec<PathBuf> = paths.filter(|path| !OWN.iter().any(|own| path == Path::new(own))).collect();
    foreign.sort_unstable();
    foreign
}

/// Deletes a folder with all that is in it, if it is there, and nothing is mounted in it.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    holds_no_mount(folder)?;
    delete(folder)
}

/// To delete a folder deletes what is mounted there, too.
fn holds_no_mount(folder: &Path) -> io::Result<()> {
    refuse_mounted(folder).map_err(|mounted| io::Error::new(ErrorKind::ResourceBusy, mounted))
}

fn delete(folder: &Path) -> io::Result<()> {
    let is_gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    };
    match is_gone(fs::remove_dir_all(folder)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            open_up(folder)?;
            is_gone(fs::remove_dir_all(folder))
        }
        result => result,
    }
}

/// Has git forget a worktree whose folder is gone.
pub(super) fn forget(repository: &Repository, worktree: &Path) -> Result<(), Trouble> {
    let program = repository.git().args(["worktree", "remove", "--force", "--force", "--"]).arg(worktree);
    done(program, "remove the worktree").map(drop)
}

/// Lets its owner delete what is in folders that were made read-only, as package caches are. Links are not followed.
fn open_up(folder: &Path) -> io::Result<()> {
    let mut permissions = fs::symlink_metadata(folder)?.permissions();
    permissions.set_mode(permissions.mode() | 0o700);
    fs::set_permissions(folder, permissions)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

/// Beside where it was, under a name that nothing has.
fn move_aside(worktree: &Path) -> Result<PathBuf, Unremoved> {
    let free = (1..).map(|number| aside(worktree, number)).find(|path| fs::symlink_metadata(path).is_err());
    let free = free.expect("there is always a next number");
    fs::rename(worktree, &free).map_err(|error| Unremoved::Io(worktree.to_owned(), error))?;
    Ok(free)
}

/// Whether a folder has the name of one that was moved aside, and of which worktree.
pub fn is_left_aside(folder: &Path) -> Option<PathBuf> {
    let name = folder.file_name()?.to_str()?;
    let (worktree, number) = name.rsplit_once(".removed")?;
    let is_number = number.is_empty() || number.strip_prefix('-').is_some_and(|number| number.parse::<usize>().is_ok());
    is_number.then(|| folder.with_file_name(worktree))
}

fn aside(worktree: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(worktree);
    name.push(if number == 1 { ".removed".to_owned() } else { format!(".removed-{number}") });
    name.into()
}

/// What was moved aside, now or by an earlier attempt that was killed before it had deleted it; all of it was kept before. A
/// folder that only has such a name is somebody's.
fn left_aside(worktree: &Path) -> impl Iterator<Item = PathBuf> {
    let is_ours = |path: &PathBuf| {
        let is_worktree = fs::symlink_metadata(path.join(".git")).is_ok_and(|found| found.is_file());
        is_worktree || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
    };
    let numbered = (1..).map(|number| aside(worktree, number));
    numbered.take_while(|path| fs::symlink_metadata(path).is_ok()).filter(is_ours)
}

/// Deletes a worktree that was moved aside. What it is known by goes last: killed on the way, it is found again.
fn clear_aside(aside: &Path) -> io::Result<()> {
    holds_no_mount(aside)?;
    let inner = || -> io::Result<()> {
        for entry in fs::read_dir(aside)? {
            let entry = entry?;
            match entry.file_name() == ".git" {
                true => {}
                false if entry.file_type()?.is_dir() => delete(&entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    };
    if let Err(error) = inner() {
        match error.kind() {
            ErrorKind::PermissionDenied => open_up(aside)?,
            _ => return Err(error),
        }
    }
    delete(aside)
}

/// Removes the branch, if it is what it was, while the target or a rescue ref has all of it: in one step, and one after the
/// other in a repository, so that a lock on it that is there can be told from another aio's.
fn remove_branch(site: &Site, tip: Option<&str>) -> Result<Branch, Unremoved> {
    let Some(tip) = tip else { return Ok(Branch::WasGone) };
    let common = site.repository.common_dir()?;
    let alone = alone(&common).map_err(|error| Unremoved::Io(common.clone(), error))?;
    let Some(_alone) = alone else { return Ok(Branch::Left("another aio removes a branch there".to_owned())) };
    if let Some(path) = site.repository.checked_out_at(&site.branch)? {
        return Ok(Branch::Left(format!("it is checked out at {}", path.display())));
    }
    locks::put_away_packed(&common);
    let mut why = "neither its target nor a rescue ref has its commits".to_owned();
    for _ in 0..RACES {
        let Some(witness) = witness(site, tip)? else { break };
        let own = site.branch_ref();
        let change = format!("verify {}\0{}\0delete {own}\0{tip}\0", witness.name, witness.object);
        let began = SystemTime::now();
        match site.repository.change_refs(change.into_bytes(), "remove the branch") {
            Ok(()) => {
                forget_settings(site)?;
                return Ok(Branch::Removed);
            }
            Err(Trouble::Failed { said, .. }) => {
                why = said;
                locks::put_away(&common, &own, began);
                if locks::put_away_packed(&common) {
                    break;
                }
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
    Ok(Branch::Left(why))
}

/// What is held while branches of a repository are removed: a lock on its folder, which goes with the process. None where another
/// has it for too long.
fn alone(common: &Path) -> io::Result<Option<File>> {
    let folder = File::open(common)?;
    let deadline = Instant::now() + TURN_PATIENCE;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// What the repository's configuration says of the branch, as `git branch -d` would. Mostly it says nothing, which git calls an
/// error.
fn forget_settings(site: &Site) -> Result<(), Trouble> {
    let section = format!("branch.{}", site.branch);
    site.repository.git().args(["config", "--local", "--remove-section", &section]).run()?;
    Ok(())
}

impl From<Unsaved> for Unremoved {
    fn from(unsaved: Unsaved) -> Unremoved {
        Unremoved::Unsaved(unsaved)
    }
}

impl From<Trouble> for Unremoved {
    fn from(trouble: Trouble) -> Unremoved {
        Unremoved::Git(trouble)
    }
}

impl Display for Unremoved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unremoved::Unsaved(unsaved) => unsaved.fmt(f),
            Unremoved::Io(path, error) => write!(f, "{} cannot be removed: {error}", path.display()),
            Unremoved::Git(trouble) => trouble.fmt(f),
        }
    }
}

impl std::error::Error for Unremoved {}
