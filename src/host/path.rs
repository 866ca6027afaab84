//! The physical identity of a path: what would be written if somebody wrote through it now.
//!
//! Guarantees that two spellings which reach one file through symlinks, `.`, `..`, doubled or trailing slashes or
//! another base give one absolute path, and that the path of a file yet to be created is the one it will have.
//! What exists is resolved as the kernel resolves it: one `lstat` a component, symlinks followed by hand so that
//! dangling ones lead somewhere; on Linux one `openat2` first, which proves most paths to be plain. What does not
//! exist is resolved by its letters, `..` included.
//!
//! Does not fold case or Unicode (`folding` says where that is due), and does not see through hard links, bind
//! mounts and firmlinks: two names of one file stay two; `/proc/self/fd/1` and its like are followed by their text.
//! Nothing is read, created or cached, and the answer is as old as the call. It names the target of a last symlink,
//! so removing or renaming the link itself is not its matter.

use std::ffi::OsString;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, lstat, readlink};
use rustix::io::Errno;

mod error;
#[cfg(test)]
mod random_trees;
#[cfg(test)]
mod tests;

pub use error::{PathError, Reason};

/// As many symlinks as the kernel follows in one path (`MAXSYMLINKS`).
const MAX_LINKS: u32 = if cfg!(target_os = "macos") { 32 } else { 40 };
/// The longest name that may be created; only names below a missing directory are measured here, the file system
/// measures the others.
const NAME_MAX: usize = 255;
/// The kernel's limit on a path it is given, its closing NUL included.
const PATH_MAX: usize = if cfg!(target_os = "linux") { 4096 } else { 1024 };

/// A physical path and what stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Absolute, without `.`, `..`, symlinks, or a slash at the end unless it is the root.
    pub path: PathBuf,
    /// As of the call.
    pub existing: Existing,
}

/// What stands at a physical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Anything that is no directory: sockets, pipes and devices too.
    File,
    /// A directory.
    Directory,
    /// Nothing yet, nor perhaps at its parents.
    Missing,
}

/// The physical path of `typed`, taken relative to the absolute `base`, which itself need not be physical.
///
/// Needs no more than permission to search the directories on the way; where that is lacking, it is an error rather
/// than a guess ([`Reason::Denied`]).
pub fn physical(base: &Path, typed: &Path) -> Result<Resolved, PathError> {
    let refuse = |at: &[u8], reason| PathError { typed: typed.to_path_buf(), at: to_path(at), reason };
    let rest = spell_out(base, typed).map_err(|reason| refuse(b"", reason))?;
    let mut walk = Walk::from_root(rest);
    walk.stride();
    match walk.finish() {
        Ok(()) => Ok(Resolved { path: to_path(&walk.path), existing: walk.here }),
        Err(reason) => Err(refuse(&walk.path, reason)),
    }
}

/// The absolute path to walk, not yet resolved.
fn spell_out(base: &Path, typed: &Path) -> Result<Vec<u8>, Reason> {
    let (base, typed) = (base.as_os_str().as_bytes(), typed.as_os_str().as_bytes());
    if typed.is_empty() {
        return Err(Reason::Empty);
    }
    let absolute = match typed.first() {
        Some(b'/') => typed.to_vec(),
        _ => [base, b"/", typed].concat(),
    };
    if absolute.contains(&0) {
        Err(Reason::Nul)
    } else if absolute.first() != Some(&b'/') {
        Err(Reason::RelativeBase)
    } else if typed.len() >= PATH_MAX {
        Err(Reason::PathTooLong)
    } else {
        Ok(absolute)
    }
}

