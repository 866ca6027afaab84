//! `aio diff`: what a job changed since it parted from its target, committed or not, untracked files too.
//!
//! git prints, by its own settings: to a terminal in colour and through the pager, else byte for byte.

use std::process::Command;

use serde_json::json;

use super::merging::{self, Worker};
use crate::app::App;
use crate::cli::DiffArgs;
use crate::error::Failure;
use crate::fleet::conflicts::Room;
use crate::fleet::git::REDIRECTING;
use crate::fleet::merge::changes::{self, Changed};
use crate::fleet::merge::{self, branch_ref};
use crate::output::Report;

pub(super) fn run(app: &App, args: &DiffArgs) -> Result<Report, Failure> {
    let worker = merging::find(app, &args.job)?;
    worker.must_have_project()?;
    let room = Room::beside(&worker.project).map_err(merging::failure)?;
    let mut notes = Vec::new();
    let span = span(&room, &worker, &mut notes)?;
    let changed = counted(&room, &worker, &span)?;
    let mut report = Report::silent("diff");
    if changed.is_empty() {
        notes.push(format!("{} changed nothing", worker.id));
    } else if !app.output.json {
        show(app, &room, &worker, &span, args.stat)?;
    }
    report.notes = notes;
    let (from, to) = (&span.from, &span.to);
    Ok(report.with(
        json!({ "job": worker.id, "from": from, "files": rows(&changed), "committed": span.is_committed, "to": to }),
    ))
}

/// From where to where, as commits.
struct Span {
    from: String,
    to: String,
    is_committed: bool,
}

fn span(room: &Room, worker: &Worker, notes: &mut Vec<String>) -> Result<Span, Failure> {
    let project = &worker.project;
    let wanted = [tip_of(worker)?, branch_ref(&worker.home().unwrap_or_default()), worker.base.clone()];
    let mut found = merge::resolve(project, &wanted).map_err(merging::failure)?.into_iter();
    let (tip, target, base) = (found.next().flatten(), found.next().flatten(), found.next().flatten());
    let (to, is_committed) = if worker.is_live() && merging::is_there(&worker.worktree) {
        let snapshot = room.snapshot(&worker.worktree).map_err(merging::failure)?;
        notes.extend(snapshot.left_out.map(|why| format!("not all of it could be read: {why}")));
        (snapshot.commit.clone(), snapshot.commit == snapshot.head)
    } else {
        let missing = || merge::Trouble::NoBranch { branch: worker.branch.clone(), folder: project.clone() };
        if worker.is_live() {
            notes.push(format!("the worktree of {} is not there; this is its branch", worker.id));
        }
        (tip.clone().ok_or_else(missing).map_err(merging::failure)?, true)
    };
    let of = tip.as_deref().unwrap_or(&to);
    let from = changes::beginning(project, of, base, target.as_deref()).map_err(merging::failure)?;
    Ok(Span { from, to, is_committed })
}

/// The ref that has what it committed: its branch, or what was kept of it.
fn tip_of(worker: &Worker) -> Result<String, Failure> {
    if worker.stage == "removed" && !worker.rescue.is_empty() {
        return Ok(worker.rescue.clone());
    }
    worker.must_have_branch()?;
    Ok(branch_ref(&worker.branch))
}

fn counted(room: &Room, worker: &Worker, span: &Span) -> Result<Vec<Changed>, Failure> {
    let list = |how: &'static str| {
        let args = ["diff", "--no-ext-diff", "--no-textconv", "--find-renames", how, "-z", &span.from, &span.to, "--"];
        let ran = room.git(&worker.project, args).run().map_err(|unrun| merging::failure(unrun.into()))?;
        match ran.is_good() {
            true => Ok(ran.out),
            false => Err(Failure::environment(format!("git cannot compare: {}", ran.complaint())).hint("aio doctor")),
        }
    };
    Ok(changes::read(&list("--name-status")?, &list("--numstat")?))
}

fn rows(changed: &[Changed]) -> Vec<serde_json::Value> {
    let row = |file: &Changed| {
        json!({
            "path": file.path, "from": file.from, "status": file.status.to_string(),
            "added": file.lines.map(|(added, _)| added), "removed": file.lines.map(|(_, removed)| removed),
        })
    };
    changed.iter().map(row).collect()
}

/// Hands stdout to git.
fn show(app: &App, room: &Room, worker: &Worker, span: &Span, only_counts: bool) -> Result<(), Failure> {
    let mut command = Command::new("git");
    for name in REDIRECTING {
        command.env_remove(name);
    }
    command.current_dir(&worker.project).env("GIT_OBJECT_DIRECTORY", room.objects());
    command.args(["--paginate", "diff", "--find-renames"]);
    if only_counts {
        let width = app.output.width().unwrap_or(100);
        command.args([format!("--stat={width}"), "--summary".to_owned()]);
    }
    command.args([&span.from, &span.to, &"--".to_owned()]);
    let status = command
        .status()
        .map_err(|error| Failure::environment(format!("git cannot be run: {error}")).hint("install git"))?;
    // A reader that went away has read enough; git dies of that.
    match status.code() {
        Some(0) | None => Ok(()),
        Some(code) => Err(Failure::environment(format!("git diff ended with {code}")).hint("aio diff with --json")),
    }
}
