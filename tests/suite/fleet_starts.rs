//! Jobs begun: by several at once, by a parent that dies or is slow, without their profile, without settings.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fleet::{Fleet, lacks_tmux, repository, within};
use crate::harness::{eventually, git, run};
use crate::interrupting::{Running, executable};

/// Agents that do this in their only turn.
fn script(fleet: &Fleet, steps: Value) -> Value {
    json!({ "record": fleet.given, "hooks": true, "turns": [steps] })
}

fn settings(fleet: &Fleet) -> PathBuf {
    fs::create_dir_all(&fleet.world.dir).unwrap();
    fleet.world.dir.join("config.toml")
}

fn id(job: &Value) -> String {
    job["id"].as_str().unwrap().to_owned()
}

fn states(fleet: &Fleet) -> Vec<String> {
    fleet.jobs().iter().map(|job| job["state"].as_str().unwrap().to_owned()).collect()
}

/// tmux, which does this first where it is to make a session. False where there is none; the proofs need it.
fn with_new_sessions(fleet: &Fleet, first: &str) -> bool {
    if lacks_tmux() {
        return false;
    }
    let paths = std::env::var_os("PATH").unwrap();
    let tmux = std::env::split_paths(&paths).map(|folder| folder.join("tmux")).find(|tmux| tmux.exists()).unwrap();
    let tmux = tmux.display();
    let text =
        format!("#!/bin/bash\nif [[ \" $* \" == *' new-session '* ]]; then\n{first}\nfi\nexec '{tmux}' \"$@\"\n");
    executable(&fleet.bin.join("tmux"), &text);
    true
}

fn files(folder: &Path, name: &str) -> usize {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(name)).count()
}

#[test]
fn two_who_begin_a_job_at_once_begin_it_once() {
    let fleet = Fleet::new();
    let home = fleet.world.home.clone();
    let both = format!("touch {0}/asked-$$\nuntil [ -e {0}/go ]; do sleep 0.02; done", home.display());
    if !with_new_sessions(&fleet, &both) {
        return;
    }
    let mut command = fleet.command(&script(&fleet, json!([{ "sleep_ms": 60_000 }])));
    let launching = Running::start(command.args(["multi", "l:1", "--tmux", "x"]));
    eventually("the first", || (files(&home, "asked-") == 1).then_some(()));
    let cleaning = Running::start(fleet.command(&json!({})).arg("cleanup"));
    eventually("the second", || (files(&home, "asked-") == 2).then_some(()));
    fs::write(home.join("go"), "").unwrap();
    let (launched, cleaned) = (launching.end(), cleaning.end());
    assert_eq!((launched.code, cleaned.code), (0, 0), "{launched:?} {cleaned:?}");
    assert!(launched.out.starts_with("LAUNCHED") && !cleaned.err.contains("duplicate"), "{launched:?} {cleaned:?}");
    let job = fleet.job("working");
    assert_eq!((&job["failure"], &job["attempt"]), (&json!(""), &json!(1)), "{job:#}");
    assert_eq!(fleet.aio(&["stop", &id(&job)]).code, 0);
}

#[test]
fn a_second_parent_says_nothing_in_the_log_of_the_first() {
    let fleet = Fleet::new();
    assert_eq!(fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]).code, 0);
    let job = id(&fleet.job("working"));
    let second = fleet.aio(&["parent", &job]);
    assert_eq!((second.code, &*second.err, &*second.out), (0, "", ""), "{second:?}");
    assert_eq!(states(&fleet), ["working"]);
}

