//! Claude Code. Copilot CLI and Cursor run the hooks in its settings too, with their own tools' input.

use super::{Adapter, At, specific_context, specific_denial};

pub(super) const CLAUDE: Adapter = Adapter {
    agent: "claude",
    verified: "2.1.329",
    moments: &[
        ("SessionStart", At::SessionStart),
        ("UserPromptSubmit", At::TurnStart),
        ("PreToolUse", At::BeforeTool),
        ("PostToolUse", At::AfterTool),
        ("PostToolUseFailure", At::AfterTool),
        ("PermissionRequest", At::Question),
        ("Stop", At::TurnEnd),
        ("StopFailure", At::TurnEnd),
        ("SessionEnd", At::SessionEnd),
    ],
    edits: &["Write", "Edit", "MultiEdit", "NotebookEdit"],
    shells: &["Bash"],
    deny: specific_denial,
    tell: |event, text| {
        let is_read =
            matches!(event, "SessionStart" | "UserPromptSubmit" | "PreToolUse" | "PostToolUse" | "PostToolUseFailure");
        is_read.then(|| specific_context(event, text))
    },
};
