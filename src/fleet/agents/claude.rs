//! Claude Code.

use super::super::screen::Words;
use super::super::stream::Dialect;
use super::{Agent, Arguments, Login, Place};

const CREDENTIALS: Place =
    Place { usual: ".claude/.credentials.json", moved: Some(("CLAUDE_CONFIG_DIR", ".credentials.json")) };
const SETTINGS: Place = Place { usual: ".claude/settings.json", moved: Some(("CLAUDE_CONFIG_DIR", "settings.json")) };

/// Edits below the folder it was started in, and commands; all else would be asked for, and is refused where nobody answers.
/// With `=`, because the option takes any number of words.
const COMMANDS: &str = "--allowedTools=Bash";

/// A task whose first word is one of its commands (`/help`) is taken for that; other text with a slash is not. In a terminal it
/// asks whether to trust the folder, with `No, exit` chosen, unless the repository's own worktree is trusted; it makes four spaces
/// of each tab that is pasted, and tells its model what was pasted, to be acted on as the user's where that is the whole prompt.
pub(super) const CLAUDE: Agent = Agent {
    name: "claude",
    letter: Some('l'),
    verified: "2.1.329",
    programs: &["claude"],
    arguments: Arguments {
        headless: &[
            "-p",
            "--output-format",
            "stream-json",
            "--verbose",
            "--permission-mode",
            "acceptEdits",
            COMMANDS,
            "{args}",
        ],
        headless_resumed: &[
            "-p",
            "--output-format",
            "stream-json",
            "--verbose",
            "--permission-mode",
            "acceptEdits",
            COMMANDS,
            "--resume",
            "{session}",
            "{args}",
        ],
        interactive: &["--permission-mode", "acceptEdits", COMMANDS, "{args}"],
        interactive_resumed: &["--permission-mode", "acceptEdits", COMMANDS, "--resume", "{session}", "{args}"],
        prefilled: Some(&["--permission-mode", "acceptEdits", COMMANDS, "{args}", "--prefill={prompt}"]),
        sent: Some(&["--permission-mode", "acceptEdits", COMMANDS, "{args}", "--", "{prompt}"]),
    },
    writable: None,
    hides_git_settings: false,
    variables: &[("DISABLE_AUTOUPDATER", "1")],
    dialect: Dialect::Claude,
    limits: &["you've hit your", "usage limit reached", "out of extra usage", "out of usage credits"],
    screen: Words {
        asks: &["esc to cancel", "esc to exit", "enter to confirm"],
        works: &["esc to interrupt"],
        prompt: &["shift+tab to cycle", "? for shortcuts"],
        marks: &["❯"],
    },
    login: Login {
        variables: &[
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CODE_USE_BEDROCK",
            "CLAUDE_CODE_USE_VERTEX",
            "CLAUDE_CODE_USE_FOUNDRY",
        ],
        files: &[(CREDENTIALS, "claudeAiOauth"), (SETTINGS, "apiKeyHelper")],
        elsewhere: &[],
        // On macOS it is the keychain that holds a login.
        is_hidden: cfg!(target_os = "macos"),
        command: "claude auth login",
    },
};
