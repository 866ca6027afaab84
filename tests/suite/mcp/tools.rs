//! The commands as tools: what each takes, and what it answers.

use serde_json::{Value, json};

use super::{Client, id, only};
use crate::harness::World;

#[test]
fn it_shows_seven_tools_in_few_words() {
    let world = World::new();
    let mut client = Client::new(&world, "goose", "acme");
    let list = client.ask("tools/list", &json!({}));
    let names: Vec<&str> =
        list["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["claim", "check", "release", "status", "context", "handoff", "tell"]);
    // 3.5 bytes a token is a careful guess for English words in JSON.
    assert!(list.to_string().len() * 10 / 35 < 1500, "{}", list.to_string().len());
    let ran = client.close();
    assert_eq!((ran.code, &*ran.err), (0, ""), "{ran:?}");
    assert!(!world.state_path().exists(), "whoever only introduces itself leaves no trace");
}

#[test]
fn a_tool_is_its_command() {
    let world = World::new();
    let mut client = Client::new(&world, "goose", "acme");
    let claimed = client.call("claim", json!({ "targets": ["src/a.rs", "src/b.rs"], "reason": "why" }));
    assert!(!claimed.is_error && claimed.text.starts_with("Claimed: "), "{claimed:?}");
    let me = only(&world);
    let again = world.json(id(&me), ["claim", "file", "src/a.rs", "src/b.rs"]);
    let plain = |data: &Value| data["claims"].as_array().unwrap().iter().map(|c| c["id"].clone()).collect::<Vec<_>>();
    assert_eq!(plain(&claimed.data), plain(&again["data"]));

    let checked = client.call("check", json!({ "paths": ["src/a.rs", "src/c.rs"] }));
    assert_eq!(checked.data, world.json(id(&me), ["check", "src/a.rs", "src/c.rs"])["data"]);
    assert!(checked.text.contains("YOURS") && checked.text.contains("AVAILABLE"), "{checked:?}");

    let added = client.call("context", json!({ "content": "tabs", "category": "decision" }));
    assert!(added.text.starts_with("Context added: ") && added.data["category"] == "decision", "{added:?}");
    let read = client.call("context", json!({ "search": "tab" }));
    assert_eq!(read.data, world.json(id(&me), ["context", "search", "tab"])["data"]);
    assert!(read.text.ends_with("goose: tabs"), "{read:?}");
    assert_eq!(client.call("context", json!({ "category": "warning" })).data, json!({ "entries": [] }));
    let noted = client.call("handoff", json!({ "note": "half done" }));
    assert_eq!((&noted.data["category"], noted.is_error), (&json!("handoff"), false), "{noted:?}");

    let status = client.call("status", json!({}));
    let members = |data: &Value| data.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&status.data), members(&world.json(id(&me), ["status"])["data"]));
    assert!(status.text.contains("2 claims") && status.text.contains("src/a.rs"), "{status:?}");

    assert_eq!(client.call("release", json!({ "targets": ["src/a.rs"] })).text, "Released");
    assert_eq!(client.call("release", json!({ "targets": ["all"] })).data["claims"].as_array().unwrap().len(), 1);
    assert!(world.state()["claims"].as_object().unwrap().is_empty());
}

#[test]
fn every_kind_and_option_of_a_claim_is_there() {
    let world = World::new();
    let mut client = Client::new(&world, "goose", "acme");
    for (kind, target) in
        [("directory", "src"), ("pattern", "*.md"), ("task", "bd-1"), ("resource", "port:5173"), ("file", "x")]
    {
        let claimed = client.call("claim", json!({ "targets": [target], "kind": kind, "shared": true, "ttl": "1h" }));
        assert_eq!(claimed.data["claims"][0]["type"], kind, "{claimed:?}");
    }
    let claims = world.state()["claims"].clone();
    assert!(claims.as_object().unwrap().values().all(|c| c["exclusive"] == false && c["expiresAt"].is_string()));
}

#[test]
fn a_refusal_is_an_answer_with_the_holder_and_the_next_step() {
    let world = World::new();
    let other = world.register("codex");
    world.claim(&other, "src/a.rs");
    let mut client = Client::new(&world, "goose", "acme");
    let refused = client.call("claim", json!({ "targets": ["src/free.rs", "src/a.rs"] }));
    assert!(refused.is_error, "{refused:?}");
    assert!(refused.text.contains(&other) && refused.text.contains("next: ") && refused.text.lines().count() == 1);
    assert_eq!(refused.data["code"], "held");
    assert_eq!(refused.data["data"]["conflicts"][0]["holder"], *other);
    assert!(world.is_free(&other, "src/free.rs"), "all or none");
    let checked = client.call("check", json!({ "paths": ["src/a.rs"] }));
    assert!(!checked.is_error && checked.text.contains(&format!("CLAIMED by {other}")), "{checked:?}");
    let released = client.call("release", json!({ "targets": ["src/a.rs"] }));
    assert!(released.is_error && released.data["code"] == "not-yours", "{released:?}");
}

