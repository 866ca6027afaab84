//! GitHub Copilot CLI. Files and shapes are those of Copilot CLI 1.0.102.

use super::{Agent, Folder, Paths, Template, Trial};

pub(super) const COPILOT: Agent = Agent {
    name: "copilot",
    programs: &["copilot"],
    folder: Folder { usual: ".copilot", moved: None },
    template: Template::Hooks(include_str!("../../../integrations/copilot/hooks.json")),
    hooks: Paths { user: "hooks/aio.json", project: ".github/hooks/aio.json" },
    memory: None,
    trust: None,
    trial: Trial {
        event: "preToolUse",
        payload: r#"{"sessionId":"aio-doctor","timestamp":0,"cwd":"{cwd}","toolName":"create","toolArgs":{"path":"{file}","file_text":"x"}}"#,
    },
};
