//! `aio remove` and `aio retry`: a job's worktree taken away with nothing lost, and its task tried anew.

use serde_json::json;

use super::ending::Ending;
use super::with_job;
use crate::app::{App, spell, unspell};
use crate::cli::SomeJobsArgs;
use crate::commands::interrupting::Interruption;
use crate::commands::launching::{self, preflight};
use crate::commands::projects::home_of;
use crate::error::{Exit, Failure, project_is_gone};
use crate::fleet::files::JobFiles;
use crate::fleet::profile::{self, Runtime};
use crate::fleet::rescue::{Workplace, save};
use crate::fleet::tmux::Tmux;
use crate::fleet::worktree;
use crate::output::{Progress, Report, Step};
use crate::protocol::fleet::Job;
use crate::protocol::op::{JobNote, NewJob, Op, Outcome, Request};

pub(in crate::commands) fn remove(app: &App, args: &SomeJobsArgs) -> Result<Report, Failure> {
    let ids: Vec<String> =
        args.jobs.iter().map(|word| with_job(app, word, |_, job| Ok(job.id.to_string()))).collect::<Result<_, _>>()?;
    let interruption = Interruption::catch(None)?;
    let mut progress = Progress::new(app.output);
    let mut report = Report::silent("removed");
    let mut removed = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        if interruption.came() {
            let undone = format!("not removed: {}", ids[at..].join(" "));
            return Ok(interruption.end(app, report.with(json!({ "removed": removed })), &undone, None));
        }
        if ids.len() > 1 {
            show(&mut progress, &ids, at);
        }
        // Another who removes it is waited for. Where it cannot be locked, it is removed all the same.
        let _lock = JobFiles::of(app.store.dir(), id).lock_removal().ok();
        if with_job(app, id, |_, job| Ok(job.stage == *"removed"))? {
            report.lines.push(format!("Already removed: {id}").into());
            continue;
        }
        let rescues = take_away(app, id, &mut report).map_err(|failure| interruption.explain(failure))?;
        let kept = match &*rescues {
            [] => String::new(),
            names => format!("; what was not merged is kept in {}", names.join(", ")),
        };
        report.lines.push(format!("Removed: {id}{kept}").into());
        removed.push(json!({ "id": id, "rescue": rescues.first(), "rescues": rescues }));
    }
    Ok(report.with(json!({ "removed": removed })))
}

/// Worktrees can be large.
fn show(progress: &mut Progress, ids: &[String], at: usize) {
    let step = Step { name: ids[at].clone(), at: "removing".to_owned(), done: at, of: ids.len() };
    progress.show(&[step], &format!("{at}/{} removed", ids.len()));
}

/// Removes the worktree and the branch, and says where what would have been lost is kept, the work first.
fn take_away(app: &App, id: &str, report: &mut Report) -> Result<Vec<String>, Failure> {
    let ending = Ending::find(app, id)?;
    let stage = &*ending.stage;
    let (runtime, project, worktree) =
        with_job(app, id, |_, job| Ok((job.runtime.to_string(), home_of(job), unspell(&job.worktree))))?;
    let (branch, target) = with_job(app, id, |_, job| Ok((job.branch.to_string(), job.target.to_string())))?;
    if stage == "running" && !ending.is_orphaned {
        return Err(Failure::new(Exit::Refused, "running", format!("{id} runs")).hint(format!("aio stop {id}")));
    }
    // What is written while a folder is being removed is lost.
    ending.settle(app)?;
    let mut rescues = Vec::new();
    if worktree.exists() || project.exists() {
        let place = Workplace { project: &project, worktree: &worktree, branch: &branch, target: &target, job: id };
        match save(&place) {
            Ok(proof) => {
                rescues = proof.kept().iter().map(|kept| kept.name.clone()).collect();
                if let Some(rescue) = rescues.first() {
                    // Before anything is gone: should this end halfway, it is known where to look.
                    let note = JobNote { rescue: Some(rescue.clone()), ..JobNote::default() };
                    app.transact(&Request {
                        actor: None,
                        op: Op::NoteJob { job: id.to_owned(), note: Box::new(note) },
                    })?;
                }
                report.notes.extend(
                    proof.kept().iter().map(|kept| format!("to have it back: {}", kept.restore_hint(&project))),
                );
                let removed = worktree::remove(&proof).map_err(|error| {
                    Failure::environment(format!("{id} was not removed: {error}")).hint(format!("aio diff {id}"))
                })?;
                if let worktree::Branch::Left(why) = &removed.branch {
                    let next = format!("git -C {} log {branch}", project.display());
                    report.notes.push(format!("the branch {branch} stays: {why}; next: {next}"));
                }
                let ignored = worktree::named(&removed.ignored);
                report.notes.extend(ignored.map(|paths| format!("deleted with {id}, as git ignores it: {paths}")));
                report.notes.extend(
                    removed.left.map(|(path, error)| format!("{} could not be deleted: {error}", path.display())),
                );
            }
            // Nothing was ever made for it.
            Err(_) if !worktree.exists() && stage == "queued" => {}
            Err(error) => {
                return Err(Failure::environment(format!(
                    "{id} was not removed, because its work cannot be kept: {error}"
                ))
                .hint(format!("look at {}", worktree.display())));
            }
        }
    }
    if runtime == Runtime::Tmux.name()
        && let Err(error) = Tmux::new(app.store.dir()).kill(id)
    {
        report.notes.push(format!("its terminal was not closed: {error}; next: {}, then aio cleanup", error.hint()));
    }
    JobFiles::of(app.store.dir(), id).forget_environment();
    let op = Op::RemoveJob { job: id.to_owned(), rescue: rescues.first().cloned() };
    if let Outcome::Jobs { next } = app.transact(&Request { actor: None, op })? {
        launching::begin_all(app, &next);
    }
    Ok(rescues)
}