/// The bytes of a walked path, in which nothing stands for the root.
fn to_path(walked: &[u8]) -> PathBuf {
    let bytes = if walked.is_empty() { b"/" } else { walked };
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// A walk along a path, one component at a time.
struct Walk {
    /// Where the walk stands: physical, each component after a slash, so that the root is empty. When a step fails,
    /// the path that stopped it.
    path: Vec<u8>,
    here: Existing,
    /// How much of `path` exists; of meaning only while `here` is `Missing`.
    existing_length: usize,
    /// What is still ahead begins at `next`, which lies past the end when nothing does. A slash at the end leaves an
    /// empty component, because `file/` demands a directory and `file` does not.
    rest: Vec<u8>,
    next: usize,
    links: u32,
}

impl Walk {
    fn from_root(rest: Vec<u8>) -> Self {
        let path = Vec::with_capacity(rest.len());
        Self { path, here: Existing::Directory, existing_length: 0, rest, next: 0, links: 0 }
    }

    /// Up to the last slash at once, if the kernel says that no symlink is on the way: for a path of nine components
    /// three system calls instead of nine. Anything unusual, an old kernel or a sandbox included, is left to the steps.
    #[cfg(target_os = "linux")]
    fn stride(&mut self) {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

        let last_slash = self.rest.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if openat2(CWD, &self.rest[..last_slash], flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).is_err() {
            return;
        }
        // Without symlinks, `..` means what its letters say.
        while self.next <= last_slash
            && let Some(name) = self.next_name()
        {
            match &self.rest[name.clone()] {
                b"" | b"." => {}
                b".." => self.drop_last(),
                _ => self.append(name),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn stride(&mut self) {}

    fn finish(&mut self) -> Result<(), Reason> {
        while let Some(name) = self.next_name() {
            if self.here == Existing::File {
                return Err(Reason::NotADirectory);
            }
            match &self.rest[name.clone()] {
                b"" | b"." => {}
                b".." => self.leave(),
                _ => self.enter(name)?,
            }
        }
        Ok(())
    }

    /// The next component, as a range of `rest`: a borrow would forbid every step.
    fn next_name(&mut self) -> Option<Range<usize>> {
        let ahead = self.rest.get(self.next..)?;
        let length = ahead.iter().position(|&byte| byte == b'/').unwrap_or(ahead.len());
        let name = self.next..self.next + length;
        self.next = name.end + 1;
        Some(name)
    }

    /// `..`: physical where things exist, as no symlink is in `path`; lexical below. Back out of the missing part,
    /// the walk is among existing things again and looks at what comes next.
    fn leave(&mut self) {
        self.drop_last();
        if self.path.len() <= self.existing_length {
            self.here = Existing::Directory;
        }
    }

    fn enter(&mut self, name: Range<usize>) -> Result<(), Reason> {
        let parent_length = self.path.len();
        self.append(name.clone());
        if self.path.len() >= PATH_MAX {
            return Err(Reason::PathTooLong);
        }
        if self.here == Existing::Missing {
            return if name.len() > NAME_MAX { Err(Reason::NameTooLong) } else { Ok(()) };
        }
        match lstat(&self.path[..]).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Symlink) => return self.follow(name),
            Ok(FileType::Directory) => self.here = Existing::Directory,
            Ok(_) => self.here = Existing::File,
            Err(Errno::NOENT) => {
                self.here = Existing::Missing;
                self.existing_length = parent_length;
            }
            Err(errno) => return Err(self.refusal(errno)),
        }
        Ok(())
    }

    /// Puts the target of the symlink at `path` in front of what is still ahead, and steps back to where the target
    /// counts from.
    fn follow(&mut self, name: Range<usize>) -> Result<(), Reason> {
        if self.links == MAX_LINKS {
            return Err(Reason::TooManyLinks);
        }
        self.links += 1;
        let mut target = match readlink(&self.path[..], Vec::new()) {
            Ok(target) => target.into_bytes(),
            // Replaced since it was looked at: look again. The count of links bounds this too.
            Err(Errno::INVAL | Errno::NOENT) => self.rest[name].to_vec(),
            Err(errno) => return Err(self.refusal(errno)),
        };
        match target.first() {
            Some(b'/') => self.path.clear(),
            _ => self.drop_last(),
        }
        // From the slash behind the link's name on, if there was one.
        target.extend_from_slice(&self.rest[self.next - 1..]);
        self.rest = target;
        self.next = 0;
        Ok(())
    }

    fn append(&mut self, name: Range<usize>) {
        self.path.push(b'/');
        self.path.extend_from_slice(&self.rest[name]);
    }

    fn drop_last(&mut self) {
        let end = self.path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        self.path.truncate(end);
    }

    /// What the kernel's answer about `path` means, with `path` at what is to blame: for some, the directory.
    fn refusal(&mut self, errno: Errno) -> Reason {
        let reason = match errno {
            Errno::NAMETOOLONG => return Reason::NameTooLong,
            Errno::ACCESS | Errno::PERM => Reason::Denied,
            Errno::NOTDIR => Reason::NotADirectory,
            other => return Reason::Other(other),
        };
        self.drop_last();
        reason
    }
}
