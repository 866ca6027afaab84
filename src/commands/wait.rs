//! Waiting in the queue for a claim.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::app::App;
use crate::error::{Exit, Failure, describe};
use crate::protocol::op::{ClaimRequest, Conflict, Op, Outcome, Request, Wait};
use crate::store::watch::Changes;

/// How often to look whether who is in the way has died: that changes no file.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Waits until the request is granted, its time is up, or a signal ends the command. Whichever it is, the place in the queue
/// is given up in the same transaction that finds out.
///
/// # Errors
/// When the time is up, or the wait ended otherwise.
pub(super) fn until_granted(
    app: &App,
    request: &Request,
    conflicts: &[Conflict],
    signal: &AtomicUsize,
) -> Result<Outcome, Failure> {
    let mut request = request.clone();
    let Op::Claim(ClaimRequest { wait: Some(wait), .. }) = &mut request.op else { return Ok(Outcome::Done) };
    wait.again = true;
    let wait = wait.clone();
    if let Some(first) = conflicts.first() {
        app.warn(&format!("waiting: {}", describe(first)));
    }
    let deadline = Instant::now() + Duration::from_millis(wait.timeout_ms);
    let changes = Changes::of(app.store.dir());
    loop {
        // Asking again is answered from the queue: granted there, still waiting, or free by now.
        let outcome = match app.transact(&request) {
            Err(failure) if failure.exit == Exit::Busy => Outcome::Waiting { conflicts: Vec::new() },
            answered => answered?,
        };
        let Outcome::Waiting { conflicts } = outcome else { return Ok(outcome) };
        let caught = signal.load(Ordering::Relaxed);
        if caught != 0 || Instant::now() >= deadline {
            return Err(give_up(app, &request, &wait, &conflicts, caught));
        }
        changes.wait(LOOK_AGAIN.min(deadline.saturating_duration_since(Instant::now())));
    }
}

/// The number of the signal that asked us to end, once one did.
///
/// # Errors
/// When signals cannot be caught.
pub(super) fn caught_signals(app: &App) -> Result<Arc<AtomicUsize>, Failure> {
    if let Some(interruption) = &app.interruption {
        return Ok(Arc::clone(interruption));
    }
    let caught = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let number = usize::try_from(signal).unwrap_or_default();
        signal_hook::flag::register_usize(signal, Arc::clone(&caught), number)
            .map_err(|error| Failure::environment(format!("signals cannot be caught: {error}")))?;
    }
    Ok(caught)
}

fn give_up(app: &App, request: &Request, wait: &Wait, conflicts: &[Conflict], signal: usize) -> Failure {
    let cancel = Op::CancelWait { waiter: wait.id.clone() };
    if let Err(failure) = app.transact(&Request { actor: request.actor.clone(), op: cancel }) {
        // The queue drops who waits no more by itself.
        app.warn(&format!("the place in the queue was not given up: {}", failure.message));
    }
    let who: Vec<String> = conflicts.iter().map(describe).collect();
    let mut failure = Failure::new(Exit::Refused, "wait-timeout", format!("not free in time: {}", who.join("; ")))
        .hint("work on something else, or claim again with a longer --wait");
    failure.answer = conflicts.first().map(|first| format!("Already claimed by: {}", first.holder));
    failure.retryable = true;
    failure.data = serde_json::json!({ "conflicts": conflicts });
    if signal != 0 {
        failure.exit = Exit::Child(u8::try_from(128 + signal).unwrap_or(u8::MAX));
        failure.code = "interrupted";
    }
    failure
}
