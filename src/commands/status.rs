//! `aio status`: the page a person reads at a glance.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::StatusArgs;
use crate::error::Failure;
use crate::output::{Line, Report, Style};
use crate::protocol::evidence::Evidence;
use crate::protocol::id::short;
use crate::protocol::lease::{self, Liveness};
use crate::protocol::state::{Claim, ContextEntry, Instance, State, Waiter};
use crate::protocol::time;
use crate::store::watch::Changes;
use crate::table::{Cell, Table};

/// Entries of the shared memory on the page.
const CONTEXT_SHOWN: usize = 5;
/// How often the page is drawn anew though nothing was written: ages move on.
const REDRAW: Duration = Duration::from_secs(2);

pub(super) fn run(app: &App, args: &StatusArgs) -> Result<Report, Failure> {
    if !args.watch {
        app.identify_if_any()?;
        return page(app, args);
    }
    let changes = Changes::of(app.store.dir());
    loop {
        let report = page(app, args)?;
        let printed = match app.output.json {
            true => app.output.emit(&report.data),
            false => app.output.page(&report.lines),
        };
        match printed {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Report::silent("status")),
            result => result.map_err(|error| Failure::environment(format!("cannot print: {error}")))?,
        }
        changes.wait(REDRAW);
    }
}

fn page(app: &App, args: &StatusArgs) -> Result<Report, Failure> {
    app.with_state(|state| {
        let evidence = app.evidence(state, &state.instances.iter().collect::<Vec<_>>());
        let context = state.context.entries().unwrap_or_default();
        let view = View { state, evidence: &evidence, context: &context, all: args.all, width: app.output.width() };
        let mut report = Report::silent("status");
        if app.output.json {
            report.data = view.as_json();
        }
        report.lines = view.lines();
        Ok(report)
    })
}

/// One look at the state.
struct View<'v, 's> {
    state: &'v State<'s>,
    evidence: &'v Evidence,
    context: &'v [ContextEntry<'s>],
    all: bool,
    width: Option<usize>,
}

