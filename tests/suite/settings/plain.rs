//! A second opinion on JSON with comments: they and trailing commas are cut away, and an ordinary parser reads the rest.

use serde_json::{Value, json};

/// What a text says; an empty one is an object without entries.
pub fn value(text: &str) -> Value {
    let plain = without_trailing_commas(&without_comments(text.trim_start_matches('\u{feff}')));
    if plain.trim().is_empty() {
        return json!({});
    }
    serde_json::from_str(&plain).unwrap_or_else(|error| panic!("{error}: {plain}"))
}

/// The same without any hook of ours, and without what is empty then.
pub fn without_ours(mut value: Value, agent: &str) -> Value {
    let words = format!(" aio hook {agent} ");
    let is_ours = |handler: &Value| {
        ["command", "bash"].iter().any(|key| handler[key].as_str().is_some_and(|text| text.contains(&words)))
    };
    let Some(events) = value["hooks"].as_object_mut() else { return pruned(value) };
    for groups in events.values_mut().filter_map(Value::as_array_mut) {
        groups.retain(|group| !is_ours(group));
        groups.retain_mut(|group| {
            let Some(handlers) = group["hooks"].as_array_mut().filter(|handlers| !handlers.is_empty()) else {
                return true;
            };
            handlers.retain(|handler| !is_ours(handler));
            !handlers.is_empty()
        });
    }
    pruned(value)
}

/// Without hooks that are none: an event without hooks says as much as no event.
fn pruned(mut value: Value) -> Value {
    let is_none = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if let Some(events) = value["hooks"].as_object_mut() {
        events.retain(|_, groups| !is_none(groups));
    }
    let is_empty = value["hooks"].is_null() || value["hooks"].as_object().is_some_and(serde_json::Map::is_empty);
    if let Some(root) = value.as_object_mut().filter(|_| is_empty) {
        root.remove("hooks");
    }
    value
}

fn without_comments(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '"' => string_length(rest),
            '/' if rest.starts_with("//") => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = &rest[rest.find("*/").unwrap() + 2..];
                continue;
            }
            letter => letter.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

fn without_trailing_commas(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(letter) = rest.chars().next() {
        let length = if letter == '"' { string_length(rest) } else { letter.len_utf8() };
        let is_trailing = letter == ',' && rest[1..].trim_start().starts_with(['}', ']']);
        if !is_trailing {
            out.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    out
}

/// How long the string is that a text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '"' => return place + 1,
            _ => {}
        }
    }
    panic!("a string without end: {text}")
}
