//! What a job's agent is told when it is started again: nothing that it was given is lost, and what may have reached it before is
//! said to have.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::fleet::{Fleet, lacks_tmux, within};
use crate::harness::{Ran, run};
use crate::interrupting::Running;

const TASK: &str = "Fix the parser";
const AGAIN: &str = "You may have been given this before: ";
const INTERRUPTED: &str = "You were interrupted. ";

/// A job, whose agent does at each start what is written then.
struct Scene {
    fleet: Fleet,
    script: PathBuf,
}

impl Scene {
    /// None where there is no tmux; the proofs need it.
    fn launch(runtime: &str, script: Value) -> Option<Scene> {
        if runtime == "--tmux" && lacks_tmux() {
            return None;
        }
        let fleet = Fleet::new();
        let scene = Scene { script: fleet.world.home.join("script"), fleet };
        scene.write(script);
        // With 1 where its agent waits for a person.
        run(scene.command().args(["multi", "l:1", runtime, "--backoff", "1s", TASK]));
        Some(scene)
    }

    fn write(&self, mut script: Value) {
        script["record"] = self.fleet.given.to_str().unwrap().into();
        script["hooks"] = script["hooks"].as_bool().unwrap_or(true).into();
        std::fs::write(&self.script, script.to_string()).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = self.fleet.command(&json!({}));
        command.env("AIO_FAKE_AGENT", &self.script);
        command
    }

    fn aio(&self, args: &[&str]) -> Ran {
        run(self.command().args(args))
    }

    fn job(&self) -> Value {
        self.fleet.jobs()[0].clone()
    }

    fn id(&self) -> String {
        self.job()["id"].as_str().unwrap().to_owned()
    }

    fn signal(&self, signal: &str, which: &str) {
        let pid = self.fleet.world.state()["jobs"][0][which].to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success(), "kill {signal} {pid}");
    }

    /// The first prompt of the agent that took one last.
    fn prompt(&self) -> String {
        std::fs::read_to_string(self.fleet.given.join("prompt-0001")).unwrap_or_default()
    }

    /// The job, once it stands so at this attempt.
    fn stands(&self, attempt: u64, state: &str) -> Value {
        let stands = || Some(self.job()).filter(|job| job["attempt"] == attempt && job["state"] == state);
        assert!(within(60, || stands().is_some()), "not {state}: {:#}\n{}", self.job(), self.log());
        self.job()
    }

    fn log(&self) -> String {
        self.fleet.parent_log(&self.job())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for job in self.fleet.jobs() {
            self.fleet.aio(&["stop", job["id"].as_str().unwrap()]);
        }
        let socket = self.fleet.world.dir.join("tmux.sock");
        Command::new("tmux").arg("-S").arg(socket).arg("kill-server").output().map(drop).unwrap_or_default();
    }
}

/// A job in tmux whose agent took nothing of what was pasted; the next start takes it, and says that it is done.
fn unheard() -> Option<Scene> {
    let scene = Scene::launch("--tmux", json!({ "ignore_pastes": 1, "turns": [[]] }))?;
    let job = scene.stands(1, "waiting for you");
    assert_eq!(job["delivery"], "unconfirmed", "{job:#}");
    scene.write(json!({ "turns": [[{ "done": "Did it" }]] }));
    Some(scene)
}

/// It has the task at last, and that is what its receipt is of. A session in which nothing was said cannot go on.
fn has_its_task(scene: &Scene, in_its_session: bool) {
    let job = scene.stands(2, "done");
    let prompt = scene.prompt();
    assert!(prompt.starts_with(AGAIN) && prompt.contains(TASK), "{prompt}");
    assert_eq!((&job["delivery"], &job["receipt"]), (&json!("acknowledged"), &json!("hook: to the byte")), "{job:#}");
    let args = std::fs::read_to_string(scene.fleet.given.join("args")).unwrap();
    assert_eq!(args.contains("--resume"), in_its_session, "{args}");
}

