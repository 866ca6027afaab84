//! The tools: what a client's model reads of them, and which command each is.
//!
//! A model pays for this list in every session, so it says only what it cannot guess.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{JsonObject, Tool};
use serde::Deserialize;
use serde_json::{Value, json};

use super::session::words;
use crate::cli::{
    self, CheckArgs, ClaimArgs, ContextArgs, ContextFilter, ContextVerb, HandoffArgs, ReleaseArgs, StatusArgs,
    TellArgs, Verb,
};
use crate::error::Failure;
use crate::protocol::context::CATEGORIES;
use crate::protocol::place::Kind;

/// A tool's call, understood.
pub(super) struct Call {
    pub(super) verb: Verb,
    /// It is done in somebody's name, who is registered for it.
    pub(super) by_somebody: bool,
}

/// Name, description, arguments, those that are required, and what the answer has at least.
type Row = (&'static str, &'static str, Value, &'static [&'static str], &'static [&'static str]);

fn rows() -> [Row; 7] {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let texts = |description: &str| json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "description": description });
    [
        (
            "claim",
            "Hold what you are about to edit, before you edit it. All or none. Refused if another session holds it.",
            json!({
                "targets": texts("Paths, globs or names"),
                "kind": { "enum": ["file", "directory", "pattern", "task", "resource"], "default": "file" },
                "shared": { "type": "boolean", "description": "With other readers" },
                "ttl": text("Ends by itself: 30m"),
                "wait": text("Queue for it at most this long: 45s"),
                "reason": text("For the others"),
            }),
            &["targets"],
            &["claims"],
        ),
        ("check", "Ask who holds paths.", json!({ "paths": texts("Paths") }), &["paths"], &["paths"]),
        (
            "release",
            "Let go of what you hold.",
            json!({
                "targets": texts("As claimed, or claim ids, or \"all\""),
                "done": { "type": "boolean", "description": "Tasks are done: close their issues" },
            }),
            &["targets"],
            &["claims"],
        ),
        ("status", "Who works here on what, who holds and awaits what.", json!({}), &[], &["instances", "claims"]),
        (
            "context",
            "The project's memory that all agents share. Reads it, newest first; with content, adds to it.",
            json!({
                "content": text("To add"),
                "category": { "enum": ["decision", "learning", "warning", "pattern", "handoff", "message"] },
                "search": text("Words that entries must have"),
                "limit": { "type": "integer", "minimum": 1, "default": DEFAULT_LIMIT },
            }),
            &[],
            &[],
        ),
        ("handoff", "Leave a note for whoever goes on.", json!({ "note": text("What") }), &["note"], &["id"]),
        (
            "tell",
            "Send a message to other agents.",
            json!({ "to": text("Instance id, agent (codex), or \"all\""), "message": text("What") }),
            &["to", "message"],
            &["id"],
        ),
    ]
}

/// What a client is shown.
pub(super) fn list() -> Vec<Tool> {
    rows().into_iter().map(tool).collect()
}

fn tool((name, description, properties, required, answered): Row) -> Tool {
    let input = object(json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    }));
    let tool = Tool::new(name, description, Arc::new(input));
    tool.with_raw_output_schema(Arc::new(object(json!({ "type": "object", "required": answered }))))
}

fn object(value: Value) -> JsonObject {
    if let Value::Object(object) = value { object } else { JsonObject::new() }
}

