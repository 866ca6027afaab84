//! What is said to be done next is done, as it stands there; and what is said of a job is so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::fleet::{Fleet, lacks_tmux, within, write};
use crate::harness::{Ran, eventually, run};
use crate::interrupting::{Running, executable, slow_git};

/// What stands after a mark, as far as its line goes.
fn after<'t>(text: &'t str, mark: &str) -> &'t str {
    let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark:?} in {text}"));
    rest.lines().next().unwrap_or_default()
}

/// Does that, somewhere else.
fn pasted(fleet: &Fleet, words: &str) -> Ran {
    let template = fleet.command(&json!({}));
    let mut shell = Command::new("sh");
    shell.env_clear().envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    run(shell.args(["-c", words]).current_dir(&fleet.world.home))
}

fn done(fleet: &Fleet, steps: Value) -> (String, PathBuf) {
    fleet.launch(steps, &["l:1", "x"]);
    let job = fleet.job("review");
    (job["id"].as_str().unwrap().to_owned(), job["worktree"].as_str().unwrap().into())
}

#[test]
fn what_is_not_committed_is_committed_as_it_is_said() {
    let fleet = Fleet::new();
    let (id, _) = done(&fleet, json!([write("b.txt"), { "commit": "One" }, write("c.txt"), { "done": "x" }]));
    let ran = fleet.aio(&["merge", &id]);
    assert!(ran.code == 1 && ran.err.contains("has not committed c.txt, which --yes leaves behind"), "{ran:?}");
    assert_eq!(pasted(&fleet, after(&ran.err, "next: ")).code, 0, "{ran:?}");
    assert_eq!(fleet.aio(&["merge", &id]).code, 0);
    assert!(fleet.world.project.join("c.txt").exists());
}

#[test]
fn what_was_kept_is_brought_back_from_anywhere() {
    let fleet = Fleet::new();
    let (id, _) = done(&fleet, json!([write("b.txt"), { "commit": "One" }, { "done": "x" }]));
    let ran = fleet.aio(&["remove", &id]);
    assert_eq!(pasted(&fleet, after(&ran.err, "to have it back: ")).code, 0, "{ran:?}");
    assert!(fleet.world.project.join("b.txt").exists());
    for (command, code, said) in
        [("remove", 0, format!("Already removed: {id}\n")), ("stop", 0, format!("Already ended: {id} (done)\n"))]
    {
        let ran = fleet.aio(&[command, &id]);
        assert_eq!((ran.code, ran.out), (code, said), "{}", ran.err);
    }
    let ran = fleet.aio(&["resume", &id]);
    assert!(ran.code == 1 && ran.err.ends_with(&format!("{id} was removed; next: aio retry {id}\n")), "{ran:?}");
}

#[test]
fn two_who_remove_one_at_once_both_end_well() {
    let fleet = Fleet::new();
    let (id, _) = done(&fleet, json!([write("b.txt"), { "done": "x" }]));
    let (began, go) = slow_git(&fleet);
    let first = Running::start(fleet.command(&json!({})).args(["remove", &id]));
    eventually("the first removal", || began.exists().then_some(()));
    let second = Running::start(fleet.command(&json!({})).args(["remove", &id]));
    std::thread::sleep(std::time::Duration::from_millis(300));
    fs::write(go, "").unwrap();
    let (first, second) = (first.end(), second.end());
    assert!(first.code == 0 && first.out.starts_with(&format!("Removed: {id}; what was not")), "{first:?}");
    assert_eq!((second.code, second.out), (0, format!("Already removed: {id}\n")), "{}", second.err);
}

#[test]
fn a_job_without_its_worktree_is_tried_anew_and_not_resumed() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "exit": 3 }]), &["l:1", "x"]);
    let job = fleet.job("failed");
    let id = job["id"].as_str().unwrap();
    fs::remove_dir_all(job["worktree"].as_str().unwrap()).unwrap();
    let shown = fleet.aio(&["jobs"]).out;
    let next = format!("next: aio retry {id}, aio remove {id}\n");
    let said = format!("its worktree is gone, and nothing was committed, so what it did is not known; {next}");
    assert!(shown.contains(&said) && shown.contains("exit code 3"), "{shown}");
    let ran = fleet.aio(&["resume", id]);
    assert!(ran.code == 1 && ran.err.ends_with(&format!("; next: aio retry {id}; aio remove {id}\n")), "{ran:?}");
    assert_eq!(fleet.jobs()[0]["attempt"], 1);
    let ran = pasted(&fleet, after(&ran.err, "next: "));
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_hook_that_stops_a_merge_is_mended_before_that_merge_is_tried_again() {
    let fleet = Fleet::new();
    let (id, _) = done(&fleet, json!([write("b.txt"), { "commit": "One" }, { "done": "x" }]));
    executable(&fleet.world.project.join(".git/hooks/pre-merge-commit"), "#!/bin/sh\necho no >&2\nexit 1\n");
    let ran = fleet.aio(&["merge", &id]);
    assert!(ran.code == 1 && ran.err.ends_with(&format!("next: mend what it says, then aio merge {id}\n")), "{ran:?}");
}

