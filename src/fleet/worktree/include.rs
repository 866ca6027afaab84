//! `.worktreeinclude`: which files that are not in git a new worktree gets from the project's own. The patterns are those of
//! gitignore(5), and git itself reads them.
//!
//! Only what lies in the project is copied, and only to what lies in the new worktree: links are copied as links and never
//! followed, and what is there already stays.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path};
use std::time::Duration;

use super::{Made, Uncreated};
use crate::fleet::git::{Repository, done, entries};

const LIST: &str = ".worktreeinclude";
/// For listing a project with all that it ignores.
const LISTING: Duration = Duration::from_secs(120);
/// How many files a note names.
const NAMED: usize = 5;

/// Copies the files. What did not fit or could not be copied is in the notes.
///
/// # Errors
/// When git cannot list them, or the disk is full.
pub(super) fn copy(repository: &Repository, worktree: &Path, limit: u64) -> Result<Made, Uncreated> {
    let mut made = Made::default();
    if !repository.root().join(LIST).is_file() {
        return Ok(made);
    }
    let list = ["ls-files", "--others", "--ignored", "--exclude-from", LIST, "-z"];
    let listed = done(repository.git().args(list).limit(LISTING), "list what .worktreeinclude names")?;
    let mut copying = Copying { from: repository.root(), to: worktree, rest: limit };
    let (mut too_large, mut failed) = (Vec::new(), Vec::new());
    for path in
        entries(&listed.out).map(|path| Path::new(OsStr::from_bytes(path))).filter(|path| is_a_file_of_ours(path))
    {
        match copying.one(path) {
            Ok(Copied::Yes) => made.included += 1,
            Ok(Copied::WasThere) => {}
            Ok(Copied::TooLarge) => too_large.push(path.display().to_string()),
            Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                return Err(Uncreated::Io(worktree.join(path), error));
            }
            Err(error) => failed.push(format!("{} ({error})", path.display())),
        }
    }
    made.notes.extend(named(&failed).map(|files| format!("not copied: {files}")));
    let reason = format!("more than {} MiB in {LIST}; left out", limit >> 20);
    made.notes.extend(named(&too_large).map(|files| format!("{reason}: {files}")));
    Ok(made)
}

/// A repository inside is listed as a folder, and is not copied; nor is what is git's or aio's own.
fn is_a_file_of_ours(path: &Path) -> bool {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(name) if name != ".git");
    !path.as_os_str().as_bytes().ends_with(b"/") && path.components().all(is_plain) && !path.starts_with(".aio")
}

/// The first few of them, and how many more there are.
/// The first few of them, and how many more there are; nothing where there are none.
pub fn named(files: &[String]) -> Option<String> {
    let first = files.iter().take(NAMED).map(|file| &**file).collect::<Vec<_>>().join(", ");
    let rest = files.len().checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!(" and {more} more"));
    (!files.is_empty()).then(|| first + &rest.unwrap_or_default())
}

enum Copied {
    Yes,
    WasThere,
    TooLarge,
}

struct Copying<'a> {
    from: &'a Path,
    to: &'a Path,
    /// Bytes.
    rest: u64,
}

impl Copying<'_> {
    fn one(&mut self, path: &Path) -> io::Result<Copied> {
        let (from, to) = (self.from.join(path), self.to.join(path));
        let found = fs::symlink_metadata(&from)?;
        if fs::symlink_metadata(&to).is_ok() {
            return Ok(Copied::WasThere);
        }
        if found.len() > self.rest {
            return Ok(Copied::TooLarge);
        }
        self.make_folders(path)?;
        match () {
            () if found.is_symlink() => std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?,
            () if found.is_file() => self.rest = self.rest.saturating_sub(copy_file(&from, &to)?),
            () => return Err(io::Error::other("it is no file")),
        }
        Ok(Copied::Yes)
    }

    /// The folders that lead to a file, none of which may be a link that leads elsewhere.
    fn make_folders(&self, path: &Path) -> io::Result<()> {
        let mut folder = self.to.to_owned();
        for part in path.parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            match fs::symlink_metadata(&folder) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(io::Error::new(ErrorKind::NotADirectory, "a file or link is in its way")),
                Err(_) => fs::create_dir(&folder)?,
            }
        }
        Ok(())
    }
}

/// A file with its mode. One that became a link, or that somebody else makes there, is an error.
fn copy_file(from: &Path, to: &Path) -> io::Result<u64> {
    let no_link = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    let mut source: File = OpenOptions::new().read(true).custom_flags(no_link).open(from)?;
    let mode = source.metadata()?.permissions().mode() & 0o777;
    // Its owner's alone until it is whole: it may be a secret.
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let length = io::copy(&mut source, &mut target)?;
    target.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(length)
}
