//! What the agents put on a hook's stdin, with the names that each has for it.
//!
//! Only what is asked for is read, so a field that is not what it should be harms nothing but itself, and what a model wrote
//! into a file is passed over.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

use super::Unfit;
use crate::hooks::patch;

/// A JSON object whose members are not read yet; of two of one name the last counts.
#[derive(Debug, Default)]
struct Fields<'p>(HashMap<Cow<'p, str>, &'p RawValue>);

impl<'p> Fields<'p> {
    fn of(text: &'p str) -> Result<Fields<'p>, Unfit> {
        serde_json::from_str(text).map(Fields).map_err(|error| Unfit::Payload(error.to_string()))
    }

    /// The first of these members that is text.
    fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| text(self.0.get(*name)?))
    }

    fn raw(&self, names: &[&str]) -> Option<&'p RawValue> {
        names.iter().find_map(|name| self.0.get(*name).copied())
    }
}

/// One payload.
#[derive(Debug)]
pub(super) struct Payload<'p>(Fields<'p>);

/// The agent's id of the session. Cursor names the same one in two ways.
const SESSION: &[&str] = &["conversation_id", "session_id", "sessionId", "session"];
const TOOL: &[&str] = &["tool_name", "toolName", "tool"];
const INPUT: &[&str] = &["tool_input", "toolInput", "toolArgs", "input"];
const CALL: &[&str] = &["tool_use_id", "call"];

impl<'p> Payload<'p> {
    pub(super) fn of(text: &'p [u8]) -> Result<Payload<'p>, Unfit> {
        let text = str::from_utf8(text).map_err(|error| Unfit::Payload(error.to_string()))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(Unfit::Payload("stdin is empty".to_owned()));
        }
        Fields::of(text).map(Payload)
    }

    pub(super) fn session(&self) -> Result<String, Unfit> {
        /// Longer than any agent's.
        const LONGEST_BYTES: usize = 256;
        let session = self.0.text(SESSION).unwrap_or_default();
        match session.len() {
            0 => Err(Unfit::Payload("no session is named".to_owned())),
            1..=LONGEST_BYTES if !session.contains(char::is_control) => Ok(session),
            _ => Err(Unfit::Payload("the session's id is none".to_owned())),
        }
    }

    pub(super) fn cwd(&self) -> Option<String> {
        let roots = self.0.raw(&["workspace_roots"]).map(texts).unwrap_or_default();
        let folders = self.0.text(&["cwd"]).into_iter().chain(roots);
        folders.into_iter().find(|folder| folder.starts_with('/'))
    }

    pub(super) fn tool(&self) -> Result<String, Unfit> {
        self.0.text(TOOL).ok_or_else(|| Unfit::Payload("no tool is named".to_owned()))
    }

    pub(super) fn call(&self) -> Option<String> {
        self.0.text(CALL)
    }

    pub(super) fn prompt(&self) -> String {
        self.0.text(&["prompt"]).unwrap_or_default()
    }

    /// What a person is asked: a tool's name and what it would do, or the words of a notice that is about a permission. Empty of
    /// other notices, as that the agent waits for its next task.
    pub(super) fn question(&self) -> String {
        let Ok(tool) = self.tool() else {
            let kind = self.0.text(&["notification_type"]).unwrap_or_default().to_lowercase();
            let is_about = kind.contains("permission");
            return self.0.text(&["message"]).filter(|_| is_about).unwrap_or_default();
        };
        let input = self.input().unwrap_or_default();
        let about = input.command.or_else(|| input.paths.into_iter().next());
        about.map_or_else(|| tool.clone(), |about| format!("{tool}: {about}"))
    }

    /// Why a turn failed.
    pub(super) fn trouble(&self) -> String {
        let has_failed = self.0.text(&["error"]).is_some();
        self.0.text(&["last_assistant_message"]).filter(|_| has_failed).unwrap_or_default()
    }

    /// What our plugins name beside the tool's input.
    pub(super) fn files(&self) -> Vec<String> {
        let is_plugin = self.0.raw(&["session"]).is_some();
        self.0.raw(&["files"]).filter(|_| is_plugin).map(texts).unwrap_or_default()
    }

    pub(super) fn input(&self) -> Result<Input, Unfit> {
        let raw = self.0.raw(INPUT).ok_or_else(|| Unfit::Payload("the tool has no input".to_owned()))?;
        // Copilot's and Cursor's are at times the JSON of an object in a string, or a bare patch.
        let Some(text) = text(raw) else { return Ok(Input::of(&Fields::of(raw.get())?)) };
        Ok(Fields::of(&text)
            .map_or_else(|_| Input { patches: vec![text.clone()], ..Input::default() }, |fields| Input::of(&fields)))
    }
}

/// What a tool is to do, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Input {
    paths: Vec<String>,
    patches: Vec<String>,
    command: Option<String>,
    folder: Option<String>,
}

/// Names of the file that a tool changes.
const PATHS: [&str; 6] = ["file_path", "filePath", "notebook_path", "path", "target_file", "target_notebook"];
/// Names of a patch.
const PATCHES: [&str; 4] = ["command", "patchText", "patch", "input"];
const FOLDERS: &[&str] = &["workdir", "working_directory", "directory", "dir_path"];

impl Input {
    fn of(fields: &Fields<'_>) -> Input {
        Input {
            paths: PATHS.iter().filter_map(|name| fields.text(&[name])).filter(|path| !path.is_empty()).collect(),
            patches: PATCHES.iter().filter_map(|name| fields.text(&[name])).collect(),
            command: fields.text(&["command", "cmd"]),
            folder: fields.text(FOLDERS).filter(|folder| !folder.is_empty()),
        }
    }

    /// The files, from whatever names them.
    pub(super) fn files(&self) -> Result<Vec<String>, Unfit> {
        let patched = self.patches.iter().flat_map(|text| patch::changes(text)).map(|change| change.path.to_owned());
        let files: Vec<String> = self.paths.iter().cloned().chain(patched).filter(|path| !path.is_empty()).collect();
        if files.is_empty() { Err(Unfit::Payload("no file is named".to_owned())) } else { Ok(files) }
    }

    pub(super) fn command(&self) -> Result<String, Unfit> {
        self.command.clone().ok_or_else(|| Unfit::Payload("no command is named".to_owned()))
    }

    pub(super) fn folder(&self) -> Option<String> {
        self.folder.clone()
    }
}

/// A JSON string. JavaScript cuts text between the halves of a character; such a half is replaced.
fn text(raw: &RawValue) -> Option<String> {
    if !raw.get().starts_with('"') {
        return None;
    }
    serde_json::from_str::<Lossy>(raw.get()).ok().map(|text| text.0)
}

fn texts(raw: &RawValue) -> Vec<String> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    list.into_iter().filter_map(text).collect()
}

struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lossy, D::Error> {
        deserializer.deserialize_bytes(LossyVisitor)
    }
}

struct LossyVisitor;

impl Visitor<'_> for LossyVisitor {
    type Value = Lossy;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Lossy, E> {
        Ok(Lossy(String::from_utf8_lossy(bytes).into_owned()))
    }
}
