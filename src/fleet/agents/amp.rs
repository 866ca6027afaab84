//! Amp. It needs its server for a turn, so nothing here was run: command lines are those of its manual and of its `--help`,
//! the stream is the one its manual shows, which it calls compatible with Claude Code's.

use super::super::screen::Words;
use super::super::stream::Dialect;
use super::{Agent, Arguments, Login, Place};

const SECRETS: Place =
    Place { usual: ".local/share/amp/secrets.json", moved: Some(("XDG_DATA_HOME", "amp/secrets.json")) };

pub(super) const AMP: Agent = Agent {
    name: "amp",
    letter: Some('a'),
    verified: "its manual and help (0.0.1790142911), not run: it needs its server",
    programs: &["amp"],
    // It runs tools without asking; older versions need `--dangerously-allow-all` for that, in the person's arguments.
    arguments: Arguments {
        headless: &["--execute", "--stream-json", "--no-ide", "{args}"],
        headless_resumed: &["threads", "continue", "{session}", "--execute", "--stream-json", "--no-ide", "{args}"],
        interactive: &["{args}"],
        interactive_resumed: &["threads", "continue", "{session}", "{args}"],
        prefilled: None,
        sent: None,
    },
    writable: None,
    hides_git_settings: false,
    // From an older manual.
    variables: &[("AMP_SKIP_UPDATE_CHECK", "1")],
    dialect: Dialect::Claude,
    limits: &["out of credits", "usage limit", "insufficient credit"],
    // None of its screens was seen.
    screen: Words { asks: &["waiting for approval"], works: &[], prompt: &[], marks: &[] },
    login: Login {
        variables: &["AMP_API_KEY"],
        files: &[(SECRETS, "apiKey")],
        elsewhere: &[],
        is_hidden: false,
        command: "amp login",
    },
};
