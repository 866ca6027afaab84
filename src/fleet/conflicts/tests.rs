//! What is foretold, against what `git merge` then does, on generated branches.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod attributes;
mod history;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::fleet::git::testing::is_proof;
use crate::fleet::program::Program;

/// Few, so that branches meet each other often; files and folders of one name, too.
const NAMES: [&str; 9] = ["a", "b", "c", "d/a", "d/b", "e/a/x", "e/b", "a/x", "b/y"];

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

fn git(folder: &Path, args: &[&str]) -> crate::fleet::program::Ran {
    let program = Program::new("git").args(args).within(folder);
    program.variable("GIT_CONFIG_GLOBAL", "/dev/null").variable("GIT_CONFIG_NOSYSTEM", "1").run().unwrap()
}

fn must(folder: &Path, args: &[&str]) -> String {
    let ran = git(folder, args);
    assert!(ran.is_good(), "{args:?}: {ran:?}");
    ran.text()
}

/// A repository with two more worktrees, in which two branches are made again and again.
struct Bench {
    folder: tempfile::TempDir,
    random: Random,
}

impl Bench {
    fn new(seed: u64) -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap(), random: Random(seed) };
        must(bench.folder.path(), &["init", "-q", "-b", "main", "project"]);
        let project = bench.project();
        // What is gone in a moment need not outlive a power failure: most of the time went into that.
        let lasting = ("core.fsync", "none");
        for (key, value) in [("user.name", "t"), ("user.email", "t@example.org"), ("commit.gpgSign", "false"), lasting]
        {
            must(&project, &["config", key, value]);
        }
        must(&project, &["commit", "-q", "--allow-empty", "-m", "root"]);
        for name in ["ours", "theirs"] {
            must(&project, &["worktree", "add", "-q", "--detach", &format!("../{name}")]);
        }
        bench
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What both branches begin with.
    fn base(&mut self) -> String {
        let folder = self.at("ours");
        reset(&folder, "main");
        for name in NAMES {
            if !self.random.one_in(3) {
                self.write(&folder.join(name));
            }
        }
        must(&folder, &["add", "-A"]);
        must(&folder, &["commit", "-q", "--allow-empty", "-m", "base"]);
        must(&folder, &["rev-parse", "HEAD"])
    }

    /// Twelve lines, or what is no text. Not where a folder or file is in the way.
    fn write(&mut self, path: &Path) {
        if path.is_dir() || fs::create_dir_all(path.parent().unwrap()).is_err() {
            return;
        }
        let kind = self.random.below(8);
        let line = |number| format!("{} of {kind}\n", number);
        let mut text: String = (0..12).map(line).collect();
        if kind == 0 {
            text = format!("\0{}{}", self.random.below(3), "binary\n".repeat(9));
        }
        fs::write(path, text).unwrap();
    }

    /// Changes a few things, and commits some, all or none of it.
    fn change(&mut self, folder: &Path, base: &str, is_dirty: bool) {
        reset(folder, base);
        for _ in 0..2 + self.random.below(5) {
            self.mutate(folder);
            if is_dirty && self.random.one_in(3) {
                must(folder, &["add", "-A"]);
            }
            if is_dirty && self.random.one_in(4) {
                commit_all(folder);
            }
        }
        if !is_dirty {
            commit_all(folder);
        }
    }

    fn mutate(&mut self, folder: &Path) {
        let files = files(folder);
        let new = folder.join(NAMES[self.random.below(NAMES.len())]);
        let Some(file) = (!files.is_empty()).then(|| files[self.random.below(files.len())].clone()) else {
            return self.write(&new);
        };
        match self.random.below(10) {
            0..4 => self.edit(&file),
            4 => fs::remove_file(&file).unwrap(),
            5 => self.rename(&file, &new),
            6 => fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap_or_default(),
            7 => self.write(&new),
            8 => self.turn(&file),
            _ => self.replace_folder(folder),
        }
    }

    fn edit(&mut self, file: &Path) {
        let Ok(mut text) = fs::read_to_string(file) else { return };
        let lines: Vec<&str> = text.lines().collect();
        let at = self.random.below(lines.len().max(1));
        let word = format!("changed {}", self.random.below(3));
        text = match self.random.below(3) {
            0 => {
                lines.iter().enumerate().map(|(n, line)| format!("{}\n", if n == at { &word } else { *line })).collect()
            }
            1 => format!("{word}\n{text}"),
            _ => format!("{text}{word}\n"),
        };
        fs::write(file, text).unwrap();
    }

    fn rename(&mut self, file: &Path, new: &Path) {
        if new.exists() || new.starts_with(file) || fs::create_dir_all(new.parent().unwrap()).is_err() {
            return;
        }
        fs::rename(file, new).unwrap();
        if self.random.one_in(2) {
            self.edit(new);
        }
    }

    /// A file becomes a folder or a link.
    fn turn(&mut self, file: &Path) {
        fs::remove_file(file).unwrap();
        match self.random.one_in(2) {
            true => symlink(format!("to-{}", self.random.below(2)), file).unwrap(),
            false => self.write(&file.join("below")),
        }
    }

    fn replace_folder(&mut self, folder: &Path) {
        let name = folder.join(["a", "b", "d", "e"][self.random.below(4)]);
        if name.is_dir() {
            fs::remove_dir_all(&name).unwrap();
            self.write(&name);
        }
    }
}

