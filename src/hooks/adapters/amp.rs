//! Amp, by our own plugin: the payload and the answer are ours, see `integrations/amp/aio.ts`. The plugin names the files.

use super::opencode::{deny, tell};
use super::{Adapter, At};

pub(super) const AMP: Adapter = Adapter {
    agent: "amp",
    verified: "its plugin documentation (0.0.1790142911), not run: it needs its server",
    moments: &[
        ("session.start", At::SessionStart),
        ("agent.start", At::TurnStart),
        ("tool.call", At::BeforeTool),
        ("tool.result", At::AfterTool),
        ("agent.end", At::TurnEnd),
    ],
    edits: &["apply_patch", "edit_file", "create_file", "delete_file", "undo_edit"],
    shells: &["shell_command", "Bash"],
    deny,
    tell,
};
