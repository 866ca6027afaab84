//! `aio cleanup`

use serde_json::json;

use crate::app::App;
use crate::error::Failure;
use crate::output::Report;
use crate::protocol::op::{Op, Outcome, Request};
use crate::store::calls::Calls;

pub(super) fn run(app: &App) -> Result<Report, Failure> {
    let outcome = app.transact(&Request { actor: app.identify_if_any()?, op: Op::Cleanup })?;
    let Outcome::Cleaned { instances, claims, waiters, .. } = outcome else { return Ok(Report::silent("cleaned")) };
    app.with_state(|state| {
        let takes_part = |id: &str| state.instance(id).is_some_and(|instance| instance.evicted_at.is_empty());
        Calls::sweep(app.store.dir(), takes_part);
        Ok(())
    })?;
    let line = match (instances.len(), claims, waiters) {
        (0, 0, 0) => "Nothing to clean up".to_owned(),
        (gone, ..) => format!("Cleaned up: {gone} instance(s), {claims} claim(s), {waiters} wait(s)"),
    };
    Ok(Report::done("cleaned", line).with(json!({ "instances": instances, "claims": claims, "waiters": waiters })))
}
