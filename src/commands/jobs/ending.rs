//! The end of a job whose parent cannot see to it any more: everything of it ended first, its record written then.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::with_job;
use crate::app::{App, pause};
use crate::commands::launching;
use crate::error::{Exit, Failure};
use crate::fleet::files::JobFiles;
use crate::fleet::remains::{self, Running};
use crate::fleet::screen::{USUAL_SIZE, replayed};
use crate::host::process;
use crate::output::Report;
use crate::protocol::evidence::{Evidence, Fate, ProcessKey, Recorded};
use crate::protocol::fleet::Job;
use crate::protocol::op::{JobEnd, Op, Outcome, Request};

const GLANCE: Duration = Duration::from_millis(50);
/// What is to be done once the state cannot be written.
pub(in crate::commands) const TO_WRITE_DOWN: &str =
    "aio doctor (it says what is in the way, as a full disk), then aio cleanup";

/// A job as far as its processes go.
pub(in crate::commands) struct Ending {
    pub(in crate::commands) id: String,
    pub(in crate::commands) stage: String,
    /// Whether its parent is gone, and did not write down how it ended.
    pub(in crate::commands) is_orphaned: bool,
    attempt: u32,
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
        Ending {
            id: job.id.to_string(),
            stage: job.stage.to_string(),
            is_orphaned: job.is_orphaned(evidence),
            attempt: job.attempt,
            parent: job.process(machine).filter(|_| job.stage == *"running"),
            agent: job.agent(machine).filter(|_| job.stage != *"queued"),
        }
    }

    /// Whether it runs, and its parent sees to it.
    pub(in crate::commands) fn runs(&self) -> bool {
        self.stage == "running" && !self.is_orphaned
    }

    /// What runs on of it although its parent is gone, in words.
    pub(in crate::commands) fn rest(&self, dir: &Path) -> Option<String> {
        let rest = self.is_orphaned.then(|| Running::now(dir).of(&self.id, self.agent))?;
        match self.agent.filter(|agent| rest.contains(agent)) {
            Some(agent) => Some(format!("its agent (process {})", agent.pid)),
            None => rest.first().map(|first| format!("something that it started (process {})", first.pid)),
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

    /// Ends all that still runs of it. Of one that waited for its turn that is nothing: what runs by now was begun since.
    ///
    /// # Errors
    /// When something does not end.
    pub(in crate::commands) fn end_rest(&self, dir: &Path) -> Result<(), Failure> {
        if self.stage == "queued" {
            return Ok(());
        }
        match remains::end(dir, &self.id, self.agent, remains::GRACE).first() {
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
        self.end_rest(app.store.dir())?;
        if !self.is_orphaned {
            return Ok(());
        }
        keep_drawn(&JobFiles::of(app.store.dir(), &self.id));
        let failure = "the aio process above its agent vanished".to_owned();
        self.write_down(app, JobEnd { result: "crashed".to_owned(), failure, ..JobEnd::default() })
    }

    /// Whether it has ended, written down or not.
    pub(super) fn has_ended(&self, app: &App) -> bool {
        !matches!(&*self.stage, "running" | "queued") || self.is_orphaned || self.kept(app).is_some()
    }

    /// How its run ended, where its parent could not write that down.
    pub(in crate::commands) fn kept(&self, app: &App) -> Option<JobEnd> {
        (self.stage == "running").then(|| JobFiles::of(app.store.dir(), &self.id).kept_end(self.attempt)).flatten()
    }

    /// Writes down how a job ended, and begins the jobs whose turn it is then. What its parent knew of that comes before `end`.
    ///
    /// # Errors
    /// When it cannot be written down; then it is kept for whoever can, where there is room for that.
    pub(in crate::commands) fn write_down(&self, app: &App, end: JobEnd) -> Result<(), Failure> {
        let files = JobFiles::of(app.store.dir(), &self.id);
        let kept = self.kept(app);
        // It ended by itself where its parent knew how; else this ended what there was of it.
        let how = if kept.as_ref().is_none_or(|end| end.result == "stopped") { "was ended" } else { "has ended" };
        let end = kept.unwrap_or(end);
        let op = Op::EndJob { job: self.id.clone(), attempt: self.attempt, end: end.clone() };
        match app.transact(&Request { actor: None, op }) {
            Ok(outcome) => {
                files.forget_end();
                files.forget_environment();
                if let Outcome::Jobs { next } = outcome {
                    launching::begin_all(app, &next);
                }
                Ok(())
            }
            Err(failure) if self.stage == "running" => {
                // Without it, it will be said to have crashed.
                files.keep_end(self.attempt, &end).unwrap_or_default();
                Err(unwritten(failure, &format!("{} {how}", self.id)))
            }
            Err(failure) => Err(failure),
        }
    }
}

/// What stood last in the terminal of a job whose parent could not keep it.
pub(super) fn last_drawn(files: &JobFiles) -> Option<String> {
    let drawn = files.read_drawn().ok()?;
    let text = replayed(&drawn, USUAL_SIZE, false).contents();
    Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())
}

/// Has it stay when the job goes on.
fn keep_drawn(files: &JobFiles) {
    let Some(text) = last_drawn(files) else { return };
    // Otherwise it is shown until then.
    if files.keep_screen(&text).is_ok() {
        fs::remove_file(files.drawn()).unwrap_or_default();
    }
}

/// What could not be done of several.
#[derive(Default)]
pub(super) struct Failed {
    pub(super) ids: Vec<String>,
    failures: Vec<Failure>,
}

impl Failed {
    /// Says why one could not be.
    pub(super) fn note(&mut self, report: &mut Report, id: &str, failure: Failure) {
        report.notes.push(failure.line());
        report.hints.extend(failure.hints.clone());
        self.ids.push(id.to_owned());
        self.failures.push(failure);
    }

    /// Has a report end as the first of them, and name all.
    pub(super) fn put(self, mut report: Report, name: &str) -> Report {
        let Some(first) = self.failures.first() else { return report };
        (report.exit, report.code) = (first.exit, first.code);
        let row =
            |(id, failure): (&String, &Failure)| json!({ "id": id, "code": failure.code, "message": failure.message });
        if let Value::Object(data) = &mut report.data {
            data.insert(name.to_owned(), self.ids.iter().zip(&self.failures).map(row).collect());
        }
        report
    }
}

/// Something was done, and then could not be written down: what was done comes first.
pub(in crate::commands) fn unwritten(failure: Failure, done: &str) -> Failure {
    // That is said of the state, and was true of nothing else.
    let why = failure.message.trim_end_matches("; nothing was changed");
    let message = format!("{done}, which could not be written down: {why}");
    let hint = match (failure.exit, failure.hints.first()) {
        (Exit::Environment, _) | (_, None) => TO_WRITE_DOWN.to_owned(),
        (_, Some(first)) => format!("{first}; then aio cleanup"),
    };
    Failure { message, hints: vec![hint], ..failure }
}
