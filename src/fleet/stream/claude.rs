//! Claude Code's `--output-format stream-json`, as 2.1.329 writes it; Amp's, as its manual shows it.
//!
//! Usage stands in the last line only, so a run that is killed leaves none. `modelUsage` and `total_cost_usd` are sums over all
//! models and subagents, and over all runs of a session that is resumed; `usage` is the run's. Amp has neither sum nor cost.

use serde_json::Value;

use super::{Limit, Scope, Seen, Until, Used, is_true, members, micros, money, number, some_word, word};

pub(super) fn read(value: &Value, text: &str) -> Vec<Seen> {
    match (word(value, "/type"), word(value, "/subtype")) {
        // It comes when the prompt has been read to its end.
        ("system", "init") => vec![Seen::Session(word(value, "/session_id").to_owned()), Seen::TurnStarted],
        ("system", "api_retry") => vec![retry(value)],
        ("assistant", _) => members(value, "/message/content").iter().filter_map(|part| said(value, part)).collect(),
        ("user", _) => changed(value).into_iter().collect(),
        ("rate_limit_event", _) => limited(value).into_iter().collect(),
        ("result", _) => vec![used(value, text), ended(value)],
        _ => Vec::new(),
    }
}

fn retry(value: &Value) -> Seen {
    let (status, error) = (number(value, "/error_status"), word(value, "/error"));
    Seen::Warning(format!(
        "{error} ({status}), attempt {} of {}",
        number(value, "/attempt"),
        number(value, "/max_retries")
    ))
}

/// What a subagent says is not for us; what it does is.
fn said(value: &Value, part: &Value) -> Option<Seen> {
    let is_own = word(value, "/parent_tool_use_id").is_empty();
    let text = || some_word(part, "/text");
    match word(part, "/type") {
        "text" if is_true(value, "/is_api_error_message") => text().map(Seen::Warning),
        "text" if is_own => text().map(Seen::Said),
        "tool_use" => Some(Seen::tool(word(part, "/name"), part.get("input")?)),
        _ => None,
    }
}

/// Only what changes a file answers with how it was changed.
fn changed(value: &Value) -> Option<Seen> {
    value.pointer("/tool_use_result/structuredPatch")?;
    some_word(value, "/tool_use_result/filePath").map(Seen::FileChanged)
}

/// Not seen in a run of ours: as people reported it. With other statuses, or where overage is paid for, work goes on.
fn limited(value: &Value) -> Option<Seen> {
    let is_over =
        word(value, "/rate_limit_info/status") == "rejected" && !is_true(value, "/rate_limit_info/isUsingOverage");
    let resets = number(value, "/rate_limit_info/resetsAt");
    let until = (resets > 0).then_some(Until::At(resets));
    let kind = some_word(value, "/rate_limit_info/rateLimitType").unwrap_or_else(|| "usage".to_owned());
    is_over.then(|| Seen::Limited(Limit { until, words: format!("{kind} limit reached") }))
}

fn used(value: &Value, text: &str) -> Seen {
    let cost_micros = money::written(text, &["total_cost_usd"]).and_then(micros);
    let models = value.pointer("/modelUsage").and_then(Value::as_object).filter(|models| !models.is_empty());
    let (tokens, scope) = match models {
        Some(models) => (models.values().fold(Used::default(), |sum, model| sum.plus(of_model(model))), Scope::Session),
        None => (of_answers(value.pointer("/usage").unwrap_or(&Value::Null)), Scope::Run),
    };
    Seen::Used(Used { cost_micros, ..tokens }, scope)
}

fn of_model(model: &Value) -> Used {
    tokens(model, ["/inputTokens", "/cacheReadInputTokens", "/cacheCreationInputTokens", "/outputTokens"])
}

fn of_answers(usage: &Value) -> Used {
    tokens(usage, ["/input_tokens", "/cache_read_input_tokens", "/cache_creation_input_tokens", "/output_tokens"])
}

/// The first three are counted apart.
fn tokens(value: &Value, [fresh, cached, creation, output]: [&str; 4]) -> Used {
    let cached_tokens = number(value, cached);
    let input_tokens = number(value, fresh).saturating_add(cached_tokens).saturating_add(number(value, creation));
    Used { input_tokens, cached_tokens, output_tokens: number(value, output), cost_micros: None }
}

/// `subtype` may be `success` where `is_error` is set: then the program did well, and the model's service did not. No turn at
/// all means that the task was taken for one of its own commands (`/help me`), and that no model ever saw it.
fn ended(value: &Value) -> Seen {
    let is_unseen = value.pointer("/num_turns").and_then(Value::as_u64) == Some(0);
    let reason = match word(value, "/subtype") {
        subtype if subtype.starts_with("error") => subtype,
        _ if is_unseen => "no_turn",
        _ => word(value, "/terminal_reason"),
    };
    let said = some_word(value, "/result").or_else(|| some_word(value, "/error"));
    Seen::TurnEnded { is_error: is_true(value, "/is_error") || is_unseen, said, reason: reason.to_owned() }
}
