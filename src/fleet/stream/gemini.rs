//! Gemini CLI's `-o stream-json`, as 0.61.0 writes it. Usage covers the process; it has no cost.

use serde_json::Value;

use super::{Scope, Seen, Used, is_true, number, some_word, word};

pub(super) fn read(value: &Value) -> Vec<Seen> {
    match (word(value, "/type"), word(value, "/role")) {
        ("init", _) => vec![Seen::Session(word(value, "/session_id").to_owned())],
        // It repeats the prompt.
        ("message", "user") => vec![Seen::TurnStarted],
        ("message", "assistant") => said(value).into_iter().collect(),
        ("tool_use", _) => vec![Seen::tool(word(value, "/tool_name"), value.get("parameters").unwrap_or(&Value::Null))],
        ("error", _) => some_word(value, "/message").map(Seen::Warning).into_iter().collect(),
        ("result", _) => vec![used(value), ended(value)],
        _ => Vec::new(),
    }
}

fn said(value: &Value) -> Option<Seen> {
    let text = some_word(value, "/content")?;
    Some(if is_true(value, "/delta") { Seen::SaidPart(text) } else { Seen::Said(text) })
}

/// What was thought is in the total only, and is paid for like what was said.
fn used(value: &Value) -> Seen {
    let input_tokens = number(value, "/stats/input_tokens");
    let beyond_input = number(value, "/stats/total_tokens").saturating_sub(input_tokens);
    let used = Used {
        input_tokens,
        cached_tokens: number(value, "/stats/cached"),
        output_tokens: number(value, "/stats/output_tokens").max(beyond_input),
        cost_micros: None,
    };
    Seen::Used(used, Scope::Run)
}

fn ended(value: &Value) -> Seen {
    let is_error = word(value, "/status") != "success";
    Seen::TurnEnded {
        is_error,
        said: some_word(value, "/error/message"),
        reason: word(value, "/error/type").to_owned(),
    }
}
