//! Copilot CLI's `--output-format json`, as 1.0.102 writes it. It counts requests, not tokens, and tells its session's id
//! in its last line.

use serde_json::Value;

use super::{Seen, members, number, some_word, word};

pub(super) fn read(value: &Value) -> Vec<Seen> {
    match word(value, "/type") {
        "user.message" => vec![Seen::TurnStarted],
        "assistant.message" => said(value).into_iter().collect(),
        "tool.execution_start" => {
            vec![Seen::tool(word(value, "/data/toolName"), value.pointer("/data/arguments").unwrap_or(&Value::Null))]
        }
        "tool.execution_complete" => changed(value),
        "session.error" => some_word(value, "/data/message").map(Seen::Warning).into_iter().collect(),
        "result" => vec![Seen::Session(word(value, "/sessionId").to_owned()), ended(value)],
        _ => Vec::new(),
    }
}

/// What a subagent says is not for us.
fn said(value: &Value) -> Option<Seen> {
    let is_own = word(value, "/data/parentToolCallId").is_empty();
    some_word(value, "/data/content").filter(|_| is_own).map(Seen::Said)
}

fn changed(value: &Value) -> Vec<Seen> {
    let edits = members(value, "/data/fileEdits").iter();
    edits.filter_map(|edit| some_word(edit, "/path")).map(Seen::FileChanged).collect()
}

fn ended(value: &Value) -> Seen {
    let is_error = number(value, "/exitCode") != 0;
    Seen::TurnEnded { is_error, said: None, reason: String::new() }
}
