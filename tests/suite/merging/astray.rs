//! What a merge would leave behind, or what would undo it: rebases, other branches, conflicts that nobody resolved.

use std::path::{Path, PathBuf};

use super::{Fleet, commit, edit, must, refuses, refuses_and_changes_nothing};
use crate::harness::git;

/// A job with a commit of its own in `one`.
fn work(fleet: &Fleet, id: &str) -> PathBuf {
    let worktree = fleet.job(id);
    edit(&worktree, "one", 3, id);
    commit(&worktree, id);
    worktree
}

fn at(folder: &Path, words: &str) -> String {
    format!("; next: git -C {} {words}\n", folder.display())
}

#[test]
fn a_target_that_is_being_rebased_or_bisected_is_not_merged_into() {
    let fleet = Fleet::new();
    let project = fleet.project();
    for number in [1, 2] {
        edit(&project, "two", number, "theirs");
        commit(&project, "theirs");
    }
    work(&fleet, "claude-first0");
    let elsewhere = fleet.world.home.join("elsewhere");
    must(&project, &["worktree", "add", "-q", "--detach", elsewhere.to_str().unwrap()]);
    let no = |folder: &Path, what: &str| {
        for more in [&[][..], &["--yes"], &["--dry-run"]] {
            let args = [&["merge", "claude-first0"], more].concat();
            refuses_and_changes_nothing(&fleet, &args, 1, &[what, &at(folder, "status")]);
        }
    };
    assert_ne!(git(&project, &["rebase", "-q", "--exec", "false", "HEAD~1"]).code, 0);
    no(&project, "a rebase of main is in progress in");
    must(&project, &["rebase", "--abort"]);
    // By the old way, stopped at a conflict; and in another worktree.
    must(&project, &["checkout", "-q", "-b", "side", "HEAD~1"]);
    edit(&project, "two", 2, "side");
    commit(&project, "side");
    assert_ne!(git(&elsewhere, &["rebase", "-q", "--apply", "side", "main"]).code, 0);
    no(&elsewhere, "a rebase of main is in progress in");
    must(&elsewhere, &["rebase", "--abort"]);
    must(&elsewhere, &["checkout", "-q", "main"]);
    must(&elsewhere, &["bisect", "start", "HEAD", "HEAD~2"]);
    must(&elsewhere, &["checkout", "-q", "--detach"]);
    no(&elsewhere, "a bisection of main is in progress in");
    must(&elsewhere, &["bisect", "reset"]);
    // Taken along by the rebase of what stands on it.
    must(&elsewhere, &["switch", "-q", "-c", "stack"]);
    edit(&elsewhere, "three", 1, "stack");
    commit(&elsewhere, "stack");
    let rebase = ["rebase", "-q", "--update-refs", "--force-rebase", "--exec", "false", "HEAD~2"];
    assert_ne!(git(&elsewhere, &rebase).code, 0);
    no(&elsewhere, "a rebase of main is in progress in");
    must(&elsewhere, &["rebase", "--abort"]);
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
}

/// A rebase that begins while a hook of the merge runs.
#[test]
fn a_rebase_that_begins_meanwhile_is_seen_before_the_branch_moves() {
    let fleet = Fleet::new();
    let project = fleet.project();
    work(&fleet, "claude-first0");
    must(&project, &["checkout", "-q", "--detach"]);
    let there = project.display();
    let begin =
        format!("unset $(git rev-parse --local-env-vars)\ngit -C '{there}' rebase -q --exec false --root main; exit 0");
    super::script(&project.join(".git/hooks/pre-merge-commit"), &begin);
    let before = must(&project, &["rev-parse", "main"]);
    refuses(&fleet.aio(&["merge", "claude-first0"]), 1, &["a rebase of main is in progress in"]);
    assert_eq!(must(&project, &["rev-parse", "main"]), before);
}

