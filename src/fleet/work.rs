//! What was done in worktrees since each began: how many files are not as they were, how many commits were made. What came
//! from where the work is to go is not counted.
//!
//! Guarantees one git process for each worktree, one more for a repository, at most two more for all that share a beginning
//! and a target there (three where one has nothing that its target has not), and that nothing is changed by looking. Does not:
//! know of jobs, or say why a worktree could not be asked.

pub mod absent;
mod inside;
mod left;
mod own;
mod past;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use self::inside::inside;
pub use self::left::left;
pub use self::own::{Own, Target, own};
use super::git::{Trouble, done, entries, git};
use super::merge::{self, branch_ref, resolve};
use super::program::{Program, Unrun};

/// How many worktrees are looked at at the same time.
const AT_ONCE: usize = 4;
/// For a comparison of many commits.
const LOOKING: Duration = Duration::from_secs(120);
/// What the main worktree has checked out, seen from any.
const CHECKED_OUT: &str = "main-worktree/HEAD";
/// What git calls the commit of a branch that has none.
const UNBORN: &str = "(initial)";

/// A worktree, the commit at which it began, and where its work is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its top.
    pub worktree: PathBuf,
    /// A path that all worktrees of its repository have here, and no others.
    pub project: PathBuf,
    /// The full id of a commit.
    pub base: String,
    /// The branch that it is for, whatever is checked out there.
    pub branch: String,
    /// A branch; empty for what the project has checked out.
    pub target: String,
}

/// What was done there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Files that were committed since, changed, or are new and not ignored.
    pub files: usize,
    /// Commits since.
    pub commits: usize,
    /// Files that are not as they were committed.
    pub uncommitted: usize,
    /// All that was committed is in the target.
    pub has_arrived: bool,
    /// Something else than its branch is checked out there; what was committed to either counts.
    pub is_off_branch: bool,
    /// Some of it was committed to a branch that was checked out there meanwhile, and neither its own nor its target has it.
    pub is_elsewhere: bool,
}

impl Work {
    /// Whether nothing of it is still to be brought to its target.
    pub fn is_home(&self) -> bool {
        self.uncommitted == 0 && (self.has_arrived || self.commits == 0)
    }
}

/// What is known of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This.
    Work(Work),
    /// There is no worktree, or git cannot compare it with its beginning.
    Nothing,
    /// Git did not answer in time; then nothing else was asked, either.
    Unanswered,
}

/// A worktree as it is now.
#[derive(Debug, Default, PartialEq, Eq)]
struct Present {
    head: String,
    /// What is checked out.
    branch: String,
    /// What is not as in its commit.
    files: BTreeSet<Vec<u8>>,
    /// Which of it git does not keep track of.
    untracked: BTreeSet<Vec<u8>>,
    /// Other branches that were committed to there, and the commits at which they were left.
    left: BTreeMap<String, String>,
}

impl Present {
    /// Whether something was committed there, or may have been.
    fn has_begun(&self, place: &Place) -> bool {
        self.head != place.base || self.branch != place.branch || !self.left.is_empty()
    }

    /// What was committed there, by the commits that are last: those of its branch and of what is checked out, and of branches
    /// that were left and have not moved since.
    fn tips<'p>(&'p self, place: &Place, refs: &'p HashMap<&str, Target>) -> Tips<'p> {
        let own = refs.get(&*place.branch).map(|own| &*own.commit);
        let is_there =
            |(name, commit): &(&String, &String)| refs.get(&***name).is_some_and(|now| now.commit == **commit);
        Tips {
            own: own.into_iter().chain([&*self.head]).collect(),
            left: self.left.iter().filter(is_there).map(|(_, commit)| &**commit).collect(),
        }
    }
}

/// The last commits of one worktree's work.
struct Tips<'p> {
    own: BTreeSet<&'p str>,
    left: BTreeSet<&'p str>,
}

