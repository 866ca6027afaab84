//! The four interfaces by which agents talk to models, as far as agents look at the answers.

use serde_json::{Value, json};

use crate::model::{Call, Input, Reply};

#[derive(Clone, Copy)]
pub enum Wire {
    /// Anthropic's messages: Claude Code.
    Messages,
    /// OpenAI's responses: Codex.
    Responses,
    /// OpenAI's chat completions: Copilot, OpenCode.
    Completions,
    /// Google's generateContent: Gemini CLI.
    Contents,
}

impl Wire {
    pub fn of(path: &str) -> Option<Wire> {
        match path {
            _ if path.ends_with("/messages") => Some(Wire::Messages),
            _ if path.ends_with("/responses") => Some(Wire::Responses),
            _ if path.ends_with("/chat/completions") => Some(Wire::Completions),
            _ if path.ends_with("enerateContent") => Some(Wire::Contents),
            _ => None,
        }
    }

    /// How many turns the model has had, and what the tools of the last one gave.
    pub fn history(self, body: &Value) -> (usize, Vec<String>) {
        let list = match self {
            Wire::Messages | Wire::Completions => &body["messages"],
            Wire::Responses => &body["input"],
            Wire::Contents => &body["contents"],
        };
        let (mut turns, mut results, mut previous) = (0, Vec::new(), None);
        for entry in list.as_array().into_iter().flatten() {
            if let Some(turn) = self.turn_of(entry) {
                // Calls of one turn arrive as entries of their own in OpenAI's responses.
                if turn.is_none() || turn != previous {
                    turns += 1;
                    results.clear();
                }
                previous = turn;
            } else {
                results.extend(self.results_in(entry));
            }
        }
        (turns, results)
    }

    /// Of which turn an entry is the model's, where the interface tells; nothing if it is not the model's.
    fn turn_of(self, entry: &Value) -> Option<Option<&str>> {
        let kind = entry["type"].as_str().unwrap_or_default();
        match self {
            Wire::Responses if kind.ends_with("_call") => {
                Some(entry["call_id"].as_str()?.rsplit_once('_').map(|id| id.0))
            }
            _ => matches!(entry["role"].as_str(), Some("assistant" | "model")).then_some(None),
        }
    }

    fn results_in(self, entry: &Value) -> Vec<String> {
        let parts = |list: &Value, field: &str, inside: &str| -> Vec<String> {
            let results = list.as_array().into_iter().flatten().filter(|part| !part[field].is_null());
            results.map(|part| texts(&part[inside])).collect()
        };
        match self {
            Wire::Messages => parts(&entry["content"], "tool_use_id", "content"),
            Wire::Contents => parts(&entry["parts"], "functionResponse", "functionResponse"),
            Wire::Completions if entry["role"] == "tool" => vec![texts(&entry["content"])],
            Wire::Responses if !entry["output"].is_null() => vec![texts(&entry["output"])],
            _ => Vec::new(),
        }
    }

    /// The body of an answer: one object, or the events of a stream.
    pub fn render(self, reply: &Reply, index: usize, streams: bool) -> String {
        match self {
            Wire::Messages => messages(reply, index, streams),
            Wire::Responses => responses(reply, index, streams),
            Wire::Completions => completions(reply, index, streams),
            Wire::Contents => contents(reply, streams),
        }
    }
}

/// Every text in a value, each on lines of its own, without the names of fields.
pub fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(texts).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => fields.values().map(texts).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

fn split(reply: &Reply) -> (Option<&str>, &[Call]) {
    match reply {
        Reply::Say(text) => (Some(text), &[]),
        Reply::Call(calls) => (None, calls),
    }
}

/// Ids are the same whenever the same turn is asked for, and say which turn it was.
fn call_id(index: usize, position: usize) -> String {
    format!("call_{index}_{position}")
}

fn object(call: &Call) -> Value {
    match &call.input {
        Input::Object(input) => input.clone(),
        Input::Text(text) => json!({"input": text}),
    }
}

fn named_events(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
        .collect()
}

