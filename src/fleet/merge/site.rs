//! Where a target can be merged into: the worktree it is checked out in, or one that is made for it and vanishes again.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::git::{answer, branch_ref, common_folder, current_branch, git, own_folder, resolve, said, status, tip};
use super::obstacles::{self, Brought, clean_outcome};
use super::present::{checked_out_there, moved_later, under_way};
use super::rooms::{ROOM, Turn};
use super::trouble::Trouble;
use crate::fleet::program::{Program, Ran, Unrun};
use crate::host::mounts;
use crate::host::process::{Environment, all_with_environment};
use crate::protocol::spelling;

/// Writing out a large repository takes this long at most.
const LIMIT: Duration = Duration::from_secs(600);
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
    /// The worktree that has the target checked out; else one that is made, where the target's commit is checked out and
    /// the branch itself is not, so that it stays free should this end halfway.
    ///
    /// # Errors
    /// When there is no such branch, or something stands in the way there.
    pub fn open(repository: &Path, turn: &Turn, target: &str, arriving: &str) -> Result<Site, Trouble> {
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
                let made_in = turn.room()?;
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

    /// Sees that a merge here goes into the target.
    ///
    /// # Errors
    /// When another branch is checked out by now, or the target went on.
    pub(super) fn must_be_at_start(&self) -> Result<(), Trouble> {
        if !self.is_on_target()? {
            return Err(Trouble::Switched { target: self.target.clone(), folder: self.folder.clone() });
        }
        match self.is_at_start()? {
            true => Ok(()),
            false => Err(Trouble::Moved { branch: self.target.clone() }),
        }
    }

    fn is_on_target(&self) -> Result<bool, Trouble> {
        Ok(self.is_temporary() || current_branch(&self.folder)?.as_deref() == Some(&*self.target))
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
        has_staged_merge(&self.folder, &self.start, commit)
    }

    /// Sees that git will not refuse to merge a commit here once it has begun; else says why it would. Where the worktree was
    /// made for this nothing can be lost.
    pub(super) fn rehearse(&self, commit: &str, until: impl FnOnce(Program) -> Program) -> Result<(), String> {
        match self.is_temporary() {
            true => Ok(()),
            false => obstacles::rehearse(&self.folder, &self.start, commit, until),
        }
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
        if !self.is_on_target()? {
            let went = checked_out_there(&self.folder)?.unwrap_or_default();
            let (target, folder) = (self.target.clone(), self.folder.clone());
            return Err(Trouble::WentElsewhere { target, folder, went, commit: head });
        }
        if self.is_temporary() {
            // It may have been checked out meanwhile, or be rebased.
            must_stay(&self.repository, &self.target)?;
            if checked_out(&self.repository, &self.target)?.is_some() {
                return Err(Trouble::Moved { branch: self.target.clone() });
            }
            self.advance(&head)?;
        }
        Ok(head)
    }

    fn advance(&self, head: &str) -> Result<(), Trouble> {
        let reference = branch_ref(&self.target);
        let update = ["update-ref", "-m", "aio merge", &reference, head, &self.start];
        let ran = git(&self.repository, update).run()?;
        if ran.is_good() {
            return Ok(());
        }
        let target = self.target.clone();
        match tip(&self.repository, &target).is_ok_and(|now| now == self.start) {
            true => Err(Trouble::Unwritten { target, why: said(&ran), lock: lock_in_the_way(&ran) }),
            false => Err(Trouble::Moved { branch: target }),
        }
    }
}

/// Whether what is staged is the merge of two commits, and nothing else.
fn has_staged_merge(folder: &Path, ours: &str, theirs: &str) -> Result<bool, Trouble> {
    let staged = git(folder, ["write-tree"]).run()?;
    let begun = git(folder, ["rev-parse", "--verify", &format!("{ours}^{{tree}}")]).run()?;
    if !staged.is_good() || staged.text() == begun.text() {
        return Ok(false);
    }
    Ok(clean_outcome(folder, ours, theirs)? == Some(staged.text()))
}

