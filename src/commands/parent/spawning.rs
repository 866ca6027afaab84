//! The agent's process, as its runtime has it started.

use std::sync::mpsc;

use super::{App, Event, Opening, Runtime, Task, preparing};
use crate::error::Failure;
use crate::fleet::agents::Manner;
use crate::fleet::child::{AgentProcess, Streams, input, listen};
use crate::fleet::relay::{Relay, Relaying};
use crate::fleet::stream::{Lines, Seen};

/// Starts the agent, and listens to it where it has no terminal. Where its command line cannot carry what it is to be opened
/// with, it gets a terminal of its own, between it and the person's.
///
/// # Errors
/// When it cannot be started, or has no such manner.
pub(super) fn spawn(
    app: &App,
    task: &Task,
    instance: &str,
    words: &str,
    sender: &mpsc::Sender<Event>,
) -> Result<(AgentProcess, Option<Relaying>), Failure> {
    let manner = match (task.runtime, &*task.session) {
        (Runtime::Headless, "") => Manner::Headless,
        (Runtime::Headless, session) => Manner::HeadlessResumed(session),
        (Runtime::Tmux, "") => Manner::Interactive,
        (Runtime::Terminal, "") => match task.opening {
            opening if opening.is_pasted(task.profile.agent) => Manner::Interactive,
            opening => opening.manner(words),
        },
        (Runtime::Tmux | Runtime::Terminal, session) => Manner::Resumed(session),
    };
    let name = task.profile.agent.name;
    let launch = task.profile.launch(manner, &preparing::writable(app, task)).ok_or_else(|| {
        Failure::usage(format!("{name} cannot be run {}", task.runtime.name())).hint("choose another runtime")
    })?;
    let unstarted = |error: std::io::Error| {
        Failure::environment(format!("{} cannot be started: {error}", launch.program)).hint("install it")
    };
    let variables = preparing::variables(app, task, instance);
    let errors = task.files.errors();
    let relay = match task.is_relayed() {
        true => Some(Relay::open(task.profile.agent, words, task.opening == Opening::Sent).map_err(unstarted)?),
        false => None,
    };
    let streams = match (task.runtime, &relay) {
        (_, Some(relay)) => Streams::Relayed(relay),
        (Runtime::Tmux | Runtime::Terminal, None) => Streams::Terminal,
        (Runtime::Headless, None) => Streams::Piped { input: input(words).map_err(unstarted)?, errors: &errors },
    };
    let mut agent = AgentProcess::start(&launch, &task.worktree, &variables, streams).map_err(unstarted)?;
    if let Some(output) = agent.output() {
        let (sender, log, reader) = (sender.clone(), task.files.output(), task.profile.agent);
        std::thread::spawn(move || {
            let mut lines = Lines::default();
            let heard = listen(output, &log, |bytes| {
                lines.push(bytes, |line| tell(&sender, reader.read(line)));
            });
            lines.finish(|line| tell(&sender, reader.read(line)));
            // The parent may be gone already.
            sender.send(Event::Silence).unwrap_or_default();
            heard
        });
    }
    let relaying = relay.map(|relay| relay.begin(agent.id()));
    Ok((agent, relaying))
}

fn tell(sender: &mpsc::Sender<Event>, seen: Vec<Seen>) {
    if !seen.is_empty() {
        // The parent may be gone already.
        sender.send(Event::Seen(seen)).unwrap_or_default();
    }
}
