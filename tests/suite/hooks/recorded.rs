//! Every payload that the agents were seen to send, answered in a project where the files are free and in one where they are
//! held. What is expected stands beside the payloads, in `answers.txt`; `AIO_WRITE_SNAPSHOTS=1` writes it anew, to be reviewed.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::harness::World;

/// What the recorded payloads call the project.
const PROJECT: &str = "/home/user/project";
const HELD: [&str; 6] = ["src/a.txt", "src/b.txt", "src/new.txt", "src/n1.txt", "src/n2.txt", "nb.ipynb"];

#[test]
fn claude_code() {
    check("claude", "claude");
}

#[test]
fn codex() {
    check("codex", "codex");
}

#[test]
fn gemini() {
    check("gemini", "gemini");
}

#[test]
fn copilot_with_patches() {
    check("copilot", "copilot");
}

#[test]
fn copilot_with_edits() {
    check("copilot_edit", "copilot");
}

/// Copilot runs what it finds in Claude Code's settings of a project.
#[test]
fn copilot_by_the_hooks_of_claude_code() {
    check("copilot_pascal", "claude");
}

#[test]
fn opencode_by_our_plugin() {
    check("opencode", "opencode");
}

fn check(folder: &str, agent: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hooks").join(folder);
    let mut payloads: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    payloads.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    payloads.sort();
    assert!(payloads.len() >= 5, "{} has payloads", folder.display());
    let mut answers = String::new();
    for path in payloads {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let payload = std::fs::read_to_string(&path).unwrap();
        for held in [false, true] {
            let answer = answer(agent, event(agent, name), &payload, held);
            writeln!(answers, "{name}, {}\n{answer}", if held { "held" } else { "free" }).unwrap();
        }
    }
    let expected = folder.join("answers.txt");
    if std::env::var_os("AIO_WRITE_SNAPSHOTS").is_some() {
        std::fs::write(&expected, &answers).unwrap();
    }
    let expected = std::fs::read_to_string(&expected).unwrap_or_default();
    for (expected, found) in expected.lines().zip(answers.lines()) {
        assert_eq!(expected, found);
    }
    assert_eq!(expected, answers);
}

/// Files are called by their event and, after a dot, the tool.
fn event<'n>(agent: &str, name: &'n str) -> &'n str {
    let dots = if name.starts_with("tool.execute") { 3 } else { 1 + usize::from(agent == "opencode") };
    let end = name.match_indices('.').nth(dots - 1).map_or(name.len(), |(at, _)| at);
    &name[..end]
}

/// Exit code, stdout and stderr, with what differs from run to run named, and what was held afterwards.
fn answer(agent: &str, event: &str, payload: &str, held: bool) -> String {
    let world = World::new();
    world.file("src/a.txt");
    let holder = world.register("holder");
    assert_eq!(world.aio_as(&holder, ["task", "the parser"]).code, 0);
    if held {
        assert_eq!(world.aio_as(&holder, ["claim", "file"].iter().chain(&HELD)).code, 0);
    }
    let project = world.project.to_str().unwrap();
    let ran = world.hook(agent, event, payload.replace(PROJECT, project).as_bytes());
    let text = format!("{} {}{}", ran.code, ran.out, ran.err).replace(project, PROJECT).replace(&holder, "HOLDER");
    let mut claimed: Vec<String> = (world.claims().iter())
        .filter(|claim| claim["instanceId"] != holder)
        .map(|claim| format!("  claimed {}\n", claim["target"].as_str().unwrap()))
        .collect();
    claimed.sort();
    let passed: Vec<String> = world.passed().iter().map(|note| format!("  passed: {note}\n")).collect();
    let passed = passed.concat().replace(project, PROJECT);
    format!("{}\n{}{passed}", without_times(text.trim_end()), claimed.concat())
}

fn without_times(text: &str) -> String {
    let text = replaced(text, ", since ", 20, "TIME");
    replaced(&text, "last seen ", text.split("last seen ").nth(1).map_or(0, |rest| rest.find(' ').unwrap()), "MOMENTS")
}

/// What follows each `lead`, so many bytes, is called `name`.
fn replaced(text: &str, lead: &str, length: usize, name: &str) -> String {
    let mut parts = text.split(lead);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text}{lead}{name}{}", &part[length..]))
}
