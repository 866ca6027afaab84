//! Gemini CLI. Files and shapes are those of Gemini CLI 0.61.0.

use std::path::Path;

use serde_json::Value;

use super::{Agent, Folder, Paths, Switch, Template, Trial};

pub(super) const GEMINI: Agent = Agent {
    name: "gemini",
    programs: &["gemini"],
    folder: Folder { usual: ".gemini", moved: None },
    template: Template::Hooks(include_str!("../../../integrations/gemini/hooks.json")),
    hooks: Paths { user: "settings.json", project: ".gemini/settings.json" },
    memory: Some((
        Paths { user: "GEMINI.md", project: "GEMINI.md" },
        include_str!("../../../integrations/gemini/snippet.md"),
    )),
    trust: None,
    switch: Some(Switch { file: "settings.json", keys: &["hooksConfig", "enabled"], off: false }),
    trusts: Some(trusts),
    trial: Trial {
        event: "BeforeTool",
        payload: r#"{"session_id":"aio-doctor","cwd":"{cwd}","hook_event_name":"BeforeTool","tool_name":"write_file","tool_input":{"file_path":"{file}","content":"x"}}"#,
    },
};

fn trusts(read: &dyn Fn(&str) -> String, project: &Path) -> bool {
    let folders: Value = serde_json::from_str(&read("trustedFolders.json")).unwrap_or_default();
    let mut folders = folders.as_object().into_iter().flatten();
    folders.any(|(folder, level)| project.starts_with(folder) && level != "DO_NOT_TRUST")
}
