//! `--seq` and `--max`: whose turn it is, whatever becomes of the others.

use std::process::Command;

use serde_json::{Value, json};

use crate::fleet::{Fleet, lacks_tmux, repository, within, write};
use crate::harness::{Ran, run};
use crate::interrupting::Running;

const RUNNING: [&str; 3] = ["starting", "working", "waiting for you"];

/// Agents whose turns last until a file is there, and end with this code.
fn launch(fleet: &Fleet, code: i32, args: &[&str]) -> Ran {
    run(launching(fleet, code).arg("multi").args(args))
}

/// The same, while the one who launches them waits.
fn launch_in_sequence(fleet: &Fleet, code: i32, agents: &[&str]) -> Running {
    Running::start(launching(fleet, code).args(["multi", "--seq"]).args(agents).arg("x"))
}

fn launching(fleet: &Fleet, code: i32) -> Command {
    let wait = format!("until [ -e {}/go ]; do sleep 0.05; done", fleet.world.home.display());
    let end = if code == 0 { json!({ "done": "x" }) } else { json!({ "exit": code }) };
    let turn = json!([{ "run": ["sh", "-c", wait] }, end]);
    fleet.command(&json!({ "record": fleet.given, "hooks": true, "turns": [turn] }))
}

/// How each line begins.
fn words(ran: &Ran) -> Vec<&str> {
    ran.out.lines().map(|line| line.split_whitespace().next().unwrap_or_default()).collect()
}

fn go(fleet: &Fleet) {
    std::fs::write(fleet.world.home.join("go"), "").unwrap();
}

fn states(fleet: &Fleet) -> Vec<String> {
    fleet.jobs().iter().map(|job| job["state"].as_str().unwrap().to_owned()).collect()
}

fn ids(fleet: &Fleet) -> Vec<String> {
    fleet.jobs().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn become_(fleet: &Fleet, expected: &[&str]) {
    assert!(within(60, || states(fleet) == expected), "{:?}, not {expected:?}", states(fleet));
}

/// Watches the records themselves until all have ended: how many ran at once, at most.
fn most_at_once(fleet: &Fleet) -> usize {
    let mut most = 0;
    let ended = within(120, || {
        let state = fleet.world.state();
        let jobs = state["jobs"].as_array().unwrap();
        let count = |stage: &str| jobs.iter().filter(|job| job["stage"] == stage).count();
        most = most.max(count("running"));
        count("ended") == jobs.len()
    });
    assert!(ended, "{:#?}", fleet.jobs());
    most
}

fn stamp<'j>(job: &'j Value, name: &str) -> &'j str {
    job[name].as_str().unwrap_or_default()
}

#[test]
fn each_begins_when_the_one_before_is_done() {
    let fleet = Fleet::new();
    go(&fleet);
    let launching = launch_in_sequence(&fleet, 0, &["l:2", "c:1"]);
    assert!(within(30, || !ids(&fleet).is_empty()));
    assert_eq!(most_at_once(&fleet), 1);
    become_(&fleet, &["done", "done", "done"]);
    let ran = launching.end();
    assert_eq!((ran.code, words(&ran)), (0, vec!["DONE"; 3]), "{ran:?}");
    assert!(ran.err.contains("aio: 3 done; next: aio jobs\n") && ran.err.contains(": done (3/3 ended)"), "{ran:?}");
    let state = fleet.world.state();
    let jobs = state["jobs"].as_array().unwrap();
    for pair in jobs.windows(2) {
        assert_eq!(pair[1]["after"], pair[0]["id"]);
        assert!(stamp(&pair[0], "endedAt") <= stamp(&pair[1], "startedAt"), "{pair:#?}");
    }
}

