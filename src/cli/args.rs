//! The arguments of each command. A description here is the help.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

/// No arguments.
#[derive(Args, Debug)]
pub struct NoArgs {}

/// `aio status`
#[derive(Args, Debug, Default)]
pub struct StatusArgs {
    /// Keep showing it, anew at every change
    #[arg(long)]
    pub watch: bool,
    /// Show evicted sessions and all projects' context too
    #[arg(long)]
    pub all: bool,
}

/// `aio register`
#[derive(Args, Debug, Default)]
pub struct RegisterArgs {
    /// Which agent this is: claude, codex, gemini, amp, … [default: the agent this runs in]
    pub tool: Option<String>,
    /// Project to work in [default: the worktree around the current directory]
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub project: Option<OsString>,
    /// The agent's process, where it cannot be found among the parents
    #[arg(long, value_name = "N")]
    pub pid: Option<u32>,
    /// The agent's own session id
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
}

/// `aio task`
#[derive(Args, Debug)]
pub struct TaskArgs {
    /// In a few words; empty means idle
    #[arg(default_value = "")]
    pub description: String,
    /// The issue worked on
    pub issue: Option<String>,
}

/// `aio claim`
#[derive(Args, Debug)]
pub struct ClaimArgs {
    /// [file|directory|dir|pattern|glob|task|resource] and what to claim; a single target is a file
    #[arg(required = true, value_name = "KIND|TARGET", value_hint = clap::ValueHint::AnyPath)]
    pub words: Vec<OsString>,
    /// Take relative targets as of this folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub project: Option<OsString>,
    /// Share with other readers
    #[arg(long)]
    pub shared: bool,
    /// Let the claim end by itself: 30m, 2h
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub ttl: Option<Duration>,
    /// Queue until it is free, at most this long [default when given: 90s]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = DEFAULT_WAIT, value_parser = duration)]
    pub wait: Option<Duration>,
    /// Why, for the others
    #[arg(long, value_name = "WORDS")]
    pub reason: Option<String>,
}

/// Agents' shells often stop a command at two minutes.
pub(super) const DEFAULT_WAIT: &str = "90s";

/// `aio check`
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Paths
    #[arg(required = true, value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<OsString>,
    /// Take relative paths as of this folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub project: Option<OsString>,
}

/// `aio release`
#[derive(Args, Debug)]
pub struct ReleaseArgs {
    /// Claim ids or ends of them, targets, or `all`
    #[arg(required = true, value_name = "ID|TARGET|all")]
    pub words: Vec<OsString>,
    /// Also what another session holds; its holder is told
    #[arg(long)]
    pub force: bool,
    /// The tasks among them are done: close their issues
    #[arg(long)]
    pub done: bool,
    /// Why
    #[arg(long, value_name = "WORDS")]
    pub reason: Option<String>,
}

/// `aio context`
#[derive(Args, Debug)]
pub struct ContextArgs {
    #[command(subcommand)]
    /// What to do
    pub verb: ContextVerb,
}

/// `aio context …`
#[derive(clap::Subcommand, Debug)]
pub enum ContextVerb {
    /// Write something down
    Add {
        /// decision, learning, warning, pattern or handoff first [default: learning]; then the message, or - for stdin
        #[arg(required = true, value_name = "CATEGORY|WORDS")]
        words: Vec<String>,
        /// Project it concerns [default: the current one]
        #[arg(long, value_name = "DIR", conflicts_with = "global")]
        project: Option<OsString>,
        /// It concerns all projects
        #[arg(long)]
        global: bool,
    },
    /// Show the newest entries of a project
    #[command(visible_alias = "list")]
    Get {
        /// Category, or for `list` the project
        what: Option<OsString>,
        /// Which entries
        #[command(flatten)]
        filter: ContextFilter,
    },
    /// Find entries by their words
    Search {
        /// Words that must all occur
        #[arg(required = true)]
        words: Vec<String>,
        /// Which entries
        #[command(flatten)]
        filter: ContextFilter,
    },
    /// Write the memory of a project as Markdown
    Export {
        /// Project [default: the current one]
        project: Option<OsString>,
    },
    /// Move entries older than this many days to the archive
    Prune {
        /// Days
        #[arg(default_value_t = 30)]
        days: u32,
    },
    /// Mark a handoff or warning as dealt with
    Close {
        /// Its id, or an end of it
        id: String,
    },
}

/// Which entries
#[derive(Args, Debug, Default)]
pub struct ContextFilter {
    /// Only this category
    #[arg(long, value_name = "CATEGORY")]
    pub category: Option<String>,
    /// Of this project [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub project: Option<OsString>,
    /// Of every project
    #[arg(long)]
    pub everywhere: bool,
    /// Not older than this: 2h, 7d
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// Written by this instance or tool
    #[arg(long, value_name = "ID")]
    pub by: Option<String>,
    /// Only handoffs and warnings that are not dealt with
    #[arg(long)]
    pub open: bool,
    /// At most so many
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    pub limit: usize,
    /// Read the archive as well, without a limit
    #[arg(long)]
    pub all: bool,
}

/// `aio handoff`
#[derive(Args, Debug)]
pub struct HandoffArgs {
    /// The note, or - for stdin
    #[arg(required = true)]
    pub words: Vec<String>,
}

/// `aio tell`
#[derive(Args, Debug)]
pub struct TellArgs {
    /// An instance id or an end of one, an agent (claude, codex, …), or `all`
    pub to: String,
    /// The message, or - for stdin
    #[arg(required = true)]
    pub words: Vec<String>,
}

/// `aio hook`
#[derive(Args, Debug)]
pub struct HookArgs {
    /// claude, codex, gemini, copilot, cursor, opencode or amp; then its event, by its own name
    #[arg(value_name = "AGENT EVENT", allow_hyphen_values = true, trailing_var_arg = true)]
    pub words: Vec<OsString>,
}

/// `aio run`
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Register as this tool [default: the command's name]
    #[arg(long, value_name = "TOOL")]
    pub tool: Option<String>,
    /// Claim this file or directory first
    #[arg(long = "claim", value_name = "PATH")]
    pub claims: Vec<OsString>,
    /// Wait for the claims, at most this long [default when given: 90s]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = DEFAULT_WAIT, value_parser = duration)]
    pub wait: Option<Duration>,
    /// The command
    #[arg(required = true, last = true)]
    pub command: Vec<OsString>,
}

/// `aio guard`
#[derive(Args, Debug)]
pub struct GuardArgs {
    /// What git has staged
    #[arg(long, conflicts_with = "paths")]
    pub staged: bool,
    /// Refuse also where no session is registered
    #[arg(long)]
    pub strict: bool,
    /// Paths
    #[arg(required_unless_present = "staged")]
    pub paths: Vec<OsString>,
}

/// `aio log`
#[derive(Args, Debug)]
pub struct LogArgs {
    /// Go on with what happens from now
    #[arg(long, short)]
    pub follow: bool,
    /// At most so many lines of the past
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N")]
    pub limit: usize,
}

/// `aio doctor`
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Rebuild a state that cannot be read, keeping a copy
    #[arg(long)]
    pub repair: bool,
}

/// `aio completions`
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// A span of time that is not empty.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_secs(366 * 86_400);
    match humantime::parse_duration(text) {
        Ok(duration) if duration < Duration::from_millis(1) => Err("it must be longer than nothing".to_owned()),
        Ok(duration) if duration > longest => Err("it must be at most a year".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write it as 30s, 15m, 2h")),
    }
}
