//! Agents launched, supervised and listed. The agent is the tests' fake, which does next to nothing: what is measured is aio.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aio::protocol::document;
use aio::protocol::fleet::Job;
use aio::protocol::state::{Section, State};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::programs::Programs;
use crate::timing::quantile;
use crate::world::{make_file, now, text_of};
use crate::{at_most, print_row};

const PROJECTS: usize = 7;
const FILES: usize = 500;
const COMMITS: usize = 20;
/// How many jobs `aio jobs` is asked about.
const LISTED: usize = 100;
/// What an agent is told while its supervision is looked at.
const TASK: &str = "Round invoice totals half to even, as the tax office asks.\n\nThe tests are in tests/billing.\n";

/// Home, state directory, fake agents and repositories, each with a remote.
#[derive(Debug)]
struct Fleet<'p> {
    root: TempDir,
    programs: &'p Programs,
}

/// What it costs to launch agents and to look after them.
pub(crate) fn running(programs: &Programs, disk: &Path) {
    let fleet = Fleet::new(programs, disk);
    let runtimes = if Command::new("tmux").arg("-V").output().is_ok() {
        &["headless", "tmux"][..]
    } else {
        println!("tmux is not installed: what runs in it is not measured");
        &["headless"]
    };
    for runtime in runtimes {
        launching(&fleet, runtime);
        supervision(&fleet, runtime, "quiet", &json!([{ "sleep_ms": 3_600_000 }]));
        let line = json!([{ "say": "I looked at it: the totals are rounded twice." }, { "sleep_ms": 1000 }]);
        let talk: Vec<Value> = (0..3600).flat_map(|_| line.as_array().expect("a list").clone()).collect();
        supervision(&fleet, runtime, "a line a second each", &talk.into());
    }
}

/// From the command to the last of fourteen agents that has taken its task.
fn launching(fleet: &Fleet<'_>, runtime: &str) {
    let quiet = json!([{ "sleep_ms": 3_600_000 }]);
    let own = fleet.start_up();
    let start = Instant::now();
    fleet.launch(&["l:1", "c:1"], runtime, &quiet);
    let took = start.elapsed().saturating_sub(own).as_secs_f64();
    let jobs = fleet.running();
    let taken = jobs.iter().filter(|job| job["delivery"] == "acknowledged").count();
    assert_eq!(taken, 2 * PROJECTS, "{jobs:#?}");
    fleet.stop();
    let name = format!("aio all, {PROJECTS} repositories x 2 agents, {runtime}: all have taken their task");
    let against = format!("less {:.0} ms that an agent takes to start", own.as_secs_f64() * 1e3);
    print_row(&name, &format!("{took:.1} s"), &against, "15 s", "5 s", at_most(took, 15.0, 5.0));
}

/// What the parents of 28 jobs and all that they start use, agents excepted; in tmux, its server as well.
fn supervision(fleet: &Fleet<'_>, runtime: &str, doing: &str, steps: &Value) {
    fleet.launch(&["l:2", "c:2"], runtime, steps);
    let jobs = fleet.running();
    assert_eq!(jobs.len(), 4 * PROJECTS);
    let parents: Vec<u64> = fleet.records("parentPid");
    let server = (runtime == "tmux").then(|| stat(parents[0])[1]);
    let spent = || parents.iter().map(|pid| ticks(*pid)).sum::<u64>();
    let served = || server.map_or(0, own_ticks);
    let window = Duration::from_secs(seconds());
    // What starting them left to do is done by then.
    std::thread::sleep(Duration::from_secs(5));
    let (start, before, before_server) = (Instant::now(), spent(), served());
    std::thread::sleep(window);
    let share = |ticks: u64| 100.0 * ticks as f64 / ticks_a_second() / start.elapsed().as_secs_f64();
    let (parents, server) = (share(spent() - before), share(served() - before_server));
    fleet.stop();
    let name = format!("supervision of {} jobs, {runtime}, {doing}", jobs.len());
    let against = if runtime == "tmux" { format!("and {server:.1} % by tmux itself") } else { String::new() };
    let value = format!("{parents:.2} % of a core");
    print_row(&name, &value, &against, "2 %", "1 %", at_most(parents, 2.0, 1.0));
}

