//! `aio context`, `aio handoff`, and all of `aio-context`

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::json;

use crate::app::App;
use crate::cli::{ContextFilter, ContextVerb, HandoffArgs};
use crate::error::{Failure, no_such_project};
use crate::output::{Line, Report, Style};
use crate::protocol::context::{CATEGORIES, MAX_CONTENT_BYTES, concerns, is_open};
use crate::protocol::evidence::Evidence;
use crate::protocol::op::{NewContext, Op, Outcome, Request};
use crate::protocol::state::ContextEntry;
use crate::protocol::{lease, time};
use crate::store::archive;

/// Sections of an export, in order, with how many entries each shows.
const EXPORTED: [(&str, &str, &str, usize); 5] = [
    ("decision", "Decisions", "decisions", 10),
    ("pattern", "Patterns", "patterns", 10),
    ("warning", "Warnings", "warnings", 10),
    ("learning", "Learnings", "learnings", 10),
    ("handoff", "Recent Handoffs", "handoffs", 5),
];

pub(super) fn run(app: &App, verb: &ContextVerb) -> Result<Report, Failure> {
    match verb {
        ContextVerb::Add { words, project, global } => add(app, words, project.as_deref(), *global),
        ContextVerb::Get { what, filter } => get(app, what.as_deref(), filter),
        ContextVerb::Search { words, filter } => search(app, words, filter),
        ContextVerb::Export { project } => export(app, project.as_deref()),
        ContextVerb::Prune { days } => prune(app, *days),
        ContextVerb::Close { id } => close(app, id),
    }
}

pub(super) fn handoff(app: &App, args: &HandoffArgs) -> Result<Report, Failure> {
    let (id, data) = write(app, entry("handoff", Some(app.current_project())), &args.words)?;
    let mut report = Report::done("context-added", format!("Context added: {id}")).with(data);
    report.lines.push("Handoff note left".into());
    Ok(report)
}

fn entry(category: &str, project: Option<String>) -> NewContext {
    NewContext { category: category.to_owned(), project, ..NewContext::default() }
}

/// `[category] words… [project]`; the project as a last word is accepted where it is an existing absolute folder, as the
/// original scripts took it.
fn add(app: &App, words: &[String], project: Option<&OsStr>, global: bool) -> Result<Report, Failure> {
    let (category, words) = match words.split_first() {
        Some((first, _)) if *first == "message" => {
            return Err(Failure::usage("a message needs an addressee").hint("aio tell <instance|agent|all> …"));
        }
        Some((first, rest)) if CATEGORIES.contains(&&**first) => (&**first, rest),
        _ => ("learning", words),
    };
    let (words, trailing) = match words.split_last() {
        Some((last, rest)) if !rest.is_empty() && Path::new(last).is_absolute() && Path::new(last).is_dir() => {
            (rest, Some(OsStr::new(last)))
        }
        _ => (words, None),
    };
    let project = match project.or(trailing) {
        Some(folder) => Some(project_of(app, folder)?),
        None => (!global).then(|| app.current_project()),
    };
    let (id, data) = write(app, entry(category, project), words)?;
    Ok(Report::done("context-added", format!("Context added: {id}")).with(data))
}

fn project_of(app: &App, folder: &OsStr) -> Result<String, Failure> {
    let folder = app.physical(None, Path::new(folder))?.path;
    if !folder.is_dir() {
        return Err(no_such_project(&folder));
    }
    Ok(app.project_of(&folder))
}

/// Writes down what somebody says, for whom and where `entry` tells.
///
/// # Errors
/// When there are no words, or too many, or they cannot be written.
pub(super) fn write(app: &App, entry: NewContext, words: &[String]) -> Result<(String, serde_json::Value), Failure> {
    let content = content(words)?;
    // Somebody may write without taking part; who takes part signs.
    let actor = app.identify_if_any()?;
    let source = app.ancestry().agent.as_ref().map_or("person", |seen| seen.agent.tool).to_owned();
    let entry = NewContext { id: app.new_id(), content, source, ..entry };
    let data = json!({ "id": entry.id, "category": entry.category, "project": entry.project, "instance": actor });
    let outcome = app.transact(&Request { actor, op: Op::AddContext(entry) })?;
    let Outcome::Context { id } = outcome else { return Ok((String::new(), data)) };
    Ok((id, data))
}

