//! The person's own command that prepares a new worktree: what needs installing, generating, linking.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::{Plan, Uncreated};
use crate::fleet::git::REDIRECTING;
use crate::fleet::program::Program;
use crate::protocol::fleet::PORTS_PER_JOB;

const LIMIT: Duration = Duration::from_secs(600);
/// How much of the log's end is looked at for its last line, in bytes.
const TAIL: u64 = 4096;

/// Runs it in the worktree, as a shell would: these are the person's words.
pub(super) fn run(plan: &Plan<'_>, project: &Path) -> Result<(), Uncreated> {
    let mut program = Program::new("/bin/sh")
        .args(["-c", plan.setup])
        .within(plan.worktree)
        .without(&REDIRECTING)
        .variable("AIO_JOB", plan.job)
        .variable("AIO_PROJECT", project)
        .variable("AIO_WORKTREE", plan.worktree)
        .variable("AIO_BRANCH", plan.branch);
    if plan.port != 0 {
        let ports = format!("{}-{}", plan.port, plan.port.saturating_add(PORTS_PER_JOB - 1));
        program = program.variable("PORT", plan.port.to_string()).variable("AIO_PORTS", ports);
    }
    if let Some(stopped) = plan.stopped {
        program = program.unless(stopped);
    }
    let said = match program.log(plan.log).limit(LIMIT).run() {
        Ok(ran) if ran.is_good() => return Ok(()),
        Ok(ran) => last_line(plan.log).unwrap_or_else(|| ran.complaint()),
        Err(unrun) => unrun.to_string(),
    };
    Err(Uncreated::Setup { said, log: plan.log.to_owned() })
}

fn last_line(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    tail.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}
