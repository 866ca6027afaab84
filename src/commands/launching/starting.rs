//! Parents started, and watched until their agents took their tasks.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{App, Failure, JobFiles, Line, NewJob, Runtime, Style, line, unspell};
use crate::fleet::tmux::{Start, Tmux};
use crate::protocol::fleet::{Delivery, find_job, standing};
use crate::protocol::op::{JobEnd, Op, Request};

/// How long to watch until agents have taken their tasks.
const PATIENCE: Duration = Duration::from_secs(90);
const GLANCE: Duration = Duration::from_millis(200);

/// What came of a launch.
#[derive(Default)]
pub(in crate::commands) struct Started {
    pub(in crate::commands) lines: Vec<Line>,
    pub(in crate::commands) notes: Vec<String>,
    pub(super) failed: usize,
}

/// Starts the parents of these jobs. One that cannot be started ends its job, and may let others start in its place.
pub(in crate::commands) fn begin_all(app: &App, jobs: &[String]) {
    let mut waiting: Vec<String> = jobs.to_vec();
    while let Some(job) = waiting.pop() {
        let Err(failure) = begin(app, &job) else { continue };
        let end = JobEnd { result: "failed".to_owned(), failure: failure.message, ..JobEnd::default() };
        let ended = app.transact(&Request { actor: None, op: Op::EndJob { job, end } });
        match ended {
            Ok(crate::protocol::op::Outcome::Jobs { next }) => {
                waiting.extend(next.into_iter().filter(|id| !jobs.contains(id)));
            }
            Ok(_) => {}
            Err(failure) => app.warn(&failure.message),
        }
    }
}

/// Starts the parent of a job: apart from this process, or as the program of a tmux pane.
fn begin(app: &App, id: &str) -> Result<(), Failure> {
    let (runtime, project) = app.with_state(|state| {
        let jobs = state.jobs.entries().unwrap_or_default();
        let job = find_job(&jobs, id)?;
        Ok((job.runtime.to_string(), unspell(&job.project)))
    })?;
    let unstarted = |error: std::io::Error| Failure::environment(format!("aio cannot start itself: {error}"));
    let program = app.own_program().map_err(unstarted)?;
    if runtime == Runtime::Tmux.name() {
        let inherited = app.variable_names();
        let environment = [("AIO_DIR".to_owned(), app.store.dir().as_os_str().to_owned())];
        let args: [OsString; 2] = ["parent".into(), id.into()];
        let start = Start {
            job: id,
            folder: &project,
            inherited: &inherited,
            environment: &environment,
            program: program.as_os_str(),
            args: &args,
        };
        let started = Tmux::new(app.store.dir()).start(&start);
        return started.map(drop).map_err(|error| Failure::environment(error.to_string()).hint(error.hint()));
    }
    let log = JobFiles::of(app.store.dir(), id).parent_log();
    let log = OpenOptions::new().create(true).append(true).open(log).map_err(unstarted)?;
    let mut command = Command::new(program);
    command.args(["parent", id]).current_dir("/").env("AIO_DIR", app.store.dir());
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(unstarted)?).stderr(log);
    // A group of its own: what ends this command does not end the job.
    command.process_group(0).spawn().map(drop).map_err(unstarted)
}

/// Starts them, and watches until each has taken its task, has ended, or waits for its turn.
pub(super) fn begin_and_watch(app: &App, jobs: &[NewJob], next: &[String]) -> Started {
    begin_all(app, next);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (settled, started) = look(app, jobs, next);
        if settled == jobs.len() || Instant::now() >= deadline {
            return started;
        }
        crate::app::pause(GLANCE);
    }
}

/// How many need not be watched any more, and how all stand.
fn look(app: &App, jobs: &[NewJob], begun: &[String]) -> (usize, Started) {
    let looked = app.with_state(|state| {
        let known = state.jobs.entries().unwrap_or_default();
        let evidence = app.evidence_of_jobs(state);
        let (mut settled, mut started) = (0, Started::default());
        for new in jobs {
            let Ok(job) = find_job(&known, &new.id) else { continue };
            let standing = standing(job, false, &evidence);
            let is_taken = job.delivery == *Delivery::Acknowledged.name();
            let is_unsure = job.delivery == *Delivery::Unconfirmed.name();
            let (style, word) = match &*job.stage {
                "queued" if begun.contains(&new.id) => (Style::Notice, "STARTING"),
                "queued" => (Style::Faint, "QUEUED"),
                "ended" if job.result != *"done" => (Style::Bad, "FAILED"),
                _ if is_taken || job.stage == *"ended" => (Style::Good, "LAUNCHED"),
                _ if is_unsure => (Style::Notice, "UNCONFIRMED"),
                _ => (Style::Notice, "STARTING"),
            };
            settled += usize::from(word != "STARTING");
            started.failed += usize::from(word == "FAILED");
            let why = if job.failure.is_empty() { String::new() } else { format!(": {}", &*job.failure) };
            let state = if word == "LAUNCHED" { format!(" ({})", standing.name()) } else { String::new() };
            started.lines.push(line(
                style,
                word,
                &format!("{}  {}{state}{why}", &*job.id, unspell(&job.project).display()),
            ));
        }
        if let Some(first) = jobs.first() {
            started.notes.push(format!("next: aio jobs; aio logs -f {0}; aio stop {0}", first.id));
        }
        Ok((settled, started))
    });
    looked.unwrap_or_else(|failure| (0, Started { notes: vec![failure.message], ..Started::default() }))
}
