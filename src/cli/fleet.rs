//! The arguments of the commands that launch agents, and see after them.

use std::ffi::OsString;

use clap::Args;

/// `aio projects`
#[derive(Args, Debug)]
pub struct ProjectsArgs {
    #[command(subcommand)]
    /// What to do [default: list]
    pub verb: Option<ProjectsVerb>,
}

/// `aio projects …`
#[derive(clap::Subcommand, Debug)]
pub enum ProjectsVerb {
    /// Remember projects to launch agents into
    Add {
        /// Folders of git worktrees [default: the current one]
        #[arg(value_hint = clap::ValueHint::DirPath)]
        paths: Vec<OsString>,
        /// What to call it [default: the folder's name]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// A shell command that prepares each new worktree; empty for none
        #[arg(long, value_name = "COMMAND")]
        setup: Option<String>,
    },
    /// Forget a project; nothing of it is touched
    Remove {
        /// Its number, name or path
        project: OsString,
    },
    /// Give a project another number
    Move {
        /// Its number, name or path
        project: OsString,
        /// The number
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        to: u16,
    },
    /// List them
    List,
}

/// `aio parent`
#[derive(Args, Debug)]
pub struct ParentArgs {
    /// Only start it in a process apart from this session
    #[arg(long)]
    pub apart: bool,
    /// The job
    pub job: String,
}

/// How agents are launched
#[derive(Args, Debug, Default)]
pub struct LaunchOptions {
    /// One after the other, none after the first that does not end well; waits until all have ended
    #[arg(long)]
    pub seq: bool,
    /// At most so many at once; the others wait for their turn
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max: Option<u32>,
    /// Take the task from a file, or from stdin with -
    #[arg(long, short = 'f', value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<OsString>,
    /// In tmux, to look into and type along
    #[arg(long, conflicts_with = "headless")]
    pub tmux: bool,
    /// Without a terminal, read by their streams
    #[arg(long)]
    pub headless: bool,
    /// Begin at this branch, and bring the work home to it [default: the default branch, as the remote says]
    #[arg(long, value_name = "BRANCH")]
    pub target: Option<String>,
    /// Start an agent that crashed, or met a usage limit whose end it told, again; at most so often. Not one whose terminal somebody closed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub restarts: u32,
    /// Before it is started again, the first time; then twice as long, and so on [default: 5s, or restart_backoff]
    #[arg(long, value_name = "DURATION", value_parser = super::args::duration)]
    pub backoff: Option<std::time::Duration>,
    /// Say what would be launched, and launch nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `aio start`
#[derive(Args, Debug)]
#[command(after_help = super::short::HELP)]
pub struct StartArgs {
    /// c codex, l claude, g gemini, a amp, or a profile of config.toml
    #[arg(value_name = "AGENT")]
    pub profile: String,
    /// What to tell it [default: nothing; with --prefill or --send the default_task of config.toml]
    #[arg(value_name = "PROMPT")]
    pub words: Vec<String>,
    /// Write the prompt, and do not send it
    #[arg(long, conflicts_with = "send")]
    pub prefill: bool,
    /// Send the prompt, as is done where one is given
    #[arg(long)]
    pub send: bool,
    /// In a new worktree and branch, as a job
    #[arg(long, short)]
    pub worktree: bool,
    /// Take the prompt from a file
    #[arg(long, short = 'f', value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<OsString>,
    /// Begin at this branch, and bring the work home to it [default: the default branch, as the remote says]
    #[arg(long, value_name = "BRANCH", requires = "worktree")]
    pub target: Option<String>,
}

/// `aio multi`
#[derive(Args, Debug)]
pub struct MultiArgs {
    /// [project: number, name or path] agents (c:3 l:1 g:2 profile:1) and the task
    #[arg(required = true, value_name = "PROJECT|AGENTS|TASK")]
    pub words: Vec<String>,
    /// How
    #[command(flatten)]
    pub options: LaunchOptions,
}

/// `aio all`
#[derive(Args, Debug)]
pub struct AllArgs {
    /// Agents in each project (c:2 l:1) and the task
    #[arg(required = true, value_name = "AGENTS|TASK")]
    pub words: Vec<String>,
    /// How
    #[command(flatten)]
    pub options: LaunchOptions,
    /// Launch where nothing is in the way, even if something is elsewhere
    #[arg(long)]
    pub keep_going: bool,
}

/// `aio jobs`
#[derive(Args, Debug)]
pub struct JobsArgs {
    /// Only those that run
    #[arg(long, short)]
    pub running: bool,
    /// Only of this project: number, name or path
    #[arg(long, short, value_name = "PROJECT")]
    pub project: Option<OsString>,
    /// Also those whose worktrees are gone
    #[arg(long)]
    pub all: bool,
    /// Keep showing it, anew at every change
    #[arg(long)]
    pub watch: bool,
}

/// One job
#[derive(Args, Debug)]
pub struct JobArgs {
    /// Its id, or a beginning of it
    pub job: String,
}

/// `aio logs`
#[derive(Args, Debug)]
pub struct LogsArgs {
    /// Its id, or a beginning of it
    pub job: String,
    /// Go on with what it writes from now
    #[arg(long, short)]
    pub follow: bool,
    /// At most so many lines of the past, and as many, or 10, of its stderr, its aio process and its setup each
    #[arg(long, short = 'n', default_value_t = 100, value_name = "N")]
    pub limit: usize,
}

/// `aio stop`, `aio resume`, `aio retry`
#[derive(Args, Debug)]
pub struct SomeJobsArgs {
    /// Ids, or beginnings of them
    #[arg(required = true)]
    pub jobs: Vec<String>,
}

/// `aio resume`
#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// Its id, or a beginning of it
    pub job: String,
    /// What to tell the agent [default: to go on]
    pub words: Vec<String>,
}

/// `aio send`
#[derive(Args, Debug)]
pub struct SendArgs {
    /// A job, `all`, or a project: number, name or path
    pub to: String,
    /// The message, or - for stdin
    #[arg(required = true)]
    pub words: Vec<String>,
    /// Wait until it was taken, at most this long [default when given: 90s]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "90s", value_parser = super::args::duration)]
    pub wait: Option<std::time::Duration>,
}

/// `aio report`
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// What happened since: 12h, 2d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = super::args::duration)]
    pub since: std::time::Duration,
    /// As Markdown
    #[arg(long)]
    pub markdown: bool,
}
