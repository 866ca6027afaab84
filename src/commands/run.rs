//! `aio run`: a command that takes part without knowing it.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::{claim, targets};
use crate::app::App;
use crate::cli::RunArgs;
use crate::error::{Exit, Failure};
use crate::fleet::profile::Launch;
use crate::fleet::relay::{Relay, Relaying, TerminalSettings};
use crate::host::process;
use crate::output::Report;
use crate::protocol::evidence::ProcessKey;
use crate::protocol::id::{is_tool_name, tool_name};
use crate::protocol::op::{ClaimRequest, Op, Outcome, Registration, Request, Wait};

/// Signals that are meant for the command.
const PASSED_ON: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
const HEARTBEAT: Duration = Duration::from_secs(60);
/// What does not end with its terminal is ended after so long.
const GRACE: Duration = Duration::from_secs(5);

/// Registers, claims, and runs the command; ends as it ends.
///
/// The instance records the command's own process, so its claims live and die with it, even when this parent is killed.
pub(super) fn run(app: &App, args: &RunArgs) -> Result<Report, Failure> {
    let (program, rest) = args.command.split_first().expect("clap requires a command");
    let mut command = Command::new(program);
    command.args(rest);
    let terminal = TerminalSettings::now();
    let status = as_session(app, args, command, None)?;
    // Any other end is the command's own, and so is what it made of the terminal.
    if status.signal().is_some() {
        terminal.restore();
    }
    Ok(end_as(status))
}

/// What an agent's terminal of its own is for.
pub(super) struct Pasting<'p> {
    pub(super) relay: Relay,
    /// Where the prompt can be found if it could not be pasted.
    pub(super) source: &'p str,
}

/// Runs an agent as it is to be launched, in this folder and this terminal, or one of its own between, and ends as it ends.
///
/// # Errors
/// As `aio run`.
pub(super) fn agent(app: &App, tool: &str, launch: &Launch, pasting: Option<Pasting<'_>>) -> Result<Report, Failure> {
    let mut command = Command::new(&launch.program);
    command.args(&launch.args);
    for name in launch.without {
        command.env_remove(name);
    }
    command.envs(launch.variables.iter().map(|(name, value)| (name, value)));
    let (claims, wait) = Default::default();
    let args = RunArgs { tool: Some(tool.to_owned()), claims, wait, command: vec![launch.program.clone().into()] };
    let terminal = TerminalSettings::now();
    let status = as_session(app, &args, command, pasting)?;
    // One that crashed puts nothing back, whatever its exit code.
    terminal.restore();
    Ok(end_as(status))
}

fn as_session(
    app: &App,
    args: &RunArgs,
    command: Command,
    pasting: Option<Pasting<'_>>,
) -> Result<ExitStatus, Failure> {
    let signals = Signals::new(PASSED_ON.iter().chain(&[SIGCHLD]))
        .map_err(|error| as_run_failure(Failure::environment(format!("signals cannot be caught: {error}"))))?;
    let id = register(app, args, None, app.own_process()).map_err(as_run_failure)?;
    let result = supervise(app, args, command, (&id, signals), pasting);
    if let Err(failure) = app.transact(&Request { actor: Some(id), op: Op::Unregister }) {
        // It may have unregistered itself; anything else heals by itself, because its process is gone.
        if failure.exit != Exit::NotRegistered {
            app.warn(&format!("its claims were not released: {}", failure.message));
        }
    }
    result
}

fn supervise(
    app: &App,
    args: &RunArgs,
    mut command: Command,
    (id, signals): (&str, Signals),
    pasting: Option<Pasting<'_>>,
) -> Result<ExitStatus, Failure> {
    claim_first(app, args, id).map_err(as_run_failure)?;
    if let Some(pasting) = &pasting {
        let unopened = |error| Failure::environment(format!("there is no terminal to be had: {error}"));
        pasting.relay.attach(&mut command).map_err(|error| as_run_failure(unopened(error)))?;
    }
    let mut child = spawn(command, id)?;
    let pasting = pasting.map(|Pasting { relay, source }| (relay.begin(child.id()), source));
    // From here on the instance is the child's: it lives as long as that does.
    if let Err(failure) = register(app, args, Some(id), process::key_of(child.id())) {
        app.warn(&format!("its process was not recorded: {}", failure.message));
    }
    let ended = attend(app, &mut child, id, (signals, pasting.is_some()));
    if let Some((relaying, source)) = pasting {
        leave_terminal(app, relaying, source);
    }
    ended
}

/// Puts the person's terminal back, and says what became of a prompt otherwise than it was to.
fn leave_terminal(app: &App, mut relaying: Relaying, source: &str) {
    relaying.end();
    match relaying.shortfall() {
        Some(shortfall) => app.warn(&format!("{shortfall}; it is {source}")),
        None if !relaying.left_out().is_empty() => app.warn(&format!("of the prompt was {}", relaying.left_out())),
        None => {}
    }
}

