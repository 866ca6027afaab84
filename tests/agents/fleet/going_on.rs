//! A job that is stopped, spoken to, killed and left alone: its agent goes on in the session it had.

use serde_json::json;

use super::*;

const FIRST: &str = "The first task";
const SAID: &str = "Words that were sent, 'quoted'\n\tand of \"two\" lines";
/// The beginning of what an agent is told that was interrupted.
const INTERRUPTED: &str = "You were interrupted.";

/// What happens to the job at each stage; the agent's part of it is in its conversation.
fn goes_on(agent: Agent) {
    let (open, gate) = gate();
    let fleet = Fleet::new(&[agent], move |agent, turn| match stage_of(turn) {
        // What an agent has just been told stands in its session for certain when it goes on.
        (0, _) if turn.index == 0 => Reply::Call(vec![agent.shell("echo begun")]),
        (1, true) if turn.results.is_empty() => Reply::Call(vec![agent.shell("echo heard")]),
        (0, _) | (1, true) => hold(),
        (1, false) => {
            gate();
            done()
        }
        _ if !turn.told.contains("Went on") => Reply::Call(vec![agent.shell("echo 'Went on' > .aio/done")]),
        _ => done(),
    });
    fleet.launch(&["--headless", &format!("{}:1", agent.name()), FIRST]);
    fleet.reach(agent, |turn| turn.index == 1);
    let (id, session) = (fleet.id(agent), session(&fleet, agent));

    let stopped = fleet.aio(&["stop", &id]);
    assert_eq!((stopped.code, stopped.out), (0, format!("Stopped: {id}\n")), "{}", stopped.err);
    assert_eq!(fleet.job(agent)["state"], "stopped");
    assert_eq!(fleet.running(&id), Vec::<String>::new());
    assert_eq!(fleet.aio(&["resume", &id]).code, 0);
    let resumed = fleet.reach(agent, |turn| stage_of(turn) == (1, false));
    assert!(resumed.told.contains(FIRST), "{}", resumed.told);

    let sent = fleet.aio(&["send", &id, SAID]);
    assert_eq!((sent.code, sent.out), (0, format!("Left for {id}\n")), "{}", sent.err);
    open();
    let spoken_to = fleet.reach(agent, |turn| stage_of(turn) == (1, true) && !turn.results.is_empty());
    assert!(spoken_to.told.contains(FIRST), "{}", spoken_to.told);
    assert_eq!(session_now(&fleet, agent), session);

    kill(&fleet.record(agent)["agentPid"]);
    let job = fleet.once(agent, "done");
    assert_eq!((&job["attempt"], &job["said"], &job["failure"]), (&json!(3), &json!("Went on"), &json!("")), "{job:#}");
    let last = fleet.turns(agent).pop().unwrap();
    assert!(last.told.contains(FIRST) && last.told.contains("and of \"two\" lines"), "{}", last.told);
    assert_eq!(session_now(&fleet, agent), session);
    // Its parent ends once that is written down.
    fleet.until("an end of all that ran", || fleet.running(&id).is_empty().then_some(()));
}

/// How often it was interrupted, and whether it has read what was sent.
fn stage_of(turn: &Turn) -> (usize, bool) {
    (turn.told.matches(INTERRUPTED).count(), turn.told.contains(SAID))
}

/// The session that a job is in, once that is written down.
fn session(fleet: &Fleet, agent: Agent) -> String {
    fleet.until("its session", || Some(session_now(fleet, agent)).filter(|session| !session.is_empty()))
}

fn session_now(fleet: &Fleet, agent: Agent) -> String {
    fleet.record(agent)["session"].as_str().unwrap_or_default().to_owned()
}

fn kill(pid: &Value) {
    let killed = Command::new("kill").args(["-KILL", &pid.as_u64().unwrap().to_string()]).status();
    assert!(killed.unwrap().success());
}

#[test]
fn claude_goes_on() {
    goes_on(Agent::Claude);
}

#[test]
fn codex_goes_on() {
    goes_on(Agent::Codex);
}

#[test]
fn gemini_goes_on() {
    goes_on(Agent::Gemini);
}

#[test]
fn agents_whose_parents_were_killed_are_seen_and_ended() {
    let fleet = Fleet::new(&THREE, |agent, turn| match turn.index {
        0 => Reply::Call(vec![agent.write(&worktree(turn).join("src/half.txt"), "half\n")]),
        _ => hold(),
    });
    fleet.launch(&["--headless", "l:1", "c:1", "g:1", FIRST]);
    for agent in THREE {
        fleet.reach(agent, |turn| turn.index == 1);
        kill(&fleet.record(agent)["parentPid"]);
    }
    for agent in THREE {
        let job = fleet.once(agent, "crashed");
        assert_eq!((&job["files"], &job["claims"]), (&json!(1), &json!(1)), "{job:#}");
    }
    let cleaned = fleet.aio(&["cleanup"]);
    for agent in THREE {
        let id = fleet.id(agent);
        assert!(cleaned.out.contains(&format!("Ended: {id}")), "{cleaned:?}");
        fleet.until(&format!("the end of {id}"), || fleet.running(&id).is_empty().then_some(()));
        let job = fleet.job(agent);
        assert_eq!((&job["state"], &job["files"]), (&json!("crashed"), &json!(1)), "what it did stays: {job:#}");
    }
    assert_eq!(fleet.claims(), 0);
}
