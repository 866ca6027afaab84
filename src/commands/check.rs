//! `aio check`

use std::path::Path;

use serde_json::{Value, json};

use super::{claim, targets};
use crate::app::{App, Greeting, wall_ms};
use crate::cli::CheckArgs;
use crate::error::{Exit, Failure};
use crate::output::{Line, Report, Style};
use crate::protocol::op::Conflict;
use crate::protocol::place::Prepared;
use crate::protocol::query::{self, Verdict};
use crate::protocol::state::{State, Wanted};
use crate::protocol::{apply, time};

pub(super) fn run(app: &App, args: &CheckArgs) -> Result<Report, Failure> {
    let base = match &args.project {
        Some(project) => app.physical(None, Path::new(project))?.path,
        None => app.cwd.clone(),
    };
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    for path in &args.paths {
        wanted.push(targets::any_path(app, path, &base)?);
    }
    let places: Vec<Prepared<'_>> = wanted.iter().map(Prepared::new).collect();
    let (verdicts, caller, greeting) = app.store.read_around(&places, |state| ask(app, &places, &state))??;
    if let Some(caller) = caller {
        app.greet(&caller, greeting);
    }
    let shown: Vec<String> = args.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    Ok(report(app, &shown, &verdicts))
}

type Answers = (Vec<Verdict>, Option<String>, Greeting);

fn ask(app: &App, places: &[Prepared<'_>], state: &State<'_>) -> Result<Answers, Failure> {
    if state.claims.is_empty() && state.waiters.is_empty() && !app.is_named() && !app.may_owe_greeting(state) {
        return Ok((vec![Verdict::default(); places.len()], None, Greeting::None));
    }
    let caller = app.caller_if_any(state)?;
    let mut concerned = apply::holders_around(state, places);
    concerned.extend(state.waiters.iter().filter_map(|waiter| state.instance(&waiter.instance_id)));
    let evidence = app.evidence_for_answer(state, &concerned);
    let verdicts = places.iter().map(|place| query::verdict(place, caller.as_deref(), state, &evidence)).collect();
    let greeting = caller.as_ref().map_or(Greeting::None, |caller| app.greeting(state, caller));
    Ok((verdicts, caller, greeting))
}

fn report(app: &App, paths: &[String], verdicts: &[Verdict]) -> Report {
    let held = verdicts.iter().any(|verdict| !verdict.held.is_empty() || !verdict.in_line.is_empty());
    let mut report = Report::silent(if held { "held" } else { "available" });
    report.exit = if held { Exit::Refused } else { Exit::Done };
    let now_ms = wall_ms();
    for (path, verdict) in paths.iter().zip(verdicts) {
        let suffix = if paths.len() > 1 { format!("  {path}") } else { String::new() };
        report.lines.push(line(verdict, suffix, now_ms));
        report.notes.extend(verdict.shadows.iter().map(claim::shadow_line));
    }
    if app.output.json {
        let details: Vec<Value> = paths.iter().zip(verdicts).map(|(path, verdict)| details(path, verdict)).collect();
        report.data = json!({ "paths": details });
    }
    report
}

fn line(verdict: &Verdict, suffix: String, now_ms: i64) -> Line {
    let suffix = (Style::Plain, suffix);
    if let Some(conflict) = verdict.held.first().or(verdict.in_line.first()) {
        let text = format!("CLAIMED by {} ({}: {})", conflict.holder, conflict.kind, conflict.target);
        return Line(vec![(Style::Bad, text), (Style::Plain, about(conflict, now_ms)), suffix]);
    }
    match verdict.own.first() {
        Some(own) => Line(vec![(Style::Good, format!("YOURS {} ({}: {})", own.id, own.kind, own.target)), suffix]),
        None => Line(vec![(Style::Good, "AVAILABLE".to_owned()), suffix]),
    }
}

/// Purpose and age.
fn about(conflict: &Conflict, now_ms: i64) -> String {
    let since =
        time::unix_ms(&conflict.since).map_or(0, |then| u64::try_from(now_ms.saturating_sub(then)).unwrap_or(0));
    let verb = if conflict.waiting { "in line for" } else { "for" };
    let reason = if conflict.reason.is_empty() { String::new() } else { format!(", {:?}", conflict.reason) };
    let task = conflict.task.as_ref().map_or_else(String::new, |task| format!(", working on {task:?}"));
    format!(" {verb} {}{reason}{task}, last seen {} ago", time::span(since), time::span(conflict.last_seen_ms))
}

fn details(path: &str, verdict: &Verdict) -> Value {
    let blocked = !verdict.held.is_empty() || !verdict.in_line.is_empty();
    let state = if blocked {
        "claimed"
    } else if verdict.own.is_empty() {
        "available"
    } else {
        "yours"
    };
    json!({
        "path": path, "state": state, "held": verdict.held, "inLine": verdict.in_line, "own": verdict.own,
        "worktrees": verdict.shadows,
    })
}
