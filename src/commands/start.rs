//! `aio start`: an agent in the terminal that this is typed in, here or as a job in a worktree of its own.
//!
//! What it is started with goes on its command line, where that can carry it. Else the agent gets a terminal of its own between it and
//! the person's (`fleet::relay`), into which the prompt is pasted.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::json;

use super::jobs::evidence::{Seen, look_all};
use super::jobs::{standing_line, with_job};
use super::launching::{self, Site, preflight};
use super::parent::{self, Kept, Opening};
use super::run::{self as running, Pasting};
use super::{projects, wording};
use crate::app::{App, unspell};
use crate::cli::StartArgs;
use crate::error::{Exit, Failure};
use crate::fleet::agents::Manner;
use crate::fleet::merge;
use crate::fleet::profile::{self, Profile, Runtime};
use crate::fleet::relay::{Relay, TerminalSettings};
use crate::output::Report;
use crate::protocol::fleet::Standing;
use crate::protocol::op::{JobEnd, NewJob, Op, Request};

/// What an argument can hold on Linux, in bytes.
const MOST_ARGUMENT: usize = (128 << 10) - 1;
/// What is written around a task, and before a prompt on a command line, takes less than this.
const FRAME: usize = 4 << 10;

pub(super) fn run(app: &App, args: &StartArgs) -> Result<Report, Failure> {
    let profile = profile::find(app.profiles(), &args.profile).ok_or_else(|| unknown(app, &args.profile))?;
    let opening = match (args.prefill, args.send || !args.words.is_empty() || args.file.is_some()) {
        (true, _) => Opening::Prefilled,
        (false, true) => Opening::Sent,
        (false, false) => Opening::Nothing,
    };
    let prompt = match opening {
        Opening::Nothing => String::new(),
        _ => wording::task(app, &args.words, args.file.as_deref())?,
    };
    if !opening.is_pasted(profile.agent) {
        must_fit(&profile, &prompt, args.file.as_deref())?;
    }
    preflight::agent(app, &profile)?;
    must_have_terminal(app, &format!("aio multi {}:1 \"…\"", profile.name))?;
    match args.worktree {
        true => apart(app, &profile, args.target.as_deref(), opening, &prompt),
        false => here(app, &profile, opening, (&prompt, &source(args))),
    }
}

fn unknown(app: &App, word: &str) -> Failure {
    let names: Vec<String> = profile::all(app.profiles()).into_iter().map(|profile| profile.name).collect();
    Failure::usage(format!("no agent and no profile {word:?}")).hint(format!("name one of {}", names.join(", ")))
}

/// Where a prompt that could not be pasted is still to be found.
fn source(args: &StartArgs) -> String {
    match (&args.file, args.words.is_empty()) {
        (Some(file), _) => format!("in {}", Path::new(file).display()),
        (None, false) => "in the command line that you started it with".to_owned(),
        (None, true) => "the default_task of config.toml".to_owned(),
    }
}

fn must_fit(profile: &Profile, prompt: &str, file: Option<&OsStr>) -> Result<(), Failure> {
    let most = MOST_ARGUMENT - FRAME;
    if prompt.len() <= most {
        return Ok(());
    }
    let from = match file.filter(|file| *file != "-") {
        Some(file) => format!("-f {}", file.display()),
        None => "-f - < FILE".to_owned(),
    };
    let message = format!("the prompt has {} bytes, and a command line has room for {most}", prompt.len());
    Err(Failure::usage(message).hint(format!("aio multi {}:1 --tmux {from}", profile.name)))
}

fn must_have_terminal(app: &App, instead: &str) -> Result<(), Failure> {
    match app.has_terminal() {
        true => Ok(()),
        false => Err(Failure::environment("there is no terminal here to start it in").hint(instead)),
    }
}

/// As `aio run` would, with the agent as it always is with this person.
fn here(app: &App, profile: &Profile, opening: Opening, (prompt, source): (&str, &str)) -> Result<Report, Failure> {
    let is_pasted = opening.is_pasted(profile.agent);
    let manner = if is_pasted { Manner::Interactive } else { opening.manner(prompt) };
    let launch = profile.launch_as_usual(manner).expect("what no command line carries is pasted");
    let pasting = match is_pasted {
        true => Some(Pasting { relay: relay(profile, opening, prompt)?, source }),
        false => None,
    };
    let mut report = running::agent(app, profile.agent.name, &launch, pasting)?;
    report.code = "started";
    Ok(report)
}

fn relay(profile: &Profile, opening: Opening, prompt: &str) -> Result<Relay, Failure> {
    Relay::open(profile.agent, prompt, opening == Opening::Sent).map_err(|error| {
        let hint = format!("aio start {}, and paste it there", profile.name);
        Failure::environment(format!("there is no terminal to be had: {error}")).hint(hint)
    })
}

