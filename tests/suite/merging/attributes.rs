//! Jobs that bring attributes, which decide how whatever comes after them merges.

use std::fs;
use std::path::Path;

use super::comparing::{counting, merge_trees};
use super::{Fleet, commit, edit, must, refuses, refuses_and_changes_nothing};
use crate::harness::git;

const FIRST: &str = "claude-first0";
const SECOND: &str = "codex-second";
const THIRD: &str = "amp-third0";

/// A job that changed a line of `one`, and brings attributes.
fn job(fleet: &Fleet, id: &str, number: usize, attributes: &str) {
    let worktree = fleet.job(id);
    edit(&worktree, "one", number, id);
    if !attributes.is_empty() {
        bring(&worktree, ".gitattributes", attributes);
    }
    commit(&worktree, id);
}

fn bring(worktree: &Path, file: &str, attributes: &str) {
    fs::create_dir_all(worktree.join(file).parent().unwrap()).unwrap();
    fs::write(worktree.join(file), attributes).unwrap();
}

/// What `git merge` ends with for the last, where the project has what it has, and those before it came home.
fn really(fleet: &Fleet, ids: &[&str]) -> i32 {
    let project = fleet.project();
    must(&project, &["checkout", "-q", "--detach", "main"]);
    let merge = |id: &&str| git(&project, &["merge", "-q", "--no-edit", &format!("aio/{id}")]).code;
    let (last, before) = ids.split_last().unwrap();
    assert!(before.iter().all(|id| merge(id) == 0), "{before:?}");
    let code = merge(last);
    must(&project, &["reset", "-q", "--hard"]);
    must(&project, &["checkout", "-q", "main"]);
    code
}

fn both_ways(fleet: &Fleet) -> (i32, i32) {
    (really(fleet, &[FIRST, SECOND]), really(fleet, &[SECOND, FIRST]))
}

#[test]
fn who_brings_what_lets_both_go_together_comes_first() {
    let fleet = Fleet::new();
    job(&fleet, FIRST, 3, "");
    job(&fleet, SECOND, 3, "one merge=union\n");
    assert_eq!(both_ways(&fleet), (1, 0));
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!(ran.answer(), (0, "No conflicts among 2 jobs"), "{ran:?}");
    let note = "aio: codex-second comes before claude-first0: the other way round they conflict in one\n";
    assert_eq!(ran.err, note);
    let answer = fleet.json(&["conflicts"]);
    assert_eq!(answer["data"]["projects"][0]["order"][0]["job"], SECOND);
    let merged = fleet.aio(&["merge", FIRST, SECOND]);
    assert_eq!(merged.code, 0, "{merged:?}");
    assert!(merged.out.starts_with("Merged: codex-second into main"), "{merged:?}");
    let text = fs::read_to_string(fleet.project().join("one")).unwrap();
    assert!(text.contains(FIRST) && text.contains(SECOND), "{text}");
}

#[test]
fn what_both_bring_counts_in_either_order() {
    let fleet = Fleet::new();
    job(&fleet, FIRST, 3, "one merge=union\n");
    job(&fleet, SECOND, 3, "one merge=union\n");
    assert_eq!(both_ways(&fleet), (0, 0));
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!((ran.answer(), &*ran.err), ((0, "No conflicts among 2 jobs"), ""));
    assert_eq!(fleet.aio(&["merge", FIRST, SECOND]).code, 0);
}

#[test]
fn what_is_no_text_by_them_does_not_merge() {
    let fleet = Fleet::new();
    job(&fleet, FIRST, 3, "* -merge\n");
    job(&fleet, SECOND, 9, "* -merge\n");
    assert_eq!(both_ways(&fleet), (1, 1));
    assert_eq!(fleet.aio(&["conflicts"]).answer(), (1, "1 conflict among 2 jobs"));
    refuses(&fleet.aio(&["merge", FIRST, SECOND]), 1, &["claude-first0 conflicts with codex-second in one"]);
    // Not committed, it counts all the same; then one of them does not have it.
    fs::remove_file(fleet.world.dir.join("worktrees/project/codex-second/.gitattributes")).unwrap();
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!(ran.answer(), (0, "No conflicts among 2 jobs"), "{ran:?}");
    assert!(ran.err.contains("codex-second comes before claude-first0: "), "{ran:?}");
}

