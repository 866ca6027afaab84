//! `aio hook`: what the agents send, as it was recorded, and what they are answered.

mod bad_payloads;
mod news;
mod recorded;
mod shell;
mod turns;

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Ran, World, ended};

/// One agent session that speaks through its hooks.
pub struct Session<'w> {
    pub world: &'w World,
    pub agent: &'static str,
    pub id: &'static str,
}

impl World {
    pub fn session<'w>(&'w self, agent: &'static str, id: &'static str) -> Session<'w> {
        Session { world: self, agent, id }
    }

    /// A hook with this on its stdin.
    pub fn hook(&self, agent: &str, event: &str, payload: &[u8]) -> Ran {
        let mut command = self.command("aio");
        command.args(["hook", agent, event]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(payload).unwrap();
        ended(child.wait_with_output().unwrap())
    }

    /// The journal's lines about hooks that let something pass.
    pub fn passed(&self) -> Vec<String> {
        let journal = std::fs::read_to_string(self.dir.join("journal.jsonl")).unwrap_or_default();
        let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let passed = lines.filter(|line| line["event"] == "hook-passed");
        passed.map(|line| line["note"].as_str().unwrap().to_owned()).collect()
    }

    pub fn claims(&self) -> Vec<Value> {
        self.state()["claims"].as_object().unwrap().values().cloned().collect()
    }
}

impl Session<'_> {
    /// The answer to an event; nothing is `Null`.
    pub fn hook(&self, event: &str, mut fields: Value) -> Value {
        fields["session_id"] = json!(self.id);
        fields["cwd"] = json!(self.world.project);
        let ran = self.world.hook(self.agent, event, fields.to_string().as_bytes());
        assert_eq!((ran.code, &*ran.err), (0, ""), "{ran:?}");
        if ran.out.is_empty() { Value::Null } else { serde_json::from_str(&ran.out).unwrap() }
    }

    /// Claude Code's: about to write a file.
    pub fn edit(&self, file: &str) -> Value {
        let path = self.world.project.join(file);
        self.hook("PreToolUse", json!({ "tool_name": "Write", "tool_input": { "file_path": path, "content": "x" } }))
    }

    pub fn prompt(&self, words: &str) -> Value {
        self.hook("UserPromptSubmit", json!({ "prompt": words }))
    }

    /// Claude Code's: a tool that read something was used.
    pub fn looked(&self) -> Value {
        self.hook("PostToolUse", json!({ "tool_name": "Read", "tool_input": { "file_path": "/x" } }))
    }

    pub fn stops(&self) {
        assert_eq!(self.hook("Stop", json!({})), Value::Null);
    }

    /// Its instance's record.
    pub fn instance(&self) -> Value {
        let state = self.world.state();
        let mut instances = state["instances"].as_object().unwrap().values();
        instances.find(|instance| instance["session"] == self.id).cloned().unwrap_or_default()
    }
}

/// Why Claude Code was denied something.
pub fn reason(answer: &Value) -> &str {
    let output = &answer["hookSpecificOutput"];
    assert_eq!(output["permissionDecision"], "deny", "{answer}");
    output["permissionDecisionReason"].as_str().unwrap()
}

/// What Claude Code or Codex was told.
pub fn context(answer: &Value) -> &str {
    answer["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default()
}
