//! `aio merge` that does not begin, or takes nothing of anybody's: what stands in its way, and what does not.

use std::fs;

use serde_json::json;

use super::{Fleet, commit, edit, must, refuses, refuses_and_changes_nothing, script, two_commits};

#[test]
fn a_conflict_leaves_everything_as_it_was() {
    let fleet = Fleet::new();
    let worktree = two_commits(&fleet, "claude-first0", "one");
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
fn what_a_person_has_under_way_is_not_touched() {
    let fleet = Fleet::new();
    two_commits(&fleet, "claude-first0", "one");
    let project = fleet.project();
    let refuses = |names: &[&str]| refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, names);
    edit(&project, "one", 1, "mine");
    refuses(&["not committed: one", project.to_str().unwrap()]);
    must(&project, &["checkout", "-q", "one"]);
    edit(&project, "two", 1, "mine");
    must(&project, &["add", "two"]);
    refuses(&["not committed: two"]);
    must(&project, &["reset", "-q", "--hard"]);
    // An untracked file is in the way only where the merge brings one of its name.
    fs::write(project.join("new"), "mine").unwrap();
    let worktree = fleet.world.dir.join("worktrees/project/claude-first0");
    fs::write(worktree.join("new"), "the agent's").unwrap();
    commit(&worktree, "new");
    refuses(&["what git does not track in", "would be overwritten: new; next: move them away, then aio merge"]);
    assert_eq!(fs::read_to_string(project.join("new")).unwrap(), "mine");
    fs::remove_file(project.join("new")).unwrap();
    must(&project, &["checkout", "-qb", "side"]);
    edit(&project, "three", 1, "side");
    commit(&project, "side");
    must(&project, &["checkout", "-q", "main"]);
    must(&project, &["merge", "-q", "--no-commit", "--no-ff", "side"]);
    refuses(&["a merge is in progress", "status"]);
    assert!(project.join(".git/MERGE_HEAD").exists());
}

#[test]
fn an_agent_that_works_or_has_not_committed_is_waited_for() {
    let fleet = Fleet::new();
    let worktree = two_commits(&fleet, "claude-first0", "one");
    fleet.edit("claude-first0", "stage", json!("running"));
    fleet.edit("claude-first0", "delivery", json!("acknowledged"));
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0", "--yes"], 1, &["claude-first0 is still working"]);
    fleet.edit("claude-first0", "turn", json!("waiting"));
    fleet.edit("claude-first0", "question", json!("Bash: May I?"));
    let asks = ["claude-first0 is still waiting for you: Bash: May I?", "aio stop claude-first0"];
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0", "--yes"], 1, &asks);
    fleet.edit("claude-first0", "question", json!(null));
    fs::write(worktree.join("forgotten"), "x").unwrap();
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &["has not committed forgotten", "--yes"]);
    let ran = fleet.aio(&["merge", "claude-first0", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("has not committed forgotten"), "{ran:?}");
    let next = "next: aio stop claude-first0 && aio remove claude-first0\n";
    assert!(ran.err.ends_with(next), "it runs: {ran:?}");
    assert!(worktree.join("forgotten").exists() && !fleet.project().join("forgotten").exists());
}

#[test]
fn what_somebody_holds_where_it_is_merged_is_not_changed() {
    let fleet = Fleet::new();
    let worktree = two_commits(&fleet, "claude-first0", "one");
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
fn what_cannot_be_merged_is_refused() {
    let fleet = Fleet::new();
    let worktree = fleet.job("claude-first0");
    let no = |args: &[&str], code, names: &[&str]| {
        refuses_and_changes_nothing(&fleet, &[&["merge"], args].concat(), code, names)
    };
    no(&["claude-first0"], 1, &["claude-first0 has no commits that main has not"]);
    edit(&worktree, "one", 1, "x");
    commit(&worktree, "x");
    no(
        &["claude-first0", "--into", "nowhere"],
        1,
        &["no branch nowhere", "branch --all, and where only a remote has it git -C "],
    );
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

/// What stands in the worktree beside what is merged stays, byte for byte, however the merge ends.
#[test]
fn what_is_changed_beside_it_is_in_nobody_s_way() {
    let fleet = Fleet::new();
    let worktree = two_commits(&fleet, "claude-first0", "one");
    let project = fleet.project();
    fs::write(project.join("two"), b"mine\r\n\0not committed").unwrap();
    fs::remove_file(project.join("three")).unwrap();
    fs::write(project.join("untracked"), "mine").unwrap();
    let beside = || {
        let read = |name: &str| fs::read(project.join(name)).ok();
        let time = fs::metadata(project.join("two")).unwrap().modified().unwrap();
        (read("two"), read("three"), read("untracked"), time, must(&project, &["status", "--porcelain"]))
    };
    let before = beside();
    // Stopped by a hook, and by a conflict that only the merge itself finds.
    let hook = project.join(".git/hooks/pre-merge-commit");
    script(&hook, "echo the tests are red >&2; exit 1");
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &["as it was", "the tests are red"]);
    assert_eq!(beside(), before);
    fs::remove_file(hook).unwrap();
    two_commits(&fleet, "claude-second", "one");
    let ran = fleet.aio(&["merge", "claude-first0", "claude-second", "--yes"]);
    assert!(ran.code == 1 && ran.out.contains("Merged: claude-first0"), "{ran:?}");
    assert!(ran.err.contains("conflicts with main in one"), "{ran:?}");
    assert_eq!(beside(), before);
    // What arrives there is in its way.
    edit(&worktree, "two", 3, "theirs");
    commit(&worktree, "theirs");
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &["not committed: two;"]);
    assert_eq!(beside(), before);
}

/// git itself would overwrite it, and a merge that is taken back would remove it.
#[test]
fn what_git_ignores_is_not_overwritten() {
    let fleet = Fleet::new();
    let project = fleet.project();
    fs::write(project.join(".gitignore"), ".env\ncache\n*.o\n").unwrap();
    commit(&project, "ignore");
    let worktree = two_commits(&fleet, "claude-first0", "one");
    fs::write(worktree.join(".env"), "the agent's").unwrap();
    fs::create_dir(worktree.join("cache")).unwrap();
    fs::write(worktree.join("cache/x"), "the agent's").unwrap();
    must(&worktree, &["add", "-f", ".env", "cache/x"]);
    must(&worktree, &["commit", "-qm", "what is ignored"]);
    fs::write(project.join("other.o"), "mine").unwrap();
    for name in [".env", "cache"] {
        fs::write(project.join(name), "mine").unwrap();
        let next = "; next: move them away, then aio merge claude-first0\n";
        let says = ["what git ignores in", &format!("would be overwritten: {name}"), next];
        refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &says);
        assert_eq!(fs::read_to_string(project.join(name)).unwrap(), "mine");
        fs::remove_file(project.join(name)).unwrap();
    }
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert_eq!(fs::read_to_string(project.join("other.o")).unwrap(), "mine");
}
