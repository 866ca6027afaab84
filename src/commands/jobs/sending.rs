//! `aio send`: words for jobs that run. They are left for each, handed over when its turn is over, and their way is written
//! down as a task's is.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ending::Ending;
use super::evidence::stopped_parent;
use super::{entries, with_job};
use crate::app::{App, pause};
use crate::cli::SendArgs;
use crate::commands::interrupting::Interruption;
use crate::commands::{projects, wording};
use crate::error::{Exit, Failure};
use crate::fleet::files::{ENDED_BEFORE, JobFiles, Message, Receipt};
use crate::fleet::profile::Runtime;
use crate::output::{Line, Report, Style};
use crate::protocol::fleet::{Delivery, EVERY, Job};

const GLANCE: Duration = Duration::from_millis(100);

/// A message, and the job that it is for.
struct Sent {
    job: String,
    message: String,
}

pub(in crate::commands) fn run(app: &App, args: &SendArgs) -> Result<Report, Failure> {
    let text = wording::message(app, &args.words)?;
    let (ids, sat_at) = reachable(app, addressees(app, &args.to)?)?;
    let mut report = Report::silent("sent");
    report.notes.extend(sat_at);
    report.notes.extend(halted(app, &ids)?);
    let mut sent = Vec::new();
    for job in &ids {
        sent.push(Sent { message: leave(app, job, &text)?, job: job.clone() });
    }
    match args.wait {
        Some(limit) => wait(app, report, &sent, limit, &ids),
        None => {
            report.lines.extend(ids.iter().map(|id| Line::from(format!("Left for {id}"))));
            Ok(report.with(json!({ "jobs": ids })))
        }
    }
}

/// Waits until it is known of each what became of it, or nothing more can.
fn wait(app: &App, mut report: Report, sent: &[Sent], limit: Duration, ids: &[String]) -> Result<Report, Failure> {
    let interruption = Interruption::catch(None)?;
    let deadline = Instant::now() + limit;
    let (receipts, ended) = loop {
        let known: Vec<(Receipt, bool)> = sent.iter().map(|sent| sent.receipt(app)).collect::<Result<_, _>>()?;
        // Nothing is handed over to a job that has ended.
        let is_known = known.iter().all(|(receipt, has_ended)| *has_ended || receipt.is_final());
        if is_known || Instant::now() >= deadline || interruption.came() {
            break known.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        }
        pause(GLANCE);
    };
    report.lines.extend(sent.iter().zip(&receipts).map(|(sent, receipt)| line(&sent.job, receipt)));
    let rows: Vec<Value> = sent.iter().zip(&receipts).map(|(sent, receipt)| row(&sent.job, receipt)).collect();
    report = report.with(json!({ "jobs": ids, "receipts": rows }));
    let is_taken = |receipt: &Receipt| receipt.delivery == Delivery::Acknowledged;
    let missing: Vec<&str> =
        sent.iter().zip(&receipts).filter(|(_, receipt)| !is_taken(receipt)).map(|(sent, _)| &*sent.job).collect();
    if missing.is_empty() {
        return Ok(report);
    }
    if interruption.came() {
        let undone = format!("left, and not taken yet: {}", missing.join(" "));
        return Ok(interruption.end(app, report, &undone, Some(ids)));
    }
    report.exit = Exit::Refused;
    report.code = "not-taken";
    let untaken = || sent.iter().zip(&receipts).zip(&ended).filter(|((_, receipt), _)| !is_taken(receipt));
    let of = |is_left: bool, has_ended: Option<bool>| -> Vec<&str> {
        let is_of = |receipt: &Receipt, ended: bool| {
            (receipt.delivery == Delivery::Queued) == is_left && has_ended.is_none_or(|has_ended| has_ended == ended)
        };
        untaken().filter(|((_, receipt), ended)| is_of(receipt, **ended)).map(|((sent, _), _)| &*sent.job).collect()
    };
    let (left, kept, unsure) = (of(true, Some(false)), of(true, Some(true)), of(false, None));
    if !left.is_empty() {
        let when = "handed over by itself as soon as a turn is over there: do not send it again";
        report.notes.push(format!("left for {}, and {when}; next: aio jobs", left.join(" ")));
    }
    if !kept.is_empty() {
        let is_removed = |id: &str| with_job(app, id, |_, job| Ok(job.stage == *"removed")).unwrap_or(false);
        let again = |id: &&str| format!("aio {} {id}", if is_removed(id) { "retry" } else { "resume" });
        let next = kept.iter().map(again).collect::<Vec<_>>().join("; ");
        report.notes.push(format!("not handed over to {}; next: {next}", kept.join(" ")));
    }
    if let Some(first) = unsure.first() {
        let next = format!("aio jobs, aio logs {first}");
        report.notes.push(format!("to {}: it is not sent again by itself; next: {next}", unsure.join(" ")));
    }
    Ok(report)
}

