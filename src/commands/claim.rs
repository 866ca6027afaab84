//! `aio claim`

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::beads::{self, Step};
use super::{check_words, targets, wait};
use crate::app::App;
use crate::cli::ClaimArgs;
use crate::error::{Failure, describe, no_such_project};
use crate::output::Report;
use crate::protocol::op::{ClaimRequest, Conflict, Grant, LostClaim, Op, Outcome, Request, Wait};
use crate::protocol::place::Kind;
use crate::protocol::spelling::shell_word;

pub(super) fn run(app: &App, args: &ClaimArgs) -> Result<Report, Failure> {
    check_words("reason", args.reason.as_deref().unwrap_or_default())?;
    let base = folder(app, args.project.as_deref())?;
    let (kind, words, base) = parse_words(app, &args.words, base)?;
    let mut wanted = Vec::new();
    for word in words {
        wanted.push(targets::wanted(app, kind, word, &base)?);
    }
    let milliseconds = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let request = ClaimRequest {
        wanted,
        shared: args.shared,
        ttl_ms: args.ttl.map(milliseconds),
        reason: args.reason.clone(),
        wait: args.wait.map(|timeout| Wait {
            id: app.new_id(),
            process: app.own_process(),
            timeout_ms: milliseconds(timeout),
            again: false,
        }),
        ..ClaimRequest::default()
    };
    let outcome = hold(app, request).map_err(|failure| with_next_command(failure, &args.words))?;
    let begun = beads::follow(app, &new_in(&outcome), Step::Begun);
    let mut report = report(outcome);
    report.notes.extend(begun);
    Ok(report)
}

/// What was not held before.
fn new_in(outcome: &Outcome) -> Vec<Grant> {
    let Outcome::Claimed { grants, .. } = outcome else { return Vec::new() };
    grants.iter().filter(|grant| !grant.held_before).cloned().collect()
}

/// Whoever is refused may wait in line, and is told how.
fn with_next_command(mut failure: Failure, words: &[OsString]) -> Failure {
    if failure.code == "held" {
        let words: Vec<String> = words.iter().map(shell_word).collect();
        let dashes = if words.iter().any(|word| word.starts_with('-')) { "-- " } else { "" };
        failure.hints = vec![format!("work on something else, or aio claim --wait {dashes}{}", words.join(" "))];
    }
    failure
}

/// Holds what is asked for: answered from a look at the state where that suffices, else committed, else waited for.
///
/// # Errors
/// A refusal, or whatever kept it from being written.
fn hold(app: &App, request: ClaimRequest) -> Result<Outcome, Failure> {
    let waits = request.wait.is_some();
    let (caller, preview) = app.preview(&Op::Claim(request.clone()))?;
    match preview {
        Some(answer) if !waits || answer.is_ok() => answer,
        _ => commit(app, &caller, request),
    }
}

/// Holds what is asked for as `caller`, or waits for it. Only here do claims get ids: most that are refused need none.
///
/// # Errors
/// A refusal, or whatever kept it from being written.
pub fn commit(app: &App, caller: &str, mut request: ClaimRequest) -> Result<Outcome, Failure> {
    for wanted in &mut request.wanted {
        wanted.id = app.new_id().into();
    }
    // Before there is a place in the queue that a signal would have to give up.
    let signal = request.wait.is_some().then(|| wait::caught_signals(app)).transpose()?;
    let request = Request { actor: Some(caller.to_owned()), op: Op::Claim(request) };
    match (app.transact(&request)?, signal) {
        (Outcome::Waiting { conflicts }, Some(signal)) => wait::until_granted(app, &request, &conflicts, &signal),
        (outcome, _) => Ok(outcome),
    }
}

/// The folder relative targets start in.
fn folder(app: &App, project: Option<&OsStr>) -> Result<PathBuf, Failure> {
    let Some(project) = project else { return Ok(app.cwd.clone()) };
    let folder = app.physical(None, Path::new(project))?.path;
    if !folder.is_dir() {
        return Err(no_such_project(&folder));
    }
    Ok(folder)
}

/// `[kind] target… [project]`. A first word that is no kind is a file, unless it can only be a kind misspelled; a last word
/// after a kind that is the folder around the targets is the project, as the original scripts took it.
fn parse_words<'w>(
    app: &App,
    words: &'w [OsString],
    base: PathBuf,
) -> Result<(Kind, &'w [OsString], PathBuf), Failure> {
    let kind = words[0].to_str().and_then(Kind::parse);
    let (kind, targets) = match kind {
        Some(kind) if words.len() == 1 => {
            return Err(Failure::usage(format!("which {kind}?")).hint(format!("aio claim {kind} <target>")));
        }
        Some(kind) => (kind, &words[1..]),
        None if words.len() > 1 && cannot_be_path(&words[0], &base) => {
            return Err(Failure::usage(format!("{:?} is no kind of claim", words[0]))
                .hint("use file, directory, pattern, task or resource; ./NAME for a file of that name"));
        }
        None => return Ok((Kind::File, words, base)),
    };
    match targets.split_last() {
        Some((last, rest)) if !rest.is_empty() && is_project_of(app, last, rest, &base) => {
            Ok((kind, rest, PathBuf::from(last)))
        }
        _ => Ok((kind, targets, base)),
    }
}

fn cannot_be_path(word: &OsStr, base: &Path) -> bool {
    let looks_like_one = word.as_encoded_bytes().iter().any(|byte| matches!(byte, b'/' | b'.'));
    !looks_like_one && !base.join(word).exists()
}

/// An absolute folder that is not below any of the targets before it: to claim it too would make them pointless.
fn is_project_of(app: &App, last: &OsStr, targets: &[OsString], base: &Path) -> bool {
    let folder = Path::new(last);
    let contains = |target: &OsString| {
        let resolved = app.physical(Some(base), Path::new(target));
        Path::new(target).is_relative() || resolved.is_ok_and(|resolved| resolved.path.starts_with(folder))
    };
    folder.is_absolute() && folder.is_dir() && targets.iter().all(contains)
}

/// Says what is held now, at whose cost, and what it will meet when it is merged.
pub fn report(outcome: Outcome) -> Report {
    let Outcome::Claimed { grants, taken_over, shadows } = outcome else { return Report::silent("claimed") };
    let mut report = Report::silent("claimed").with(json!({
        "claims": grants, "takenOver": taken_over, "worktrees": shadows,
    }));
    report.lines = grants.iter().map(|grant| format!("Claimed: {}", grant.id).into()).collect();
    report.notes.extend(taken_over.iter().map(taken_over_line));
    report.notes.extend(shadows.iter().map(shadow_line));
    report
}

fn taken_over_line(lost: &LostClaim) -> String {
    format!("took over the {} {} from {}: {}", lost.kind, lost.target, lost.from, lost.reason)
}

/// What two worktrees of one repository will meet when they are merged.
pub fn shadow_line(conflict: &Conflict) -> String {
    format!("a merge conflict ahead: {}", describe(conflict))
}
