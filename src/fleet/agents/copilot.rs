//! Copilot CLI.

use super::super::screen::Words;
use super::super::stream::Dialect;
use super::{Agent, Arguments, Login};

/// It trims its task. In a terminal it asks whether to trust a folder that is new to it, as every worktree is.
pub(super) const COPILOT: Agent = Agent {
    name: "copilot",
    letter: None,
    verified: "1.0.102",
    programs: &["copilot"],
    arguments: Arguments {
        headless: &["--allow-all-tools", "--no-ask-user", "--output-format", "json", "--no-color", "{args}"],
        headless_resumed: &[
            "--allow-all-tools",
            "--no-ask-user",
            "--output-format",
            "json",
            "--no-color",
            "--resume={session}",
            "{args}",
        ],
        interactive: &["--allow-all-tools", "{args}"],
        interactive_resumed: &["--allow-all-tools", "--resume={session}", "{args}"],
        prefilled: None,
        sent: Some(&["--allow-all-tools", "{args}", "--interactive={prompt}"]),
    },
    writable: None,
    hides_git_settings: false,
    variables: &[("COPILOT_AUTO_UPDATE", "false")],
    dialect: Dialect::Copilot,
    limits: &["exceeded your premium request", "hit your rate limit", "rate limit exceeded", "quota exceeded"],
    screen: Words {
        asks: &["esc to cancel", "enter to select"],
        works: &["working esc"],
        prompt: &["? help"],
        marks: &["❯"],
    },
    login: Login {
        variables: &["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "COPILOT_PROVIDER_BASE_URL"],
        files: &[],
        elsewhere: &[],
        // The system's keychain, or the login of `gh`.
        is_hidden: true,
        command: "copilot login",
    },
};
