//! `aio diff`

use std::fs;

use serde_json::{Value, json};

use super::{Fleet, commit, edit, must};
use crate::harness::run;

/// A job with something committed, staged, changed and new.
fn busy() -> (Fleet, std::path::PathBuf) {
    let fleet = Fleet::new();
    let worktree = fleet.job("claude-first0");
    edit(&worktree, "one", 1, "committed");
    commit(&worktree, "one");
    edit(&worktree, "two", 1, "staged");
    must(&worktree, &["add", "two"]);
    edit(&worktree, "three", 1, "changed");
    fs::write(worktree.join("new"), "a\nb\n").unwrap();
    fs::write(worktree.join("picture"), b"\0\x01").unwrap();
    (fleet, worktree)
}

fn files(answer: &Value) -> Vec<(String, String, Value, Value)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = answer["data"]["files"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["path"]), text(&row["status"]), row["added"].clone(), row["removed"].clone())).collect()
}

#[test]
fn all_of_it_and_nothing_is_touched() {
    let (fleet, worktree) = busy();
    let looks = || {
        (
            must(&worktree, &["status", "--porcelain"]),
            must(&worktree, &["ls-files", "-s"]),
            must(&worktree, &["count-objects"]),
        )
    };
    let before = looks();
    let ran = fleet.aio(&["diff", "claude-first0"]);
    assert_eq!((ran.code, &*ran.err), (0, ""));
    for line in ["+committed", "+staged", "+changed", "+a", "+b", "Binary files /dev/null and b/picture differ"] {
        assert!(ran.out.lines().any(|printed| printed == line), "{line}: {ran:?}");
    }
    assert!(!ran.out.contains('\u{1b}'), "no colours but on a terminal");
    let stat = fleet.aio(&["diff", "claude-first0", "--stat"]);
    assert!(stat.out.contains("5 files changed, 5 insertions(+), 3 deletions(-)"), "{stat:?}");
    let answer = fleet.json(&["diff", "claude-first0"]);
    let row = |path: &str, status: &str, added, removed| (path.to_owned(), status.to_owned(), added, removed);
    let expected = [
        row("new", "A", json!(2), json!(0)),
        row("one", "M", json!(1), json!(1)),
        row("picture", "A", Value::Null, Value::Null),
        row("three", "M", json!(1), json!(1)),
        row("two", "M", json!(1), json!(1)),
    ];
    assert_eq!(files(&answer), expected);
    assert_eq!(answer["data"]["committed"], false);
    assert_eq!(looks(), before);
}

#[test]
fn what_is_printed_can_be_applied() {
    let (fleet, worktree) = busy();
    fs::remove_file(worktree.join("picture")).unwrap();
    fs::write(worktree.join("odd"), b"caf\xe9\r\n\x1b[31m\n").unwrap();
    let script = "aio diff claude-first0 | git apply";
    let ran = run(fleet.world.shell("bash").args(["-ec", script]));
    assert_eq!(ran.code, 0, "{ran:?}");
    for name in ["one", "two", "three", "new", "odd"] {
        assert_eq!(fs::read(fleet.project().join(name)).unwrap(), fs::read(worktree.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn what_came_from_the_target_is_none_of_its_own() {
    let (fleet, worktree) = busy();
    commit(&worktree, "all");
    edit(&fleet.project(), "one", 9, "meanwhile");
    commit(&fleet.project(), "meanwhile");
    must(&worktree, &["merge", "-q", "--no-edit", "main"]);
    let is_its_own = || {
        let ran = fleet.aio(&["diff", "claude-first0"]);
        assert!(ran.out.contains("+committed") && !ran.out.contains("+meanwhile"), "{ran:?}");
        let jobs = fleet.aio(&["jobs"]);
        assert!(jobs.out.contains("5 files, 3 commits"), "{jobs:?}");
    };
    is_its_own();
    // Once it has come home, it is still what it did.
    must(&fleet.project(), &["merge", "-q", "--no-ff", "--no-edit", "aio/claude-first0"]);
    is_its_own();
}

#[test]
fn what_the_target_had_before_it_was_moved_forward_is_none_of_its_own() {
    for keeps_up in [&["rebase", "-q", "main"][..], &["merge", "-q", "--no-edit", "main"]] {
        let (fleet, worktree) = busy();
        commit(&worktree, "all");
        edit(&fleet.project(), "one", 9, "meanwhile");
        commit(&fleet.project(), "meanwhile");
        must(&worktree, keeps_up);
        must(&fleet.project(), &["merge", "-q", "--ff-only", "aio/claude-first0"]);
        let ran = fleet.aio(&["diff", "claude-first0"]);
        assert!(ran.out.contains("+committed") && !ran.out.contains("+meanwhile"), "{keeps_up:?}: {ran:?}");
        let jobs = fleet.aio(&["jobs"]);
        let commits = if keeps_up[0] == "rebase" { 2 } else { 3 };
        assert!(jobs.out.contains(&format!("5 files, {commits} commits")), "{keeps_up:?}: {jobs:?}");
    }
}

#[test]
fn what_changed_within_a_submodule_is_said() {
    let fleet = Fleet::new();
    let other = fleet.world.home.join("other");
    fleet.begin(&other);
    let allow = ["-c", "protocol.file.allow=always", "submodule", "--quiet"];
    must(&fleet.project(), &[&allow[..], &["add", other.to_str().unwrap(), "sub"]].concat());
    commit(&fleet.project(), "submodule");
    let worktree = fleet.job("claude-first0");
    must(&worktree, &[&allow[..], &["update", "--init"]].concat());
    edit(&worktree.join("sub"), "one", 1, "changed");
    let ran = fleet.aio(&["diff", "claude-first0"]);
    let next = format!("next: git -C {} status", worktree.join("sub").display());
    let says = format!("aio: not shown: the submodule sub has what is not committed in it; {next}\n");
    assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "", &*says));
    edit(&worktree, "one", 1, "own");
    let ran = fleet.aio(&["diff", "claude-first0"]);
    assert!(ran.out.contains("+own") && ran.err == says, "{ran:?}");
}

#[test]
fn a_worktree_that_is_gone_leaves_the_branch() {
    let (fleet, worktree) = busy();
    fs::remove_dir_all(&worktree).unwrap();
    let ran = fleet.aio(&["diff", "claude-first0"]);
    assert!(ran.code == 0 && ran.out.contains("+committed") && !ran.out.contains("+staged"), "{ran:?}");
    assert!(ran.err.contains("the worktree of claude-first0 is not there"), "{ran:?}");
    let kept = must(&fleet.project(), &["rev-parse", "aio/claude-first0"]);
    must(&fleet.project(), &["update-ref", "refs/aio/rescue/claude-first0", &kept]);
    must(&fleet.project(), &["worktree", "prune"]);
    must(&fleet.project(), &["branch", "-D", "aio/claude-first0"]);
    super::refuses(&fleet.aio(&["diff", "claude-first0"]), 1, &["no branch aio/claude-first0"]);
    fleet.edit("claude-first0", "stage", json!("removed"));
    fleet.edit("claude-first0", "rescue", json!("refs/aio/rescue/claude-first0"));
    assert!(fleet.aio(&["diff", "claude-first0"]).out.contains("+committed"));
}

#[test]
fn nothing_is_said_to_be_nothing() {
    let fleet = Fleet::new();
    fleet.job("claude-first0");
    let ran = fleet.aio(&["diff", "claude-first0"]);
    assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "", "aio: claude-first0 changed nothing\n"));
    assert_eq!(files(&fleet.json(&["diff", "claude-first0"])), []);
}