#[test]
fn a_task_that_was_not_taken_is_given_to_the_agent_that_is_started_again() {
    let Some(scene) = unheard() else { return };
    scene.signal("-9", "agentPid");
    has_its_task(&scene, false);
}

#[test]
fn a_task_that_was_not_taken_is_given_in_a_session_that_took_something_else() {
    let Some(scene) = Scene::launch("--tmux", json!({ "ignore_pastes": 1, "turns": [[{ "say": "Yes" }]] })) else {
        return;
    };
    scene.stands(1, "waiting for you");
    assert_eq!(scene.aio(&["send", &scene.id(), "Are you there?", "--wait", "60s"]).code, 0);
    assert!(within(20, || scene.fleet.world.state()["jobs"][0]["session"].is_string()));
    scene.write(json!({ "turns": [[{ "done": "Did it" }]] }));
    scene.signal("-9", "agentPid");
    has_its_task(&scene, true);
}

#[test]
fn a_task_that_was_not_taken_is_given_to_the_agent_that_goes_on() {
    let Some(scene) = unheard() else { return };
    let id = scene.id();
    assert_eq!(scene.aio(&["stop", &id]).code, 0);
    assert_eq!(scene.aio(&["resume", &id, "Mind", "the gap"]).code, 0);
    has_its_task(&scene, false);
    assert!(scene.prompt().ends_with("\n\nMind the gap"), "and what it is to go on with: {}", scene.prompt());
    assert_eq!((&scene.job()["messagesWaiting"], &scene.job()["messagesUnconfirmed"]), (&json!(0), &json!(0)));
}

#[test]
fn a_task_that_was_not_taken_outlives_its_parent() {
    let Some(scene) = unheard() else { return };
    scene.signal("-9", "parentPid");
    scene.signal("-9", "agentPid");
    scene.stands(1, "crashed");
    assert_eq!(scene.aio(&["cleanup"]).code, 0);
    assert_eq!(scene.aio(&["resume", &scene.id()]).code, 0);
    has_its_task(&scene, false);
}

#[test]
fn a_task_that_was_taken_is_not_given_again() {
    for runtime in ["--headless", "--tmux"] {
        let script = json!({ "turns": [[{ "sleep_ms": 60_000 }]] });
        let Some(scene) = Scene::launch(runtime, script) else { return };
        let job = scene.stands(1, "working");
        assert_eq!(job["delivery"], "acknowledged", "{job:#}");
        assert!(within(20, || scene.fleet.world.state()["jobs"][0]["session"].is_string()));
        scene.write(json!({ "turns": [[{ "done": "Did it" }]] }));
        scene.signal("-9", "agentPid");
        scene.stands(2, "done");
        assert!(scene.prompt().starts_with(INTERRUPTED), "{runtime}: {}", scene.prompt());
    }
}

#[test]
fn a_message_on_its_way_when_its_agent_dies_is_said_to_be_lost() {
    let script = json!({ "keeps_typed": true, "turns": [[{ "say": "Well." }]] });
    let Some(scene) = Scene::launch("--tmux", script) else { return };
    scene.stands(1, "waiting for you");
    let id = scene.id();
    scene.signal("-STOP", "agentPid");
    let sending = Running::start(scene.command().args(["send", &id, "Mind the gap", "--wait", "60s"]));
    let sent = scene.fleet.world.dir.join("jobs").join(&id).join("sent");
    let is_on_its_way = || std::fs::read_dir(&sent).is_ok_and(|entries| entries.count() == 2);
    assert!(within(30, is_on_its_way), "{:#}", scene.job());
    scene.signal("-9", "agentPid");
    let ran = sending.end();
    let words = format!("{id}: unconfirmed (its agent ended before anything said that it took it)\n");
    assert_eq!((ran.code, &*ran.out), (1, &*words), "{ran:?}");
    let job = scene.stands(2, "waiting for you");
    assert_eq!(job["messagesUnconfirmed"], 1, "{job:#}");
    assert!(scene.aio(&["jobs"]).out.contains("1 message unconfirmed"));
    assert!(scene.prompt().starts_with(INTERRUPTED), "what it did not read is nobody's: {}", scene.prompt());
}

