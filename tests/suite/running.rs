//! `aio run`: registered, claimed, alive with its command, and gone with it.

use serde_json::Value;

use crate::harness::{World, eventually, run};

fn instances(world: &World) -> usize {
    world.state()["instances"].as_object().map_or(0, |all| all.len())
}

/// The only instance of that tool, once its own process is recorded.
fn running(world: &World, tool: &str) -> Value {
    eventually("the instance", || {
        let state = std::fs::read_to_string(world.state_path()).ok()?;
        let state: Value = serde_json::from_str(&state).ok()?;
        state["instances"].as_object()?.values().find(|instance| instance["tool"] == tool).cloned()
    })
}

#[test]
fn a_command_runs_as_an_instance_and_leaves_nothing() {
    let world = World::new();
    let ran = world.aio(["run", "--tool", "lint", "--claim", "a", "--", "/bin/sh", "-c", "echo $AIO_INSTANCE; exit 7"]);
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.out.starts_with("lint-"), "{ran:?}");
    assert_eq!((instances(&world), world.state()["claims"].as_object().unwrap().len()), (0, 0));
}

#[test]
fn the_command_is_who_it_is_started_as() {
    let world = World::new();
    let script = "aio claim inside && aio check inside";
    let ran = run(world.shell("aio").args(["run", "--tool", "lint", "--", "/bin/sh", "-c", script]));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("YOURS "), "{ran:?}");
}

#[test]
fn the_tool_is_named_after_the_command() {
    let world = World::new();
    let ran = world.aio(["run", "--", "/bin/sh", "-c", "echo $AIO_INSTANCE"]);
    assert!(ran.out.starts_with("sh-"), "{ran:?}");
}

#[test]
fn it_refuses_to_start_over_somebody_elses_claim() {
    let world = World::new();
    let codex = world.register("codex");
    world.claim(&codex, "a");
    let ran = world.aio(["run", "--tool", "lint", "--claim", "a", "--", "/bin/sh", "-c", "touch ran"]);
    assert_eq!((ran.code, ran.out.as_str()), (125, ""));
    assert!(ran.err.contains(&codex), "{ran:?}");
    assert!(!world.project.join("ran").exists());
    assert_eq!(instances(&world), 1);
}

#[test]
fn a_command_that_cannot_be_run_is_told_as_shells_do() {
    let world = World::new();
    assert_eq!(world.aio(["run", "--", "./missing"]).code, 127);
    world.file("plain");
    assert_eq!(world.aio(["run", "--", "./plain"]).code, 126);
    assert_eq!(world.aio(["run", "--tool", "No Tool", "--", "true"]).code, 125);
    assert_eq!(instances(&world), 0);
}

#[test]
fn a_signal_to_it_reaches_the_command_and_its_end_comes_back() {
    let world = World::new();
    let script = "trap 'exit 42' TERM; touch ready; while :; do sleep 0.02; done";
    let started = world.start("nobody", ["run", "--tool", "lint", "--", "/bin/bash", "-c", script]);
    eventually("the command", || world.project.join("ready").exists().then_some(()));
    started.signal("TERM");
    assert_eq!(started.wait().code, 42);
    assert_eq!(instances(&world), 0);
}

#[test]
fn a_command_ended_by_a_signal_ends_it_by_the_same() {
    let world = World::new();
    let ran = world.aio(["run", "--tool", "lint", "--", "/bin/sh", "-c", "kill -KILL $$"]);
    assert_eq!(ran.code, 128 + 9, "{ran:?}");
    assert_eq!(instances(&world), 0);
    let ran = world.aio(["run", "--tool", "lint", "--", "/bin/sh", "-c", "kill -TERM $$"]);
    assert_eq!(ran.code, 128 + 15, "{ran:?}");
}

#[test]
fn however_the_command_ends_it_is_answered() {
    let world = World::new();
    for (script, exit) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        let ran = world.aio(["run", "--json", "--", "/bin/sh", "-c", script]);
        let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        assert_eq!((&answer["ok"], &answer["exit"]), (&Value::from(exit == 0), &Value::from(exit)), "{ran:?}");
        assert_eq!((ran.code, &answer["data"]["exit"]), (exit, &Value::from(exit)), "{ran:?}");
    }
}

#[test]
fn a_killed_command_frees_its_claims() {
    let world = World::new();
    let codex = world.register("codex");
    let started = world.start("nobody", ["run", "--tool", "lint", "--claim", "a", "--", "sleep", "600"]);
    let instance = eventually("the command's process", || {
        let instance = running(&world, "lint");
        (instance["pid"] != started.pid()).then_some(instance)
    });
    assert!(!world.is_free(&codex, "a"));
    run(std::process::Command::new("kill").args(["-KILL", &instance["pid"].to_string()]));
    eventually("the claim's end", || world.is_free(&codex, "a").then_some(()));
    assert_eq!(started.wait().code, 128 + 9);
    assert_eq!(instances(&world), 1);
}

#[test]
fn claims_outlive_a_killed_parent_and_die_with_the_command() {
    let world = World::new();
    let codex = world.register("codex");
    let started = world.start("nobody", ["run", "--tool", "lint", "--claim", "a", "--", "sleep", "600"]);
    let instance = eventually("the command's process", || {
        let instance = running(&world, "lint");
        (instance["pid"] != started.pid()).then_some(instance)
    });
    started.signal("KILL");
    drop(started);
    assert!(!world.is_free(&codex, "a"), "the command runs on, and so do its claims");
    run(std::process::Command::new("kill").args(["-KILL", &instance["pid"].to_string()]));
    eventually("the claim's end", || world.is_free(&codex, "a").then_some(()));
    assert_eq!(world.aio_as(&codex, ["claim", "a"]).code, 0);
}

#[test]
fn it_may_wait_for_its_claims() {
    let world = World::new();
    let codex = world.register("codex");
    world.claim(&codex, "a");
    let started =
        world.start("nobody", ["run", "--tool", "lint", "--claim", "a", "--wait", "60s", "--", "echo", "done"]);
    world.queued(1);
    world.aio_as(&codex, ["release", "a"]);
    let ran = started.wait();
    assert_eq!((ran.code, ran.out.as_str()), (0, "done\n"), "{ran:?}");
}
