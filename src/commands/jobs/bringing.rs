//! `aio remove` and `aio retry`: a job's worktree taken away with nothing lost, and its task tried anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::ending::{Ending, Failed};
use super::evidence::absent;
use super::remarks::unmerged;
use super::with_job;
use crate::app::{App, spell, unspell};
use crate::cli::SomeJobsArgs;
use crate::commands::interrupting::Interruption;
use crate::commands::launching::{self, preflight};
use crate::commands::projects::home_of;
use crate::error::{Exit, Failure, project_is_gone};
use crate::fleet::files::{JobFiles, Message};
use crate::fleet::merge::{tip, without_alias};
use crate::fleet::profile::{self, Runtime};
use crate::fleet::rescue::{Unsaved, Workplace, save};
use crate::fleet::tmux::Tmux;
use crate::fleet::work::absent::is_elsewhere;
use crate::fleet::worktree;
use crate::output::{Progress, Report, Step, Style, count};
use crate::protocol::fleet::Job;
use crate::protocol::op::{JobNote, NewJob, Op, Outcome, Request};
use crate::protocol::spelling::shell_word;

pub(in crate::commands) fn remove(app: &App, args: &SomeJobsArgs) -> Result<Report, Failure> {
    let ids = removable(app, args)?;
    let interruption = Interruption::catch(None)?;
    let mut progress = Progress::new(app.output);
    let mut report = Report::silent("removed");
    let mut removed = Vec::new();
    let mut failed = Failed::default();
    for (at, id) in ids.iter().enumerate() {
        if interruption.came() {
            let undone = format!("not removed: {}", [&*failed.ids, &ids[at..]].concat().join(" "));
            let report = failed.put(report.with(json!({ "removed": removed })), "notRemoved");
            return Ok(interruption.end(app, report, &undone, None));
        }
        if ids.len() > 1 {
            show(&mut progress, &ids, at);
        }
        // Another who removes it is waited for, and who begins it waits. Where it cannot be locked, it is removed all the same.
        let _lock = JobFiles::of(app.store.dir(), id).lock().ok();
        match take_away(app, id, &mut report).map_err(|failure| interruption.explain(failure)) {
            Ok(None) => report.lines.push(format!("Already removed: {id}").into()),
            Ok(Some(Taken { rescues, what })) => {
                let kept = match &*rescues {
                    [] => String::new(),
                    names => format!("; {what} is kept in {}", names.join(", ")),
                };
                report.lines.push(format!("Removed: {id}{kept}").into());
                removed.push(json!({ "id": id, "rescue": rescues.first(), "rescues": rescues }));
            }
            Err(failure) if ids.len() == 1 && report.notes.is_empty() => return Err(failure),
            Err(failure) => {
                report.lines.push(format!("Not removed: {id}").into());
                failed.note(&mut report, id, failure);
            }
        }
    }
    Ok(failed.put(report.with(json!({ "removed": removed })), "notRemoved"))
}

/// The jobs that are meant, if none of them runs.
fn removable(app: &App, args: &SomeJobsArgs) -> Result<Vec<String>, Failure> {
    let found: Vec<Ending> = args.jobs.iter().map(|word| Ending::find(app, word)).collect::<Result<_, _>>()?;
    let running: Vec<&str> = found.iter().filter(|job| job.runs()).map(|job| &*job.id).collect();
    match &*running {
        [] => Ok(found.into_iter().map(|job| job.id).collect()),
        _ if found.len() == 1 => Err(runs(running[0])),
        [one] => Err(Failure { message: format!("{one} runs; nothing was removed"), ..runs(one) }),
        several => {
            let all = several.join(" ");
            Err(Failure { message: format!("{} run; nothing was removed", several.join(", ")), ..runs(&all) })
        }
    }
}

fn runs(ids: &str) -> Failure {
    Failure::new(Exit::Refused, "running", format!("{ids} runs")).hint(format!("aio stop {ids}"))
}

/// Worktrees can be large.
fn show(progress: &mut Progress, ids: &[String], at: usize) {
    let step = Step { name: ids[at].clone(), at: "removing".to_owned(), done: at, of: ids.len() };
    progress.show(&[step], &format!("{at}/{} removed", ids.len()));
}

/// What was taken away.
struct Taken {
    /// The refs that keep what would have been lost, the work first.
    rescues: Vec<String>,
    /// What that is, in words.
    what: String,
}

