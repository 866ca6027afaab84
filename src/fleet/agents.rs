//! The agents that can be launched, a file each: how each is started, resumed and read, and how one sees that it is logged in.
//!
//! Owns what is particular to an agent. Guarantees: a task of a run without a terminal is never part of a command line.
//! Does not: start anything, or depend on hooks.

mod amp;
mod claude;
mod codex;
mod copilot;
mod gemini;
mod login;
mod opencode;

pub use login::{Login, LoginState, Place};

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::screen::{self, Shows, Words};
use super::stream::{self, Dialect, Limit, Seen};

/// All of them, in the order in which they are shown.
pub const AGENTS: &[Agent] =
    &[codex::CODEX, claude::CLAUDE, gemini::GEMINI, amp::AMP, copilot::COPILOT, opencode::OPENCODE];

/// Stands in command lines where writable folders and the person's own arguments go.
const ARGS: &str = "{args}";
/// Stands there for the session's id.
const SESSION: &str = "{session}";
/// Stands there for a task.
const PROMPT: &str = "{prompt}";

/// Variables by which agents know that they were started by themselves or each other. An agent that is launched from an
/// agent's shell must not believe that it is a part of it, and aio must not take it for that one.
pub const INHERITED: &[&str] = &[
    "AGENT",
    "AIO_INSTANCE",
    "AI_AGENT",
    "AMP_CURRENT_THREAD_ID",
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PID",
    "CLAUDE_PROJECT_DIR",
    "CODEX_CI",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_SESSION_ID",
    "CODEX_THREAD_ID",
    "CODEX_TOOL_CALL_ID",
    "COPILOT_AGENT_SESSION_ID",
    "COPILOT_CLI",
    "GEMINI_CLI",
    "GEMINI_CWD",
    "GEMINI_PROJECT_DIR",
    "GEMINI_SESSION_ID",
    "OPENCODE",
    "OPENCODE_PID",
];

/// One agent.
#[derive(Debug)]
pub struct Agent {
    /// As `aio register` and `aio hook` call it.
    pub name: &'static str,
    /// By which it can be named for short.
    pub letter: Option<char>,
    /// The version that all of this was verified with, and what of it was not.
    pub verified: &'static str,
    /// Its programs; the first is the usual one.
    pub programs: &'static [&'static str],
    /// Its command lines.
    pub arguments: Arguments,
    /// The option that lets what it runs write in another folder too, for agents that keep it from that.
    pub writable: Option<&'static str>,
    /// Whether it keeps git, where it runs it, from the person's own settings: git does not know whose commits they are then.
    pub hides_git_settings: bool,
    /// What is set for it, so that nothing is asked and nothing updates itself meanwhile.
    pub variables: &'static [(&'static str, &'static str)],
    /// How its stream is read.
    pub dialect: Dialect,
    /// Words, in lower case, by which it tells of a usage limit.
    pub limits: &'static [&'static str],
    /// How its screen is read.
    pub screen: Words,
    /// How one sees that it is logged in.
    pub login: Login,
}

/// An agent's arguments, with placeholders. In its own worktree it edits and runs commands without asking.
#[derive(Debug)]
pub struct Arguments {
    /// Without a terminal: the task is read from stdin, the stream goes to stdout.
    pub headless: &'static [&'static str],
    /// The same, going on with a session.
    pub headless_resumed: &'static [&'static str],
    /// In a terminal.
    pub interactive: &'static [&'static str],
    /// In a terminal, going on with a session.
    pub interactive_resumed: &'static [&'static str],
    /// In a terminal, with a task written but not sent. None where it has no way.
    pub prefilled: Option<&'static [&'static str]>,
    /// In a terminal, with a task sent.
    pub sent: Option<&'static [&'static str]>,
}

