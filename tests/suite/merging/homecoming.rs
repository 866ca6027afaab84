//! `aio merge`

use std::fs;
use std::process::Stdio;

use serde_json::json;

use super::{Fleet, commit, edit, must, refuses, script};

/// A job that changed and committed a line of a file, in two commits.
fn work(fleet: &Fleet, id: &str, file: &str) -> std::path::PathBuf {
    let worktree = fleet.job(id);
    for number in [3, 4] {
        edit(&worktree, file, number, &format!("{id} {number}"));
        commit(&worktree, &format!("{id} {number}"));
    }
    worktree
}

fn refuses_and_changes_nothing(fleet: &Fleet, args: &[&str], code: i32, names: &[&str]) {
    let before = fleet.picture();
    refuses(&fleet.aio(args), code, names);
    assert_eq!(fleet.picture(), before, "{args:?}");
}

#[test]
fn every_commit_comes_home() {
    let fleet = Fleet::new();
    work(&fleet, "claude-first0", "one");
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
    work(&fleet, "claude-first0", "one");
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
    work(&fleet, "claude-first0", "one");
    work(&fleet, "claude-second", "two");
    let ran = fleet.aio(&["merge", "claude-second", "claude-first0", "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let expected = "Would merge into main, in this order:\n  1. claude-first0, 2 commits  Do claude-first0\n  \
                    2. claude-second, 2 commits  Do claude-second\n";
    assert_eq!(ran.out, expected);
    work(&fleet, "claude-third0", "one");
    let all = ["merge", "claude-first0", "claude-second", "claude-third0"];
    refuses_and_changes_nothing(
        &fleet,
        &all,
        1,
        &["claude-first0 conflicts with claude-third0 in one", "nothing was merged"],
    );
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
    work(&fleet, "claude-first0", "one");
    work(&fleet, "claude-second", "one");
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
fn a_conflict_leaves_everything_as_it_was() {
    let fleet = Fleet::new();
    let worktree = work(&fleet, "claude-first0", "one");
    edit(&fleet.project(), "one", 3, "meanwhile");
    commit(&fleet.project(), "meanwhile");
    let next = format!("git -C {} merge main", worktree.display());
    refuses_and_changes_nothing(
        &fleet,
        &["merge", "claude-first0"],
        1,
        &["claude-first0 conflicts with main in one", &next],
    );
    // Said beforehand or only found out: it is the same.
    refuses(
        &fleet.aio(&["merge", "claude-first0", "--yes"]),
        1,
        &["aio/claude-first0 conflicts with main in one", &next],
    );
    assert_eq!(must(&fleet.project(), &["status", "--porcelain"]), "");
}

#[test]
fn hooks_and_drivers_that_fail_leave_everything_as_it_was() {
    let fleet = Fleet::new();
    work(&fleet, "claude-first0", "one");
    let hooks = fleet.project().join(".git/hooks");
    for hook in ["pre-merge-commit", "commit-msg", "prepare-commit-msg"] {
        script(&hooks.join(hook), "echo the tests are red >&2; exit 1");
        refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &["as it was", "the tests are red"]);
        must(&fleet.project(), &["branch", "-f", "release", "main"]);
        let into = ["merge", "claude-first0", "--into", "release"];
        refuses_and_changes_nothing(&fleet, &into, 1, &["as it was", "the tests are red"]);
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

#[test]
fn a_hook_that_passes_is_asked() {
    let fleet = Fleet::new();
    work(&fleet, "claude-first0", "one");
    script(&fleet.project().join(".git/hooks/pre-merge-commit"), "touch \"$HOME/asked\"");
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert!(fleet.world.home.join("asked").exists());
}

#[test]
fn what_a_person_has_under_way_is_not_touched() {
    let fleet = Fleet::new();
    work(&fleet, "claude-first0", "one");
    let project = fleet.project();
    let refuses = |names: &[&str]| refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, names);
    edit(&project, "two", 1, "mine");
    refuses(&["not committed: two", project.to_str().unwrap()]);
    must(&project, &["add", "two"]);
    refuses(&["not committed: two"]);
    must(&project, &["reset", "-q", "--hard"]);
    // An untracked file is in the way only where the merge brings one of its name.
    fs::write(project.join("new"), "mine").unwrap();
    let worktree = fleet.world.dir.join("worktrees/project/claude-first0");
    fs::write(worktree.join("new"), "the agent's").unwrap();
    commit(&worktree, "new");
    refuses(&["as it was", "new"]);
    assert_eq!(fs::read_to_string(project.join("new")).unwrap(), "mine");
    fs::remove_file(project.join("new")).unwrap();
    must(&project, &["checkout", "-qb", "side"]);
    edit(&project, "three", 1, "side");
    commit(&project, "side");
    must(&project, &["checkout", "-q", "main"]);
    must(&project, &["merge", "-q", "--no-commit", "--no-ff", "side"]);
    refuses(&["a merge is in progress", "merge --abort"]);
    assert!(project.join(".git/MERGE_HEAD").exists());
}

#[test]
fn an_agent_that_works_or_has_not_committed_is_waited_for() {
    let fleet = Fleet::new();
    let worktree = work(&fleet, "claude-first0", "one");
    fleet.edit("claude-first0", "stage", json!("running"));
    fleet.edit("claude-first0", "delivery", json!("acknowledged"));
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0", "--yes"], 1, &["claude-first0 is still working"]);
    fleet.edit("claude-first0", "turn", json!("waiting"));
    fs::write(worktree.join("forgotten"), "x").unwrap();
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &["has not committed forgotten", "--yes"]);
    let ran = fleet.aio(&["merge", "claude-first0", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("has not committed forgotten"), "{ran:?}");
    assert!(worktree.join("forgotten").exists() && !fleet.project().join("forgotten").exists());
}

#[test]
fn what_somebody_holds_where_it_is_merged_is_not_changed() {
    let fleet = Fleet::new();
    let worktree = work(&fleet, "claude-first0", "one");
    let (own, other) = (fleet.world.register("claude"), fleet.world.register("codex"));
    fleet.edit("claude-first0", "instance", json!(own));
    let claimed =
        crate::harness::run(fleet.world.command("aio").current_dir(&worktree).args(["--as", &own, "claim", "one"]));
    assert_eq!(claimed.code, 0, "{claimed:?}");
    assert_eq!(fleet.world.aio_as(&other, ["claim", "two"]).code, 0);
    assert_eq!(fleet.aio(&["merge", "claude-first0", "--dry-run"]).code, 0, "its own, and elsewhere");
    assert_eq!(fleet.world.aio_as(&other, ["claim", "one"]).code, 0);
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &["one", &other, "--yes"]);
    assert_eq!(fleet.world.aio_as(&other, ["merge", "claude-first0", "--dry-run"]).code, 0, "the caller's");
    let ran = fleet.aio(&["merge", "claude-first0", "--yes"]);
    assert!(ran.code == 0 && ran.err.contains(&other), "{ran:?}");
}

#[test]
fn many_at_once_come_home_all_the_same() {
    let fleet = Fleet::new();
    let ids = ["claude-first0", "claude-second", "claude-third0"];
    for (id, file) in ids.into_iter().zip(["one", "two", "three"]) {
        work(&fleet, id, file);
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
fn what_a_killed_merge_left_is_swept() {
    let fleet = Fleet::new();
    work(&fleet, "claude-first0", "one");
    let left = fleet.world.dir.join("cache/merge-killed");
    let worktree = left.join("worktree");
    must(&fleet.project(), &["worktree", "add", "-q", "--detach", worktree.to_str().unwrap()]);
    // A git that outlived whoever started it.
    let mut git = std::process::Command::new("sleep").arg("600").env("AIO_MERGE_ROOM", &left).spawn().unwrap();
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert!(worktree.exists(), "it still runs");
    git.kill().and_then(|()| git.wait()).unwrap();
    work(&fleet, "claude-second", "two");
    assert_eq!(fleet.aio(&["merge", "claude-second"]).code, 0);
    assert!(!left.exists());
    assert!(!must(&fleet.project(), &["worktree", "list"]).contains("killed"));
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let fleet = Fleet::new();
    let worktree = fleet.job("claude-first0");
    let no = |args: &[&str], code, names: &[&str]| {
        refuses_and_changes_nothing(&fleet, &[&["merge"], args].concat(), code, names)
    };
    no(&["claude-first0"], 1, &["claude-first0 has no commits that main has not"]);
    edit(&worktree, "one", 1, "x");
    commit(&worktree, "x");
    no(&["claude-first0", "--into", "nowhere"], 1, &["no branch nowhere", "branch --list"]);
    no(&["claude-first0", "--into", "-x"], 2, &[]);
    no(&["claude-first0", "--into", ""], 1, &["no branch"]);
    must(&worktree, &["checkout", "-q", "--orphan", "fresh"]);
    commit(&worktree, "elsewhere");
    must(&worktree, &["branch", "-f", "aio/claude-first0", "fresh"]);
    must(&worktree, &["checkout", "-q", "aio/claude-first0"]);
    no(&["claude-first0"], 1, &["no history in common", "--allow-unrelated-histories"]);
    let other = fleet.job("claude-second");
    edit(&other, "two", 1, "x");
    commit(&other, "x");
    fleet.edit("claude-second", "target", json!("release"));
    must(&fleet.project(), &["branch", "release"]);
    no(&["claude-first0", "claude-second"], 2, &["is for main, and claude-second for release", "--into"]);
    let stranger = fleet.world.home.join("stranger");
    fleet.begin(&stranger);
    fleet.edit("claude-second", "project", json!(stranger));
    no(&["claude-first0", "claude-second"], 2, &["different projects"]);
    fs::remove_dir_all(&other).unwrap();
    fleet.edit("claude-second", "project", json!(fleet.project()));
    let ran = fleet.aio(&["merge", "claude-second"]);
    assert_eq!(ran.code, 0, "its branch is there: {ran:?}");
    assert!(ran.err.contains("worktree of claude-second is not there"), "{ran:?}");
}

#[test]
fn a_history_that_is_cut_off_is_said() {
    let fleet = Fleet::new();
    let origin = fleet.project();
    edit(&origin, "two", 1, "second");
    commit(&origin, "second");
    let clone = fleet.world.home.join("clone");
    let address = format!("file://{}", origin.display());
    must(&fleet.world.home, &["clone", "-q", "--depth", "1", &address, "clone"]);
    fleet.world.aio(["projects", "add", clone.to_str().unwrap()]);
    let worktree = fleet.job_in(&clone, "claude-first0");
    edit(&worktree, "one", 1, "x");
    commit(&worktree, "x");
    // Another history that the clone would have in common, had it all.
    edit(&origin, "three", 1, "third");
    must(&origin, &["checkout", "-qb", "old", "HEAD^"]);
    fs::write(origin.join("four"), "x").unwrap();
    commit(&origin, "old");
    must(&clone, &["fetch", "-q", "--depth", "1", "origin", "old:old"]);
    let ran = fleet.aio(&["merge", "claude-first0", "--into", "old"]);
    refuses(&ran, 1, &["no history in common", "cut off", "git fetch --unshallow"]);
}

#[test]
fn nothing_is_pushed() {
    let fleet = Fleet::new();
    let remote = fleet.world.home.join("remote.git");
    must(&fleet.world.home, &["init", "-q", "--bare", "remote.git"]);
    must(&fleet.project(), &["remote", "add", "origin", remote.to_str().unwrap()]);
    must(&fleet.project(), &["push", "-qu", "origin", "main"]);
    work(&fleet, "claude-first0", "one");
    let before = must(&remote, &["for-each-ref"]);
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert_eq!(must(&remote, &["for-each-ref"]), before);
}