fn reset(folder: &Path, commit: &str) {
    must(folder, &["reset", "-q", "--hard"]);
    must(folder, &["clean", "-qfdx"]);
    must(folder, &["checkout", "-q", "--detach", commit]);
}

fn commit_all(folder: &Path) {
    must(folder, &["add", "-A"]);
    must(folder, &["commit", "-q", "--allow-empty", "-m", "change"]);
}

/// Every file but git's own.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.symlink_metadata().unwrap().is_dir() {
                true => folders.push(path),
                false if path.file_name().unwrap() != ".git" => found.push(path),
                false => {}
            }
        }
    }
    found.sort_unstable();
    found
}

/// What a merge does: nothing, the files that are left unmerged, or git dies of it.
#[derive(Debug, PartialEq)]
enum Real {
    Clean,
    Conflict(BTreeSet<String>),
    Crash,
}

/// The same, as it was foretold.
fn foretold(met: Meeting) -> Real {
    match met {
        Meeting::Clean => Real::Clean,
        Meeting::Conflict(files) => {
            Real::Conflict(files.into_iter().map(|file| String::from_utf8(file).unwrap()).collect())
        }
        Meeting::Impossible(_) => Real::Crash,
    }
}

fn really(folder: &Path, theirs: &str) -> Real {
    let merged = git(folder, &["merge", "--no-commit", "--no-ff", "-q", theirs]);
    match merged.code {
        0 => return Real::Clean,
        1 => {}
        signal if signal < 0 => {
            let own = must(folder, &["rev-parse", "--absolute-git-dir"]);
            fs::remove_file(Path::new(&own).join("index.lock")).unwrap_or_default();
            return Real::Crash;
        }
        _ => panic!("{merged:?}"),
    }
    let unmerged = git(folder, &["ls-files", "-u", "-z"]).out;
    let text = String::from_utf8(unmerged).unwrap();
    let name = |entry: &str| {
        let name = entry.split_once('\t').unwrap().1;
        name.split("~HEAD").next().unwrap().split(&format!("~{theirs}")).next().unwrap().to_owned()
    };
    Real::Conflict(text.split_terminator('\0').map(name).collect())
}

#[derive(Debug, Default)]
struct Seen {
    clean: usize,
    conflicts: usize,
    dirty: usize,
    several: usize,
    /// Some versions of git fail an assertion of their own on some renames.
    crashes: usize,
}

fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn agrees_with_merging() {
    let cases = number("AIO_PROOF_CASES").unwrap_or(if is_proof() { 300 } else { 60 });
    let seed = number("AIO_PROOF_SEED").map_or(0x2545_f491_4f6c_dd1d, |seed| seed as u64);
    let mut bench = Bench::new(seed);
    let room = Room::beside(&bench.project()).unwrap();
    let (mut pairs, mut real, mut seen) = (Vec::new(), Vec::new(), Seen::default());
    let (ours, theirs) = (bench.at("ours"), bench.at("theirs"));
    for case in 0..cases {
        let base = bench.base();
        for folder in [&ours, &theirs] {
            let is_dirty = bench.random.one_in(3);
            bench.change(folder, &base, is_dirty);
        }
        let shots = [&ours, &theirs].map(|folder| match case % 5 {
            0 => look(&room, folder),
            _ => room.snapshot(folder).unwrap(),
        });
        seen.dirty += usize::from(shots.iter().any(|shot| shot.head != shot.commit));
        [&ours, &theirs].into_iter().zip(&shots).for_each(|(folder, shot)| is_faithful(&room, folder, shot));
        let [one, other] = shots;
        pairs.push((one.commit, other.commit));
        real.push(really(&ours, &must(&theirs, &["rev-parse", "HEAD"])));
    }
    let met = meet(&room, &bench.project(), &pairs, None).unwrap();
    assert_eq!(met.len(), cases);
    for (case, (met, real)) in met.into_iter().zip(real).enumerate() {
        assert_eq!(foretold(met), real, "case {case} of seed {seed}: {:?}", pairs[case]);
        match real {
            Real::Clean => seen.clean += 1,
            Real::Conflict(files) => {
                seen.conflicts += 1;
                seen.several += usize::from(files.len() > 1);
            }
            Real::Crash => seen.crashes += 1,
        }
    }
    println!("{seen:?}");
    assert!(seen.crashes * 20 < cases, "{seen:?}");
    // A generator that hits only one kind of case would prove little.
    for often in [seen.clean, seen.conflicts, seen.dirty, seen.several] {
        assert!(often * 12 > cases, "{seen:?}");
    }
}

/// A look changes nothing: not the worktree, not its index, nor the repository's objects.
fn look(room: &Room, folder: &Path) -> Snapshot {
    let own = must(folder, &["rev-parse", "--absolute-git-dir"]);
    let index = || fs::read(Path::new(&own).join("index")).unwrap();
    let objects = || must(folder, &["count-objects"]);
    let before = (index(), objects());
    let shot = room.snapshot(folder).unwrap();
    assert_eq!(room.snapshot(folder).unwrap(), shot, "the same files make the same commit");
    assert_eq!((index(), objects()), before);
    assert_eq!(shot.left_out, None);
    shot
}

/// What was taken for the content is what a commit of everything has. Leaves it committed.
fn is_faithful(room: &Room, folder: &Path, shot: &Snapshot) {
    let tree = room.git(folder, ["rev-parse", &format!("{}^{{tree}}", shot.commit)]).run().unwrap().text();
    commit_all(folder);
    assert_eq!(tree, must(folder, &["rev-parse", "HEAD^{tree}"]));
}

#[test]
fn one_that_cannot_be_compared_does_not_hide_the_others() {
    let bench = Bench::new(1);
    let project = bench.project();
    let commits: Vec<String> = ["x", "y"]
        .iter()
        .map(|name| {
            reset(&bench.at("ours"), "main");
            fs::write(bench.at("ours").join("file"), name).unwrap();
            commit_all(&bench.at("ours"));
            must(&bench.at("ours"), &["rev-parse", "HEAD"])
        })
        .collect();
    must(&bench.at("theirs"), &["checkout", "-q", "--orphan", "other"]);
    must(&bench.at("theirs"), &["commit", "-q", "--allow-empty", "-m", "elsewhere"]);
    let stranger = must(&bench.at("theirs"), &["rev-parse", "HEAD"]);
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    let (x, y) = (&commits[0], &commits[1]);
    let nothing = "0".repeat(40);
    let pairs = [pair(x, y), pair(x, &stranger), pair(&nothing, y), pair(y, x), pair(x, &stranger), pair(x, x)];
    let met = meet(&Room::beside(&project).unwrap(), &project, &pairs, None).unwrap();
    let conflict = Meeting::Conflict(vec![b"file".to_vec()]);
    assert_eq!((&met[0], &met[3], &met[5]), (&conflict, &conflict, &Meeting::Clean));
    for impossible in [1, 2, 4] {
        assert!(matches!(&met[impossible], Meeting::Impossible(why) if !why.is_empty()), "{met:?}");
    }
}

#[test]
fn what_cannot_be_read_is_left_out_and_said() {
    let bench = Bench::new(2);
    let folder = bench.at("ours");
    fs::write(folder.join("new"), "new").unwrap();
    // A repository without a commit is nothing that git can add.
    must(&folder, &["init", "-q", "inner"]);
    let room = Room::beside(&folder).unwrap();
    let shot = room.snapshot(&folder).unwrap();
    assert!(shot.left_out.unwrap().contains("inner"));
    let listed = room.git(&folder, ["ls-tree", "--name-only", &shot.commit]).run().unwrap().text();
    assert_eq!(listed, "new");
    drop(room);
    assert!(!git(&folder, &["cat-file", "-e", &shot.commit]).is_good(), "nothing is left behind");
}
