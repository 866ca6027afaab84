//! An agent for tests: it does what a script says, and looks to the world as the real ones do.
//!
//! Copied or linked under an agent's name (`claude`, `codex`), it is that agent to whoever looks at processes. With a
//! terminal it draws a prompt and reads pastes and Enter; without, or asked by `-p` or `exec`, it reads a prompt from stdin
//! and prints that agent's stream of JSON lines. What it was given, and what its hooks said, it leaves in a folder. See
//! [`script`] for what it can be told, by the variable `AIO_FAKE_AGENT`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a fake that cannot go on should say where")]
#![allow(unreachable_pub, reason = "a program has no reach")]

mod hooks;
mod prompt;
mod record;
mod script;
mod steps;
mod stream;
mod trust;

use std::io::{IsTerminal, Read, Write};

use hooks::Hooks;
use prompt::{Event, Prompt};
use record::Record;
use script::Script;
use steps::{Agent, Flow};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let script = Script::load();
    let record = Record::new(script.record.as_deref());
    record.note("args", &serde_json::to_vec(&args).unwrap());
    record.note("pid", std::process::id().to_string().as_bytes());
    let is_headless =
        args.iter().any(|arg| matches!(&**arg, "-p" | "--print" | "exec")) || !std::io::stdin().is_terminal();
    let hooks = Hooks::new(&args, script.hooks, is_headless, record.clone());
    let agent = Agent::new(script, hooks, record, is_headless);
    let code = if is_headless { headless(agent) } else { interactive(agent, &args) };
    std::process::exit(code);
}

/// One prompt, one turn, one stream.
fn headless(mut agent: Agent) -> i32 {
    let mut prompt = Vec::new();
    std::io::stdin().read_to_end(&mut prompt).unwrap();
    agent.stream_begins();
    agent.hooks.session_start();
    let flow = agent.turn(&prompt);
    agent.hooks.session_end();
    match flow {
        Flow::Quit(code) => code,
        Flow::On => 0,
    }
}

/// A prompt, and a turn for each text that is entered, the first perhaps on its command line: sent, or only written.
fn interactive(mut agent: Agent, args: &[String]) -> i32 {
    std::thread::sleep(agent.script.slow_start);
    let mut prompt = Prompt::open(&agent.script, &agent.hooks.tool, &agent.record);
    if agent.script.asks_to_trust && !trust::is_given(&agent.record) {
        prompt.close();
        return 1;
    }
    agent.hooks.session_start();
    let mut sent = args.iter().skip_while(|arg| *arg != "--").nth(1).cloned();
    prompt.draw();
    if let Some(text) = args.iter().find_map(|arg| arg.strip_prefix("--prefill=")) {
        prompt.write(text);
    }
    loop {
        let event = sent.take().map_or_else(|| prompt.next(), |text| Event::Entered(text.into_bytes()));
        match event {
            Event::Entered(text) => match agent.turn(&text) {
                Flow::On => prompt.draw(),
                Flow::Quit(code) => return leave(&mut agent, &mut prompt, code),
            },
            Event::Interrupted | Event::Closed => return leave(&mut agent, &mut prompt, 0),
        }
    }
}

fn leave(agent: &mut Agent, prompt: &mut Prompt, code: i32) -> i32 {
    agent.hooks.session_end();
    prompt.close();
    std::io::stdout().flush().unwrap();
    code
}
