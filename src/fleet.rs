//! Agents launched and looked after: how each is started and read, the worktree it works in, the terminal it can be seen in.
//!
//! Owns worktrees, branches, rescue refs, panes and the files of a job. Guarantees that work is never destroyed: what is
//! neither merged nor kept under a ref is not removed. Knows nothing of the state: what was seen is for the caller to write
//! down, and the rules are in [`crate::protocol::fleet`].

pub mod agents;
pub mod brief;
pub mod child;
pub mod conflicts;
pub mod files;
pub mod git;
pub mod merge;
pub mod paste;
pub mod ports;
pub mod profile;
pub mod program;
pub mod relay;
pub mod remains;
pub mod rescue;
pub mod screen;
pub mod spec;
pub mod stream;
pub mod tmux;
pub mod work;
pub mod worktree;