#[test]
fn the_words_that_an_agent_goes_on_with_are_told_until_it_took_them() {
    let script = json!({ "turns": [[{ "sleep_ms": 60_000 }]] });
    let Some(scene) = Scene::launch("--tmux", script) else { return };
    scene.stands(1, "working");
    assert!(within(20, || scene.fleet.world.state()["jobs"][0]["session"].is_string()));
    let id = scene.id();
    assert_eq!(scene.aio(&["stop", &id]).code, 0);
    scene.write(json!({ "ignore_pastes": 1, "turns": [[]] }));
    assert_eq!(scene.aio(&["resume", &id, "Mind the gap"]).code, 0);
    let job = scene.stands(2, "waiting for you");
    assert_eq!((&job["delivery"], &job["messagesUnconfirmed"]), (&json!("unconfirmed"), &json!(1)), "{job:#}");
    scene.write(json!({ "turns": [[{ "sleep_ms": 60_000 }]] }));
    scene.signal("-9", "agentPid");
    let job = scene.stands(3, "working");
    let prompt = scene.prompt();
    assert!(prompt.starts_with(AGAIN) && prompt.ends_with("\n\nMind the gap"), "{prompt}");
    assert_eq!((&job["delivery"], &job["messagesUnconfirmed"]), (&json!("acknowledged"), &json!(0)), "{job:#}");
    // Once it has them, it is only told to go on.
    std::fs::remove_dir_all(&scene.fleet.given).unwrap();
    assert_eq!(scene.aio(&["stop", &id]).code, 0);
    assert_eq!(scene.aio(&["resume", &id]).code, 0);
    scene.stands(4, "working");
    assert!(scene.prompt().starts_with(INTERRUPTED), "{}", scene.prompt());
}

#[test]
fn a_last_word_says_that_the_words_before_it_were_taken() {
    let Some(scene) = Scene::launch("--tmux", json!({ "hooks": false, "turns": [[{ "done": "Did it" }]] })) else {
        return;
    };
    scene.stands(1, "done");
    let id = scene.id();
    scene.aio(&["resume", &id, "Mind the gap"]);
    scene.stands(2, "done");
    assert!(scene.prompt().ends_with("\n\nMind the gap"), "{}", scene.prompt());
    scene.aio(&["resume", &id]);
    scene.stands(3, "done");
    // No session of it is known, in which it would know its task.
    assert!(scene.prompt().contains(TASK) && !scene.prompt().contains("Mind the gap"), "{}", scene.prompt());
}

/// Gemini CLI shows its prompt, and takes no Enter, while hooks run at its start.
#[test]
fn what_stands_in_the_prompt_was_not_taken_whatever_the_agent_works_at() {
    if lacks_tmux() {
        return;
    }
    let fleet = Fleet::new();
    let turns = json!([[{ "sleep_ms": 60_000 }]]);
    let script =
        json!({ "record": fleet.given, "hooks": true, "swallow_enters": 1, "starts_late": true, "turns": turns });
    assert_eq!(run(fleet.command(&script).args(["multi", "--tmux", "l:1", "x"])).code, 0);
    let job = fleet.job("working")["id"].as_str().unwrap().to_owned();
    assert_eq!(fleet.aio(&["stop", &job]).code, 0);
    assert_eq!(run(fleet.command(&script).args(["resume", &job, "Go on with it"])).code, 0);
    let job = fleet.job("working");
    assert_eq!((&job["delivery"], &job["attempt"]), (&json!("acknowledged"), &json!(2)), "{job:#}");
    assert!(fleet.prompt().contains("Go on with it"), "{}", fleet.prompt());
}
