//! `aio logs`, `attach`, `stop` and `resume`: jobs looked into, ended, and going on.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use serde_json::json;

use super::ending::{Ending, Failed, last_drawn};
use super::evidence::{end_as_kept, is_worktree_gone};
use super::sending::leave;
use super::{entries, with_job};
use crate::app::{App, pause, unspell};
use crate::cli::{JobArgs, LogsArgs, ResumeArgs, SomeJobsArgs};
use crate::commands::projects::home_of;
use crate::commands::{launching, start};
use crate::error::{Exit, Failure, project_is_gone};
use crate::fleet::agents::Agent;
use crate::fleet::files::{JobFiles, open_regular};
use crate::fleet::profile::{self, Runtime};
use crate::fleet::stream::{Lines, Seen};
use crate::fleet::tmux::{Tmux, TmuxError};
use crate::output::{Line, Report};
use crate::protocol::apply::due;
use crate::protocol::fleet::{EVERY, Job, Standing, standing};
use crate::protocol::op::{JobEnd, Op, Outcome, Refusal, Request};
use crate::protocol::spelling::shell_word;
use crate::protocol::state::State;

/// How long an agent and its parent may take to end.
const TO_END: Duration = Duration::from_secs(15);
/// How long a parent may take to come up, until it is no more said that its job goes on.
const TO_BEGIN: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(100);
/// Of what is shown besides what an agent said, so many lines each at most.
const BESIDES: usize = 10;

pub(in crate::commands) fn logs(app: &App, args: &LogsArgs) -> Result<Report, Failure> {
    let (id, tool, runtime) =
        with_job(app, &args.job, |_, job| Ok((job.id.to_string(), job.tool.to_string(), job.runtime.to_string())))?;
    let files = JobFiles::of(app.store.dir(), &id);
    let mut report = Report::silent("logs");
    let mut is_unseen = false;
    if runtime == Runtime::Tmux.name() {
        match last_of_terminal(app, &id, args.limit) {
            Ok(Some(text)) if !text.trim().is_empty() => {
                report.lines = text.lines().map(Line::from).collect();
                return Ok(report);
            }
            Ok(_) => {}
            Err(error) => {
                is_unseen = true;
                app.warn(&format!("its terminal was not looked at: {error}; next: {}", error.hint()));
            }
        }
    }
    let agent = Agent::find(&tool);
    // In a terminal it drew no stream; what is kept are the last lines.
    let agent = agent.filter(|_| runtime != Runtime::Tmux.name());
    let mut follower = Follower { agent, lines: Lines::default(), file: open_regular(&files.output()).ok() };
    let mut last: VecDeque<String> = VecDeque::new();
    follower.read(|line| {
        last.push_back(line);
        if last.len() > args.limit {
            last.pop_front();
        }
    });
    report.lines = last.into_iter().map(Line::from).collect();
    if runtime == Runtime::Tmux.name() {
        let drawn = last_drawn(&files).unwrap_or_default();
        let above = drawn.lines().count().saturating_sub(args.limit);
        report.lines.extend(drawn.lines().skip(above).map(Line::from));
    }
    for (path, what) in [(files.errors(), "stderr"), (files.parent_log(), "aio"), (files.setup_log(), "setup")] {
        report.lines.extend(
            tail(&path, BESIDES.min(args.limit)).into_iter().map(|line| Line::from(format!("[{what}] {line}"))),
        );
    }
    if !args.follow {
        if report.lines.is_empty() && args.limit > 0 && !is_unseen {
            report.notes.push(why_silent(app, &id)?);
        }
        return Ok(report);
    }
    let mut lines = std::mem::take(&mut report.lines);
    loop {
        if app.output.lines(&lines).is_err() {
            return Ok(report);
        }
        lines.clear();
        let ended = Ending::find(app, &id)?.has_ended(app);
        if follower.file.is_none() {
            follower.file = open_regular(&files.output()).ok();
        }
        follower.read(|line| lines.push(line.into()));
        if ended && lines.is_empty() {
            return Ok(report);
        }
        pause(GLANCE * 3);
    }
}

