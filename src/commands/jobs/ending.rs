//! The end of a job whose parent cannot see to it any more: everything of it ended first, its record written then.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::with_job;
use crate::app::{App, pause};
use crate::commands::launching;
use crate::error::{Exit, Failure};
use crate::fleet::remains;
use crate::host::process;
use crate::protocol::evidence::{Evidence, Fate, ProcessKey};
use crate::protocol::fleet::Job;
use crate::protocol::op::{JobEnd, Op, Outcome, Request};

const GLANCE: Duration = Duration::from_millis(50);

/// A job as far as its processes go.
pub(in crate::commands) struct Ending {
    pub(in crate::commands) id: String,
    pub(in crate::commands) stage: String,
    /// Whether its parent is gone, and did not write down how it ended.
    pub(in crate::commands) is_orphaned: bool,
    /// Its parent, where it is known to be this one.
    parent: Option<ProcessKey>,
    agent: Option<ProcessKey>,
}

impl Ending {
    /// The one that somebody names.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub(in crate::commands) fn find(app: &App, word: &str) -> Result<Ending, Failure> {
        with_job(app, word, |state, job| Ok(Ending::of(job, &app.evidence_of_jobs(state))))
    }

    pub(in crate::commands) fn of(job: &Job<'_>, evidence: &Evidence) -> Ending {
        let machine = &evidence.machine;
        // Another boot's or machine's process ids are anybody's here.
        let is_here = job.stage != *"queued" && machine.sees(&job.host, &job.boot_id, &job.pid_namespace);
        let here = |pid, start| (is_here && pid != 0).then_some(ProcessKey { pid, start });
        Ending {
            id: job.id.to_string(),
            stage: job.stage.to_string(),
            is_orphaned: job.is_orphaned(evidence),
            parent: here(job.parent_pid, job.parent_start).filter(|_| job.stage == *"running"),
            agent: here(job.agent_pid, job.agent_start),
        }
    }

    /// Asks its parent to end it.
    pub(in crate::commands) fn ask(&self) {
        self.signal_parent(Signal::TERM);
    }

    /// Waits until its parent is gone; it is ended where that takes too long.
    pub(in crate::commands) fn wait_for_parent(&self, deadline: Instant) {
        let lives = || self.parent.is_some_and(|key| process::fate(key, None) != Fate::Gone);
        while lives() && Instant::now() < deadline {
            pause(GLANCE);
        }
        if lives() {
            self.signal_parent(Signal::KILL);
        }
    }

    fn signal_parent(&self, signal: Signal) {
        let parent = self.parent.filter(|key| process::fate(*key, None) != Fate::Gone);
        if let Some(pid) = parent.and_then(|key| i32::try_from(key.pid).ok()).and_then(Pid::from_raw) {
            // It may have ended just now.
            kill_process(pid, signal).unwrap_or_default();
        }
    }

    /// Ends all that still runs of it.
    ///
    /// # Errors
    /// When something does not end.
    pub(in crate::commands) fn end_rest(&self, dir: &Path) -> Result<(), Failure> {
        match remains::end(dir, &self.id, self.agent).first() {
            None => Ok(()),
            Some(left) => {
                let message = format!("process {} of {} does not end", left.pid, self.id);
                Err(Failure::new(Exit::Refused, "running", message).hint(format!("look at it: ps -fp {}", left.pid)))
            }
        }
    }

    /// Ends all that still runs of it, and writes down that it crashed where nobody did.
    ///
    /// # Errors
    /// When something does not end, or it cannot be written down.
    pub(in crate::commands) fn settle(&self, app: &App) -> Result<(), Failure> {
        if self.stage != "queued" {
            self.end_rest(app.store.dir())?;
        }
        if !self.is_orphaned {
            return Ok(());
        }
        let failure = "the aio process above its agent vanished".to_owned();
        let end = JobEnd { result: "crashed".to_owned(), failure, ..JobEnd::default() };
        write_down(app, &self.id, end)
    }
}

/// Writes down how a job ended, and begins the jobs whose turn it is then.
///
/// # Errors
/// When it cannot be written down.
pub(in crate::commands) fn write_down(app: &App, id: &str, end: JobEnd) -> Result<(), Failure> {
    let op = Op::EndJob { job: id.to_owned(), end };
    if let Outcome::Jobs { next } = app.transact(&Request { actor: None, op })? {
        launching::begin_all(app, &next);
    }
    Ok(())
}