/// Removes the worktree and the branch, once what would have been lost is kept. None where that was done before.
fn take_away(app: &App, id: &str, report: &mut Report) -> Result<Option<Taken>, Failure> {
    let ending = Ending::find(app, id)?;
    let stage = &*ending.stage;
    if stage == "removed" {
        return Ok(None);
    }
    if ending.runs() {
        return Err(runs(id));
    }
    // What is written while a folder is being removed is lost.
    let rest = ending.rest(app.store.dir());
    ending.settle(app)?;
    report.notes.extend(rest.map(|rest| format!("of {id}, whose aio process was gone, {rest} ran on, and was ended")));
    let recorded = with_job(app, id, |_, job| Ok(Recorded::of(job, app.store.dir())))?;
    let Recorded { project, worktree, branch, target, .. } = &recorded;
    // Where git cannot be asked, nothing is merged by another name.
    let target = without_alias(project, target).unwrap_or_else(|_| target.clone());
    let arrival = Arrival::look(&recorded);
    let place = Workplace { project, worktree, branch, target: &target, job: id };
    let rescues = if worktree.exists() || project.exists() {
        take_away_worktree(app, &place, stage, report)?
    } else if recorded.base.is_empty() || !recorded.merged.is_empty() {
        // Nothing of its own was ever made for it, or all of that was merged.
        Vec::new()
    } else {
        return Err(gone_with_its_work(id, project));
    };
    if recorded.runtime == Runtime::Tmux.name()
        && let Err(error) = Tmux::new(app.store.dir()).kill(id)
    {
        report.notes.push(format!("its terminal was not closed: {error}; next: {}, then aio cleanup", error.hint()));
    }
    JobFiles::of(app.store.dir(), id).forget_environment();
    let loss = recorded.loss.map(str::to_owned).filter(|_| rescues.is_empty());
    report.notes.extend(loss.as_ref().map(|loss| format!("of {id}: {loss}; nothing of it was kept")));
    if let Some(merged) = arrival.news(&rescues).filter(|_| loss.is_none()) {
        let note = Box::new(JobNote { merged: Some(merged), ..JobNote::default() });
        app.transact(&Request { actor: None, op: Op::NoteJob { job: id.to_owned(), note } })?;
    }
    let op = Op::RemoveJob { job: id.to_owned(), rescue: rescues.first().cloned(), loss };
    if let Outcome::Jobs { next } = app.transact(&Request { actor: None, op })? {
        launching::begin_all(app, &next);
    }
    report.notes.extend(never_told(app, id));
    report.notes.extend(perhaps_told(app, id));
    let what = with_job(app, id, |_, job| Ok(unmerged(job)))?;
    Ok(Some(Taken { rescues, what }))
}

/// What a job's record says of where its work is, and of its way home.
struct Recorded {
    runtime: String,
    project: PathBuf,
    worktree: PathBuf,
    branch: String,
    target: String,
    base: String,
    merged: String,
    rescue: String,
    /// What of it is lost already, in words.
    loss: Option<&'static str>,
}

impl Recorded {
    fn of(job: &Job<'_>, dir: &Path) -> Recorded {
        Recorded {
            runtime: job.runtime.to_string(),
            project: home_of(job),
            worktree: unspell(&job.worktree),
            branch: job.branch.to_string(),
            target: job.target.to_string(),
            base: job.base.to_string(),
            merged: job.merged.to_string(),
            rescue: job.rescue.to_string(),
            loss: absent(job, dir).and_then(|absent| absent.loss()),
        }
    }
}

/// What is known of a job's way home before its branch goes.
struct Arrival {
    merged: String,
    /// Whether another branch has that merge still.
    is_there: bool,
    /// What its branch leads to, if anything was committed there and nothing is kept of it yet.
    tip: Option<String>,
}

impl Arrival {
    fn look(job: &Recorded) -> Arrival {
        let Recorded { project, branch, base, merged, rescue, .. } = job;
        // Where git cannot be asked, it is as it was recorded.
        let is_there = merged.is_empty() || is_elsewhere(project, branch, merged).unwrap_or(true);
        let tip = tip(project, branch).ok().filter(|tip| tip != base && rescue.is_empty());
        Arrival { merged: merged.clone(), is_there, tip }
    }