#[test]
fn a_parent_that_dies_is_noticed_at_once() {
    let fleet = Fleet::new();
    let setup = format!("touch {0}/began; exec sleep 60", fleet.world.home.display());
    assert_eq!(fleet.aio(&["projects", "add", ".", "--setup", &setup]).code, 0);
    let mut command = fleet.command(&script(&fleet, json!([{ "done": "x" }])));
    let launching = Running::start(command.args(["multi", "l:1", "x"]));
    eventually("its setup", || fleet.world.home.join("began").exists().then_some(()));
    let parent = fleet.world.state()["jobs"][0]["parentPid"].to_string();
    let began = std::time::Instant::now();
    assert_eq!(run(std::process::Command::new("kill").args(["-9", &parent])).code, 0);
    let launched = launching.end();
    assert!(began.elapsed().as_secs() < 30, "{launched:?}");
    assert_eq!((launched.code, launched.out.split_whitespace().next()), (1, Some("CRASHED")), "{launched:?}");
    assert!(launched.out.contains(": its aio process is gone"), "{launched:?}");
    assert!(launched.err.ends_with("aio: 1 crashed; next: aio cleanup; aio jobs\n"), "{launched:?}");
    assert_eq!(fleet.aio(&["cleanup"]).code, 0);
}

#[test]
fn what_was_begun_does_not_wait_for_its_turn() {
    let fleet = Fleet::new();
    // Its parent is as slow as can be.
    if !with_new_sessions(&fleet, "touch ~/asked; echo '%1 1'; exit 0") {
        return;
    }
    let mut command = fleet.command(&script(&fleet, json!([{ "done": "x" }])));
    let launching = Running::start(command.args(["multi", "l:2", "--tmux", "--max", "1", "x"]));
    eventually("its parent", || fleet.world.home.join("asked").exists().then_some(()));
    launching.interrupt();
    let ran = launching.end();
    let ids: Vec<String> = fleet.jobs().iter().map(id).collect();
    let said = format!("aio: Interrupted: 1 job runs on: {}; 1 waits for its turn: {}; next: ", ids[0], ids[1]);
    assert!(ran.code == 130 && ran.err.contains(&said), "{ran:?}");
}

#[test]
fn a_job_without_its_profile_does_not_go_on() {
    let fleet = Fleet::new();
    fs::write(settings(&fleet), "[profiles.rev]\nagent = \"codex\"\n").unwrap();
    assert_eq!(fleet.launch(json!([{ "done": "x" }]), &["rev:1", "x"]).code, 0);
    let done = id(&fleet.job("done"));
    fs::remove_file(settings(&fleet)).unwrap();
    let before = fleet.world.state_text();
    for verb in ["resume", "retry"] {
        let refused = fleet.aio(&[verb, &done]);
        let said = "aio: the profile \"rev\" is gone; next: put [profiles.rev] back into config.toml\n";
        assert_eq!((refused.code, &*refused.err), (2, said));
    }
    assert_eq!(fleet.world.state_text(), before);
}

#[test]
fn a_queued_job_without_its_profile_has_failed() {
    let fleet = Fleet::new();
    fs::write(settings(&fleet), "[profiles.rev]\nagent = \"codex\"\n").unwrap();
    let steps = json!([{ "sleep_ms": 60_000 }]);
    assert_eq!(fleet.launch(steps, &["rev:3", "x", "--max", "1"]).code, 0);
    fs::remove_file(settings(&fleet)).unwrap();
    assert_eq!(fleet.aio(&["stop", &id(&fleet.jobs()[0])]).code, 0);
    assert!(within(30, || states(&fleet) == ["stopped", "failed", "failed"]), "{:#?}", fleet.jobs());
    let why = "the profile \"rev\" is gone: put [profiles.rev] back into config.toml";
    assert!(fleet.jobs()[1..].iter().all(|job| job["failure"] == why), "{:#?}", fleet.jobs());
}

#[test]
fn what_is_resumed_twice_goes_on_once() {
    let fleet = Fleet::new();
    let work = script(&fleet, json!([{ "sleep_ms": 60_000 }]));
    assert_eq!(run(fleet.command(&work).args(["multi", "l:1", "x"])).code, 0);
    let job = id(&fleet.job("working"));
    let refused = fleet.aio(&["resume", &job, "Go on"]);
    let said = format!("aio: {job} is a job that has not ended; next: aio jobs\n");
    assert_eq!((refused.code, refused.err), (1, said));
    assert_eq!(fleet.jobs()[0]["messagesWaiting"], 0, "what was refused is not said to it either");
}