/// A filter that fails ends git, which would have read the other files, too.
#[test]
fn what_cannot_be_read_is_never_nothing() {
    let fleet = Fleet::new();
    let worktree = fleet.job("claude-first0");
    fs::write(worktree.join(".gitattributes"), "*.secret filter=broken\n").unwrap();
    commit(&worktree, "attributes");
    must(&fleet.project(), &["merge", "-q", "--ff-only", "aio/claude-first0"]);
    fleet.edit("claude-first0", "base", json!(must(&worktree, &["rev-parse", "HEAD"])));
    must(&worktree, &["config", "filter.broken.clean", "false"]);
    must(&worktree, &["config", "filter.broken.required", "true"]);
    for name in ["a.secret", "b.secret"] {
        fs::write(worktree.join(name), "x").unwrap();
    }
    let says =
        "not all that claude-first0 holds could be read: a.secret: clean filter 'broken' failed, and 1 more; next: ";
    let ran = fleet.aio(&["diff", "claude-first0"]);
    assert_eq!((ran.code, &*ran.out), (6, ""), "{ran:?}");
    assert!(ran.err.contains(says) && !ran.err.contains("nothing"), "{ran:?}");
    edit(&worktree, "one", 1, "readable");
    let ran = fleet.aio(&["diff", "claude-first0"]);
    assert!(ran.code == 6 && ran.out.contains("+readable") && ran.err.contains(says), "{ran:?}");
    let answer = fleet.json(&["diff", "claude-first0"]);
    assert_eq!((&answer["code"], &answer["exit"]), (&json!("unread"), &json!(6)));
    let conflicts = fleet.aio(&["conflicts"]);
    assert!(conflicts.err.contains("a.secret: clean filter 'broken' failed"), "{conflicts:?}");
}

#[test]
fn new_files_beside_what_is_checked_out_are_read() {
    let fleet = Fleet::new();
    fs::create_dir(fleet.project().join("inside")).unwrap();
    fs::create_dir(fleet.project().join("beside")).unwrap();
    for folder in ["inside", "beside"] {
        fs::write(fleet.project().join(folder).join("old"), "x\n").unwrap();
    }
    commit(&fleet.project(), "folders");
    let worktree = fleet.job("claude-first0");
    must(&worktree, &["sparse-checkout", "set", "inside"]);
    assert!(!worktree.join("beside").exists());
    fs::create_dir(worktree.join("beside")).unwrap();
    fs::write(worktree.join("beside/new"), "brought\n").unwrap();
    let ran = fleet.aio(&["diff", "claude-first0"]);
    assert_eq!((ran.code, &*ran.err), (0, ""), "{ran:?}");
    assert!(ran.out.contains("+brought") && !ran.out.contains("old"), "{ran:?}");
    assert_eq!(fleet.aio(&["conflicts"]).err, "");
}
