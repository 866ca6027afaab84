//! The agents whose hooks we answer: one file each, and what is the same for all.
//!
//! No two dialects are alike, and one wrong key lets an edit through, so each adapter says with which version it was
//! verified and answers nothing but what that version is known to understand.

mod amp;
mod claude;
mod codex;
mod copilot;
mod cursor;
mod gemini;
mod opencode;
mod payload;

use serde_json::Value;

use super::event::{Answer, Event, Moment, Tool, Unfit};
use payload::Payload;

/// How one agent's hooks speak.
#[derive(Debug)]
pub struct Adapter {
    /// The agent, as its instances are called.
    pub agent: &'static str,
    /// The version it was run with, or how else the dialect is known.
    pub verified: &'static str,
    /// Its events that are ours, by its own names.
    moments: &'static [(&'static str, At)],
    /// Its tools that change files, and those that run shell commands, by its own names.
    edits: &'static [&'static str],
    shells: &'static [&'static str],
    /// Its way to deny what a hook was asked about.
    deny: fn(&str, &str) -> Value,
    /// Its way to be told something at an event; none where nobody would read it.
    tell: fn(&str, &str) -> Option<Value>,
}

/// A moment without what the payload says of it.
#[derive(Clone, Copy, Debug)]
enum At {
    SessionStart,
    TurnStart,
    BeforeTool,
    AfterTool,
    Question,
    TurnEnd,
    SessionEnd,
}

/// Every agent with hooks.
pub const ADAPTERS: [&Adapter; 7] = [
    &claude::CLAUDE,
    &codex::CODEX,
    &gemini::GEMINI,
    &copilot::COPILOT,
    &cursor::CURSOR,
    &opencode::OPENCODE,
    &amp::AMP,
];

/// The adapter of an agent.
pub fn find(agent: &str) -> Option<&'static Adapter> {
    ADAPTERS.into_iter().find(|adapter| adapter.agent == agent)
}

impl Adapter {
    /// The names of its events that are ours.
    pub fn events(&self) -> impl Iterator<Item = &'static str> {
        self.moments.iter().map(|(name, _)| *name)
    }

    /// Reads what a hook was given on stdin.
    ///
    /// # Errors
    /// When nothing can be made of it.
    pub fn read(&self, event: &str, payload: &[u8]) -> Result<Event, Unfit> {
        let known = self.moments.iter().find(|(name, _)| *name == event);
        let (_, at) = known.ok_or_else(|| Unfit::Event(event.to_owned()))?;
        let payload = Payload::of(payload)?;
        let moment = match at {
            At::SessionStart => Moment::SessionStarts,
            At::TurnStart => Moment::TurnBegins { prompt: payload.prompt() },
            At::BeforeTool => Moment::BeforeTool(self.tool(&payload)?),
            // Of a tool that was used, only whether it ran a shell matters.
            At::AfterTool => Moment::AfterTool(self.tool(&payload).unwrap_or(Tool::Other)),
            At::Question => Moment::Asks { question: payload.question() },
            At::TurnEnd => Moment::TurnEnds { trouble: payload.trouble() },
            At::SessionEnd => Moment::SessionEnds,
        };
        Ok(Event { session: payload.session()?, cwd: payload.cwd(), call: payload.call(), moment })
    }

    fn tool(&self, payload: &Payload<'_>) -> Result<Tool, Unfit> {
        let name = payload.tool()?;
        if self.shells.contains(&&*name) {
            let input = payload.input()?;
            let cwd = input.folder();
            return Ok(Tool::Shell { command: input.command()?, cwd });
        }
        if !self.edits.contains(&&*name) {
            return Ok(Tool::Other);
        }
        let mut files = payload.files();
        match payload.input().and_then(|input| input.files()) {
            Ok(named) => files.extend(named),
            Err(unfit) if files.is_empty() => return Err(unfit),
            Err(_) => {}
        }
        Ok(Tool::Edit(files))
    }

    /// Whether the agent reads what it is told at an event.
    pub fn listens(&self, event: &str) -> bool {
        (self.tell)(event, "").is_some()
    }

    /// What is printed on stdout as the answer to an event; empty for nothing.
    pub fn render(&self, event: &str, answer: &Answer) -> String {
        let value = match answer {
            Answer::Nothing => None,
            Answer::Tell(text) => (self.tell)(event, text),
            Answer::Deny(reason) => Some((self.deny)(event, reason)),
        };
        value.map_or_else(String::new, |value| value.to_string())
    }
}

/// `hookSpecificOutput` with a context, as Claude Code, Codex and Gemini CLI read it.
fn specific_context(event: &str, text: &str) -> Value {
    serde_json::json!({ "hookSpecificOutput": { "hookEventName": event, "additionalContext": text } })
}

/// `hookSpecificOutput` with a denial, as Claude Code and Codex read it.
fn specific_denial(event: &str, reason: &str) -> Value {
    serde_json::json!({ "hookSpecificOutput": {
        "hookEventName": event, "permissionDecision": "deny", "permissionDecisionReason": reason,
    } })
}
