//! What the agents put on a hook's stdin, with the names that each has for it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Unfit;
use crate::hooks::patch;

/// The fields that matter. What a model wrote into a file is passed over unread.
#[derive(Debug, Deserialize)]
pub(super) struct Payload<'p> {
    #[serde(borrow)]
    session_id: Option<Cow<'p, str>>,
    #[serde(borrow, rename = "sessionId")]
    copilot_session: Option<Cow<'p, str>>,
    #[serde(borrow, rename = "conversation_id")]
    cursor_session: Option<Cow<'p, str>>,
    #[serde(borrow, rename = "session")]
    plugin_session: Option<Cow<'p, str>>,
    #[serde(borrow)]
    cwd: Option<Cow<'p, str>>,
    #[serde(borrow)]
    workspace_roots: Option<Vec<Cow<'p, str>>>,
    #[serde(borrow)]
    tool_name: Option<Cow<'p, str>>,
    #[serde(borrow, rename = "toolName")]
    copilot_tool: Option<Cow<'p, str>>,
    #[serde(borrow, rename = "tool")]
    plugin_tool: Option<Cow<'p, str>>,
    #[serde(borrow)]
    tool_input: Option<&'p RawValue>,
    #[serde(borrow, rename = "toolArgs")]
    copilot_input: Option<&'p RawValue>,
    #[serde(borrow, rename = "input")]
    plugin_input: Option<&'p RawValue>,
    #[serde(borrow)]
    files: Option<Vec<Cow<'p, str>>>,
    #[serde(borrow)]
    prompt: Option<Cow<'p, str>>,
    #[serde(borrow)]
    tool_use_id: Option<Cow<'p, str>>,
    #[serde(borrow, rename = "call")]
    plugin_call: Option<Cow<'p, str>>,
}

impl<'p> Payload<'p> {
    pub(super) fn of(text: &'p [u8]) -> Result<Payload<'p>, Unfit> {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err(Unfit::Payload("stdin is empty".to_owned()));
        }
        serde_json::from_slice(text).map_err(|error| Unfit::Payload(error.to_string()))
    }

    /// The agent's id of the session. Cursor names the same one in two ways.
    pub(super) fn session(&self) -> Result<String, Unfit> {
        /// Longer than any agent's.
        const LONGEST_BYTES: usize = 256;
        let names = [&self.cursor_session, &self.session_id, &self.copilot_session, &self.plugin_session];
        let session = names.into_iter().flatten().next().map_or("", |session| &**session);
        match session.len() {
            0 => Err(Unfit::Payload("no session is named".to_owned())),
            1..=LONGEST_BYTES if !session.contains(char::is_control) => Ok(session.to_owned()),
            _ => Err(Unfit::Payload("the session's id is none".to_owned())),
        }
    }

    pub(super) fn cwd(&self) -> Option<String> {
        let roots = self.workspace_roots.as_deref().unwrap_or_default();
        let folders = self.cwd.iter().chain(roots.first()).map(|folder| &**folder);
        folders.filter(|folder| folder.starts_with('/')).map(str::to_owned).next()
    }

    pub(super) fn tool(&self) -> Result<&str, Unfit> {
        let names = [&self.tool_name, &self.copilot_tool, &self.plugin_tool];
        let tool = names.into_iter().flatten().next().map(|tool| &**tool);
        tool.ok_or_else(|| Unfit::Payload("no tool is named".to_owned()))
    }

    pub(super) fn call(&self) -> Option<String> {
        self.tool_use_id.as_ref().or(self.plugin_call.as_ref()).map(|call| call.clone().into_owned())
    }

    /// What the person wrote: Gemini puts before it what hooks gave at the session's start.
    pub(super) fn prompt(&self) -> String {
        let prompt = self.prompt.as_deref().unwrap_or_default();
        let context = prompt.strip_prefix("<hook_context>").and_then(|rest| rest.split_once("</hook_context>"));
        context.map_or(prompt, |(_, rest)| rest.trim_start()).to_owned()
    }

    pub(super) fn files(&self) -> Vec<String> {
        self.files.iter().flatten().map(|file| file.clone().into_owned()).collect()
    }

    pub(super) fn input(&self) -> Result<Input<'p>, Unfit> {
        let raw = self.tool_input.or(self.copilot_input).or(self.plugin_input);
        let raw = raw.ok_or_else(|| Unfit::Payload("the tool has no input".to_owned()))?;
        // Copilot's and Cursor's are at times the JSON of an object in a string, or a bare patch.
        let Ok(text) = serde_json::from_str::<Cow<'_, str>>(raw.get()) else {
            return serde_json::from_str(raw.get()).map_err(|error| Unfit::Payload(error.to_string()));
        };
        Ok(match serde_json::from_str::<Input<'_>>(&text) {
            Ok(input) => input.into_owned(),
            Err(_) => Input { patch: Some(text.into_owned().into()), ..Input::default() },
        })
    }
}

/// What a tool is to do, as far as it matters.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Input<'p> {
    #[serde(borrow)]
    file_path: Option<Cow<'p, str>>,
    #[serde(borrow, rename = "filePath")]
    opencode_path: Option<Cow<'p, str>>,
    #[serde(borrow)]
    notebook_path: Option<Cow<'p, str>>,
    #[serde(borrow)]
    path: Option<Cow<'p, str>>,
    #[serde(borrow)]
    command: Option<Cow<'p, str>>,
    #[serde(borrow, rename = "patchText")]
    patch: Option<Cow<'p, str>>,
    #[serde(borrow, alias = "working_directory", alias = "directory", alias = "dir_path")]
    workdir: Option<Cow<'p, str>>,
}

impl Input<'_> {
    fn into_owned(self) -> Input<'static> {
        let owned = |field: Option<Cow<'_, str>>| field.map(|text| Cow::Owned(text.into_owned()));
        Input {
            file_path: owned(self.file_path),
            opencode_path: owned(self.opencode_path),
            notebook_path: owned(self.notebook_path),
            path: owned(self.path),
            command: owned(self.command),
            patch: owned(self.patch),
            workdir: owned(self.workdir),
        }
    }

    /// The files, from whatever names them.
    pub(super) fn files(&self) -> Result<Vec<String>, Unfit> {
        let named = [&self.file_path, &self.opencode_path, &self.notebook_path, &self.path]
            .into_iter()
            .flatten()
            .map(|path| path.to_string());
        let patches = [&self.patch, &self.command].into_iter().flatten();
        let patched = patches.flat_map(|text| patch::changes(text)).map(|change| change.path.to_owned());
        let files: Vec<String> = named.chain(patched).filter(|path| !path.is_empty()).collect();
        if files.is_empty() { Err(Unfit::Payload("no file is named".to_owned())) } else { Ok(files) }
    }

    pub(super) fn command(&self) -> Result<String, Unfit> {
        let command = self.command.as_deref().ok_or_else(|| Unfit::Payload("no command is named".to_owned()))?;
        Ok(command.to_owned())
    }

    pub(super) fn folder(&self) -> Option<String> {
        self.workdir.as_deref().filter(|folder| !folder.is_empty()).map(str::to_owned)
    }
}
