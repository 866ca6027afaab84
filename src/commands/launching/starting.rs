//! Parents started, each apart from this process, or as the program of a tmux pane.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{App, Failure, JobFiles, Outcome, Runtime, unspell};
use crate::commands::jobs::with_job;
use crate::error::remedy;
use crate::fleet::git::REDIRECTING;
use crate::fleet::program::until_it_began;
use crate::fleet::remains::{JOB, OF_A_JOB};
use crate::fleet::tmux::{Start, Tmux, TmuxError};
use crate::protocol::op::{JobEnd, Op, Request};

/// Starts the parents of these jobs. One that cannot be started ends its job, and may let others start in its place.
pub(in crate::commands) fn begin_all(app: &App, jobs: &[String]) {
    let mut waiting: Vec<String> = jobs.to_vec();
    while let Some(id) = waiting.pop() {
        let result = Queued::find(app, id).and_then(|queued| match queued {
            Some(queued) => queued.begin(app).or_else(|failure| queued.give_up(app, failure)),
            // Somebody else began it.
            None => Ok(Vec::new()),
        });
        match result {
            Ok(next) => waiting.extend(next.into_iter().filter(|id| !jobs.contains(id))),
            Err(failure) => app.warn(&failure.message),
        }
    }
}

/// A job that waits to be begun.
struct Queued {
    id: String,
    runtime: Runtime,
    project: PathBuf,
    /// How often it was begun before.
    attempt: u32,
}

impl Queued {
    /// None where it waits no more.
    fn find(app: &App, id: String) -> Result<Option<Queued>, Failure> {
        with_job(app, &id, |_, job| {
            let (runtime, project) = (Runtime::of(&job.runtime), unspell(&job.project));
            let queued = Queued { id: job.id.to_string(), runtime, project, attempt: job.attempt };
            Ok((job.stage == *"queued").then_some(queued))
        })
    }

    /// Starts its parent. Then no other job's turn has come by that.
    fn begin(&self, app: &App) -> Result<Vec<String>, Failure> {
        let program = app.own_program().map_err(|error| unstarted(&error))?;
        match self.runtime {
            Runtime::Tmux => begin_in_terminal(app, &self.id, &self.project, &program)?,
            Runtime::Headless | Runtime::Terminal => begin_by_itself(app, &self.id, &program)?,
        }
        Ok(Vec::new())
    }

    /// Ends it, unless somebody else began it meanwhile. Gives the jobs whose turn it is then.
    fn give_up(&self, app: &App, failure: Failure) -> Result<Vec<String>, Failure> {
        let end = JobEnd { result: "failed".to_owned(), failure: failure.message, ..JobEnd::default() };
        let op = Op::EndJob { job: self.id.clone(), attempt: self.attempt, end };
        let outcome = app.transact(&Request { actor: None, op })?;
        JobFiles::of(app.store.dir(), &self.id).forget_environment();
        Ok(if let Outcome::Jobs { next } = outcome { next } else { Vec::new() })
    }
}

/// Starts a parent apart from this process.
fn begin_by_itself(app: &App, id: &str, program: &Path) -> Result<(), Failure> {
    let log = JobFiles::of(app.store.dir(), id).parent_log();
    let log = OpenOptions::new().create(true).append(true).open(log).map_err(|error| unstarted(&error))?;
    let mut command = Command::new(program);
    command.env_clear().envs(environment(app, id));
    command.args(["parent", "--apart", id]).current_dir("/").env("AIO_DIR", app.store.dir()).env(JOB, id);
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(|error| unstarted(&error))?).stderr(log);
    // A group of its own: what ends this command does not end the job.
    command.process_group(0);
    // A second parent of a job would find that it does not wait any more, and end.
    let status = until_it_began(|| command.status()).map_err(|error| unstarted(&error))?;
    match status.success() {
        true => Ok(()),
        false => {
            let log = std::fs::read_to_string(JobFiles::of(app.store.dir(), id).parent_log()).unwrap_or_default();
            let why = log.lines().next_back().map(|why| format!(": {}", why.trim_start_matches("aio: ")));
            let message = format!("the parent of {id} does not start{}", why.unwrap_or_default());
            Err(Failure::environment(message).hint(format!("aio logs {id}")))
        }
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
        Some(seen) if !seen.has_ended => return Ok(()),
        // What an earlier run left to be looked at makes room, unless another starter has had it do so.
        Some(seen) => tmux.kill_ended(&seen.pane).map_err(failure)?,
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
    match tmux.start(&start) {
        // Another starter was first, and this is its parent's.
        Ok(_) | Err(TmuxError::Taken(_)) => Ok(()),
        Err(error) => Err(failure(error)),
    }
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
            Failure::environment(message).hint(remedy(&error))
        })?;
    }
    Ok(())
}

fn environment(app: &App, id: &str) -> Vec<(OsString, OsString)> {
    JobFiles::of(app.store.dir(), id).environment().unwrap_or_else(|| variables(app))
}

/// Those that this process has, but what it has because it works for a job itself, or what a git that runs it has for its own
/// repository: that is not for the jobs it begins.
fn variables(app: &App) -> Vec<(OsString, OsString)> {
    let own: &[&str] = if app.variable(JOB).is_some() { &OF_A_JOB } else { &[] };
    let is_own = |name: &OsString| own.iter().chain(&REDIRECTING).any(|own| name == own);
    app.variables().into_iter().filter(|(name, _)| !is_own(name)).collect()
}

fn unstarted(error: &std::io::Error) -> Failure {
    Failure::environment(format!("aio cannot start itself: {error}"))
}
