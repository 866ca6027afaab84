//! `--json`: one object of one shape from every command; and what goes to which stream.

use serde_json::Value;

use crate::harness::{Ran, World, run};

fn object(ran: &Ran) -> Value {
    assert_eq!(ran.out.lines().count(), 1, "one object in one line: {ran:?}");
    let object: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    for key in ["ok", "code", "exit", "retryable", "message", "hints", "data"] {
        assert!(keys.iter().any(|k| *k == key), "{key}: {ran:?}");
    }
    assert_eq!(object["exit"], ran.code, "{ran:?}");
    assert_eq!(object["ok"], ran.code == 0, "{ran:?}");
    assert!(object["code"].as_str().is_some_and(|code| !code.is_empty()), "{ran:?}");
    assert!(object["hints"].is_array() && object["retryable"].is_boolean(), "{ran:?}");
    object
}

#[test]
fn every_command_answers_in_one_shape() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&codex, "held");
    let cases: [(&[&str], &str); 27] = [
        (&["register", "amp", "--session", "x"], "registered"),
        (&["heartbeat"], "heartbeat"),
        (&["task", "x"], "task"),
        (&["claim", "a"], "claimed"),
        (&["claim", "a"], "claimed"),
        (&["claim", "held"], "held"),
        (&["claim", "held", "--wait", "10ms"], "wait-timeout"),
        (&["check", "held"], "held"),
        (&["check", "free"], "available"),
        (&["release", "held"], "not-yours"),
        (&["release", "nothing"], "unknown"),
        (&["release", "a"], "released"),
        (&["status"], "status"),
        (&["cleanup"], "cleaned"),
        (&["context", "add", "x"], "context-added"),
        (&["context", "get"], "context"),
        (&["context", "search", "x"], "context"),
        (&["context", "export"], "exported"),
        (&["context", "prune"], "pruned"),
        (&["handoff", "x"], "context-added"),
        (&["guard", "free"], "guarded"),
        (&["guard", "held"], "held"),
        (&["log"], "log"),
        (&["doctor"], "healthy"),
        (&["init"], "initialised"),
        (&["completions", "bash"], "completions"),
        (&["man"], "manual"),
    ];
    for (args, code) in cases {
        let ran = run(world.command("aio").args(["--as", &claude, "--json"]).args(args));
        let object = object(&ran);
        assert_eq!(object["code"], code, "{args:?}: {ran:?}");
        if object["ok"] == true && code != "completions" {
            assert_eq!(ran.err, "", "{args:?}");
        }
    }
    let ran = run(world.command("aio").args(["--as", &claude, "--json", "unregister"]));
    assert_eq!(object(&ran)["code"], "unregistered");
}

#[test]
fn failures_before_a_command_runs_have_the_same_shape() {
    let world = World::new();
    for args in [&["--json", "frobnicate"][..], &["claim", "--json"], &["--json", "claim", "x", "--ttl", "0"]] {
        let object = object(&world.aio(args));
        assert_eq!((&object["code"], &object["exit"]), (&"usage".into(), &2.into()));
        assert!(!object["hints"].as_array().unwrap().is_empty());
    }
    let homeless = run(world.command("aio").env_remove("HOME").args(["--json", "status"]));
    assert_eq!(object(&homeless)["code"], "environment");
    assert_eq!(object(&run(world.command("aio-context").args(["--json", "get"])))["code"], "context");
    assert_eq!(object(&run(world.command("aio-init").args(["--json"])))["code"], "initialised");
}

#[test]
fn a_refusal_carries_who_and_whether_to_try_again() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.aio_as(&codex, ["task", "sums"]);
    let id = world.claim(&codex, "a");
    let refused = world.json(&claude, ["claim", "a"]);
    assert_eq!((&refused["retryable"], &refused["exit"]), (&true.into(), &1.into()));
    let conflict = &refused["data"]["conflicts"][0];
    for (key, value) in [("holder", &*codex), ("claim", &id), ("type", "file"), ("target", "a"), ("task", "sums")] {
        assert_eq!(conflict[key], value, "{key}");
    }
    assert!(conflict["lastSeenMs"].is_u64());
    let granted = world.json(&claude, ["claim", "b", "--ttl", "1h"]);
    let claim = &granted["data"]["claims"][0];
    assert!(claim["fence"].as_u64().is_some_and(|fence| fence > 0) && claim["heldBefore"] == false, "{granted}");
    assert_eq!(granted["message"], format!("Claimed: {}", claim["id"].as_str().unwrap()));
    let checked = world.json(&claude, ["check", "a", "b", "c"]);
    let states: Vec<&Value> = checked["data"]["paths"].as_array().unwrap().iter().map(|path| &path["state"]).collect();
    assert_eq!(states, ["claimed", "yours", "available"]);
}

#[test]
fn options_of_every_command_stand_before_or_after_the_verb() {
    let world = World::new();
    let claude = world.register("claude");
    let forms: [&[&str]; 5] = [
        &["--as", &claude, "--json", "check", "a"],
        &["check", "a", "--json", "--as", &claude],
        &["--json", "check", "--as", &claude, "a"],
        &["check", &format!("--as={claude}"), "a", "--json"],
        &[&format!("--as={claude}"), "check", "a", "--json"],
    ];
    for form in forms {
        assert_eq!(object(&world.aio(form))["code"], "available", "{form:?}");
    }
    let nested = world.aio(["context", "--json", "get", "--as", &claude]);
    assert_eq!(object(&nested)["code"], "context");
    let short = &claude[claude.len() - 4..];
    assert_eq!(world.aio(["--as", short, "heartbeat"]).code, 0, "an end of an id will do");
}

#[test]
fn after_two_dashes_everything_is_a_word() {
    let world = World::new();
    let claude = world.register("claude");
    let ran = world.aio_as(&claude, ["claim", "file", "--", "--json", "-x"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2), "{ran:?}");
    assert!(ran.out.starts_with("Claimed: "));
    let ran = world.aio_as(&claude, ["check", "--", "-x"]);
    assert!(ran.out.starts_with("YOURS "), "{ran:?}");
    let ran = world.aio(["run", "--tool", "x", "--", "echo", "--json"]);
    assert_eq!(ran.out, "--json\n");
}

#[test]
fn answers_go_to_stdout_and_everything_else_to_stderr() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let granted = world.aio_as(&claude, ["claim", "a"]);
    assert_eq!((granted.out.lines().count(), granted.err.as_str()), (1, ""));
    let refused = world.aio_as(&codex, ["claim", "a"]);
    assert_eq!((refused.out.lines().count(), refused.err.lines().count()), (1, 1));
    let usage = world.aio_as(&codex, ["claim", "file", ""]);
    assert_eq!((usage.out.as_str(), usage.err.lines().count()), ("", 1));
    let nothing = world.aio_as(&codex, ["context", "get"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""));
}
