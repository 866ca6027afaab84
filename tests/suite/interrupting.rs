//! Ctrl-C: nothing half done, and it is said what still runs. And what is shown of long work until then.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::fleet::{Fleet, within, write};
use crate::harness::{Ran, ended, eventually, run};
use crate::terminal::Terminal;

/// A command in the background.
pub struct Running(Option<Child>);

impl Running {
    pub fn start(command: &mut Command) -> Running {
        Running(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    pub fn signal(&self, name: &str) {
        let pid = self.0.as_ref().unwrap().id().to_string();
        assert_eq!(run(Command::new("kill").args([name, &pid])).code, 0);
    }

    pub fn end(mut self) -> Ran {
        ended(self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().unwrap_or_default();
            child.wait().map(drop).unwrap_or_default();
        }
    }
}

/// Whose new worktrees are ready once a file is there.
fn slow_fleet() -> (Fleet, PathBuf) {
    let fleet = Fleet::new();
    let go = fleet.world.home.join("go");
    let setup = format!("until [ -e {} ]; do sleep 0.05; done", go.display());
    assert_eq!(fleet.aio(&["projects", "add", ".", "--setup", &setup]).code, 0);
    (fleet, go)
}

fn script(fleet: &Fleet, steps: Value) -> Value {
    json!({ "record": fleet.given, "hooks": true, "turns": [steps] })
}

fn count(fleet: &Fleet, states: &[&str]) -> usize {
    fleet.jobs().iter().filter(|job| states.contains(&job["state"].as_str().unwrap())).count()
}

fn done_jobs(fleet: &Fleet, count: usize) -> Vec<String> {
    for number in 0..count {
        let file = format!("{number}.txt");
        fleet.launch(json!([write(&file), { "commit": file }, { "done": "x" }]), &["l:1", "x"]);
    }
    assert!(within(60, || self::count(fleet, &["review"]) == count), "{:#?}", fleet.jobs());
    fleet.jobs().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

/// A git hook of the project that says that it began, and goes on once a file is there.
fn slow_hook(fleet: &Fleet, name: &str) -> (PathBuf, PathBuf) {
    let (began, go) = (fleet.world.home.join("began"), fleet.world.home.join("go"));
    let hook = fleet.world.project.join(".git/hooks").join(name);
    let text = format!("#!/bin/sh\ntouch {}\nuntil [ -e {} ]; do sleep 0.05; done\n", began.display(), go.display());
    executable(&hook, &text);
    (began, go)
}

/// Git itself, as slow as that.
pub fn slow_git(fleet: &Fleet) -> (PathBuf, PathBuf) {
    let (began, go) = (fleet.world.home.join("began"), fleet.world.home.join("go"));
    let paths = std::env::var_os("PATH").unwrap();
    let git = std::env::split_paths(&paths).map(|folder| folder.join("git")).find(|git| git.exists()).unwrap();
    let (began_at, go_at, git) = (began.display(), go.display(), git.display());
    let text = format!("#!/bin/sh\ntouch {began_at}\nuntil [ -e {go_at} ]; do sleep 0.05; done\nexec {git} \"$@\"\n");
    executable(&fleet.bin.join("git"), &text);
    (began, go)
}

/// Waits until a process would notice an interruption.
fn minds_interruptions(pid: u32) {
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        Some(u64::from_str_radix(mask.trim(), 16).ok()? & 1 << (libc::SIGINT - 1) != 0)
    };
    eventually("a handler", || caught()?.then_some(()));
}

pub fn executable(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_was_launched_runs_on_and_what_waits_still_has_its_turn() {
    let (fleet, go) = slow_fleet();
    let mut command = fleet.command(&script(&fleet, json!([{ "done": "x" }])));
    let running = Running::start(command.args(["multi", "l:3", "--max", "2", "x"]));
    assert!(within(30, || count(&fleet, &["starting"]) == 2 && count(&fleet, &["queued"]) == 1), "{:#?}", fleet.jobs());
    running.interrupt();
    let ran = running.end();
    assert_eq!(ran.code, 130, "{ran:?}");
    assert_eq!((ran.out.matches("STARTING").count(), ran.out.matches("QUEUED").count()), (2, 1), "{ran:?}");
    let ids: Vec<String> = fleet.jobs().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect();
    let said = format!(
        "aio: Interrupted: 2 jobs run on: {0} {1}; 1 waits for its turn: {2}; next: aio jobs; aio stop {0} {1} {2}\n",
        ids[0], ids[1], ids[2]
    );
    assert!(ran.err.ends_with(&said), "{ran:?}");
    std::fs::write(go, "").unwrap();
    assert!(within(60, || count(&fleet, &["done"]) == 3), "{:#?}", fleet.jobs());
}

#[test]
fn what_another_stops_meanwhile_has_not_failed() {
    let (fleet, _go) = slow_fleet();
    let mut command = fleet.command(&script(&fleet, json!([{ "done": "x" }])));
    let running = Running::start(command.args(["multi", "l:1", "x"]));
    assert!(within(30, || count(&fleet, &["starting"]) == 1), "{:#?}", fleet.jobs());
    let id = fleet.jobs()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(fleet.aio(&["stop", &id]).code, 0);
    let ran = running.end();
    assert!(ran.code == 1 && ran.out.starts_with(&format!("STOPPED      {id}  ")), "{ran:?}");
    assert!(ran.err.ends_with("aio: 1 stopped; next: aio jobs\n"), "{ran:?}");
}

#[test]
fn before_the_launch_nothing_is_launched() {
    let fleet = Fleet::new();
    let asked = fleet.world.home.join("asked");
    executable(&fleet.bin.join("git-remote-slow"), &format!("#!/bin/sh\ntouch {}\nexec sleep 600\n", asked.display()));
    assert_eq!(crate::harness::git(&fleet.world.project, &["remote", "add", "origin", "slow::x"]).code, 0);
    let running = Running::start(fleet.command(&json!({})).args(["multi", "l:2", "x", "--json"]));
    eventually("the remote is asked", || asked.exists().then_some(()));
    running.interrupt();
    let ran = running.end();
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &answer["code"], &answer["exit"]), (130, &json!("interrupted"), &json!(130)));
    assert_eq!((&answer["message"], &*ran.err), (&json!("Interrupted: nothing was launched"), ""));
    assert!(fleet.jobs().is_empty());
}

#[test]
fn whoever_watches_leaves_at_once_and_is_told_what_runs() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]);
    let id = fleet.job("working")["id"].as_str().unwrap().to_owned();
    let said = format!("Interrupted: 1 job runs on: {id}; next: aio jobs; aio stop {id}\n");
    for words in [&["jobs", "--watch"][..], &["conflicts", "--watch"]] {
        let mut terminal = Terminal::start(fleet.command(&json!({})).args(words));
        minds_interruptions(terminal.pid());
        terminal.keys(b"\x03");
        let (code, shown) = terminal.end();
        assert_eq!(code, 130, "{words:?}: {shown}");
        assert!(shown.replace("\r\n", "\n").contains(&said), "{words:?}: {shown}");
    }
    let running = Running::start(fleet.command(&json!({})).args(["send", &id, "Mind the gap", "--wait", "60s"]));
    minds_interruptions(running.0.as_ref().unwrap().id());
    running.interrupt();
    let ran = running.end();
    assert_eq!((ran.code, &*ran.out), (130, &*format!("{id}: queued\n")), "{ran:?}");
    assert!(ran.err.contains(&format!("Interrupted: left, and not taken yet: {id}; 1 job runs on: {id}")), "{ran:?}");
}

