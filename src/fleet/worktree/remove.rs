//! A worktree and its branch, taken away. There is no way to ask for it but with a [`Proof`] that nothing is lost.
//!
//! The folder is moved aside first, in one step, so that it is either whole and known to git or neither. What cannot be deleted
//! of it, such as files of another user, is then nobody's worktree and is named to the caller.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::fleet::git::{Repository, Trouble, done};
use crate::fleet::rescue::{self, Proof, Site, Unsaved, witness};

/// How often a branch whose witness moves in the same moment is tried.
const RACES: usize = 10;

/// What was removed.
#[derive(Debug)]
pub struct Removed {
    /// What became of the branch.
    pub branch: Branch,
    /// What could not be deleted of the folder, and why. All that matters of it is kept.
    pub left: Option<(PathBuf, io::Error)>,
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

/// Removes the worktree and the branch that a proof is of, after a look whether it still holds. A worktree that somebody locked
/// is removed too: what it held is kept.
///
/// # Errors
/// When the proof does not hold, or the folder cannot be moved, or git does not do its part.
pub fn remove(proof: &Proof) -> Result<Removed, Unremoved> {
    rescue::verify(proof)?;
    let site = proof.site();
    let aside = match site.is_there {
        true => Some(move_aside(&site.worktree)?),
        false => left_aside(&site.worktree),
    };
    if let Err(trouble) = site.admin.as_ref().map_or(Ok(()), |_| forget(&site.repository, &site.worktree)) {
        // Nothing of it is gone yet. Where it cannot even be put back, it stays where it is.
        aside.map_or(Ok(()), |aside| fs::rename(aside, &site.worktree)).unwrap_or_default();
        return Err(trouble.into());
    }
    let left = aside.and_then(|aside| clear(&aside).err().map(|error| (aside, error)));
    Ok(Removed { branch: remove_branch(site, proof.branch_tip())?, left })
}

/// Deletes a folder with all that is in it, if it is there.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
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

fn aside(worktree: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(worktree);
    name.push(if number == 1 { ".removed".to_owned() } else { format!(".removed-{number}") });
    name.into()
}

/// What an earlier attempt moved aside, after all of it was kept, and was killed before it was deleted.
fn left_aside(worktree: &Path) -> Option<PathBuf> {
    let is_worktree = |path: &PathBuf| fs::symlink_metadata(path.join(".git")).is_ok_and(|found| found.is_file());
    Some(aside(worktree, 1)).filter(is_worktree)
}

/// Removes the branch, if it is what it was, while another ref has all of it: in one step, so that of two branches that are each
/// other's only witness one stays.
fn remove_branch(site: &Site, tip: Option<&str>) -> Result<Branch, Unremoved> {
    let Some(tip) = tip else { return Ok(Branch::WasGone) };
    if let Some(path) = site.repository.checked_out_at(&site.branch)? {
        return Ok(Branch::Left(format!("it is checked out at {}", path.display())));
    }
    let mut why = "no other ref has its commits".to_owned();
    for _ in 0..RACES {
        let Some(witness) = witness(site, tip)? else { break };
        let own = site.branch_ref();
        let change = format!("verify {}\0{}\0delete {own}\0{tip}\0", witness.name, witness.object);
        match site.repository.change_refs(change.into_bytes(), "remove the branch") {
            Ok(()) => {
                forget_settings(site)?;
                return Ok(Branch::Removed);
            }
            Err(Trouble::Failed { said, .. }) => why = said,
            Err(trouble) => return Err(trouble.into()),
        }
    }
    Ok(Branch::Left(why))
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
