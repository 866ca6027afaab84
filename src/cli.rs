//! What the user typed. No I/O, no environment.
//!
//! Building clap's parser for every command costs more than a whole check, so the verb is looked for first and only its
//! parser is built; help, completions and mistakes get the whole tree.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};

mod init;

pub use init::{InitArgs, InitScope};

/// Options every command takes, before or after the verb
#[derive(Args, Debug, Clone, Default)]
pub struct Globals {
    /// Act as this instance
    #[arg(long = "as", value_name = "ID", global = true)]
    pub as_id: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long, global = true, overrides_with = "json")]
    pub json: bool,
}

/// A command line, understood.
#[derive(Debug)]
pub struct Invocation {
    /// Options of every command.
    pub globals: Globals,
    /// The command; none means `status`.
    pub verb: Verb,
}

macro_rules! verbs {
    ($( $variant:ident($args:ty) = $name:literal, $about:literal; )*) => {
        /// Every command with its arguments.
        #[derive(Debug)]
        #[expect(missing_docs, reason = "each is described by its help")]
        pub enum Verb { $( $variant($args), )* }

        /// The names of the commands, as they are typed.
        pub const VERBS: &[&str] = &[$($name),*];

        fn command_of(name: &str) -> Option<Command> {
            match name {
                $( $name => Some(<$args>::augment_args(Command::new($name)).about($about)), )*
                _ => None,
            }
        }

        fn verb_of(name: &str, matches: &ArgMatches) -> Result<Verb, clap::Error> {
            match name {
                $( $name => Ok(Verb::$variant(<$args>::from_arg_matches(matches)?)), )*
                _ => unreachable!("clap accepts only the commands it was given"),
            }
        }
    };
}

verbs! {
    Status(StatusArgs) = "status", "Show who works on what, who holds what, and who waits";
    Register(RegisterArgs) = "register", "Take part: give this session an identity";
    Heartbeat(NoArgs) = "heartbeat", "Say that this session lives";
    Unregister(NoArgs) = "unregister", "Leave, releasing everything";
    Task(TaskArgs) = "task", "Say what this session works on";
    Claim(ClaimArgs) = "claim", "Hold files, directories, patterns, tasks or resources";
    Check(CheckArgs) = "check", "Ask whether paths are free";
    Release(ReleaseArgs) = "release", "Let go of claims";
    Cleanup(NoArgs) = "cleanup", "Sweep away what stale and dead sessions left";
    Context(ContextArgs) = "context", "Read and write the shared memory";
    Handoff(HandoffArgs) = "handoff", "Leave a note for whoever goes on";
    Tell(TellArgs) = "tell", "Send a message to another session, to all of an agent's, or to all";
    Hook(HookArgs) = "hook", "Answer an agent's hook: its event on stdin, in its own dialect";
    Mcp(NoArgs) = "mcp", "Serve these commands as tools of the Model Context Protocol, on stdin and stdout";
    Run(RunArgs) = "run", "Run a command as a registered session";
    Guard(GuardArgs) = "guard", "Refuse to commit what another session holds";
    Log(LogArgs) = "log", "Show what happened";
    Watch(NoArgs) = "watch", "Print one JSON line per change, as it happens";
    Doctor(DoctorArgs) = "doctor", "Find what is wrong on this machine, and its remedy";
    Init(InitArgs) = "init", "Set up this machine, its agents, and a project when one is named";
    Completions(CompletionsArgs) = "completions", "Print the completion script of a shell";
    Man(NoArgs) = "man", "Print the manual page";
}

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
const DEFAULT_WAIT: &str = "90s";

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