    /// What its record is to say of that by now: that it arrived, as nothing had to be kept of it; or that it did not stay.
    fn news(self, rescues: &[String]) -> Option<String> {
        match &*self.merged {
            "" => self.tip.filter(|_| rescues.is_empty()),
            _ if self.is_there => None,
            _ => Some(String::new()),
        }
    }
}

/// The same of what lies in its project. Gives the refs that keep what would have been lost.
fn take_away_worktree(
    app: &App,
    place: &Workplace<'_>,
    stage: &str,
    report: &mut Report,
) -> Result<Vec<String>, Failure> {
    let id = place.job;
    let proof = match save(place) {
        Ok(proof) => proof,
        // Nothing was ever made for it.
        Err(_) if !place.worktree.exists() && stage == "queued" => return Ok(Vec::new()),
        Err(error) => return Err(unremoved(id, &error, place)),
    };
    let rescues: Vec<String> = proof.kept().iter().map(|kept| kept.name.clone()).collect();
    if let Some(rescue) = rescues.first() {
        // Before anything is gone: should this end halfway, it is known where to look.
        let note = JobNote { rescue: Some(rescue.clone()), ..JobNote::default() };
        app.transact(&Request { actor: None, op: Op::NoteJob { job: id.to_owned(), note: Box::new(note) } })?;
    }
    let notes = &mut report.notes;
    notes.extend(proof.kept().iter().map(|kept| format!("to have it back: {}", kept.restore_hint(place.project))));
    let converted: Vec<String> = proof.converted().iter().map(|path| path.display().to_string()).collect();
    notes.extend(
        worktree::named(&converted)
            .map(|paths| format!("kept as git would commit them (line ends, filters), not byte for byte: {paths}")),
    );
    let removed = worktree::remove(&proof).map_err(|error| {
        Failure::environment(format!("{id} was not removed: {error}")).hint(format!("aio diff {id}"))
    })?;
    if let worktree::Branch::Left(why) = &removed.branch {
        let (branch, project) = (place.branch, shell_word(place.project));
        notes.push(format!("the branch {branch} stays: {why}; next: git -C {project} log {branch}"));
    }
    if let Some(paths) = worktree::named(&removed.ignored) {
        // Without it the report does not say so again.
        JobFiles::of(app.store.dir(), id).note_deleted(&paths).unwrap_or_default();
        notes.push(format!("deleted with {id}, as git ignores it: {paths}"));
    }
    notes.extend(removed.left.map(|(path, error)| format!("{} could not be deleted: {error}", path.display())));
    Ok(rescues)
}

/// What it committed is on its branch, wherever that is now.
fn gone_with_its_work(id: &str, project: &Path) -> Failure {
    let gone = project_is_gone(id, project);
    let (back, folder) = (gone.hints.concat(), shell_word(project));
    let message = format!("{id} was not removed: {}", gone.message);
    Failure { message, hints: Vec::new(), ..gone }
        .hint(format!("{back}; or, if it is gone for good: git init {folder} && aio remove {id}"))
}

/// What was sent to a job and is never handed over now, in words.
fn never_told(app: &App, id: &str) -> Option<String> {
    let files = JobFiles::of(app.store.dir(), id);
    let messages = files.messages();
    let verb = if messages.len() == 1 { "was" } else { "were" };
    let (sent, all) = quoted(&messages)?;
    Some(format!("{sent} to {id} {verb} never handed over: {all}; next: ls {}", shell_word(files.inbox_folder())))
}

/// What was sent to a job and may not have been taken, in words.
fn perhaps_told(app: &App, id: &str) -> Option<String> {
    let files = JobFiles::of(app.store.dir(), id);
    let (sent, all) = quoted(&files.unconfirmed(true))?;
    Some(format!("nothing says that {sent} to {id} arrived: {all}; next: ls {}", shell_word(files.sent_folder())))
}

/// How many messages, and how each begins; none where there is none.
fn quoted(messages: &[Message]) -> Option<(String, String)> {
    const FIRST_CHARS: usize = 40;
    let first = |message: &Message| {
        let text = message.text.trim();
        let rest = if text.chars().count() > FIRST_CHARS { "…" } else { "" };
        format!("\"{}{rest}\"", text.chars().take(FIRST_CHARS).collect::<String>())
    };
    let all = messages.iter().map(first).collect::<Vec<_>>().join(", ");
    (!messages.is_empty()).then(|| (count(messages.len() as u64, "message"), all))
}

