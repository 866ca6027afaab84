//! OpenCode.

use super::super::screen::Words;
use super::super::stream::Dialect;
use super::{Agent, Arguments, Login, Place};

const AUTH: Place =
    Place { usual: ".local/share/opencode/auth.json", moved: Some(("XDG_DATA_HOME", "opencode/auth.json")) };

/// What its settings would have it ask for is refused where nobody answers; by default it asks only beyond its folder. While its
/// model's service is too busy (429), it tries again, and says nothing.
pub(super) const OPENCODE: Agent = Agent {
    name: "opencode",
    letter: None,
    verified: "1.18.33; none of its screens",
    programs: &["opencode"],
    arguments: Arguments {
        headless: &["run", "--format", "json", "{args}"],
        headless_resumed: &["run", "--format", "json", "--session", "{session}", "{args}"],
        interactive: &["{args}"],
        interactive_resumed: &["--session", "{session}", "{args}"],
        prefilled: None,
        sent: Some(&["{args}", "--prompt={prompt}"]),
    },
    writable: None,
    hides_git_settings: false,
    variables: &[("OPENCODE_DISABLE_AUTOUPDATE", "1")],
    dialect: Dialect::OpenCode,
    limits: &["usage limit", "quota exceeded", "exceeded your current quota", "rate limit exceeded"],
    // None of its screens was seen.
    screen: Words { asks: &["allow once"], works: &["esc interrupt"], prompt: &[], marks: &[] },
    login: Login {
        variables: &[],
        files: &[(AUTH, "\"type\"")],
        elsewhere: &[],
        // It takes the key of any provider from the environment, and has models that need none.
        is_hidden: true,
        command: "opencode auth login",
    },
};
