//! The functions that people and scripts source: `codex-hook.sh` and its siblings.
//!
//! One text, `integrations/shell/hook.sh`, in which only the name differs that sessions outside of any agent get.

const TEXT: &str = include_str!("../../integrations/shell/hook.sh");
const TOOL: &str = "_aio_tool=agent";

/// Whom there is a file for.
pub const TOOLS: [&str; 4] = ["amp", "claude", "codex", "gemini"];

/// The file's name in `$AIO_DIR/integrations/`.
pub fn file_name(tool: &str) -> String {
    format!("{tool}-hook.sh")
}

/// What stands in it.
pub fn text(tool: &str) -> String {
    TEXT.replace(TOOL, &format!("_aio_tool={tool}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_differ_in_the_tool_and_nothing_else() {
        let rest = |text: String| text.lines().filter(|line| !line.starts_with("_aio_tool=")).collect::<String>();
        for tool in TOOLS {
            assert_eq!(text(tool).lines().filter(|line| *line == format!("_aio_tool={tool}")).count(), 1);
            assert_eq!(text(tool).lines().filter(|line| line.starts_with("_aio_tool=")).count(), 1);
            assert_eq!(rest(text(tool)), rest(text("amp")));
        }
    }
}
