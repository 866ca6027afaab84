//! `aio merge`: what comes home, where to, and in which order.

use std::fs;
use std::process::Stdio;

use serde_json::json;

use super::{Fleet, commit, edit, must, refuses_and_changes_nothing, two_commits};

#[test]
fn every_commit_comes_home() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let before = must(&fleet.project(), &["rev-parse", "main"]);
    let ran = fleet.aio(&["merge", "claude-f"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let head = must(&fleet.project(), &["rev-parse", "main"]);
    assert_eq!(ran.out, format!("Merged: claude-first0 into main, 2 commits ({})\n", &head[..10]));
    assert_eq!(ran.err, "aio: next: aio remove claude-first0\n");
    assert_eq!(must(&fleet.project(), &["rev-list", "aio/claude-first0", "^main"]), "");
    assert_eq!(must(&fleet.project(), &["rev-parse", "main^1"]), before, "no fast-forward");
    let message = must(&fleet.project(), &["log", "-1", "--format=%B", "main"]);
    assert_eq!(message, "Merge aio/claude-first0: Do claude-first0\n\nJob claude-first0.");
    assert_eq!(must(&fleet.project(), &["status", "--porcelain"]), "");
    assert_eq!(fleet.record("claude-first0")["merged"], json!(head));
    assert!(fs::read_to_string(fleet.project().join("one")).unwrap().contains("claude-first0 4"));
    let again = fleet.aio(&["merge", "claude-first0"]);
    assert_eq!(again.answer(), (0, "Already merged: claude-first0 into main"));
    assert_eq!(must(&fleet.project(), &["rev-parse", "main"]), head);
}

#[test]
fn a_target_that_is_nowhere_checked_out_is_merged_into_all_the_same() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    must(&fleet.project(), &["branch", "release"]);
    fs::write(fleet.project().join("one"), "mine, not committed").unwrap();
    let worktrees = must(&fleet.project(), &["worktree", "list"]);
    let ran = fleet.aio(&["merge", "claude-first0", "--into", "release"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(must(&fleet.project(), &["rev-list", "--count", "release", "^main"]), "3");
    assert_eq!(must(&fleet.project(), &["rev-list", "aio/claude-first0", "^release"]), "");
    assert_eq!(must(&fleet.project(), &["worktree", "list"]), worktrees);
    assert_eq!(fs::read_to_string(fleet.project().join("one")).unwrap(), "mine, not committed");
    let left: Vec<_> =
        fs::read_dir(fleet.world.dir.join("cache")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name != "worktree" && !name.to_str().unwrap().starts_with("merge-")), "{left:?}");
}

#[test]
fn several_come_in_the_order_that_works_and_what_will_not_go_is_said_first() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    two_commits(&fleet, "claude-second", "two");
    let ran = fleet.aio(&["merge", "claude-second", "claude-first0", "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let expected = "Would merge into main, in this order:\n  1. claude-first0, 2 commits  Do claude-first0\n  \
                    2. claude-second, 2 commits  Do claude-second\n";
    assert_eq!(ran.out, expected);
    two_commits(&fleet, "claude-third0", "one");
    let all = ["merge", "claude-first0", "claude-second", "claude-third0"];
    refuses_and_changes_nothing(
        &fleet,
        &all,
        1,
        &["claude-first0 conflicts with claude-third0 in one", "nothing was merged"],
    );
    let third = fleet.world.dir.join("worktrees/project/claude-third0");
    let next = format!(
        "; next: aio merge claude-first0, then git -C {} merge main, mend, commit, then aio merge claude-third0\n",
        third.display()
    );
    assert!(fleet.aio(&all).err.ends_with(&next), "{next}");
    let ran = fleet.aio(&[&all[..], &["--yes"]].concat());
    assert_eq!(ran.code, 1, "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("Merged: claude-second into main, 2 commits"), "{ran:?}");
    assert!(lines[1].starts_with("Merged: claude-first0 into main, 2 commits"), "{ran:?}");
    assert_eq!(lines[2], "Not merged: claude-third0");
    assert!(ran.err.contains("aio/claude-third0 conflicts with main in one; next: git -C "), "{ran:?}");
    assert_eq!(must(&fleet.project(), &["status", "--porcelain"]), "");
    assert!(fleet.record("claude-third0")["merged"].is_null() && fleet.record("claude-second")["merged"].is_string());
}

#[test]
fn json_tells_the_same() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    two_commits(&fleet, "claude-second", "one");
    let plan = fleet.json(&["merge", "claude-first0", "--dry-run"]);
    assert_eq!(plan["data"]["order"], json!([{ "job": "claude-first0", "commits": 2 }]));
    let refused = fleet.json(&["merge", "claude-first0", "claude-second"]);
    assert_eq!((&refused["code"], &refused["exit"]), (&json!("conflicts"), &json!(1)));
    assert_eq!(refused["data"]["conflicts"][0]["files"], json!(["one"]));
    let stopped = fleet.json(&["merge", "claude-first0", "claude-second", "--yes"]);
    assert_eq!((&stopped["code"], &stopped["exit"]), (&json!("not-merged"), &json!(1)));
    assert_eq!(stopped["data"]["merged"][0]["commits"], 2);
    assert_eq!(stopped["data"]["notMerged"], json!(["claude-second"]));
    assert_eq!(stopped["data"]["reason"]["code"], "conflicts");
}

#[test]
fn many_at_once_come_home_all_the_same() {
    let fleet = Fleet::new();
    let ids = ["claude-first0", "claude-second", "claude-third0"];
    for (id, file) in ids.into_iter().zip(["one", "two", "three"]) {
        two_commits(&fleet, id, file);
    }
    let mut left: Vec<&str> = ids.to_vec();
    for _ in 0..20 {
        let started: Vec<_> = left
            .iter()
            .map(|id| {
                fleet
                    .world
                    .command("aio")
                    .args(["merge", id])
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let ended: Vec<_> = started.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        for output in ended.iter().filter(|output| !output.status.success()) {
            assert!(matches!(output.status.code(), Some(1 | 5)), "{output:?}");
        }
        assert!(ended.iter().any(|output| output.status.success()), "{ended:?}");
        left.retain(|id| fleet.record(id)["merged"].is_null());
        if left.is_empty() {
            break;
        }
    }
    assert!(left.is_empty(), "{left:?}");
    for id in ids {
        assert_eq!(must(&fleet.project(), &["rev-list", &format!("aio/{id}"), "^main"]), "");
    }
    assert_eq!(must(&fleet.project(), &["status", "--porcelain"]), "");
}

#[test]
fn nothing_is_pushed() {
    let fleet = Fleet::new();
    let remote = fleet.world.home.join("remote.git");
    must(&fleet.world.home, &["init", "-q", "--bare", "remote.git"]);
    must(&fleet.project(), &["remote", "add", "origin", remote.to_str().unwrap()]);
    must(&fleet.project(), &["push", "-qu", "origin", "main"]);
    two_commits(&fleet, "claude-first0", "one");
    let before = must(&remote, &["for-each-ref"]);
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert_eq!(must(&remote, &["for-each-ref"]), before);
}

/// The merge that is made is the one that was foretold.
#[test]
fn options_that_a_person_set_for_a_branch_change_nothing() {
    let fleet = Fleet::new();
    let project = fleet.project();
    two_commits(&fleet, "claude-first0", "one");
    edit(&project, "two", 1, "meanwhile");
    commit(&project, "meanwhile");
    must(&project, &["config", "branch.main.mergeoptions", "-s ours --squash"]);
    must(&project, &["config", "pull.twohead", "ours"]);
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert!(fs::read_to_string(project.join("one")).unwrap().contains("claude-first0 4"));
    two_commits(&fleet, "claude-second", "three");
    edit(&project, "three", 3, "theirs");
    commit(&project, "theirs");
    must(&project, &["config", "branch.main.mergeoptions", "-X ours"]);
    refuses_and_changes_nothing(&fleet, &["merge", "claude-second", "--yes"], 1, &["conflicts with main in three"]);
    // A name with what ends the name of a setting elsewhere.
    must(&project, &["checkout", "-q", "-b", "a=b.c"]);
    must(&project, &["reset", "-q", "--hard", "HEAD~1"]);
    must(&project, &["config", "branch.a=b.c.mergeoptions", "-s ours"]);
    assert_eq!(fleet.aio(&["merge", "claude-second", "--into", "a=b.c"]).code, 0);
    assert!(fs::read_to_string(project.join("three")).unwrap().contains("claude-second 4"));
}