impl Sent {
    /// What is known of it, and whether the job has ended. In the inbox of one that has it stays.
    fn receipt(&self, app: &App) -> Result<(Receipt, bool), Failure> {
        let job = Ending::find(app, &self.job)?;
        let has_ended = job.is_orphaned || job.stage != "running" && job.stage != "queued";
        // Read after that: what was written before the end is there now.
        let mut receipt = JobFiles::of(app.store.dir(), &self.job).receipt(&self.message);
        match receipt.delivery {
            _ if !has_ended || receipt.is_final() => {}
            Delivery::Queued if job.stage == "removed" => receipt.words = "the job was removed".to_owned(),
            Delivery::Queued => receipt.words = "the job has ended; aio resume hands it over".to_owned(),
            _ => {
                receipt = Receipt { delivery: Delivery::Unconfirmed, words: ENDED_BEFORE.to_owned() };
            }
        }
        Ok((receipt, has_ended))
    }
}

fn line(job: &str, receipt: &Receipt) -> Line {
    let style = match receipt.delivery {
        Delivery::Acknowledged => Style::Good,
        Delivery::Unconfirmed => Style::Bad,
        Delivery::Queued | Delivery::Delivered => Style::Notice,
    };
    let words = if receipt.words.is_empty() { String::new() } else { format!(" ({})", receipt.words) };
    Line(vec![(Style::Plain, format!("{job}: ")), (style, receipt.delivery.name().to_owned()), (Style::Plain, words)])
}

fn row(job: &str, receipt: &Receipt) -> Value {
    json!({ "job": job, "delivery": receipt.delivery.name(), "receipt": receipt.words })
}

/// Nothing can be typed where somebody sits: those jobs hear of it by their hooks, if they are told.
fn reachable(app: &App, ids: Vec<String>) -> Result<(Vec<String>, Option<String>), Failure> {
    let is_sat_at = |id: &String| {
        with_job(app, id, |_, job| Ok((job.runtime == *Runtime::Terminal.name()).then(|| job.instance.to_string())))
    };
    let mut told = Vec::new();
    let mut reached = Vec::new();
    for id in ids {
        match is_sat_at(&id)? {
            Some(instance) => told.push((id, instance)),
            None => reached.push(id),
        }
    }
    let Some((first, instance)) = told.first() else { return Ok((reached, None)) };
    let hint = match &**instance {
        "" => "say it there".to_owned(),
        instance => format!("aio tell {instance} \"…\""),
    };
    let ids: Vec<&str> = told.iter().map(|(id, _)| id.as_str()).collect();
    let message = format!("{} has the terminal it was started in, and aio cannot type there", ids.join(", "));
    match reached.is_empty() {
        true => Err(Failure::new(Exit::Refused, "no-terminal", message).hint(hint)),
        false => Ok((reached, Some(format!("not to {first}: {message}; next: {hint}")))),
    }
}

