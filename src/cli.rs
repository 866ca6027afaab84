//! What the user typed. No I/O, no environment.
//!
//! Building clap's parser for every command costs more than a whole check, so the verb is looked for first and only its
//! parser is built; help, completions and mistakes get the whole tree.

mod args;
mod fleet;
mod init;
mod merging;
mod short;

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::protocol::spelling::shell_word;
use args::DEFAULT_WAIT;
pub(crate) use args::duration;
pub use args::{
    CheckArgs, ClaimArgs, CompletionsArgs, ContextArgs, ContextFilter, ContextVerb, DoctorArgs, GuardArgs, HandoffArgs,
    HookArgs, LogArgs, NoArgs, RegisterArgs, ReleaseArgs, RunArgs, StatusArgs, TaskArgs, TellArgs,
};
pub use fleet::{
    AllArgs, JobArgs, JobsArgs, LaunchOptions, LogsArgs, MultiArgs, ParentArgs, ProjectsArgs, ProjectsVerb, ReportArgs,
    ResumeArgs, SendArgs, SomeJobsArgs, StartArgs,
};
pub use init::{InitArgs, InitScope};
pub use merging::{ConflictsArgs, DiffArgs, MergeArgs, PrArgs};
pub use short::{lengthened, with_short_forms};

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
    Projects(ProjectsArgs) = "projects", "List the projects that agents are launched into, and change the list";
    Start(StartArgs) = "start", "Start an agent here, in this terminal; for short by its letter: aio c";
    Multi(MultiArgs) = "multi", "Launch agents in a project, each in a worktree and branch of its own";
    All(AllArgs) = "all", "Launch agents in every project";
    Jobs(JobsArgs) = "jobs", "Show who does what where, and how it stands";
    Logs(LogsArgs) = "logs", "Show what a job's agent said and did";
    Attach(JobArgs) = "attach", "Look into a job's terminal, and type along";
    Send(SendArgs) = "send", "Tell something to a job, to all, or to those of a project";
    Stop(SomeJobsArgs) = "stop", "End jobs; their work stays";
    Resume(ResumeArgs) = "resume", "Let an agent that has ended go on, in the same session";
    Retry(SomeJobsArgs) = "retry", "Launch the tasks of jobs anew, each in a new worktree";
    Remove(SomeJobsArgs) = "remove", "Take worktrees away; what was not merged is kept";
    Report(ReportArgs) = "report", "Show what ran, how it ended, what it cost, what to look at";
    Parent(ParentArgs) = "parent", "Run a job: what aio itself starts above each agent";
    Conflicts(ConflictsArgs) = "conflicts", "Foretell which jobs will not merge, with each other or with where they are to go";
    Diff(DiffArgs) = "diff", "Show what a job changed, committed or not";
    Merge(MergeArgs) = "merge", "Merge jobs where they are to go, and see that every commit arrived";
    Pr(PrArgs) = "pr", "Push a job's branch and open a pull request";
    Log(LogArgs) = "log", "Show what happened";
    Watch(NoArgs) = "watch", "Print one JSON line per change, as it happens";
    Doctor(DoctorArgs) = "doctor", "Find what is wrong on this machine, and its remedy";
    Init(InitArgs) = "init", "Set up this machine, its agents, and a project when one is named";
    Completions(CompletionsArgs) = "completions", "Print the completion script of a shell";
    Man(NoArgs) = "man", "Print the manual page";
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
            "Short forms: aio c, l, g or a starts codex, claude, gemini or amp here; with p, as lp, its prompt is \
             written and not sent, with pp it is sent; with -- at the end, as c-- or cpp--, it works in a new worktree. \
             See aio start --help\n\n\
             Exit codes: 0 done, 1 refused, 2 usage, 3 not registered, 4 state unreadable, 5 busy, 6 environment",
        )
}

/// The verb, if it is one of ours.
pub fn verb(args: &[OsString]) -> Option<&'static str> {
    let word = &args[verb_position(args)?];
    VERBS.iter().copied().find(|verb| word == *verb)
}

/// Where a word was taken for an option that could be one of the last words: it, and the line that has it so. None where what
/// follows has options, which would be words then, too.
pub fn with_words_apart(error: &clap::Error, args: &[OsString]) -> Option<(String, String)> {
    error.get(ContextKind::Suggested).filter(|_| error.kind() == ErrorKind::UnknownArgument)?;
    let (dashed, at) = taken_for_option(error, args)?;
    let (before, words) = args.split_at(at);
    if words[1..].iter().any(|word| word.as_encoded_bytes().starts_with(b"-")) {
        return None;
    }
    let line = pasted(&[before, &["--".into()], words].concat())?;
    Some((shell_word(dashed), line))
}

/// What was taken for an option, and where it stands.
fn taken_for_option<'e>(error: &'e clap::Error, args: &[OsString]) -> Option<(&'e str, usize)> {
    let Some(ContextValue::String(dashed)) = error.get(ContextKind::InvalidArg) else { return None };
    let at = args.iter().rposition(|arg| arg.to_str().is_some_and(|arg| arg.starts_with(&**dashed)))?;
    Some((dashed, at))
}

/// Where what follows an option begins with a dash, and so was not taken for its value: it, and the line that has it so.
pub fn with_value_joined(error: &clap::Error, args: &[OsString]) -> Option<(String, Vec<OsString>)> {
    let (dashed, at) = taken_for_option(error, args)?;
    let option = args[..at].last()?.to_str()?;
    let command = command_of(verb(args)?)?;
    let takes_value = command.get_arguments().any(|arg| {
        let long = arg.get_long().is_some_and(|long| option.strip_prefix("--") == Some(long));
        let short = arg.get_short().is_some_and(|short| option.strip_prefix('-') == Some(&*short.to_string()));
        (long || short) && arg.get_action().takes_values()
    });
    takes_value.then(|| {
        let mut joined = args.to_vec();
        joined[at - 1].push("=");
        let value = joined.remove(at);
        joined[at - 1].push(value);
        (shell_word(dashed), joined)
    })
}

/// A line as it is pasted. None where a terminal would not show it as it is.
pub fn pasted(args: &[OsString]) -> Option<String> {
    let words = args.get(1..)?.iter().map(|word| Some(shell_word(word.to_str()?))).collect::<Option<Vec<_>>>()?;
    let line = format!("aio {}", words.join(" "));
    (!line.contains(char::is_control)).then_some(line)
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
