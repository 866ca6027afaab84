//! `aio release`

use serde_json::json;

use super::beads::{self, Step};
use super::{check_words, targets};
use crate::app::App;
use crate::cli::ReleaseArgs;
use crate::error::Failure;
use crate::output::Report;
use crate::protocol::op::{Op, Outcome, ReleaseRequest, ReleaseTarget, Request};
use crate::protocol::place::Kind;

pub(super) fn run(app: &App, args: &ReleaseArgs) -> Result<Report, Failure> {
    check_words("reason", args.reason.as_deref().unwrap_or_default())?;
    let all = args.words.len() == 1 && args.words[0] == "all";
    let targets = if all { Vec::new() } else { args.words.iter().map(|word| target(app, word)).collect() };
    if let Some(empty) = targets.iter().find(|target: &&ReleaseTarget| target.word.is_empty()) {
        return Err(Failure::usage(format!("{:?} names no claim", empty.word)).hint("aio status"));
    }
    let op = Op::Release(ReleaseRequest { targets, force: args.force, reason: args.reason.clone() });
    let outcome = app.transact(&Request { actor: caller(app, args)?, op })?;
    let Outcome::Released { claims } = outcome else { return Ok(Report::silent("released")) };
    let mut report = Report::done("released", "Released").with(json!({ "claims": claims }));
    report.notes = beads::follow(app, &claims, if args.done { Step::Done } else { Step::PutBack });
    Ok(report)
}

/// A person may release by force without taking part.
fn caller(app: &App, args: &ReleaseArgs) -> Result<Option<String>, Failure> {
    if args.force { app.identify_if_any() } else { app.identify().map(Some) }
}

/// Everything a word may mean; which of it is claimed is for the state to say.
fn target(app: &App, word: &std::ffi::OsStr) -> ReleaseTarget {
    let kinds = [Kind::Pattern, Kind::Task, Kind::Resource];
    let path = targets::any_path(app, word, &app.cwd);
    let others = kinds.map(|kind| targets::wanted(app, kind, word, &app.cwd));
    let places = std::iter::once(path).chain(others).filter_map(Result::ok).collect();
    ReleaseTarget { word: word.to_string_lossy().into_owned(), places }
}