/// What is to be done where nobody hands anything over: a signal stopped the parent.
fn halted(app: &App, ids: &[String]) -> Result<Vec<String>, Failure> {
    app.with_state(|state| {
        let evidence = app.evidence_of_jobs(state);
        let jobs = entries(state)?;
        let addressed = jobs.iter().filter(|job| ids.iter().any(|id| *id == *job.id));
        let note = |job: &Job<'_>| {
            let (id, parent) = (&*job.id, stopped_parent(job, &evidence)?);
            Some(format!("the aio process of {id} is stopped, and hands nothing over; next: kill -CONT {parent}"))
        };
        Ok(addressed.filter_map(note).collect())
    })
}

/// The jobs that run, of all, of one project, or one by its id.
fn addressees(app: &App, to: &str) -> Result<Vec<String>, Failure> {
    let one = with_job(app, to, |state, job| {
        Ok((job.id.to_string(), job.stage.to_string(), job.is_orphaned(&app.evidence_of_jobs(state))))
    });
    match one {
        Ok((id, _, true)) => {
            let message = format!("{id} has crashed: its aio process is gone");
            let hint = format!("aio cleanup, then {}", again(app, &id));
            return Err(Failure::new(Exit::Refused, "ended", message).hint(hint));
        }
        Ok((id, stage, _)) if stage == "running" || stage == "queued" => return Ok(vec![id]),
        Ok((id, stage, _)) if stage == "removed" => {
            let message = format!("{id} was removed");
            return Err(Failure::new(Exit::Refused, "ended", message).hint(format!("aio retry {id}")));
        }
        Ok((id, stage, _)) => {
            let hint = again(app, &id);
            return Err(Failure::new(Exit::Refused, "ended", format!("{id} has {stage}")).hint(hint));
        }
        Err(failure) if failure.code == "ambiguous" => return Err(failure),
        Err(_) => {}
    }
    let unknown = |failure: Failure| match failure.code {
        "unknown" => Failure { message: format!("no job and no project {to:?}"), ..failure }.hint("aio jobs"),
        _ => failure,
    };
    let project = match to {
        EVERY => None,
        _ => Some(projects::resolve(app, OsStr::new(to)).map_err(unknown)?),
    };
    let is_of = project.as_ref().map(projects::is_of);
    let ids = app.with_state(|state| {
        let jobs = entries(state)?;
        let evidence = app.evidence_of_jobs(state);
        let is_meant = |job: &&Job<'_>| job.occupies(&evidence) && is_of.as_ref().is_none_or(|is_of| is_of(job));
        Ok(jobs.iter().filter(is_meant).map(|job| job.id.to_string()).collect::<Vec<_>>())
    })?;
    let of = if to == EVERY { String::new() } else { format!(" of {to}") };
    if ids.is_empty() { Err(Failure::usage(format!("no job{of} runs")).hint("aio jobs")) } else { Ok(ids) }
}

/// How a job that has ended is told something.
fn again(app: &App, id: &str) -> String {
    let is_sat_at = with_job(app, id, |_, job| Ok(job.runtime == *Runtime::Terminal.name())).unwrap_or(false);
    if is_sat_at { format!("aio resume {id}, and say it there") } else { format!("aio resume {id} \"…\"") }
}

/// Leaves words for a job. Gives the message's id.
///
/// # Errors
/// When they cannot be written.
pub(super) fn leave(app: &App, job: &str, text: &str) -> Result<String, Failure> {
    let message = Message { id: app.new_id(), text: text.to_owned() };
    let left = JobFiles::of(app.store.dir(), job).leave(&message);
    left.map_err(|error| {
        let message = format!("the message cannot be left for {job}: {error}");
        let is_full =
            matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
        Failure::environment(message).hint(if is_full { "free some space, then send it again" } else { "aio doctor" })
    })?;
    Ok(message.id)
}
