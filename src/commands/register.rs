//! `aio register`, `aio heartbeat`, `aio unregister`

use std::path::Path;

use serde_json::json;

use crate::app::{App, Greeting, spell};
use crate::cli::RegisterArgs;
use crate::error::{Failure, no_such_project};
use crate::host::process;
use crate::host::shell::is_interactive_shell;
use crate::output::Report;
use crate::protocol::evidence::ProcessKey;
use crate::protocol::id::is_tool_name;
use crate::protocol::op::{Op, Outcome, Registration, Request};

pub(super) fn run(app: &App, args: &RegisterArgs) -> Result<Report, Failure> {
    let Joined { id, again, has_process } = join(app, args)?;
    let data = json!({ "instance": id, "again": again, "process": has_process });
    let mut report = Report::done("registered", format!("Registered: {id}")).with(data);
    if !has_process {
        report.notes.push(
            "your process is not known for certain, so only heartbeats keep your claims (5 minutes); \
             pass --pid $$, or use aio run"
                .to_owned(),
        );
    }
    Ok(report)
}

/// Who takes part now.
pub(super) struct Joined {
    /// Its instance.
    pub(super) id: String,
    /// It was known before.
    pub(super) again: bool,
    /// Its process is recorded.
    pub(super) has_process: bool,
}

/// Registers the caller.
///
/// # Errors
/// When it cannot be told what to register, or it cannot be written.
pub(super) fn join(app: &App, args: &RegisterArgs) -> Result<Joined, Failure> {
    let tool = tool(app, args)?;
    let mut registration = Registration {
        project: project(app, args)?,
        session: session(app, args, &tool)?,
        process: recorded_process(app, args)?,
        tool,
        ..Registration::default()
    };
    if registration.process.is_none() {
        registration.parent = app.ancestry().ancestors.first().map(|parent| parent.key);
    }
    let has_process = registration.process.is_some();
    let outcome = app.transact(&Request { actor: None, op: Op::Register(registration) })?;
    let Outcome::Registered { id, again } = outcome else {
        return Err(Failure::environment("the registration was not answered"));
    };
    if again {
        app.greet(&id, Greeting::News);
    }
    Ok(Joined { id, again, has_process })
}

fn tool(app: &App, args: &RegisterArgs) -> Result<String, Failure> {
    let agent = app.ancestry().agent.as_ref().map(|seen| seen.agent.tool.to_owned());
    let Some(tool) = args.tool.clone().or(agent) else {
        return Err(Failure::usage("which agent is this?").hint("aio register claude"));
    };
    if !is_tool_name(&tool) {
        return Err(Failure::usage(format!("{tool:?} is no tool name: a-z, then a-z, 0-9 or -, at most 32"))
            .hint("aio register claude"));
    }
    Ok(tool)
}

fn project(app: &App, args: &RegisterArgs) -> Result<String, Failure> {
    let Some(typed) = &args.project else { return Ok(app.current_project()) };
    let folder = app.physical(None, Path::new(typed))?.path;
    if !folder.is_dir() {
        return Err(no_such_project(&folder));
    }
    Ok(spell(&folder))
}

/// The agent's own session variable counts only for the agent that this runs in.
fn session(app: &App, args: &RegisterArgs, tool: &str) -> Result<Option<String>, Failure> {
    if let Some(session) = &args.session {
        let fine = !session.is_empty() && session.len() <= 256 && !session.contains(char::is_control);
        return if fine { Ok(Some(session.clone())) } else { Err(bad_session(session)) };
    }
    let witness = app.witness();
    let other_agent = witness.agent.as_ref().is_some_and(|agent| agent.tool != tool);
    // Without an agent above, a session variable may have been inherited by anything, unless none could be seen.
    let trusted = witness.agent.is_some() || witness.cut_off;
    let mut sessions = witness.sessions.into_iter().filter(|(of, _)| *of == tool && !other_agent);
    Ok(sessions.next().map(|(_, session)| session).filter(|_| trusted))
}

fn bad_session(session: &str) -> Failure {
    let length = session.len();
    Failure::usage(format!("a session id is 1 to 256 bytes without control characters; this one has {length} bytes"))
        .hint("leave --session out where the agent has none")
}

/// A process is recorded only when it is certainly the agent's: one that was named, an agent above this command, or the
/// interactive shell this was typed in.
fn recorded_process(app: &App, args: &RegisterArgs) -> Result<Option<ProcessKey>, Failure> {
    if let Some(pid) = args.pid {
        let missing = || Failure::usage(format!("there is no process {pid}")).hint("pass the agent's pid, as --pid $$");
        return process::key_of(pid).map(Some).ok_or_else(missing);
    }
    let ancestry = app.ancestry();
    let shell = ancestry.ancestors.first().filter(|parent| is_interactive_shell(parent)).map(|parent| parent.key);
    Ok(ancestry.agent.as_ref().map(|seen| seen.process).or(shell))
}

pub(super) fn heartbeat(app: &App) -> Result<Report, Failure> {
    let id = app.identify()?;
    app.transact(&Request { actor: Some(id.clone()), op: Op::Heartbeat })?;
    Ok(Report::done("heartbeat", "Heartbeat updated").with(json!({ "instance": id })))
}

pub(super) fn unregister(app: &App) -> Result<Report, Failure> {
    let id = app.identify().map_err(|mut failure| {
        failure.answer = Some("Not registered".to_owned());
        failure
    })?;
    let outcome = app.transact(&Request { actor: Some(id.clone()), op: Op::Unregister })?;
    let released = if let Outcome::Unregistered { released } = outcome { released } else { 0 };
    let mut report = Report::done("unregistered", "Released");
    report.lines.push(format!("Unregistered: {id}").into());
    Ok(report.with(json!({ "instance": id, "released": released })))
}
