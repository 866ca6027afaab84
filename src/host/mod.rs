//! What this machine is and does: processes, boot and clock, agents, paths, mounts, repositories.
//!
//! The edge looks here and hands what it finds to the deciders as evidence. Nothing here spawns, signals, writes, or
//! knows of claims.

pub mod agents;
pub mod ancestry;
pub mod folding;
pub mod ignored;
mod interpreter;
pub mod machine;
pub mod mounts;
pub mod path;
pub mod process;
pub mod repository;
pub mod shell;
pub mod stat;
