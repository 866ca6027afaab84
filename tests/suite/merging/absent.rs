//! Jobs whose worktrees were deleted, moved, locked or spoilt by hand.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::{Fleet, commit, edit, must, refuses};
use crate::harness::{Ran, run};

/// A job that committed something.
fn committed() -> (Fleet, PathBuf) {
    let fleet = Fleet::new();
    let worktree = fleet.job("claude-first0");
    edit(&worktree, "one", 1, "committed");
    commit(&worktree, "one");
    (fleet, worktree)
}

/// Does what is said after a mark, somewhere else.
fn paste(fleet: &Fleet, ran: &Ran, mark: &str) -> String {
    let said = format!("{}{}", ran.out, ran.err);
    let (_, next) = said.split_once(mark).unwrap_or_else(|| panic!("no {mark:?}: {ran:?}"));
    let pasted = run(fleet.world.shell("sh").current_dir("/").args(["-ec", next.lines().next().unwrap()]));
    assert_eq!(pasted.code, 0, "{next}: {pasted:?}");
    pasted.out
}

#[test]
fn what_is_on_its_branch_is_to_be_reviewed_and_merged() {
    let (fleet, worktree) = committed();
    fs::remove_dir_all(&worktree).unwrap();
    let shown = fleet.aio(&["jobs"]);
    let said = "claude-first0: its worktree is gone; next: aio diff claude-first0, aio merge claude-first0\n";
    assert!(
        shown.out.contains("review") && shown.out.contains("1 file, 1 commit") && shown.out.contains(said),
        "{shown:?}"
    );
    assert!(fleet.aio(&["report"]).out.contains("1 to review"));
    must(&fleet.project(), &["worktree", "prune"]);
    assert_eq!(fleet.json(&["jobs"])["data"]["jobs"][0]["state"], "review");
    let merged = fleet.aio(&["merge", "claude-first0"]);
    assert_eq!(merged.code, 0, "{merged:?}");
    assert_eq!(fleet.json(&["jobs"])["data"]["jobs"][0]["state"], "done");
}

#[test]
fn what_its_target_has_needs_no_review() {
    let (fleet, worktree) = committed();
    must(&fleet.project(), &["merge", "-q", "--no-edit", "aio/claude-first0"]);
    fs::remove_dir_all(&worktree).unwrap();
    assert_eq!(fleet.json(&["jobs"])["data"]["jobs"][0]["state"], "done");
}

#[test]
fn what_was_moved_is_looked_at_where_it_is() {
    let (fleet, worktree) = committed();
    let moved = fleet.world.home.join("moved it's");
    must(&fleet.project(), &["worktree", "move", worktree.to_str().unwrap(), moved.to_str().unwrap()]);
    fs::write(moved.join("new"), "").unwrap();
    // Where something else is, it cannot be moved back.
    fs::create_dir(&worktree).unwrap();
    assert!(fleet.aio(&["jobs"]).out.contains(&format!("next: ls -la {}\n", worktree.display())));
    fs::remove_dir(&worktree).unwrap();
    let shown = fleet.aio(&["jobs"]);
    assert!(shown.out.contains("review") && shown.out.contains("2 files, 1 commit"), "{shown:?}");
    assert!(shown.out.contains("its worktree was moved to "), "{shown:?}");
    // What is not committed there would be looked for nowhere, once the branch is merged.
    refuses(&fleet.aio(&["merge", "claude-first0"]), 1, &["the worktree of claude-first0 was moved to "]);
    refuses(&fleet.aio(&["pr", "claude-first0"]), 1, &["the worktree of claude-first0 was moved to "]);
    let refused = fleet.aio(&["merge", "claude-first0", "--dry-run"]);
    paste(&fleet, &refused, "next: ");
    assert!(worktree.join("new").exists());
    assert!(fleet.aio(&["merge", "claude-first0"]).err.contains("has not committed new"));
    must(&fleet.project(), &["worktree", "move", worktree.to_str().unwrap(), moved.to_str().unwrap()]);
    let merged = fleet.aio(&["merge", "claude-first0", "--yes"]);
    assert!(merged.code == 0 && merged.err.contains("the worktree of claude-first0 was moved to "), "{merged:?}");
}

