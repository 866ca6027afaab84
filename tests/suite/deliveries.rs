//! Awkward texts, and their way to an agent without a terminal. Their way into one is in `fleet_tmux`.

use std::ffi::OsString;

use aio::fleet::agents::{Agent, Manner};
use aio::fleet::brief;
use aio::fleet::child::{AgentProcess, Ended, Streams, input};
use aio::fleet::profile::Profile;
use serde_json::json;

use crate::fake_agent::FakeAgent;
use crate::harness::{World, is_proof};

/// How many texts are delivered, on each way; a few are, where the proofs are not asked for.
pub fn texts() -> usize {
    let asked = std::env::var("AIO_TEXTS").ok().map(|count| count.parse().unwrap());
    asked.unwrap_or(if is_proof() { 500 } else { 40 })
}

/// Awkward pieces, and a text of them for each number.
pub fn awkward(number: usize) -> String {
    const PIECES: [&str; 24] = [
        "plain",
        " ",
        "\n",
        "\t",
        "'",
        "\"",
        "\\",
        ";",
        "#{pane_id}",
        "#(date)",
        "$(date)",
        "`date`",
        "-",
        "{}",
        "é",
        "e\u{301}",
        "👩‍👩‍👧",
        "\r\n",
        "\x1b[31m",
        "\x1b[201~",
        "\u{9b}201~",
        "\x03",
        "\u{85}",
        "\0",
    ];
    let own = format!("{number}: ");
    match number {
        0 => " ".to_owned(),
        1 => "   \t ".to_owned(),
        2 => "\n".to_owned(),
        3 => "-t %0".to_owned(),
        4 => "trailing\n\n\n".to_owned(),
        5 => ";".to_owned(),
        6 => "Enter".to_owned(),
        7 => "one\r\ntwo\rthree".to_owned(),
        8 => "x".repeat(100_000),
        9 => "many lines of é\n".repeat(6_000),
        10 => "\x1b[201~\r rm -rf / \x1b[200~".to_owned(),
        _ => (0..number % 37 + 1)
            .fold(own, |text, step| text + PIECES[(number * 7 + step * (number % 5 + 1)) % PIECES.len()]),
    }
}

#[test]
fn every_text_arrives_once_and_to_the_byte() {
    let world = World::new();
    let agent = FakeAgent::new(&world, "claude", json!({}));
    let program = agent.program.to_str().unwrap().to_owned();
    let profile = Profile { program: Some(program), ..Profile::built_in(Agent::find("claude").unwrap()) };
    let launch = profile.launch(Manner::Headless, &[]).unwrap();
    let variables = [("AIO_FAKE_AGENT", OsString::from(&agent.script))];
    let errors = world.home.join("errors");
    for number in 0..texts() {
        // What `aio multi` and `aio send` refuse.
        let text = awkward(number).replace('\0', "");
        let task = brief::Task { job: "claude-a1b2c3", text: &text, ..TASK };
        let framed = brief::frame(&task);
        let streams = Streams::Piped { input: input(&framed).unwrap(), errors: &errors };
        let mut process = AgentProcess::start(&launch, &world.project, &variables, streams).unwrap();
        std::io::copy(&mut process.output().unwrap(), &mut std::io::sink()).unwrap();
        assert_eq!(process.end().unwrap(), Ended::Exited(0), "{text:?}");
        let given = String::from_utf8(agent.prompt(1)).unwrap();
        assert!(given == framed && brief::recover(&given, "claude-a1b2c3") == Some(&*text), "{number}: {text:?}");
        assert_eq!(agent.prompts(), 1, "{number}");
    }
}

const TASK: brief::Task<'_> = brief::Task {
    job: "",
    text: "",
    worktree: "/w",
    branch: "aio/claude-a1b2c3",
    base: "0123456789abcdef",
    target: "main",
    ports: None,
};
