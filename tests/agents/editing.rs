//! One session of each agent beside another instance that holds a file: every way to edit it, and what the model is told.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::agent::{Agent, Family, Manner};
use crate::model::{Reply, done, steps};
use crate::stage::{Holder, Stage, TASK};

fn is_no_refusal(result: &str, holder: &Holder) {
    assert!(!result.contains(&holder.id), "{result}");
}

/// The claims of everybody but the holder, as they stand in the state: target and tool.
fn claims_of_others(state: &Value, holder: &str) -> Vec<(String, String)> {
    let claims = state["claims"].as_object().unwrap().values().filter(|claim| claim["instanceId"] != holder);
    let owner = |claim: &Value| claim["instanceId"].as_str().unwrap().split('-').next().unwrap().to_owned();
    claims.map(|claim| (claim["target"].as_str().unwrap().to_owned(), owner(claim))).collect()
}

fn obeys(agent: Agent, family: Family) {
    a_session(&Stage::with(&[agent]), agent, Manner { family, ..Manner::default() });
}

fn a_session(stage: &Stage, agent: Agent, manner: Manner) {
    let family = manner.family;
    let holder = stage.holder_of("src/held.txt");
    let [free, held, other] = ["src/free.txt", "src/held.txt", "src/other.txt"].map(|name| stage.path(name));
    let two_files: Vec<_> = match agent.patch(&[(&other, "src/other.txt", "two"), (&held, "src/held.txt", "two")]) {
        Some(patch) if family == Family::Patching || agent == Agent::Codex => vec![patch],
        _ => vec![agent.edit(family, &held, "src/held.txt", "two"), agent.edit(family, &other, "src/other.txt", "two")],
    };
    let steps = [
        vec![agent.read(&free), agent.read(&held), agent.read(&other)],
        vec![agent.edit(family, &free, "src/free.txt", "one")],
        vec![agent.edit(family, &held, "src/held.txt", "one")],
        two_files.clone(),
        vec![agent.shell("cd src && echo three > held.txt")],
        vec![agent.shell("cat src/held.txt && git status --short | wc -l && sed -n 1p src/held.txt")],
    ];
    let seen = Arc::new(Mutex::new(Value::Null));
    let (state, noted) = (stage.world.state_path(), seen.clone());
    let ended = stage
        .start(agent, manner, move |turn| {
            if turn.index == 2 {
                *noted.lock().unwrap() = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
            }
            steps.get(turn.index).map_or_else(done, |calls| Reply::Call(calls.clone()))
        })
        .end();

    assert_eq!(ended.ran.code, 0, "{:?}", ended.ran);
    let told = &ended.turns[0].told;
    assert!(told.contains(&holder.id) && told.contains(TASK), "the brief is missing: {told}");
    is_no_refusal(&ended.result(1), &holder);
    assert_eq!(stage.text("src/free.txt").trim_end(), "one");
    let claims = claims_of_others(&seen.lock().unwrap(), &holder.id);
    assert_eq!(claims, [("src/free.txt".to_owned(), agent.name().to_owned())]);

    holder.is_named_by(&ended.result(2));
    let both = ended.results(3);
    holder.is_named_by(&both[0]);
    if both.len() == 1 {
        assert_eq!(stage.text("src/other.txt"), "src/other.txt", "half of a patch was applied");
    } else {
        is_no_refusal(&both[1], &holder);
        assert_eq!(stage.text("src/other.txt").trim_end(), "two");
    }
    holder.is_named_by(&ended.result(4));
    assert!(ended.result(5).contains("src/held.txt"), "{}", ended.result(5));
    assert_eq!(stage.text("src/held.txt"), "src/held.txt");
}

#[test]
fn claude_obeys() {
    obeys(Agent::Claude, Family::Usual);
}

#[test]
fn claude_obeys_by_its_plugin() {
    let manner = Manner { plugged: true, ..Manner::default() };
    a_session(&Stage::unguarded(&[Agent::Claude]), Agent::Claude, manner);
}

#[test]
fn claude_obeys_by_its_plugin_and_its_settings() {
    let manner = Manner { plugged: true, ..Manner::default() };
    a_session(&Stage::with(&[Agent::Claude]), Agent::Claude, manner);
}

#[test]
fn codex_obeys() {
    obeys(Agent::Codex, Family::Usual);
}

/// What Codex's model runs lives in a pid namespace of its own and may write the project only; aio's state is written
/// all the same, since `aio init` had it named among the writable roots, and by the same instance as its hooks.
#[test]
fn codex_takes_part_from_within_its_sandbox() {
    let (stage, agent) = (Stage::with(&[Agent::Codex]), Agent::Codex);
    let holder = stage.holder_of("src/held.txt");
    // Neither the project nor /tmp, which the sandbox leaves open; the home may lie below that.
    let outside = PathBuf::from(format!("/var/tmp/aio-outside-{}", std::process::id()));
    let steps = steps(vec![
        vec![agent.shell(&format!("touch {}; aio claim file src/free.txt", outside.display()))],
        vec![agent.edit(Family::Usual, &stage.path("src/free.txt"), "src/free.txt", "one")],
        vec![agent.shell("aio claim file src/held.txt")],
        vec![agent.shell("aio release src/free.txt")],
    ]);
    let ended = stage.start(agent, Manner { sandboxed: true, ..Manner::default() }, steps).end();

    assert!(std::fs::remove_file(&outside).is_err(), "there is no sandbox");
    assert!(ended.result(0).contains("Claimed: "), "{}", ended.result(0));
    assert_eq!(stage.text("src/free.txt").trim_end(), "one", "{}", ended.result(1));
    assert!(ended.result(2).contains(&format!("Already claimed by: {}", holder.id)), "{}", ended.result(2));
    assert!(ended.result(3).contains("Released"), "{}", ended.result(3));
}

#[test]
fn gemini_obeys() {
    obeys(Agent::Gemini, Family::Usual);
}

#[test]
fn copilot_obeys() {
    obeys(Agent::Copilot, Family::Usual);
}

#[test]
fn copilot_obeys_when_it_patches() {
    obeys(Agent::Copilot, Family::Patching);
}

#[test]
fn opencode_obeys() {
    obeys(Agent::OpenCode, Family::Usual);
}

#[test]
fn opencode_obeys_when_it_patches() {
    obeys(Agent::OpenCode, Family::Patching);
}
