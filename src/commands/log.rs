//! `aio log`

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::app::App;
use crate::cli::LogArgs;
use crate::error::Failure;
use crate::output::{Line, Report, Style};
use crate::store::journal::{self, ReadLine};
use crate::store::watch::Changes;

/// The journal is appended a moment after the state is replaced, and a watch may not work here at all.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub(super) fn run(app: &App, args: &LogArgs) -> Result<Report, Failure> {
    let changes = args.follow.then(|| Changes::of(app.store.dir()));
    let entries = journal::read(app.store.dir());
    let recent = &entries[entries.len().saturating_sub(args.limit)..];
    let Some(changes) = changes else { return Ok(report(app, recent)) };
    let mut seen = Seen::default().and(&entries);
    let mut fresh: Vec<(Box<RawValue>, ReadLine)> = entries.into_iter().rev().take(args.limit).rev().collect();
    let mut printed = None;
    loop {
        match print(app, &fresh, printed) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Report::silent("log")),
            result => result.map_err(|error| Failure::environment(format!("cannot print: {error}")))?,
        }
        printed = fresh.iter().map(|(_, line)| line.revision).rfind(|revision| *revision > 0).or(printed);
        let size = journal::size(app.store.dir());
        while journal::size(app.store.dir()) == size {
            changes.wait(LOOK_AGAIN);
        }
        fresh = journal::read(app.store.dir()).into_iter().filter(|(_, line)| seen.is_before(line)).collect();
        seen = seen.and(&fresh);
    }
}

/// How far the journal was shown: by revision, and what belongs to no commit by its time.
#[derive(Clone, Default)]
struct Seen {
    revision: u64,
    at: String,
}

impl Seen {
    fn and(self, entries: &[(Box<RawValue>, ReadLine)]) -> Seen {
        let commits = entries.iter().map(|(_, line)| line.revision).chain([self.revision]);
        let stamps = entries.iter().map(|(_, line)| line.at.clone()).chain([self.at]);
        Seen { revision: commits.max().unwrap_or_default(), at: stamps.max().unwrap_or_default() }
    }

    fn is_before(&self, line: &ReadLine) -> bool {
        if line.revision == 0 { line.at > self.at } else { line.revision > self.revision }
    }
}

fn print(app: &App, entries: &[(Box<RawValue>, ReadLine)], printed: Option<u64>) -> std::io::Result<()> {
    if app.output.json {
        return entries.iter().try_for_each(|(raw, _)| app.output.emit(&value(raw)));
    }
    app.output.lines(&with_gaps(entries, printed))
}

fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// With `--json`, the entries of the past in one object, like every answer.
fn report(app: &App, entries: &[(Box<RawValue>, ReadLine)]) -> Report {
    let mut report = Report::silent("log");
    report.lines = with_gaps(entries, None);
    if app.output.json {
        report.data = json!({ "entries": entries.iter().map(|(raw, _)| value(raw)).collect::<Vec<_>>() });
    }
    report
}

/// The entries after the one of revision `last`, and where others should be.
fn with_gaps(entries: &[(Box<RawValue>, ReadLine)], mut last: Option<u64>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (_, line) in entries {
        if line.revision == 0 {
            lines.push(in_words(line));
            continue;
        }
        if last.is_some_and(|last| line.revision != last && line.after != last) {
            lines.push(Line::of(Style::Notice, "… something is missing here"));
        }
        last = Some(line.revision);
        lines.push(in_words(line));
    }
    lines
}

fn in_words(line: &ReadLine) -> Line {
    let part =
        |part: &Option<String>, lead: &str| part.as_ref().map_or_else(String::new, |part| format!(" {lead}{part}"));
    let what = format!(
        "{}{}{}{}{}",
        line.event,
        part(&line.kind, ""),
        part(&line.target, ""),
        part(&line.other, "→ "),
        part(&line.note, "— "),
    );
    Line(vec![
        (Style::Faint, format!("{} #{} ", line.at, line.revision)),
        (Style::Strong, format!("{} ", line.instance.as_deref().unwrap_or("-"))),
        (Style::Plain, what),
    ])
}
