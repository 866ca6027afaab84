//! Everything that runs the built binaries, in one test binary because linking is slow.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]
#![allow(unreachable_pub, reason = "a test binary has no reach")]

mod advice;
mod afterwards;
mod attempts;
mod bad_input;
mod beads;
mod claims;
mod deliveries;
mod drafts;
mod endings;
mod fake_agent;
mod fleet;
mod fleet_ends;
mod fleet_starts;
mod fleet_terminals;
mod fleet_tmux;
mod foreign;
mod full_disk;
mod git_hook;
mod guarding;
mod harness;
mod hooks;
mod identity;
mod interference;
mod interrupting;
mod json;
mod layouts;
mod liveness;
mod manners;
mod mcp;
mod memory;
mod merging;
#[path = "../model/mod.rs"]
mod model;
mod paths;
mod plugin;
mod ports;
mod projects;
mod queue;
mod relaying;
mod running;
mod sessions;
mod settings;
mod setup;
mod shell_effects;
mod shell_hooks;
mod spec;
mod starting;
mod telling;
mod terminal;
mod tidy;
mod turns;
mod vectors;
mod watching;
mod worktrees;