#[test]
fn settings_that_cannot_be_read_hide_no_job_and_keep_none_from_its_end() {
    let fleet = Fleet::new();
    assert_eq!(fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:2", "x", "--max", "1"]).code, 0);
    let [first, second] = [&fleet.jobs()[0], &fleet.jobs()[1]].map(id);
    fs::write(settings(&fleet), "\nx = [\n").unwrap();
    let why = "config.toml:2 cannot be understood: ";
    for args in [&["jobs"][..], &["logs", &first], &["diff", &first], &["report"], &["status"], &["log"]] {
        let ran = fleet.aio(args);
        assert!(ran.code == 0 && ran.err.starts_with("aio: the defaults are taken for all settings: "), "{ran:?}");
        assert!(ran.err.contains(why) && ran.err.contains("; next: mend that line, or remove it\n"), "{ran:?}");
    }
    let told: Value = serde_json::from_str(&fleet.aio(&["jobs", "--json"]).out).unwrap();
    assert!(told["notes"][0].as_str().unwrap().contains(why), "{told}");
    let doctor = fleet.aio(&["doctor"]);
    assert!(doctor.code == 6 && doctor.out.contains("broken settings: ") && doctor.out.contains(why), "{doctor:?}");
    for args in [&["multi", "l:1", "x"][..], &["resume", &first], &["retry", &first], &["cleanup"], &["claim", "a"]] {
        let refused = fleet.aio(args);
        assert!(refused.code == 6 && refused.err.contains(why), "{refused:?}");
    }
    assert_eq!(fleet.aio(&["stop", &first]).code, 0);
    let waits = || fleet.jobs()[1]["failure"].as_str().is_some_and(|failure| failure.contains(why));
    assert!(within(30, waits) && states(&fleet) == ["stopped", "queued"], "{:#?}", fleet.jobs());
    let shown = fleet.aio(&["jobs"]);
    assert!(shown.out.contains("; next: mend that line, or remove it, then aio cleanup\n"), "{shown:?}");
    assert!(!shown.out.contains("wider ports"), "{shown:?}");
    fs::remove_file(settings(&fleet)).unwrap();
    assert_eq!(fleet.aio(&["cleanup"]).first(), "Cleaned up: 0 instance(s), 0 claim(s), 0 wait(s)");
    assert!(within(30, || states(&fleet) == ["stopped", "working"]), "{:#?}", fleet.jobs());
    assert_eq!((&fleet.jobs()[1]["failure"], id(&fleet.jobs()[1])), (&json!(""), second));
}

/// As git has it for each hook and, in a linked worktree, for each alias.
#[test]
fn what_leads_git_elsewhere_is_not_passed_on() {
    let fleet = Fleet::new();
    let before = git(&fleet.world.project, &["rev-parse", "main"]).out;
    let steps = json!([{ "write": { "path": "b.txt", "text": "b" } }, { "commit": "b" }, { "done": "x" }]);
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [steps] });
    let own = fleet.world.project.join(".git");
    let runtimes = if lacks_tmux() { 1 } else { 2 };
    for (job, runtime) in ["--headless", "--tmux"].into_iter().enumerate().take(runtimes) {
        let mut command = fleet.command(&script);
        command
            .env("GIT_DIR", &own)
            .env("GIT_WORK_TREE", &fleet.world.project)
            .env("GIT_INDEX_FILE", own.join("index"));
        let ran = run(command.args(["multi", runtime, "l:1", "x"]));
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(within(30, || fleet.jobs()[job]["state"] == "review"), "{:#?}", fleet.jobs());
        assert_eq!(fleet.jobs()[job]["commits"], 1, "{:#?}", fleet.jobs());
    }
    assert_eq!(git(&fleet.world.project, &["rev-parse", "main"]).out, before);
    assert_eq!(git(&fleet.world.project, &["status", "--porcelain"]).out, "");
}

