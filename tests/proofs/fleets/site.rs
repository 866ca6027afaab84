//! A repository, a state directory and agents for one run, and what may befall them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Dice, Story};
use crate::harness::{Ran, World, binary, git, run};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a command is repeated that somebody's death stands in the way of: a git that it started runs on for a while.
const TRIES: usize = 20;

pub struct Site {
    pub world: World,
    pub record: PathBuf,
    bin: PathBuf,
    script: PathBuf,
}

impl Site {
    /// `stubborn` agents do not listen to SIGTERM or SIGHUP.
    pub fn new(stubborn: bool) -> Site {
        let world = World::bare();
        let place = |name: &str| world.home.join(name);
        let site = Site { record: place("given"), bin: place("bin"), script: place("script.json"), world };
        [&site.bin, &site.record].into_iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
        let fake = PathBuf::from(binary("aio")).with_file_name("examples").join("fake-agent");
        assert!(fake.exists(), "cargo build --example fake-agent");
        for name in ["claude", "codex"] {
            if stubborn {
                let text = format!("#!/bin/bash\ntrap '' TERM HUP\nexec -a {name} '{}' \"$@\"\n", fake.display());
                fs::write(site.bin.join(name), text).unwrap();
                fs::set_permissions(site.bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
            } else {
                std::os::unix::fs::symlink(&fake, site.bin.join(name)).unwrap();
            }
        }
        std::os::unix::fs::symlink(binary("aio"), site.bin.join("aio")).unwrap();
        fs::write(site.world.home.join(".gitconfig"), "[user]\nname = t\nemail = t@t\n").unwrap();
        let project = &site.world.project;
        assert_eq!(git(project, &["init", "-q", "-b", "main"]).code, 0);
        fs::write(project.join("a.txt"), "a\n").unwrap();
        assert_eq!(git(project, &["add", "."]).code, 0);
        assert_eq!(git(project, &["commit", "-qm", "one"]).code, 0);
        fs::write(project.join("mine.txt"), "the person's own\n").unwrap();
        site
    }

    pub fn tell_agents(&self, script: &Value) {
        fs::write(&self.script, script.to_string()).unwrap();
    }

    /// A line of shell that writes a file nobody else writes, and leaves a copy where it is found afterwards.
    pub fn write(&self, n: u64) -> String {
        let name = format!("f-$AIO_JOB-$PPID-{n}.txt");
        let record = self.record.display();
        format!(
            "echo \"$AIO_JOB $PPID {n}\" > {name} && cp {name} {record}/.new-{name} && mv {record}/.new-{name} {record}/written-{name}"
        )
    }

    pub fn aio(&self, args: &[&str]) -> Command {
        let mut command = self.world.command("aio");
        self.prepare(&mut command);
        command.args(args);
        command
    }

    fn prepare(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.bin.clone()].into_iter().chain(std::env::split_paths(&path));
        command.env_clear().env("HOME", &self.world.home).env("PATH", std::env::join_paths(folders).unwrap());
        command.env("ANTHROPIC_API_KEY", "x").env("CODEX_API_KEY", "x").env("AIO_FAKE_AGENT", &self.script);
        command.current_dir(&self.world.project).stdin(Stdio::null());
    }

    /// Begins a command that goes on while other things happen.
    pub fn begin(&self, args: &[&str], story: &mut Story) -> Child {
        story.push(format!("aio {} goes on", args.join(" ")));
        self.aio(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs a command, killed after `moment` where there is one.
    pub fn command(&self, args: &[&str], moment: Option<Duration>, story: &mut Story) {
        let mut child = self.aio(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if moment.is_some_and(|moment| start.elapsed() >= moment) {
                child.kill().unwrap();
                break child.wait().unwrap();
            }
            assert!(start.elapsed() < PATIENCE * 2, "{args:?} does not end\n{}\n{}", story.join("\n"), self.told());
            std::thread::sleep(Duration::from_millis(2));
        };
        let how = if status.signal().is_some() { "killed".to_owned() } else { format!("{:?}", status.code()) };
        story.push(format!("aio {}: {how} after {:?}", args.join(" "), start.elapsed()));
    }

    /// Runs a command that is killed at one of its system calls.
    pub fn traced(&self, dice: &mut Dice, args: &[&str], story: &mut Story) {
        let at = 1 + dice.below(1500);
        let mut command = Command::new("strace");
        self.prepare(&mut command);
        let inject = format!("inject=all:signal=KILL:when={at}");
        command.args(["-qq", "-o", "/dev/null", "-e", "trace=all", "-e", &inject]).arg(binary("aio")).args(args);
        let ran = run(&mut command);
        story.push(format!("aio {}: {} with a kill at system call {at}", args.join(" "), ran.code));
    }

    /// The jobs as they are recorded.
    pub fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.world.state_path()).unwrap_or_default();
        let state: Value = serde_json::from_str(&text).unwrap_or_default();
        state["jobs"].as_array().cloned().unwrap_or_default()
    }

