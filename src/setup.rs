//! What is put in place for agents and people: files of `integrations/`, embedded, and the places they belong in.

pub mod git_hook;
pub mod shell_hooks;
