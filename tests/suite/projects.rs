//! What a project is, in whichever worktree of its repository it is named, and what it may be called.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fleet::{Fleet, repository, within};
use crate::harness::{Ran, World, git, run};
use crate::merging::{self, commit, edit, must};

fn linked(project: &Path, folder: &Path) -> PathBuf {
    let ran = git(project, &["worktree", "add", "-q", "--detach", folder.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    folder.to_owned()
}

/// Adds the project around a folder; the path it got.
fn added(world: &World, folder: &Path) -> PathBuf {
    let ran = run(world.command("aio").current_dir(folder).args(["--json", "projects", "add"]));
    let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    answer["data"]["projects"].as_array().unwrap().last().unwrap()["path"].as_str().unwrap().into()
}

#[test]
fn a_linked_worktree_is_of_the_main_ones_project() {
    let world = World::bare();
    repository(&world.project);
    let side = linked(&world.project, &world.home.join("side"));
    assert_eq!(added(&world, &side), world.project);
    fs::create_dir(side.join("deep")).unwrap();
    assert_eq!(added(&world, &side.join("deep")), world.project);
    assert_eq!(world.state()["projects"].as_array().unwrap().len(), 1);
}

#[test]
fn where_no_main_worktree_is_known_a_linked_one_is_a_project() {
    let world = World::bare();
    repository(&world.project);
    let from = world.project.to_str().unwrap();
    // Bare, in a folder of any name and in one that looks like a main worktree's.
    for (name, at) in [("bare", "bare.git"), ("around", "around/.git")] {
        let bare = world.home.join(at);
        assert_eq!(git(&world.home, &["clone", "-q", "--bare", from, bare.to_str().unwrap()]).code, 0);
        let side = linked(&bare, &world.home.join(format!("{name}-side")));
        assert_eq!(added(&world, &side), side);
    }
    let (apart, git_dir) = (world.home.join("apart"), world.home.join("elsewhere"));
    let args = ["clone", "-q", "--separate-git-dir", git_dir.to_str().unwrap(), from, apart.to_str().unwrap()];
    assert_eq!(git(&world.home, &args).code, 0);
    let side = linked(&apart, &world.home.join("apart-side"));
    assert_eq!((added(&world, &apart), added(&world, &side)), (apart, side));
}

#[test]
fn a_submodule_is_a_project_of_its_own() {
    let world = World::bare();
    repository(&world.project);
    let outer = world.home.join("outer");
    repository(&outer);
    let from = world.project.to_str().unwrap();
    let add = ["-c", "protocol.file.allow=always", "submodule", "add", "-q", from, "sub"];
    assert_eq!(git(&outer, &add).code, 0);
    assert_eq!(added(&world, &outer.join("sub")), outer.join("sub"));
    let side = linked(&outer.join("sub"), &world.home.join("sub-side"));
    assert_eq!(added(&world, &side), outer.join("sub"));
}

#[test]
fn what_is_launched_from_any_worktree_is_of_one_project() {
    let fleet = Fleet::new();
    let script = json!({ "record": fleet.given, "turns": [[crate::fleet::write("a.txt"), { "done": "x" }]] });
    let launch = |folder: &Path| {
        let ran = run(fleet.command(&script).current_dir(folder).args(["multi", "l:1", "x"]));
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(within(60, || fleet.jobs().iter().all(|job| job["state"] == "review")), "{:#?}", fleet.jobs());
        fleet.jobs().last().unwrap().clone()
    };
    let first = launch(&fleet.world.project);
    // As its agent would.
    let own = PathBuf::from(first["worktree"].as_str().unwrap());
    launch(&own);
    let side = linked(&fleet.world.project, &fleet.world.home.join("side"));
    let third = launch(&side);
    let state = fleet.world.state();
    let projects: Vec<&Value> = state["jobs"].as_array().unwrap().iter().map(|job| &job["project"]).collect();
    assert_eq!(projects, [&json!(fleet.world.project); 3]);
    for folder in [&fleet.world.project, &own, &side] {
        let shown = run(fleet.command(&json!({})).current_dir(folder).args(["jobs", "--json", "-p", "."]));
        let shown: Value = serde_json::from_str(&shown.out).unwrap();
        assert_eq!(shown["data"]["jobs"].as_array().unwrap().len(), 3);
        assert_eq!(third["project"], "project");
    }
}

#[test]
fn jobs_that_were_recorded_in_a_linked_worktree_are_compared_and_outlive_it() {
    let fleet = merging::Fleet::new();
    let side = linked(&fleet.project(), &fleet.world.home.join("side"));
    for (project, id) in [(&fleet.project(), "claude-first0"), (&side, "codex-second")] {
        let worktree = fleet.job_in(project, id);
        edit(&worktree, "one", 3, id);
        commit(&worktree, id);
    }
    for args in [&["conflicts"][..], &["conflicts", "--all"], &["conflicts", "project"]] {
        assert_eq!(fleet.aio(args).answer(), (1, "1 conflict among 2 jobs"));
    }
    let listed = |word: &str| fleet.json(&["jobs", "-p", word])["data"]["jobs"].as_array().unwrap().len();
    assert_eq!((listed("project"), listed(side.to_str().unwrap())), (2, 2));
    must(&fleet.project(), &["worktree", "remove", "--force", side.to_str().unwrap()]);
    assert_eq!(fleet.aio(&["conflicts"]).answer(), (1, "1 conflict among 2 jobs"));
    assert!(fleet.aio(&["diff", "codex-second"]).out.contains("+codex-second"));
    let merged = fleet.aio(&["merge", "codex-second"]);
    assert_eq!(merged.code, 0, "{merged:?}");
    assert!(fs::read_to_string(fleet.project().join("one")).unwrap().contains("codex-second"));
    let removed = fleet.aio(&["remove", "codex-second"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert!(must(&fleet.project(), &["branch", "--list", "aio/codex-second"]).is_empty());
}

#[test]
fn a_job_whose_repository_is_gone_is_not_of_the_one_around_it() {
    let fleet = merging::Fleet::new();
    must(&fleet.world.home, &["init", "-q"]);
    let worktree = fleet.job("claude-first0");
    edit(&worktree, "one", 3, "x");
    fs::remove_dir_all(fleet.project().join(".git")).unwrap();
    fs::create_dir_all(&fleet.world.home).unwrap();
    let ran = run(fleet.world.command("aio").current_dir(&fleet.world.home).args(["conflicts"]));
    assert_eq!(ran.answer(), (0, "No conflicts among 0 jobs"));
}

#[test]
fn no_project_is_called_what_asks_for_agents() {
    let world = World::bare();
    let config = "[profiles.fast]\nagent = \"claude\"\n";
    fs::create_dir_all(&world.dir).unwrap();
    fs::write(world.dir.join("config.toml"), config).unwrap();
    for name in ["c", "l", "codex", "claude", "fast", "all"] {
        let folder = world.home.join(name);
        repository(&folder);
        let folder = folder.to_str().unwrap();
        let refused: Ran = world.aio(["projects", "add", folder, "--name", name]);
        assert_eq!(refused.code, 1, "{refused:?}");
        let words = format!("{name:?} is no name for a project");
        assert!(refused.err.contains(&words) && refused.err.lines().count() == 1, "{refused:?}");
        let added = world.aio(["projects", "add", folder]);
        assert_eq!(added.answer(), (0, &*format!("Added: {name}-2  {folder}")));
    }
}
