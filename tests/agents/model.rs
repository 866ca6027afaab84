//! A language model on loopback that says what a test wants.
//!
//! It speaks the four interfaces that the agents use (`wire`), one request a connection. A script answers each turn of a
//! conversation; it is given what the agent sent back, so it can react to a refusal as a model would. How far a
//! conversation has come is read from the request itself: retries and resumed sessions need no memory here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Value, json};

use crate::wire::{self, Wire};

/// What the model does in one turn.
#[derive(Clone, Debug)]
pub enum Reply {
    Say(String),
    /// Calls of tools, all in one turn.
    Call(Vec<Call>),
}

/// One call of a tool of the agent's.
#[derive(Clone, Debug)]
pub struct Call {
    pub tool: &'static str,
    pub input: Input,
}

/// Most tools take an object; Codex's `apply_patch` takes bare text.
#[derive(Clone, Debug)]
pub enum Input {
    Object(Value),
    Text(String),
}

/// One request of the agent's main conversation.
#[derive(Clone, Debug)]
pub struct Turn {
    /// How many turns the model has had before, in this conversation.
    pub index: usize,
    /// What the tools gave that were called in the turn before.
    pub results: Vec<String>,
    /// Every text in the request: instructions, context, results, all turns.
    pub told: String,
    /// When it was asked for.
    pub at: Instant,
}

type Script = dyn Fn(&Turn) -> Reply + Send + Sync;

pub struct Model {
    pub port: u16,
    turns: Arc<Mutex<Vec<Turn>>>,
}

impl Model {
    /// Serves until the test process ends.
    pub fn start(script: impl Fn(&Turn) -> Reply + Send + Sync + 'static) -> Model {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let turns = Arc::new(Mutex::new(Vec::new()));
        let (script, kept): (Arc<Script>, _) = (Arc::new(script), turns.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, kept) = (script.clone(), kept.clone());
                std::thread::spawn(move || serve(stream, &*script, &kept));
            }
        });
        Model { port, turns }
    }

    /// The turns so far, in the order in which they arrived.
    pub fn turns(&self) -> Vec<Turn> {
        self.turns.lock().unwrap().clone()
    }
}

/// A script of fixed turns; whatever comes after them ends the work.
pub fn steps(steps: Vec<Vec<Call>>) -> impl Fn(&Turn) -> Reply + Send + Sync {
    move |turn| steps.get(turn.index).map_or_else(done, |calls| Reply::Call(calls.clone()))
}

pub fn done() -> Reply {
    Reply::Say("All done.".into())
}

/// An agent that goes away in the middle of an answer has been killed by a test, so failures to write mean nothing.
fn serve(stream: TcpStream, script: &Script, turns: &Mutex<Vec<Turn>>) {
    let Some(request) = Request::read(&stream) else { return };
    let (content, body) = answer(&request, script, turns);
    let status = if content.is_empty() { "404 Not Found" } else { "200 OK" };
    let kind = if content.is_empty() { "application/json" } else { content };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    (&stream).write_all(format!("{head}{body}").as_bytes()).unwrap_or_default();
}

/// The content type and the body; no content type where nothing is known of the path.
fn answer(request: &Request, script: &Script, turns: &Mutex<Vec<Turn>>) -> (&'static str, String) {
    const JSON: &str = "application/json";
    let path = request.path.split('?').next().unwrap_or_default();
    if path.ends_with("/models") {
        return (
            JSON,
            json!({"object": "list", "models": [], "data": [{"id": "scripted", "object": "model"}]}).to_string(),
        );
    }
    if path.ends_with("count_tokens") || path.ends_with(":countTokens") {
        return (JSON, json!({"input_tokens": 1000, "totalTokens": 1000}).to_string());
    }
    let Some(wire) = Wire::of(path) else { return ("", "{}".into()) };
    // Titles and summaries are asked for without tools; they are no part of the conversation.
    let has_tools = request.body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    let (index, results) = wire.history(&request.body);
    let reply = if has_tools {
        let turn = Turn { index, results, told: wire::texts(&request.body), at: Instant::now() };
        turns.lock().unwrap().push(turn.clone());
        script(&turn)
    } else {
        Reply::Say("ok".into())
    };
    let streams = request.body["stream"] == true || path.ends_with(":streamGenerateContent");
    let body = wire.render(&reply, index, streams);
    (if streams { "text/event-stream" } else { JSON }, body)
}

struct Request {
    path: String,
    body: Value,
}

impl Request {
    /// Nothing where the other side went away or sent no JSON.
    fn read(stream: &TcpStream) -> Option<Request> {
        let mut reader = BufReader::new(stream);
        let path = line(&mut reader)?.split_whitespace().nth(1)?.to_owned();
        let (mut length, mut chunked) = (0, false);
        loop {
            let header = line(&mut reader)?.to_ascii_lowercase();
            match header.split_once(':').map(|(name, value)| (name, value.trim())) {
                Some(("content-length", value)) => length = value.parse().ok()?,
                Some(("transfer-encoding", value)) => chunked = value == "chunked",
                Some(_) => {}
                None => break,
            }
        }
        let bytes = if chunked { chunks(&mut reader)? } else { exactly(&mut reader, length)? };
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).ok()? };
        Some(Request { path, body })
    }
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    Some(line.trim_end().to_owned())
}

fn exactly(reader: &mut impl Read, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let length = usize::from_str_radix(&line(reader)?, 16).ok()?;
        bytes.extend(exactly(reader, length)?);
        line(reader)?;
        if length == 0 {
            return Some(bytes);
        }
    }
}