#[test]
fn a_merge_under_way_arrives_and_the_next_is_not_begun() {
    let fleet = Fleet::new();
    let ids = done_jobs(&fleet, 2);
    let (began, go) = slow_hook(&fleet, "pre-merge-commit");
    let running = Running::start(fleet.command(&json!({})).args(["merge", &ids[0], &ids[1]]));
    eventually("the first merge", || began.exists().then_some(()));
    running.interrupt();
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::fs::write(go, "").unwrap();
    let ran = running.end();
    assert_eq!(ran.code, 130, "{ran:?}");
    assert_eq!(ran.out.matches("Merged: ").count(), 1, "{ran:?}");
    assert!(
        ran.err.contains("Interrupted: not merged: claude-") && ran.err.contains("; no job runs; next: aio jobs"),
        "{ran:?}"
    );
    let arrived = ["0.txt", "1.txt"].iter().filter(|file| fleet.world.project.join(file).exists()).count();
    assert_eq!(arrived, 1);
    let ran = fleet.aio(&["merge", &ids[0], &ids[1]]);
    assert_eq!((ran.code, ran.out.matches("Already merged").count()), (0, 1), "{ran:?}");
}

#[test]
fn a_removal_under_way_is_finished_and_the_next_is_not_begun() {
    let fleet = Fleet::new();
    let ids = done_jobs(&fleet, 2);
    let (began, go) = slow_git(&fleet);
    let running = Running::start(fleet.command(&json!({})).args(["remove", &ids[0], &ids[1]]));
    eventually("the first removal", || began.exists().then_some(()));
    running.interrupt();
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::fs::write(go, "").unwrap();
    let ran = running.end();
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(ran.out.contains(&format!("Removed: {}", ids[0])) && !ran.out.contains(&ids[1]), "{ran:?}");
    assert!(ran.err.contains(&format!("Interrupted: not removed: {}; no job runs", ids[1])), "{ran:?}");
    let left: Vec<bool> =
        fleet.jobs().iter().map(|job| Path::new(job["worktree"].as_str().unwrap()).exists()).collect();
    assert_eq!(left, [false, true]);
}