/// What somebody says, in words or on stdin.
///
/// # Errors
/// When it is nothing, too much, or no text.
pub(super) fn content(words: &[String]) -> Result<String, Failure> {
    let content = if words == ["-"] { read_stdin()? } else { words.join(" ") };
    let content = content.trim().to_owned();
    match content.len() {
        0 => Err(Failure::usage("there are no words to write down").hint("aio-context learning \"…\"")),
        1..=MAX_CONTENT_BYTES => Ok(content),
        length => Err(Failure::usage(format!("{length} bytes are too long; {MAX_CONTENT_BYTES} are allowed"))
            .hint("write a file and say where it is")),
    }
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    // One byte more than allowed is enough to refuse it.
    let limit = u64::try_from(4 * MAX_CONTENT_BYTES).unwrap_or(u64::MAX);
    std::io::stdin()
        .take(limit)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("stdin cannot be read as text: {error}")))?;
    Ok(text)
}

/// `get [category|project]`: the original's `get` took a category, its `list` a project.
fn get(app: &App, what: Option<&OsStr>, filter: &ContextFilter) -> Result<Report, Failure> {
    let word = what.and_then(OsStr::to_str);
    let category = word.filter(|word| CATEGORIES.contains(word)).map(str::to_owned);
    let folder = if category.is_some() { None } else { what.map(OsStr::to_owned) };
    if let (Some(folder), Some(word)) = (&folder, word)
        && !Path::new(folder).exists()
    {
        return Err(Failure::usage(format!("{word:?} is neither a category nor a folder"))
            .hint(format!("one of {}", CATEGORIES.join(", "))));
    }
    let filter = ContextFilter {
        category: category.or_else(|| filter.category.clone()),
        project: folder.or_else(|| filter.project.clone()),
        since: filter.since,
        by: filter.by.clone(),
        ..*filter
    };
    listing(app, &filter, &[])
}

fn search(app: &App, words: &[String], filter: &ContextFilter) -> Result<Report, Failure> {
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    listing(app, filter, &words)
}

fn listing(app: &App, filter: &ContextFilter, words: &[String]) -> Result<Report, Failure> {
    app.identify_if_any()?;
    let entries = select(app, filter, words)?;
    let mut report = Report::silent("context");
    report.data = json!({ "entries": entries });
    report.lines = entries.iter().flat_map(entry_lines).collect();
    if entries.is_empty() {
        report.notes.push("nothing was written down that fits".to_owned());
    }
    Ok(report)
}

/// The newest entries that fit, newest first, from the state and, as far as those do not suffice, from the archive.
fn select(app: &App, filter: &ContextFilter, words: &[String]) -> Result<Vec<ContextEntry<'static>>, Failure> {
    let question = Question::new(app, filter, words)?;
    let limit = if filter.all { usize::MAX } else { filter.limit };
    let mut found = Found { seen: HashSet::new(), entries: Vec::new(), limit };
    app.with_state(|state| {
        found.seen.clear();
        found.entries.clear();
        let entries = state
            .context
            .entries()
            .map_err(|error| Failure::from(crate::protocol::op::Refusal::Malformed(error.to_string())))?;
        found.add(&entries, &question);
        Ok(())
    })?;
    for path in archive::files(app.store.dir()) {
        if found.is_enough() {
            break;
        }
        let bytes = fs::read(&path).map_err(|error| Failure::environment(format!("{}: {error}", path.display())))?;
        found.add(&archive::parse(&String::from_utf8_lossy(&bytes)), &question);
    }
    Ok(found.entries)
}

struct Found {
    seen: HashSet<String>,
    entries: Vec<ContextEntry<'static>>,
    limit: usize,
}

impl Found {
    fn is_enough(&self) -> bool {
        self.entries.len() >= self.limit
    }

    /// Takes from a list that is oldest first.
    fn add(&mut self, entries: &[ContextEntry<'_>], question: &Question<'_>) {
        for entry in entries.iter().rev() {
            if self.is_enough() {
                return;
            }
            if self.seen.insert(entry.id.to_string()) && question.fits(entry) {
                self.entries.push(to_static(entry));
            }
        }
    }
}

/// What an entry must be to be shown.
struct Question<'q> {
    filter: &'q ContextFilter,
    project: Option<String>,
    words: &'q [String],
    evidence: Evidence,
}

