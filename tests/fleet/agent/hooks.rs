//! aio's hooks, called as the real agents call them: through a shell, the payload on stdin, their answer obeyed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::record::Record;

/// What the hooks are told of this session.
pub struct Hooks {
    /// The agent it is, by the name it was started under.
    pub tool: String,
    pub session: String,
    prompt: String,
    is_resumed: bool,
    is_on: bool,
    is_headless: bool,
    record: Record,
}

impl Hooks {
    pub fn new(args: &[String], is_on: bool, is_headless: bool, record: Record) -> Hooks {
        let name = Path::new(&args[0]).file_name().unwrap().to_str().unwrap();
        let after = |flag: &str| args.iter().skip_while(|arg| *arg != flag).nth(1).cloned();
        let resumed = after("--resume").or_else(|| after("-r")).or_else(|| after("resume"));
        let session = resumed.clone().or_else(|| after("--session-id")).unwrap_or_else(uuid);
        let tool = if name == "codex" { "codex" } else { "claude" };
        let is_resumed = resumed.is_some();
        Hooks { tool: tool.to_owned(), session, prompt: uuid(), is_resumed, is_on, is_headless, record }
    }

    pub fn session_start(&self) {
        self.run("SessionStart", json!({ "source": if self.is_resumed { "resume" } else { "startup" } }));
    }

    pub fn session_end(&self) {
        self.run("SessionEnd", json!({ "reason": if self.is_headless { "other" } else { "prompt_input_exit" } }));
    }

    /// Whether the turn may begin. A prompt that is no UTF-8 reaches hooks mended, as everything does in JSON.
    pub fn prompt_submitted(&mut self, prompt: &[u8]) -> bool {
        self.prompt = uuid();
        let (code, out) = self.run("UserPromptSubmit", json!({ "prompt": String::from_utf8_lossy(prompt) }));
        code != 2 && out["decision"] != "block"
    }

    pub fn stopped(&self, said: &str) {
        self.run("Stop", json!({ "stop_hook_active": false, "last_assistant_message": said }));
    }

    /// Only Claude Code says so, and only of some errors.
    pub fn failed(&self, error: &str, said: &str) {
        if self.tool == "claude" {
            self.run("StopFailure", json!({ "error": error, "last_assistant_message": said }));
        }
    }

    pub fn permission_asked(&self, question: &str) {
        self.run("PermissionRequest", json!({ "tool_name": "Bash", "tool_input": { "command": question } }));
    }

    /// Why a file may not be written, if it may not.
    pub fn before_write(&self, path: &Path, text: &str) -> Option<String> {
        let (code, out) = self.run("PreToolUse", self.write_tool(path, text));
        let answer = &out["hookSpecificOutput"];
        let is_denied = code == 2 || answer["permissionDecision"] == "deny";
        is_denied.then(|| answer["permissionDecisionReason"].as_str().unwrap_or_default().to_owned())
    }

    pub fn after_write(&self, path: &Path, text: &str) {
        let mut payload = self.write_tool(path, text);
        payload["tool_response"] = match &*self.tool {
            "codex" => "Success. Updated the following files:\n".into(),
            _ => json!({ "type": "create", "filePath": path, "content": text }),
        };
        self.run("PostToolUse", payload);
    }

    fn write_tool(&self, path: &Path, text: &str) -> Value {
        if self.tool == "codex" {
            let lines: String = text.lines().map(|line| format!("+{line}\n")).collect();
            let patch = format!("*** Begin Patch\n*** Add File: {}\n{lines}*** End Patch\n", path.display());
            return json!({ "tool_name": "apply_patch", "tool_input": { "command": patch }, "tool_use_id": uuid() });
        }
        let input = json!({ "file_path": path, "content": text });
        json!({ "tool_name": "Write", "tool_input": input, "tool_use_id": format!("toolu_{}", uuid()) })
    }

    /// Its exit code and the JSON it printed. One that cannot be run stops nobody, as with the real ones.
    fn run(&self, event: &str, more: Value) -> (i32, Value) {
        if !self.is_on {
            return (0, Value::Null);
        }
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("aio hook {} {event}", self.tool)]);
        command.envs(self.variables()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may end without reading.
        child.stdin.take().unwrap().write_all(self.payload(event, more).to_string().as_bytes()).unwrap_or_default();
        let output = child.wait_with_output().unwrap();
        let (code, out) = (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout));
        self.record.line(
            "hooks",
            &json!({ "event": event, "code": code, "out": out, "err": String::from_utf8_lossy(&output.stderr) })
                .to_string(),
        );
        (code, serde_json::from_str(&out).unwrap_or_default())
    }

    fn payload(&self, event: &str, more: Value) -> Value {
        let mut payload = json!({
            "session_id": self.session,
            "transcript_path": format!("/nonexistent/{}.jsonl", self.session),
            "cwd": std::env::current_dir().unwrap(),
            "hook_event_name": event,
        });
        match (&*self.tool, event) {
            (_, "SessionStart" | "SessionEnd") => {}
            ("codex", _) => payload["turn_id"] = self.prompt.clone().into(),
            _ => payload["prompt_id"] = self.prompt.clone().into(),
        }
        payload["permission_mode"] = if self.tool == "codex" { "bypassPermissions" } else { "acceptEdits" }.into();
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payload
    }

    /// What Claude Code sets for its hooks; Codex sets nothing.
    fn variables(&self) -> Vec<(&'static str, String)> {
        if self.tool == "codex" {
            return Vec::new();
        }
        vec![
            ("CLAUDECODE", "1".to_owned()),
            ("CLAUDE_PID", std::process::id().to_string()),
            ("CLAUDE_CODE_SESSION_ID", self.session.clone()),
            ("CLAUDE_PROJECT_DIR", std::env::current_dir().unwrap().to_str().unwrap().to_owned()),
        ]
    }
}

pub fn uuid() -> String {
    let (high, low) = (getrandom::u64().unwrap(), getrandom::u64().unwrap());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high & 0xffff,
        high >> 16 & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}
