//! The agents there are. A new one is a new entry here.

use super::Agent;

/// Programs and scripts are from the agents' own packages, the variables from runs of the real programs; only Amp's was
/// merely read about, because it needs its server to run.
pub const AGENTS: &[Agent] = &[
    Agent {
        tool: "claude",
        programs: &["claude"],
        scripts: &["@anthropic-ai/claude-code/"],
        session_variables: &["CLAUDE_CODE_SESSION_ID"],
    },
    Agent {
        tool: "codex",
        // The long ones were the native programs of releases before the folder `vendor/<target>/`.
        programs: &[
            "codex",
            "codex-x86_64-unknown-linux-musl",
            "codex-aarch64-unknown-linux-musl",
            "codex-x86_64-apple-darwin",
            "codex-aarch64-apple-darwin",
        ],
        scripts: &["codex.js", "@openai/codex/"],
        session_variables: &["CODEX_THREAD_ID", "CODEX_SESSION_ID"],
    },
    Agent {
        tool: "gemini",
        programs: &["gemini"],
        scripts: &["@google/gemini-cli/", "gemini-cli/bundle/"],
        session_variables: &["GEMINI_SESSION_ID"],
    },
    Agent {
        tool: "amp",
        programs: &["amp"],
        scripts: &["@sourcegraph/amp/", "@ampcode/cli/"],
        session_variables: &["AMP_CURRENT_THREAD_ID"],
    },
    Agent {
        tool: "copilot",
        programs: &["copilot"],
        scripts: &["@github/copilot/"],
        session_variables: &["COPILOT_AGENT_SESSION_ID"],
    },
    // npm's package keeps the native program as a hidden file beside its script.
    Agent {
        tool: "opencode",
        programs: &["opencode", ".opencode"],
        scripts: &["opencode-ai/bin/"],
        session_variables: &[],
    },
    // A Node of its own runs `cursor-agent/versions/<version>/index.js`, under the name it was called by (`agent`).
    Agent { tool: "cursor", programs: &["cursor-agent"], scripts: &["cursor-agent/versions/"], session_variables: &[] },
    Agent { tool: "aider", programs: &["aider"], scripts: &[], session_variables: &[] },
    Agent { tool: "goose", programs: &["goose"], scripts: &[], session_variables: &[] },
    Agent { tool: "qwen", programs: &["qwen"], scripts: &["@qwen-code/qwen-code/"], session_variables: &[] },
    Agent { tool: "crush", programs: &["crush"], scripts: &["@charmland/crush/"], session_variables: &[] },
    Agent { tool: "droid", programs: &["droid"], scripts: &[], session_variables: &[] },
    Agent { tool: "auggie", programs: &["auggie"], scripts: &["@augmentcode/auggie/"], session_variables: &[] },
    Agent { tool: "cline", programs: &["cline"], scripts: &["cline/bin/"], session_variables: &[] },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for (index, agent) in AGENTS.iter().enumerate() {
            assert!(agent.tool.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
            for other in &AGENTS[index + 1..] {
                assert!(agent.tool != other.tool);
                assert!(agent.programs.iter().all(|program| !other.programs.contains(program)));
            }
        }
    }
}
