//! Gemini CLI. It reads a denial only at the top, and takes what stands on stderr for an answer when stdout is empty.

use serde_json::json;

use super::{Adapter, At, specific_context};

pub(super) const GEMINI: Adapter = Adapter {
    agent: "gemini",
    verified: "0.61.0",
    moments: &[
        ("SessionStart", At::SessionStart),
        ("BeforeAgent", At::TurnStart),
        ("BeforeTool", At::BeforeTool),
        ("AfterTool", At::AfterTool),
        ("Notification", At::Question),
        ("AfterAgent", At::TurnEnd),
        ("SessionEnd", At::SessionEnd),
    ],
    edits: &["write_file", "replace"],
    shells: &["run_shell_command"],
    deny: |_, reason| json!({ "decision": "deny", "reason": reason }),
    tell: |event, text| {
        matches!(event, "SessionStart" | "BeforeAgent" | "AfterTool").then(|| specific_context(event, text))
    },
};