impl<'q> Question<'q> {
    fn new(app: &App, filter: &'q ContextFilter, words: &'q [String]) -> Result<Self, Failure> {
        if let Some(category) = filter.category.as_deref().filter(|category| !CATEGORIES.contains(category)) {
            return Err(Failure::usage(format!("{category:?} is no category"))
                .hint(format!("one of {}", CATEGORIES.join(", "))));
        }
        let project = match &filter.project {
            _ if filter.everywhere => None,
            Some(folder) => Some(project_of(app, folder)?),
            None => Some(app.current_project()),
        };
        Ok(Question { filter, project, words, evidence: Evidence { now: app.now(), ..Evidence::default() } })
    }

    fn fits(&self, entry: &ContextEntry<'_>) -> bool {
        let by = |by: &String| entry.source == *by || entry.instance_id == *by;
        let lower = || entry.content.to_lowercase();
        let age_ms = || lease::wall_age_ms(&entry.created_at, &self.evidence);
        self.filter.category.as_ref().is_none_or(|category| entry.category == *category)
            && self.project.as_ref().is_none_or(|project| concerns(entry, project))
            && self.filter.by.as_ref().is_none_or(by)
            && self.filter.since.is_none_or(|since| u128::from(age_ms()) <= since.as_millis())
            && (!self.filter.open || is_open(entry, &self.evidence))
            && (self.words.is_empty() || self.words.iter().all(|word| lower().contains(word)))
    }
}

fn to_static(entry: &ContextEntry<'_>) -> ContextEntry<'static> {
    ContextEntry {
        id: entry.id.to_static(),
        project: entry.project.as_ref().map(|project| project.to_static()),
        category: entry.category.to_static(),
        content: entry.content.to_static(),
        source: entry.source.to_static(),
        created_at: entry.created_at.to_static(),
        instance_id: entry.instance_id.to_static(),
        to: entry.to.to_static(),
        closed_at: entry.closed_at.to_static(),
        closed_by: entry.closed_by.to_static(),
        ..ContextEntry::default()
    }
}

/// `[2026-11-21] claude: words`; further lines are indented, so that none of them looks like an entry.
fn entry_lines(entry: &ContextEntry<'_>) -> Vec<Line> {
    let mut lines = entry.content.lines();
    let head = vec![
        (Style::Faint, format!("[{}] ", time::date(&entry.created_at))),
        (Style::Plain, format!("{}: {}", entry.source, lines.next().unwrap_or_default())),
    ];
    std::iter::once(Line(head)).chain(lines.map(|line| format!("  {line}").into())).collect()
}

fn export(app: &App, project: Option<&OsStr>) -> Result<Report, Failure> {
    let project: Option<OsString> = project.map(OsStr::to_owned);
    let mut lines: Vec<String> = vec!["# Project Context".to_owned()];
    for (category, title, none, limit) in EXPORTED {
        let filter = ContextFilter {
            category: Some(category.to_owned()),
            project: project.clone(),
            limit,
            ..ContextFilter::default()
        };
        let entries = select(app, &filter, &[])?;
        lines.extend([String::new(), format!("## {title}"), String::new()]);
        if entries.is_empty() {
            lines.push(format!("No {none} logged"));
        }
        lines.extend(entries.iter().flat_map(bullet));
    }
    let mut report = Report::silent("exported").with(json!({ "markdown": lines.join("\n") }));
    report.lines = lines.into_iter().map(Line::from).collect();
    Ok(report)
}

/// A list item. Further lines are indented, so that no content can begin a heading or another item.
fn bullet(entry: &ContextEntry<'_>) -> Vec<String> {
    let mut lines = entry.content.lines();
    let first = format!("- {} ({}, {})", lines.next().unwrap_or_default(), entry.source, time::date(&entry.created_at));
    std::iter::once(first).chain(lines.map(|line| format!("      {line}"))).collect()
}

fn prune(app: &App, days: u32) -> Result<Report, Failure> {
    let older_than_ms = u64::from(days) * 24 * 3_600_000;
    let outcome = app.transact(&Request { actor: app.identify_if_any()?, op: Op::PruneContext { older_than_ms } })?;
    let count = if let Outcome::Pruned { count } = outcome { count } else { 0 };
    let line = format!("Pruned {count} entries older than {days} days; they are in the archive");
    Ok(Report::done("pruned", line).with(json!({ "count": count })))
}

fn close(app: &App, id: &str) -> Result<Report, Failure> {
    let actor = app.identify_if_any()?;
    let outcome = app.transact(&Request { actor, op: Op::CloseContext { id: id.to_owned() } })?;
    let Outcome::Context { id } = outcome else { return Ok(Report::silent("closed")) };
    Ok(Report::done("closed", format!("Closed: {id}")).with(json!({ "id": id })))
}
