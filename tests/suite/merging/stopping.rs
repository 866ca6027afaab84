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

/// What it staged is the merge, and not a person's work.
#[test]
fn a_merge_that_was_killed_with_its_git_is_taken_back_by_advice() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let project = fleet.project();
    edit(&project, "two", 1, "mine");
    let asked = fleet.world.home.join("asked");
    script(&project.join(".git/hooks/pre-merge-commit"), "echo $PPID > \"$HOME/asked\"; sleep 600");
    let mut merging = fleet.world.command("aio").args(["merge", "claude-first0"]).spawn().unwrap();
    let read = || fs::read_to_string(&asked).ok()?.trim().parse().ok();
    let git = eventually("the hook", || read().and_then(rustix::process::Pid::from_raw));
    merging.kill().and_then(|()| merging.wait()).unwrap();
    rustix::process::kill_process_group(git, rustix::process::Signal::KILL).unwrap();
    fs::remove_file(project.join(".git/hooks/pre-merge-commit")).unwrap();
    let ran = eventually("its end", || {
        let ran = fleet.aio(&["merge", "claude-first0"]);
        (ran.code == 1).then_some(ran)
    });
    refuses(&ran, 1, &["this merge into main is staged in", "reset --merge, then aio merge claude-first0\n"]);
    let next = ran.err.trim_end().split_once("; next: ").unwrap().1.replace(", then aio merge claude-first0", "");
    assert_eq!(crate::harness::run(fleet.world.command("sh").args(["-ec", &next])).code, 0, "{next}");
    assert_eq!(must(&project, &["status", "--porcelain"]), " M two");
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert!(fs::read_to_string(project.join("two")).unwrap().contains("mine"));
    // What else is staged is a person's.
    must(&project, &["add", "two"]);
    two_commits(&fleet, "claude-second", "three");
    refuses(&fleet.aio(&["merge", "claude-second"]), 1, &["not committed: two", "commit or stash"]);
}

#[test]
fn a_merge_in_one_repository_waits_for_none_in_another() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let other = fleet.world.home.join("other");
    fleet.begin(&other);
    assert_eq!(fleet.aio(&["projects", "add", other.to_str().unwrap()]).code, 0);
    let worktree = fleet.job_in(&other, "claude-second");
    edit(&worktree, "two", 3, "the agent's");
    commit(&worktree, "two");
    let asked = fleet.world.home.join("asked");
    let wait = "touch \"$HOME/asked\"; until [ -e \"$HOME/go\" ]; do sleep 0.05; done";
    script(&fleet.project().join(".git/hooks/pre-merge-commit"), wait);
    // Both where they are made for it: neither sweeps the other's.
    for project in [fleet.project(), other] {
        must(&project, &["checkout", "-q", "--detach"]);
    }
    let mut merging = fleet.world.command("aio").args(["merge", "claude-first0"]).spawn().unwrap();
    eventually("the hook", || asked.exists().then_some(()));
    let ran = fleet.aio(&["merge", "claude-second"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let same = fleet.aio(&["merge", "claude-first0"]);
    refuses(&same, 5, &["another aio merge is under way", "next: aio merge claude-first0"]);
    fs::write(fleet.world.home.join("go"), "").unwrap();
    assert!(merging.wait().unwrap().success());
}
