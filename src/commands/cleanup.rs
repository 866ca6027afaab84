//! `aio cleanup`

use serde_json::json;

use crate::app::App;
use crate::error::Failure;
use crate::output::Report;
use crate::protocol::op::{Op, Outcome, Request};

pub(super) fn run(app: &App) -> Result<Report, Failure> {
    let outcome = app.transact(&Request { actor: app.identify_if_any()?, op: Op::Cleanup })?;
    let Outcome::Cleaned { instances, claims, waiters, .. } = outcome else { return Ok(Report::silent("cleaned")) };
    let line = match (instances.len(), claims, waiters) {
        (0, 0, 0) => "Nothing to clean up".to_owned(),
        (gone, ..) => format!("Cleaned up: {gone} instance(s), {claims} claim(s), {waiters} wait(s)"),
    };
    Ok(Report::done("cleaned", line).with(json!({ "instances": instances, "claims": claims, "waiters": waiters })))
}
