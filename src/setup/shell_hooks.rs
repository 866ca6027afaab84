//! The functions that people and scripts source: one file, which tells by its name whose it is.

const TEXT: &str = include_str!("../../integrations/shell/hook.sh");

/// What stands in `$AIO_DIR/integrations/`: names, and what they say.
pub const SCRIPTS: [(&str, &str); 4] =
    [("amp-hook.sh", TEXT), ("claude-hook.sh", TEXT), ("codex-hook.sh", TEXT), ("gemini-hook.sh", TEXT)];
