//! `aio merge` stopped on its way: by hooks, merge drivers, signals and kills.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use super::{Fleet, commit, edit, must, refuses, refuses_and_changes_nothing, script, two_commits};
use crate::harness::eventually;

#[test]
fn hooks_and_drivers_that_fail_leave_everything_as_it_was() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let hooks = fleet.project().join(".git/hooks");
    for hook in ["pre-merge-commit", "commit-msg", "prepare-commit-msg"] {
        script(&hooks.join(hook), "echo the tests are red >&2; exit 1");
        refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &["as it was", "the tests are red"]);
        must(&fleet.project(), &["branch", "-f", "release", "main"]);
        let into = ["merge", "claude-first0", "--into", "release"];
        let next = "then aio merge claude-first0 --into release\n";
        refuses_and_changes_nothing(&fleet, &into, 1, &["as it was", "the tests are red", next]);
        fs::remove_file(hooks.join(hook)).unwrap();
    }
    // A driver that is killed; the same file must have been changed on both sides for it to be asked.
    edit(&fleet.project(), "one", 9, "meanwhile");
    fs::write(fleet.project().join(".gitattributes"), "one merge=broken\n").unwrap();
    commit(&fleet.project(), "meanwhile");
    // Itself, or git with it, which cannot put its lock away then.
    for driver in ["kill -9 $$", "kill -9 $PPID"] {
        must(&fleet.project(), &["config", "merge.broken.driver", driver]);
        refuses_and_changes_nothing(&fleet, &["merge", "claude-first0", "--yes"], 1, &["aio/claude-first0"]);
        assert!(!fleet.project().join(".git/index.lock").exists(), "{driver}");
    }
    must(&fleet.project(), &["config", "merge.broken.driver", "exit 0"]);
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
}

/// While a hook runs all is staged, and nothing says yet that it is a merge.
#[test]
fn a_git_that_is_killed_beside_its_hook_leaves_everything_as_it_was() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let hook = fleet.project().join(".git/hooks/pre-merge-commit");
    script(&hook, "kill -9 $PPID");
    fs::write(fleet.project().join("beside"), "a person's\n").unwrap();
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &["aio/claude-first0", "as it was"]);
    // What was staged meanwhile is a person's, and nothing is undone then.
    script(&hook, "git add beside; kill -9 $PPID");
    refuses(&fleet.aio(&["merge", "claude-first0"]), 1, &["could not be taken back", " status"]);
    assert!(must(&fleet.project(), &["status", "--porcelain"]).contains("A  beside"));
}

/// What it staged is not a person's: nobody is told to commit or stash it.
#[test]
fn a_git_that_outlives_a_killed_merge_is_waited_for() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let (asked, go) = (fleet.world.home.join("asked"), fleet.world.home.join("go"));
    let wait = "touch \"$HOME/asked\"; until [ -e \"$HOME/go\" ]; do sleep 0.05; done";
    script(&fleet.project().join(".git/hooks/pre-merge-commit"), wait);
    let mut merging = fleet.world.command("aio").args(["merge", "claude-first0"]).spawn().unwrap();
    eventually("the hook", || asked.exists().then_some(()));
    merging.kill().and_then(|()| merging.wait()).unwrap();
    refuses(&fleet.aio(&["merge", "claude-first0"]), 5, &["git still merges in", "next: aio merge claude-first0"]);
    fs::write(go, "").unwrap();
    eventually("its merge", || (fleet.aio(&["merge", "claude-first0"]).code == 0).then_some(()));
    assert_eq!(must(&fleet.project(), &["status", "--porcelain", "--untracked-files=no"]), "");
    assert_eq!(must(&fleet.project(), &["rev-list", "--count", "--merges", "main"]), "1");
}

#[test]
fn a_hook_that_does_not_end_is_stopped_at_the_second_word() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let asked = fleet.world.home.join("asked");
    script(&fleet.project().join(".git/hooks/pre-merge-commit"), "touch \"$HOME/asked\"; sleep 600");
    let before = fleet.picture();
    let mut command = fleet.world.command("aio");
    let merging = command.args(["merge", "claude-first0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut merging = merging.unwrap();
    eventually("the hook", || asked.exists().then_some(()));
    let pid = rustix::process::Pid::from_child(&merging);
    let signal = || rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    signal();
    let mut said = BufReader::new(merging.stderr.take().unwrap());
    let mut first = String::new();
    said.read_line(&mut first).unwrap();
    assert!(first.contains("another Ctrl-C stops git"), "{first}");
    assert!(merging.try_wait().unwrap().is_none());
    signal();
    let mut last = String::new();
    said.read_to_string(&mut last).unwrap();
    assert_eq!(merging.wait().unwrap().code(), Some(130), "{last}");
    assert!(last.contains("Interrupted: ") && last.contains("as it was: git was stopped"), "{last}");
    assert_eq!(fleet.picture(), before);
}

#[test]
fn a_hook_that_passes_is_asked() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    script(&fleet.project().join(".git/hooks/pre-merge-commit"), "touch \"$HOME/asked\"");
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert!(fleet.world.home.join("asked").exists());
}

#[test]
fn what_a_killed_merge_left_is_swept() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let left = fleet.world.dir.join("cache/merge-killed");
    let worktree = left.join("worktree");
    must(&fleet.project(), &["worktree", "add", "-q", "--detach", worktree.to_str().unwrap()]);
    // A git that outlived whoever started it.
    let mut git = std::process::Command::new("sleep").arg("600").env("AIO_MERGE_ROOM", &left).spawn().unwrap();
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert!(worktree.exists(), "it still runs");
    git.kill().and_then(|()| git.wait()).unwrap();
    two_commits(&fleet, "claude-second", "two");
    assert_eq!(fleet.aio(&["merge", "claude-second"]).code, 0);
    assert!(!left.exists());
    assert!(!must(&fleet.project(), &["worktree", "list"]).contains("killed"));
}
