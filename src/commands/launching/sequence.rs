//! Jobs that run one after the other, watched until all of them have ended: whoever asked for them waits for that.

use std::time::Duration;

use serde_json::{Value, json};

use super::watching::on_its_way;
use super::{App, Exit, Failure, Interruption, Line, NewJob, Report, Style, line, unspell};
use crate::app::pause;
use crate::commands::jobs::entries;
use crate::commands::jobs::evidence::{Seen, look_all};
use crate::output::{Progress, Step};
use crate::protocol::fleet::{Job, Standing, standing};

const GLANCE: Duration = Duration::from_millis(250);

/// Watches until each has ended, will not begin, or is without the process that would write down how it ended; then says of
/// each how it stands.
///
/// # Errors
/// When the state cannot be read. The jobs go on.
pub(super) fn until_ended(
    app: &App,
    jobs: &[NewJob],
    mut report: Report,
    interruption: &Interruption,
) -> Result<Report, Failure> {
    let mut progress = Progress::new(app.output);
    let mut orphaned_before = false;
    while !interruption.came() {
        let Glance { steps, ended, is_orphaned } = glance(app, jobs)?;
        progress.show(&steps, &format!("{ended}/{} ended", jobs.len()));
        // A parent that was seen to be gone may have written the end just before: then it is there at the second look.
        if ended == jobs.len() || is_orphaned && orphaned_before {
            break;
        }
        orphaned_before = is_orphaned;
        pause(GLANCE);
    }
    drop(progress);
    let seen = seen(app, jobs)?;
    report.lines.extend(seen.iter().map(told));
    if let Value::Object(data) = &mut report.data {
        data.insert("ends".to_owned(), seen.iter().map(row).collect());
    }
    if !interruption.came() {
        let next = next(&seen);
        report.notes.push(format!("{}; next: {next}", summary(&seen)));
        report.hints = next.split("; ").map(str::to_owned).collect();
    }
    if !seen.iter().all(is_well) {
        report.exit = Exit::Refused;
        report.code = "not-done";
    }
    Ok(report)
}

/// How far all of them are.
struct Glance {
    steps: Vec<Step>,
    ended: usize,
    /// Whether one has nobody who would write down how it ended.
    is_orphaned: bool,
}

fn glance(app: &App, jobs: &[NewJob]) -> Result<Glance, Failure> {
    app.with_state(|state| {
        let evidence = app.evidence_of_jobs(state);
        let ours = of(entries(state)?, jobs);
        let has_ended = |job: &&Job<'_>| job.stage != *"running" && job.stage != *"queued";
        Ok(Glance {
            // What was removed long ago is remembered no longer.
            ended: jobs.len() - ours.len() + ours.iter().filter(has_ended).count(),
            is_orphaned: ours.iter().any(|job| job.is_orphaned(&evidence)),
            steps: ours.iter().map(|job| on_its_way(app, job, standing(job, false, &evidence))).collect(),
        })
    })
}

fn seen(app: &App, jobs: &[NewJob]) -> Result<Vec<Seen>, Failure> {
    app.with_state(|state| {
        let ours = of(entries(state)?, jobs);
        Ok(look_all(app, state, &ours.iter().collect::<Vec<_>>()).0)
    })
}

/// Those of all jobs, in the order in which they run.
fn of<'a>(all: Vec<Job<'a>>, jobs: &[NewJob]) -> Vec<Job<'a>> {
    all.into_iter().filter(|job| jobs.iter().any(|new| job.id == *new.id)).collect()
}

fn is_well(seen: &Seen) -> bool {
    matches!(seen.standing, Standing::Done | Standing::Review)
}

/// Whether it was to come after one that did not end well.
fn is_skipped(seen: &Seen) -> bool {
    seen.standing == Standing::Stopped && seen.attempt == 0
}

fn word(seen: &Seen) -> String {
    if is_skipped(seen) { "SKIPPED".to_owned() } else { seen.standing.name().to_uppercase() }
}

fn told(seen: &Seen) -> Line {
    let style = match seen.standing {
        Standing::Done | Standing::Review => Style::Good,
        Standing::Failed | Standing::Crashed => Style::Bad,
        Standing::Queued | Standing::Stopped => Style::Faint,
        _ => Style::Notice,
    };
    let why = match why(seen) {
        "" => String::new(),
        why => format!(": {why}"),
    };
    line(style, &word(seen), &format!("{}  {}{why}", seen.id, unspell(&seen.folder).display()))
}

/// Why it did not end well; of one whose parent is gone, what there is to say of that.
fn why(seen: &Seen) -> &str {
    let known = if seen.failure.is_empty() && seen.is_orphaned { &seen.remark } else { &seen.failure };
    known.split("; next: ").next().unwrap_or_default()
}

fn row(seen: &Seen) -> Value {
    json!({ "job": seen.id, "state": seen.standing.name(), "failure": why(seen) })
}

/// How many stand how, in the order in which they come first.
fn summary(seen: &[Seen]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for word in seen.iter().map(word) {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.iter().map(|(word, count)| format!("{count} {}", word.to_lowercase())).collect::<Vec<_>>().join(", ")
}

fn next(seen: &[Seen]) -> String {
    let to_review: Vec<&Seen> = seen.iter().filter(|seen| seen.standing == Standing::Review).collect();
    match seen.iter().find(|seen| !is_well(seen) && !is_skipped(seen)) {
        Some(bad) if bad.is_orphaned => "aio cleanup, then aio jobs".to_owned(),
        Some(bad) => format!("aio logs {0}; aio retry {0}", bad.id),
        None if to_review.is_empty() => "aio jobs".to_owned(),
        None => once_reviewed(&to_review),
    }
}

/// What is brought home together is of one project. Of what is not committed `aio jobs` says what to do.
fn once_reviewed(to_review: &[&Seen]) -> String {
    let (committed, rest): (Vec<&Seen>, Vec<&Seen>) =
        to_review.iter().partition(|seen| seen.commits.is_some_and(|commits| commits > 0));
    let mut next = vec![format!("aio diff {}", to_review[0].id)];
    for of_one in committed.chunk_by(|one, other| one.folder == other.folder) {
        let ids: Vec<&str> = of_one.iter().map(|seen| &*seen.id).collect();
        next.push(format!("aio merge {}", ids.join(" ")));
    }
    next.extend((!rest.is_empty()).then(|| "aio jobs".to_owned()));
    next.join("; ")
}
