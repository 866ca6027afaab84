//! `aio logs`, `attach`, `stop` and `resume`: jobs looked into, ended, and going on.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use serde_json::json;

use super::ending::Ending;
use super::evidence::is_worktree_gone;
use super::sending::leave;
use super::with_job;
use crate::app::{App, pause, unspell};
use crate::cli::{JobArgs, LogsArgs, ResumeArgs, SomeJobsArgs};
use crate::commands::{launching, start};
use crate::error::{Exit, Failure, project_is_gone};
use crate::fleet::agents::Agent;
use crate::fleet::files::JobFiles;
use crate::fleet::profile::Runtime;
use crate::fleet::stream::{Lines, Seen};
use crate::fleet::tmux::{Tmux, TmuxError};
use crate::output::{Line, Report};
use crate::protocol::fleet::{Job, Standing, standing};
use crate::protocol::op::{JobEnd, Op, Outcome, Request};

/// How long an agent and its parent may take to end.
const TO_END: Duration = Duration::from_secs(15);
const GLANCE: Duration = Duration::from_millis(100);

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
    let mut follower = Follower { agent, lines: Lines::default(), file: File::open(files.output()).ok() };
    let mut last: VecDeque<String> = VecDeque::new();
    follower.read(|line| {
        last.push_back(line);
        if last.len() > args.limit {
            last.pop_front();
        }
    });
    report.lines = last.into_iter().map(Line::from).collect();
    for (path, what) in [(files.errors(), "stderr"), (files.parent_log(), "aio"), (files.setup_log(), "setup")] {
        report.lines.extend(tail(&path, 10).into_iter().map(|line| Line::from(format!("[{what}] {line}"))));
    }
    if !args.follow {
        if report.lines.is_empty() && !is_unseen {
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
        let ended = with_job(app, &id, |_, job| Ok(job.stage != *"running" && job.stage != *"queued"))?;
        if follower.file.is_none() {
            follower.file = File::open(files.output()).ok();
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
    let (standing, why) = with_job(app, id, |state, job| {
        Ok((standing(job, false, &app.evidence_of_jobs(state)), job.failure.to_string()))
    })?;
    let step = JobFiles::of(app.store.dir(), id).step();
    Ok(match standing {
        Standing::Queued => format!("{id} is queued, and has not begun; next: aio jobs"),
        Standing::Starting if step == "setup" => {
            let log = JobFiles::of(app.store.dir(), id).setup_log();
            format!("the setup command of {id} runs, and has said nothing yet; next: tail -f {}", log.display())
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
            format!("{id} {}{why}; it wrote nothing; next: aio retry {id}", standing.name())
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
    let Ok(mut file) = File::open(path) else { return Vec::new() };
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
    match Runtime::of(&runtime) {
        Runtime::Terminal => {
            return none("has the terminal it was started in", format!("look there, or aio diff {id}"));
        }
        Runtime::Headless => {
            return none("runs without a terminal", format!("aio logs -f {id}, or aio send {id} \"…\""));
        }
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
        "removed" => format!("aio retry {id}"),
        // What runs cannot be resumed.
        "running" if !is_orphaned => format!("aio stop {id}, then aio resume {id}"),
        _ => format!("aio resume {id}"),
    };
    Err(Failure::new(Exit::Refused, "gone", format!("the terminal of {id} is gone")).hint(next))
}

pub(in crate::commands) fn stop(app: &App, args: &SomeJobsArgs) -> Result<Report, Failure> {
    let mut report = Report::silent("stopped");
    let jobs: Vec<Ending> = args.jobs.iter().map(|word| Ending::find(app, word)).collect::<Result<_, _>>()?;
    jobs.iter().for_each(Ending::ask);
    let deadline = Instant::now() + TO_END;
    let mut failures = Vec::new();
    for job in jobs {
        job.wait_for_parent(deadline);
        let end = JobEnd { result: "stopped".to_owned(), ..JobEnd::default() };
        match job.end_rest(app.store.dir()).and_then(|()| job.write_down(app, end)) {
            Ok(()) => report.lines.push(stopped(app, &job).into()),
            Err(failure) => failures.push(failure),
        }
    }
    let Some(first) = failures.first() else { return Ok(report) };
    if args.jobs.len() == 1 {
        return Err(first.clone());
    }
    (report.exit, report.code) = (first.exit, first.code);
    report.notes = failures.iter().map(Failure::line).collect();
    Ok(report)
}

/// What there is to say of a job that is to be stopped, and runs no more.
fn stopped(app: &App, job: &Ending) -> String {
    let is_ended = job.stage == "ended" || job.stage == "removed";
    let ended = with_job(app, &job.id, |state, job| Ok(standing(job, false, &app.evidence_of_jobs(state)).name()));
    match ended {
        // It may have ended by itself just before.
        Ok(how) if is_ended || how != "stopped" => format!("Already ended: {} ({how})", job.id),
        _ => format!("Stopped: {}", job.id),
    }
}

/// Refuses what would fail in the same way each time.
fn must_go_on(app: &App, job: &Job<'_>) -> Result<(), Failure> {
    let id = &*job.id;
    if job.stage == *"removed" {
        let message = format!("{id} was removed");
        return Err(Failure::new(Exit::Refused, "taken", message).hint(format!("aio retry {id}")));
    }
    if !unspell(&job.project).is_dir() {
        return Err(project_is_gone(id, &unspell(&job.project)));
    }
    if is_worktree_gone(job, app.store.dir()) {
        let message = format!("the worktree of {id} is gone: {}", unspell(&job.worktree).display());
        return Err(Failure::new(Exit::Refused, "taken", message).hint(format!("aio retry {id}; aio remove {id}")));
    }
    Ok(())
}

pub(in crate::commands) fn resume(app: &App, args: &ResumeArgs) -> Result<Report, Failure> {
    with_job(app, &args.job, |_, job| must_go_on(app, job))?;
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
    if !words.trim().is_empty() {
        let message = leave(app, &id, &words)?;
        // Otherwise it is told when it has gone on.
        JobFiles::of(app.store.dir(), &id).tell_first(&message).unwrap_or_default();
    }
    launching::keep_environment(app, [&*id].into_iter())?;
    let mut word = "Resumed";
    if let Outcome::Jobs { next } =
        app.transact(&Request { actor: None, op: Op::RequeueJob { job: id.clone(), restarts: 1 } })?
    {
        if !next.contains(&id) {
            word = "Queued";
        }
        launching::begin_all(app, &next);
    }
    Ok(Report::done("resumed", format!("{word}: {id}")).with(json!({ "id": id })))
}
