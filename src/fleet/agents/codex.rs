//! Codex.

use super::super::screen::Words;
use super::super::stream::Dialect;
use super::{Agent, Arguments, Login, Place};

const AUTH: Place = Place { usual: ".codex/auth.json", moved: Some(("CODEX_HOME", "auth.json")) };
const CONFIG: Place = Place { usual: ".codex/config.toml", moved: Some(("CODEX_HOME", "config.toml")) };

/// What it runs may write the worktree and temporary files, and use no network. `-c` and not the options of the same
/// meaning, because those may not be repeated: so a person's own arguments win.
const SANDBOX: &str = "sandbox_mode=\"workspace-write\"";
const NEVER_ASK: &str = "approval_policy=\"never\"";
const NO_UPDATE: &str = "check_for_update_on_startup=false";

/// Without `writable` it cannot commit in a linked worktree: even a writable repository has that worktree's own folder read-only
/// until it is named itself. In a terminal it asks whether to trust a repository that is not trusted yet.
pub(super) const CODEX: Agent = Agent {
    name: "codex",
    letter: Some('c'),
    verified: "0.169.0",
    programs: &["codex"],
    arguments: Arguments {
        headless: &["exec", "--json", "-c", SANDBOX, "-c", NEVER_ASK, "-c", NO_UPDATE, "{args}", "-"],
        headless_resumed: &[
            "exec",
            "--json",
            "-c",
            SANDBOX,
            "-c",
            NEVER_ASK,
            "-c",
            NO_UPDATE,
            "{args}",
            "resume",
            "{session}",
            "-",
        ],
        interactive: &["-c", SANDBOX, "-c", NEVER_ASK, "-c", NO_UPDATE, "{args}"],
        interactive_resumed: &["-c", SANDBOX, "-c", NEVER_ASK, "-c", NO_UPDATE, "{args}", "resume", "{session}"],
        prefilled: None,
        sent: Some(&["-c", SANDBOX, "-c", NEVER_ASK, "-c", NO_UPDATE, "{args}", "--", "{prompt}"]),
    },
    writable: Some("--add-dir"),
    hides_git_settings: false,
    variables: &[],
    dialect: Dialect::Codex,
    limits: &[
        "hit your usage limit",
        "reached your usage limit",
        "workspace is out of credits",
        "hit your spend cap",
        "quota exceeded. check your plan",
    ],
    screen: Words {
        asks: &["esc to cancel", "enter to confirm", "enter continue", "enter to continue"],
        works: &["esc to interrupt"],
        prompt: &["ask codex to do anything", "? for shortcuts"],
        marks: &["›"],
    },
    login: Login {
        // The first is for `exec` only, as its documentation says; `codex login status` does not count it.
        variables: &["CODEX_API_KEY", "CODEX_ACCESS_TOKEN"],
        // As it writes it, and as a script does.
        files: &[(AUTH, "\"access_token\""), (AUTH, "\"OPENAI_API_KEY\": \""), (AUTH, "\"OPENAI_API_KEY\":\"")],
        // A provider of the person's own has its own key; a keyring keeps what auth.json would hold.
        elsewhere: &[(CONFIG, "model_provider"), (CONFIG, "cli_auth_credentials_store"), (CONFIG, "env_key")],
        is_hidden: false,
        command: "codex login",
    },
};
