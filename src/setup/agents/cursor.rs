//! Cursor. Files and shapes are those of documentation of November 2026.

use super::{Agent, Folder, Paths, Template, Trial};

pub(super) const CURSOR: Agent = Agent {
    name: "cursor",
    programs: &["cursor-agent", "cursor"],
    folder: Folder { usual: ".cursor", moved: None },
    template: Template::Hooks(include_str!("../../../integrations/cursor/hooks.json")),
    hooks: Paths { user: "hooks.json", project: ".cursor/hooks.json" },
    memory: None,
    trust: None,
    switch: None,
    trusts: None,
    trial: Trial {
        event: "preToolUse",
        payload: r#"{"conversation_id":"aio-doctor","generation_id":"1","hook_event_name":"preToolUse","workspace_roots":["{cwd}"],"tool_name":"Write","tool_input":{"file_path":"{file}","content":"x"}}"#,
    },
};
