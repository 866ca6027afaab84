//! What can be typed after `aio init`.

use std::ffi::OsString;

use clap::Args;

/// `aio init`
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Also set up this project: notes, .gitignore, and a pre-commit hook
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub path: Option<OsString>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Set up these agents, found or not [default: those that are found]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub agents: Vec<String>,
    /// Change this person's settings of the agents, or the project's
    #[arg(long, value_enum, default_value_t)]
    pub scope: InitScope,
    /// Take out of the agents' settings, and of a named project, what was put in
    #[arg(long)]
    pub remove: bool,
    /// Change nothing; show what would be changed
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// Whose settings `aio init` changes.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitScope {
    /// This person's
    #[default]
    User,
    /// The project's, for everybody who works in it
    Project,
}
