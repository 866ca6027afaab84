//! In whose name tools are called, and what becomes of that when the client goes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Client, instances, introduction, only};
use crate::harness::{World, ended, eventually, run};

#[test]
fn who_only_looks_is_not_registered() {
    let world = World::new();
    let mut client = Client::new(&world, "goose", "acme");
    client.call("check", json!({ "paths": ["a"] }));
    client.call("status", json!({}));
    client.call("context", json!({}));
    assert!(!world.state_path().exists());
    client.call("handoff", json!({ "note": "x" }));
    assert_eq!(only(&world)["tool"], "goose");
}

#[test]
fn a_client_is_known_by_its_name_or_else_by_what_runs_it() {
    for (agent, client, tool) in [
        ("goose", "claude-code", "claude"),
        ("goose", "Cursor", "cursor"),
        ("goose", "gemini-cli-mcp-client", "gemini"),
        ("goose", "acme", "goose"),
    ] {
        let world = World::new();
        let mut client = Client::new(&world, agent, client);
        client.call("claim", json!({ "targets": ["a"] }));
        let me = only(&world);
        assert_eq!((&me["tool"], &me["pid"]), (&json!(tool), &json!(client.server.id())), "{tool}");
    }
}

#[test]
fn where_no_agent_is_seen_the_starter_is_recorded_under_the_clients_name() {
    let world = World::new();
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": { "name": "claim", "arguments": { "targets": ["a"] } } });
    let begin = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": introduction("My IDE (beta)") });
    std::fs::write(world.home.join("requests"), format!("{begin}\n{call}\n")).unwrap();
    let talk = "cat ~/requests; until grep -q '\"id\":2' ~/answers; do sleep 0.02; done; cp ~/.ai-orchestrator/state.json ~/then";
    let ran = world.detached(&format!("cd '{}'; ({talk}) | aio mcp >~/answers; echo $$", world.project.display()));
    assert_eq!(ran.code, 0, "{ran:?}");
    let then: Value = serde_json::from_slice(&std::fs::read(world.home.join("then")).unwrap()).unwrap();
    let me = then["instances"].as_object().unwrap().values().next().unwrap().clone();
    assert_eq!((&me["tool"], me["pid"].to_string()), (&json!("my-ide--beta"), ran.out.trim().to_owned()));
    assert!(instances(&world).is_empty(), "it left");
}

#[test]
fn an_agent_that_takes_part_already_stays_who_it_is() {
    let world = World::new();
    let mut client = Client::new(&world, "claude", "claude-code");
    let ran = world.aio(["register", "claude", "--session", "s-1", "--pid", &client.server.id().to_string()]);
    let id = ran.registered();
    client.call("claim", json!({ "targets": ["a"] }));
    assert_eq!(only(&world)["id"], id);
    assert_eq!(client.close().code, 0);
    assert_eq!(world.state()["claims"].as_object().unwrap().len(), 1, "what others registered is not unregistered");
}

#[test]
fn as_is_obeyed() {
    let world = World::new();
    let codex = world.register("codex");
    let begin = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": introduction("x") });
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": { "name": "claim", "arguments": { "targets": ["a"] } } });
    for (id, code) in [(&*codex, Value::Null), ("nobody-at-all", json!("not-registered"))] {
        let mut command = world.command("aio");
        let mut server =
            command.args(["--as", id, "mcp"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        write!(server.stdin.take().unwrap(), "{begin}\n{call}\n").unwrap();
        let ran = ended(server.wait_with_output().unwrap());
        let answer: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
        assert_eq!(answer["result"]["structuredContent"]["code"], code, "{ran:?}");
    }
    assert!(!world.is_free(&world.register("claude"), "a"), "the end of the server is not that of the instance");
}

#[test]
fn what_it_registered_leaves_with_the_client() {
    for end in ["close", "TERM", "INT", "HUP"] {
        let world = World::new();
        let mut client = Client::new(&world, "goose", "acme");
        client.call("claim", json!({ "targets": ["a"] }));
        assert_eq!(instances(&world).len(), 1);
        if end != "close" {
            client.signal(end);
            eventually("its end", || client.server.try_wait().unwrap());
        }
        let ran = client.close();
        assert_eq!((ran.code, &*ran.err), (0, ""), "{end}: {ran:?}");
        assert_eq!((instances(&world).len(), world.state()["claims"].as_object().unwrap().len()), (0, 0), "{end}");
    }
}

#[test]
fn killed_it_harms_nobody_and_the_next_one_goes_on() {
    let world = World::new();
    let script = "mkfifo ~/in; exec 8<>~/in; aio mcp <~/in >~/out & wait $!; aio mcp; exit 0";
    let agent = world.agent_program("goose");
    let mut shell = world.shell("/bin/bash");
    shell.args(["-c", &format!("exec '{}' -c '{script}'", agent.display())]);
    let mut agent = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let begin = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": introduction("x") });
    let claim = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": { "name": "claim", "arguments": { "targets": ["a"] } } });
    let input = world.home.join("in");
    eventually("the pipe", || input.exists().then_some(()));
    std::fs::write(&input, format!("{begin}\n{claim}\n")).unwrap();
    let answered = || std::fs::read_to_string(world.home.join("out")).ok().filter(|out| out.contains("Claimed"));
    eventually("the claim", answered);
    let first = only(&world);
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", agent.id())).unwrap();
    run(Command::new("kill").args(["-KILL", children.trim()]));
    // The agent lives, and so does its claim; another server of the same agent is the same instance.
    let mut stdin = agent.stdin.take().unwrap();
    write!(stdin, "{begin}\n{claim}\n").unwrap();
    let mut out = BufReader::new(agent.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(out.any(|line| line.contains("\"heldBefore\":true")));
    assert_eq!(only(&world)["id"], first["id"]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    let next = world.register("claude");
    eventually("the agent's end", || world.is_free(&next, "a").then_some(()));
}