#[test]
fn what_is_to_be_done_next_is_done_as_it_is_said() {
    let fleet = Fleet::new();
    let other = fleet.world.home.join("other");
    repository(&other);
    assert_eq!(fleet.aio(&["projects", "add", ".", other.to_str().unwrap()]).code, 0);
    let committing = json!([write("b.txt"), { "commit": "One" }, { "done": "x" }]);
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [committing] });
    let ran = run(fleet.command(&script).args(["all", "--seq", "l:1", "x", "--json"]));
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let ids = ids(&fleet);
    let next = [format!("aio diff {}", ids[0]), format!("aio merge {}", ids[0]), format!("aio merge {}", ids[1])];
    assert_eq!(answer["hints"], json!(next), "of two projects: {answer:#}");
    for command in next {
        let ran = fleet.aio(&command.split(' ').skip(1).collect::<Vec<_>>());
        assert_eq!(ran.code, 0, "{command}: {ran:?}");
    }
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[write("c.txt"), { "done": "x" }]] });
    let ran = run(fleet.command(&script).args(["multi", "--seq", "l:1", "x"]));
    let last = self::ids(&fleet).pop().unwrap();
    assert!(ran.err.ends_with(&format!("next: aio diff {last}; aio jobs\n")), "nothing is committed: {ran:?}");
}

#[test]
fn nothing_after_the_first_failure_ever_starts() {
    let fleet = Fleet::new();
    let launching = launch_in_sequence(&fleet, 3, &["l:3"]);
    become_(&fleet, &["working", "queued", "queued"]);
    go(&fleet);
    become_(&fleet, &["failed", "stopped", "stopped"]);
    let ids = ids(&fleet);
    let ran = launching.end();
    assert_eq!((ran.code, words(&ran)), (1, vec!["FAILED", "SKIPPED", "SKIPPED"]), "{ran:?}");
    assert!(ran.out.contains(&format!(": not started: {} did not end well\n", ids[0])), "{ran:?}");
    let next = format!("aio: 1 failed, 2 skipped; next: aio logs {0}; aio retry {0}\n", ids[0]);
    assert!(ran.err.ends_with(&next), "{ran:?}");
    // Neither by what comes later, nor because the one before ends well after all.
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    assert_eq!(run(fleet.command(&script).args(["resume", &ids[0]])).code, 0);
    become_(&fleet, &["done", "stopped", "stopped"]);
    assert_eq!(run(fleet.command(&script).args(["cleanup"])).code, 0);
    let state = fleet.world.state();
    for job in &state["jobs"].as_array().unwrap()[1..] {
        assert!(job.get("startedAt").is_none() && job.get("attempt").is_none(), "{job:#}");
        assert!(stamp(job, "failure").contains("did not end well"), "{job:#}");
    }
    // What a person asks for themselves is another thing.
    assert_eq!(run(fleet.command(&script).args(["retry", &ids[1]])).code, 0);
    become_(&fleet, &["done", "stopped", "stopped", "done"]);
}

#[test]
fn a_stop_in_the_middle_stops_what_was_to_come() {
    let fleet = Fleet::new();
    let launching = launch_in_sequence(&fleet, 0, &["l:3"]);
    become_(&fleet, &["working", "queued", "queued"]);
    let ids = ids(&fleet);
    assert_eq!(fleet.aio(&["stop", &ids[0]]).code, 0);
    become_(&fleet, &["stopped", "stopped", "stopped"]);
    let ran = launching.end();
    assert_eq!((ran.code, words(&ran)), (1, vec!["STOPPED", "SKIPPED", "SKIPPED"]), "{ran:?}");
    go(&fleet);
    assert_eq!(fleet.aio(&["cleanup"]).code, 0);
    become_(&fleet, &["stopped", "stopped", "stopped"]);
}

