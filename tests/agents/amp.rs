//! Amp's plugin, on the engine that Amp runs plugins with (OpenCode's program has it too) and a stub of its interface.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::stage::{Stage, TASK};

const STUB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/agents/amp_stub.ts");

struct Amp {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Amp {
    fn start(stage: &Stage) -> Amp {
        // Under its own name, so that it is seen to be the agent.
        let program = stage.world.home.join("amp");
        std::os::unix::fs::symlink(Agent::OpenCode.program(), &program).unwrap();
        let mut command = Command::new(program);
        command.args(["run", STUB]).env_clear().env("BUN_BE_BUN", "1").env("HOME", &stage.world.home);
        command.env("PATH", "/usr/bin:/bin").current_dir(&stage.world.project);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Amp { child, to, from }
    }

    /// What the plugin's handler of an event gives.
    fn gives(&mut self, event: &str, thread: &str, mut rest: Value) -> Value {
        rest["event"] = event.into();
        rest["thread"] = thread.into();
        writeln!(self.to, "{rest}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn edits(&mut self, stage: &Stage, thread: &str, parent: Value, file: &str) -> Value {
        let input = json!({"path": stage.path(file)});
        let call = json!({"toolUseID": file, "tool": "edit_file", "input": input, "parent": parent});
        self.gives("tool.call", thread, call)
    }
}

impl Drop for Amp {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

#[test]
fn amp_obeys() {
    let stage = Stage::bare();
    let holder = stage.holder_of("src/held.txt");
    let mut amp = Amp::start(&stage);
    assert_eq!(amp.gives("session.start", "T-1", json!({})), Value::Null);
    let brief = amp.gives("agent.start", "T-1", json!({"message": "Do the work.", "id": 1}));
    let brief = brief["message"]["content"].as_str().unwrap();
    assert!(brief.contains(&holder.id) && brief.contains(TASK), "{brief}");
    let again = amp.gives("agent.start", "T-1", json!({"message": "And more.", "id": 2}));
    assert_eq!(again, json!({}), "nothing is new");

    assert_eq!(amp.edits(&stage, "T-1", Value::Null, "src/free.txt"), json!({"action": "allow"}));
    let refused = amp.edits(&stage, "T-1", Value::Null, "src/held.txt");
    assert_eq!(refused["action"], "reject-and-continue");
    holder.is_named_by(refused["message"].as_str().unwrap());
    let shell = json!({"toolUseID": "s", "tool": "shell_command", "input": {"command": "echo x > src/held.txt"}});
    holder.is_named_by(amp.gives("tool.call", "T-1", shell)["message"].as_str().unwrap());

    // A subagent is its parent; another thread is another.
    assert_eq!(amp.edits(&stage, "T-2", "T-1".into(), "src/free.txt"), json!({"action": "allow"}));
    assert_eq!(amp.edits(&stage, "T-3", Value::Null, "src/free.txt")["action"], "reject-and-continue");
    let result = json!({"toolUseID": "r", "tool": "read", "input": {}, "status": "done", "output": "text"});
    assert_eq!(amp.gives("tool.result", "T-1", result), Value::Null);
    assert_eq!(amp.gives("agent.end", "T-1", json!({"status": "done", "messages": []})), Value::Null);

    let state = stage.world.state();
    let amps = state["instances"].as_object().unwrap().values().filter(|instance| instance["tool"] == "amp");
    let processes: Vec<&Value> = amps.map(|instance| &instance["pid"]).collect();
    assert_eq!(processes, [amp.child.id(), amp.child.id()]);
}

#[test]
fn amp_goes_on() {
    let stage = Stage::bare();
    let holder = stage.holder_of("src/held.txt");
    let mut amp = Amp::start(&stage);
    let aio = stage.world.dir.join("bin/aio");
    for line in ["kill -ABRT $$", "echo '{\"deny\": \"x\"}'; exit 3", "echo no JSON"] {
        std::fs::remove_file(&aio).unwrap();
        std::fs::write(&aio, format!("#!/bin/sh\n{line}\n")).unwrap();
        std::fs::set_permissions(&aio, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(amp.edits(&stage, "T-1", Value::Null, "src/held.txt"), json!({"action": "allow"}), "{line}");
    }
    std::fs::remove_file(&aio).unwrap();
    assert_eq!(amp.edits(&stage, "T-1", Value::Null, "src/held.txt"), json!({"action": "allow"}));
    stage.install();
    holder.is_named_by(amp.edits(&stage, "T-1", Value::Null, "src/held.txt")["message"].as_str().unwrap());
}
