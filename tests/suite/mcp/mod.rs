//! `aio mcp`, spoken to line by line: the commands as tools, for whoever sits at the other end of two pipes.

mod identity;
mod lines;
mod tools;
mod waiting;

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