#[test]
fn what_nothing_tells_of_any_more_is_not_called_done() {
    let (fleet, worktree) = committed();
    must(&fleet.project(), &["worktree", "remove", "--force", worktree.to_str().unwrap()]);
    must(&fleet.project(), &["branch", "-q", "-D", "aio/claude-first0"]);
    let shown = fleet.aio(&["jobs"]);
    assert!(shown.out.contains("review") && shown.out.contains("unknown work"), "{shown:?}");
    assert!(shown.out.contains("its worktree and its branch are gone"), "{shown:?}");
    paste(&fleet, &Ran { out: shown.out.replace(", aio remove", "\n"), ..shown.clone() }, "next: ");
    assert!(fleet.aio(&["report"]).out.contains("1 to review"));
}

/// With the worktree gone, too, the only place of what was committed is where the project is now.
#[test]
fn what_went_away_with_its_project_is_not_removed() {
    let (fleet, worktree) = committed();
    let (project, away) = (fleet.project(), fleet.world.home.join("away"));
    fs::rename(&project, &away).unwrap();
    fs::remove_dir_all(&worktree).unwrap();
    let remove = || run(fleet.world.command("aio").current_dir("/").args(["remove", "claude-first0"]));
    refuses(&remove(), 6, &["claude-first0 was not removed", "mv it back to", "git init "]);
    fs::rename(&away, &project).unwrap();
    assert_eq!(fleet.json(&["jobs"])["data"]["jobs"][0]["state"], "review");
    fs::remove_dir_all(&project).unwrap();
    paste(&fleet, &remove(), "if it is gone for good: ");
    assert_eq!(fleet.json(&["jobs"])["data"]["jobs"], json!([]));
}

