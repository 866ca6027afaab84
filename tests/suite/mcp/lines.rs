//! What comes over the pipe that is no request, or not one of this protocol.

use std::io::Write;

use serde_json::json;

use super::{Client, introduction};
use crate::harness::World;

#[test]
fn lines_that_are_no_requests_are_passed_over() {
    let world = World::new();
    let mut client = Client::new(&world, "goose", "acme");
    for line in [
        "",
        "not JSON",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":99,"result":{}}"#,
        "\u{feff}{}",
    ] {
        client.say(line);
    }
    client.stdin.as_mut().unwrap().write_all(b"\xff\xfe\x00\n").unwrap();
    assert_eq!(client.ask("no/such/method", &json!({}))["error"]["code"], -32601);
    assert!(client.ask("tools/call", &json!({ "arguments": {} }))["error"]["code"].is_number());
    assert!(!client.call("claim", json!({ "targets": ["a"] })).is_error);
}

#[test]
fn a_line_without_end_is_dropped() {
    let world = World::new();
    let mut client = Client::new(&world, "goose", "acme");
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..17 {
        client.stdin.as_mut().unwrap().write_all(&chunk).unwrap();
    }
    client.say("");
    assert!(!client.call("status", json!({})).is_error);
}

#[test]
fn whoever_does_not_introduce_itself_is_told() {
    let world = World::new();
    let nothing = Client::silent(&world, "goose").close();
    assert_eq!((nothing.code, &*nothing.err), (0, ""), "{nothing:?}");
    let mut client = Client::silent(&world, "goose");
    client.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let ran = client.close();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("does not speak the protocol") && ran.err.lines().count() == 1, "{ran:?}");
}

#[test]
fn the_newest_protocol_is_spoken_as_well() {
    let world = World::new();
    let mut client = Client::silent(&world, "goose");
    let mut introduction = introduction("acme");
    introduction["protocolVersion"] = json!("2099-01-01");
    let answer = client.ask("initialize", &introduction);
    assert!(answer["result"]["protocolVersion"].is_string(), "it offers what it can: {answer}");
    assert!(!client.call("claim", json!({ "targets": ["a"] })).is_error);
}
