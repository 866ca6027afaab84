//! The agents themselves as jobs: launched by `aio multi` into worktrees, committing there, watched, talked to and brought home.
//!
//! Each has its hooks, as `aio init` sets them up, and a scripted model of its own, of which its profile knows. What a
//! person has answered each of them before stands in its settings ([`Agent::settle`]): without that they ask, in a terminal.

mod going_on;
mod headless;
mod relaying;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::{Agent, Manner};
use crate::harness::{Ran, git, run};
use crate::model::{Call, Model, Reply, Turn, done};
use crate::stage::Stage;

/// Those that are launched together.
const THREE: [Agent; 3] = [Agent::Claude, Agent::Codex, Agent::Gemini];
/// A job that has not come so far by then never will.
const LIMIT: Duration = Duration::from_secs(120);

/// A repository with a remote, and agents that can be launched into it.
struct Fleet {
    stage: Stage,
    models: Vec<(Agent, Model)>,
}

impl Fleet {
    fn new(agents: &[Agent], script: impl Fn(Agent, &Turn) -> Reply + Clone + Send + Sync + 'static) -> Fleet {
        let stage = Stage::with(agents);
        publish(&stage.world.project, &stage.world.home.join("origin.git"));
        let start = |agent: Agent| {
            let script = script.clone();
            (agent, Model::start(move |turn| script(agent, turn)))
        };
        let models: Vec<(Agent, Model)> = agents.iter().copied().map(start).collect();
        let profiles: String = models.iter().map(|(agent, model)| profile(*agent, model.port)).collect();
        std::fs::write(stage.world.dir.join("config.toml"), profiles).unwrap();
        Fleet { stage, models }
    }

    fn aio(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.stage.world.command("aio");
        command.envs(self.stage.environment()).args(args);
        command
    }

