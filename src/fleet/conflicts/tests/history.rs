//! The same on a history that people and agents made: this project's own.
//!
//! Two branches of it are what a merge of it joined, or its newest commit and the undoing of an old one: those meet where
//! something was changed again since.

use super::*;

/// Fewer commits are no history.
const ENOUGH: usize = 100;

/// A repository that has this project's commits, and nothing of this checkout that could be spoilt.
fn copy(folder: &Path) -> Option<PathBuf> {
    let own = env!("CARGO_MANIFEST_DIR");
    let args = ["-c", "safe.directory=*", "clone", "-q", "--shared", "--no-checkout", own, "copy"];
    let copy = folder.join("copy");
    let is_there = git(folder, &args).is_good() && must(&copy, &["rev-parse", "--is-shallow-repository"]) == "false";
    (is_there && commits(&copy, "--no-merges").len() >= ENOUGH).then_some(copy)
}

/// The commits that HEAD has, the newest first, each with its parents.
fn commits(folder: &Path, which: &str) -> Vec<Vec<String>> {
    let lines = must(folder, &["rev-list", "--parents", which, "HEAD"]);
    lines.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

/// A commit after this one that undoes it.
fn undo(folder: &Path, commit: &str, parent: &str) -> String {
    must(folder, &["commit-tree", &format!("{parent}^{{tree}}"), "-p", commit, "-m", "undone"])
}

#[test]
fn agrees_with_merging_in_this_projects_history() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(folder) = copy(scratch.path()) else {
        let words = "this checkout has no history to try; next: git fetch --unshallow, or git clone of the project";
        if is_proof() {
            panic!("{words}");
        }
        return eprintln!("{words}");
    };
    for (key, value) in [("user.name", "t"), ("user.email", "t@example.org"), ("core.fsync", "none")] {
        must(&folder, &["config", key, value]);
    }
    let wanted = if is_proof() { 100 } else { 16 };
    let newest = must(&folder, &["rev-parse", "HEAD"]);
    let old = commits(&folder, "--no-merges");
    let step = (old.len() / wanted).max(1);
    let undone = old.iter().skip(1).step_by(step).filter(|ids| ids.len() == 2);
    let mut pairs: Vec<Pair> = undone.map(|ids| (newest.clone(), undo(&folder, &ids[0], &ids[1]))).collect();
    let joined = commits(&folder, "--merges").into_iter().filter(|ids| ids.len() == 3);
    pairs.extend(joined.take(wanted).map(|ids| (ids[1].clone(), ids[2].clone())));

    let met = meet(&Room::beside(&folder).unwrap(), &folder, &pairs, None).unwrap();
    let mut conflicts = 0;
    for ((ours, theirs), met) in pairs.iter().zip(met) {
        must(&folder, &["checkout", "-q", "--force", "--detach", ours]);
        let real = really(&folder, theirs);
        must(&folder, &["reset", "-q", "--hard"]);
        conflicts += usize::from(real != Real::Clean);
        assert_eq!(foretold(met), real, "{ours} and {theirs}");
    }
    println!("{} pairs of this project's history, {conflicts} in conflict", pairs.len());
    assert!(conflicts * 12 > pairs.len() && conflicts * 12 < pairs.len() * 11, "{conflicts} of {}", pairs.len());
}
