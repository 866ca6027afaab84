//! Claude Code. Files and shapes are those of Claude Code 2.1.329.

use super::{Agent, Folder, Paths, Switch, Template, Trial};

pub(super) const CLAUDE: Agent = Agent {
    name: "claude",
    programs: &["claude"],
    folder: Folder { usual: ".claude", moved: Some(("CLAUDE_CONFIG_DIR", "")) },
    template: Template::Hooks(include_str!("../../../integrations/claude/hooks.json")),
    hooks: Paths { user: "settings.json", project: ".claude/settings.json" },
    memory: Some((
        Paths { user: "CLAUDE.md", project: "CLAUDE.md" },
        include_str!("../../../integrations/claude/snippet.md"),
    )),
    trust: None,
    switch: Some(Switch { file: "settings.json", keys: &["disableAllHooks"], off: true }),
    trusts: None,
    trial: Trial {
        event: "PreToolUse",
        payload: r#"{"session_id":"aio-doctor","cwd":"{cwd}","hook_event_name":"PreToolUse","tool_name":"Write","tool_input":{"file_path":"{file}","content":"x"},"tool_use_id":"aio-doctor-1"}"#,
    },
};
