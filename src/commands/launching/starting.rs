//! Parents started, each apart from this process, or as the program of a tmux pane.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::{App, Failure, JobFiles, Runtime, unspell};
use crate::fleet::tmux::{Start, Tmux};
use crate::protocol::fleet::find_job;
use crate::protocol::op::{JobEnd, Op, Request};

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

/// Starts the parent of a job. That of one in somebody's own terminal is the command that was typed there.
fn begin(app: &App, id: &str) -> Result<(), Failure> {
    let (runtime, project) = app.with_state(|state| {
        let jobs = state.jobs.entries().unwrap_or_default();
        let job = find_job(&jobs, id)?;
        Ok((job.runtime.to_string(), unspell(&job.project)))
    })?;
    if runtime == Runtime::Terminal.name() {
        return Ok(());
    }
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
