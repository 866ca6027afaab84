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
