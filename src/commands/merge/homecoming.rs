//! The merging itself, and what is said and written of it.

use serde_json::{Value, json};

use super::super::interrupting::Interruption;
use super::super::merging::{self, Worker};
use super::Plan;
use crate::app::App;
use crate::error::{Exit, Failure};
use crate::fleet::merge::{self, Arrival, Arriving, Trouble};
use crate::output::{Line, Report, Style, count};
use crate::protocol::op::{JobNote, Op, Request};

impl Plan {
    /// Merges one after the other, and stops at the first that will not.
    pub(super) fn carry_out(self, app: &App, interruption: &Interruption) -> Result<Report, Failure> {
        let mut report = Report::silent("merged");
        let mut merged: Vec<Value> = Vec::new();
        for (at, worker) in self.workers.iter().enumerate() {
            if interruption.came() {
                return Ok(self.interrupted(app, at, interruption, report, merged));
            }
            let arriving =
                Arriving { branch: &worker.branch, message: &message(worker), stopped: interruption.again() };
            match merge::bring_home(self.project(), &merging::scratch(app), &self.target, arriving) {
                Ok(arrival) => {
                    report.lines.push(arrived(worker, &self.target, &arrival));
                    report.notes.extend(write_down(app, worker, &arrival));
                    let Arrival { commit, commits } = &arrival;
                    merged.push(json!({ "job": worker.id, "commit": commit, "commits": commits }));
                }
                Err(_) if interruption.came() && at > 0 => {
                    return Ok(self.interrupted(app, at, interruption, report, merged));
                }
                Err(trouble) => return self.stopped(at, trouble, report, merged),
            }
        }
        let ids: Vec<&str> = self.workers.iter().map(|worker| worker.id.as_str()).collect();
        let running = self.workers.iter().filter(|worker| worker.standing.is_running());
        let running: Vec<&str> = running.map(|worker| worker.id.as_str()).collect();
        let stop = if running.is_empty() { String::new() } else { format!("aio stop {} && ", running.join(" ")) };
        report.notes.splice(0..0, self.notes);
        report.notes.push(format!("next: {stop}aio remove {}", ids.join(" ")));
        Ok(report.with(json!({ "target": self.target, "merged": merged, "notMerged": [] })))
    }

    /// The one that was under way arrived, and the rest is as it was.
    fn interrupted(&self, app: &App, at: usize, by: &Interruption, report: Report, merged: Vec<Value>) -> Report {
        let rest: Vec<&str> = self.workers[at..].iter().map(|worker| worker.id.as_str()).collect();
        let undone = format!("not merged: {}", rest.join(" "));
        let data = json!({ "target": self.target, "merged": merged, "notMerged": rest });
        by.end(app, report.with(data), &undone, None)
    }

    /// What arrived before that, and what did not.
    fn stopped(&self, at: usize, trouble: Trouble, report: Report, merged: Vec<Value>) -> Result<Report, Failure> {
        let is_conflict = matches!(trouble, Trouble::Conflict { .. });
        let mut failure = merging::failure_of(trouble, &self.command(&self.workers[at..]));
        if is_conflict {
            failure.hints = vec![self.mend(&self.workers[at])];
        }
        if at == 0 {
            return Err(failure);
        }
        let rest: Vec<&str> = self.workers[at..].iter().map(|worker| worker.id.as_str()).collect();
        let mut report = Report { code: "not-merged", exit: Exit::Refused, ..report };
        report.notes.splice(0..0, self.notes.iter().cloned());
        report.lines.push(Line::of(Style::Bad, format!("Not merged: {}", rest.join(", "))));
        let hint = failure.hints.first().map_or("aio diff", String::as_str);
        report.notes.push(format!("{}; next: {hint}", failure.message));
        let reason = json!({ "code": failure.code, "message": failure.message, "data": failure.data });
        let data = json!({ "target": self.target, "merged": merged, "notMerged": rest, "reason": reason });
        Ok(report.with(data))
    }
}

fn message(worker: &Worker) -> String {
    let title = worker.title.lines().next().unwrap_or_default().trim();
    let title = if title.is_empty() { String::new() } else { format!(": {title}") };
    format!("Merge {}{title}\n\nJob {}.", worker.branch, worker.id)
}

fn arrived(worker: &Worker, target: &str, arrival: &Arrival) -> Line {
    let short = arrival.commit.get(..10).unwrap_or(&arrival.commit);
    match arrival.commits {
        0 => Line::of(Style::Faint, format!("Already merged: {} into {target}", worker.id)),
        number => {
            let count = count(number, "commit");
            Line(vec![
                (Style::Good, "Merged".to_owned()),
                (Style::Plain, format!(": {} into {target}, {count} ({short})", worker.id)),
            ])
        }
    }
}

/// What is merged is merged, written down or not. By which commit it once came stays as it was written.
fn write_down(app: &App, worker: &Worker, arrival: &Arrival) -> Option<String> {
    if arrival.commits == 0 && worker.is_merged {
        return None;
    }
    let note = JobNote { merged: Some(arrival.commit.clone()), ..JobNote::default() };
    let op = Op::NoteJob { job: worker.id.clone(), note: Box::new(note) };
    let written = app.transact(&Request { actor: None, op });
    written.err().map(|failure| format!("it was merged, but that was not written down: {}", failure.message))
}