    fn json(&self, args: &[&str]) -> Value {
        let ran = self.aio(&[args, &["--json"]].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }

    /// Launches them; fails where one of them did not take its task. In a terminal, one on a busy machine may say so later.
    fn launch(&self, args: &[&str]) {
        let ran = self.aio(&[&["multi"], args].concat());
        let are_taken = ran.out.lines().all(|line| line.starts_with("LAUNCHED"));
        assert!(ran.code == 0 && are_taken, "{ran:?}\n{}", self.remains());
    }

    /// All jobs as `aio jobs` shows them, in the order in which they were launched.
    fn jobs(&self) -> Vec<Value> {
        self.json(&["jobs", "--all"])["data"]["jobs"].as_array().unwrap().clone()
    }

    fn job(&self, agent: Agent) -> Value {
        let is_its = |job: &Value| job["profile"] == agent.name();
        self.jobs().into_iter().find(is_its).unwrap_or_else(|| panic!("no job of {agent:?}"))
    }

    fn id(&self, agent: Agent) -> String {
        self.job(agent)["id"].as_str().unwrap().to_owned()
    }

    /// What the state holds of a job.
    fn record(&self, agent: Agent) -> Value {
        let state = self.stage.world.state();
        let is_its = |job: &&Value| job["profile"] == agent.name();
        state["jobs"].as_array().unwrap().iter().find(is_its).unwrap().clone()
    }

    /// The claims that there are, by whomever.
    fn claims(&self) -> usize {
        self.stage.world.state()["claims"].as_object().unwrap().len()
    }

    /// What runs with this job in its environment, the agent and whatever it started.
    fn running(&self, id: &str) -> Vec<String> {
        let variable = format!("AIO_JOB={id}");
        let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let is_its = |process: &PathBuf| {
            let environment = std::fs::read(process.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
        };
        let line = |process: PathBuf| std::fs::read_to_string(process.join("cmdline")).unwrap_or_default();
        processes.filter(is_its).map(line).collect()
    }

    /// The agent's job, as soon as it stands so.
    fn once(&self, agent: Agent, state: &str) -> Value {
        self.until(&format!("{agent:?} {state}"), || Some(self.job(agent)).filter(|job| job["state"] == state))
    }

    /// Waits until the agent's model is asked for a turn like this.
    fn reach(&self, agent: Agent, is_meant: impl Fn(&Turn) -> bool) -> Turn {
        let look = || self.turns(agent).into_iter().rev().find(&is_meant);
        self.until(&format!("a turn of {agent:?}"), look)
    }

    fn turns(&self, agent: Agent) -> Vec<Turn> {
        self.models.iter().find(|(of, _)| *of == agent).unwrap().1.turns()
    }

    fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "in vain: {what}\n{}", self.remains());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What a test that failed should show.
    fn remains(&self) -> String {
        let mut text = self.aio(&["jobs"]).out;
        for job in self.jobs() {
            let id = job["id"].as_str().unwrap();
            let logs = self.aio(&["logs", id, "-n", "40"]);
            text.push_str(&format!("{job:#}\n--- logs of {id}\n{}{}\n", logs.out, logs.err));
        }
        text
    }

    /// As `git` in the project says.
    fn git(&self, args: &[&str]) -> String {
        let ran = git(&self.stage.world.project, args);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        ran.out
    }
}

/// Nothing that a test started outlives it.
impl Drop for Fleet {
    fn drop(&mut self) {
        let is_running =
            |job: &Value| matches!(job["state"].as_str(), Some("queued" | "starting" | "working" | "waiting for you"));
        let running: Vec<Value> = self.jobs().into_iter().filter(is_running).collect();
        let ids = running.iter().filter_map(|job| job["id"].as_str());
        let stopped = self.aio(&["stop"].into_iter().chain(ids).collect::<Vec<_>>());
        let ended = self.aio(&["cleanup"]);
        if std::thread::panicking() {
            eprintln!("{stopped:?}\n{ended:?}");
        }
        let mut tmux = Command::new("tmux");
        // A server that never ran, or runs nothing any more, cannot be ended.
        tmux.arg("-S")
            .arg(self.stage.world.dir.join("tmux.sock"))
            .arg("kill-server")
            .output()
            .map(drop)
            .unwrap_or_default();
    }
}

/// A first commit, and a remote that has it.
fn publish(project: &Path, origin: &Path) {
    let work = |args: &[&str]| assert_eq!(git(project, args).code, 0, "{args:?}");
    work(&["symbolic-ref", "HEAD", "refs/heads/main"]);
    work(&["add", "."]);
    work(&["commit", "-q", "-m", "first"]);
    work(&["init", "-q", "--bare", origin.to_str().unwrap()]);
    work(&["remote", "add", "origin", origin.to_str().unwrap()]);
    work(&["push", "-q", "origin", "main"]);
    work(&["fetch", "-q"]);
}

/// The agent's profile as a person would have it who uses the scripted model.
fn profile(agent: Agent, port: u16) -> String {
    let there = agent.command(port, Manner::default());
    let variables: toml_edit::InlineTable =
        there.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?))).collect();
    let args: toml_edit::Array = match agent {
        Agent::Codex => ["-c".to_owned(), format!("model_providers.scripted.base_url=\"http://127.0.0.1:{port}/v1\"")]
            .into_iter()
            .collect(),
        Agent::Gemini => ["-m", "gemini-2.5-pro"].into_iter().collect(),
        _ => toml_edit::Array::new(),
    };
    let program = toml_edit::Value::from(agent.program().to_str().unwrap());
    format!("[profiles.{}]\nprogram = {program}\nargs = {args}\nenv = {variables}\n", agent.name())
}

/// Where the job works, as it was told.
fn worktree(turn: &Turn) -> PathBuf {
    let (_, rest) = turn.told.rsplit_once("Work in ").expect("it was told where to work");
    PathBuf::from(rest.split_once(" only, on branch ").unwrap().0)
}

/// All that an agent was told at the beginning of a job, as its model got it.
fn words_of(turn: &Turn) -> String {
    const LAST: &str = " Then stop.";
    let (begin, end) = (turn.told.find("YOUR FIRST ACTION: ").unwrap(), turn.told.rfind(LAST).unwrap() + LAST.len());
    turn.told[begin..end].to_owned()
}

/// What an agent does that does as it is told: its first action, an edit, a commit, its last word.
fn diligent(agent: Agent, turn: &Turn, file: &str, text: &str) -> Reply {
    let calls: [&dyn Fn() -> Call; 4] = [
        &|| agent.shell(&format!("aio task 'writing {file}'")),
        &|| agent.write(&worktree(turn).join(file), text),
        &|| agent.shell(&format!("git add -A && git commit -q -m 'Write {file}'")),
        &|| agent.shell(&format!("echo 'Wrote {file}' > .aio/done")),
    ];
    calls.get(turn.index).map_or_else(done, |call| Reply::Call(vec![call()]))
}

/// What keeps models from answering until it is opened.
fn gate() -> (impl FnOnce(), impl Fn() + Clone + Send + Sync + 'static) {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Arc::new(Mutex::new(receiver));
    // It is opened by an end of the channel, for all who wait and all who come.
    (move || drop(sender), move || receiver.lock().unwrap().recv().unwrap_or_default())
}

/// An answer that never comes.
fn hold() -> ! {
    loop {
        std::thread::park();
    }
}
