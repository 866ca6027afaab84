//! `aio cleanup`

use serde_json::json;

use super::jobs::entries;
use super::jobs::steering::end_agent;
use super::launching;
use crate::app::App;
use crate::error::Failure;
use crate::output::Report;
use crate::protocol::evidence::ProcessKey;
use crate::protocol::op::{Op, Outcome, Request};
use crate::store::calls::Calls;

pub(super) fn run(app: &App) -> Result<Report, Failure> {
    let actor = app.identify_if_any()?;
    let agents = app.with_state(|state| {
        let evidence = app.evidence_of_jobs(state);
        let orphans = entries(state)?.into_iter().filter(|job| job.is_orphaned(&evidence));
        Ok(orphans.map(|job| ProcessKey { pid: job.agent_pid, start: job.agent_start }).collect::<Vec<_>>())
    })?;
    agents.into_iter().for_each(end_agent);
    let outcome = app.transact(&Request { actor, op: Op::Cleanup })?;
    let Outcome::Cleaned { instances, claims, waiters, jobs, next } = outcome else {
        return Ok(Report::silent("cleaned"));
    };
    launching::begin_all(app, &next);
    app.with_state(|state| {
        let takes_part = |id: &str| state.instance(id).is_some_and(|instance| instance.evicted_at.is_empty());
        Calls::sweep(app.store.dir(), takes_part);
        Ok(())
    })?;
    let line = match (instances.len(), claims, waiters) {
        (0, 0, 0) if jobs.is_empty() && next.is_empty() => "Nothing to clean up".to_owned(),
        (gone, ..) => format!("Cleaned up: {gone} instance(s), {claims} claim(s), {waiters} wait(s)"),
    };
    let mut report = Report::done("cleaned", line);
    report.lines.extend(jobs.iter().map(|id| format!("Ended: {id} (its aio process was gone); next: aio jobs").into()));
    report.lines.extend(next.iter().map(|id| format!("Begun: {id}").into()));
    let data = json!({ "instances": instances, "claims": claims, "waiters": waiters, "jobs": jobs, "begun": next });
    Ok(report.with(data))
}