/// Where a job runs that is retried: one that somebody sat before runs by itself then.
fn retried_runtime(app: &App, job: &Job<'_>) -> Result<Runtime, Failure> {
    match Runtime::of(&job.runtime) {
        Runtime::Terminal if job.task_bytes == 0 => {
            let message = format!("{} had no task", &*job.id);
            Err(Failure::usage(message).hint(format!("aio start {} --worktree", &*job.profile)))
        }
        Runtime::Terminal => {
            let profile = profile::find(app.profiles(), &job.profile);
            Ok(profile.and_then(|profile| profile.runtime).unwrap_or(app.runtime()))
        }
        runtime => Ok(runtime),
    }
}

/// The same task, by the same agent, in a new worktree.
pub(in crate::commands) fn retry(app: &App, args: &SomeJobsArgs) -> Result<Report, Failure> {
    let mut report = Report::silent("retried");
    let mut ids: Vec<String> = Vec::new();
    let interruption = Interruption::catch(None)?;
    for (at, word) in args.jobs.iter().enumerate() {
        if interruption.came() {
            let undone = format!("not retried: {}", args.jobs[at..].join(" "));
            return Ok(interruption.end(app, report.with(json!({ "jobs": ids })), &undone, Some(&ids)));
        }
        let (mut new, old) = with_job(app, word, |_, job| {
            if job.stage == *"running" || job.stage == *"queued" {
                return Err(
                    Failure::new(Exit::Refused, "running", format!("{} has not ended", &*job.id)).hint("aio jobs")
                );
            }
            let new = NewJob {
                id: String::new(),
                project: spell(&home_of(job)),
                profile: job.profile.to_string(),
                tool: job.tool.to_string(),
                runtime: retried_runtime(app, job)?.name().to_owned(),
                title: job.title.to_string(),
                branch: String::new(),
                worktree: String::new(),
                batch: app.new_id(),
                max_running: 0,
                after: String::new(),
                task_digest: job.task_digest.to_string(),
                task_bytes: job.task_bytes,
                target: job.target.to_string(),
                restarts: 1,
                backoff_ms: job.backoff_ms,
            };
            if !unspell(&job.project).is_dir() {
                return Err(project_is_gone(&job.id, &unspell(&job.project)));
            }
            Ok((new, job.id.to_string()))
        })?;
        preflight::ports(app, 1)?;
        let task = JobFiles::of(app.store.dir(), &old).task().map_err(|error| {
            Failure::environment(format!("the task of {old} cannot be read: {error}")).hint("launch it anew")
        })?;
        let old_worktree = with_job(app, &old, |_, job| Ok(unspell(&job.worktree)))?;
        new.id = launching::new_id(app, &new.profile, &[]);
        new.branch = format!("aio/{}", new.id);
        new.worktree = spell(&old_worktree.with_file_name(&new.id));
        let started = launching::queue(app, vec![new.clone()], &task, &interruption)?;
        if started.untaken > 0 {
            report.exit = Exit::Refused;
            report.code = "launched-in-part";
        }
        report.lines.extend(started.lines);
        report.notes.extend(started.notes);
        ids.push(new.id);
    }
    Ok(report.with(json!({ "jobs": ids })))
}
