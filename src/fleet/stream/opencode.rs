//! OpenCode's `run --format json`, as 1.18.33 writes it. Each step of the model tells its own usage, and cost where the
//! model's prices are known: 0 for tokens that were used means that they are not, or that a subscription pays.

use serde_json::Value;

use super::{Scope, Seen, Used, micros, money, number, some_word, word};

pub(super) fn read(value: &Value, text: &str) -> Vec<Seen> {
    let part = value.get("part").unwrap_or(&Value::Null);
    match word(value, "/type") {
        "step_start" => vec![Seen::Session(word(value, "/sessionID").to_owned()), Seen::TurnStarted],
        "text" => some_word(part, "/text").map(Seen::Said).into_iter().collect(),
        "tool_use" => tool(part),
        "step_finish" => finished(part, text),
        "error" => vec![Seen::Session(word(value, "/sessionID").to_owned()), failed(value)],
        _ => Vec::new(),
    }
}

fn tool(part: &Value) -> Vec<Seen> {
    let (name, input) = (word(part, "/tool"), part.pointer("/state/input").unwrap_or(&Value::Null));
    let is_edit = matches!(name, "write" | "edit") && word(part, "/state/status") == "completed";
    let changed = some_word(input, "/filePath").filter(|_| is_edit).map(Seen::FileChanged);
    [Seen::tool(name, input)].into_iter().chain(changed).collect()
}

/// After a step that calls tools there is another one.
fn finished(part: &Value, text: &str) -> Vec<Seen> {
    let reason = word(part, "/reason").to_owned();
    let ended = (reason != "tool-calls").then_some(Seen::TurnEnded { is_error: false, said: None, reason });
    [used(part, text)].into_iter().chain(ended).collect()
}

fn used(part: &Value, text: &str) -> Seen {
    let cached_tokens = number(part, "/tokens/cache/read");
    let fresh = number(part, "/tokens/input").saturating_add(number(part, "/tokens/cache/write"));
    let cost = money::written(text, &["part", "cost"]).and_then(micros);
    let used = Used {
        input_tokens: fresh.saturating_add(cached_tokens),
        cached_tokens,
        output_tokens: number(part, "/tokens/output").saturating_add(number(part, "/tokens/reasoning")),
        cost_micros: cost.filter(|cost| *cost > 0),
    };
    Seen::Used(used, Scope::Step)
}

fn failed(value: &Value) -> Seen {
    let said = some_word(value, "/error/data/message").or_else(|| some_word(value, "/error/message"));
    Seen::TurnEnded { is_error: true, said, reason: word(value, "/error/name").to_owned() }
}
