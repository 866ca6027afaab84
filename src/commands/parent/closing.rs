//! A run's end written down, however long that takes: a disk that is full now has room later, and nobody else knows the end.
//!
//! Until then it is kept in the job's folder, for whoever finds this process gone. `SIGTERM` ends the waiting.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{App, Change, JobEnd, Op, Outcome, Task, change, change_soon, write_unwritten};
use crate::app::pause;
use crate::commands::jobs::ending::TO_WRITE_DOWN;
use crate::error::{Exit, Failure};

/// Between the first two tries; twice as long each time after.
const SOON: Duration = Duration::from_millis(500);
/// At most so long.
const SELDOM: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(100);

/// Writes down how a job's run ended. Gives the jobs whose turn it is then.
///
/// # Errors
/// When it cannot be written, and somebody ends this process; or when there is no such job any more.
pub(super) fn write_end(app: &App, task: &Task, end: &JobEnd) -> Result<Vec<String>, Failure> {
    let mut patience = SOON;
    loop {
        let change = if patience == SOON { change_soon } else { change };
        let failure = match try_once(app, task, end, change) {
            Ok(next) => {
                task.files.forget_end();
                return Ok(next);
            }
            Err(failure) if matches!(failure.exit, Exit::Refused | Exit::Usage) => return Err(failure),
            Err(failure) => failure,
        };
        if patience == SOON {
            keep(app, task, end, &failure);
        }
        if task.is_stopped() {
            let message = format!("how {} ended ({}) is not written: {}", task.id, end.result, failure.message);
            return Err(Failure { message, hints: vec![TO_WRITE_DOWN.to_owned()], ..failure });
        }
        wait(task, patience);
        patience = (2 * patience).min(SELDOM);
    }
}

fn try_once(app: &App, task: &Task, end: &JobEnd, change: Change) -> Result<Vec<String>, Failure> {
    // What was seen of the run comes before its end.
    write_unwritten(app, task, change)?;
    match change(app, Op::EndJob { job: task.id.clone(), attempt: task.attempt, end: end.clone() })? {
        Outcome::Jobs { next } => Ok(next),
        _ => Ok(Vec::new()),
    }
}

fn keep(app: &App, task: &Task, end: &JobEnd, failure: &Failure) {
    if let Err(error) = task.files.keep_end(task.attempt, end) {
        app.warn(&format!("how it ended is kept by this process alone: {error}"));
    }
    let words = format!("how {} ended ({}) cannot be written: {}", task.id, end.result, failure.message);
    app.warn(&format!("{words}; it is tried again and again"));
    // In somebody's own terminal the keys were for the agent; from now on they are for us.
    let interruption = usize::try_from(Signal::INT.as_raw()).unwrap_or_default();
    task.stopped.compare_exchange(interruption, 0, Ordering::Relaxed, Ordering::Relaxed).map(drop).unwrap_or_default();
}

/// Waits so long; whoever ends this process has it try once more at once.
fn wait(task: &Task, patience: Duration) {
    let deadline = Instant::now() + patience;
    while !task.is_stopped() && Instant::now() < deadline {
        pause(GLANCE);
    }
}