/// Passes signals on and keeps the heartbeat until the command ends. Apart, it is in a terminal of its own: no key there
/// makes signals for it but through us, and it ends with ours.
fn attend(
    app: &App,
    child: &mut Child,
    id: &str,
    (mut signals, is_apart): (Signals, bool),
) -> Result<ExitStatus, Failure> {
    let (sender, receiver) = mpsc::channel();
    // Ends with this process; it only hands numbers over.
    std::thread::spawn(move || signals.forever().try_for_each(|signal| sender.send(signal)));
    let mut ends_at: Option<Instant> = None;
    loop {
        let ended = child.try_wait().map_err(|error| as_run_failure(Failure::environment(error.to_string())))?;
        if let Some(status) = ended {
            return Ok(status);
        }
        let patience = ends_at.map_or(HEARTBEAT, |at| at.saturating_duration_since(Instant::now()));
        match receiver.recv_timeout(patience) {
            Ok(SIGCHLD) => {}
            Ok(SIGHUP) if is_apart => {
                pass_on(child, SIGHUP, true);
                ends_at = ends_at.or(Some(Instant::now() + GRACE));
            }
            // The terminal sends these to the command itself.
            Ok(SIGINT | SIGQUIT) if !is_apart && is_in_foreground() => {}
            Ok(signal) => pass_on(child, signal, is_apart),
            Err(_) if ends_at.is_some() => {
                pass_on(child, SIGKILL, true);
                ends_at = None;
            }
            Err(_) => beat(app, id),
        }
    }
}

fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// To the command, or, if it is apart, to all in its group.
fn pass_on(child: &Child, signal: i32, is_apart: bool) {
    let send = if is_apart { rustix::process::kill_process_group } else { rustix::process::kill_process };
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let signal = rustix::process::Signal::from_named_raw(signal);
    if let (Some(pid), Some(signal)) = (pid, signal) {
        // The command may have ended just now; then there is nobody to tell.
        send(pid, signal).unwrap_or_default();
    }
}

fn beat(app: &App, id: &str) {
    if let Err(failure) = app.transact(&Request { actor: Some(id.to_owned()), op: Op::Heartbeat }) {
        app.warn(&format!("no heartbeat: {}", failure.message));
    }
}

/// Registers, first for this process, then, under the same id, for the command's.
fn register(app: &App, args: &RunArgs, id: Option<&str>, process: Option<ProcessKey>) -> Result<String, Failure> {
    let tool = tool(args);
    if !is_tool_name(&tool) {
        return Err(Failure::usage(format!("{tool:?} is no tool name: a-z, then a-z, 0-9 or -, at most 32"))
            .hint("name one with --tool"));
    }
    let registration = Registration {
        tool,
        id: id.map(str::to_owned),
        project: app.current_project(),
        process,
        ..Registration::default()
    };
    match app.transact(&Request { actor: None, op: Op::Register(registration) })? {
        Outcome::Registered { id, .. } => Ok(id),
        _ => Err(Failure::environment("the registration was not answered")),
    }
}

/// The command's own name, as far as it can be a tool's.
fn tool(args: &RunArgs) -> String {
    let command = || tool_name(&Path::new(&args.command[0]).file_stem().unwrap_or_default().to_string_lossy());
    args.tool.clone().or_else(command).unwrap_or_else(|| "run".to_owned())
}

fn claim_first(app: &App, args: &RunArgs, id: &str) -> Result<(), Failure> {
    if args.claims.is_empty() {
        return Ok(());
    }
    let mut wanted = Vec::new();
    for path in &args.claims {
        wanted.push(targets::any_path(app, path, &app.cwd)?);
    }
    let wait = args.wait.map(|timeout| Wait {
        id: app.new_id(),
        process: app.own_process(),
        timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        again: false,
    });
    let outcome = claim::commit(app, id, ClaimRequest { wanted, wait, ..ClaimRequest::default() })?;
    claim::report(outcome).notes.iter().for_each(|note| app.warn(note));
    Ok(())
}

fn spawn(mut command: Command, id: &str) -> Result<Child, Failure> {
    command.env("AIO_INSTANCE", id).spawn().map_err(|error| {
        let program = command.get_program();
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        // As timeout(1) and env(1) have it.
        let exit = Exit::Child(if missing { 127 } else { 126 });
        Failure::new(exit, "not-run", format!("{} cannot be run: {error}", program.display()))
            .hint("name a program that is there and may be executed")
    })
}

fn as_run_failure(mut failure: Failure) -> Failure {
    failure.exit = Exit::Run;
    failure.answer = None;
    failure
}

/// Ends with the command's code, or by the signal that ended it.
fn end_as(status: ExitStatus) -> Report {
    let mut report = Report::silent("ran");
    if let Some(signal) = status.signal() {
        report.signal = signal;
        report.exit = Exit::Child(u8::try_from(128 + signal).unwrap_or(u8::MAX));
    } else {
        report.exit = Exit::Child(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
    }
    report.data = serde_json::json!({ "exit": report.exit.code() });
    report
}
