//! What is said of jobs that were removed, stopped, sent to or launched, several at once, and where something is in the way.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::fleet::{Fleet, repository, within, write};
use crate::harness::{Ran, git, run};
use crate::terminal::Terminal;

fn ids(fleet: &Fleet) -> Vec<String> {
    fleet.jobs().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

fn done_jobs(fleet: &Fleet, count: usize) -> Vec<String> {
    for _ in 0..count {
        let ran = fleet.launch(json!([write("b.txt"), { "done": "x" }]), &["l:1", "x"]);
        assert!(ran.code == 0 && !ran.out.contains("(done)"), "it is to be reviewed: {ran:?}");
    }
    assert!(within(60, || fleet.jobs().iter().all(|job| job["state"] == "review")), "{:#?}", fleet.jobs());
    ids(fleet)
}

fn at_work(fleet: &Fleet) -> String {
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]);
    fleet.job("working")["id"].as_str().unwrap().to_owned()
}

fn worktree(fleet: &Fleet, at: usize) -> String {
    fleet.jobs()[at]["worktree"].as_str().unwrap().to_owned()
}

fn says(ran: &Ran, code: i32, words: &str) {
    assert!(ran.code == code && ran.err.contains(words), "{words:?}: {ran:?}");
}

#[test]
fn while_one_of_several_runs_none_is_removed() {
    let fleet = Fleet::new();
    let done = done_jobs(&fleet, 1).remove(0);
    let runs = at_work(&fleet);
    let ran = fleet.aio(&["remove", &done, &runs]);
    says(&ran, 1, &format!("aio: {runs} runs; nothing was removed; next: aio stop {runs}\n"));
    assert!(ran.out.is_empty() && Path::new(&worktree(&fleet, 0)).exists(), "{ran:?}");
    let ran = fleet.aio(&["retry", &done, &runs]);
    says(&ran, 1, &format!("{runs} has not ended"));
    assert_eq!(fleet.jobs().len(), 2, "{ran:?}");
    says(&fleet.aio(&["stop", "all"]), 2, &format!("jobs are stopped by their ids; next: aio stop {runs}\n"));
    let ran = fleet.aio(&["stop", &runs, &done, "--json"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let expected = json!([{ "id": runs, "state": "stopped" }, { "id": done, "state": "done" }]);
    assert_eq!((ran.code, &answer["data"]["jobs"]), (0, &expected), "{answer:#}");
    says(&fleet.aio(&["stop", "all"]), 2, "no job runs; next: aio jobs\n");
    says(&fleet.aio(&["send", "all", "hi"]), 2, "no job runs; next: aio jobs\n");
}

#[test]
fn of_several_each_that_can_be_is_removed_and_all_is_said() {
    let fleet = Fleet::new();
    let jobs = done_jobs(&fleet, 3);
    let inner = Path::new(&worktree(&fleet, 1)).join("inner");
    repository(&inner);
    let ran = fleet.aio(&["remove", &jobs[0], &jobs[1], &jobs[2], "--json"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!((ran.code, &answer["code"], &answer["ok"]), (6, &json!("environment"), &json!(false)), "{answer:#}");
    let removed: Vec<&Value> = answer["data"]["removed"].as_array().unwrap().iter().map(|job| &job["id"]).collect();
    assert_eq!(removed, [&json!(jobs[0]), &json!(jobs[2])], "{answer:#}");
    assert!(answer["data"]["removed"][0]["rescue"].is_string(), "{answer:#}");
    assert_eq!(answer["data"]["notRemoved"][0]["id"], json!(jobs[1]), "{answer:#}");
    let notes = answer["notes"].to_string();
    assert!(notes.contains("to have it back: ") && notes.contains("has commits that no remote has"), "{answer:#}");
    let ran = fleet.aio(&["remove", &jobs[0], &jobs[1]]);
    assert_eq!(ran.out, format!("Already removed: {}\nNot removed: {}\n", jobs[0], jobs[1]), "{ran:?}");
    fs::remove_dir_all(inner).unwrap();
    let ran = fleet.aio(&["remove", &jobs[1]]);
    assert!(ran.code == 0 && ran.out.starts_with("Removed: "), "{ran:?}");
}

#[test]
fn a_removed_and_a_queued_job_have_steps_that_work() {
    let fleet = Fleet::new();
    let id = done_jobs(&fleet, 1).remove(0);
    says(&fleet.aio(&["attach", &id]), 1, &format!("{id} runs no more, and had no terminal; next: aio logs {id}\n"));
    let ran = fleet.aio(&["logs", &id, "-n", "0"]);
    assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "", ""), "nothing was asked for");
    assert_eq!(fleet.aio(&["remove", &id]).code, 0);
    for command in [&["send", &id, "x"][..], &["attach", &id]] {
        says(&fleet.aio(command), 1, &format!("{id} was removed; next: aio retry {id}\n"));
    }
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:2", "--max", "1", "x"]);
    let queued = ids(&fleet).remove(2);
    let said = format!("{queued} has not begun, and runs without a terminal; next: aio logs -f {queued}\n");
    says(&fleet.aio(&["attach", &queued]), 1, &said);
    fleet.aio(&["stop", &queued]);
}

#[test]
fn what_was_sent_and_never_handed_over_is_said_when_its_job_is_removed() {
    let fleet = Fleet::new();
    let id = at_work(&fleet);
    for message in ["Mind the gap", "Mind the door, which is open and will close by itself"] {
        assert_eq!(fleet.aio(&["send", &id, message]).code, 0);
    }
    assert_eq!(fleet.aio(&["stop", &id]).code, 0);
    let ran = fleet.aio(&["remove", &id]);
    let said = "were never handed over: \"Mind the gap\", \"Mind the door, which is open and will cl…\"; next: ls ";
    says(&ran, 0, &format!("2 messages to {id} {said}"));
    let folder = ran.err.trim_end().rsplit("ls ").next().unwrap();
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2, "{ran:?}");
}

/// Taken out of the inbox by a parent that was killed before it knew more.
#[test]
fn what_was_on_its_way_when_its_job_ended_is_unconfirmed() {
    let fleet = Fleet::new();
    let id = at_work(&fleet);
    let sent = fleet.world.dir.join("jobs").join(&id).join("sent");
    fs::create_dir(&sent).unwrap();
    fs::write(sent.join("01"), "Mind the gap").unwrap();
    assert_eq!(fleet.jobs()[0]["messagesUnconfirmed"], 0, "its receipt may come yet");
    assert_eq!(fleet.aio(&["stop", &id]).code, 0);
    assert_eq!(fleet.jobs()[0]["messagesUnconfirmed"], 1);
    assert_eq!(fleet.aio(&["resume", &id]).code, 0);
    fleet.job("done");
    let shown = fleet.aio(&["jobs"]);
    assert!(shown.out.contains("1 message unconfirmed"), "{shown:?}");
    let said = format!("nothing says that 1 message to {id} arrived: \"Mind the gap\"; next: ls ");
    says(&fleet.aio(&["remove", &id]), 0, &said);
}

#[test]
fn what_is_in_the_way_is_said_of_all_and_how_to_go_on_without() {
    let fleet = Fleet::new();
    let ran = fleet.aio(&["multi", "g:1", "a:1", "g:1", "x"]);
    says(&ran, 6, "aio: gemini is not installed; amp is not installed; next: install gemini");
    assert!(ran.err.contains("install amp"), "{ran:?}");
    let home = &fleet.world.home;
    fs::create_dir(home.join("plain")).unwrap();
    for word in ["plain", "./plain"] {
        let ran = run(fleet.command(&json!({})).args(["multi", word, "l:1", "x"]).current_dir(home));
        says(&ran, 6, &format!("{} is in no git repository; next: git init ", home.join("plain").display()));
    }
    let other = home.join("other");
    repository(&other);
    assert_eq!(fleet.aio(&["projects", "add", ".", other.to_str().unwrap()]).code, 0);
    fs::rename(&other, home.join("away")).unwrap();
    let gone = format!("{} is not there", other.display());
    let next = format!("next: aio projects remove {0}, or bring it back", other.display());
    let ran = fleet.aio(&["all", "l:1", "x", "--dry-run"]);
    says(
        &ran,
        6,
        &format!("{gone}; nothing was launched; {next}; or add --keep-going to launch into the others (1)\n"),
    );
    let ran = fleet.aio(&["all", "l:1", "x", "--dry-run", "--keep-going"]);
    assert!(ran.code == 0 && ran.out.contains(&format!("other: {gone}; {next}\n")), "{ran:?}");
    let ran = fleet.aio(&["all", "l:2", "x", "--dry-run", "--keep-going", "--json"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let told = (&answer["code"], answer["data"]["jobs"].as_array().unwrap().len(), &answer["data"]["batch"]);
    assert_eq!(told, (&json!("launch-planned"), 2, &Value::Null), "{answer:#}");
    assert_eq!(answer["data"]["skipped"][0]["project"], "other", "{answer:#}");
    assert!(fleet.jobs().is_empty());
}

#[test]
fn no_more_of_the_past_is_shown_than_is_asked_for() {
    let fleet = Fleet::new();
    assert_eq!(fleet.aio(&["projects", "add", ".", "--setup", "seq 1 20"]).code, 0);
    fleet.launch(json!([{ "say": "one" }, { "say": "two" }, { "done": "x" }]), &["l:1", "x"]);
    let job = fleet.job("done");
    let shown = |most: &str| fleet.aio(&["logs", "-n", most, job["id"].as_str().unwrap()]).out;
    assert_eq!((&*shown("0"), &*shown("1")), ("", "two\n[setup] 20\n"));
    assert!(shown("100").starts_with("one\ntwo\n[setup] 11\n"), "{}", shown("100"));
}

#[test]
fn commits_that_work_does_not_begin_with_are_counted() {
    let fleet = Fleet::new();
    let project = &fleet.world.project;
    let (remote, other) = (fleet.world.home.join("remote"), fleet.world.home.join("other"));
    let (remote, other) = (remote.to_str().unwrap(), other.to_str().unwrap());
    let must = |folder: &Path, args: &[&str]| assert_eq!(git(folder, args).code, 0, "{args:?}");
    must(project, &["clone", "-q", "--bare", ".", remote]);
    must(project, &["remote", "add", "origin", remote]);
    must(project, &["fetch", "-q", "origin"]);
    must(project, &["commit", "-q", "--allow-empty", "-m", "own"]);
    let look = || fleet.aio(&["multi", "l:1", "x", "--dry-run"]);
    let ran = look();
    assert_eq!((ran.code, &*ran.err), (0, ""), "what is only ahead is all there");
    must(project, &["clone", "-q", remote, other]);
    must(Path::new(other), &["commit", "-q", "--allow-empty", "-m", "theirs"]);
    must(Path::new(other), &["push", "-q", "origin", "HEAD"]);
    let said =
        format!("work begins at origin/main, without 1 commit of main here; next: git -C {} ", project.display());
    says(&look(), 0, &said);
    must(project, &["fetch", "-q", "origin"]);
    says(&look(), 0, &said);
    must(project, &["pull", "-q", "--rebase", "origin", "main"]);
    assert_eq!(look().err, "");
}

#[test]
fn a_launch_says_its_next_steps_to_programs() {
    let fleet = Fleet::new();
    let ran = fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x", "--json"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let id = answer["data"]["jobs"][0].as_str().unwrap();
    let next = ["aio jobs".to_owned(), format!("aio logs -f {id}"), format!("aio stop {id}")];
    assert_eq!(answer["hints"], json!(next), "{answer:#}");
}

#[test]
fn words_that_begin_with_a_dash_are_put_where_they_are_taken() {
    let fleet = Fleet::new();
    let ran = fleet.aio(&["multi", "l:1", "--target", "-x", "t"]);
    says(&ran, 2, "-x is no option of this; as a value: aio multi l:1 --target=-x t; next: aio multi --help\n");
    says(&fleet.aio(&["multi", "l:1", "--target=-x", "t"]), 6, "has no branch \"-x\"");
    says(&fleet.aio(&["multi", "l:1", "--restarts", "-1", "t"]), 2, "invalid value '-1' for '--restarts <N>'");
    let of = |words: &[&str]| Terminal::start(fleet.command(&json!({})).args(words)).end();
    let (code, shown) = of(&["l", "-fix"]);
    assert!(code == 6 && shown.contains("or for it as a word: -- -fix"), "{shown}");
    fs::create_dir_all(&fleet.world.dir).unwrap();
    fs::write(fleet.world.dir.join("config.toml"), "default_task = \"Tidy up\"\n").unwrap();
    let (code, shown) = of(&["l", ""]);
    assert!(code == 2 && shown.contains("or leave it out to have default_task"), "{shown}");
}

#[test]
fn a_queued_job_whose_project_vanished_says_so() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:2", "--max", "1", "x"]);
    let jobs = ids(&fleet);
    let (project, away) = (fleet.world.project.clone(), fleet.world.home.join("away"));
    fs::rename(&project, &away).unwrap();
    let aio = |args: &[&str]| run(fleet.command(&json!({})).args(args).current_dir(&fleet.world.home)).out;
    aio(&["stop", &jobs[0]]);
    let said = format!("{}: {} is not there; its project is gone", jobs[1], project.display());
    assert!(within(60, || aio(&["jobs"]).contains(&said)), "{}", aio(&["jobs"]));
    fs::rename(away, project).unwrap();
}

#[test]
fn one_that_is_named_twice_is_tried_anew_once() {
    let fleet = Fleet::new();
    let done = done_jobs(&fleet, 1).remove(0);
    let ran = fleet.aio(&["retry", &done, &done]);
    assert_eq!((ran.code, fleet.jobs().len()), (0, 2), "{ran:?}");
}