impl<'s> View<'_, 's> {
    fn lines(&self) -> Vec<Line> {
        let mut lines = vec![Line::of(Style::Strong, "=== AI Orchestrator Status ==="), self.summary()];
        self.section(&mut lines, "Instances", self.instances());
        self.section(&mut lines, "Claims", self.claims());
        self.section(&mut lines, "Waiting", self.waiters());
        let memory = self.memory();
        if !memory.is_empty() {
            lines.extend([Line::default(), Line::of(Style::Strong, "Context")]);
            lines.extend(memory);
        }
        lines
    }

    fn summary(&self) -> Line {
        let counts = self.shown_instances().fold(BTreeMap::<&str, usize>::new(), |mut counts, (_, liveness)| {
            *counts.entry(liveness.name()).or_default() += 1;
            counts
        });
        let instances: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let instances = if instances.is_empty() { "no instances".to_owned() } else { instances.join(", ") };
        format!("{instances}; {} claims, {} waiting", self.state.claims.len(), self.state.waiters.len()).into()
    }

    fn section(&self, lines: &mut Vec<Line>, title: &str, table: Table) {
        if !table.is_empty() {
            lines.extend([Line::default(), Line::of(Style::Strong, title)]);
            lines.extend(table.fit(self.width));
        }
    }

    fn shown_instances(&self) -> impl Iterator<Item = (&Instance<'s>, Liveness)> {
        let shown = self.state.instances.iter().filter(|instance| self.all || instance.evicted_at.is_empty());
        shown.map(|instance| (instance, lease::liveness(instance, self.evidence)))
    }

    fn instances(&self) -> Table {
        let mut rows: Vec<_> = self.shown_instances().collect();
        rows.sort_by(|(a, _), (b, _)| (&a.project, &a.started_at).cmp(&(&b.project, &b.started_at)));
        let mut table = Table::new(&[3, 0]);
        for (instance, liveness) in rows {
            let task = instance.current_task.as_deref().unwrap_or(&instance.status);
            let issue = instance.issue.as_ref().map_or_else(String::new, |issue| format!(" [{issue}]"));
            let evicted = if instance.evicted_at.is_empty() { "" } else { " evicted" };
            let age = lease::heartbeat_age_ms(instance, self.evidence);
            table.row(vec![
                Cell::new(style_of(liveness), format!("{}{evicted}", liveness.name())),
                Cell::plain(&*instance.key),
                Cell::new(Style::Faint, &*instance.project),
                Cell::plain(format!("{task}{issue}")),
                Cell::new(Style::Faint, format!("{} ago", time::span(age))),
            ]);
        }
        table
    }

    fn claims(&self) -> Table {
        let mut claims: Vec<&Claim<'_>> = self.state.claims.iter().collect();
        claims.sort_by(|a, b| (&a.project, &a.target).cmp(&(&b.project, &b.target)));
        let mut table = Table::new(&[2, 5]);
        for claim in claims {
            let standing = lease::standing(claim, self.state, self.evidence);
            let style = if standing.in_force() { Style::Plain } else { Style::Faint };
            table.row(vec![
                Cell::new(Style::Notice, short(&claim.key)),
                Cell::new(Style::Faint, format!("{}{}", claim.kind, if claim.is_shared() { " (shared)" } else { "" })),
                Cell::new(style, format!("{}{}", claim.target, self.project_of(&claim.project))),
                Cell::plain(&*claim.instance_id),
                Cell::new(Style::Faint, time::span(self.age(&claim.claimed_at))),
                Cell::new(Style::Faint, self.lease_of(claim)),
                Cell::plain(&*claim.reason),
            ]);
        }
        table
    }

    /// With more than one project on the page, each target says whose it is.
    fn project_of(&self, project: &str) -> String {
        let several = self.state.claims.iter().any(|claim| claim.project != *project);
        if several { format!(" in {project}") } else { String::new() }
    }

    /// How the claim will end.
    fn lease_of(&self, claim: &Claim<'_>) -> String {
        if !lease::standing(claim, self.state, self.evidence).in_force() {
            return "(free: its holder is gone)".to_owned();
        }
        if claim.expires_at.is_empty() { String::new() } else { format!("until {}", claim.expires_at) }
    }

    fn waiters(&self) -> Table {
        let mut table = Table::new(&[2]);
        for waiter in &self.state.waiters {
            let targets: Vec<&str> = waiter.claims.iter().map(|claim| &*claim.target).collect();
            table.row(vec![
                Cell::plain(&*waiter.instance_id),
                Cell::new(Style::Faint, "waits for"),
                Cell::plain(targets.join(", ")),
                Cell::new(Style::Notice, self.held_by(waiter)),
                Cell::new(Style::Faint, time::span(self.age(&waiter.since))),
            ]);
        }
        table
    }

    fn held_by(&self, waiter: &Waiter<'_>) -> String {
        let mut holders: Vec<&str> = Vec::new();
        for wanted in &waiter.claims {
            let place = crate::protocol::place::Prepared::new(wanted);
            let overlapping = self.state.claims.iter().filter(|claim| place.overlaps(&(*claim).into()));
            holders.extend(overlapping.map(|claim| &*claim.instance_id).filter(|id| waiter.instance_id != **id));
        }
        holders.dedup();
        format!("held by {}", holders.join(", "))
    }

    fn memory(&self) -> Vec<Line> {
        let newest = self.context.iter().rev().take(CONTEXT_SHOWN);
        newest
            .map(|entry| {
                let first = entry.content.lines().next().unwrap_or_default();
                let head = format!("  [{}] ", time::date(&entry.created_at));
                let room = self.width.map_or(usize::MAX, |width| width.saturating_sub(head.len()));
                let text = crate::table::cut(&format!("{} {}: {first}", entry.source, entry.category), room);
                Line(vec![(Style::Faint, head), (Style::Plain, text)])
            })
            .collect()
    }

    fn age(&self, stamp: &str) -> u64 {
        lease::wall_age_ms(stamp, self.evidence)
    }

    fn as_json(&self) -> Value {
        let instances = self.shown_instances().map(|(instance, liveness)| {
            let mut value = serde_json::to_value(instance).unwrap_or_default();
            value["liveness"] = json!(liveness.name());
            value["heartbeatAgeMs"] = json!(lease::heartbeat_age_ms(instance, self.evidence));
            value["claims"] = json!(self.state.claims_of(&instance.key).map(|claim| &*claim.key).collect::<Vec<_>>());
            value
        });
        let claims = self.state.claims.iter().map(|claim| {
            let mut value = serde_json::to_value(claim).unwrap_or_default();
            value["inForce"] = json!(lease::standing(claim, self.state, self.evidence).in_force());
            value
        });
        json!({
            "revision": self.state.revision,
            "instances": instances.collect::<Vec<_>>(),
            "claims": claims.collect::<Vec<_>>(),
            "waiters": self.state.waiters,
            "context": self.context.iter().rev().take(CONTEXT_SHOWN).collect::<Vec<_>>(),
        })
    }
}

fn style_of(liveness: Liveness) -> Style {
    match liveness {
        Liveness::Active => Style::Good,
        Liveness::Quiet => Style::Notice,
        Liveness::Stale | Liveness::Dead => Style::Bad,
    }
}