#[test]
fn commits_that_the_branch_has_not_are_not_left_behind_silently() {
    let fleet = Fleet::new();
    let worktree = work(&fleet, "claude-first0");
    must(&worktree, &["switch", "-qc", "feature/x"]);
    assert_eq!(fleet.aio(&["merge", "claude-first0", "--dry-run"]).code, 0, "nothing is missing");
    for number in [5, 6] {
        edit(&worktree, "one", number, "beyond");
        commit(&worktree, "beyond");
    }
    let says = "claude-first0 has feature/x checked out, with 2 commits that aio/claude-first0 has not";
    let there = worktree.display();
    let next = format!("; next: git -C {there} switch aio/claude-first0 && git -C {there} merge feature/x\n");
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &[says, &next]);
    refuses_and_changes_nothing(&fleet, &["pr", "claude-first0"], 1, &[says, &next]);
    let proposed = fleet.aio(&["pr", "claude-first0", "--yes"]);
    assert!(proposed.err.contains(says), "{proposed:?}");
    must(&worktree, &["switch", "-q", "--detach"]);
    let head = must(&worktree, &["rev-parse", "HEAD"]);
    let says = format!("claude-first0 has {} checked out, with 2 commits", &head[..10]);
    let ran = fleet.aio(&["merge", "claude-first0"]);
    refuses(&ran, 1, &[&says]);
    let ran_on = fleet.aio(&["merge", "claude-first0", "--yes", "--dry-run"]);
    assert!(ran_on.code == 0 && ran_on.err.contains(&says), "{ran_on:?}");
    let next = ran.err.trim_end().split_once("; next: ").unwrap().1;
    let pasted = crate::harness::run(fleet.world.command("sh").args(["-ec", next]));
    assert_eq!(pasted.code, 0, "{next}: {pasted:?}");
    let merged = fleet.aio(&["merge", "claude-first0"]);
    assert!(merged.code == 0 && merged.out.contains("3 commits"), "{merged:?}");
    assert_eq!(must(&fleet.project(), &["rev-list", "--count", &head, "^main"]), "0");
}

#[test]
fn a_worktree_in_the_middle_of_something_is_not_ready() {
    let fleet = Fleet::new();
    let worktree = work(&fleet, "claude-first0");
    edit(&worktree, "one", 5, "more");
    commit(&worktree, "more");
    let edit_first = "sed -i 1s/pick/edit/";
    must(&worktree, &["-c", &format!("sequence.editor={edit_first}"), "rebase", "-q", "-i", "HEAD~2"]);
    must(&worktree, &["commit", "-q", "--amend", "-m", "reworded"]);
    let says = ["a rebase is in progress in the worktree of claude-first0", "1 commit that", &at(&worktree, "status")];
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &says);
    refuses_and_changes_nothing(&fleet, &["pr", "claude-first0"], 1, &says);
    let ran = fleet.aio(&["merge", "claude-first0", "--yes", "--dry-run"]);
    assert!(ran.code == 0 && ran.err.contains(says[0]), "{ran:?}");
}

#[test]
fn a_branch_that_was_renamed_is_looked_for_where_it_was() {
    let fleet = Fleet::new();
    let worktree = work(&fleet, "claude-first0");
    must(&worktree, &["branch", "-m", "better"]);
    let next = at(&worktree, "switch -c aio/claude-first0");
    for verb in ["merge", "pr"] {
        let says = "there is no branch aio/claude-first0; its worktree has better checked out";
        refuses_and_changes_nothing(&fleet, &[verb, "claude-first0"], 1, &[says, &next]);
    }
    must(&worktree, &["switch", "-qc", "aio/claude-first0"]);
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
}

/// A conflict in `one`, of which the agent resolved nothing; and the same from a stash, where nothing is in progress.
#[test]
fn conflict_markers_are_not_committed_by_advice() {
    let fleet = Fleet::new();
    let worktree = work(&fleet, "claude-first0");
    edit(&fleet.project(), "one", 3, "theirs");
    commit(&fleet.project(), "theirs");
    assert_ne!(git(&worktree, &["merge", "-q", "main"]).code, 0);
    let says = "a merge is in progress in the worktree of claude-first0, with conflicts in one";
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &[says, &at(&worktree, "status")]);
    must(&worktree, &["merge", "--abort"]);
    edit(&worktree, "one", 3, "stashed");
    must(&worktree, &["stash", "-q"]);
    edit(&worktree, "one", 3, "since");
    commit(&worktree, "since");
    assert_ne!(git(&worktree, &["stash", "pop", "-q"]).code, 0);
    let says = "claude-first0 has conflicts in one";
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &[says, &at(&worktree, "status")]);
}
