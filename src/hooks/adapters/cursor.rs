//! Cursor. It has no program to run offline: this follows its page on hooks, and accepts the names that others report.

use serde_json::json;

use super::{Adapter, At};

pub(super) const CURSOR: Adapter = Adapter {
    agent: "cursor",
    verified: "its documentation of November 2026, not run",
    moments: &[
        ("sessionStart", At::SessionStart),
        ("beforeSubmitPrompt", At::TurnStart),
        ("preToolUse", At::BeforeTool),
        ("postToolUse", At::AfterTool),
        ("postToolUseFailure", At::AfterTool),
        ("stop", At::TurnEnd),
        ("sessionEnd", At::SessionEnd),
    ],
    edits: &["Write", "Edit", "StrReplace", "MultiEdit", "EditNotebook", "ApplyPatch", "Delete"],
    shells: &["Shell"],
    deny: |_, reason| json!({ "permission": "deny", "user_message": reason, "agent_message": reason }),
    tell: |event, text| matches!(event, "sessionStart" | "postToolUse").then(|| json!({ "additional_context": text })),
};