/// How an agent is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner<'a> {
    /// Without a terminal: the task is read from stdin, the stream goes to stdout.
    Headless,
    /// The same, going on with the session of this id.
    HeadlessResumed(&'a str),
    /// In a terminal.
    Interactive,
    /// In a terminal, going on with the session of this id.
    Resumed(&'a str),
    /// In a terminal, with this task written but not sent.
    Prefilled(&'a str),
    /// In a terminal, with this task sent. An argument holds less than 128 KiB on Linux.
    Sent(&'a str),
}

impl Agent {
    /// The agent of that name.
    pub fn find(name: &str) -> Option<&'static Agent> {
        AGENTS.iter().find(|agent| agent.name == name)
    }

    /// The arguments to start it with, among them what makes these folders writable, and the person's own. None where it has no
    /// such manner. An option that the person's arguments repeat is left out: some agents refuse to be told twice.
    pub fn args(&self, manner: Manner<'_>, writable: &[PathBuf], own: &[String]) -> Option<Vec<OsString>> {
        let (line, filling) = self.line(manner)?;
        Some(self.filled(line, filling, writable, own))
    }

    /// The same without what lets it edit and run commands unasked, which only a worktree of its own makes up for. That stands
    /// before the person's own arguments.
    pub fn usual_args(&self, manner: Manner<'_>, own: &[String]) -> Option<Vec<OsString>> {
        let (line, filling) = self.line(manner)?;
        let from = line.iter().position(|word| *word == ARGS)?;
        Some(self.filled(&line[from..], filling, &[], own))
    }

    fn line<'m>(&self, manner: Manner<'m>) -> Option<(&'static [&'static str], &'m str)> {
        Some(match manner {
            Manner::Headless => (self.arguments.headless, ""),
            Manner::HeadlessResumed(session) => (self.arguments.headless_resumed, session),
            Manner::Interactive => (self.arguments.interactive, ""),
            Manner::Resumed(session) => (self.arguments.interactive_resumed, session),
            Manner::Prefilled(prompt) => (self.arguments.prefilled?, prompt),
            Manner::Sent(prompt) => (self.arguments.sent?, prompt),
        })
    }

    fn filled(&self, line: &[&str], filling: &str, writable: &[PathBuf], own: &[String]) -> Vec<OsString> {
        let folders = self.writable.into_iter().flat_map(|option| writable.iter().map(move |folder| (option, folder)));
        let mut args: Vec<OsString> = Vec::new();
        let mut is_repeated = false;
        for word in line {
            // What follows an option is its value, unless it is an option or a place itself.
            is_repeated = if word.starts_with(['-', '{']) { repeats(own, word) } else { is_repeated };
            match *word {
                _ if is_repeated => {}
                ARGS => {
                    args.extend(folders.clone().flat_map(|(option, folder)| [option.into(), folder.into()]));
                    args.extend(own.iter().map(OsString::from));
                }
                word if word.contains(SESSION) => args.push(word.replace(SESSION, filling).into()),
                word => args.push(word.replace(PROMPT, filling).into()),
            }
        }
        args
    }

    /// What a line of its stream says.
    pub fn read(&self, line: &[u8]) -> Vec<Seen> {
        stream::read(self.dialect, self.limits, line)
    }

    /// What its screen shows.
    pub fn shows(&self, screen: &str) -> Shows {
        screen::read(&self.screen, self.limits, screen)
    }

    /// What stands in its prompt and was not entered, on a screen with its colours.
    pub fn draft(&self, drawn: &str) -> Option<String> {
        screen::draft(&self.screen, drawn)
    }

    /// The limit that a text tells of: its screen, or what it wrote to stderr. See [`stream::limit`].
    pub fn limit(&self, text: &str) -> Option<Limit> {
        stream::limit(self.limits, text)
    }
}

/// Whether a person's arguments have that option.
fn repeats(own: &[String], word: &str) -> bool {
    let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
    word.len() > 2 && word.starts_with("--") && own.iter().any(|own| name(own) == name(word))
}