#[test]
fn a_failed_setup_leaves_a_worktree_that_is_known_and_made_anew() {
    let fleet = Fleet::new();
    let setup = "test -e \"$HOME/quick\" || { touch left; exit 1; }";
    assert_eq!(fleet.aio(&["projects", "add", ".", "--setup", setup]).code, 0);
    let ran = fleet.launch(json!([{ "done": "x" }]), &["l:1", "x"]);
    let id = fleet.job("failed")["id"].as_str().unwrap().to_owned();
    assert!(ran.err.ends_with(&format!("aio: 1 failed; next: aio logs {id}; aio retry {id}\n")), "{ran:?}");
    let shown = fleet.aio(&["jobs"]).out;
    assert!(shown.contains("  1 file, 0 commits  ") && !shown.contains("no worktree"), "{shown}");
    let ran = fleet.aio(&["stop", &id]);
    assert_eq!((ran.code, ran.out), (0, format!("Already ended: {id} (failed)\n")), "{}", ran.err);
    fs::write(fleet.world.home.join("quick"), "").unwrap();
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    assert_eq!(run(fleet.command(&script).args(["resume", &id])).code, 0);
    assert_eq!(fleet.job("done")["files"], 0, "it is made anew");
}

#[test]
fn who_wrote_nothing_is_said_to() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:2", "--max", "1", "x"]);
    let jobs = fleet.jobs();
    let id = jobs[1]["id"].as_str().unwrap();
    let ran = fleet.aio(&["logs", id]);
    let said = format!("aio: {id} is queued, and has not begun; next: aio jobs\n");
    assert_eq!((ran.code, ran.out, ran.err), (0, String::new(), said));
    let shown = fleet.aio(&["report"]).out;
    assert!(
        shown.ends_with(
            "tokens 0 reported, unknown of 2 jobs; cost $0.00 reported, $0.00 computed, unknown of 2 jobs\n"
        )
    );
}

#[test]
fn a_project_that_vanished_is_to_be_brought_back() {
    let fleet = Fleet::new();
    let (id, _) = done(&fleet, json!([write("b.txt"), { "commit": "One" }, { "done": "x" }]));
    fleet.launch(json!([write("c.txt"), { "sleep_ms": 60_000 }]), &["c:1", "x"]);
    let stopped = fleet.job("working")["id"].as_str().unwrap().to_owned();
    assert_eq!(fleet.aio(&["stop", &stopped]).code, 0);
    let (project, away) = (fleet.world.project.clone(), fleet.world.home.join("away"));
    fs::rename(&project, &away).unwrap();
    let aio = |args: &[&str]| run(fleet.command(&json!({})).args(args).current_dir(&fleet.world.home));
    let shown = aio(&["jobs"]).out;
    assert_eq!(shown.matches("  unknown work  ").count(), 2, "{shown}");
    let next = format!("next: mv it back to {}\n", project.display());
    assert!(
        shown.contains(&format!("{id}, {stopped}: its project is gone, so its work is not known; {next}")),
        "{shown}"
    );
    for command in ["merge", "diff", "retry", "resume"] {
        let ran = aio(&[command, &id]);
        assert_eq!(
            (ran.code, ran.err),
            (6, format!("aio: the project of {id} is gone: {}; {next}", project.display()))
        );
    }
    fs::rename(away, project).unwrap();
    assert_eq!(fleet.aio(&["merge", &id]).code, 0);
}

#[test]
fn whoever_is_to_go_on_with_words_is_told_those_first() {
    for runtime in ["--headless", "--tmux"] {
        if runtime == "--tmux" && lacks_tmux() {
            continue;
        }
        let fleet = Fleet::new();
        fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", runtime, "x"]);
        let id = fleet.job("working")["id"].as_str().unwrap().to_owned();
        assert!(within(20, || fleet.world.state()["jobs"][0]["session"].as_str().is_some_and(|id| !id.is_empty())));
        assert_eq!(fleet.aio(&["stop", &id]).code, 0);
        let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
        fs::remove_dir_all(&fleet.given).unwrap();
        assert_eq!(run(fleet.command(&script).args(["resume", &id, "Mind", "the gap"])).code, 0);
        fleet.job("done");
        assert_eq!(prompts(&fleet.given), ["Mind the gap"], "{runtime}");
        assert_eq!(fleet.aio(&["remove", &id]).code, 0);
    }
}

fn prompts(given: &Path) -> Vec<String> {
    let entries = fs::read_dir(given).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("prompt-")).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}