/// What is known of a job that has nothing to show, and what to do.
fn why_silent(app: &App, id: &str) -> Result<String, Failure> {
    let (standing, why, is_orphaned) = with_job(app, id, |state, job| {
        let evidence = app.evidence_of_jobs(state);
        let (mut job, is_orphaned) = (job.clone(), job.is_orphaned(&evidence));
        end_as_kept(&mut job, &evidence, app.store.dir());
        Ok((standing(&job, false, &evidence), job.failure.to_string(), is_orphaned))
    })?;
    let step = JobFiles::of(app.store.dir(), id).step();
    Ok(match standing {
        Standing::Queued => format!("{id} is queued, and has not begun; next: aio jobs"),
        Standing::Starting if step == "setup" => {
            let log = JobFiles::of(app.store.dir(), id).setup_log();
            format!("the setup command of {id} runs, and has said nothing yet; next: tail -f {}", shell_word(log))
        }
        Standing::Starting if !step.is_empty() => {
            format!("{id} is starting ({step}), and has written nothing yet; next: aio logs -f {id}")
        }
        standing if standing.is_running() => {
            format!("{id} is {}, and has written nothing yet; next: aio logs -f {id}", standing.name())
        }
        Standing::Done => format!("{id} is done, and wrote nothing; next: aio diff {id}"),
        standing => {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            // What is left of it may run on.
            let next = if is_orphaned { format!("aio stop {id}") } else { format!("aio retry {id}") };
            format!("{id} {}{why}; it wrote nothing; next: {next}", standing.name())
        }
    })
}

/// The last lines of a job's terminal, if it is there.
fn last_of_terminal(app: &App, id: &str, lines: usize) -> Result<Option<String>, TmuxError> {
    let tmux = Tmux::new(app.store.dir());
    let pane = tmux.panes()?.into_iter().find(|seen| seen.pane.job == id);
    pane.map(|seen| tmux.tail(&seen.pane, lines)).transpose()
}

/// What an agent wrote, read on.
struct Follower {
    agent: Option<&'static Agent>,
    lines: Lines,
    file: Option<File>,
}

impl Follower {
    fn read(&mut self, mut each: impl FnMut(String)) {
        let (Some(file), agent) = (&mut self.file, self.agent) else { return };
        let mut bytes = Vec::new();
        // What cannot be read now may be later.
        file.read_to_end(&mut bytes).map(drop).unwrap_or_default();
        self.lines.push(&bytes, |line| match (JobFiles::attempt_of(line), agent) {
            (Some(attempt), _) => each(format!("--- attempt {attempt} ---")),
            (None, Some(agent)) => agent.read(line).into_iter().filter_map(in_words).for_each(&mut each),
            (None, None) => each(String::from_utf8_lossy(line).trim_end().to_owned()),
        });
    }
}

/// What a line of a stream says to a person.
fn in_words(seen: Seen) -> Option<String> {
    Some(match seen {
        Seen::Said(text) => text,
        Seen::ToolUsed { name, about } => format!("  {name} {about}"),
        Seen::FileChanged(path) => format!("  changed {path}"),
        Seen::TurnEnded { is_error: true, said, reason } => format!("failed: {}", said.unwrap_or(reason)),
        Seen::Limited(limit) => format!("limit: {}", limit.words),
        Seen::Warning(words) => format!("warning: {words}"),
        _ => return None,
    })
}

fn tail(path: &std::path::Path, most: usize) -> Vec<String> {
    const ENOUGH: u64 = 64 << 10;
    let Ok(mut file) = open_regular(path) else { return Vec::new() };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    // A file that cannot be sought is read from its beginning.
    file.seek(SeekFrom::Start(length.saturating_sub(ENOUGH))).map(drop).unwrap_or_default();
    let lines: Vec<String> = BufReader::new(file)
        .split(b'\n')
        .map_while(Result::ok)
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(most)..].to_vec()
}

pub(in crate::commands) fn attach(app: &App, args: &JobArgs) -> Result<Report, Failure> {
    let id = with_terminal(app, &args.job)?;
    let tmux = Tmux::new(app.store.dir());
    let command = tmux.attach_command(&id);
    if app.output.json {
        return Ok(Report::done("attach", &*command).with(json!({ "id": id, "command": command })));
    }
    if !app.has_terminal() {
        let message = format!("there is no terminal here to show {id} in");
        return Err(Failure::new(Exit::Refused, "no-terminal", message).hint(format!("in a terminal, {command}")));
    }
    // It comes back only where it could not be done.
    Err(Failure::environment(tmux.attach(&id).to_string()))
}