#[test]
fn bad_calls_get_one_clear_line() {
    let world = World::new();
    let codex = world.register("codex");
    world.file("a.txt");
    let mut client = Client::new(&world, "goose", "acme");
    for (tool, arguments, words) in [
        ("fly", json!({}), "there is no tool \"fly\"; there are claim, check"),
        ("claim", json!({}), "missing field `targets`"),
        ("claim", json!({ "targets": "a" }), "expected a sequence"),
        ("claim", json!({ "targets": [] }), "targets is empty"),
        ("claim", json!({ "targets": [7] }), "expected a string"),
        ("claim", json!({ "targets": [""] }), "an empty target names no file"),
        ("claim", json!({ "targets": ["a"], "path": "b" }), "unknown field `path`"),
        ("claim", json!({ "targets": ["a"], "kind": "planet" }), "\"planet\" is no kind"),
        ("claim", json!({ "targets": ["a"], "wait": "soon" }), "\"soon\""),
        ("claim", json!({ "targets": ["a"], "ttl": "-1h" }), "\"-1h\""),
        ("claim", json!({ "targets": ["src"] }), "is a directory"),
        ("claim", json!({ "targets": ["[", "x"], "kind": "pattern" }), "cannot be used"),
        ("claim", json!({ "targets": ["a\u{0}b"] }), "a"),
        ("claim", json!({ "targets": ["x".repeat(5000)] }), "too long"),
        ("check", json!({ "paths": ["a.txt/below"] }), "a.txt"),
        ("release", json!({ "targets": ["nothing"] }), "no claim \"nothing\""),
        ("status", json!({ "all": true }), "unknown field"),
        ("context", json!({ "content": "x", "search": "y" }), "either"),
        ("context", json!({ "content": "x", "category": "poem" }), "\"poem\" is no category"),
        ("context", json!({ "content": " " }), "no words"),
        ("context", json!({ "content": "-" }), "says nothing"),
        ("context", json!({ "limit": -1 }), "`-1`"),
        ("handoff", json!({ "note": "x".repeat(9000) }), "too long"),
        ("handoff", json!({ "note": "-" }), "says nothing"),
        ("tell", json!({ "to": "nobody", "message": "x" }), "nobody"),
        ("tell", json!({ "to": codex, "message": "" }), "no words"),
    ] {
        let answer = client.call(tool, arguments.clone());
        assert!(answer.is_error && answer.text.contains(words), "{tool} {arguments}: {answer:?}");
        assert_eq!(answer.text.lines().count(), 1, "{tool} {arguments}: {answer:?}");
        assert!(answer.data["code"].is_string() && answer.data["message"].is_string(), "{answer:?}");
    }
    assert!(!client.call("claim", json!({ "targets": ["a"] })).is_error);
}

#[test]
fn no_arguments_are_no_arguments() {
    let world = World::new();
    let mut client = Client::new(&world, "goose", "acme");
    for params in [json!({ "name": "status" }), json!({ "name": "status", "arguments": null })] {
        let answer = client.ask("tools/call", &params);
        assert_eq!(answer["result"]["isError"], false, "{answer}");
    }
}

#[test]
fn a_state_that_cannot_be_read_is_told() {
    let world = World::new();
    let mut client = Client::new(&world, "goose", "acme");
    client.call("claim", json!({ "targets": ["a"] }));
    let text = world.state_text();
    world.write_state("{ not a state");
    for (tool, arguments) in
        [("claim", json!({ "targets": ["b"] })), ("check", json!({ "paths": ["a"] })), ("status", json!({}))]
    {
        let answer = client.call(tool, arguments);
        assert!(
            answer.is_error && answer.text.contains("cannot be read") && answer.text.contains("doctor"),
            "{answer:?}"
        );
        assert_eq!(answer.data["code"], "state-unreadable");
    }
    world.write_state(&text);
    assert!(!client.call("claim", json!({ "targets": ["b"] })).is_error, "nothing is remembered, so it goes on");
}

#[test]
fn nothing_of_the_state_is_remembered() {
    let world = World::new();
    let mut client = Client::new(&world, "goose", "acme");
    client.call("claim", json!({ "targets": ["a"] }));
    let me = id(&only(&world)).to_owned();
    let codex = world.register("codex");
    assert!(client.call("check", json!({ "paths": ["b"] })).text.contains("AVAILABLE"));
    world.claim(&codex, "b");
    assert!(client.call("check", json!({ "paths": ["b"] })).text.contains("CLAIMED"));
    world.aio_as(&me, ["unregister"]);
    let claimed = client.call("claim", json!({ "targets": ["a"] }));
    assert!(!claimed.is_error, "it registers anew: {claimed:?}");
    world.write_state(r#"{"schemaVersion":1,"instances":{},"claims":{},"context":[]}"#);
    assert!(client.call("check", json!({ "paths": ["b"] })).text.contains("AVAILABLE"));
    assert!(!client.call("claim", json!({ "targets": ["b"] })).is_error);
}
