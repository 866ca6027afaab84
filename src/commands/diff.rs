//! `aio diff`: what a job changed since it parted from its target, committed or not, untracked files too.
//!
//! git prints, by its own settings: to a terminal in colour and through the pager, else byte for byte.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::json;

use super::merging::{self, Worker};
use crate::app::App;
use crate::cli::DiffArgs;
use crate::error::{Exit, Failure};
use crate::fleet::conflicts::Room;
use crate::fleet::git::REDIRECTING;
use crate::fleet::merge::changes::{self, Changed};
use crate::fleet::merge::{self, branch_ref};
use crate::fleet::work::{self, Target};
use crate::output::Report;
use crate::protocol::spelling::shell_word;

pub(super) fn run(app: &App, args: &DiffArgs) -> Result<Report, Failure> {
    let worker = merging::find(app, &args.job)?;
    worker.must_have_project()?;
    let room = Room::beside(&worker.project).map_err(merging::failure)?;
    let mut notes = Vec::new();
    let span = span(&room, &worker, &mut notes)?;
    let changed = counted(&room, &worker, &span)?;
    let mut report = Report::silent("diff");
    if span.is_partial {
        report.code = "unread";
        report.exit = Exit::Environment;
    }
    let inside = within_submodules(&worker, &mut notes)?;
    let left = on_other_branches(&worker, &mut notes)?;
    if changed.is_empty() && !span.is_partial && !inside && !left {
        notes.push(format!("{} changed nothing", worker.id));
    } else if !changed.is_empty() && !app.output.json {
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
    /// Not all that is there could be read.
    is_partial: bool,
}

fn span(room: &Room, worker: &Worker, notes: &mut Vec<String>) -> Result<Span, Failure> {
    let project = &worker.project;
    let name = branch_ref(&worker.home().unwrap_or_default());
    let wanted = [tip_of(worker)?, name.clone(), worker.base.clone()];
    let mut found = merge::resolve(project, &wanted).map_err(merging::failure)?.into_iter();
    let (tip, target, base) = (found.next().flatten(), found.next().flatten(), found.next().flatten());
    let target = target.map(|commit| Target { name, commit });
    let mut is_partial = false;
    // The branch may have another name by now, or none.
    let mut head = tip.clone();
    let (to, is_committed) = if worker.is_live() && merging::is_there(&worker.worktree) {
        let snapshot = room.snapshot(&worker.worktree).map_err(merging::failure)?;
        if let Some(why) = &snapshot.left_out {
            let next = format!("mend that, then aio diff {}", worker.id);
            notes.push(format!("not all that {} holds could be read: {why}; next: {next}", worker.id));
            is_partial = true;
        }
        head = head.or_else(|| Some(snapshot.head.clone()).filter(|head| !head.is_empty()));
        match tip.filter(|tip| merge::ahead(project, tip, &snapshot.head).is_ok_and(|ahead| ahead > 0)) {
            None => (snapshot.commit.clone(), snapshot.commit == snapshot.head),
            // What comes home is the branch.
            Some(tip) => {
                let look = format!("git -C {} status", shell_word(&worker.worktree));
                let what =
                    format!("the worktree of {} has something else checked out, and this is its branch", worker.id);
                notes.push(format!("{what}; next: {look}"));
                (tip, true)
            }
        }
    } else {
        let missing = || merge::Trouble::NoBranch { branch: worker.branch.clone(), folder: project.clone() };
        if worker.has_lost_git() {
            let repair = format!("git -C {} worktree repair", shell_word(project));
            let what = format!("the worktree of {} has lost its .git, and this is its branch", worker.id);
            notes.push(format!("{what}, without what is not committed; next: {repair}"));
            is_partial = true;
        } else if worker.is_live() {
            notes.push(format!("the worktree of {} is not there; this is its branch", worker.id));
        }
        (tip.ok_or_else(missing).map_err(merging::failure)?, true)
    };
    let of = head.as_deref().unwrap_or(&to);
    let from = changes::beginning(project, of, base, target.as_ref()).map_err(merging::failure)?;
    Ok(Span { from, to, is_committed, is_partial })
}

/// Says in which submodules something is not committed, which is in no commit of the worktree's own; whether there are any.
fn within_submodules(worker: &Worker, notes: &mut Vec<String>) -> Result<bool, Failure> {
    if !worker.is_live() || !merging::is_there(&worker.worktree) {
        return Ok(false);
    }
    let found = work::inside(&worker.worktree)?;
    for path in &found {
        let next = format!("git -C {} status", shell_word(worker.worktree.join(path)));
        notes
            .push(format!("not shown: the submodule {} has what is not committed in it; next: {next}", path.display()));
    }
    Ok(!found.is_empty())
}

/// Names the branches to which its agent committed and which it left again, with what is neither shown nor at home; whether there
/// are any.
fn on_other_branches(worker: &Worker, notes: &mut Vec<String>) -> Result<bool, Failure> {
    let left = if worker.is_live() { work::left(&worker.worktree) } else { BTreeMap::new() };
    if left.is_empty() {
        return Ok(false);
    }
    let (folder, before) = (&worker.worktree, notes.len());
    let home = worker.home().unwrap_or_default();
    let shown = ["HEAD".to_owned(), branch_ref(&worker.branch), branch_ref(&home)];
    let shown: Vec<String> = merge::resolve(folder, &shown).map_err(merging::failure)?.into_iter().flatten().collect();
    for (name, commit) in left {
        let is_there = merge::tip(folder, &name).is_ok_and(|tip| tip == commit);
        if is_there && shown.iter().all(|than| merge::ahead(folder, &commit, than).is_ok_and(|ahead| ahead > 0)) {
            let what = format!("what {} committed to the branch {name}", worker.id);
            let without = if home.is_empty() { String::new() } else { format!("--not {} ", shell_word(&home)) };
            let look = format!("git -C {} log -p {} {without}--", shell_word(&worker.project), shell_word(&name));
            notes.push(format!("not shown: {what}; next: {look}"));
        }
    }
    Ok(notes.len() > before)
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
        let plain = ["diff", "--no-ext-diff", "--no-textconv", "--find-renames", "--ignore-submodules=none", "-z", how];
        let args = plain.into_iter().chain([&*span.from, &*span.to, "--"]);
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
    command.args(["--paginate", "diff", "--find-renames", "--ignore-submodules=none"]);
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
