//! The wait queue: first come first served, nobody for ever.

use serde_json::{Value, json};

use crate::harness::{Sleeper, Started, World, eventually};

fn waiters(world: &World) -> Vec<Value> {
    world.state()["waiters"].as_array().unwrap().clone()
}

/// Starts to wait, and is in the queue when this returns.
fn wait(world: &World, id: &str, args: &[&str], behind: usize) -> Started {
    let started = world.start(id, [&["claim", "--wait", "100s"], args].concat());
    world.queued(behind + 1);
    started
}

#[test]
fn who_came_first_is_served_first() {
    let world = World::new();
    let ids: Vec<String> = ["claude", "codex", "gemini", "amp"].map(|tool| world.register(tool)).into();
    world.claim(&ids[0], "a");
    let second = wait(&world, &ids[1], &["a"], 0);
    let third = wait(&world, &ids[2], &["a"], 1);
    let fourth = wait(&world, &ids[3], &["a"], 2);
    let order: Vec<Value> = waiters(&world).iter().map(|waiter| waiter["instanceId"].clone()).collect();
    assert_eq!(order, [json!(ids[1]), json!(ids[2]), json!(ids[3])]);
    for (holder, next) in [(&ids[0], second), (&ids[1], third), (&ids[2], fourth)] {
        assert_eq!(world.aio_as(holder, ["release", "a"]).code, 0);
        let granted = next.wait();
        assert_eq!(granted.code, 0, "{granted:?}");
        assert!(granted.first().starts_with("Claimed: "), "{granted:?}");
    }
    assert!(waiters(&world).is_empty());
    assert!(!world.is_free(&ids[0], "a"));
}

#[test]
fn a_release_grants_in_the_same_breath() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "a");
    let started = wait(&world, &codex, &["a"], 0);
    world.aio_as(&claude, ["release", "a"]);
    let state = world.state();
    let holder = state["claims"].as_object().unwrap().values().next().unwrap()["instanceId"].clone();
    assert_eq!((holder, state["waiters"].as_array().unwrap().len()), (json!(codex), 0));
    assert_eq!(started.wait().code, 0);
}

#[test]
fn while_somebody_waits_the_others_are_refused() {
    let world = World::new();
    let (claude, codex, gemini) = (world.register("claude"), world.register("codex"), world.register("gemini"));
    world.aio_as(&claude, ["claim", "--shared", "a"]);
    let started = wait(&world, &codex, &["a"], 0);
    let refused = world.aio_as(&gemini, ["claim", "--shared", "a"]);
    assert_eq!(refused.answer(), (1, format!("Already claimed by: {codex}").as_str()), "readers must not starve it");
    assert!(world.aio_as(&gemini, ["check", "a"]).out.contains("CLAIMED by "));
    assert_eq!(world.aio_as(&gemini, ["claim", "b"]).code, 0);
    world.aio_as(&claude, ["release", "a"]);
    assert_eq!(started.wait().code, 0);
}

#[test]
fn a_wait_ends_when_its_time_is_up() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "a");
    let ran = world.aio_as(&codex, ["claim", "a", "--wait", "50ms"]);
    assert_eq!(ran.answer(), (1, format!("Already claimed by: {claude}").as_str()));
    assert!(ran.err.contains("not free in time"), "{ran:?}");
    assert!(waiters(&world).is_empty());
    let object = world.json(&codex, ["claim", "a", "--wait", "50ms"]);
    assert_eq!(
        (&object["code"], &object["retryable"], &object["exit"]),
        (&json!("wait-timeout"), &json!(true), &json!(1))
    );
    assert_eq!(world.aio_as(&codex, ["claim", "b", "--wait"]).code, 0, "what is free needs no waiting");
}

#[test]
fn the_death_of_the_holder_serves_who_waits() {
    let world = World::new();
    let mut sleeper = Sleeper::new();
    let (claude, codex) = (world.register_process("claude", &sleeper.0), world.register("codex"));
    world.claim(&claude, "a");
    let started = wait(&world, &codex, &["a"], 0);
    sleeper.kill();
    let granted = started.wait();
    assert_eq!(granted.code, 0, "{granted:?}");
    assert!(waiters(&world).is_empty());
}

