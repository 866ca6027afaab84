//! `aio jobs`: who does what where, and how it stands, from evidence.

pub(super) mod bringing;
pub(super) mod ending;
pub(super) mod evidence;
mod remarks;
pub(super) mod reporting;
pub(super) mod sending;
pub(super) mod steering;

use std::time::Duration;

use serde_json::{Value, json};

use self::evidence::{Seen, look_all};
use super::interrupting::Interruption;
use super::projects;
use crate::app::App;
use crate::cli::JobsArgs;
use crate::error::Failure;
use crate::fleet::profile::Runtime;
use crate::fleet::tmux::{Tmux, TmuxError};
use crate::output::{Line, Report, Style, count};
use crate::protocol::fleet::{Job, Standing, find_job};
use crate::protocol::op::Refusal;
use crate::protocol::state::State;
use crate::protocol::time;
use crate::store::watch::Changes;
use crate::table::{Cell, Table};

/// Who waits so long wonders what for.
const WORTH_NAMING: Duration = Duration::from_millis(200);
/// So long a list waits for tmux, which answers within milliseconds.
const TO_ANSWER: Duration = Duration::from_secs(1);

pub(super) fn run(app: &App, args: &JobsArgs) -> Result<Report, Failure> {
    if !args.watch {
        return once(app, args);
    }
    let changes = Changes::of(app.store.dir());
    let interruption = Interruption::catch(Some(changes.waker()))?;
    let mut shown: Vec<String> = Vec::new();
    loop {
        let report = match once(app, args) {
            Err(_) if interruption.came() => return Ok(interruption.end(app, Report::silent("jobs"), "", None)),
            looked => looked?,
        };
        let lines: Vec<String> = report.lines.iter().map(Line::plain).collect();
        if lines != shown {
            shown = lines;
            let written = match app.output.json {
                true => app.output.emit(&report.data),
                false => app.output.page(&report.lines),
            };
            if written.is_err() {
                return Ok(Report::silent("jobs"));
            }
        }
        changes.wait(Duration::from_secs(2));
        if interruption.came() {
            return Ok(interruption.end(app, Report::silent("jobs"), "", None));
        }
    }
}

fn once(app: &App, args: &JobsArgs) -> Result<Report, Failure> {
    let project = args.project.as_ref().map(|word| projects::resolve(app, word)).transpose()?;
    let is_wanted = project.as_ref().map(projects::is_of);
    let look = |state: &State<'_>| {
        let jobs = entries(state)?;
        let wanted = |job: &&Job<'_>| {
            (args.all || job.stage != *"removed") && is_wanted.as_ref().is_none_or(|is_wanted| is_wanted(job))
        };
        let hidden = jobs.iter().filter(|job| !args.all && job.stage == *"removed" && !job.rescue.is_empty()).count();
        let (seen, git) = look_all(app, state, &jobs.iter().filter(wanted).collect::<Vec<_>>());
        Ok((seen, git, hidden))
    };
    let (mut seen, mut git, mut hidden) = app.with_state(look)?;
    if seen.iter().any(|seen| seen.is_orphaned) {
        // A parent that was seen to be gone may have written the end just after its record was read.
        (seen, git, hidden) = app.with_state(look)?;
    }
    let seen: Vec<Seen> = seen.into_iter().filter(|seen| !args.running || seen.runs()).collect();
    let asked = json!({ "worktrees": git.worktrees, "ms": git.took.as_secs_f64() * 1e3 });
    let mut report =
        Report::silent("jobs").with(json!({ "jobs": seen.iter().map(value).collect::<Vec<_>>(), "git": asked }));
    // A job is named by its id; its branch can be told from that, and a person who looks comes first for how it stands.
    let mut table = Table::new(&[9, 3, 2]).without(&[3, 7, 9, 5, 8]);
    seen.iter().for_each(|seen| table.row(row(seen)));
    report.lines = table.fit(app.output.width());
    report.lines.extend(remarks(&seen).into_iter().map(|remark| Line::of(Style::Faint, remark)));
    match to_look_into(app, &seen) {
        Ok(Some(first)) => report.lines.push(Line::of(Style::Faint, format!("to look into one: {}", first.attach))),
        Ok(None) => {}
        Err(error) => report.notes.push(format!("terminals were not looked at: {error}; next: {}", error.hint())),
    }
    if hidden > 0 {
        let words = format!("{} left work in rescue refs; next: aio jobs --all", count(hidden as u64, "removed job"));
        report.lines.push(Line::of(Style::Faint, words));
    }
    if git.took > WORTH_NAMING {
        report.notes.push(format!("git took {} ms to look at {} worktrees", git.took.as_millis(), git.worktrees));
    }
    if seen.is_empty() {
        report.lines.push(Line::of(Style::Faint, "No jobs: aio multi c:1 \"task\""));
    }
    Ok(report)
}