/// As a job that this process keeps.
fn apart(
    app: &App,
    profile: &Profile,
    target: Option<&str>,
    opening: Opening,
    prompt: &str,
) -> Result<Report, Failure> {
    preflight::space(app)?;
    preflight::ports(app, 1)?;
    let project = projects::resolve(app, OsStr::new("."))?;
    let worktrees = launching::worktrees(app, &project);
    let preflight::Beginning { branch, note } = preflight::look_at(&unspell(&project.path), &worktrees, target)?;
    note.iter().for_each(|note| app.warn(note));
    let site = Site { project, target: branch };
    let id = launching::new_id(app, &profile.name, &[]);
    let mut job = launching::job(app, id, &site, profile, prompt);
    job = NewJob { runtime: Runtime::Terminal.name().to_owned(), batch: app.new_id(), ..job };
    if opening == Opening::Nothing {
        job.title = "(no task was given)".to_owned();
    }
    let id = job.id.clone();
    launching::write_down(app, &[job], prompt)?;
    keep(app, &id, opening)
}

/// Lets an agent that has ended go on, in this terminal.
///
/// # Errors
/// When there is no terminal here, or it has not ended.
pub(super) fn again(app: &App, id: &str, session: &str, words: &str) -> Result<Report, Failure> {
    if !words.trim().is_empty() {
        let message = format!("{id} goes on in this terminal, where aio cannot type");
        return Err(Failure::usage(message).hint(format!("aio resume {id}, and say it there")));
    }
    must_have_terminal(app, &format!("aio resume {id} in a terminal, or aio retry {id}"))?;
    if session.is_empty() {
        app.warn(&format!("the session of {id} is not known, so it begins a new one, without its task"));
    }
    app.transact(&Request { actor: None, op: Op::RequeueJob { job: id.to_owned(), restarts: 0 } })?;
    keep(app, id, Opening::Nothing)
}

fn keep(app: &App, id: &str, opening: Opening) -> Result<Report, Failure> {
    let terminal = TerminalSettings::now();
    let end = match parent::keep(app, id, opening)? {
        Kept::Ended(end) => end,
        Kept::Interrupted(signal) => {
            let exit = Exit::Child(u8::try_from(128 + signal).unwrap_or(u8::MAX));
            let failure = Failure::new(exit, "interrupted", format!("Interrupted: {id} was not started"));
            return Err(failure.hint(format!("aio remove {id}, or aio resume {id}")));
        }
        Kept::Waits(reason) | Kept::NotQueued(reason) => {
            let failure = Failure::new(Exit::Refused, "taken", format!("{id} was not started: {reason}"));
            return Err(failure.hint(format!("aio remove {id}")));
        }
    };
    // One that crashed puts nothing back, whatever its exit code.
    terminal.restore();
    let (exit, is_started) = exit(&end);
    if !is_started {
        let next = format!("aio logs {id}, aio remove {id}");
        return Err(Failure::environment(format!("{id} was not started: {}", end.failure)).hint(next));
    }
    let seen = with_job(app, id, |state, job| Ok(look_all(app, state, &[job]).0))?;
    let Some(seen) = seen.first() else { return Ok(Report::done("started", id)) };
    let mut report = Report::done("started", standing_line(seen));
    report.exit = exit;
    report.hints = next(seen);
    report.notes.push(format!("next: {}", report.hints.join("; ")));
    Ok(report.with(json!({ "job": id, "branch": seen.branch, "exit": exit.code() })))
}

/// What can be done with what it made, and with itself.
fn next(seen: &Seen) -> Vec<String> {
    let id = &seen.id;
    let has_files = seen.is_work_unknown || seen.files.is_some_and(|files| files > 0);
    let has_commits = seen.commits.is_some_and(|commits| commits > 0);
    let is_whole = || merge::uncommitted(&unspell(&seen.worktree), true).is_ok_and(|files| files.is_empty());
    let is_well = matches!(seen.standing, Standing::Done | Standing::Review);
    let diff = (has_files || has_commits).then(|| format!("aio diff {id}"));
    let merge = (has_commits && is_whole()).then(|| format!("aio merge {id}"));
    let resume = (!is_well).then(|| format!("aio resume {id}"));
    diff.into_iter().chain(merge).chain(resume).chain([format!("aio remove {id}")]).collect()
}

/// As the agent ended, and whether there was one.
fn exit(end: &JobEnd) -> (Exit, bool) {
    match (end.signal, end.exit_code) {
        (0, None) => (Exit::Environment, false),
        (0, Some(code)) => (Exit::Child(u8::try_from(code).unwrap_or(1)), true),
        (signal, _) => (Exit::Child(u8::try_from(128 + signal).unwrap_or(u8::MAX)), true),
    }
}