#[test]
fn a_killed_waiter_drops_out() {
    let world = World::new();
    let (claude, codex, gemini) = (world.register("claude"), world.register("codex"), world.register("gemini"));
    world.claim(&claude, "a");
    let first = wait(&world, &codex, &["a"], 0);
    let second = wait(&world, &gemini, &["a"], 1);
    first.signal("KILL");
    drop(first);
    world.aio_as(&claude, ["release", "a"]);
    let granted = second.wait();
    assert_eq!(granted.code, 0, "{granted:?}");
    assert!(waiters(&world).is_empty());
    assert!(!world.is_free(&claude, "a"));
}

#[test]
fn a_waiter_whose_agent_dies_drops_out() {
    let world = World::new();
    let mut sleeper = Sleeper::new();
    let (claude, codex) = (world.register("claude"), world.register_process("codex", &sleeper.0));
    world.claim(&claude, "a");
    let orphan = wait(&world, &codex, &["a"], 0);
    sleeper.kill();
    world.aio_as(&claude, ["release", "a"]);
    assert_eq!(world.aio_as(&claude, ["claim", "a"]).code, 0);
    drop(orphan);
}

#[test]
fn signals_end_a_wait_and_leave_no_place_in_the_queue() {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let world = World::new();
        let (claude, codex) = (world.register("claude"), world.register("codex"));
        world.claim(&claude, "a");
        let started = wait(&world, &codex, &["a"], 0);
        started.signal(signal);
        let ended = started.wait();
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(waiters(&world).is_empty(), "{signal}");
    }
}

#[test]
fn two_that_would_wait_for_each_other_are_told() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "a");
    world.claim(&codex, "b");
    let started = wait(&world, &claude, &["b"], 0);
    let refused = world.aio_as(&codex, ["claim", "a", "--wait"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    let cycle = format!("{codex} waits for {claude} waits for {codex}");
    assert!(refused.err.contains(&cycle), "{refused:?}");
    assert_eq!(world.json(&codex, ["claim", "a", "--wait"])["code"], "deadlock");
    assert_eq!(waiters(&world).len(), 1, "who was told does not wait");
    world.aio_as(&codex, ["release", "b"]);
    assert_eq!(started.wait().code, 0);
}

#[test]
fn a_ring_of_three_is_found() {
    let world = World::new();
    let ids: Vec<String> = ["claude", "codex", "gemini"].map(|tool| world.register(tool)).into();
    for (id, file) in ids.iter().zip(["a", "b", "c"]) {
        world.claim(id, file);
    }
    let _first = wait(&world, &ids[0], &["b"], 0);
    let _second = wait(&world, &ids[1], &["c"], 1);
    let refused = world.aio_as(&ids[2], ["claim", "a", "--wait"]);
    assert_eq!(refused.code, 1);
    for id in &ids {
        assert!(refused.err.contains(&**id), "{refused:?}");
    }
}

#[test]
fn two_readers_that_both_want_to_write_are_told() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.aio_as(&claude, ["claim", "--shared", "a"]);
    world.aio_as(&codex, ["claim", "--shared", "a"]);
    let started = wait(&world, &claude, &["a"], 0);
    assert_eq!(world.json(&codex, ["claim", "a", "--wait"])["code"], "deadlock");
    world.aio_as(&codex, ["release", "a"]);
    assert_eq!(started.wait().code, 0);
    assert_eq!(world.aio_as(&codex, ["claim", "--shared", "a"]).code, 1, "it writes now");
}

#[test]
fn several_places_are_waited_for_together() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "a");
    world.claim(&claude, "b");
    let started = wait(&world, &codex, &["file", "a", "b"], 0);
    world.aio_as(&claude, ["release", "a"]);
    world.queued(1);
    world.aio_as(&claude, ["release", "b"]);
    let granted = started.wait();
    assert_eq!((granted.code, granted.out.lines().count()), (0, 2), "{granted:?}");
}

#[test]
fn the_end_of_a_lease_serves_who_waits() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.aio_as(&claude, ["claim", "a", "--ttl", "700ms"]);
    let ran = world.aio_as(&codex, ["claim", "a", "--wait", "100s"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn status_shows_who_waits_for_whom() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "a");
    let _started = wait(&world, &codex, &["a"], 0);
    let status = world.aio(["status"]);
    assert!(status.out.contains("waits for") && status.out.contains(&format!("held by {claude}")), "{}", status.out);
    eventually("the journal", || world.aio(["log"]).out.contains("waiting").then_some(()));
}