/// The job that somebody names, if it has a terminal that can be shown.
fn with_terminal(app: &App, word: &str) -> Result<String, Failure> {
    let (id, runtime, stage, is_orphaned) = with_job(app, word, |state, job| {
        let is_orphaned = job.is_orphaned(&app.evidence_of_jobs(state));
        Ok((job.id.to_string(), job.runtime.to_string(), job.stage.to_string(), is_orphaned))
    })?;
    let none =
        |why: &str, hint: String| Err(Failure::new(Exit::Refused, "no-terminal", format!("{id} {why}")).hint(hint));
    let is_running = stage == "running" && !is_orphaned;
    let over = if is_orphaned { "crashed" } else { "runs no more" };
    match Runtime::of(&runtime) {
        _ if stage == "removed" => return none("was removed", format!("aio retry {id}")),
        Runtime::Terminal if is_running => {
            return none("has the terminal it was started in", format!("look there, or aio diff {id}"));
        }
        Runtime::Headless if is_running => {
            return none("runs without a terminal", format!("aio logs -f {id}, or aio send {id} \"…\""));
        }
        Runtime::Terminal if stage == "queued" => return none("has not begun", format!("aio remove {id}")),
        Runtime::Headless if stage == "queued" => {
            return none("has not begun, and runs without a terminal", format!("aio logs -f {id}"));
        }
        Runtime::Terminal => {
            return none(&format!("{over}, and had the terminal it was started in"), format!("aio resume {id}"));
        }
        Runtime::Headless => return none(&format!("{over}, and had no terminal"), format!("aio logs {id}")),
        Runtime::Tmux => {}
    }
    let panes = Tmux::new(app.store.dir()).panes().map_err(|error| {
        Failure::environment(format!("the terminal of {id} cannot be seen: {error}")).hint(error.hint())
    })?;
    if panes.iter().any(|seen| seen.pane.job == id) {
        return Ok(id);
    }
    let next = match &*stage {
        "queued" => return none("has not begun, and no terminal yet", "aio jobs".to_owned()),
        // What runs cannot be resumed.
        _ if is_running => format!("aio stop {id}, then aio resume {id}"),
        _ => format!("aio resume {id}"),
    };
    Err(Failure::new(Exit::Refused, "gone", format!("the terminal of {id} is gone")).hint(next))
}

pub(in crate::commands) fn stop(app: &App, args: &SomeJobsArgs) -> Result<Report, Failure> {
    let mut report = Report::silent("stopped");
    let find = |word: &String| Ending::find(app, word).map_err(|failure| not_all(app, word, failure));
    let jobs: Vec<Ending> = args.jobs.iter().map(find).collect::<Result<_, _>>()?;
    jobs.iter().for_each(Ending::ask);
    let deadline = Instant::now() + TO_END;
    let mut ended = Vec::new();
    let mut failed = Failed::default();
    for job in jobs {
        job.wait_for_parent(deadline);
        match end(app, &job) {
            Ok(Stopped { line, state, rest }) => {
                report.lines.push(line.into());
                ended.push(json!({ "id": job.id, "state": state }));
                report.notes.extend(rest.map(|rest| format!("of {}, {rest} ran on, and was ended", job.id)));
            }
            Err(failure) if args.jobs.len() == 1 => return Err(failure),
            Err(failure) => failed.note(&mut report, &job.id, failure),
        }
    }
    Ok(failed.put(report.with(json!({ "jobs": ended })), "notStopped"))
}

/// Whoever would stop all is told how: those that wait would begin when the others end, so they are named, too.
fn not_all(app: &App, word: &str, failure: Failure) -> Failure {
    if word != EVERY || failure.code != "unknown" {
        return failure;
    }
    let is_meant = |job: &&Job<'_>| matches!(&*job.stage, "running" | "queued");
    let named = |job: &Job<'_>| job.id.to_string();
    let all = app.with_state(|state| Ok(entries(state)?.iter().filter(is_meant).map(named).collect::<Vec<_>>()));
    match all {
        Ok(ids) if ids.is_empty() => Failure::usage("no job runs").hint("aio jobs"),
        Ok(ids) => Failure::usage("jobs are stopped by their ids").hint(format!("aio stop {}", ids.join(" "))),
        Err(failure) => failure,
    }
}

/// What there is to say of a job that runs no more.
struct Stopped {
    line: String,
    /// How it stands.
    state: &'static str,
    /// What ran on of it without its parent.
    rest: Option<String>,
}

/// Ends what runs of a job, and writes down how it ended: stopped, or crashed where its parent was gone before.
fn end(app: &App, job: &Ending) -> Result<Stopped, Failure> {
    let is_ended = job.stage == "ended" || job.stage == "removed";
    let was_gone = job.is_orphaned && job.kept(app).is_none();
    let rest = job.rest(app.store.dir());
    if job.is_orphaned {
        job.settle(app)?;
    } else {
        job.end_rest(app.store.dir())?;
        job.write_down(app, JobEnd { result: "stopped".to_owned(), ..JobEnd::default() })?;
    }
    let id = &*job.id;
    let now = Ending::find(app, id)?;
    if !job.runs() && now.runs() {
        // It was begun at that very moment.
        now.ask();
        now.wait_for_parent(Instant::now() + TO_END);
        return end(app, &now);
    }
    let stands = with_job(app, id, |state, job| Ok(standing(job, false, &app.evidence_of_jobs(state)).name()));
    let state = stands.unwrap_or("stopped");
    let line = match state {
        "crashed" if was_gone => format!("Ended: {id} (its aio process was gone)"),
        // It may have ended by itself just before.
        how if is_ended || how != "stopped" => format!("Already ended: {id} ({how})"),
        _ => format!("Stopped: {id}"),
    };
    Ok(Stopped { line, state, rest })
}

