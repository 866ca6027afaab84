//! The agents themselves, each against a scripted model on loopback: do they obey?
//!
//! Nothing leaves the machine: homes are isolated, keys are dummies, and telemetry and updates are off. The agents come
//! from `tests/agents/install`; where one is missing its tests fail and say so. `aio init` sets each of them up.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]
#![allow(unreachable_pub, reason = "a test binary has no reach")]

mod agent;
mod amp;
mod at_once;
mod editing;
mod failing;
mod fleet;
#[path = "../suite/harness.rs"]
#[allow(dead_code, reason = "the other test binaries use the rest")]
mod harness;
mod headless;
mod life;
mod model;
mod stage;
#[path = "../proofs/support.rs"]
#[allow(dead_code, reason = "the proofs use the rest")]
mod support;
#[path = "../suite/terminal.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod terminal;
mod wire;
