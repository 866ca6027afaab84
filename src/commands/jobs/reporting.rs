//! `aio report`: what ran, how it ended, what it cost, what to look at first, what was kept.

use serde_json::json;

use super::evidence::{Seen, look_all};
use super::{cost, dollars, entries, value, work};
use crate::app::App;
use crate::cli::ReportArgs;
use crate::error::Failure;
use crate::output::{Line, Report, Style, count};
use crate::protocol::fleet::{Job, Standing};
use crate::protocol::lease;
use crate::protocol::time;

/// The order in which a person wants to see them.
const SECTIONS: [(&str, &[Standing]); 6] = [
    ("Needs you", &[Standing::WaitingForYou, Standing::Crashed, Standing::Failed]),
    ("To review", &[Standing::Review]),
    ("Running", &[Standing::Working, Standing::Starting, Standing::Waiting]),
    ("Queued", &[Standing::Queued]),
    ("Stopped", &[Standing::Stopped]),
    ("Done", &[Standing::Done]),
];

/// Those that stand so. Whatever became of a job, once it is removed it needs nobody.
fn of<'s>(seen: &'s [Seen], standings: &[Standing]) -> Vec<&'s Seen> {
    let stands = |seen: &&Seen| match seen.is_removed {
        true => standings.contains(&Standing::Done),
        false => standings.contains(&seen.standing),
    };
    seen.iter().filter(stands).collect()
}

pub(in crate::commands) fn run(app: &App, args: &ReportArgs) -> Result<Report, Failure> {
    let since_ms = u64::try_from(args.since.as_millis()).unwrap_or(u64::MAX);
    let seen = app.with_state(|state| {
        let jobs = entries(state)?;
        let evidence = app.evidence(state, &[]);
        let is_recent = |job: &&Job<'_>| {
            let stamps = [&job.ended_at, &job.started_at, &job.queued_at, &job.removed_at];
            let newest =
                stamps.iter().filter(|stamp| !stamp.is_empty()).map(|stamp| lease::wall_age_ms(stamp, &evidence)).min();
            job.stage == *"running" || newest.is_some_and(|age| age <= since_ms)
        };
        Ok(look_all(app, state, &jobs.iter().filter(is_recent).collect::<Vec<_>>()).0)
    })?;
    let mut report = Report::silent("report");
    let counts: Vec<String> = SECTIONS
        .iter()
        .filter_map(|(title, standings)| {
            let count = of(&seen, standings).len();
            let words = if count > 1 && *title == "Needs you" { "need you".to_owned() } else { title.to_lowercase() };
            (count > 0).then(|| format!("{count} {words}"))
        })
        .collect();
    let heading = format!(
        "The last {}: {} ({})",
        time::span(since_ms),
        count(seen.len() as u64, "job"),
        if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
    );
    report.lines.push(title(args, 1, &heading));
    for (name, standings) in SECTIONS {
        let jobs = of(&seen, standings);
        if jobs.is_empty() {
            continue;
        }
        report.lines.push("".into());
        report.lines.push(title(args, 2, name));
        jobs.iter().for_each(|seen| report.lines.extend(lines(args, seen)));
    }
    let kept: Vec<&Seen> = seen.iter().filter(|seen| !seen.rescue.is_empty()).collect();
    if !kept.is_empty() {
        report.lines.push("".into());
        report.lines.push(title(args, 2, "Kept when removed"));
        report.lines.extend(kept.iter().map(|seen| Line::from(format!("- {}: {}", seen.id, seen.rescue))));
        report.lines.push("All that was kept of a project: git for-each-ref refs/aio/rescue".into());
    }
    report.lines.push("".into());
    report.lines.push(total(&seen).into());
    Ok(report.with(json!({ "sinceMs": since_ms, "jobs": seen.iter().map(value).collect::<Vec<_>>() })))
}

fn title(args: &ReportArgs, level: usize, text: &str) -> Line {
    if args.markdown { Line::from(format!("{} {text}", "#".repeat(level))) } else { Line::of(Style::Strong, text) }
}

fn lines(args: &ReportArgs, seen: &Seen) -> Vec<Line> {
    let code = if args.markdown { "`" } else { "" };
    let cost = cost(seen);
    let cost = if cost.is_empty() { String::new() } else { format!(", {cost}") };
    let mut lines = vec![Line::from(format!(
        "- {code}{}{code} {} in {}: {} ({}{cost})",
        seen.id,
        seen.standing.name(),
        seen.project,
        seen.title,
        work(seen),
    ))];
    let words = [&seen.said, &seen.remark];
    lines.extend(words.iter().filter(|words| !words.is_empty()).map(|words| Line::from(format!("  {words}"))));
    lines
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
