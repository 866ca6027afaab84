//! Codex CLI. Files and shapes are those of Codex CLI 0.169.0.

use super::super::trust::trusts_folder;
use super::{Agent, Folder, Paths, Switch, Template, Trial};

pub(super) const CODEX: Agent = Agent {
    name: "codex",
    programs: &["codex"],
    folder: Folder { usual: ".codex", moved: Some(("CODEX_HOME", "")) },
    template: Template::Hooks(include_str!("../../../integrations/codex/hooks.json")),
    hooks: Paths { user: "hooks.json", project: ".codex/hooks.json" },
    memory: Some((
        Paths { user: "AGENTS.md", project: "AGENTS.md" },
        include_str!("../../../integrations/codex/snippet.md"),
    )),
    trust: Some("config.toml"),
    switch: Some(Switch { file: "config.toml", keys: &["features", "hooks"], off: false }),
    trusts: Some(|read, project| trusts_folder(&read("config.toml"), project)),
    trial: Trial {
        event: "PreToolUse",
        payload: r#"{"session_id":"aio-doctor","turn_id":"1","cwd":"{cwd}","hook_event_name":"PreToolUse","model":"m","permission_mode":"default","tool_name":"apply_patch","tool_input":{"command":"*** Begin Patch\n*** Add File: {file}\n+x\n*** End Patch\n"},"tool_use_id":"aio-doctor-1"}"#,
    },
};
