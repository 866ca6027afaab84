//! GitHub Copilot CLI, by its own camel-case events. Any exit code but 0 denies, without a reason that the model would see.

use serde_json::json;

use super::{Adapter, At};

pub(super) const COPILOT: Adapter = Adapter {
    agent: "copilot",
    verified: "1.0.102",
    moments: &[
        ("sessionStart", At::SessionStart),
        ("userPromptSubmitted", At::TurnStart),
        ("preToolUse", At::BeforeTool),
        ("postToolUse", At::AfterTool),
        ("postToolUseFailure", At::AfterTool),
        ("permissionRequest", At::Question),
        ("agentStop", At::TurnEnd),
        ("sessionEnd", At::SessionEnd),
    ],
    // Claude models get the first two, GPT models the patch.
    edits: &["create", "edit", "apply_patch", "str_replace_editor"],
    shells: &["bash"],
    deny: |_, reason| json!({ "permissionDecision": "deny", "permissionDecisionReason": reason }),
    tell: |event, text| {
        let is_read = matches!(event, "sessionStart" | "userPromptSubmitted" | "postToolUse");
        is_read.then(|| json!({ "additionalContext": text }))
    },
};