#[test]
fn a_worktree_without_its_git_is_repaired_or_kept_and_removed_whole() {
    let (fleet, worktree) = committed();
    fs::write(worktree.join("new"), "new\n").unwrap();
    let spoil = || fs::remove_file(worktree.join(".git")).unwrap();
    for args in [
        &["jobs"][..],
        &["diff", "claude-first0"],
        &["resume", "claude-first0"],
        &["merge", "claude-first0"],
        &["pr", "claude-first0"],
    ] {
        spoil();
        let ran = fleet.aio(args);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains("has lost its .git") && !said.contains("gone"), "{ran:?}");
        paste(&fleet, &ran, "next: ");
        assert!(fleet.aio(&["jobs"]).out.contains("2 files, 1 commit"));
    }
    spoil();
    let removed = fleet.aio(&["remove", "claude-first0"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    let names: Vec<_> = fs::read_dir(worktree.parent().unwrap()).unwrap().flatten().collect();
    assert!(names.is_empty(), "{names:?}");
    assert_eq!(must(&fleet.project(), &["show", "refs/aio/rescue/claude-first0/1:new"]), "new");
    assert_eq!(fleet.aio(&["cleanup"]).err, "");
}

#[test]
fn nothing_is_said_to_have_changed_nothing_that_cannot_be_looked_at() {
    let fleet = Fleet::new();
    let worktree = fleet.job("claude-first0");
    fs::write(worktree.join("new"), "new\n").unwrap();
    fs::remove_file(worktree.join(".git")).unwrap();
    let ran = fleet.aio(&["diff", "claude-first0"]);
    assert!(ran.err.contains("has lost its .git") && !ran.err.contains("changed nothing"), "{ran:?}");
    // Once git has forgotten it, nothing brings it back; and it is not removed.
    must(&fleet.project(), &["worktree", "prune"]);
    for args in [&["jobs"][..], &["remove", "claude-first0"]] {
        paste(&fleet, &fleet.aio(args), "next: ");
    }
    assert!(worktree.join("new").exists());
}

#[test]
fn a_locked_worktree_is_not_removed() {
    let (fleet, worktree) = committed();
    must(&fleet.project(), &["worktree", "lock", "--reason", "on show", worktree.to_str().unwrap()]);
    let ran = fleet.aio(&["remove", "claude-first0"]);
    let unlock = format!("worktree unlock {}\n", worktree.display());
    refuses(&ran, 1, &["claude-first0 was not removed", "is locked: on show", &unlock]);
    // It may be on a disk that is not there.
    let away = fleet.world.home.join("away");
    fs::rename(&worktree, &away).unwrap();
    refuses(&fleet.aio(&["remove", "claude-first0"]), 6, &["is locked and not there", &unlock]);
    fs::rename(&away, &worktree).unwrap();
    assert!(worktree.join(".git").exists() && fleet.record("claude-first0")["stage"] == "ended");
    paste(&fleet, &ran, "next: ");
    assert_eq!(fleet.aio(&["remove", "claude-first0"]).code, 0);
}

#[test]
fn what_a_remote_only_had_is_kept() {
    let (fleet, worktree) = committed();
    let tip = must(&worktree, &["rev-parse", "HEAD"]);
    must(&fleet.project(), &["update-ref", "refs/remotes/origin/main", &tip]);
    assert_eq!(fleet.aio(&["remove", "claude-first0"]).code, 0);
    assert_eq!(must(&fleet.project(), &["rev-parse", "refs/aio/rescue/claude-first0/1"]), tip);
}

#[test]
fn who_runs_is_stopped_before_it_is_tried_anew() {
    let fleet = Fleet::new();
    fleet.job("claude-first0");
    fleet.edit("claude-first0", "stage", json!("queued"));
    refuses(&fleet.aio(&["retry", "claude-first0"]), 1, &["has not ended", "next: aio stop claude-first0"]);
}

/// Each in its own way: a stash entry is no branch.
#[test]
fn the_report_says_how_all_that_was_kept_is_had_back() {
    let (fleet, worktree) = committed();
    edit(&worktree, "two", 2, "stashed");
    must(&worktree, &["stash", "-q"]);
    edit(&worktree, "three", 3, "not committed");
    assert_eq!(fleet.aio(&["remove", "claude-first0"]).code, 0);
    let shown = fleet.aio(&["report"]);
    let ways = shown.out.matches("to have it back: ").count();
    assert_eq!(ways, 2, "{shown:?}");
    for line in shown.out.lines().filter(|line| line.contains("to have it back: ")) {
        paste(&fleet, &Ran { out: line.to_owned(), ..shown.clone() }, "to have it back: ");
    }
    for (file, text) in [("one", "committed"), ("two", "stashed"), ("three", "not committed")] {
        assert!(fs::read_to_string(fleet.project().join(file)).unwrap().contains(text), "{file}: {shown:?}");
    }
}

#[test]
fn what_was_removed_unmerged_is_told_from_what_is_done() {
    let fleet = Fleet::new();
    for id in ["claude-first0", "claude-second"] {
        let worktree = fleet.job(id);
        edit(&worktree, "one", 1, id);
        commit(&worktree, id);
        fs::write(worktree.join("three"), "staged\n").unwrap();
        must(&worktree, &["add", "three"]);
        fs::write(worktree.join("three"), "changed\n").unwrap();
    }
    fleet.job("claude-third0");
    let removed = fleet.aio(&["remove", "claude-first0", "claude-second", "claude-third0"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    let report = run(fleet.world.command("aio").current_dir("/").arg("report"));
    assert!(report.out.starts_with("The last 24h: 3 jobs (2 removed unmerged, 1 done)\n"), "{report:?}");
    assert!(report.out.contains("\nKept when removed\n- claude-first0 in project: Do claude-first0\n"), "{report:?}");
    let all = fleet.aio(&["jobs", "--all"]);
    assert_eq!(all.out.lines().filter(|line| line.contains("  removed  ")).count(), 2, "{all:?}");
    let alike = "\nclaude-first0, claude-second, each as claude-first0: what was not merged is kept in refs/aio/rescue/claude-first0/1; ";
    assert!(all.out.contains(alike), "{all:?}");
    let answer = fleet.json(&["jobs", "--all"]);
    assert_eq!(
        (&answer["data"]["jobs"][0]["state"], &answer["data"]["jobs"][0]["removed"]),
        (&json!("done"), &json!(true))
    );
    let listed = paste(&fleet, &all, "next: ");
    assert_eq!(listed.lines().filter(|line| line.contains("refs/aio/rescue/claude-first0/")).count(), 2, "{listed}");
    let listed = paste(&fleet, &report, "All that was kept in project: ");
    assert_eq!(listed.lines().count(), 4, "{listed}");
    paste(&fleet, &report, "to have it back: ");
    assert_eq!(must(&fleet.project(), &["branch", "--show-current"]), "rescued/claude-first0-1");
}