    /// The same, as soon as there are any, or not within a second.
    pub fn first_records(&self) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let records = self.records();
            if !records.is_empty() || start.elapsed() > Duration::from_secs(1) {
                return records;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills a process that the record of a job names, if it runs.
    pub fn kill(&self, job: &Value, which: &str, story: &mut Story) {
        let pid = job[which].as_i64().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|_| job["stage"] == "running") else { return };
        story.push(format!("kill -9 of {which} of {}", job["id"]));
        // It may have ended just now.
        kill_process(pid, Signal::KILL).unwrap_or_default();
    }

    pub fn kill_tmux(&self, story: &mut Story) {
        let ran = self.tmux(&["display-message", "-p", "#{pid}"]);
        let Some(pid) = ran.out.trim().parse().ok().and_then(Pid::from_raw) else { return };
        story.push("kill -9 of tmux".to_owned());
        kill_process(pid, Signal::KILL).unwrap_or_default();
    }

    /// As somebody with the same socket would.
    pub fn tmux(&self, words: &[&str]) -> Ran {
        run(Command::new("tmux").args(["-f", "/dev/null", "-S"]).arg(self.world.dir.join("tmux.sock")).args(words))
    }

    /// The jobs as they are shown.
    pub fn shown(&self) -> Vec<Value> {
        let ran = run(self.aio(&["jobs", "--all", "--json"]).stderr(Stdio::piped()));
        let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        answer["data"]["jobs"].as_array().unwrap().clone()
    }

    /// Waits until nothing is said against it.
    pub fn settles(&self, what: &str, told: &dyn Fn() -> String, look: impl Fn() -> Vec<String>) {
        let start = Instant::now();
        loop {
            let against = look();
            if against.is_empty() {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "not so: {what}: {against:#?}\n{}", told());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A command on every job that was not removed, until it succeeds.
    pub fn for_all_jobs(&self, command: &[&str], told: &dyn Fn() -> String) {
        for attempt in 1.. {
            let records = self.records();
            let ids = records.iter().filter(|job| job["stage"] != "removed").map(|job| job["id"].as_str().unwrap());
            let jobs: Vec<&str> = if command == ["cleanup"] { Vec::new() } else { ids.collect() };
            if command != ["cleanup"] && jobs.is_empty() {
                return;
            }
            let ran = run(&mut self.aio(&[command, &jobs].concat()));
            if ran.code == 0 {
                return;
            }
            assert!(attempt < TRIES, "{command:?} {jobs:?}: {ran:?}\n{}", told());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// How many files agents wrote, unless one is in no ref that stays.
    pub fn lost_work(&self) -> Result<usize, String> {
        let project = &self.world.project;
        let kept = git(project, &["rev-list", "--objects", "main", "--glob=refs/aio/rescue"]).out;
        let names = fs::read_dir(&self.record).unwrap().map(|entry| entry.unwrap().path());
        let written: Vec<PathBuf> =
            names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("written-")).collect();
        for path in &written {
            let object = git(project, &["hash-object", path.to_str().unwrap()]).out;
            if !kept.contains(object.trim()) {
                return Err(format!("{} is lost", path.display()));
            }
        }
        let named: Vec<Value> = self.shown();
        let refs = git(project, &["for-each-ref", "--format=%(refname)", "refs/aio/rescue"]).out;
        for name in refs.lines() {
            let job = name.split('/').nth(3).unwrap_or_default();
            let is_named = named.iter().any(|shown| shown["id"] == job && shown["rescue"] != "");
            if !is_named {
                return Err(format!("{name} is not named by its job"));
            }
        }
        Ok(written.len())
    }

    /// The repository is sound, and the person's own worktree as it was.
    pub fn must_be_whole(&self, told: &dyn Fn() -> String) {
        let project = &self.world.project;
        let fsck = git(project, &["fsck", "--no-dangling", "--strict"]);
        assert!(fsck.code == 0, "{fsck:?}\n{}", told());
        let status = git(project, &["status", "--porcelain=v1", "--branch"]).out;
        assert_eq!(status, "## main\n?? mine.txt\n", "{}", told());
        assert_eq!(fs::read_to_string(project.join("mine.txt")).unwrap(), "the person's own\n");
    }

    /// What the jobs have to say of themselves.
    pub fn told(&self) -> String {
        let shown = run(&mut self.aio(&["jobs", "--all"]));
        let journal = fs::read_to_string(self.world.dir.join("journal.jsonl")).unwrap_or_default();
        let logs = self.records().into_iter().map(|job| {
            let folder = self.world.dir.join("jobs").join(job["id"].as_str().unwrap());
            format!("{job:#}\n{}", fs::read_to_string(folder.join("parent")).unwrap_or_default())
        });
        format!("{}{}\n{}\n{journal}", shown.out, shown.err, logs.collect::<Vec<_>>().join("\n"))
    }

    pub fn is_below(&self, folder: &Path) -> bool {
        folder.starts_with(&self.world.dir)
    }
}

impl Drop for Site {
    /// A run that failed may have left anything.
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
        for (pid, _) in super::inventory::processes(&self.world.dir) {
            kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap_or_default();
        }
    }
}
