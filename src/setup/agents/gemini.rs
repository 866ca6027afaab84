//! Gemini CLI. Files and shapes are those of Gemini CLI 0.61.0.

use super::{Agent, Folder, Paths, Template, Trial};

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
    trial: Trial {
        event: "BeforeTool",
        payload: r#"{"session_id":"aio-doctor","cwd":"{cwd}","hook_event_name":"BeforeTool","tool_name":"write_file","tool_input":{"file_path":"{file}","content":"x"}}"#,
    },
};
