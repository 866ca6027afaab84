//! Where what a repository has came from, as far as it says so itself: its remotes, what it was cloned with, what it fetched last.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Unsaved;
use crate::fleet::git::{done, entries};
use crate::fleet::program::Program;

const LOOKING: &str = "look at a nested repository";

/// What the settings of a repository say.
pub(super) struct Origin {
    /// Each remote, and whether it goes with the worktree: what such a one has is nowhere else.
    remotes: Vec<(String, bool)>,
    /// It says that it has no worktree of its own.
    pub(super) is_bare: bool,
}

impl Origin {
    /// Looks at those of the repository that `asked` is git in; paths are read from `shown`, and `top` is what goes.
    pub(super) fn of(shown: &Path, asked: &Program, top: &Path) -> Result<Origin, Unsaved> {
        let wanted = ["config", "-z", "--get-regexp", r"^(remote\..*\.url|core\.bare)$"];
        let listed = asked.clone().args(wanted).run()?;
        let mut origin = Origin { remotes: Vec::new(), is_bare: false };
        for entry in entries(&listed.out) {
            let text = String::from_utf8_lossy(entry);
            let (key, value) = text.split_once('\n').unwrap_or((&text, "true"));
            match key.strip_prefix("remote.").and_then(|key| key.strip_suffix(".url")) {
                Some(name) => origin.remotes.push((name.to_owned(), goes_with(shown, value, top))),
                None => origin.is_bare = value == "true",
            }
        }
        Ok(origin)
    }

    /// The names of the remotes that go with the worktree, or are gone.
    pub(super) fn inside(&self) -> impl Iterator<Item = &str> {
        self.remotes.iter().filter(|(_, is_inside)| *is_inside).map(|(name, _)| name.as_str())
    }

    /// The commits of a bare one that remotes are known to have, a line each. As one that mirrors another it has no refs for
    /// what its remotes have: only its last fetch tells, and what it was cloned with.
    pub(super) fn known(&self, asked: &Program, git_dir: &Path, top: &Path) -> Result<String, Unsaved> {
        if !self.is_bare {
            return Ok(String::new());
        }
        let mut known = fetched(git_dir, top);
        if !self.remotes.is_empty() && self.inside().next().is_none() {
            let refs = refs(asked, git_dir, "refs/")?;
            known.extend(refs.into_iter().filter(|found| found.was_cloned).map(|found| found.object + "\n"));
        }
        Ok(known)
    }
}

/// A ref of a repository.
pub(super) struct Ref {
    object: String,
    pub(super) name: String,
    /// It came when the repository was cloned.
    pub(super) was_cloned: bool,
}

/// Those below a prefix. Git writes those that a clone brings into one file, made with the clone, and their commits are older than
/// it; what a later fetch brought is not told from one's own.
pub(super) fn refs(asked: &Program, git_dir: &Path, below: &str) -> Result<Vec<Ref>, Unsaved> {
    let cloned = fs::metadata(git_dir).and_then(|found| found.created()).ok();
    let packed = fs::metadata(git_dir.join("packed-refs")).and_then(|found| found.modified()).ok();
    // One that was moved here from elsewhere is younger than what is in it.
    let cloned = cloned.filter(|cloned| packed.is_some_and(|packed| packed >= *cloned));
    let cloned =
        cloned.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).map_or(0, |time| time.as_secs());
    let format = "--format=%(objectname) %(committerdate:unix)%(*committerdate:unix) %(refname)";
    let listed = done(asked.clone().args(["for-each-ref", format, below]), LOOKING)?;
    let read = |line: &str| {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        let (object, time, name) = (words.next()?, words.next()?, words.next()?);
        let was_cloned = time.parse().is_ok_and(|time: u64| time < cloned) && !git_dir.join(&name).exists();
        Some(Ref { object, name, was_cloned })
    };
    Ok(listed.text().lines().filter_map(read).collect())
}

/// The commits that the last fetch brought from what stays, in the repository and in each worktree of it.
fn fetched(git_dir: &Path, top: &Path) -> String {
    let linked = fs::read_dir(git_dir.join("worktrees")).into_iter().flatten().flatten().map(|entry| entry.path());
    let heads = std::iter::once(git_dir.to_owned()).chain(linked).map(|own| fs::read(own.join("FETCH_HEAD")));
    let text: String = heads.flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    text.lines().filter_map(|line| fetched_commit(line, top)).map(|commit| format!("{commit}\n")).collect()
}

/// `COMMIT\t[not-for-merge]\t[WHAT 'NAME' of ]WHERE`
fn fetched_commit<'a>(line: &'a str, top: &Path) -> Option<&'a str> {
    let mut parts = line.splitn(3, '\t');
    let (commit, note) = (parts.next()?, parts.nth(1)?);
    let from = note.split_once("' of ").map_or(note, |(_, from)| from);
    let is_commit = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_commit && is_elsewhere(from, top)).then_some(commit)
}

/// Whether it is at another machine, or a folder here that stays. Of what a path is to be read from nothing is noted.
fn is_elsewhere(from: &str, top: &Path) -> bool {
    let path = from.strip_prefix("file://").unwrap_or(from);
    match path.starts_with('/') {
        true => folder_at(Path::new("/"), path).is_some_and(|_| !lies_inside(Path::new("/"), path, top)),
        false => path.split('/').next().is_some_and(|first| first.contains(':')),
    }
}

/// Whether what a remote has is nowhere else once `top` goes: it lies in there, or was a folder that is not there any more.
fn goes_with(shown: &Path, url: &str, top: &Path) -> bool {
    let path = url.strip_prefix("file://").unwrap_or(url);
    let is_at_a_host = !path.starts_with('/') && path.split('/').next().is_some_and(|first| first.contains(':'));
    !is_at_a_host && (folder_at(shown, path).is_none() || lies_inside(shown, url, top))
}

fn lies_inside(shown: &Path, url: &str, top: &Path) -> bool {
    let folder = folder_at(shown, url.strip_prefix("file://").unwrap_or(url));
    folder.is_some_and(|folder| top.canonicalize().is_ok_and(|top| folder.starts_with(top)))
}

fn folder_at(shown: &Path, path: &str) -> Option<PathBuf> {
    shown.join(path).canonicalize().or_else(|_| shown.join(format!("{path}.git")).canonicalize()).ok()
}