/// How many entries are read unless more are asked for: each is paid for in tokens.
const DEFAULT_LIMIT: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    targets: Vec<String>,
    kind: Option<String>,
    #[serde(default)]
    shared: bool,
    ttl: Option<String>,
    wait: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    targets: Vec<String>,
    #[serde(default)]
    done: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    content: Option<String>,
    category: Option<String>,
    search: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Handoff {
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tell {
    to: String,
    message: String,
}

/// Understands a call.
///
/// # Errors
/// When there is no such tool, or its arguments are not what it takes.
pub(super) fn parse(tool: &str, arguments: &JsonObject) -> Result<Call, Failure> {
    let verb = match tool {
        "claim" => claim(read(tool, arguments)?)?,
        "check" => check(read(tool, arguments)?)?,
        "release" => release(read(tool, arguments)?)?,
        "status" => status(read(tool, arguments)?),
        "context" => context(read(tool, arguments)?)?,
        "handoff" => handoff(read(tool, arguments)?)?,
        "tell" => tell(read(tool, arguments)?)?,
        other => {
            let names: Vec<&str> = rows().iter().map(|row| row.0).collect();
            return Err(Failure::usage(format!("there is no tool {other:?}; there are {}", names.join(", "))));
        }
    };
    let only_looks = match &verb {
        Verb::Context(args) => !matches!(args.verb, ContextVerb::Add { .. }),
        verb => matches!(verb, Verb::Check(_) | Verb::Status(_)),
    };
    Ok(Call { verb, by_somebody: !only_looks })
}

fn read<'a, T: Deserialize<'a>>(tool: &str, arguments: &'a JsonObject) -> Result<T, Failure> {
    T::deserialize(arguments).map_err(|error| Failure::usage(format!("{tool} cannot be called like that: {error}")))
}

fn claim(args: Claim) -> Result<Verb, Failure> {
    let word = args.kind.as_deref().unwrap_or("file");
    let kind = Kind::parse(word).ok_or_else(|| Failure::usage(format!("{word:?} is no kind of claim")))?;
    let targets = some("targets", args.targets)?;
    let duration = |text: Option<String>| text.as_deref().map(duration).transpose();
    Ok(Verb::Claim(ClaimArgs {
        words: words([vec![kind.name().to_owned()], targets].concat()),
        project: None,
        shared: args.shared,
        ttl: duration(args.ttl)?,
        wait: duration(args.wait)?,
        reason: args.reason,
    }))
}

fn duration(text: &str) -> Result<Duration, Failure> {
    cli::duration(text).map_err(|error| Failure::usage(format!("{text:?}: {error}")))
}

fn check(args: Check) -> Result<Verb, Failure> {
    Ok(Verb::Check(CheckArgs { paths: words(some("paths", args.paths)?), project: None }))
}

fn release(args: Release) -> Result<Verb, Failure> {
    let words = words(some("targets", args.targets)?);
    Ok(Verb::Release(ReleaseArgs { words, force: false, done: args.done, reason: None }))
}

fn status(Status {}: Status) -> Verb {
    Verb::Status(StatusArgs::default())
}

fn context(args: Context) -> Result<Verb, Failure> {
    let Context { content, category, search, limit } = args;
    if let Some(unknown) = category.as_ref().filter(|word| !CATEGORIES.contains(&&***word)) {
        return Err(Failure::usage(format!("{unknown:?} is no category; there are {}", CATEGORIES.join(", "))));
    }
    let filter = ContextFilter { category, limit: limit.unwrap_or(DEFAULT_LIMIT), ..ContextFilter::default() };
    let verb = match (content, search) {
        (Some(_), Some(_)) => return Err(Failure::usage("context either adds content or searches")),
        (Some(content), None) => {
            let category = filter.category.unwrap_or_else(|| "learning".to_owned());
            ContextVerb::Add { words: vec![category, said(content)?], project: None, global: false }
        }
        (None, Some(words)) => {
            ContextVerb::Search { words: words.split_whitespace().map(str::to_owned).collect(), filter }
        }
        (None, None) => ContextVerb::Get { what: None, filter },
    };
    Ok(Verb::Context(ContextArgs { verb }))
}

fn handoff(args: Handoff) -> Result<Verb, Failure> {
    Ok(Verb::Handoff(HandoffArgs { words: vec![said(args.note)?] }))
}

fn tell(args: Tell) -> Result<Verb, Failure> {
    Ok(Verb::Tell(TellArgs { to: args.to, words: vec![said(args.message)?] }))
}

/// A command line takes `-` for its stdin, which here is the client's.
fn said(words: String) -> Result<String, Failure> {
    if words == "-" { Err(Failure::usage("\"-\" says nothing")) } else { Ok(words) }
}

fn some(name: &str, words: Vec<String>) -> Result<Vec<String>, Failure> {
    if words.is_empty() { Err(Failure::usage(format!("{name} is empty"))) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens are counted by guess: text like this has about four bytes in one, so this is on the safe side.
    #[test]
    fn the_list_is_paid_for_in_every_session() {
        let list = rmcp::model::ListToolsResult::with_all_items(list());
        let bytes = serde_json::to_vec(&list).expect("it is JSON").len();
        let tokens = bytes * 10 / 35;
        assert!(tokens < 1500, "{bytes} bytes are about {tokens} tokens");
        println!("tools/list: {bytes} bytes, about {tokens} tokens");
    }

    #[test]
    fn what_is_described_is_what_is_taken() {
        for (name, _, properties, required, _) in rows() {
            for (property, schema) in properties.as_object().expect("they are an object") {
                let value = match (schema["type"].as_str(), &schema["enum"]) {
                    (_, Value::Array(words)) => words[0].clone(),
                    (Some("array"), _) => json!(["x"]),
                    (Some("boolean"), _) => json!(true),
                    (Some("integer"), _) => json!(3),
                    _ => json!("30s"),
                };
                let mut arguments = object(json!({ property: value }));
                for other in required.iter().filter(|other| **other != property) {
                    let value = if properties[other]["type"] == "array" { json!(["x"]) } else { json!("x") };
                    arguments.insert((*other).to_owned(), value);
                }
                parse(name, &arguments).map(drop).unwrap_or_else(|failure| panic!("{name} {property}: {failure:?}"));
            }
            assert_eq!(parse(name, &JsonObject::new()).is_err(), !required.is_empty(), "{name} without arguments");
            assert!(parse(name, &object(json!({ "no such thing": 1 }))).is_err(), "{name}");
        }
    }
}
