//! Gemini CLI.

use super::super::screen::Words;
use super::super::stream::Dialect;
use super::{Agent, Arguments, Login, Place};

const OAUTH: Place = Place { usual: ".gemini/oauth_creds.json", moved: None };
const VARIABLES: Place = Place { usual: ".gemini/.env", moved: None };

/// A word of a task that begins with `@` is a path to it, and what stands there is read along.
pub(super) const GEMINI: Agent = Agent {
    name: "gemini",
    letter: Some('g'),
    verified: "0.61.0",
    programs: &["gemini"],
    // Headless it would refuse to run in a folder that nobody has trusted, as a new worktree is; trusted for the session only,
    // the project's own hooks are not run. Not `auto_edit`: even with the shell allowed it would ask before a commit or an `rm`.
    arguments: Arguments {
        headless: &["-o", "stream-json", "--approval-mode", "yolo", "--skip-trust", "{args}"],
        headless_resumed: &[
            "-o",
            "stream-json",
            "--approval-mode",
            "yolo",
            "--skip-trust",
            "--resume",
            "{session}",
            "{args}",
        ],
        interactive: &["--approval-mode", "yolo", "--skip-trust", "{args}"],
        interactive_resumed: &["--approval-mode", "yolo", "--skip-trust", "--resume", "{session}", "{args}"],
        prefilled: None,
        sent: Some(&["--approval-mode", "yolo", "--skip-trust", "{args}", "--prompt-interactive={prompt}"]),
    },
    writable: None,
    hides_git_settings: true,
    variables: &[],
    dialect: Dialect::Gemini,
    limits: &[
        "exhausted your capacity",
        "exhausted your daily quota",
        "exceeded your current quota",
        "usage limit reached",
    ],
    screen: Words {
        // The last choices: nothing stands below them.
        asks: &["don't trust", "suggest changes (esc)", "press enter to submit"],
        works: &["esc to cancel", "executing hook"],
        prompt: &["type your message"],
        marks: &[">", "*", "!"],
    },
    login: Login {
        variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"],
        files: &[(OAUTH, "refresh_token"), (VARIABLES, "_API_KEY=")],
        elsewhere: &[],
        // Newer versions prefer the system's keychain.
        is_hidden: true,
        command: "gemini",
    },
};