/// What is to be known or done of each; what is the same of several is said once.
fn remarks(seen: &[Seen]) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&Seen>)> = Vec::new();
    for seen in seen.iter().filter(|seen| !seen.remark.is_empty()) {
        let of_any = seen.remark.replace(&seen.id, "JOB");
        match groups.iter_mut().find(|(remark, _)| *remark == of_any) {
            Some((_, of)) => of.push(seen),
            None => groups.push((of_any, vec![seen])),
        }
    }
    let say = |(of_any, of): (String, Vec<&Seen>)| match &*of {
        [alone] => format!("{}: {}", alone.id, alone.remark),
        several => {
            let (ids, first) = (several.iter().map(|seen| &*seen.id).collect::<Vec<_>>().join(", "), several[0]);
            // What names one of them can be pasted as it stands.
            let which = if of_any == first.remark { String::new() } else { format!(", each as {}", first.id) };
            format!("{ids}{which}: {}", first.remark)
        }
    };
    groups.into_iter().map(say).collect()
}

/// The first that runs where it can be looked at. tmux is asked only where one runs there, and not for long.
fn to_look_into<'s>(app: &App, seen: &'s [Seen]) -> Result<Option<&'s Seen>, TmuxError> {
    let mut running = seen.iter().filter(|seen| seen.standing.is_running() && !seen.attach.is_empty()).peekable();
    if running.peek().is_none_or(|first| first.runtime != Runtime::Tmux.name()) {
        return Ok(running.next());
    }
    let panes = Tmux::new(app.store.dir()).limit(TO_ANSWER).panes()?;
    let is_there = |id: &str| panes.iter().any(|pane| pane.pane.job == id && !pane.has_ended);
    Ok(running.find(|seen| seen.runtime != Runtime::Tmux.name() || is_there(&seen.id)))
}

/// How a job stands, in a line.
pub(super) fn standing_line(seen: &Seen) -> Line {
    let why = if seen.failure.is_empty() { String::new() } else { format!(": {}", seen.failure) };
    Line(vec![
        (style(seen.standing), seen.standing.name().to_owned()),
        (Style::Plain, format!("  {}  {}{why}", seen.id, work(seen))),
    ])
}

fn row(seen: &Seen) -> Vec<Cell> {
    vec![
        Cell::new(Style::Strong, &*seen.id),
        Cell::new(if seen.is_given_up() { Style::Faint } else { style(seen.standing) }, state(seen)),
        Cell::plain(&*seen.project),
        Cell::new(Style::Faint, &*seen.branch),
        Cell::plain(time::span(seen.age_ms)),
        Cell::new(
            Style::Faint,
            seen.activity
                .as_ref()
                .map_or_else(String::new, |(ms, witness)| format!("{} ago ({witness})", time::span(*ms))),
        ),
        Cell::plain(work(seen)),
        Cell::plain(cost(seen)),
        Cell::plain(holds(seen)),
        Cell::plain(&*seen.title),
    ]
}

fn style(standing: Standing) -> Style {
    match standing {
        Standing::Working => Style::Good,
        Standing::WaitingForYou | Standing::Waiting | Standing::Review | Standing::Starting => Style::Notice,
        Standing::Failed | Standing::Crashed => Style::Bad,
        Standing::Queued | Standing::Done | Standing::Stopped => Style::Faint,
    }
}

/// How it stands, or that it was given up; while its agent is not known to have its task, also how far that has come.
fn state(seen: &Seen) -> String {
    let name = match seen.standing {
        _ if seen.is_given_up() => "removed".to_owned(),
        Standing::Waiting => format!("waiting until {}", remarks::clock(&seen.retry_at)),
        standing => standing.name().to_owned(),
    };
    match &*seen.delivery {
        "" | "acknowledged" => name,
        delivery if seen.standing.is_running() => format!("{name} (task {delivery})"),
        _ => name,
    }
}

/// What it holds, and what waits for it.
fn holds(seen: &Seen) -> String {
    let claims = (seen.claims > 0).then(|| format!("holds {}", seen.claims));
    claims.into_iter().chain(messages(seen)).collect::<Vec<_>>().join(", ")
}

/// What was sent to it and has not arrived, or is not known to have.
fn messages(seen: &Seen) -> impl Iterator<Item = String> {
    let waiting = if seen.is_removed { "never handed over" } else { "waiting" };
    let messages = [(seen.messages_waiting, waiting), (seen.messages_unconfirmed, "unconfirmed")];
    let messages = messages.into_iter().filter(|(number, _)| *number > 0);
    messages.map(|(number, how)| format!("{} {how}", count(number as u64, "message")))
}

