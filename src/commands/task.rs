//! `aio task`

use serde_json::json;

use crate::app::App;
use crate::cli::TaskArgs;
use crate::error::Failure;
use crate::output::Report;
use crate::protocol::op::{Op, Request};

/// Longest description in bytes: it stands in every message about this session's claims.
const MAX_DESCRIPTION_BYTES: usize = 500;

pub(super) fn run(app: &App, args: &TaskArgs) -> Result<Report, Failure> {
    if args.description.len() > MAX_DESCRIPTION_BYTES {
        let length = args.description.len();
        return Err(Failure::usage(format!(
            "{length} bytes are too long for a task; {MAX_DESCRIPTION_BYTES} are allowed"
        ))
        .hint("put the rest into aio handoff"));
    }
    let id = app.identify()?;
    let op = Op::SetTask { description: args.description.clone(), issue: args.issue.clone() };
    app.transact(&Request { actor: Some(id.clone()), op })?;
    Ok(Report::done("task", "Task updated")
        .with(json!({ "instance": id, "task": args.description, "issue": args.issue })))
}
