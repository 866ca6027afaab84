//! `aio report`: what ran, how it ended, what it cost, what to look at first, what was kept.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde_json::json;

use super::evidence::{Seen, look_all};
use super::{cost, dollars, entries, messages, value, work};
use crate::app::App;
use crate::cli::ReportArgs;
use crate::error::Failure;
use crate::fleet::rescue::{self, FOLDER, Kept};
use crate::output::{Line, Report, Style, count};
use crate::protocol::fleet::{Job, Standing};
use crate::protocol::lease;
use crate::protocol::spelling::shell_word;
use crate::protocol::time;

/// The order in which a person wants to see them.
const SECTIONS: [&str; 7] = [NEEDS_YOU, "To review", "Running", "Queued", "Stopped", "Removed unmerged", "Done"];
const NEEDS_YOU: &str = "Needs you";

/// Where it belongs. Whatever became of a job, once it is removed it needs nobody.
fn section(seen: &Seen) -> &'static str {
    match seen.standing {
        _ if seen.is_given_up() => "Removed unmerged",
        _ if seen.is_removed => "Done",
        Standing::WaitingForYou | Standing::Crashed | Standing::Failed => NEEDS_YOU,
        Standing::Review => "To review",
        Standing::Working | Standing::Starting | Standing::Waiting => "Running",
        Standing::Queued => "Queued",
        Standing::Stopped => "Stopped",
        Standing::Done => "Done",
    }
}

fn of<'s>(seen: &'s [Seen], wanted: &str) -> Vec<&'s Seen> {
    seen.iter().filter(|seen| section(seen) == wanted).collect()
}

pub(in crate::commands) fn run(app: &App, args: &ReportArgs) -> Result<Report, Failure> {
    let since_ms = u64::try_from(args.since.as_millis()).unwrap_or(u64::MAX);
    let (seen, before) = app.with_state(|state| {
        let jobs = entries(state)?;
        let evidence = app.evidence(state, &[]);
        let is_recent = |job: &&Job<'_>| {
            let stamps = [&job.ended_at, &job.started_at, &job.queued_at, &job.removed_at];
            let newest =
                stamps.iter().filter(|stamp| !stamp.is_empty()).map(|stamp| lease::wall_age_ms(stamp, &evidence)).min();
            job.stage == *"running" || newest.is_some_and(|age| age <= since_ms)
        };
        let is_open = |job: &&Job<'_>| job.stage != *"removed";
        let shown: Vec<&Job<'_>> = jobs.iter().filter(|job| is_open(job) || is_recent(job)).collect();
        let seen = look_all(app, state, &shown).0.into_iter().zip(shown);
        let (recent, before): (Vec<_>, Vec<_>) = seen.partition(|(_, job)| is_recent(job));
        let seen = |all: Vec<(Seen, _)>| all.into_iter().map(|(seen, _)| seen);
        // Nobody has to look at it again only because it was done in time.
        Ok((seen(recent).collect::<Vec<_>>(), seen(before).filter(|seen| section(seen) != "Done").collect::<Vec<_>>()))
    })?;
    let mut report = Report::silent("report");
    let waiting = if before.is_empty() { String::new() } else { format!("; from before {}", counts(&before)) };
    let heading =
        format!("The last {}: {} ({}){waiting}", time::span(since_ms), count(seen.len() as u64, "job"), counts(&seen));
    report.lines.push(title(args, 1, &heading));
    for name in SECTIONS {
        let jobs = of(&seen, name);
        if jobs.is_empty() {
            continue;
        }
        report.lines.push("".into());
        report.lines.push(title(args, 2, name));
        jobs.iter().for_each(|seen| report.lines.extend(lines(args, seen)));
    }
    if !before.is_empty() {
        report.lines.push("".into());
        report.lines.push(title(args, 2, "From before"));
        let in_order = SECTIONS.iter().flat_map(|name| of(&before, name));
        in_order.for_each(|seen| report.lines.extend(lines(args, seen)));
    }
    let kept: Vec<&Seen> = seen.iter().filter(|seen| !seen.rescue.is_empty()).collect();
    if !kept.is_empty() {
        report.lines.push("".into());
        report.lines.push(title(args, 2, "Kept when removed"));
        let homes: BTreeSet<(&str, &Path)> = kept.iter().map(|seen| (&*seen.project, &*seen.home)).collect();
        let refs: HashMap<&Path, Vec<Kept>> =
            homes.iter().filter_map(|(_, home)| Some((*home, rescue::all_kept(home).ok()?))).collect();
        kept.iter().for_each(|seen| report.lines.extend(kept_lines(args, seen, refs.get(&*seen.home))));
        let all =
            |(name, home)| format!("All that was kept in {name}: git -C {} for-each-ref {FOLDER}", shell_word(home));
        report.lines.extend(homes.into_iter().map(|home| Line::from(all(home))));
    }
    report.lines.push("".into());
    report.lines.push(total(&seen).into());
    let [jobs, before] = [&seen, &before].map(|seen| seen.iter().map(value).collect::<Vec<_>>());
    Ok(report.with(json!({ "sinceMs": since_ms, "jobs": jobs, "before": before })))
}

