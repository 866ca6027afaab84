//! How sessions end and come back: a killed agent holds nothing, a resumed one is who it was.

use std::time::Duration;

use serde_json::Value;

use crate::agent::{Agent, Family, Manner};
use crate::harness::eventually;
use crate::model::{Reply, done, steps};
use crate::stage::Stage;

/// The ids of the instances of a tool, as the state has them.
fn instances_of(stage: &Stage, agent: Agent) -> Vec<String> {
    let state = stage.world.state();
    let ids = state["instances"].as_object().unwrap().keys().filter(|id| id.starts_with(agent.name()));
    ids.cloned().collect()
}

fn is_freed_by_its_death(agent: Agent) {
    let stage = Stage::with(&[agent]);
    let free = stage.path("src/free.txt");
    let calls = [agent.read(&free), agent.edit(Family::Usual, &free, "src/free.txt", "one")];
    let mut running = stage.start(agent, Manner::default(), move |turn| {
        if turn.index == 2 {
            std::thread::sleep(Duration::from_secs(60));
        }
        calls.get(turn.index).map_or_else(done, |call| Reply::Call(vec![call.clone()]))
    });
    running.reach(2);
    let other = stage.world.register("test");
    let claim = |args: &[&str]| stage.world.aio_as(&other, [&["claim", "file", "src/free.txt"], args].concat());
    let refused = claim(&[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.out.contains(&instances_of(&stage, agent)[0]), "{refused:?}");

    let process = stage.world.instance(&instances_of(&stage, agent)[0])["pid"].clone();
    assert!(process.is_u64(), "its process is not recorded");
    running.kill();
    eventually("the end of its process", || is_gone(&process).then_some(()));
    let granted = claim(&[]);
    assert_eq!(granted.code, 0, "{granted:?}");
}

/// No thread of it runs any more, whether or not its parent has noticed.
fn is_gone(process: &Value) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let running = threads.filter(|thread| {
        let status = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ") && !status.contains(") X ")
    });
    running.count() == 0
}

fn is_itself_when_resumed(agent: Agent) {
    let stage = Stage::with(&[agent]);
    let free = stage.path("src/free.txt");
    let first = vec![vec![agent.read(&free)], vec![agent.edit(Family::Usual, &free, "src/free.txt", "one")]];
    assert_eq!(stage.run(agent, steps(first)).ran.code, 0);

    let calls = [agent.read(&free), agent.edit(Family::Usual, &free, "one", "two")];
    let resumed = stage.start(agent, Manner { resumed: true, ..Manner::default() }, move |turn| {
        let call = turn.index.checked_sub(3).and_then(|index| calls.get(index));
        call.map_or_else(done, |call| Reply::Call(vec![call.clone()]))
    });
    let ended = resumed.end();
    assert_eq!((ended.ran.code, stage.text("src/free.txt").trim_end()), (0, "two"), "{ended:?}");
    // OpenCode tells nobody when it ends, so its second edit finds the file still held by itself.
    let mut claimants = claimants(&stage);
    claimants.dedup();
    assert_eq!(claimants, instances_of(&stage, agent));
    assert_eq!(claimants.len(), 1);
}

/// Who was granted something, in order, as the journal has it.
fn claimants(stage: &Stage) -> Vec<String> {
    let log = stage.world.aio(["log", "--json"]);
    let answer: Value = serde_json::from_str(&log.out).unwrap();
    let entries = answer["data"]["entries"].as_array().unwrap().iter().filter(|entry| entry["event"] == "claimed");
    entries.map(|entry| entry["instance"].as_str().unwrap().to_owned()).collect()
}

macro_rules! each_agent {
    ($proof:ident: $($name:ident $agent:ident),*) => {
        $(#[test] fn $name() { $proof(Agent::$agent); })*
    };
}

each_agent!(is_freed_by_its_death: a_killed_claude_holds_nothing Claude, a_killed_codex_holds_nothing Codex,
    a_killed_gemini_holds_nothing Gemini, a_killed_copilot_holds_nothing Copilot, a_killed_opencode_holds_nothing OpenCode);
each_agent!(is_itself_when_resumed: a_resumed_claude_is_itself Claude, a_resumed_codex_is_itself Codex,
    a_resumed_gemini_is_itself Gemini, a_resumed_copilot_is_itself Copilot, a_resumed_opencode_is_itself OpenCode);