#[test]
fn what_the_target_has_that_nobody_committed_stays() {
    let fleet = Fleet::new();
    job(&fleet, FIRST, 3, "");
    job(&fleet, SECOND, 3, "");
    let worktree = fleet.world.dir.join("worktrees/project/codex-second");
    bring(&worktree, "folder/.gitattributes", "* -merge\n");
    commit(&worktree, "attributes");
    bring(&fleet.project(), ".gitattributes", "one merge=union\n");
    assert_eq!(both_ways(&fleet), (0, 0));
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!((ran.answer(), &*ran.err), ((0, "No conflicts among 2 jobs"), ""));
}

#[test]
fn only_who_brings_some_is_asked_about_once_more() {
    let fleet = Fleet::new();
    let programs = counting(&fleet);
    for (at, id) in [FIRST, SECOND, THIRD, "amp-fourth"].into_iter().enumerate() {
        job(&fleet, id, at * 3, if at == 0 { "one merge=union\n" } else { "" });
    }
    let asked = || {
        let before = merge_trees(&fleet);
        assert_eq!(fleet.aio_with(&programs, &["conflicts"]).code, 0);
        merge_trees(&fleet) - before
    };
    // All pairs; the target with the first in it; those that come after it, and it after them.
    assert_eq!(asked(), 4);
    assert_eq!(asked(), 1, "what is known is not asked again");
    bring(&fleet.world.dir.join("worktrees/project/claude-first0"), ".gitattributes", "one merge=binary\n");
    assert!(asked() > 1, "other attributes");
}

/// The oldest brings what lets the others not go together once it came home.
fn who_parts_others() -> Fleet {
    let fleet = Fleet::new();
    let worktree = fleet.job(FIRST);
    bring(&worktree, ".gitattributes", "one -merge\n");
    commit(&worktree, FIRST);
    job(&fleet, SECOND, 3, "");
    job(&fleet, THIRD, 9, "");
    fleet
}

#[test]
fn who_parts_others_comes_after_them_where_it_is_typed_so() {
    let fleet = who_parts_others();
    assert_eq!((really(&fleet, &[FIRST, SECOND, THIRD]), really(&fleet, &[SECOND, THIRD, FIRST])), (1, 0));
    assert_eq!(fleet.aio(&["conflicts"]).answer(), (0, "No conflicts among 3 jobs"));
    let planned = fleet.json(&["merge", SECOND, THIRD, FIRST, "--dry-run"]);
    let order: Vec<&str> =
        planned["data"]["order"].as_array().unwrap().iter().map(|row| row["job"].as_str().unwrap()).collect();
    assert_eq!(order, [SECOND, THIRD, FIRST]);
    let merged = fleet.aio(&["merge", SECOND, THIRD, FIRST]);
    assert_eq!((merged.code, merged.out.lines().count()), (0, 3), "{merged:?}");
}

#[test]
fn what_conflicts_after_two_others_is_known_beforehand() {
    let fleet = who_parts_others();
    let message = "amp-third0 conflicts with main after claude-first0, codex-second in one; nothing was merged";
    let next = "next: aio merge claude-first0 codex-second, then git -C ";
    for more in [&["--dry-run"][..], &[]] {
        let args = [&["merge", FIRST, SECOND, THIRD], more].concat();
        refuses_and_changes_nothing(&fleet, &args, 1, &[message, next]);
    }
    assert_eq!(fleet.aio(&["merge", FIRST, SECOND]).code, 0, "what is named next");
}

#[test]
fn who_joins_others_comes_before_them() {
    let fleet = Fleet::new();
    let worktree = fleet.job(FIRST);
    bring(&worktree, ".gitattributes", "one merge=union\n");
    commit(&worktree, FIRST);
    job(&fleet, SECOND, 3, "");
    job(&fleet, THIRD, 3, "");
    assert_eq!((really(&fleet, &[SECOND, THIRD]), really(&fleet, &[FIRST, SECOND, THIRD])), (1, 0));
    assert_eq!(fleet.aio(&["conflicts"]).answer(), (1, "1 conflict among 3 jobs"), "by pairs");
    let planned = fleet.json(&["merge", FIRST, SECOND, THIRD, "--dry-run"]);
    assert_eq!(planned["data"]["conflicts"].as_array().map(Vec::len), Some(0), "{planned}");
    let merged = fleet.aio(&["merge", FIRST, SECOND, THIRD]);
    assert_eq!((merged.code, merged.out.lines().count()), (0, 3), "{merged:?}");
}