/// The lock that kept git from a ref, where one did.
fn lock_in_the_way(ran: &Ran) -> Option<PathBuf> {
    let said = String::from_utf8_lossy(&ran.err);
    let (_, rest) = said.split_once("Unable to create '")?;
    rest.split_once("': File exists").map(|(path, _)| path.into())
}

impl Drop for Site {
    /// The worktree was made here, and holds nothing but what was or was not merged.
    fn drop(&mut self) {
        let is_mounted = |room: &mut TempDir| mounts::below(room.path()).is_some();
        if let Some(room) = self.made_in.take_if(is_mounted) {
            // The next sweep takes it away.
            drop(room.keep());
        }
        if self.is_temporary() {
            let remove = git(&self.repository, ["worktree", "remove", "--force"]).arg(&self.folder);
            // What is left behind then is swept by `git worktree prune`, since its folder vanishes.
            answer(remove, "remove the worktree", &self.repository).map(drop).unwrap_or_default();
        }
    }
}

/// The worktree of a repository that has a branch checked out; the first of several.
///
/// # Errors
/// When git cannot be asked.
pub fn checked_out(repository: &Path, branch: &str) -> Result<Option<PathBuf>, Trouble> {
    Ok(all_checked_out(repository, branch)?.into_iter().next())
}

fn all_checked_out(repository: &Path, branch: &str) -> Result<Vec<PathBuf>, Trouble> {
    let program = git(repository, ["worktree", "list", "--porcelain", "-z"]);
    let ran = answer(program, "list its worktrees", repository)?;
    let wanted = format!("branch {}", branch_ref(branch)).into_bytes();
    let (mut folders, mut found): (Vec<PathBuf>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    for line in ran.out.split(|byte| *byte == 0) {
        if let Some(path) = line.strip_prefix(b"worktree ") {
            folders.push(OsString::from_vec(path.to_vec()).into());
        }
        // The repository itself is listed first. One that is bare has a HEAD, and nothing checked out; git shows the HEAD all
        // the same once linked worktrees have settings of their own.
        if line == wanted && !(folders.len() == 1 && is_bare(repository)?) {
            found.extend(folders.last().cloned());
        }
    }
    Ok(found)
}

/// Whether a repository has no worktree but those that were added, seen from one of them too.
fn is_bare(repository: &Path) -> Result<bool, Trouble> {
    let args = ["rev-parse", "--is-bare-repository"];
    let common = common_folder(repository)?;
    Ok(answer(git(&common, args), "tell whether it is bare", repository)?.text() == "true")
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
/// When there is no such branch, several have it checked out, something is under way in that worktree, or not committed and in the
/// way of what arrives, or the folder is not there.
pub fn must_be_free(repository: &Path, target: &str, arriving: &[String]) -> Result<Option<Free>, Trouble> {
    tip(repository, target)?;
    must_stay(repository, target)?;
    let folders = all_checked_out(repository, target)?;
    let there: Vec<PathBuf> = folders.iter().filter(|folder| folder.exists()).cloned().collect();
    if there.len() > 1 {
        return Err(Trouble::Shared { target: target.to_owned(), folders: there });
    }
    let Some(folder) = folders.into_iter().next() else { return Ok(None) };
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
    let changed = status(folder, false)?;
    let brought = Brought::by(folder, target, arriving)?;
    brought.must_find_room(folder)?;
    let names = brought.names();
    // What is changed in the worktree alone stays so, whether a merge ends well or is taken back; what is staged does not.
    let is_in_the_way = |entry: &&Vec<u8>| !matches!(entry[..2], [b' ', b'M' | b'D']) || names.contains(&entry[3..]);
    let files: Vec<String> =
        changed.iter().filter(is_in_the_way).map(|entry| spelling::encode(&entry[3..]).into_owned()).collect();
    if files.is_empty() {
        return Ok(changed);
    }
    // So a git leaves it that is killed beside its hook, together with whoever began the merge.
    for commit in arriving {
        if has_staged_merge(folder, &branch_ref(target), commit)? {
            return Err(Trouble::HalfMerged { folder: folder.to_owned(), target: target.to_owned() });
        }
    }
    Err(Trouble::Dirty { folder: folder.to_owned(), files })
}
