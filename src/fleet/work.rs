//! What was done in worktrees since each began: how many files are not as they were, how many commits were made.
//!
//! Guarantees one git process for each worktree, at most two more for all that share a repository and a beginning, and
//! that nothing is changed by looking. Does not: know of jobs, or say why a worktree could not be asked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::git::{Trouble, done, entries, git};
use super::program::Unrun;

/// How many worktrees are looked at at the same time.
const AT_ONCE: usize = 4;
/// For a comparison of many commits.
const LOOKING: Duration = Duration::from_secs(120);

/// A worktree, and the commit at which it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its top.
    pub worktree: PathBuf,
    /// A path that all worktrees of its repository have here, and no others.
    pub project: PathBuf,
    /// The full id of a commit.
    pub base: String,
}

/// What was done there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Files that were committed since, changed, or are new and not ignored.
    pub files: usize,
    /// Commits since.
    pub commits: usize,
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
    /// What is not as in its commit.
    files: BTreeSet<Vec<u8>>,
}

/// What was done in each.
pub fn look(places: &[Place]) -> Vec<Found> {
    let present = present(places);
    let mut found: Vec<Found> = present.iter().map(begun).collect();
    let mut groups: BTreeMap<(&Path, &str), Vec<(usize, &Present)>> = BTreeMap::new();
    for (at, (place, now)) in places.iter().zip(&present).enumerate() {
        if let Some(now) = now.as_ref().ok().filter(|now| now.head != place.base) {
            groups.entry((&place.project, &place.base)).or_default().push((at, now));
        }
    }
    for ((_, base), members) in groups {
        let tips: BTreeSet<&str> = members.iter().map(|(_, now)| &*now.head).collect();
        let any = members.first().map_or(Path::new(""), |(at, _)| &places[*at].worktree);
        let asked = ahead(any, base, &tips).and_then(|ahead| Ok((ahead, changed(any, base, &tips)?)));
        for (at, now) in members {
            found[at] = match &asked {
                Ok((ahead, changed)) => {
                    let committed = changed.get(&now.head).into_iter().flatten();
                    let files: BTreeSet<&Vec<u8>> = now.files.iter().chain(committed).collect();
                    let commits = ahead.get(&now.head).copied().unwrap_or_default();
                    Found::Work(Work { files: files.len(), commits })
                }
                Err(trouble) => why(trouble),
            };
        }
    }
    found
}

/// Where nothing was committed, that is all there is.
fn begun(now: &Result<Present, Found>) -> Found {
    match now {
        Ok(now) => Found::Work(Work { files: now.files.len(), commits: 0 }),
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
        let look = move |chunk: &[Place]| chunk.iter().map(|place| now(&place.worktree, gives_up)).collect::<Vec<_>>();
        let threads: Vec<_> = chunks.map(|chunk| scope.spawn(move || look(chunk))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("looking does not panic")).collect()
    })
}

fn now(worktree: &Path, gives_up: &AtomicBool) -> Result<Present, Found> {
    // Without it, git would look at whatever is around.
    worktree.join(".git").symlink_metadata().map_err(|_| Found::Nothing)?;
    if gives_up.load(Ordering::Relaxed) {
        return Err(Found::Unanswered);
    }
    let status = ["status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--untracked-files=all"];
    let ran = done(git(worktree).args(status).arg("--ignore-submodules=none"), "look at the worktree");
    let ran = ran.map_err(|trouble| why(&trouble)).inspect_err(|found| {
        gives_up.fetch_or(*found == Found::Unanswered, Ordering::Relaxed);
    })?;
    read_status(&ran.out).ok_or(Found::Nothing)
}

/// git-status(1), porcelain format version 2.
fn read_status(out: &[u8]) -> Option<Present> {
    let mut present = Present::default();
    for entry in entries(out) {
        // How many words stand before the path.
        let before = match entry {
            [b'#', ..] => {
                if let Some(head) = entry.strip_prefix(b"# branch.oid ") {
                    present.head = String::from_utf8_lossy(head).into_owned();
                }
                continue;
            }
            [b'1', ..] => 8,
            [b'u', ..] => 10,
            _ => 1,
        };
        present.files.extend(entry.splitn(before + 1, |byte| *byte == b' ').nth(before).map(<[u8]>::to_vec));
    }
    // `(initial)`: nothing was committed.
    present.head.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(present)
}

/// How many commits each of the tips has that the base has not.
fn ahead(folder: &Path, base: &str, tips: &BTreeSet<&str>) -> Result<HashMap<String, usize>, Trouble> {
    let input: String = tips.iter().map(|tip| format!("{tip}\n")).collect();
    let program = git(folder).args(["rev-list", "--parents", "--stdin"]).input(format!("{input}^{base}\n"));
    let text = done(program, "count the commits")?.text();
    let parents: HashMap<&str, Vec<&str>> = text
        .lines()
        .filter_map(|line| {
            let mut ids = line.split(' ');
            Some((ids.next()?, ids.collect()))
        })
        .collect();
    Ok(tips.iter().map(|tip| ((*tip).to_owned(), reachable(&parents, tip))).collect())
}