#[test]
fn where_no_branch_or_worktree_can_be_made_nothing_is_launched_anywhere() {
    let fleet = Fleet::new();
    let other = fleet.world.home.join("other");
    repository(&other);
    assert_eq!(fleet.aio(&["projects", "add", ".", other.to_str().unwrap()]).code, 0);
    let refused = |words: &str| {
        let ran = fleet.aio(&["all", "l:1", "x"]);
        assert!(ran.code == 6 && ran.err.contains(words), "{ran:?}");
        assert!(ran.err.contains("nothing was launched") && fleet.jobs().is_empty(), "{ran:?}");
        let next = ran.err.split_once("; next: ").unwrap().1.split_once("; or add ").unwrap().0.to_owned();
        next.replace("NEW-NAME", "mine")
    };
    let paste = |next: &str| {
        let ran = run(fleet.command(&json!({})).args(["run", "--", "sh", "-c", next]));
        assert_eq!(ran.code, 0, "{ran:?}");
    };
    assert_eq!(git(&other, &["branch", "-q", "aio"]).code, 0);
    paste(&refused("other: it has a branch aio, and git makes no aio/… beside it"));
    let worktrees = fleet.world.dir.join("worktrees");
    std::fs::create_dir_all(&worktrees).unwrap();
    std::fs::write(worktrees.join("other"), "").unwrap();
    paste(&refused("worktrees/other is in the way: it is no folder"));
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    assert_eq!(run(fleet.command(&script).args(["all", "l:1", "x"])).code, 0);
}

/// Where a repository was made here and pushed, git remembers no default branch of its remote.
#[test]
fn work_begins_at_what_the_remote_calls_its_default_branch() {
    let fleet = Fleet::new();
    let (project, remote) = (&fleet.world.project, fleet.world.home.join("remote.git"));
    let said = |folder: &std::path::Path, args: &[&str]| {
        let ran = git(folder, args);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        ran.out.trim().to_owned()
    };
    said(project, &["branch", "develop"]);
    said(project, &["init", "-q", "--bare", "-b", "develop", remote.to_str().unwrap()]);
    said(project, &["remote", "add", "origin", remote.to_str().unwrap()]);
    said(project, &["push", "-q", "origin", "main", "develop"]);
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]);
    assert_eq!(fleet.world.state()["jobs"][0]["target"], "develop");
    said(project, &["push", "-q", "origin", "main:trunk"]);
    said(&remote, &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    said(project, &["update-ref", "-d", "refs/remotes/origin/trunk"]);
    let refused = fleet.launch(json!([]), &["l:1", "x"]);
    let why =
        "the default branch of origin is trunk, of which nothing is known here; nothing was launched; next: git -C ";
    assert!(refused.code == 6 && refused.err.contains(why), "{refused:?}");
    assert_eq!(fleet.jobs().len(), 1);
    assert_eq!(fleet.launch(json!([]), &["l:1", "--target", "develop", "x"]).code, 0);
}

#[test]
fn a_terminal_server_that_is_just_ending_is_followed_by_another() {
    if lacks_tmux() {
        return;
    }
    let fleet = Fleet::new();
    let tried = fleet.world.home.join("tried");
    // Asked for a session, or told what it is to forget, as it is where one ran before.
    let ends = r#"for asked in new-session set-environment; do case " $* " in *" $asked "*)
        test -e "$TRIED-$asked" || { : > "$TRIED-$asked"; echo "server exited unexpectedly" >&2; exit 1; };; esac; done"#;
    let own =
        r#"IFS=:; for at in $PATH; do test "$at/tmux" = "$0" || ! test -x "$at/tmux" || exec "$at/tmux" "$@"; done"#;
    executable(&fleet.bin.join("tmux"), &format!("#!/bin/sh\nTRIED='{}'\n{ends}\n{own}\n", tried.display()));
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["--tmux", "l:1", "x"]);
    fleet.job("working");
    let was_tried = |asked: &str| tried.with_file_name(format!("tried-{asked}")).exists();
    assert!(was_tried("new-session") && !was_tried("set-environment"));
    let ran = fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["--tmux", "l:1", "x"]);
    assert!(ran.code == 0 && was_tried("set-environment"), "{ran:?}");
    assert!(within(20, || states(&fleet) == ["working", "working"]), "{:#?}", fleet.jobs());
}