/// What it made, as far as git can be asked.
fn work(seen: &Seen) -> String {
    let is_home = (seen.standing == Standing::Done || seen.is_removed) && !seen.merged.is_empty();
    match (seen.files, seen.commits) {
        (Some(files), Some(commits)) => {
            let merged = if is_home { ", merged" } else { "" };
            format!("{}, {}{merged}", count(files as u64, "file"), count(commits as u64, "commit"))
        }
        _ if seen.is_work_unknown => "unknown work".to_owned(),
        _ if is_home => "merged".to_owned(),
        _ => "no worktree".to_owned(),
    }
}

/// Tokens and cost, each with where it is from.
fn cost(seen: &Seen) -> String {
    let tokens = seen.input_tokens + seen.output_tokens;
    let tokens =
        if tokens == 0 { "unknown tokens".to_owned() } else { format!("{} tokens reported", thousands(tokens)) };
    match &*seen.cost_source {
        "" if seen.attempt == 0 => String::new(),
        "" => format!("{tokens}, unknown cost"),
        source => format!("{tokens}, {} {source}", dollars(seen.cost_micros)),
    }
}

/// Millionths of a dollar, in dollars and cents, to the nearest; what is less is not nothing.
fn dollars(micros: u64) -> String {
    match micros.saturating_add(5_000) / 10_000 {
        0 if micros > 0 => "<$0.01".to_owned(),
        cents => format!("${}.{:02}", cents / 100, cents % 100),
    }
}

fn thousands(number: u64) -> String {
    if number < 10_000 { number.to_string() } else { format!("{}k", number / 1000) }
}

fn value(seen: &Seen) -> Value {
    json!({
        "id": seen.id, "state": seen.standing.name(), "project": seen.project, "branch": seen.branch, "worktree": seen.worktree,
        "profile": seen.profile, "runtime": seen.runtime, "title": seen.title, "ageMs": seen.age_ms,
        "activityMs": seen.activity.as_ref().map(|(ms, _)| ms), "witness": seen.activity.as_ref().map(|(_, witness)| witness),
        "files": seen.files, "commits": seen.commits, "inputTokens": seen.input_tokens, "outputTokens": seen.output_tokens,
        "tokensSource": if seen.input_tokens + seen.output_tokens == 0 { "unknown" } else { "reported" },
        "costMicros": if seen.cost_source.is_empty() { Value::Null } else { seen.cost_micros.into() },
        "costSource": if seen.cost_source.is_empty() { "unknown" } else { &seen.cost_source },
        "claims": seen.claims, "delivery": seen.delivery, "receipt": seen.receipt, "attach": seen.attach,
        "exitCode": seen.exit_code, "signal": seen.signal, "failure": seen.failure, "said": seen.said,
        "rescue": seen.rescue, "merged": seen.merged, "attempt": seen.attempt, "question": seen.question, "turnWitness": seen.turn_witness,
        "removed": seen.is_removed, "deleted": seen.deleted, "messagesWaiting": seen.messages_waiting,
        "messagesUnconfirmed": seen.messages_unconfirmed, "orphans": seen.orphans,
        "retryAt": if seen.retry_at.is_empty() { Value::Null } else { (&*seen.retry_at).into() },
    })
}

/// The jobs of a state.
pub(super) fn entries<'a>(state: &State<'a>) -> Result<Vec<Job<'a>>, Failure> {
    Ok(state.jobs.entries().map_err(|error| Refusal::Malformed(error.to_string()))?)
}

/// Asks something of the job that somebody names.
///
/// # Errors
/// When there is none, or more than one, or `ask` fails.
pub(super) fn with_job<T>(
    app: &App,
    word: &str,
    mut ask: impl FnMut(&State<'_>, &Job<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    app.with_state(|state| {
        let jobs = entries(state)?;
        ask(state, find_job(&jobs, word)?)
    })
}

#[cfg(test)]
mod tests {
    use super::dollars;

    #[test]
    fn dollars_are_to_the_nearest_cent_and_less_is_not_nothing() {
        let shown = [0, 1, 4_999, 5_000, 9_900, 14_999, 15_000, 999_999, 12_345_678].map(dollars);
        assert_eq!(shown, ["$0.00", "<$0.01", "<$0.01", "$0.01", "$0.01", "$0.01", "$0.02", "$1.00", "$12.35"]);
        assert_eq!(dollars(u64::MAX), "$18446744073709.55");
    }
}