/// What was done in each.
pub fn look(places: &[Place]) -> Vec<Found> {
    let present = present(places);
    let mut found: Vec<Found> = present.iter().map(begun).collect();
    let mut repositories: BTreeMap<&Path, Groups<'_>> = BTreeMap::new();
    for (at, (place, now)) in places.iter().zip(&present).enumerate() {
        if let Some(now) = now.as_ref().ok().filter(|now| now.has_begun(place)) {
            let groups = repositories.entry(&place.project).or_default();
            groups.entry((&place.base, &place.target)).or_default().push((at, now));
        }
    }
    for groups in repositories.into_values() {
        let members = || groups.values().flatten();
        let any = members().next().map_or(Path::new(""), |(at, _)| &places[*at].worktree);
        let off = members().map(|(at, now)| (&*places[*at].branch, now)).filter(|(branch, now)| now.branch != *branch);
        let left = members().flat_map(|(_, now)| now.left.keys().map(String::as_str));
        let named = groups.keys().map(|(_, target)| *target);
        let refs = targets(any, named.chain(off.map(|(branch, _)| branch)).chain(left));
        for ((base, target), members) in &groups {
            let asked = refs.as_ref().map_err(|found| *found).and_then(|refs| {
                let all: Vec<Tips<'_>> = members.iter().map(|(at, now)| now.tips(&places[*at], refs)).collect();
                let tips = all.iter().flat_map(|tips| tips.own.union(&tips.left)).copied().collect();
                let done = done_since(any, base, refs.get(target), &tips).map_err(|trouble| why(&trouble))?;
                Ok((all, done))
            });
            match asked {
                Ok((all, done)) => {
                    for ((at, now), tips) in members.iter().zip(&all) {
                        found[*at] = together(&places[*at], now, tips, &done);
                    }
                }
                Err(trouble) => members.iter().for_each(|(at, _)| found[*at] = trouble),
            }
        }
    }
    found
}

/// Those of a repository in which something was committed, by where they began and where they are to go.
type Groups<'p> = BTreeMap<(&'p str, &'p str), Vec<(usize, &'p Present)>>;

/// What tips have of their own, and in which files.
type Done = HashMap<String, (Own, Vec<Vec<u8>>)>;

fn done_since(folder: &Path, base: &str, target: Option<&Target>, tips: &BTreeSet<&str>) -> Result<Done, Trouble> {
    let all = own(folder, base, target, tips)?;
    let mut changed = changed(folder, &all)?;
    let with_files = |(tip, own)| {
        let files = changed.remove(&tip).unwrap_or_default();
        (tip, (own, files))
    };
    Ok(all.into_iter().map(with_files).collect())
}

/// The commits of targets, by their names; of one that is not there, none.
fn targets<'p>(folder: &Path, names: impl Iterator<Item = &'p str>) -> Result<HashMap<&'p str, Target>, Found> {
    let names: BTreeSet<&str> = names.collect();
    let refs: Vec<String> = names.iter().map(|name| reference(name)).collect();
    let found = resolve(folder, &refs);
    let commits = found.map_err(|trouble| match trouble {
        merge::Trouble::Unrun(Unrun::TimedOut(..)) => Found::Unanswered,
        _ => Found::Nothing,
    })?;
    let found = refs.into_iter().zip(commits).map(|(name, commit)| Some(Target { name, commit: commit? }));
    Ok(names.into_iter().zip(found).filter_map(|(name, target)| Some((name, target?))).collect())
}

/// The ref of a target.
fn reference(target: &str) -> String {
    if target.is_empty() { CHECKED_OUT.to_owned() } else { branch_ref(target) }
}

/// What was committed there, and what was not.
fn together(place: &Place, now: &Present, tips: &Tips<'_>, done: &Done) -> Found {
    let of = |tips: &BTreeSet<&str>| tips.iter().filter_map(|tip| done.get(*tip)).collect::<Vec<_>>();
    let (own, left) = (of(&tips.own), of(&tips.left));
    let all = || own.iter().chain(&left);
    let files: BTreeSet<&Vec<u8>> = now.files.iter().chain(all().flat_map(|(_, files)| files)).collect();
    let brought: BTreeSet<&String> = own.iter().flat_map(|(own, _)| &own.commits).collect();
    let commits: BTreeSet<&String> = all().flat_map(|(own, _)| &own.commits).collect();
    Found::Work(Work {
        files: files.len(),
        commits: commits.len(),
        uncommitted: now.files.len(),
        has_arrived: all().all(|(own, _)| own.has_arrived || own.commits.is_empty()),
        is_off_branch: now.branch != place.branch,
        is_elsewhere: left
            .iter()
            .any(|(own, _)| !own.has_arrived && own.commits.iter().any(|id| !brought.contains(id))),
    })
}