#[test]
fn a_queued_one_that_is_removed_takes_with_it_what_was_to_come_after() {
    let fleet = Fleet::new();
    let launching = launch_in_sequence(&fleet, 0, &["l:3"]);
    become_(&fleet, &["working", "queued", "queued"]);
    let ids = ids(&fleet);
    let ran = fleet.aio(&["remove", &ids[1]]);
    assert_eq!((ran.code, ran.out), (0, format!("Removed: {}\n", ids[1])), "{}", ran.err);
    become_(&fleet, &["working", "stopped", "stopped"]);
    go(&fleet);
    become_(&fleet, &["done", "stopped", "stopped"]);
    let ran = launching.end();
    assert_eq!((ran.code, words(&ran)), (1, vec!["DONE", "SKIPPED", "SKIPPED"]), "{ran:?}");
}

#[test]
fn whoever_waits_for_a_sequence_goes_on_when_all_of_it_is_to_be_reviewed() {
    let fleet = Fleet::new();
    let steps = json!([write("b.txt"), { "commit": "One" }, { "sleep_ms": 300 }, { "done": "x" }]);
    let ran = fleet.launch(steps, &["l:1", "c:1", "--seq", "--json", "x"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let ids = ids(&fleet);
    let end = |id| json!({ "job": id, "state": "review", "failure": "" });
    assert_eq!((ran.code, &answer["code"]), (0, &json!("launched")), "{ran:?}");
    assert_eq!(answer["data"]["ends"], json!([end(&ids[0]), end(&ids[1])]), "{ran:?}");
    assert_eq!(states(&fleet), ["review", "review"]);
}

#[test]
fn a_sequence_runs_on_when_nobody_watches_it_any_more() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let fleet = Fleet::new();
        let launching = launch_in_sequence(&fleet, 0, &["l:2"]);
        become_(&fleet, &["working", "queued"]);
        launching.signal(signal);
        let ran = launching.end();
        assert_eq!((ran.code, words(&ran)), (code, vec!["WORKING", "QUEUED"]), "{ran:?}");
        let ids = ids(&fleet);
        let said = format!("Interrupted: 1 job runs on: {}; 1 waits for its turn: {}; next: aio jobs", ids[0], ids[1]);
        assert!(ran.err.contains(&said), "{ran:?}");
        go(&fleet);
        become_(&fleet, &["done", "done"]);
    }
}

#[test]
fn a_sequence_without_the_process_above_its_agent_is_not_waited_for() {
    let fleet = Fleet::new();
    let launching = launch_in_sequence(&fleet, 0, &["l:2"]);
    become_(&fleet, &["working", "queued"]);
    kill_parent(&fleet);
    let ran = launching.end();
    assert_eq!((ran.code, words(&ran)), (1, vec!["CRASHED", "QUEUED"]), "{ran:?}");
    assert!(ran.out.contains(": its aio process is gone"), "{ran:?}");
    assert!(ran.err.ends_with("next: aio cleanup, then aio jobs\n"), "{ran:?}");
    assert_eq!(fleet.aio(&["cleanup"]).code, 0);
    become_(&fleet, &["crashed", "stopped"]);
}

#[test]
fn a_queued_one_that_is_removed_leaves_its_place_to_the_next() {
    let fleet = Fleet::new();
    launch(&fleet, 0, &["l:3", "--max", "1", "x"]);
    become_(&fleet, &["working", "queued", "queued"]);
    assert_eq!(fleet.aio(&["remove", &ids(&fleet)[1]]).code, 0);
    become_(&fleet, &["working", "stopped", "queued"]);
    go(&fleet);
    become_(&fleet, &["done", "stopped", "done"]);
}

#[test]
fn two_of_six_never_are_three() {
    let fleet = Fleet::new();
    go(&fleet);
    launch(&fleet, 0, &["l:4", "c:2", "--max", "2", "x"]);
    assert!(most_at_once(&fleet) <= 2);
    become_(&fleet, &["done"; 6]);
}