/// How many there are in each section, in words.
fn counts(seen: &[Seen]) -> String {
    let counts = SECTIONS.iter().filter_map(|title| {
        let count = of(seen, title).len();
        let words = if count > 1 && *title == NEEDS_YOU { "need you".to_owned() } else { title.to_lowercase() };
        (count > 0).then(|| format!("{count} {words}"))
    });
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

fn title(args: &ReportArgs, level: usize, text: &str) -> Line {
    if args.markdown { Line::from(format!("{} {text}", "#".repeat(level))) } else { Line::of(Style::Strong, text) }
}

fn lines(args: &ReportArgs, seen: &Seen) -> Vec<Line> {
    let code = if args.markdown { "`" } else { "" };
    let known = [work(seen), cost(seen)].into_iter().filter(|words| !words.is_empty()).chain(messages(seen));
    let mut lines = vec![Line::from(format!(
        "- {code}{}{code} {} in {}: {} ({})",
        seen.id,
        if seen.is_given_up() { "removed" } else { seen.standing.name() },
        seen.project,
        plain(args, &seen.title),
        known.collect::<Vec<_>>().join(", "),
    ))];
    let words = [&seen.said, &seen.remark].into_iter().filter(|words| !words.is_empty());
    lines.extend(words.map(|words| Line::from(format!("  {}", plain(args, words)))));
    if !seen.deleted.is_empty() {
        let words = format!("deleted with it, as git ignores it: {}", seen.deleted);
        lines.push(format!("  {}", plain(args, &words)).into());
    }
    lines
}

/// What somebody else wrote, as text: in Markdown it might begin a comment, and hide all that follows.
fn plain(args: &ReportArgs, words: &str) -> String {
    if args.markdown { words.replace('&', "&amp;").replace('<', "&lt;") } else { words.to_owned() }
}

/// What was kept of a job, and how each part of it is had back. `refs` is all that is kept there, where git can be asked.
fn kept_lines(args: &ReportArgs, seen: &Seen, refs: Option<&Vec<Kept>>) -> Vec<Line> {
    let code = if args.markdown { "`" } else { "" };
    let own = format!("{FOLDER}/{}/", seen.id);
    let back: Vec<String> = match refs {
        Some(refs) => {
            let own = refs.iter().filter(|kept| kept.name.starts_with(&own));
            own.map(|kept| format!("  to have it back: {}", kept.restore_hint(&seen.home))).collect()
        }
        None => vec![format!("  to have it back: {}", rescue::on_a_branch(&seen.home, &seen.rescue))],
    };
    let gone = back.is_empty().then(|| format!("  {} is not there any more", seen.rescue));
    let what = format!("- {code}{}{code} in {}: {}", seen.id, seen.project, plain(args, &seen.title));
    [what].into_iter().chain(back).chain(gone).map(Line::from).collect()
}

/// Sums, with what is not in them.
fn total(seen: &[Seen]) -> String {
    let tokens: u64 = seen.iter().map(|seen| seen.input_tokens + seen.output_tokens).sum();
    let sum =
        |source: &str| seen.iter().filter(|seen| seen.cost_source == source).map(|seen| seen.cost_micros).sum::<u64>();
    let unknown = seen.iter().filter(|seen| seen.cost_source.is_empty()).count();
    let untold = seen.iter().filter(|seen| seen.input_tokens + seen.output_tokens == 0).count();
    format!(
        "tokens {tokens} reported, unknown of {}; cost {} reported, {} computed, unknown of {}",
        count(untold as u64, "job"),
        dollars(sum("reported")),
        dollars(sum("computed")),
        count(unknown as u64, "job")
    )
}
