//! `aio merge` and the branch it is for: whose it is, where it is checked out, and what keeps it as it is.

use std::fs;

use serde_json::json;

use super::{Fleet, edit, must, programs_around_git, refuses, refuses_and_changes_nothing, script, two_commits};
use crate::harness::run;

#[test]
fn one_that_is_checked_out_twice_is_not_merged_into() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let (project, other) = (fleet.project(), fleet.world.home.join("other"));
    must(&project, &["worktree", "add", "-q", "-f", other.to_str().unwrap(), "main"]);
    let both = format!("main is checked out in {} and {}, and would move in one", project.display(), other.display());
    let next = format!("git -C {} switch --detach && aio merge", other.display());
    for args in [&["merge", "claude-first0"][..], &["merge", "claude-first0", "--yes"]] {
        refuses_and_changes_nothing(&fleet, args, 1, &[&both, &next]);
        assert_eq!(must(&other, &["status", "--porcelain"]), "");
    }
    must(&other, &["switch", "-q", "--detach"]);
    assert_eq!(fleet.aio(&["merge", "claude-first0", "--yes"]).code, 0);
}

#[test]
fn nothing_comes_home_to_a_job_s_own_branch() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let own = ["merge", "claude-first0", "--into", "aio/claude-first0"];
    refuses_and_changes_nothing(
        &fleet,
        &own,
        2,
        &["aio/claude-first0 is the branch of claude-first0 itself", "--into"],
    );
    fleet.edit("claude-first0", "target", json!("aio/claude-first0"));
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 2, &["itself"]);
    assert!(fleet.record("claude-first0")["merged"].is_null());
}

#[test]
fn a_target_is_a_branch_by_its_name() {
    let fleet = Fleet::new();
    let worktree = two_commits(&fleet, "claude-first0", "one");
    edit(&fleet.project(), "two", 1, "second");
    super::commit(&fleet.project(), "second");
    let described = format!("main-1-g{}", &must(&worktree, &["rev-parse", "HEAD~2"])[..10]);
    for into in ["main~1", "main^{commit}", "main@{0}", &described] {
        let args = ["merge", "claude-first0", "--into", into];
        refuses_and_changes_nothing(&fleet, &args, 1, &[&format!("there is no branch {into}")]);
        refuses_and_changes_nothing(&fleet, &[&args[..], &["--dry-run"]].concat(), 1, &["there is no branch"]);
    }
}

#[test]
fn a_tag_may_have_the_name_of_a_branch() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    must(&fleet.project(), &["tag", "main", "HEAD"]);
    let ran = fleet.aio(&["merge", "claude-first0"]);
    assert!(ran.out.starts_with("Merged: claude-first0 into main, 2 commits"), "{ran:?}");
    assert_eq!(must(&fleet.project(), &["status", "--porcelain"]), "");
}

/// It would amend the merge, and never know of it.
#[test]
fn a_worktree_in_which_a_job_works_is_not_merged_into() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let busy = two_commits(&fleet, "claude-second", "two");
    for (member, value) in [("stage", "running"), ("delivery", "acknowledged"), ("startedAt", "2026-01-02T03:04:05Z")] {
        fleet.edit("claude-second", member, json!(value));
    }
    let before = must(&busy, &["rev-parse", "HEAD"]);
    let into = ["merge", "claude-first0", "--into", "aio/claude-second"];
    let says = "aio/claude-second is checked out where claude-second is still working, since 2026-01-02T03:04:05Z";
    let next = "; next: wait until it is done: aio jobs, or aio stop claude-second\n";
    for more in [&[][..], &["--yes"], &["--dry-run"]] {
        refuses_and_changes_nothing(&fleet, &[&into[..], more].concat(), 1, &[says, next]);
    }
    assert_eq!(must(&busy, &["rev-parse", "HEAD"]), before);
    assert_eq!(fleet.aio(&["merge", "claude-first0", "--dry-run"]).code, 0, "elsewhere");
    fleet.edit("claude-second", "turn", json!("waiting"));
    assert_eq!(fleet.aio(&into).code, 0);
}

#[test]
fn a_branch_that_git_will_not_move_did_not_go_on() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let project = fleet.project();
    must(&project, &["checkout", "-q", "-b", "side"]);
    let frozen = "grep -q refs/heads/main || exit 0; echo main is frozen >&2; exit 1";
    let hook = project.join(".git/hooks/reference-transaction");
    script(&hook, &format!("[ \"$1\" = prepared ] || exit 0; {frozen}"));
    let says = ["main is as it was: ", "main is frozen", "; next: mend what it says, then aio merge claude-first0\n"];
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &says);
    fs::remove_file(hook).unwrap();
    let lock = project.join(".git/refs/heads/main.lock");
    fs::write(&lock, "").unwrap();
    let before = fleet.picture();
    let answer = fleet.json(&["merge", "claude-first0"]);
    assert_eq!((&answer["code"], &answer["retryable"]), (&json!("not-merged"), &json!(false)), "{answer}");
    assert_eq!(answer["message"], format!("main is as it was: git holds {}", lock.display()));
    assert_eq!(fleet.picture(), before);
    fs::remove_file(lock).unwrap();
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
}