fn messages(reply: &Reply, index: usize, streams: bool) -> String {
    let (text, calls) = split(reply);
    let text = text.map(|text| json!({"type": "text", "text": text}));
    let calls = calls.iter().enumerate().map(|(position, call)| {
        json!({"type": "tool_use", "id": format!("toolu_{}", call_id(index, position)), "name": call.tool, "input": object(call)})
    });
    let content: Vec<Value> = text.into_iter().chain(calls).collect();
    let stop = if matches!(reply, Reply::Call(_)) { "tool_use" } else { "end_turn" };
    let message = |content: &[Value], stop: Value| {
        json!({"id": format!("msg_{index}"), "type": "message", "role": "assistant", "model": "scripted", "content": content,
            "stop_reason": stop, "stop_sequence": null, "usage": {"input_tokens": 1000, "output_tokens": 30}})
    };
    if !streams {
        return message(&content, stop.into()).to_string();
    }
    let mut events = vec![json!({"type": "message_start", "message": message(&[], Value::Null)})];
    for (position, block) in content.iter().enumerate() {
        let (mut empty, delta) = (block.clone(), block_delta(block));
        empty[if block["type"] == "text" { "text" } else { "input" }] =
            if block["type"] == "text" { "".into() } else { json!({}) };
        events.push(json!({"type": "content_block_start", "index": position, "content_block": empty}));
        events.push(json!({"type": "content_block_delta", "index": position, "delta": delta}));
        events.push(json!({"type": "content_block_stop", "index": position}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": {"output_tokens": 30}}));
    events.push(json!({"type": "message_stop"}));
    named_events(&events)
}

fn block_delta(block: &Value) -> Value {
    match block["type"] == "text" {
        true => json!({"type": "text_delta", "text": block["text"]}),
        false => json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}),
    }
}

fn responses(reply: &Reply, index: usize, streams: bool) -> String {
    let (text, calls) = split(reply);
    let text = text.map(|text| {
        json!({"type": "message", "id": format!("msg_{index}"), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]})
    });
    let calls = calls.iter().enumerate().map(|(position, call)| {
        let id = call_id(index, position);
        match &call.input {
            Input::Text(text) => json!({"type": "custom_tool_call", "id": format!("ctc_{id}"), "status": "completed",
                "call_id": id, "name": call.tool, "input": text}),
            Input::Object(input) => json!({"type": "function_call", "id": format!("fc_{id}"), "status": "completed",
                "call_id": id, "name": call.tool, "arguments": input.to_string()}),
        }
    });
    let items: Vec<Value> = text.into_iter().chain(calls).collect();
    let response = |status: &str, output: &[Value]| {
        json!({"id": format!("resp_{index}"), "object": "response", "created_at": 0, "status": status, "model": "scripted",
            "output": output, "usage": {"input_tokens": 1000, "output_tokens": 30, "total_tokens": 1030}})
    };
    if !streams {
        return response("completed", &items).to_string();
    }
    let mut events = vec![json!({"type": "response.created", "response": response("in_progress", &[])})];
    for (position, item) in items.iter().enumerate() {
        events.push(json!({"type": "response.output_item.added", "output_index": position, "item": item}));
        events.push(json!({"type": "response.output_item.done", "output_index": position, "item": item}));
    }
    events.push(json!({"type": "response.completed", "response": response("completed", &items)}));
    named_events(&events)
}

fn completions(reply: &Reply, index: usize, streams: bool) -> String {
    let (text, calls) = split(reply);
    let calls: Vec<Value> = (calls.iter().enumerate())
        .map(|(position, call)| {
            json!({"index": position, "id": call_id(index, position), "type": "function",
                "function": {"name": call.tool, "arguments": object(call).to_string()}})
        })
        .collect();
    let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
    let mut message = json!({"role": "assistant", "content": text});
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 30, "total_tokens": 1030});
    let body = |kind: &str, choices: Value, usage: Value| json!({"id": format!("chatcmpl-{index}"), "created": 0, "model": "scripted", "object": kind, "choices": choices, "usage": usage});
    if !streams {
        let choice = json!([{"index": 0, "message": message, "finish_reason": finish}]);
        return body("chat.completion", choice, usage).to_string();
    }
    let chunk = |choices: Value, usage: Value| format!("data: {}\n\n", body("chat.completion.chunk", choices, usage));
    let said = chunk(json!([{"index": 0, "delta": message, "finish_reason": null}]), Value::Null);
    let ended = chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish}]), Value::Null);
    format!("{said}{ended}{}data: [DONE]\n\n", chunk(json!([]), usage))
}

fn contents(reply: &Reply, streams: bool) -> String {
    let (text, calls) = split(reply);
    let text = text.map(|text| json!({"text": text}));
    let calls = calls.iter().map(|call| json!({"functionCall": {"name": call.tool, "args": object(call)}}));
    let parts: Vec<Value> = text.into_iter().chain(calls).collect();
    let body = json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 30, "totalTokenCount": 1030},
        "modelVersion": "scripted", "responseId": "1",
    });
    if streams { format!("data: {body}\n\n") } else { body.to_string() }
}
