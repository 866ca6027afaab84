//! Jobs in terminals that do not answer, are gone, or cannot be shown here: what each command says, within which time, and
//! that nothing is lost by it.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fleet::{Fleet, lacks_tmux, within};
use crate::harness::{Ran, run};

/// A job in tmux, at work.
struct Scene {
    fleet: Fleet,
    id: String,
}

impl Scene {
    /// None where there is no tmux; the proofs need it.
    fn new() -> Option<Scene> {
        if lacks_tmux() {
            return None;
        }
        let fleet = Fleet::new();
        let turns = json!([[{ "sleep_ms": 20_000 }], [{ "sleep_ms": 60_000 }]]);
        let script = json!({ "record": fleet.given, "hooks": true, "turns": turns });
        assert_eq!(run(fleet.command(&script).args(["multi", "l:1", "--tmux", "x"])).code, 0);
        let id = fleet.job("working")["id"].as_str().unwrap().to_owned();
        Some(Scene { fleet, id })
    }

    fn socket(&self) -> PathBuf {
        self.fleet.world.dir.join("tmux.sock")
    }

    fn server(&self) -> String {
        let mut command = Command::new("tmux");
        run(command.arg("-S").arg(self.socket()).args(["display-message", "-p", "#{pid}"])).out.trim().to_owned()
    }

    fn job(&self) -> Value {
        self.fleet.jobs()[0].clone()
    }

    fn has_prompt(&self, number: usize, text: &str) -> bool {
        let path = self.fleet.given.join(format!("prompt-{number:04}"));
        std::fs::read_to_string(path).is_ok_and(|prompt| prompt.contains(text))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.fleet.aio(&["stop", &self.id]);
        Command::new("tmux").arg("-S").arg(self.socket()).arg("kill-server").output().map(drop).unwrap_or_default();
    }
}

/// A server that does not answer until this is dropped.
struct Stopped(String);

impl Stopped {
    fn new(scene: &Scene) -> Stopped {
        let pid = scene.server();
        signal("-STOP", &pid);
        Stopped(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args([name, pid]).status().unwrap().success(), "kill {name} {pid}");
}

fn says_one_line(ran: &Ran, words: &[&str]) {
    let is_so = ran.err.lines().count() == 1 && words.iter().all(|words| ran.err.contains(words));
    assert!(is_so, "{words:?}: {ran:?}");
}

/// What its screen showed before counts for nothing once tmux does not answer: it was at its prompt then.
#[test]
fn an_agent_at_work_is_at_work_although_tmux_stood_still() {
    let Some(scene) = Scene::new() else { return };
    let stopped = Stopped::new(&scene);
    std::thread::sleep(Duration::from_secs(12));
    drop(stopped);
    for _ in 0..15 {
        assert_eq!(scene.job()["state"], "working", "{:#}", scene.job());
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_stopped_server_is_said_by_each_command_and_nothing_is_lost() {
    let Some(scene) = Scene::new() else { return };
    let id = &*scene.id;
    let within_limit = |args: &[&str], limit: u64| {
        let begun = Instant::now();
        let ran = scene.fleet.aio(args);
        println!("{args:?}: {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(limit), "{args:?}: {:?}: {ran:?}", begun.elapsed());
        ran
    };
    let hung = "the tmux server did not answer within";
    let next = "next: look at its process";
    let stopped = Stopped::new(&scene);
    // All at once, before its first turn is over.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let ran = within_limit(&["jobs"], 8);
            assert!(ran.code == 0 && ran.out.contains("working") && !ran.out.contains("to look into one"), "{ran:?}");
            says_one_line(&ran, &["terminals were not looked at", hung, next]);
        });
        scope.spawn(|| {
            let ran = within_limit(&["logs", id], 12);
            assert_eq!(ran.code, 0, "{ran:?}");
            says_one_line(&ran, &["its terminal was not looked at", hung, next]);
        });
        scope.spawn(|| {
            let ran = within_limit(&["send", id, "Mind the gap"], 5);
            assert_eq!((ran.code, &*ran.out), (0, &*format!("Left for {id}\n")), "{ran:?}");
        });
        scope.spawn(|| {
            let ran = within_limit(&["attach", id], 12);
            assert_eq!((ran.code, &*ran.out), (6, ""), "{ran:?}");
            says_one_line(&ran, &[&format!("the terminal of {id} cannot be seen"), hung, next]);
        });
        scope.spawn(|| {
            let ran = within_limit(&["cleanup"], 12);
            assert_eq!(ran.code, 0, "{ran:?}");
            says_one_line(&ran, &["terminals were not looked at", hung, next]);
        });
    });
    assert_eq!(scene.job()["messagesWaiting"], 1);
    drop(stopped);

