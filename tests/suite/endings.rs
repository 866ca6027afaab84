//! How an agent's end is judged: alike in a terminal and without, whatever it leaves where its last word should be.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fleet::{within, write};
use crate::manners::{HEADLESS, Manner, Scene, TMUX, all, play, steps};

const UNTOLD: &str = "it ended, and nothing says that it finished its turn";

fn how(job: &Value) -> (&str, i64, &str) {
    (job["state"].as_str().unwrap(), job["exitCode"].as_i64().unwrap_or(-1), job["failure"].as_str().unwrap())
}

#[test]
fn one_that_is_gone_in_the_middle_of_its_turn_has_failed_whatever_its_code() {
    play(&all(), |manner| {
        let leaving = steps(json!([write("b.txt"), { "spin_ms": 800 }, { "exit": 0 }]));
        let mut scene = Scene::launch(manner, leaving, &[]);
        let job = scene.stands("exit", "failed");
        assert_eq!(how(&job), ("failed", 0, UNTOLD), "{manner:?}: {job:#}");
        scene
    });
}

#[test]
fn one_that_says_that_it_is_done_and_ends_otherwise_has_failed() {
    play(&all(), |manner| {
        let mut scene = Scene::launch(manner, steps(json!([{ "done": "Did it" }, { "exit": 5 }])), &[]);
        let job = scene.stands("exit", "failed");
        assert_eq!(how(&job), ("failed", 5, "it ended with exit code 5"), "{manner:?}: {job:#}");
        assert_eq!(job["said"], "Did it");
        scene
    });
}

#[test]
fn one_that_a_person_quits_between_turns_is_done() {
    play(&TMUX, |manner| {
        let mut scene = Scene::launch(manner, steps(json!([write("b.txt"), { "say": "Well." }])), &[]);
        scene.stands("finished", "waiting for you");
        scene.press(&["C-d"]);
        let job = scene.fleet.job("review");
        assert_eq!(how(&job), ("review", 0, ""), "{manner:?}: {job:#}");
        scene
    });
}

#[test]
fn one_that_is_blocked_and_does_not_say_why() {
    let why = "it says that it is blocked, and not why";
    play(&all(), |manner| {
        let mut scene = Scene::launch(manner, steps(json!([{ "blocked": "" }])), &[]);
        let (state, field) = if manner.in_tmux { ("waiting for you", "question") } else { ("failed", "failure") };
        let job = scene.stands("finished", state);
        assert_eq!(job[field], why, "{manner:?}: {job:#}");
        scene
    });
}

/// What never ends, and what nobody ever writes to, where its last word should be.
#[test]
fn a_last_word_that_is_no_file_is_none() {
    let odd = "mkdir -p .aio; ln -s /dev/zero .aio/done; mkfifo .aio/blocked; echo x > b.txt";
    let play_it = |manner: Manner, state: &str| {
        let turn = steps(json!([{ "run": ["sh", "-c", odd] }, { "say": "Well." }]));
        let mut scene = Scene::launch(manner, turn, &[]);
        let job = scene.stands("finished", state);
        assert_eq!(job["files"], 1, "{manner:?}: {job:#}");
        let parent = scene.fleet.world.state()["jobs"][0]["parentPid"].to_string();
        let status = std::fs::read_to_string(format!("/proc/{parent}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        assert!(resident.is_none_or(|kib| kib.trim().parse::<u64>().unwrap() < 100 << 10), "{manner:?}: {status}");
        let begun = Instant::now();
        let id = scene.id();
        assert_eq!(scene.fleet.aio(&["stop", &id]).code, 0);
        assert!(begun.elapsed() < Duration::from_secs(8), "{manner:?}: {:?}", begun.elapsed());
        let removed = scene.fleet.aio(&["remove", &id]);
        assert!(removed.code == 0 && within(5, || scene.fleet.jobs()[0]["rescue"] != Value::Null), "{removed:?}");
        scene
    };
    play(&HEADLESS, |manner| play_it(manner, "review"));
    play(&TMUX, |manner| play_it(manner, "waiting for you"));
}
