//! What Claude Code and Codex print for programs, a JSON object a line, as far as anybody reads it.

use serde_json::{Value, json};

use crate::hooks::uuid;

/// What was used so far.
#[derive(Default)]
pub struct Used {
    pub input: u64,
    pub output: u64,
    pub usd: f64,
}

/// How a turn failed.
pub struct Failed {
    pub status: u64,
    /// The word that hooks are told.
    pub error: &'static str,
    pub message: String,
}

impl Failed {
    /// At a usage limit, in each one's own words; with its end as both told it at times.
    pub fn limit(tool: &str, seconds: Option<u64>) -> Failed {
        let words = match tool {
            "codex" => "You've hit your usage limit.",
            _ => "You've hit your session limit.",
        };
        let end = match (seconds, tool) {
            (Some(seconds), _) => format!("Try again in {seconds} seconds."),
            (None, "codex") => {
                "Upgrade to Pro (https://openai.com/chatgpt/pricing) or try again at 12:16 PM.".to_owned()
            }
            _ => "It resets 5:10pm (Europe/Paris)".to_owned(),
        };
        Failed { status: 429, error: "rate_limit", message: format!("{words} {end}") }
    }

    pub fn http(tool: &str, status: u64) -> Failed {
        let message = match tool {
            "codex" => format!("unexpected status {status}: scripted {status}"),
            _ => format!("API Error: {status} scripted {status}."),
        };
        Failed { status, error: "server_error", message }
    }
}

pub fn begin(tool: &str, session: &str) {
    if tool == "codex" {
        line(json!({ "type": "thread.started", "thread_id": session }));
        line(json!({ "type": "turn.started" }));
        return;
    }
    line(json!({
        "type": "system", "subtype": "init", "cwd": std::env::current_dir().unwrap(), "session_id": session,
        "tools": ["Bash", "Edit", "Read", "Write"], "mcp_servers": [], "model": "claude-opus-5-5",
        "permissionMode": "acceptEdits", "claude_code_version": "2.1.329", "uuid": uuid(),
    }));
}

pub fn say(tool: &str, session: &str, text: &str) {
    if tool == "codex" {
        line(json!({ "type": "item.completed", "item": { "id": uuid(), "type": "agent_message", "text": text } }));
        return;
    }
    let message = json!({
        "id": format!("msg_{}", uuid()), "type": "message", "role": "assistant", "model": "claude-opus-5-5",
        "content": [{ "type": "text", "text": text }],
    });
    line(json!({
        "type": "assistant", "message": message, "parent_tool_use_id": null, "session_id": session, "uuid": uuid(),
    }));
}

/// The line that ends a turn.
pub fn end(tool: &str, session: &str, said: &str, used: &Used, failed: Option<&Failed>) {
    match (tool, failed) {
        ("codex", None) => line(json!({ "type": "turn.completed", "usage": {
            "input_tokens": used.input, "cached_input_tokens": 0, "output_tokens": used.output, "reasoning_output_tokens": 0,
        } })),
        ("codex", Some(failed)) => {
            line(json!({ "type": "error", "message": failed.message }));
            line(json!({ "type": "turn.failed", "error": { "message": failed.message } }));
        }
        (_, failed) => line(result(session, said, used, failed)),
    }
}

fn result(session: &str, said: &str, used: &Used, failed: Option<&Failed>) -> Value {
    json!({
        "type": "result", "subtype": "success", "is_error": failed.is_some(), "session_id": session, "uuid": uuid(),
        "result": failed.map_or(said, |failed| &failed.message), "total_cost_usd": used.usd,
        "usage": {
            "input_tokens": used.input, "output_tokens": used.output,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        },
        "modelUsage": { "claude-opus-5-5": {
            "inputTokens": used.input, "outputTokens": used.output, "costUSD": used.usd,
        } },
        "num_turns": 1, "duration_ms": 1, "duration_api_ms": 1, "permission_denials": [],
        "terminal_reason": if failed.is_some() { "api_error" } else { "completed" },
        "api_error_status": failed.map(|failed| failed.status),
    })
}

fn line(value: Value) {
    crate::prompt::show(format!("{value}\n").as_bytes());
}
