//! The arguments of the commands that compare what agents made, and bring it home.

use std::ffi::OsString;

use clap::Args;

/// `aio conflicts`
#[derive(Args, Debug)]
pub struct ConflictsArgs {
    /// The number, name or path of a project [default: the current one]
    #[arg(conflicts_with = "all")]
    pub project: Option<OsString>,
    /// Look at every project that has jobs
    #[arg(long)]
    pub all: bool,
    /// Go on, and print what changes
    #[arg(long)]
    pub watch: bool,
}

/// `aio merge`
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// Jobs, by their ids or beginnings of them
    #[arg(required = true, value_name = "JOB")]
    pub jobs: Vec<String>,
    /// Merge into this branch [default: the one the job is for]
    #[arg(long, value_name = "BRANCH")]
    pub into: Option<String>,
    /// Say what would be merged, and in which order
    #[arg(long)]
    pub dry_run: bool,
    /// Go on though something will be left behind, or a later one will conflict
    #[arg(long)]
    pub yes: bool,
}

/// `aio pr`
#[derive(Args, Debug)]
pub struct PrArgs {
    /// A job, by its id or a beginning of it
    pub job: String,
    /// Go on though commits are left behind in its worktree
    #[arg(long)]
    pub yes: bool,
}

/// `aio diff`
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// A job, by its id or a beginning of it
    pub job: String,
    /// Only count, file by file
    #[arg(long)]
    pub stat: bool,
}
