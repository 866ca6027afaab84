//! Everything that runs the built binaries, in one test binary because linking is slow.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]
#![allow(unreachable_pub, reason = "a test binary has no reach")]

mod claims;
mod harness;
#[path = "../model/mod.rs"]
mod model;
