//! Which git worktree a path belongs to, and which repository that is.
//!
//! Found by reading `.git` as gitrepository-layout(5) and git's own setup.c do, never by running git, which would
//! cost a process on every call. Guarantees that all worktrees of one repository name the same common directory,
//! spelled physically, and that nothing found in a `.git` makes it fail.
//!
//! Differs from git on purpose: what is broken (an empty `.git` directory, a `.git` file that leads nowhere) is
//! walked past, where git gives up on the file, because files there still need a project to be claimed in; a mount
//! point does not end the search; below `.git` itself the worktree is the one around it, for git says "none" and its
//! files can be claimed all the same; and `GIT_DIR` and its kin are ignored, so that all agents get one answer.
//! Does not read git's configuration, hence not `core.bare`, `core.worktree` or `safe.directory`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, lstat, open};
use rustix::io::{Errno, read};

use super::path::{Existing, physical};

/// More than `gitdir: ` and the longest path; what is cut off was no path.
const LINE_MAX: usize = 4200;

/// A directory in which git has checked out a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// The directory that contains `.git`: physical, if the path asked about was.
    pub root: PathBuf,
    /// What all worktrees of the repository share, physical: `root/.git` for a main worktree, that of the main
    /// worktree for a linked one. A submodule is a repository of its own.
    pub common_dir: PathBuf,
}

/// The nearest worktree around `path`, which must be absolute and physical and need not exist.
pub fn worktree_of(path: &Path) -> Option<Worktree> {
    path.ancestors().find_map(|root| Some(Worktree { common_dir: common_dir_at(root)?, root: root.to_path_buf() }))
}

/// Git's own directory for a linked worktree or a submodule: what the `.git` file in it names. None for a main worktree.
pub fn linked_git_dir(root: &Path) -> Option<PathBuf> {
    follow_git_file(root, &root.join(".git"))
}

fn common_dir_at(root: &Path) -> Option<PathBuf> {
    let dot_git = root.join(".git");
    let stat = lstat(&dot_git).ok()?;
    let git_dir = match FileType::from_raw_mode(stat.st_mode) {
        // A main worktree. Only what lies in another repository's `worktrees` has a `commondir`.
        FileType::Directory => return has_head(&dot_git).then_some(dot_git),
        FileType::Symlink => match physical(root, &dot_git).ok()? {
            link if link.existing == Existing::Directory => link.path,
            link => follow_git_file(root, &link.path)?,
        },
        _ => follow_git_file(root, &dot_git)?,
    };
    if has_head(&git_dir) { common_dir_of(git_dir) } else { None }
}

/// What tells a git directory from one that happens to be called `.git`. By `lstat`, as HEAD was once a symlink, and
/// one to nowhere until the first commit.
fn has_head(git_dir: &Path) -> bool {
    lstat(git_dir.join("HEAD")).is_ok()
}

fn follow_git_file(root: &Path, file: &Path) -> Option<PathBuf> {
    let line = read_line(file).ok()?;
    directory(root, line.strip_prefix(b"gitdir: ")?)
}

/// A linked worktree's git directory says in `commondir` where the rest of the repository is.
fn common_dir_of(git_dir: PathBuf) -> Option<PathBuf> {
    match read_line(&git_dir.join("commondir")) {
        Ok(line) => directory(&git_dir, &line),
        Err(Errno::NOENT) => Some(git_dir),
        Err(_) => None,
    }
}

fn directory(base: &Path, named: &[u8]) -> Option<PathBuf> {
    let resolved = physical(base, Path::new(OsStr::from_bytes(named))).ok()?;
    (resolved.existing == Existing::Directory).then_some(resolved.path)
}

/// The content of a file of one line, without what ends the line. Never waits, not even on a named pipe.
fn read_line(file: &Path) -> Result<Vec<u8>, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let opened = open(file, flags, Mode::empty())?;
    let mut line = vec![0; LINE_MAX];
    let length = read(opened, &mut line)?;
    line.truncate(length);
    while line.pop_if(|last| matches!(last, b'\n' | b'\r')).is_some() {}
    Ok(line)
}

#[cfg(test)]
mod tests;