    assert!(within(60, || scene.has_prompt(2, "Mind the gap")), "{:#}", scene.job());
    let is_told = || scene.job()["state"] == "working" && scene.job()["messagesWaiting"] == 0;
    assert!(within(30, is_told), "{:#}", scene.job());
    assert!(within(10, || scene.fleet.aio(&["jobs"]).out.contains("to look into one: tmux -S ")));
    assert!(scene.fleet.aio(&["logs", id]).out.contains("Mind the gap"));

    let stopped = Stopped::new(&scene);
    let ended = within_limit(&["stop", id], 25);
    assert_eq!((ended.code, &*ended.out), (0, &*format!("Stopped: {id}\n")), "{ended:?}");
    assert_eq!(scene.job()["state"], "stopped");
    drop(stopped);
    assert_eq!(scene.fleet.aio(&["remove", id]).code, 0);
}

#[test]
fn a_terminal_that_is_gone_is_not_offered_and_what_can_be_done_is_said() {
    let Some(scene) = Scene::new() else { return };
    let id = &*scene.id;
    assert!(within(10, || scene.fleet.aio(&["jobs"]).out.contains("to look into one: tmux -S ")));
    // As when somebody tidies up: its server cannot be reached any more, and the agent works on.
    let away = scene.socket().with_extension("away");
    std::fs::rename(scene.socket(), &away).unwrap();
    let jobs = scene.fleet.aio(&["jobs"]);
    assert!(jobs.out.contains("working") && !jobs.out.contains("to look into one"), "{jobs:?}");
    let attached = scene.fleet.aio(&["attach", id]);
    assert_eq!(attached.code, 1, "{attached:?}");
    says_one_line(&attached, &[&format!("the terminal of {id} is gone; next: aio stop {id}, then aio resume {id}")]);
    std::fs::rename(away, scene.socket()).unwrap();
    assert_eq!(scene.fleet.aio(&["stop", id]).code, 0);
    run(Command::new("tmux").arg("-S").arg(scene.socket()).arg("kill-server"));
    let ended = scene.fleet.aio(&["attach", id]);
    says_one_line(&ended, &[&format!("the terminal of {id} is gone; next: aio resume {id}")]);
    assert_eq!(scene.fleet.aio(&["remove", id]).code, 0);
    says_one_line(&scene.fleet.aio(&["attach", id]), &[&format!("next: aio retry {id}")]);
}

#[test]
fn where_no_terminal_is_the_command_for_one_is_told() {
    let Some(scene) = Scene::new() else { return };
    let command = format!("tmux -S {} attach -t '=aio-{}'", scene.socket().display(), scene.id);
    let ran = scene.fleet.aio(&["attach", &scene.id]);
    assert_eq!((ran.code, &*ran.out), (1, ""), "{ran:?}");
    says_one_line(
        &ran,
        &[&format!("there is no terminal here to show {} in; next: in a terminal, {command}\n", scene.id)],
    );
    let ran = scene.fleet.aio(&["attach", &scene.id, "--json"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!((ran.code, &answer["code"], &answer["message"]), (0, &json!("attach"), &json!(command)));
    assert_eq!(answer["data"], json!({ "id": scene.id, "command": command }));
    let gone = scene.fleet.aio(&["attach", "nope", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&gone.out).unwrap()["code"], "unknown", "{gone:?}");
}
