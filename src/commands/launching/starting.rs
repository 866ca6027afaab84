//! Parents started, each apart from this process, or as the program of a tmux pane.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{App, Failure, JobFiles, Runtime, unspell};
use crate::commands::jobs::with_job;
use crate::fleet::remains::{JOB, OF_A_JOB};
use crate::fleet::tmux::{Start, Tmux, TmuxError};
use crate::protocol::op::{JobEnd, Op, Request};

/// Starts the parents of these jobs. One that cannot be started ends its job, and may let others start in its place.
pub(in crate::commands) fn begin_all(app: &App, jobs: &[String]) {
    let mut waiting: Vec<String> = jobs.to_vec();
    while let Some(job) = waiting.pop() {
        let Err(failure) = begin(app, &job) else { continue };
        // Somebody else may have begun it at the same moment.
        if !is_queued(app, &job) {
            continue;
        }
        JobFiles::of(app.store.dir(), &job).forget_environment();
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

fn is_queued(app: &App, id: &str) -> bool {
    with_job(app, id, |_, job| Ok(job.stage == *"queued")).unwrap_or(false)
}

/// Starts the parent of a job: apart from this process, or as the program of a tmux pane.
fn begin(app: &App, id: &str) -> Result<(), Failure> {
    let (runtime, project) = with_job(app, id, |_, job| Ok((job.runtime.to_string(), unspell(&job.project))))?;
    let program = app.own_program().map_err(|error| unstarted(&error))?;
    if runtime == Runtime::Tmux.name() {
        return begin_in_terminal(app, id, &project, &program);
    }
    let log = JobFiles::of(app.store.dir(), id).parent_log();
    let log = OpenOptions::new().create(true).append(true).open(log).map_err(|error| unstarted(&error))?;
    let mut command = Command::new(program);
    command.env_clear().envs(environment(app, id));
    command.args(["parent", "--apart", id]).current_dir("/").env("AIO_DIR", app.store.dir()).env(JOB, id);
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(|error| unstarted(&error))?).stderr(log);
    // A group of its own: what ends this command does not end the job.
    let mut child = command.process_group(0).spawn().map_err(|error| unstarted(&error))?;
    match child.wait().map_err(|error| unstarted(&error))?.success() {
        true => Ok(()),
        false => Err(Failure::environment(format!("the parent of {id} does not start")).hint(format!("aio logs {id}"))),
    }
}

/// Starts a parent that may leave this session, as only one that leads no group can: this process leads its own.
pub(in crate::commands) fn begin_apart(app: &App, id: &str) -> Result<(), Failure> {
    let program = app.own_program().map_err(|error| unstarted(&error))?;
    Command::new(program).args(["parent", id]).spawn().map(drop).map_err(|error| unstarted(&error))
}

fn begin_in_terminal(app: &App, id: &str, project: &Path, program: &Path) -> Result<(), Failure> {
    let tmux = Tmux::new(app.store.dir());
    let failure = |error: TmuxError| Failure::environment(error.to_string()).hint(error.hint());
    // The first pane of its session is its parent's; others are a person's.
    let first = tmux.panes().map_err(failure)?.into_iter().find(|seen| seen.pane.job == id);
    match first {
        Some(seen) if seen.end.is_none() => return Ok(()),
        // What an earlier run left to be looked at makes room.
        Some(_) => tmux.kill(id).map(drop).map_err(failure)?,
        None => {}
    }
    let inherited = environment(app, id);
    let besides = [("AIO_DIR".to_owned(), app.store.dir().as_os_str().to_owned())];
    let args: [OsString; 2] = ["parent".into(), id.into()];
    let start = Start {
        job: id,
        folder: project,
        inherited: &inherited,
        environment: &besides,
        program: program.as_os_str(),
        args: &args,
    };
    tmux.start(&start).map(drop).map_err(failure)
}

/// Keeps the variables that whoever asks for these jobs has, for whoever begins them: another job's parent, a cleanup.
///
/// # Errors
/// When they cannot be written.
pub(in crate::commands) fn keep_environment<'j>(app: &App, jobs: impl Iterator<Item = &'j str>) -> Result<(), Failure> {
    let variables = variables(app);
    for id in jobs {
        JobFiles::of(app.store.dir(), id).keep_environment(&variables).map_err(|error| {
            let message = format!("the environment of {id} cannot be kept: {error}; nothing was launched");
            Failure::environment(message).hint("free some space")
        })?;
    }
    Ok(())
}

fn environment(app: &App, id: &str) -> Vec<(OsString, OsString)> {
    JobFiles::of(app.store.dir(), id).environment().unwrap_or_else(|| variables(app))
}

/// Those that this process has, but what it has because it works for a job itself: that is not for the jobs it begins.
fn variables(app: &App) -> Vec<(OsString, OsString)> {
    let own: &[&str] = if app.variable(JOB).is_some() { &OF_A_JOB } else { &[] };
    app.variables().into_iter().filter(|(name, _)| !own.iter().any(|own| name == own)).collect()
}

fn unstarted(error: &std::io::Error) -> Failure {
    Failure::environment(format!("aio cannot start itself: {error}"))
}
