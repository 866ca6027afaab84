//! GitHub Copilot CLI. Files and shapes are those of Copilot CLI 1.0.102.

use std::path::Path;

use serde_json::Value;

use super::{Agent, Folder, Paths, Template, Trial};

pub(super) const COPILOT: Agent = Agent {
    name: "copilot",
    programs: &["copilot"],
    folder: Folder { usual: ".copilot", moved: None },
    template: Template::Hooks(include_str!("../../../integrations/copilot/hooks.json")),
    hooks: Paths { user: "hooks/aio.json", project: ".github/hooks/aio.json" },
    memory: None,
    trust: None,
    switch: None,
    trusts: Some(trusts),
    trial: Trial {
        event: "preToolUse",
        payload: r#"{"sessionId":"aio-doctor","timestamp":0,"cwd":"{cwd}","toolName":"create","toolArgs":{"path":"{file}","file_text":"x"}}"#,
    },
};

fn trusts(read: &dyn Fn(&str) -> String, project: &Path) -> bool {
    let folders = |name: &str| -> Value {
        serde_json::from_str::<Value>(&read(name)).unwrap_or_default()["trustedFolders"].take()
    };
    let lists = ["config.json", "settings.json"].map(folders);
    let mut folders = lists.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    folders.any(|folder| project.starts_with(folder))
}