/// `aio jobs` without the time in which git looks at worktrees, which it names.
pub(crate) fn listing(programs: &Programs, disk: &Path) {
    let fleet = Fleet::new(programs, disk);
    fleet.write_jobs(LISTED);
    let (mut own, mut git) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let start = Instant::now();
        let data = fleet.json(&["jobs", "--json"]);
        let took = start.elapsed();
        assert_eq!(data["jobs"].as_array().map(Vec::len), Some(LISTED));
        assert_eq!(data["git"]["worktrees"], LISTED);
        let asked = Duration::from_secs_f64(data["git"]["ms"].as_f64().expect("a number") / 1e3);
        own.push(took.saturating_sub(asked));
        git.push(asked);
    }
    let ms = |durations: &[Duration]| quantile(durations, 0.5).as_secs_f64() * 1e3;
    let (own, git) = (ms(&own), ms(&git));
    let name = format!("aio jobs, {LISTED} jobs with worktrees");
    let against = format!("and {git:.0} ms in git, {:.1} ms a worktree", git / LISTED as f64);
    print_row(&name, &format!("{own:.1} ms"), &against, "50 ms", "25 ms", at_most(own, 50.0, 25.0));
}

impl<'p> Fleet<'p> {
    fn new(programs: &'p Programs, disk: &Path) -> Fleet<'p> {
        let root = tempfile::Builder::new().prefix("aio-fleet-").tempdir_in(disk).expect("a folder can be made");
        let fleet = Fleet { root, programs };
        let bin = fleet.path("bin");
        fs::create_dir_all(&bin).expect("a folder can be made");
        make_file(&fleet.path("home/.gitconfig"), "[user]\nname = t\nemail = t@t\n[init]\ndefaultBranch = main\n");
        for name in ["claude", "codex"] {
            fs::copy(&programs.fake_agent, bin.join(name)).expect("it can be copied");
        }
        std::os::unix::fs::symlink(&programs.aio, bin.join("aio")).expect("it can be linked");
        let projects: Vec<String> = (0..PROJECTS).map(|number| text_of(&fleet.project(number))).collect();
        let words: Vec<&str> = ["projects", "add"].into_iter().chain(projects.iter().map(String::as_str)).collect();
        fleet.aio(&words);
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().expect("it is there").join(name)
    }

    /// A repository with some history, and a remote that has it.
    fn project(&self, number: usize) -> PathBuf {
        let folder = self.path(&format!("work/project-{number}"));
        for file in 0..FILES {
            let lines: String = (0..40).map(|line| format!("let total_{line} = round({file} + {line});\n")).collect();
            make_file(&folder.join(format!("src/area_{}/file_{file}.rs", file % 20)), &lines);
        }
        let git = |words: &[&str]| self.done(Command::new("git").args(words).current_dir(&folder));
        git(&["init", "-q"]);
        git(&["add", "."]);
        git(&["commit", "-qm", "All of it"]);
        for commit in 0..COMMITS {
            let file = folder.join(format!("src/area_0/file_{}.rs", 20 * commit));
            fs::write(file, format!("changed in {commit}\n")).expect("it can be written");
            git(&["commit", "-qam", &format!("Change {commit}")]);
        }
        let remote = text_of(&folder.with_extension("git"));
        git(&["clone", "-q", "--bare", ".", &remote]);
        git(&["remote", "add", "origin", &remote]);
        git(&["fetch", "-q"]);
        git(&["remote", "set-head", "origin", "main"]);
        folder
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.path("home")).env("AIO_DIR", self.path("state"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.path("bin")].into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).expect("plain folders"));
        command.env("ANTHROPIC_API_KEY", "x").env("CODEX_API_KEY", "x").current_dir(self.path("home"));
        command.stdin(std::process::Stdio::null());
        command
    }

    fn done(&self, command: &mut Command) -> String {
        let output = command.env("HOME", self.path("home")).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    fn aio(&self, words: &[&str]) -> String {
        self.done(self.command(&self.programs.aio).args(words))
    }

    fn json(&self, words: &[&str]) -> Value {
        let text = self.aio(words);
        serde_json::from_str::<Value>(&text).expect("it is JSON")["data"].take()
    }

    fn launch(&self, agents: &[&str], runtime: &str, steps: &Value) {
        let script = self.path("script.json");
        fs::write(&script, json!({ "hooks": true, "turns": [steps] }).to_string()).expect("it can be written");
        let mut command = self.command(&self.programs.aio);
        command.env("AIO_FAKE_AGENT", script).arg("all").args(agents).arg(TASK);
        self.done(command.arg(format!("--{runtime}")));
    }

    fn running(&self) -> Vec<Value> {
        self.json(&["jobs", "--running", "--json"])["jobs"].as_array().expect("a list").clone()
    }

    /// That number of the record of each running job.
    fn records(&self, name: &str) -> Vec<u64> {
        let text = fs::read_to_string(self.path("state/state.json")).expect("aio wrote it");
        let state: Value = serde_json::from_str(&text).expect("it is JSON");
        let jobs = state["jobs"].as_array().expect("a list").iter().filter(|job| job["stage"] == "running");
        jobs.map(|job| job[name].as_u64().expect("a number")).collect()
    }

    /// Ends all that runs, and takes their worktrees away.
    fn stop(&self) {
        for job in self.running() {
            self.aio(&["stop", job["id"].as_str().expect("an id")]);
        }
        for job in self.json(&["jobs", "--json"])["jobs"].as_array().expect("a list") {
            self.aio(&["remove", job["id"].as_str().expect("an id")]);
        }
    }

    /// How long an agent takes by itself, from its start to the end of an empty turn.
    fn start_up(&self) -> Duration {
        let times: Vec<Duration> = (0..9)
            .map(|_| {
                let start = Instant::now();
                self.done(self.command(&self.path("bin/claude")).arg("-p").env("AIO_FAKE_AGENT", "{}"));
                start.elapsed()
            })
            .collect();
        quantile(&times, 0.5)
    }

    /// Jobs that ended, each with a worktree in which something was done.
    fn write_jobs(&self, count: usize) {
        let project = self.path("work/project-0");
        let git = |words: &[&str]| self.done(Command::new("git").args(words).current_dir(&project));
        let base = git(&["rev-parse", "HEAD"]).trim().to_owned();
        let jobs = (0..count).map(|number| {
            let id = format!("claude-{number:06}");
            let worktree = self.path(&format!("worktrees/{id}"));
            let branch = format!("aio/{id}");
            git(&["worktree", "add", "-q", "-b", &branch, &text_of(&worktree)]);
            make_file(&worktree.join("src/new.rs"), "new\n");
            if number % 2 == 0 {
                let commit = ["commit", "-q", "--allow-empty", "-m", "Some of it"];
                self.done(Command::new("git").args(commit).current_dir(&worktree));
            }
            job(id, branch, &worktree, &project, &base)
        });
        let mut state = State::empty();
        state.jobs = Section::Read(jobs.collect());
        let text = document::write(&mut state);
        fs::write(self.path("state/state.json"), text).expect("the state can be written");
    }
}

