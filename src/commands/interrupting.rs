//! Ctrl-C, and the signals that mean the same, where a command watches or does one thing after the other: what is begun is
//! finished, nothing more is begun, and it is said what still runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::jobs::entries;
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::output::{Output, Report, say};
use crate::protocol::apply::due;
use crate::protocol::fleet::{Job, Standing, standing};

/// A command that ends at a signal when it is at a good place to.
pub(super) struct Interruption {
    /// The last signal that came; 0 for none.
    caught: Arc<AtomicUsize>,
    /// The same, of those after the first.
    again: Arc<AtomicUsize>,
}

impl Interruption {
    /// From now on a signal ends nothing by itself. `wake` hears of it, too.
    ///
    /// # Errors
    /// When signals cannot be caught.
    pub(super) fn catch(wake: Option<Sender<()>>) -> Result<Interruption, Failure> {
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
            .map_err(|error| Failure::environment(format!("signals cannot be caught: {error}")))?;
        let interruption = Interruption { caught: Arc::default(), again: Arc::default() };
        let [caught, again] = [&interruption.caught, &interruption.again].map(Arc::clone);
        // Ends with this process.
        std::thread::spawn(move || {
            for signal in signals.forever() {
                let signal = usize::try_from(signal).unwrap_or_default();
                if caught.swap(signal, Ordering::Relaxed) != 0 {
                    again.store(signal, Ordering::Relaxed);
                }
                if let Some(wake) = &wake {
                    // Whoever would wake up may be gone.
                    wake.send(()).unwrap_or_default();
                }
            }
        });
        Ok(interruption)
    }

    /// The same for what may take long once it is begun: at the first signal that is said.
    ///
    /// # Errors
    /// When signals cannot be caught.
    pub(super) fn catch_and_say(output: Output, words: &'static str) -> Result<Interruption, Failure> {
        let (wake, woken) = mpsc::channel();
        let interruption = Interruption::catch(Some(wake))?;
        std::thread::spawn(move || {
            if woken.recv().is_ok() && !output.json {
                // A closed stderr must not end what is under way.
                say(words).unwrap_or_default();
            }
        });
        Ok(interruption)
    }

    /// Not 0 once somebody signalled again.
    pub(super) fn again(&self) -> &Arc<AtomicUsize> {
        &self.again
    }

    /// Whether one came.
    pub(super) fn came(&self) -> bool {
        self.caught.load(Ordering::Relaxed) != 0
    }

    /// How the command ends then, as a shell has it.
    fn exit(&self) -> Exit {
        Exit::Child(u8::try_from(128 + self.caught.load(Ordering::Relaxed)).unwrap_or(u8::MAX))
    }

    /// Not to be done, because one came before it was begun.
    pub(super) fn before(&self, what: &str) -> Result<(), Failure> {
        if !self.came() {
            return Ok(());
        }
        let mut failure = Failure::new(self.exit(), "interrupted", format!("Interrupted: {what}"));
        failure.retryable = true;
        Err(failure.hint("aio jobs"))
    }

    /// What failed, told as interrupted where a signal came: it may have met a program that was just being started, before that
    /// was in a group of its own.
    pub(super) fn explain(&self, mut failure: Failure) -> Failure {
        if self.came() && failure.code != "interrupted" {
            (failure.exit, failure.code) = (self.exit(), "interrupted");
            failure.message = format!("Interrupted: {}", failure.message);
        }
        failure
    }

    /// Ends a report early: with what was left undone, and which of these jobs, or of all, run on.
    pub(super) fn end(&self, app: &App, mut report: Report, undone: &str, of: Option<&[String]>) -> Report {
        (report.exit, report.code) = (self.exit(), "interrupted");
        let (running, queued) = still_there(app, of);
        let undone = if undone.is_empty() { String::new() } else { format!("{undone}; ") };
        let runs = match running.len() {
            0 => "no job runs".to_owned(),
            1 => format!("1 job runs on: {}", running[0]),
            count => format!("{count} jobs run on: {}", running.join(" ")),
        };
        let waits = match queued.len() {
            0 => String::new(),
            1 => format!("; 1 waits for its turn: {}", queued[0]),
            count => format!("; {count} wait for their turn: {}", queued.join(" ")),
        };
        let all = [running, queued].concat();
        let stop = if all.is_empty() { String::new() } else { format!("; aio stop {}", all.join(" ")) };
        report.notes.push(format!("Interrupted: {undone}{runs}{waits}; next: aio jobs{stop}"));
        report
    }
}

/// The jobs that run or are about to, and those that wait for their turn.
fn still_there(app: &App, of: Option<&[String]>) -> (Vec<String>, Vec<String>) {
    let looked = app.with_state(|state| {
        let evidence = app.evidence_of_jobs(state);
        let (mut running, mut queued) = (Vec::new(), Vec::new());
        let jobs = entries(state)?;
        // Whoever made it their turn has begun their parents, which may not have written that down yet.
        let due = due(&jobs, &evidence);
        let is_begun = |job: &Job<'_>| job.failure.is_empty() && due.iter().any(|id| job.id == **id);
        for job in jobs.iter().filter(|job| of.is_none_or(|of| of.iter().any(|id| job.id == **id))) {
            match standing(job, false, &evidence) {
                Standing::Queued if is_begun(job) => running.push(job.id.to_string()),
                Standing::Queued => queued.push(job.id.to_string()),
                standing if standing.is_running() => running.push(job.id.to_string()),
                _ => {}
            }
        }
        Ok((running, queued))
    });
    // Whatever is wrong with the state, `aio jobs` tells.
    looked.unwrap_or_default()
}