/// Where nothing was committed, that is all there is.
fn begun(now: &Result<Present, Found>) -> Found {
    match now {
        Ok(now) => {
            let files = now.files.len();
            Found::Work(Work { files, uncommitted: files, ..Work::default() })
        }
        Err(found) => *found,
    }
}

fn why(trouble: &Trouble) -> Found {
    match trouble {
        Trouble::Unrun(Unrun::TimedOut(..)) => Found::Unanswered,
        _ => Found::Nothing,
    }
}

fn present(places: &[Place]) -> Vec<Result<Present, Found>> {
    let gives_up = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let chunks = places.chunks(places.len().div_ceil(AT_ONCE).max(1));
        let look = move |chunk: &[Place]| chunk.iter().map(|place| now(place, gives_up)).collect::<Vec<_>>();
        let threads: Vec<_> = chunks.map(|chunk| scope.spawn(move || look(chunk))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("looking does not panic")).collect()
    })
}

fn now(Place { worktree, base, branch, .. }: &Place, gives_up: &AtomicBool) -> Result<Present, Found> {
    // Without it, git would look at whatever is around.
    worktree.join(".git").symlink_metadata().map_err(|_| Found::Nothing)?;
    if gives_up.load(Ordering::Relaxed) {
        return Err(Found::Unanswered);
    }
    let look = || {
        let now = read_status(&done(status(worktree), "look at the worktree")?.out);
        let mut now = if now.head == UNBORN { unborn(worktree, base, now)? } else { now };
        now.left = left(worktree);
        now.left.retain(|name, _| name != branch && *name != now.branch);
        Ok(now)
    };
    look().map_err(|trouble| why(&trouble)).inspect_err(|found| {
        gives_up.fetch_or(*found == Found::Unanswered, Ordering::Relaxed);
    })
}

fn status(worktree: &Path) -> Program {
    let status = ["status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--untracked-files=all"];
    git(worktree).args(status).arg("--ignore-submodules=none")
}

/// On a branch without a commit everything is new to git; it is compared with the beginning.
fn unborn(worktree: &Path, base: &str, now: Present) -> Result<Present, Trouble> {
    let compare =
        ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", base, "--"];
    let ran = done(git(worktree).args(compare), "compare with the beginning")?;
    let files = now.untracked.iter().map(Vec::as_slice).chain(entries(&ran.out)).map(<[u8]>::to_vec).collect();
    Ok(Present { head: base.to_owned(), files, ..now })
}

/// git-status(1), porcelain format version 2.
fn read_status(out: &[u8]) -> Present {
    let mut present = Present::default();
    for entry in entries(out) {
        // How many words stand before the path.
        let before = match entry {
            [b'#', ..] => {
                if let Some(head) = entry.strip_prefix(b"# branch.oid ") {
                    present.head = String::from_utf8_lossy(head).into_owned();
                } else if let Some(branch) = entry.strip_prefix(b"# branch.head ") {
                    present.branch = String::from_utf8_lossy(branch).into_owned();
                }
                continue;
            }
            [b'1', ..] => 8,
            [b'u', ..] => 10,
            _ => 1,
        };
        let path = entry.splitn(before + 1, |byte| *byte == b' ').nth(before).map(<[u8]>::to_vec);
        present.untracked.extend(path.clone().filter(|_| before == 1));
        present.files.extend(path);
    }
    present
}

/// Which files of each tip are not as in what it is to be compared with; what was renamed is one.
fn changed(folder: &Path, all: &HashMap<String, Own>) -> Result<HashMap<String, Vec<Vec<u8>>>, Trouble> {
    // The commit after the first is taken for its parent.
    let input: String = all.iter().map(|(tip, own)| format!("{tip} {}\n", own.from)).collect();
    let how = ["--name-only", "--find-renames", "--ignore-submodules=none", "--always"];
    let program = git(folder).args(["diff-tree", "--stdin", "-r", "-z"]).args(how);
    let ran = done(program.input(input).limit(LOOKING), "compare with the beginning")?;
    let mut found: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
    let mut tip = String::new();
    for entry in entries(&ran.out) {
        match str::from_utf8(entry).ok().filter(|entry| all.contains_key(*entry)) {
            Some(next) => tip = next.to_owned(),
            None => found.entry(tip.clone()).or_default().push(entry.to_vec()),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