/// Understands a command line.
///
/// # Errors
/// clap's, which carry their own message and exit code.
pub fn parse(args: Vec<OsString>) -> Result<Invocation, clap::Error> {
    if let Some(verb) = plain(&args) {
        return Ok(Invocation { globals: Globals::default(), verb });
    }
    let args = complete_wait(args);
    if let (Some(position), Some(name)) = (verb_position(&args), verb(&args))
        && let Some(command) = command_of(name).filter(|_| are_globals(&args[1..position]))
    {
        return parse_verb(name, command, position, args);
    }
    let matches = tree().try_get_matches_from(args)?;
    let globals = Globals::from_arg_matches(&matches)?;
    let verb = match matches.subcommand() {
        Some((name, matches)) => verb_of(name, matches)?,
        None => Verb::Status(StatusArgs::default()),
    };
    Ok(Invocation { globals, verb })
}

/// What agents ask before every edit, without options: words that need no parser, and building one takes longer than
/// finding the answer.
fn plain(args: &[OsString]) -> Option<Verb> {
    let (verb, words) = args.get(1..)?.split_first()?;
    if words.is_empty() || words.iter().any(|word| word.is_empty() || word.as_encoded_bytes().starts_with(b"-")) {
        return None;
    }
    let words = words.to_vec();
    match verb.to_str()? {
        "hook" => Some(Verb::Hook(HookArgs { words })),
        "check" => Some(Verb::Check(CheckArgs { paths: words, project: None })),
        "claim" => {
            let (project, shared, ttl, wait, reason) = Default::default();
            Some(Verb::Claim(ClaimArgs { words, project, shared, ttl, wait, reason }))
        }
        _ => None,
    }
}

/// Whether words are options of every command and nothing else.
fn are_globals(words: &[OsString]) -> bool {
    let mut words = words.iter().map(|word| word.as_encoded_bytes());
    while let Some(word) = words.next() {
        let is_global = word == b"--json" || word.starts_with(b"--as=") || word == b"--as" && words.next().is_some();
        if !is_global {
            return false;
        }
    }
    true
}

/// As if the verb were a program of its own, which is less to build than a program with one verb.
fn parse_verb(
    name: &str,
    command: Command,
    position: usize,
    mut args: Vec<OsString>,
) -> Result<Invocation, clap::Error> {
    args.remove(position);
    // The description of the options is none of the command.
    let about = command.get_about().cloned().unwrap_or_default();
    let command = Globals::augment_args(command).about(about).bin_name(format!("aio {name}"));
    let matches = command.try_get_matches_from(args)?;
    Ok(Invocation { globals: Globals::from_arg_matches(&matches)?, verb: verb_of(name, &matches)? })
}

/// The whole tree.
pub fn tree() -> Command {
    VERBS.iter().filter_map(|name| command_of(name)).fold(root(), Command::subcommand)
}

fn root() -> Command {
    Globals::augment_args(Command::new("aio"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Lets several AI coding agents work on one machine without overwriting each other")
        .after_help(
            "Exit codes: 0 done, 1 refused, 2 usage, 3 not registered, 4 state unreadable, 5 busy, 6 environment",
        )
}

/// The verb, if it is one of ours.
pub fn verb(args: &[OsString]) -> Option<&'static str> {
    let word = &args[verb_position(args)?];
    VERBS.iter().copied().find(|verb| word == *verb)
}

/// Where the verb stands: the first word that is not an option of every command.
pub fn verb_position(args: &[OsString]) -> Option<usize> {
    let mut position = 1;
    while let Some(arg) = args.get(position) {
        match arg.as_encoded_bytes() {
            b"--as" => position += 2,
            option if option.starts_with(b"-") => position += 1,
            _ => return Some(position),
        }
    }
    None
}

/// `--wait` takes a duration or nothing; a word after it that is none belongs to the command.
fn complete_wait(mut args: Vec<OsString>) -> Vec<OsString> {
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let starts_with_digit = |arg: &OsString| arg.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit);
    for position in 0..end {
        if args[position] == OsStr::new("--wait") && !args.get(position + 1).is_some_and(starts_with_digit) {
            args[position] = format!("--wait={DEFAULT_WAIT}").into();
        }
    }
    args
}

#[cfg(test)]
mod tests;
