//! Puts hooks where `aio init` will put them.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::harness::World;

fn line(agent: Agent, event: &str) -> String {
    format!(
        "PATH=\"$HOME/.ai-orchestrator/bin:$PATH\"; command -v aio >/dev/null 2>&1 || exit 0; aio hook {} {event} || exit 0",
        agent.name()
    )
}

pub fn install(agent: Agent, world: &World) {
    let events: &[&str] = match agent {
        Agent::Claude => &[
            "SessionStart",
            "UserPromptSubmit",
            "PreToolUse",
            "PostToolUse",
            "PostToolUseFailure",
            "Stop",
            "StopFailure",
            "SessionEnd",
        ],
        Agent::Codex => {
            &["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "Interrupt", "SessionEnd"]
        }
        Agent::Gemini => &["SessionStart", "BeforeAgent", "BeforeTool", "AfterTool", "AfterAgent", "SessionEnd"],
        Agent::Copilot => {
            &["sessionStart", "userPromptSubmitted", "preToolUse", "postToolUse", "agentStop", "sessionEnd"]
        }
        Agent::OpenCode => &[],
    };
    let hooks = |make: &dyn Fn(&str) -> Value| -> Value {
        events.iter().map(|event| (event.to_string(), make(event))).collect::<serde_json::Map<_, _>>().into()
    };
    let (name, text) = match agent {
        Agent::Claude | Agent::Codex => {
            let short = |event: &str| agent == Agent::Codex && (event == "SessionEnd" || event == "Interrupt");
            let hooks = hooks(
                &|event| json!([{"hooks": [{"type": "command", "command": line(agent, event), "timeout": if short(event) { 3 } else { 10 }}]}]),
            );
            let name = if agent == Agent::Claude { ".claude/settings.json" } else { ".codex/hooks.json" };
            (name, json!({"hooks": hooks}).to_string())
        }
        Agent::Gemini => {
            let old: Value =
                serde_json::from_slice(&std::fs::read(world.home.join(".gemini/settings.json")).unwrap()).unwrap();
            let mut new = old.clone();
            new["hooks"] = hooks(
                &|event| json!([{"hooks": [{"type": "command", "name": "aio", "command": line(agent, event), "timeout": 10000}]}]),
            );
            (".gemini/settings.json", new.to_string())
        }
        Agent::Copilot => {
            let hooks = hooks(&|event| json!([{"type": "command", "bash": line(agent, event), "timeoutSec": 10}]));
            (".copilot/hooks/aio.json", json!({"version": 1, "hooks": hooks}).to_string())
        }
        Agent::OpenCode => {
            (".config/opencode/plugins/aio.js", include_str!("../../integrations/opencode/aio.js").to_owned())
        }
    };
    let path = world.home.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