#[test]
fn on_a_terminal_there_are_bars_until_all_have_their_tasks() {
    let (fleet, go) = slow_fleet();
    let mut command = fleet.command(&script(&fleet, json!([{ "sleep_ms": 60_000 }])));
    let terminal = Terminal::start(command.args(["multi", "l:2", "x"]));
    terminal.shows("[=======     ]  setup");
    terminal.shows("0/2 acknowledged");
    std::fs::write(go, "").unwrap();
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("2/2 acknowledged"), "{shown}");
    // The bars are taken away, and the report stands in their place.
    let last = &shown[shown.rfind("\x1b[3A\x1b[J").unwrap()..];
    assert!(!last.contains("[=") && last.matches("LAUNCHED").count() == 2, "{shown}");
}

#[test]
fn elsewhere_there_is_a_line_for_each_change_and_with_json_none() {
    let (fleet, go) = slow_fleet();
    let launch =
        |args: &[&str]| Running::start(fleet.command(&script(&fleet, json!([{ "sleep_ms": 60_000 }]))).args(args));
    let running = launch(&["multi", "l:1", "x"]);
    let id = fleet.job("starting")["id"].as_str().unwrap().to_owned();
    let step = fleet.world.dir.join("jobs").join(&id).join("step");
    eventually("the setup", || (std::fs::read_to_string(&step).ok()? == "setup").then_some(()));
    std::thread::sleep(std::time::Duration::from_secs(1));
    std::fs::write(go, "").unwrap();
    let ran = running.end();
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<&str> = ran.err.lines().filter(|line| line.contains(" acknowledged)")).collect();
    assert!(lines.contains(&&*format!("aio: {id}: setup (0/1 acknowledged)")), "{ran:?}");
    assert_eq!(lines.last(), Some(&&*format!("aio: {id}: acknowledged (1/1 acknowledged)")), "{ran:?}");
    let once: std::collections::BTreeSet<&&str> = lines.iter().collect();
    assert_eq!(once.len(), lines.len(), "{ran:?}");
    assert!(!ran.err.contains('\x1b'), "{ran:?}");
    let ran = launch(&["multi", "l:1", "x", "--json"]).end();
    assert_eq!((ran.code, &*ran.err), (0, ""), "{ran:?}");
}