/// Its folder is perhaps only not mounted; what was staged there git would forget with it.
#[test]
fn a_worktree_that_is_away_is_not_to_be_forgotten() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let disk = fleet.world.home.join("disk");
    must(&fleet.project(), &["worktree", "add", "-q", "-b", "rel", disk.join("rel").to_str().unwrap()]);
    edit(&disk.join("rel"), "two", 1, "staged");
    must(&disk.join("rel"), &["add", "two"]);
    edit(&disk.join("rel"), "two", 1, "on the disk");
    let away = fleet.world.home.join("unmounted");
    fs::rename(&disk, &away).unwrap();
    let ran = fleet.aio(&["merge", "claude-first0", "--into", "rel"]);
    refuses(&ran, 1, &["which is not there; if it is on a disk, mount that", "worktree repair FOLDER"]);
    assert!(!ran.err.contains("prune"), "{ran:?}");
    fs::rename(&away, &disk).unwrap();
    assert_eq!(must(&disk.join("rel"), &["status", "--porcelain"]), "MM two");
}

/// git lists the bare repository as if it had its HEAD checked out, once any worktree has settings of its own.
#[test]
fn a_bare_repository_has_nothing_checked_out() {
    for name in ["b.git", "dotted/.git"] {
        let fleet = Fleet::new();
        let home = &fleet.world.home;
        let (bare, main) = (home.join(name), home.join("bw"));
        must(home, &["clone", "-q", "--bare", fleet.project().to_str().unwrap(), bare.to_str().unwrap()]);
        for (key, value) in [("user.name", "t"), ("user.email", "t@example.org")] {
            must(&bare, &["config", key, value]);
        }
        must(&bare, &["worktree", "add", "-q", main.to_str().unwrap(), "main"]);
        assert_eq!(fleet.aio(&["projects", "add", main.to_str().unwrap()]).code, 0);
        let worktree = fleet.job_in(&main, "claude-first0");
        edit(&worktree, "one", 3, "the agent's");
        super::commit(&worktree, "one");
        must(&worktree, &["sparse-checkout", "set", "src"]);
        assert!(must(&main, &["worktree", "list"]).lines().next().unwrap().ends_with("[main]"), "{name}");
        let ran = fleet.aio(&["merge", "claude-first0"]);
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
        assert!(fs::read_to_string(main.join("one")).unwrap().contains("the agent's"));
        assert_eq!(must(&main, &["status", "--porcelain"]), "");
        // Nowhere checked out.
        must(&main, &["checkout", "-q", "--detach"]);
        edit(&worktree, "one", 5, "more");
        super::commit(&worktree, "more");
        let ran = fleet.aio(&["merge", "claude-first0", "--into", "main"]);
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
    }
}

/// Somebody switches branch after it was looked at where the target is: before git merges, and while it does.
#[test]
fn a_branch_that_is_switched_to_meanwhile_is_not_taken_for_the_target() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let project = fleet.project();
    must(&project, &["branch", "side"]);
    let before = must(&project, &["rev-parse", "main"]);
    let git = programs_around_git(&fleet, "*' read-tree '*) \"$git\" checkout -q side ;;");
    let ran = fleet.aio_with(&git, &["merge", "claude-first0"]);
    refuses(&ran, 1, &["main is not checked out in", "nothing was merged; next: aio merge claude-first0\n"]);
    assert_eq!(must(&project, &["rev-parse", "main", "side"]), format!("{before}\n{before}"));
    must(&project, &["checkout", "-q", "main"]);
    script(&project.join(".git/hooks/pre-merge-commit"), "git symbolic-ref HEAD refs/heads/side");
    let ran = fleet.aio(&["merge", "claude-first0"]);
    let merge = must(&project, &["rev-parse", "side"]);
    let says = format!("not into main, but into side it was merged ({})", &merge[..10]);
    refuses(&ran, 1, &[&says, &format!("; next: git -C {} log -1 {merge}\n", project.display())]);
    assert_eq!(must(&project, &["rev-parse", "main"]), before);
    assert!(merge != before && fleet.record("claude-first0")["merged"].is_null());
    let next = ran.err.trim_end().split_once("; next: ").unwrap().1;
    assert_eq!(run(fleet.world.command("sh").args(["-ec", next])).code, 0);
}

/// `master` beside `main`, as people keep it for old scripts: git moves what it leads to, and that is what is checked out.
#[test]
fn a_target_that_stands_for_another_branch_is_merged_into_where_that_is_checked_out() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    must(&fleet.project(), &["symbolic-ref", "refs/heads/master", "refs/heads/main"]);
    let ran = fleet.aio(&["merge", "claude-first0", "--into", "master"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(must(&fleet.project(), &["status", "--porcelain"]), "", "{ran:?}");
    assert_eq!(must(&fleet.project(), &["rev-parse", "main"]), must(&fleet.project(), &["rev-parse", "master"]));
    assert_eq!(must(&fleet.project(), &["symbolic-ref", "refs/heads/master"]).trim(), "refs/heads/main");
}
