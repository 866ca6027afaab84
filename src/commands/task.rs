//! `aio task`

use serde_json::json;

use super::check_words;
use crate::app::App;
use crate::cli::TaskArgs;
use crate::error::Failure;
use crate::output::Report;
use crate::protocol::op::{Op, Request};

pub(super) fn run(app: &App, args: &TaskArgs) -> Result<Report, Failure> {
    check_words("task", &args.description)?;
    check_words("issue", args.issue.as_deref().unwrap_or_default())?;
    let id = app.identify()?;
    let op = Op::SetTask { description: args.description.clone(), issue: args.issue.clone() };
    app.transact(&Request { actor: Some(id.clone()), op })?;
    Ok(Report::done("task", "Task updated")
        .with(json!({ "instance": id, "task": args.description, "issue": args.issue })))
}