#[test]
fn whoever_is_stopped_makes_place_and_waits_for_one_to_go_on() {
    let fleet = Fleet::new();
    launch(&fleet, 0, &["l:2", "--max", "1", "x"]);
    become_(&fleet, &["working", "queued"]);
    let ids = ids(&fleet);
    assert_eq!(fleet.aio(&["stop", &ids[0]]).code, 0);
    become_(&fleet, &["stopped", "working"]);
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    let ran = run(fleet.command(&script).args(["resume", &ids[0]]));
    assert_eq!((ran.code, ran.out), (0, format!("Queued: {}\n", ids[0])), "{}", ran.err);
    become_(&fleet, &["queued", "working"]);
    assert_eq!(fleet.jobs().iter().filter(|job| RUNNING.contains(&job["state"].as_str().unwrap())).count(), 1);
    go(&fleet);
    become_(&fleet, &["done", "done"]);
}

#[test]
fn whoever_begins_one_it_runs_as_it_was_asked_for() {
    for runtime in ["--headless", "--tmux"] {
        if runtime == "--tmux" && lacks_tmux() {
            continue;
        }
        let fleet = Fleet::new();
        launch(&fleet, 0, &["l:1", "c:1", "--max", "1", runtime, "x"]);
        become_(&fleet, &["working", "queued"]);
        let ids = ids(&fleet);
        let kept = fleet.world.dir.join("jobs").join(&ids[1]).join("environment");
        assert!(kept.exists());
        // By one who has another script, and is asked for nothing.
        kill_parent(&fleet);
        assert_eq!(run(fleet.command(&json!({})).env_remove("AIO_FAKE_AGENT").arg("cleanup")).code, 0);
        become_(&fleet, &["crashed", "working"]);
        assert!(!kept.exists(), "it has begun");
        go(&fleet);
        become_(&fleet, &["crashed", "done"]);
        ids.iter().for_each(|id| assert_eq!(fleet.aio(&["remove", id]).code, 0));
    }
}

#[test]
fn why_a_job_does_not_start_is_told() {
    let fleet = Fleet::new();
    launch(&fleet, 0, &["l:2", "--max", "1", "--headless", "x"]);
    become_(&fleet, &["working", "queued"]);
    // Where its parent's log is to be.
    let log = fleet.world.dir.join("jobs").join(fleet.jobs()[1]["id"].as_str().unwrap()).join("parent");
    std::fs::create_dir(log).unwrap();
    go(&fleet);
    become_(&fleet, &["done", "failed"]);
    let failure = fleet.jobs()[1]["failure"].as_str().unwrap().to_owned();
    assert!(failure.starts_with("aio cannot start itself: Is a directory"), "{failure}");
}

/// Of the first job.
fn kill_parent(fleet: &Fleet) {
    let pid = fleet.world.state()["jobs"][0]["parentPid"].to_string();
    assert_eq!(run(std::process::Command::new("kill").args(["-9", &pid])).code, 0);
    // It is gone a little later than that.
    assert!(within(20, || fleet.jobs()[0]["state"] == "crashed"));
}

/// The place that its crash leaves is another's by then.
#[test]
fn what_goes_on_behind_another_is_queued() {
    let fleet = Fleet::new();
    launch(&fleet, 0, &["l:2", "--max", "1", "x"]);
    become_(&fleet, &["working", "queued"]);
    let job = fleet.world.state()["jobs"][0].clone();
    let parent = job["parentPid"].as_u64().unwrap().to_string();
    assert!(Command::new("kill").args(["-9", &parent]).status().unwrap().success());
    become_(&fleet, &["crashed", "queued"]);
    let id = job["id"].as_str().unwrap();
    let ran = fleet.aio(&["resume", id]);
    // It may have been first all the same.
    assert!(ran.code == 0 && ["Queued", "Resumed"].iter().any(|word| ran.out == format!("{word}: {id}\n")), "{ran:?}");
    if ran.out.starts_with("Queued") {
        become_(&fleet, &["queued", "working"]);
    }
    go(&fleet);
    assert!(within(60, || states(&fleet).iter().all(|state| state == "done")), "{:?}", states(&fleet));
}
