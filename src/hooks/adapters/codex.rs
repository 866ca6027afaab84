//! Codex CLI. An answer with a key that it does not know is thrown away whole, and the file is written.

use super::{Adapter, At, specific_context, specific_denial};

pub(super) const CODEX: Adapter = Adapter {
    agent: "codex",
    verified: "0.169.0",
    moments: &[
        ("SessionStart", At::SessionStart),
        ("UserPromptSubmit", At::TurnStart),
        ("PreToolUse", At::BeforeTool),
        ("PostToolUse", At::AfterTool),
        ("PermissionRequest", At::Question),
        ("Stop", At::TurnEnd),
        ("Interrupt", At::TurnEnd),
        ("SessionEnd", At::SessionEnd),
    ],
    edits: &["apply_patch"],
    shells: &["Bash"],
    deny: specific_denial,
    tell: |event, text| {
        let is_read = matches!(event, "SessionStart" | "UserPromptSubmit" | "PreToolUse" | "PostToolUse");
        is_read.then(|| specific_context(event, text))
    },
};
