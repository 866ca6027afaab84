//! The agent of `tests/fleet/agent` as tests start it, and that it is what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Ran, World, binary, ended, eventually, git};

/// A fake agent under a real one's name, with a script and a folder for what it was given.
pub struct FakeAgent {
    /// What is started, called as the agent.
    pub program: PathBuf,
    /// For `AIO_FAKE_AGENT`.
    pub script: String,
    record: PathBuf,
}

impl FakeAgent {
    /// `script` as `tests/fleet/agent/script.rs` describes it; the folder is put in.
    pub fn new(world: &World, name: &str, mut script: Value) -> FakeAgent {
        let built = Path::new(&binary("aio")).parent().unwrap().join("examples/fake-agent");
        assert!(built.exists(), "cargo build --example fake-agent");
        let folder = world.home.join(format!("fake-{}", getrandom::u64().unwrap()));
        let (program, record) = (folder.join(name), folder.join("record"));
        std::fs::create_dir_all(&record).unwrap();
        std::os::unix::fs::symlink(built, &program).unwrap();
        script["record"] = record.to_str().unwrap().into();
        FakeAgent { program, script: script.to_string(), record }
    }

    /// A file of its folder, as soon as it is there.
    pub fn recorded(&self, name: &str) -> Vec<u8> {
        eventually(name, || std::fs::read(self.record.join(name)).ok())
    }

    /// The prompt of a turn, counted from 1, as soon as it was taken.
    pub fn prompt(&self, turn: usize) -> Vec<u8> {
        self.recorded(&format!("prompt-{turn:04}"))
    }

    /// How many prompts it took.
    pub fn prompts(&self) -> usize {
        let entries = std::fs::read_dir(&self.record).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|name| name.to_str().unwrap().starts_with("prompt-")).count()
    }

    /// The hooks it called, and how they ended.
    pub fn hooks(&self) -> Vec<(String, i64)> {
        let text = std::fs::read_to_string(self.record.join("hooks")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| (line["event"].as_str().unwrap().to_owned(), line["code"].as_i64().unwrap())).collect()
    }

    /// Headless, to its end.
    fn run(&self, world: &World, prompt: &[u8]) -> Ran {
        use std::io::Write;
        let mut command: Command = world.shell(self.program.to_str().unwrap());
        command.args(["-p"]).env("AIO_FAKE_AGENT", &self.script);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(prompt).unwrap();
        ended(child.wait_with_output().unwrap())
    }
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {ran:?}"))).collect()
}

#[test]
fn it_speaks_as_claude_code_does() {
    let world = World::new();
    let turn = json!([{ "usage": { "input": 100, "output": 7, "usd": 0.25 } }, { "say": "Well done" }]);
    let agent = FakeAgent::new(&world, "claude", json!({ "turns": [turn] }));
    let ran = agent.run(&world, b"Fix it\r\n\0\xff");
    let lines = lines(&ran);
    let kinds: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!((ran.code, kinds), (0, vec!["system", "assistant", "result"]), "{ran:?}");
    assert_eq!(lines[1]["message"]["content"][0]["text"], "Well done");
    assert_eq!((&lines[2]["total_cost_usd"], &lines[2]["usage"]["input_tokens"]), (&json!(0.25), &json!(100)));
    assert_eq!(lines[0]["session_id"], lines[2]["session_id"]);
    assert_eq!(agent.prompt(1), b"Fix it\r\n\0\xff");
}

#[test]
fn it_speaks_as_codex_does() {
    let world = World::new();
    let turn = json!([{ "usage": { "input": 100, "output": 7 } }, { "say": "Well done" }]);
    let agent = FakeAgent::new(&world, "codex", json!({ "turns": [turn] }));
    let ran = agent.run(&world, b"Fix it");
    let kinds: Vec<String> = lines(&ran).iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["thread.started", "turn.started", "item.completed", "turn.completed"]);
}

#[test]
fn it_fails_as_they_do() {
    let world = World::new();
    let fails = |name: &str, step: Value| {
        let agent = FakeAgent::new(&world, name, json!({ "turns": [[{ "say": "I begin" }, step]] }));
        agent.run(&world, b"Fix it")
    };
    let ran = fails("claude", json!({ "limit": true }));
    let last = lines(&ran).pop().unwrap();
    assert_eq!((ran.code, &last["is_error"], &last["api_error_status"]), (1, &json!(true), &json!(429)));
    let ran = fails("codex", json!({ "fail": 401 }));
    assert_eq!((ran.code, lines(&ran).pop().unwrap()["type"].as_str()), (1, Some("turn.failed")));
    assert_eq!(fails("claude", json!({ "exit": 7 })).code, 7);
    assert_eq!(fails("claude", json!({ "signal": 9 })).code, 128 + 9);
    assert_eq!(fails("claude", json!({ "quit": 3 })).code, 3);
}

#[test]
fn it_calls_the_hooks_with_its_very_prompt() {
    for tool in ["claude", "codex"] {
        let world = World::new();
        let turn = json!([{ "write": { "path": "src/new.rs", "text": "new\n" } }, { "done": "Did it" }]);
        let agent = FakeAgent::new(&world, tool, json!({ "hooks": true, "turns": [turn] }));
        let ran = agent.run(&world, b"Fix it");
        assert_eq!(ran.code, 0, "{ran:?}");
        let moments = ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd"];
        assert_eq!(agent.hooks(), moments.map(|moment| (moment.to_owned(), 0)), "{tool}");
        assert_eq!(std::fs::read_to_string(world.project.join("src/new.rs")).unwrap(), "new\n");
        assert_eq!(std::fs::read_to_string(world.project.join(".aio/done")).unwrap(), "Did it\n");
        assert!(world.state_text().contains(&format!("\"{tool}-")), "{tool}: it took part");
    }
}

#[test]
fn it_obeys_a_denial() {
    let world = World::new();
    let other = world.register("codex");
    world.claim(&other, "src/new.rs");
    let turn = json!([{ "write": { "path": "src/new.rs", "text": "new\n" } }]);
    let agent = FakeAgent::new(&world, "claude", json!({ "hooks": true, "turns": [turn] }));
    let ran = agent.run(&world, b"Fix it");
    assert!(ran.out.contains("I was denied") && ran.out.contains(&other), "{ran:?}");
    assert!(!world.project.join("src/new.rs").exists());
}

#[test]
fn it_makes_noise_commits_and_leaves_a_child_behind() {
    let world = World::bare();
    git(&world.project, &["init", "--quiet"]);
    std::fs::write(world.project.join("a.txt"), "a\n").unwrap();
    let turn = json!([{ "commit": "One" }, { "child": 60 }, { "noise": 300_000 }, { "exit": 0 }]);
    let agent = FakeAgent::new(&world, "claude", json!({ "turns": [turn] }));
    let mut command = world.shell(agent.program.to_str().unwrap());
    let out = world.home.join("out");
    command.args(["-p"]).env("AIO_FAKE_AGENT", &agent.script).stdout(std::fs::File::create(&out).unwrap());
    assert!(command.status().unwrap().success());
    let child = String::from_utf8(agent.recorded("child")).unwrap();
    let noise = std::fs::read(out).unwrap();
    assert!(noise.len() > 300_000 && String::from_utf8(noise).is_err());
    assert!(git(&world.project, &["log", "--format=%s"]).out.contains("One"));
    assert!(Command::new("kill").arg(&child).status().unwrap().success(), "it outlived its parent");
}