/// Why nothing was removed, and what to look at or do first.
fn unremoved(id: &str, error: &Unsaved, place: &Workplace<'_>) -> Failure {
    let (project, worktree) = (shell_word(place.project), shell_word(place.worktree));
    let unlock = format!("git -C {project} worktree unlock {worktree}");
    let why = format!("{id} was not removed, because its work cannot be kept: {error}");
    match error {
        Unsaved::Locked(..) => {
            Failure::new(Exit::Refused, "taken", format!("{id} was not removed: {error}")).hint(unlock)
        }
        Unsaved::Mounted(at) => Failure::new(Exit::Refused, "taken", format!("{id} was not removed: {error}"))
            .hint(format!("umount {}, then aio remove {id}", shell_word(at))),
        Unsaved::Away(_) => Failure::environment(why).hint(unlock),
        _ => {
            let next = error.nested_hint().unwrap_or_else(|| format!("ls -la {worktree}"));
            Failure::environment(why).hint(next)
        }
    }
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

/// The same task, by the same agent, in a new worktree. All are looked at before the first is launched.
pub(in crate::commands) fn retry(app: &App, args: &SomeJobsArgs) -> Result<Report, Failure> {
    let interruption = Interruption::catch(None)?;
    let mut anew: Vec<Anew> = args.jobs.iter().map(|word| anew(app, word)).collect::<Result<_, _>>()?;
    // Who names one twice means it once.
    let mut known = BTreeSet::new();
    anew.retain(|Anew { old, .. }| known.insert(old.clone()));
    preflight::ports(app, anew.len())?;
    let mut report = Report::silent("retried");
    let undone: Vec<String> = anew.iter().map(|Anew { old, .. }| old.clone()).collect();
    let mut ids: Vec<String> = Vec::new();
    let mut failed = Failed::default();
    for (at, Anew { old, mut job, task }) in anew.into_iter().enumerate() {
        if interruption.came() {
            let undone = format!("not retried: {}", undone[at..].join(" "));
            let report = failed.put(report.with(json!({ "jobs": ids })), "notRetried");
            return Ok(interruption.end(app, report, &undone, Some(&ids)));
        }
        job.id = launching::new_id(app, &job.profile, &[]);
        job.branch = launching::branch(&job.id);
        job.worktree = spell(&unspell(&job.worktree).with_file_name(&job.id));
        let id = job.id.clone();
        let started = match launching::queue(app, vec![job], &task, &interruption) {
            Err(failure) if args.jobs.len() == 1 => return Err(failure),
            Err(failure) => {
                report.lines.push(launching::line(Style::Bad, "FAILED", &format!("{old}: {}", failure.message)));
                failed.note(&mut report, &old, failure);
                continue;
            }
            Ok(started) => started,
        };
        if started.untaken > 0 {
            report.exit = Exit::Refused;
            report.code = "launched-in-part";
        }
        report.lines.extend(started.lines);
        report.notes.extend(started.notes);
        report.hints.extend(started.hints);
        ids.push(id);
    }
    Ok(failed.put(report.with(json!({ "jobs": ids })), "notRetried"))
}

/// A job that is to be tried anew.
struct Anew {
    old: String,
    /// Without an id of its own yet, and with the old one's worktree.
    job: NewJob,
    task: String,
}

fn anew(app: &App, word: &str) -> Result<Anew, Failure> {
    let (old, job) = with_job(app, word, |_, job| {
        if job.stage == *"running" || job.stage == *"queued" {
            let message = format!("{} has not ended", &*job.id);
            return Err(Failure::new(Exit::Refused, "running", message).hint(format!("aio stop {}", &*job.id)));
        }
        let new = NewJob {
            id: String::new(),
            project: spell(&home_of(job)),
            profile: job.profile.to_string(),
            tool: job.tool.to_string(),
            runtime: retried_runtime(app, job)?.name().to_owned(),
            title: job.title.to_string(),
            branch: String::new(),
            worktree: job.worktree.to_string(),
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
        Ok((job.id.to_string(), new))
    })?;
    let task = JobFiles::of(app.store.dir(), &old).task().map_err(|error| {
        Failure::environment(format!("the task of {old} cannot be read: {error}")).hint("launch it anew")
    })?;
    Ok(Anew { old, job, task })
}
