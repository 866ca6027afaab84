//! `.worktreeinclude`: which files that git ignores a new worktree gets from the project's own. The patterns are those of
//! gitignore(5), and git itself reads them.
//!
//! Only what the new worktree ignores is copied, so that nobody who adds everything there commits it. Only what lies in the
//! project is, and only to what lies in the new worktree: links are copied as links and never followed, and what is there already
//! stays.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path};
use std::time::Duration;

use super::{Made, Uncreated};
use crate::fleet::git::{Repository, Trouble, complaint, done, entries, git};

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
    let named_there = entries(&listed.out).map(|path| Path::new(OsStr::from_bytes(path)));
    let (wanted, unignored) = by_ignored(worktree, named_there.filter(|path| is_a_file_of_ours(path)).collect())?;
    let mut copying = Copying { from: repository.root(), to: worktree, rest: limit };
    let (mut too_large, mut failed) = (Vec::new(), Vec::new());
    for path in wanted {
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
    let unignored: Vec<String> = unignored.iter().map(|path| path.display().to_string()).collect();
    made.notes.extend(named(&unignored).map(|files| format!("not copied, as git does not ignore them there: {files}")));
    made.notes.extend(named(&failed).map(|files| format!("not copied: {files}")));
    let reason = format!("more than {} MiB in {LIST}; left out", limit >> 20);
    made.notes.extend(named(&too_large).map(|files| format!("{reason}: {files}")));
    Ok(made)
}

/// Those that the new worktree ignores, and the others. What lies beyond a link there git does not say anything of, and it is not
/// copied either: it is left to be named with the first.
fn by_ignored<'p>(worktree: &Path, paths: Vec<&'p Path>) -> Result<(Vec<&'p Path>, Vec<&'p Path>), Trouble> {
    let is_link = |path: &Path| fs::symlink_metadata(worktree.join(path)).is_ok_and(|found| found.is_symlink());
    let is_beyond =
        |path: &Path| path.ancestors().skip(1).any(|folder| !folder.as_os_str().is_empty() && is_link(folder));
    let asked = paths.iter().filter(|path| !is_beyond(path));
    let asked: Vec<u8> = asked.flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
    if asked.is_empty() {
        return Ok((paths, Vec::new()));
    }
    let ran = git(worktree).args(["check-ignore", "--no-index", "-z", "--stdin"]).input(asked).limit(LISTING).run()?;
    // 1 where none is.
    if !matches!(ran.code, 0 | 1) {
        return Err(Trouble::Failed { doing: "tell what the new worktree ignores", said: complaint(&ran) });
    }
    let ignored: HashSet<&[u8]> = entries(&ran.out).collect();
    let is_wanted = |path: &&Path| ignored.contains(path.as_os_str().as_bytes()) || is_beyond(path);
    Ok(paths.into_iter().partition(is_wanted))
}

/// A repository inside is listed as a folder, and is not copied; nor is what is git's or aio's own.
fn is_a_file_of_ours(path: &Path) -> bool {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(name) if name != ".git");
    !path.as_os_str().as_bytes().ends_with(b"/") && path.components().all(is_plain) && !path.starts_with(".aio")
}

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
                Err(_) => make_folder(&self.from.join(folder.strip_prefix(self.to).unwrap_or(&folder)), &folder)?,
            }
        }
        Ok(())
    }
}

/// A folder as open as another to everybody else; its owner may always write there.
fn make_folder(like: &Path, folder: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(like)?.permissions().mode() & 0o777 | 0o700;
    DirBuilder::new().mode(0o700).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
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