/// What a commit in a linked worktree writes outside of it, and no more: hooks, settings, and branches beside the folder of
/// this one stay as they are. For [`Agent::args`]; only those that exist can be made writable.
pub fn written_by_commits(git_dir: &Path, common_dir: &Path, branch: &str) -> Vec<PathBuf> {
    let beside = |below: &str| common_dir.join(below).join(branch).parent().map(Path::to_owned);
    let branches = ["refs/heads", "logs/refs/heads"].into_iter().filter_map(beside);
    [git_dir.to_owned(), common_dir.join("objects")].into_iter().chain(branches).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for (index, agent) in AGENTS.iter().enumerate() {
            let others = &AGENTS[index + 1..];
            assert!(
                others
                    .iter()
                    .all(|other| other.name != agent.name && (other.letter != agent.letter || agent.letter.is_none()))
            );
            let known = crate::host::agents::AGENTS.iter().find(|known| known.tool == agent.name);
            let known = known.unwrap_or_else(|| panic!("{}", agent.name));
            assert!(agent.programs.iter().all(|program| known.programs.contains(program)));
            assert!(known.session_variables.iter().all(|variable| INHERITED.contains(variable)), "{}", agent.name);
            let screen = [agent.screen.asks, agent.screen.works, agent.screen.prompt];
            let phrases = agent.limits.iter().chain(screen.into_iter().flatten());
            assert!(phrases.into_iter().all(|words| *words == words.to_lowercase()));
        }
    }

    #[test]
    fn every_command_line_has_its_placeholders_once() {
        let count = |line: &[&str], place: &str| line.iter().filter(|word| word.contains(place)).count();
        for Agent { name, arguments, .. } in AGENTS {
            for (line, sessions, prompts) in [
                (Some(arguments.headless), 0, 0),
                (Some(arguments.headless_resumed), 1, 0),
                (Some(arguments.interactive), 0, 0),
                (Some(arguments.interactive_resumed), 1, 0),
                (arguments.prefilled, 0, 1),
                (arguments.sent, 0, 1),
            ] {
                let Some(line) = line else { continue };
                assert_eq!(count(line, ARGS), 1, "{name}: {line:?}");
                assert_eq!((count(line, SESSION), count(line, PROMPT)), (sessions, prompts), "{name}: {line:?}");
            }
        }
    }

    #[test]
    fn what_is_filled_in_is_filled_in_once() {
        let own = ["--model".to_owned(), "{prompt}".to_owned()];
        let claude = Agent::find("claude").unwrap_or_else(|| panic!("claude"));
        let args = claude.args(Manner::Sent("{args} -x {session}"), &[], &own).unwrap_or_default();
        assert!(args.ends_with(&["--model", "{prompt}", "--", "{args} -x {session}"].map(OsString::from)), "{args:?}");
        let args = claude.args(Manner::HeadlessResumed("{prompt}"), &[], &[]).unwrap_or_default();
        assert_eq!(args.iter().filter(|word| **word == "{prompt}").count(), 1, "{args:?}");
    }

    #[test]
    fn a_persons_options_take_the_place_of_ours() {
        let args = |name: &str, own: &[&str]| {
            let own: Vec<String> = own.iter().map(|word| (*word).to_owned()).collect();
            let agent = Agent::find(name).unwrap_or_else(|| panic!("{name}"));
            let args = agent.args(Manner::Headless, &[], &own).unwrap_or_default();
            args.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let asking = args("gemini", &["--approval-mode", "default", "-m", "pro"]);
        assert_eq!(asking, "-o stream-json --skip-trust --approval-mode default -m pro");
        let few = args("claude", &["--allowedTools", "Read", "--permission-mode=plan"]);
        assert_eq!(few, "-p --output-format stream-json --verbose --allowedTools Read --permission-mode=plan");
        assert!(args("codex", &["-c", "x=1"]).contains("sandbox_mode=\"workspace-write\""));
    }

    #[test]
    fn nothing_is_allowed_that_is_not_always() {
        let args = |name: &str, manner: Manner<'_>| {
            let agent = Agent::find(name).unwrap_or_else(|| panic!("{name}"));
            let args = agent.usual_args(manner, &["--mine".to_owned()]).unwrap_or_default();
            args.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        for agent in AGENTS {
            assert_eq!(args(agent.name, Manner::Interactive), "--mine", "{}", agent.name);
        }
        assert_eq!(args("codex", Manner::Sent("Fix it")), "--mine -- Fix it");
        assert_eq!(args("claude", Manner::Prefilled("Fix it")), "--mine --prefill=Fix it");
        assert_eq!(args("gemini", Manner::Sent("Fix it")), "--mine --prompt-interactive=Fix it");
    }

    #[test]
    fn folders_are_made_writable_where_they_are_not() {
        let folders = written_by_commits(Path::new("/r/.git/worktrees/w"), Path::new("/r/.git"), "aio/codex-abc123");
        let expected =
            ["/r/.git/worktrees/w", "/r/.git/objects", "/r/.git/refs/heads/aio", "/r/.git/logs/refs/heads/aio"];
        assert_eq!(folders, expected.map(PathBuf::from));
        let args = |name: &str| {
            let agent = Agent::find(name).unwrap_or_else(|| panic!("{name}"));
            agent.args(Manner::HeadlessResumed("s"), &folders[..1], &["-m".to_owned()]).unwrap_or_default()
        };
        let end = ["--add-dir", "/r/.git/worktrees/w", "-m", "resume", "s", "-"].map(OsString::from);
        assert!(args("codex").ends_with(&end), "{:?}", args("codex"));
        assert!(!args("claude").contains(&"--add-dir".into()));
    }
}