/// How many of the listed commits a tip has.
fn reachable(parents: &HashMap<&str, Vec<&str>>, tip: &str) -> usize {
    let (mut seen, mut open) = (HashSet::new(), vec![tip]);
    while let Some(id) = open.pop() {
        if let Some(parents) = parents.get(id).filter(|_| seen.insert(id)) {
            open.extend(parents);
        }
    }
    seen.len()
}

/// Which files of each tip are not as in the base.
fn changed(folder: &Path, base: &str, tips: &BTreeSet<&str>) -> Result<HashMap<String, Vec<Vec<u8>>>, Trouble> {
    // The commit after the first is taken for its parent.
    let input: String = tips.iter().map(|tip| format!("{tip} {base}\n")).collect();
    let program = git(folder).args(["diff-tree", "--stdin", "-r", "-z", "--name-only", "--no-renames", "--always"]);
    let ran = done(program.input(input).limit(LOOKING), "compare with the beginning")?;
    let mut found: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
    let mut tip = String::new();
    for entry in entries(&ran.out) {
        match str::from_utf8(entry).ok().filter(|entry| tips.contains(entry)) {
            Some(next) => tip = next.to_owned(),
            None => found.entry(tip.clone()).or_default().push(entry.to_vec()),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

    use super::super::git::Repository;
    use super::super::git::testing::{Scratch, commit, said, write};
    use super::*;

    /// As it was counted before: one worktree after the other, by several commands each.
    fn slowly(place: &Place) -> Work {
        let repository = Repository::open(&place.worktree).unwrap();
        let files = repository.changed_files(&place.base).unwrap().len();
        Work { files, commits: repository.commits_ahead(&place.base, "HEAD").unwrap() }
    }

    #[test]
    fn what_was_done_in_many_worktrees() {
        let scratch = Scratch::new();
        let older = scratch.git(&["rev-parse", "HEAD"]);
        write(&scratch.project.join("a b.txt"), "one\n");
        let newer = commit(&scratch.project, "second");
        let places: Vec<Place> = (0..8)
            .map(|number| {
                let worktree = scratch.path(&format!("w{number}"));
                let base = if number % 3 == 0 { &older } else { &newer };
                scratch.git(&["worktree", "add", "-q", "--detach", worktree.to_str().unwrap(), base]);
                Place { worktree, project: scratch.project.clone(), base: base.clone() }
            })
            .collect();
        let at = |number: usize| places[number].worktree.clone();
        write(&at(1).join("new file"), "x");
        write(&at(1).join("folder/below"), "x");
        write(&at(1).join("skipped.ignored"), "x");
        write(&at(2).join("a b.txt"), "changed");
        for number in [3, 4, 5] {
            write(&at(number).join("readme"), format!("{number}"));
            commit(&at(number), "one");
            write(&at(number).join("é\n"), "x");
            commit(&at(number), "two");
        }
        write(&at(4).join("readme"), "and more");
        write(&at(4).join("more"), "and more");
        let side = said(&at(5), &["rev-parse", "HEAD"]);
        write(&at(6).join("own"), "x");
        commit(&at(6), "own");
        said(&at(6), &["merge", "-q", "--no-edit", &side]);
        said(&at(7), &["merge", "-q", "--ff-only", &side]);
        let expected: Vec<Work> = places.iter().map(slowly).collect();
        let found: Vec<Found> = expected.iter().copied().map(Found::Work).collect();
        assert_eq!(look(&places), found);
        let numbers: Vec<(usize, usize)> = expected.iter().map(|work| (work.files, work.commits)).collect();
        assert_eq!(numbers, [(0, 0), (2, 0), (1, 0), (2, 2), (3, 2), (2, 2), (4, 5), (2, 2)]);
    }

    #[test]
    fn what_cannot_be_asked_hides_nothing_else() {
        let scratch = Scratch::new();
        let base = scratch.git(&["rev-parse", "HEAD"]);
        let place =
            |worktree: PathBuf, base: &str| Place { worktree, project: scratch.project.clone(), base: base.to_owned() };
        // A folder within a repository is not a worktree of it.
        std::fs::create_dir(scratch.project.join("inner")).unwrap();
        let nothing = "0".repeat(40);
        let places = [
            place(scratch.path("missing"), &base),
            place(scratch.project.join("inner"), &base),
            place(scratch.project.clone(), &nothing),
            place(scratch.project.clone(), &base),
        ];
        assert_eq!(look(&places), [Found::Nothing, Found::Nothing, Found::Nothing, Found::Work(Work::default())]);
        assert!(look(&[]).is_empty());
    }
}
