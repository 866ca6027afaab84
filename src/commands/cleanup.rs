//! `aio cleanup`

pub(super) mod leftovers;

use serde_json::json;

use super::jobs::ending::{Ending, unwritten};
use super::launching;
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::output::Report;
use crate::protocol::op::{Op, Outcome, Request};
use crate::store::calls::Calls;

pub(super) fn run(app: &App) -> Result<Report, Failure> {
    let actor = app.identify_if_any()?;
    let leftovers::Ended { mut notes, ended, kept } = leftovers::end_processes(app)?;
    let explain = |failure| match ended.is_empty() {
        true => failure,
        false => unwritten(failure, &format!("what still ran of {} was ended", ended.join(", "))),
    };
    for ending in &kept {
        ending.settle(app)?;
    }
    let outcome = app.transact(&Request { actor, op: Op::Cleanup }).map_err(explain)?;
    let Outcome::Cleaned { instances, claims, waiters, jobs, next, unread } = outcome else {
        return Ok(Report::silent("cleaned"));
    };
    launching::begin_all(app, &next);
    app.with_state(|state| {
        let takes_part = |id: &str| state.instance(id).is_some_and(|instance| instance.evicted_at.is_empty());
        Calls::sweep(app.store.dir(), takes_part);
        Ok(())
    })?;
    if unread.is_empty() {
        notes.extend(leftovers::sweep(app)?);
    }
    let line = match (instances.len(), claims, waiters) {
        (0, 0, 0) if jobs.is_empty() && next.is_empty() && kept.is_empty() => "Nothing to clean up".to_owned(),
        (gone, ..) => format!("Cleaned up: {gone} instance(s), {claims} claim(s), {waiters} wait(s)"),
    };
    let mut report = Report::done("cleaned", line);
    report.lines.extend(jobs.iter().map(|id| format!("Ended: {id} (its aio process was gone); next: aio jobs").into()));
    let late = |ending: &Ending| format!("Written down: how {} ended; next: aio jobs", ending.id).into();
    report.lines.extend(kept.iter().map(late));
    report.lines.extend(next.iter().map(|id| format!("Begun: {id}").into()));
    report.notes = notes;
    if !unread.is_empty() {
        (report.exit, report.code) = (Exit::State, "state-unreadable");
        let next = "aio doctor --repair keeps a copy and rebuilds what it can";
        report.notes.push(format!("the jobs of state.json cannot be read, all else was swept: {unread}; next: {next}"));
    }
    let data = json!({ "instances": instances, "claims": claims, "waiters": waiters, "jobs": jobs, "begun": next });
    Ok(report.with(data))
}
