//! Calls that wait, and what others left to be told with an answer.

use serde_json::{Value, json};

use super::{Client, only};
use crate::harness::{World, eventually};

#[test]
fn a_claim_waits_while_other_calls_are_answered() {
    let world = World::new();
    let codex = world.register("codex");
    world.claim(&codex, "a");
    let mut client = Client::new(&world, "goose", "acme");
    let waiting = client.start("claim", &json!({ "targets": ["a"], "wait": "60s" }));
    world.queued(1);
    assert!(!client.call("claim", json!({ "targets": ["b"] })).is_error);
    world.aio_as(&codex, ["release", "a"]);
    let granted = client.result_of(waiting);
    assert!(granted.text.starts_with("Claimed: "), "{granted:?}");
}

#[test]
fn a_call_that_is_taken_back_waits_no_more() {
    let world = World::new();
    let codex = world.register("codex");
    world.claim(&codex, "a");
    let mut client = Client::new(&world, "goose", "acme");
    let waiting = client.start("claim", &json!({ "targets": ["a"], "wait": "60s" }));
    world.queued(1);
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": waiting } });
    client.say(&cancel.to_string());
    world.queued(0);
    assert!(!client.call("claim", json!({ "targets": ["b"] })).is_error);
}

#[test]
fn the_end_comes_while_a_claim_waits() {
    let world = World::new();
    let codex = world.register("codex");
    world.claim(&codex, "a");
    let mut client = Client::new(&world, "goose", "acme");
    client.start("claim", &json!({ "targets": ["a"], "wait": "60s" }));
    world.queued(1);
    client.signal("TERM");
    eventually("its end", || client.server.try_wait().unwrap());
    assert_eq!(only(&world)["id"], codex);
    assert!(world.state()["waiters"].as_array().unwrap().is_empty());
}

#[test]
fn messages_are_delivered_with_the_next_answer_once() {
    let world = World::new();
    let codex = world.register("codex");
    let mut client = Client::new(&world, "goose", "acme");
    client.call("claim", json!({ "targets": ["a"] }));
    world.aio_as(&codex, ["tell", "goose", "may I have\n a?"]);
    let told = client.call("check", json!({ "paths": ["b"] }));
    assert!(told.text.contains("Data from others") && told.text.contains(&format!("from {codex}")), "{told:?}");
    assert_eq!(told.data["news"][0]["content"], "may I have\n a?");
    let quiet = client.call("check", json!({ "paths": ["b"] }));
    assert_eq!((&*quiet.text, &quiet.data["news"]), ("AVAILABLE", &Value::Null), "once");
    let sent = client.call("tell", json!({ "to": codex, "message": "yes" }));
    assert!(!sent.is_error && sent.text.starts_with("Message left for"), "{sent:?}");
    let entries = world.json(&codex, ["context", "get", "--category", "message", "--everywhere"]);
    assert_eq!(entries["data"]["entries"][0]["content"], "yes");
}

#[test]
fn what_was_lost_is_told_with_the_next_answer() {
    let world = World::new();
    let codex = world.register("codex");
    let mut client = Client::new(&world, "goose", "acme");
    client.call("claim", json!({ "targets": ["a"] }));
    world.aio_as(&codex, ["release", "a", "--force", "--reason", "it is urgent"]);
    let told = client.call("status", json!({}));
    assert!(told.text.contains("you lost the file a") && told.text.contains("it is urgent"), "{told:?}");
    assert_eq!(told.data["lost"][0]["target"], "a");
    assert_eq!(client.call("status", json!({})).data["lost"], Value::Null);
}
