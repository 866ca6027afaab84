//! What the promises rest on, tried on a real machine: processes that race, die, stop, meet full disks and lose power.
//!
//! Needs root on Linux, and says what else is missing instead of skipping it. Each proof prints a line with its figure.
//! Sizes are environment variables, named where they are read.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]
#![allow(unreachable_pub, reason = "a test binary has no reach")]

mod clocks;
mod faults;
mod fleets;
mod foreign;
#[path = "../suite/harness.rs"]
#[allow(dead_code, reason = "the other test binary uses the rest")]
mod harness;
mod histories;
mod interruptions;
mod journal;
mod linearizability;
mod power_loss;
mod races;
mod refusals;
mod scenario;
mod settings;
mod stopped;
mod support;