/// Refuses what would fail in the same way each time, or would end a job that can be looked at as it is.
fn must_go_on(app: &App, state: &State<'_>, job: &Job<'_>) -> Result<(), Failure> {
    let id = &*job.id;
    let is_running = job.stage == *"running" && !job.is_orphaned(&app.evidence_of_jobs(state));
    if is_running || job.stage == *"queued" {
        return Err(Refusal::Taken { what: "job that has not ended", word: id.to_owned() }.into());
    }
    if job.stage == *"removed" {
        let message = format!("{id} was removed");
        return Err(Failure::new(Exit::Refused, "taken", message).hint(format!("aio retry {id}")));
    }
    if !unspell(&job.project).is_dir() {
        return Err(project_is_gone(id, &unspell(&job.project)));
    }
    if is_worktree_gone(job, app.store.dir()) && unspell(&job.worktree).is_dir() {
        let message = format!("the worktree of {id} has lost its .git: {}", unspell(&job.worktree).display());
        let hint = format!("git -C {} worktree repair", shell_word(home_of(job)));
        return Err(Failure::new(Exit::Refused, "taken", message).hint(hint));
    }
    if is_worktree_gone(job, app.store.dir()) {
        let message = format!("the worktree of {id} is gone: {}", unspell(&job.worktree).display());
        return Err(Failure::new(Exit::Refused, "taken", message).hint(format!("aio retry {id}; aio remove {id}")));
    }
    profile::of_job(app.profiles(), &job.profile).map(drop)
}

pub(in crate::commands) fn resume(app: &App, args: &ResumeArgs) -> Result<Report, Failure> {
    with_job(app, &args.job, |state, job| must_go_on(app, state, job))?;
    let job = Ending::find(app, &args.job)?;
    if job.is_orphaned || job.stage == "ended" {
        job.settle(app)?;
    }
    let id = job.id;
    let (runtime, session) = with_job(app, &id, |_, job| Ok((job.runtime.to_string(), job.session.to_string())))?;
    let words = args.words.join(" ");
    if runtime == Runtime::Terminal.name() {
        return start::again(app, &id, &session, &words);
    }
    launching::keep_environment(app, [&*id].into_iter())?;
    let requeue = Request { actor: None, op: Op::RequeueJob { job: id.clone(), restarts: 1 } };
    let outcome = app.transact(&requeue).inspect_err(|_| forget_unused_environment(app, &id))?;
    // Only whoever has it go on has a word in that.
    let left = if words.trim().is_empty() { Ok(()) } else { leave_first(app, &id, &words) };
    if let Outcome::Jobs { next } = outcome {
        launching::begin_all(app, &next);
    }
    left.map_err(|failure| Failure {
        message: format!("{id} goes on without these words: {}", failure.message),
        ..failure
    })?;
    let word = if has_begun(app, &id)? { "Resumed" } else { "Queued" };
    Ok(Report::done("resumed", format!("{word}: {id}")).with(json!({ "id": id })))
}

/// Leaves words that a job is told when it goes on, before anything else.
fn leave_first(app: &App, id: &str, words: &str) -> Result<(), Failure> {
    let message = leave(app, id, words)?;
    // Otherwise it is told when it has gone on.
    JobFiles::of(app.store.dir(), id).tell_first(&message).unwrap_or_default();
    Ok(())
}

/// Waits until a job goes on, or another has the place in which it would.
fn has_begun(app: &App, id: &str) -> Result<bool, Failure> {
    let deadline = Instant::now() + TO_BEGIN;
    loop {
        let (stage, is_due) = with_job(app, id, |state, job| {
            let is_due = due(&entries(state)?, &app.evidence_of_jobs(state)).iter().any(|due| *due == *job.id);
            Ok((job.stage.to_string(), is_due))
        })?;
        match &*stage {
            "queued" if is_due && Instant::now() < deadline => pause(GLANCE / 2),
            "queued" => return Ok(false),
            "removed" => {
                let message = format!("{id} was removed meanwhile");
                return Err(Failure::new(Exit::Refused, "taken", message).hint(format!("aio retry {id}")));
            }
            _ => return Ok(true),
        }
    }
}

/// Variables may have secrets in them; they stay where they are only for a job that waits to be begun, which another may have
/// asked for.
fn forget_unused_environment(app: &App, id: &str) {
    if !with_job(app, id, |_, job| Ok(job.stage == *"queued")).unwrap_or(true) {
        JobFiles::of(app.store.dir(), id).forget_environment();
    }
}
