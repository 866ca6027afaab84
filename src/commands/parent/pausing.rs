//! A job between two runs of its agent: it waits for a usage limit to end, or for a while after a crash.
//!
//! Its instance lives on with this process, and holds what it held: half of its work stands in the worktree, and it is the
//! same agent that goes on with it. `aio stop` ends it at once.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGTERM};

use super::{App, Event, HEARTBEAT, JobEnd, JobNote, Task, beat, catch_up, note, register};
use crate::app::wall_ms;
use crate::fleet::stream::{Limit, Until};
use crate::protocol::evidence::ProcessKey;
use crate::protocol::op::Pause;
use crate::protocol::time;

/// Between two looks at the clock: it may be set, and the machine may sleep.
const TICK: Duration = Duration::from_secs(5);
/// A limit that is said to end later than that was misread.
const LONGEST_LIMIT_MS: i64 = 14 * 24 * 60 * 60 * 1000;

/// When a limit ends, in milliseconds since 1970, where its words tell; it was said just now.
pub(super) fn end_of(limit: &Limit) -> Option<i64> {
    let now = wall_ms();
    let until = match limit.until? {
        Until::At(second) => i64::try_from(second).ok()?.checked_mul(1000)?,
        Until::After(span) => now.checked_add(i64::try_from(span.as_millis()).ok()?)?,
    };
    // One that has just ended is as good as none.
    (until - now <= LONGEST_LIMIT_MS).then_some(until.max(now + 1000))
}

/// Writes down until when a job waits, and why; or that it does not any more.
pub(super) fn note_pause(app: &App, task: &Task, pause: Option<(i64, &str)>) {
    let pause = pause.map_or_else(Pause::default, |(until, reason)| Pause {
        until: time::stamp(until),
        reason: super::shortened(reason),
    });
    note(app, task, JobNote { pause: Some(pause), ..JobNote::default() });
}

/// Waits until then. How it ended, if somebody ends it meanwhile.
pub(super) fn pause(
    app: &App,
    task: &Task,
    receiver: &Receiver<Event>,
    until_ms: i64,
    ending: &JobEnd,
) -> Option<JobEnd> {
    if !task.instance.is_empty()
        && let Err(failure) = register(app, task, Some(&task.instance), app.own_process())
    {
        app.warn(&format!("its process was not recorded: {}", failure.message));
    }
    let agent = Some(ProcessKey { pid: 0, start: 0 });
    note(app, task, JobNote { agent, ..JobNote::default() });
    note_pause(app, task, Some((until_ms, &ending.failure)));
    let mut beaten = Instant::now();
    loop {
        let left = u64::try_from(until_ms - wall_ms()).ok().filter(|left| *left > 0)?;
        match receiver.recv_timeout(TICK.min(Duration::from_millis(left))) {
            Ok(Event::Signal(SIGTERM)) => return Some(ended(ending, "stopped", "")),
            Ok(Event::Signal(SIGHUP)) => return Some(ended(ending, "crashed", "its terminal went away")),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            // Nobody sends any more: then it waits as well without.
            Err(RecvTimeoutError::Disconnected) => crate::app::pause(TICK.min(Duration::from_millis(left))),
        }
        catch_up(app, task);
        if beaten.elapsed() >= HEARTBEAT && !task.instance.is_empty() {
            beaten = Instant::now();
            beat(app, &task.instance);
        }
    }
}

fn ended(ending: &JobEnd, result: &str, failure: &str) -> JobEnd {
    JobEnd { result: result.to_owned(), failure: failure.to_owned(), ..ending.clone() }
}
