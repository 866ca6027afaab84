//! OpenCode, by our own plugin: the payload and the answer are ours, see `integrations/opencode/aio.js`.

use serde_json::{Value, json};

use super::{Adapter, At};

pub(super) const OPENCODE: Adapter = Adapter {
    agent: "opencode",
    verified: "1.18.33",
    moments: &[
        ("session.created", At::SessionStart),
        ("chat.message", At::TurnStart),
        ("tool.execute.before", At::BeforeTool),
        ("tool.execute.after", At::AfterTool),
        ("session.idle", At::TurnEnd),
        ("session.deleted", At::SessionEnd),
    ],
    edits: &["write", "edit", "multiedit", "patch", "apply_patch"],
    shells: &["bash"],
    deny,
    tell,
};

/// The denial that our plugins turn into the agent's own.
pub(super) fn deny(_: &str, reason: &str) -> Value {
    json!({ "deny": reason })
}

/// Words that our plugins hand on.
pub(super) fn tell(_: &str, text: &str) -> Option<Value> {
    Some(json!({ "context": text }))
}
