//! `aio guard`

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::targets;
use crate::app::App;
use crate::cli::GuardArgs;
use crate::error::{Exit, Failure, describe, lost_line};
use crate::output::Report;
use crate::protocol::apply;
use crate::protocol::op::{Conflict, LostClaim, Op, Outcome, Request};
use crate::protocol::place::Prepared;
use crate::protocol::query;
use crate::protocol::state::Wanted;

pub(super) fn run(app: &App, args: &GuardArgs) -> Result<Report, Failure> {
    let (paths, base) = if args.staged { staged(app)? } else { (args.paths.clone(), app.cwd.clone()) };
    let mut wanted = Vec::new();
    for path in &paths {
        wanted.push(targets::any_path(app, path, &base)?);
    }
    if wanted.is_empty() {
        return Ok(Report::silent("guarded"));
    }
    match app.identify_if_any()? {
        Some(_) => agent(app, wanted),
        None => person(app, &wanted, args.strict),
    }
}

/// An agent is refused.
fn agent(app: &App, wanted: Vec<Wanted<'static>>) -> Result<Report, Failure> {
    let op = Op::Guard { wanted };
    let (caller, preview) = app.preview(&op)?;
    let outcome = preview.unwrap_or_else(|| app.transact(&Request { actor: Some(caller), op }));
    match outcome.map_err(refused)? {
        Outcome::Guarded { lost } if !lost.is_empty() => Err(changed_hands(&lost)),
        _ => Ok(Report::silent("guarded")),
    }
}

fn refused(mut failure: Failure) -> Failure {
    if failure.code == "held" {
        failure.answer = None;
        failure.hints = vec!["leave these paths out, or aio claim them with --wait".to_owned()];
    }
    failure
}

fn changed_hands(lost: &[LostClaim]) -> Failure {
    let all: Vec<String> = lost.iter().map(lost_line).collect();
    let mut failure = Failure::new(Exit::Refused, "lost", all.join("; "))
        .hint("read them again, then repeat this: it is refused once");
    failure.retryable = true;
    failure.data = json!({ "lost": lost });
    failure
}

/// A person is told, and decides.
fn person(app: &App, wanted: &[Wanted<'_>], strict: bool) -> Result<Report, Failure> {
    let places: Vec<Prepared<'_>> = wanted.iter().map(Prepared::new).collect();
    let held: Vec<Conflict> = app.with_state(|state| {
        let evidence = app.evidence(state, &apply::holders_around(state, &places));
        Ok(places.iter().flat_map(|place| query::verdict(place, None, state, &evidence).held).collect())
    })?;
    let mut lines: Vec<String> = held.iter().map(describe).collect();
    // Both names of what was renamed.
    lines.dedup();
    let mut report =
        Report::silent(if held.is_empty() { "guarded" } else { "held" }).with(json!({ "conflicts": held }));
    if strict && !held.is_empty() {
        report.exit = Exit::Refused;
    }
    report.lines = lines.into_iter().map(Into::into).collect();
    Ok(report)
}

/// What git has staged, and the folder its names are relative to.
fn staged(app: &App) -> Result<(Vec<OsString>, PathBuf), Failure> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let root = root.strip_suffix(b"\n").unwrap_or(&root).to_vec();
    let names = git(&["diff", "--cached", "--name-only", "--no-renames", "-z"])?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let base = app.cwd.join(OsString::from_vec(root));
    Ok((names.map(|name| OsString::from_vec(name.to_vec())).collect(), base))
}

fn git(args: &[&str]) -> Result<Vec<u8>, Failure> {
    let output = Command::new("git").args(args).output();
    let output = output.map_err(|error| Failure::environment(format!("git cannot be run: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::environment(format!("git {}: {}", args.join(" "), said.trim())).hint("run it inside a git repository"))
}
