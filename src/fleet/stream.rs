//! What an agent says on stdout while it runs without a terminal, line by line, in words that are the same for all of them.
//!
//! Owns the meaning of each agent's JSON stream. Guarantees: what is not understood is nothing, never an error, whatever
//! the bytes; an id of a session that is given out is safe as an argument. Does not: read from anywhere, know the time, or
//! judge whether a run was good; for that its exit code is needed too.

mod claude;
mod codex;
mod copilot;
mod gemini;
mod limit;
mod lines;
mod money;
mod opencode;
mod progress;

pub use limit::{Limit, Until, limit};
pub use lines::Lines;
pub use money::{Prices, micros};
pub use progress::Progress;

use serde_json::Value;

/// Whose words they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Claude Code's, which Amp says it speaks too.
    Claude,
    /// Codex's.
    Codex,
    /// Copilot CLI's.
    Copilot,
    /// Gemini CLI's.
    Gemini,
    /// OpenCode's.
    OpenCode,
}

/// What one line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The id by which the session can be resumed.
    Session(String),
    /// The prompt was taken, and work begins.
    TurnStarted,
    /// The agent said this.
    Said(String),
    /// A part of what it says; the next part joins on.
    SaidPart(String),
    /// It uses a tool.
    ToolUsed {
        /// By its own name.
        name: String,
        /// A file, a command or the like, in one short line; may be empty.
        about: String,
    },
    /// It changed that file. Not every agent's stream tells: Gemini's results name no file.
    FileChanged(String),
    /// What was used.
    Used(Used, Scope),
    /// The turn is over, and the agent does nothing more by itself.
    TurnEnded {
        /// Whether it gave up.
        is_error: bool,
        /// What it said at the end, or of its error, where the line tells.
        said: Option<String>,
        /// In one word of its own, where it has one.
        reason: String,
    },
    /// Its account may do no more for now.
    Limited(Limit),
    /// Something went wrong, and it goes on.
    Warning(String),
}

/// Tokens, and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Tokens that went in, cached ones included.
    pub input_tokens: u64,
    /// Those of them that came from a cache.
    pub cached_tokens: u64,
    /// Tokens that came out, those of thinking included.
    pub output_tokens: u64,
    /// Millionths of a US dollar, where the agent says so itself.
    pub cost_micros: Option<u64>,
}

/// What a [`Used`] covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One answer of the model: the next comes on top (OpenCode).
    Step,
    /// All since the process started (Gemini).
    Run,
    /// All since the session began, earlier runs that it resumes included (Claude Code, Codex).
    Session,
}

/// What a line says, to those who know by which words (in lower case) this agent tells of a limit.
pub fn read(dialect: Dialect, limits: &[&str], line: &[u8]) -> Vec<Seen> {
    let text = String::from_utf8_lossy(line);
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return Vec::new() };
    let mut seen = match dialect {
        Dialect::Claude => claude::read(&value, &text),
        Dialect::Codex => codex::read(&value),
        Dialect::Copilot => copilot::read(&value),
        Dialect::Gemini => gemini::read(&value),
        Dialect::OpenCode => opencode::read(&value, &text),
    };
    seen.retain(|seen| !matches!(seen, Seen::Session(id) if !is_session(id)));
    let limited = seen.iter().filter_map(Seen::trouble).find_map(|words| limit(limits, words));
    seen.extend(limited.map(Seen::Limited));
    seen
}

/// Whether it can be an id of a session: it will stand in a command line, so it must not look like an option.
fn is_session(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    id.len() <= 128 && id.bytes().all(fits) && id.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
}

impl Seen {
    /// What went wrong, in words.
    fn trouble(&self) -> Option<&str> {
        match self {
            Seen::Warning(words) => Some(words),
            Seen::TurnEnded { is_error: true, said, reason } => Some(said.as_deref().unwrap_or(reason)),
            _ => None,
        }
    }

    /// A tool, and what its input is about.
    fn tool(name: &str, input: &Value) -> Seen {
        Seen::ToolUsed { name: name.to_owned(), about: about(input) }
    }
}

impl Used {
    /// Both together. The cost is known only where both are.
    #[must_use]
    pub fn plus(self, other: Used) -> Used {
        let cost_micros = match (self.is_nothing(), other.is_nothing()) {
            (true, _) => other.cost_micros,
            (_, true) => self.cost_micros,
            _ => self.cost_micros.zip(other.cost_micros).map(|(one, two)| one.saturating_add(two)),
        };
        Used {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cost_micros,
        }
    }

    fn is_nothing(&self) -> bool {
        self.input_tokens == 0 && self.output_tokens == 0 && self.cost_micros.is_none_or(|cost| cost == 0)
    }
}

/// The text at a JSON pointer; empty where there is none.
fn word<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The same, where there is one.
fn some_word(value: &Value, pointer: &str) -> Option<String> {
    Some(word(value, pointer)).filter(|word| !word.is_empty()).map(str::to_owned)
}

/// The whole number at a JSON pointer; 0 where there is none.
fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn is_true(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// The members of the array at a JSON pointer; none where there is no array.
fn members<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What a tool's input is about: the first of these fields, or the input's own first line that says something.
fn about(input: &Value) -> String {
    const FIELDS: [&str; 11] = [
        "/file_path",
        "/filePath",
        "/path",
        "/notebook_path",
        "/command",
        "/cmd",
        "/pattern",
        "/url",
        "/query",
        "/prompt",
        "/description",
    ];
    let text = input.as_str().or_else(|| FIELDS.iter().find_map(|field| input.pointer(field).and_then(Value::as_str)));
    let mut lines = text.unwrap_or_default().lines().map(str::trim);
    let line = lines.find(|line| !matches!(*line, "" | "*** Begin Patch")).unwrap_or_default();
    line.chars().take(200).collect()
}

#[cfg(test)]
mod tests;
