//! Codex's `exec --json`, as 0.169.0 writes it. Usage covers the session, and is told when a turn ends well; it has no cost.
//!
//! Warnings come as items of type `error`, before the turn begins: they are no failure. An `error` of its own may be an
//! attempt that is repeated; only `turn.failed` is the end.

use serde_json::Value;

use super::{Scope, Seen, Used, members, number, some_word, word};

pub(super) fn read(value: &Value) -> Vec<Seen> {
    let item = value.get("item").unwrap_or(&Value::Null);
    match word(value, "/type") {
        "thread.started" => vec![Seen::Session(word(value, "/thread_id").to_owned())],
        "turn.started" => vec![Seen::TurnStarted],
        "item.started" => begun(item).into_iter().collect(),
        "item.completed" => completed(item),
        "turn.completed" => vec![used(value), ended(false, None)],
        "turn.failed" => vec![ended(true, some_word(value, "/error/message"))],
        "error" => some_word(value, "/message").map(Seen::Warning).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn begun(item: &Value) -> Option<Seen> {
    match word(item, "/type") {
        "command_execution" => Some(Seen::tool("shell", item)),
        "file_change" => Some(Seen::tool("apply_patch", item.pointer("/changes/0")?)),
        "mcp_tool_call" => Some(Seen::tool(word(item, "/tool"), item.get("arguments").unwrap_or(&Value::Null))),
        _ => None,
    }
}

fn completed(item: &Value) -> Vec<Seen> {
    let paths = || members(item, "/changes").iter().filter_map(|change| some_word(change, "/path"));
    match word(item, "/type") {
        "agent_message" => some_word(item, "/text").map(Seen::Said).into_iter().collect(),
        "file_change" if word(item, "/status") == "completed" => paths().map(Seen::FileChanged).collect(),
        "web_search" => vec![Seen::tool("web_search", item)],
        "error" => some_word(item, "/message").map(Seen::Warning).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn used(value: &Value) -> Seen {
    let used = Used {
        input_tokens: number(value, "/usage/input_tokens"),
        cached_tokens: number(value, "/usage/cached_input_tokens"),
        output_tokens: number(value, "/usage/output_tokens"),
        cost_micros: None,
    };
    Seen::Used(used, Scope::Session)
}

fn ended(is_error: bool, said: Option<String>) -> Seen {
    Seen::TurnEnded { is_error, said, reason: String::new() }
}