fn job(id: String, branch: String, worktree: &Path, project: &Path, base: &str) -> Job<'static> {
    Job {
        id: id.into(),
        project: text_of(project).into(),
        profile: "claude".into(),
        tool: "claude".into(),
        runtime: "headless".into(),
        title: "Round invoice totals half to even, as the tax office asks.".into(),
        branch: branch.into(),
        worktree: text_of(worktree).into(),
        stage: "ended".into(),
        result: "done".into(),
        queued_at: now().into(),
        started_at: now().into(),
        ended_at: now().into(),
        base: base.to_owned().into(),
        target: "main".into(),
        ..Job::default()
    }
}

/// How long a supervision is looked at; `AIO_BENCH_SECONDS`, by default a minute.
fn seconds() -> u64 {
    std::env::var("AIO_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// The numbers of `/proc/PID/stat` after the name and the state, counted from the parent's id at 1.
fn stat(pid: u64) -> Vec<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs, and this is Linux");
    let numbers = text.rsplit_once(") ").expect("a name in parentheses").1;
    numbers.split(' ').map(|number| number.parse().unwrap_or_default()).collect()
}

/// The processor time that a process used, and those of its children that have ended; in ticks.
fn ticks(pid: u64) -> u64 {
    stat(pid)[11..15].iter().sum()
}

fn own_ticks(pid: u64) -> u64 {
    stat(pid)[11..13].iter().sum()
}

fn ticks_a_second() -> f64 {
    // SAFETY: it asks for a number.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) as f64 }
}
