//! `aio mcp`, spoken to line by line: the commands as tools, for whoever sits at the other end of two pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Ran, World, ended, eventually, run};

/// A client with its server below a program that looks like an agent.
struct Client {
    server: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    last: u64,
}

/// An answer of a tool.
#[derive(Debug)]
struct Answer {
    is_error: bool,
    text: String,
    data: Value,
}

impl Client {
    /// `aio mcp` as an agent's child, unspoken to.
    fn silent(world: &World, agent: &str) -> Client {
        let mut command = Command::new(world.agent_program(agent));
        let shell = world.shell("/bin/bash");
        command.env_clear().envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(&world.project).args(["-c", "aio mcp; exit $?"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(server.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Client { stdin: server.stdin.take(), server, lines, last: 0 }
    }

    /// The same, introduced under a name.
    fn new(world: &World, agent: &str, name: &str) -> Client {
        let mut client = Client::silent(world, agent);
        let answer = client.ask("initialize", &introduction(name));
        assert_eq!(answer["result"]["serverInfo"]["name"], "aio", "{answer}");
        client.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        client
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Sends a request and gives its number.
    fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.last += 1;
        let request = json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params });
        self.say(&request.to_string());
        self.last
    }

    /// The next message that is an answer to this request. Others are lost.
    fn answer_to(&self, id: u64) -> Value {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(20)).expect("an answer");
            let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if message["id"] == id {
                return message;
            }
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        self.answer_to(id)
    }

    fn start(&mut self, tool: &str, arguments: &Value) -> u64 {
        self.send("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Answer {
        let id = self.start(tool, &arguments);
        self.result_of(id)
    }

    fn result_of(&self, id: u64) -> Answer {
        let message = self.answer_to(id);
        let result = &message["result"];
        assert!(message["error"].is_null() && result["content"].as_array().unwrap().len() == 1, "{message}");
        Answer {
            is_error: result["isError"] == true,
            text: result["content"][0]["text"].as_str().unwrap().to_owned(),
            data: result["structuredContent"].clone(),
        }
    }

    /// Closes its stdin and gives how it ended.
    fn close(mut self) -> Ran {
        self.stdin = None;
        let rest: Vec<String> = self.lines.iter().collect();
        assert_eq!(rest, Vec::<String>::new(), "nothing is said that was not asked for");
        let server = std::mem::replace(&mut self.server, Command::new("true").spawn().unwrap());
        ended(server.wait_with_output().unwrap())
    }

    /// The process of `aio mcp` itself.
    fn pid(&self) -> String {
        let children = format!("/proc/{0}/task/{0}/children", self.server.id());
        eventually("the server", || std::fs::read_to_string(&children).ok().filter(|pid| !pid.is_empty()))
            .trim()
            .to_owned()
    }

    fn signal(&self, name: &str) {
        assert_eq!(run(Command::new("kill").args([format!("-{name}"), self.pid()])).code, 0);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stdin = None;
        self.server.kill().unwrap_or_default();
        self.server.wait().map(drop).unwrap_or_default();
    }
}

fn introduction(name: &str) -> Value {
    json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": name, "version": "1" } })
}

fn instances(world: &World) -> Vec<Value> {
    world.state()["instances"].as_object().map(|all| all.values().cloned().collect()).unwrap_or_default()
}

/// The one instance there is.
fn only(world: &World) -> Value {
    let [one] = &instances(world)[..] else { panic!("{}", world.state()) };
    one.clone()
}

fn id(instance: &Value) -> &str {
    instance["id"].as_str().unwrap()
}

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
