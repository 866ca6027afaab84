//! The pre-commit hook of a repository: put in place, found, taken out.
//!
//! Owns: `pre-commit` in the folder that git takes hooks from, and `pre-commit.before-aio` beside it. Guarantees: a hook
//! that was there runs first and comes back byte for byte, with its mode, be it a link; at every moment the old one or the
//! new one is in place; nothing outside the repository is touched. Does not: mend a hook of somebody else's.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::fleet::program::Program;
use crate::host::repository::Worktree;

const TEXT: &str = include_str!("../../../integrations/git/pre-commit");
/// What every version of ours has in its second line.
const MARK: &str = "# aio pre-commit:";
/// What a hook says that goes by its own name, and so cannot be called by another: husky's, overcommit's.
const BY_NAME: [&str; 3] = ["basename", "husky", "overcommit"];

/// A repository's pre-commit hook.
#[derive(Debug)]
pub struct GitHook {
    hook: PathBuf,
    before: PathBuf,
}

impl GitHook {
    /// That of this worktree, wherever git looks for it; all worktrees of a repository share it, unless configured otherwise.
    ///
    /// # Errors
    /// When git cannot tell, or looks in a folder that is not the repository's own.
    pub fn of(worktree: &Worktree) -> Result<GitHook, Failure> {
        let folder = folder(&worktree.root)?;
        let real = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        if !real.starts_with(&worktree.root) && !real.starts_with(&worktree.common_dir) {
            let message = format!("git takes hooks from {}, which is not this repository's alone", folder.display());
            return Err(Failure::environment(message)
                .hint("add the line aio guard --staged to its pre-commit, or set core.hooksPath for this repository"));
        }
        Ok(GitHook { hook: folder.join("pre-commit"), before: folder.join("pre-commit.before-aio") })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.hook
    }

    /// Whether ours is in place, be it of another version.
    pub fn is_installed(&self) -> bool {
        text(&self.hook).lines().nth(1).is_some_and(|line| line.starts_with(MARK))
    }

    /// Whether ours is in place, as this version has it.
    pub fn is_current(&self) -> bool {
        text(&self.hook) == TEXT && fs::metadata(&self.hook).is_ok_and(|hook| hook.mode() & 0o100 != 0)
    }

    /// Puts ours in place. Gives whether anything had to be done.
    ///
    /// # Errors
    /// When it cannot be written, or the hook that is there cannot be called by ours.
    pub fn install(&self) -> Result<bool, Failure> {
        if self.is_current() {
            return Ok(false);
        }
        if !self.is_installed() && fs::symlink_metadata(&self.hook).is_ok() {
            self.keep_theirs()?;
        }
        self.write().map_err(|error| failed("write", &self.hook, &error))?;
        Ok(true)
    }

    /// Takes ours out, and puts back what was there. Gives whether anything had to be done.
    ///
    /// # Errors
    /// When it cannot be changed.
    pub fn remove(&self) -> Result<bool, Failure> {
        if !self.is_installed() {
            return Ok(false);
        }
        match fs::rename(&self.before, &self.hook) {
            Err(error) if error.kind() == ErrorKind::NotFound => fs::remove_file(&self.hook),
            renamed => renamed,
        }
        .map_err(|error| failed("change", &self.hook, &error))?;
        Ok(true)
    }

    /// Gives theirs a second name; ours then takes the first.
    fn keep_theirs(&self) -> Result<(), Failure> {
        let theirs = text(&self.hook);
        if BY_NAME.iter().any(|word| theirs.contains(word)) {
            let message = format!("{} goes by its name, so ours cannot call it by another", self.hook.display());
            return Err(Failure::environment(message).hint("add the line aio guard --staged to what it runs"));
        }
        match fs::hard_link(&self.hook, &self.before) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && self.is_kept() => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let message = format!("there are two hooks: {} and {}", self.hook.display(), self.before.display());
                Err(Failure::environment(message).hint("make one of them, and move the other away"))
            }
            linked => linked.map_err(|error| failed("keep", &self.hook, &error)),
        }
    }

    /// An installation that was interrupted got as far as this.
    fn is_kept(&self) -> bool {
        let inode = |path| fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()));
        inode(&self.hook).is_ok_and(|hook| inode(&self.before).is_ok_and(|before| hook == before))
    }

    fn write(&self) -> std::io::Result<()> {
        let folder = self.hook.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".pre-commit-").tempfile_in(folder)?;
        file.write_all(TEXT.as_bytes())?;
        file.as_file().set_permissions(Permissions::from_mode(0o755))?;
        file.persist(&self.hook)?;
        Ok(())
    }
}

/// What a hook says, as far as it can be read; there are hooks that are no text.
fn text(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn failed(action: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::environment(format!("cannot {action} {}: {error}", path.display()))
}

/// Only git knows its settings.
fn folder(root: &Path) -> Result<PathBuf, Failure> {
    let ran = Program::new("git").arg("-C").arg(root).args(["rev-parse", "--git-path", "hooks"]).run();
    let ran = ran.map_err(|unrun| Failure::environment(unrun.to_string()))?;
    if !ran.is_good() {
        let said = String::from_utf8_lossy(&ran.err).trim().to_owned();
        return Err(Failure::environment(format!("git does not tell where {}'s hooks are: {said}", root.display())));
    }
    let line = ran.out.strip_suffix(b"\n").unwrap_or(&ran.out);
    Ok(root.join(OsString::from_vec(line.to_vec())))
}
