//! From how a command ended to what a client is answered.
//!
//! The structured part of a done command is its `--json` data, with the news and losses that there are; of one that was
//! not done, the code, the message, the hints and the data. The text says the same to whoever reads nothing else.

use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::{Value, json};

use crate::error::Failure;
use crate::hooks::words;
use crate::output::{Line, Report, printable};
use crate::protocol::op::{LostClaim, News};

/// What a session hears besides its answer.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) lost: Vec<LostClaim>,
    pub(super) news: Vec<News>,
}

/// The answer of a tool.
pub(super) fn of(tool: &str, result: Result<Report, Failure>, heard: Heard) -> CallToolResult {
    let (text, mut data, is_error) = match result {
        Ok(report) => done(report),
        Err(failure) => not_done(tool, failure),
    };
    let aside = words::news(&heard.lost, &heard.news);
    let text = [text, aside].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    if !heard.lost.is_empty() {
        data.insert("lost".to_owned(), json!(heard.lost));
    }
    if !heard.news.is_empty() {
        data.insert("news".to_owned(), json!(heard.news));
    }
    let mut answer = CallToolResult::success(vec![ContentBlock::text(text)]);
    answer.structured_content = Some(Value::Object(data));
    answer.is_error = Some(is_error);
    answer
}

fn done(report: Report) -> (String, JsonObject, bool) {
    let notes = report.notes.iter().map(|note| printable(note).into_owned());
    let lines = report.lines.iter().map(Line::plain).chain(notes);
    let text = lines.collect::<Vec<_>>().join("\n");
    let data = if let Value::Object(data) = report.data { data } else { JsonObject::new() };
    (text, data, false)
}

fn not_done(tool: &str, failure: Failure) -> (String, JsonObject, bool) {
    let hints = if tool == "claim" && failure.code == "held" { vec![next_step()] } else { failure.hints };
    let next = hints.first().map_or_else(String::new, |hint| format!("; next: {hint}"));
    let message = printable(&failure.message).into_owned();
    let text = format!("{message}{next}");
    let mut data = JsonObject::new();
    data.insert("code".to_owned(), failure.code.into());
    data.insert("message".to_owned(), message.into());
    data.insert("retryable".to_owned(), failure.retryable.into());
    data.insert("hints".to_owned(), hints.into());
    data.insert("data".to_owned(), failure.data);
    (text, data, true)
}

/// The command's own advice is a command line, and whoever calls a tool may have none.
fn next_step() -> String {
    "work on something else, or call claim again with \"wait\": \"45s\"".to_owned()
}
