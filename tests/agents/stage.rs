//! A home, a repository and the people in it: where agents are run.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::agent::{Agent, Manner};
use crate::harness::{Ran, Sleeper, World, ended, git, run};
use crate::model::{Model, Reply, Turn};

/// An agent that has not come so far by then hangs.
const LIMIT: Duration = Duration::from_secs(150);

pub struct Stage {
    pub world: World,
}

/// Another instance, with a process, that holds something.
pub struct Holder {
    pub id: String,
    /// The instance lives as long as its process does.
    _process: Sleeper,
}

pub const TASK: &str = "renaming the parser";

impl Holder {
    /// A refusal names the holder in full, its task, and what to do next.
    pub fn is_named_by(&self, refusal: &str) {
        for word in [&*self.id, TASK, "aio claim", "--wait"] {
            assert!(refusal.contains(word), "{word} is not in: {refusal}");
        }
    }
}

impl Stage {
    /// A repository with a few files, in a home where aio is installed and no agent knows of it.
    ///
    /// It lies beside the build, not among temporary files, which Codex's sandbox lets everybody write.
    pub fn bare() -> Stage {
        let world = World::bare_in(Path::new(env!("CARGO_TARGET_TMPDIR")));
        assert_eq!(git(&world.project, &["init", "-q"]).code, 0);
        std::fs::write(world.home.join(".gitconfig"), "[user]\n\tname = t\n\temail = t@example.org\n").unwrap();
        std::fs::create_dir(world.home.join("tmp")).unwrap();
        for name in ["src/free.txt", "src/held.txt", "src/other.txt"] {
            world.file(name);
        }
        // As `aio init` says; Codex's shell is a login shell, which forgets the path it was started with.
        std::fs::write(world.home.join(".profile"), "PATH=\"$HOME/.ai-orchestrator/bin:$PATH\"\n").unwrap();
        let stage = Stage { world };
        stage.install();
        stage
    }

    /// Makes the state directory, and links the programs in it.
    pub fn install(&self) {
        let ran = self.world.aio(["init", "--yes"]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }

    /// The same with these agents installed, of which aio does not know.
    pub fn unguarded(agents: &[Agent]) -> Stage {
        let stage = Stage::bare();
        agents.iter().for_each(|agent| agent.settle(&stage.world.home, &stage.world.project));
        stage
    }

    /// The same with these agents set up by `aio init`.
    pub fn with(agents: &[Agent]) -> Stage {
        let stage = Stage::unguarded(agents);
        agents.iter().for_each(|agent| stage.set_up(*agent));
        stage
    }

    fn set_up(&self, agent: Agent) {
        let ran = self.world.aio(["init", "--yes", "--agents", agent.name()]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.world.project.join(name)
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Somebody at work on a file.
    pub fn holder_of(&self, name: &str) -> Holder {
        let process = Sleeper::new();
        let id = self.world.register_process("test", &process.0);
        self.world.claim(&id, name);
        let ran = self.world.aio_as(&id, ["task", TASK]);
        assert_eq!(ran.code, 0, "{ran:?}");
        Holder { id, _process: process }
    }

    /// Runs an agent to its end.
    pub fn run(&self, agent: Agent, script: impl Fn(&Turn) -> Reply + Send + Sync + 'static) -> Ended {
        self.start(agent, Manner::default(), script).end()
    }

    /// Starts an agent, in a process group of its own, with nothing in its environment but this home.
    pub fn start(
        &self,
        agent: Agent,
        manner: Manner,
        script: impl Fn(&Turn) -> Reply + Send + Sync + 'static,
    ) -> Running {
        let model = Model::start(script);
        let command = agent.command(model.port, manner);
        self.begin(agent, command, model, Stdio::null())
    }

    /// Starts what is an agent's own command, with its environment and nothing else of ours.
    pub fn begin(&self, agent: Agent, mut command: Command, model: Model, input: Stdio) -> Running {
        let output = self.world.home.join(format!("{}-{}", agent.name(), model.port));
        let variables: Vec<_> =
            command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
        command.env_clear().envs(self.environment()).envs(variables);
        command.current_dir(&self.world.project).process_group(0).stdin(input);
        command.stdout(File::create(output.with_extension("out")).unwrap());
        command.stderr(File::create(output.with_extension("err")).unwrap());
        Running { child: command.spawn().unwrap(), model, output }
    }

    /// What the people here have in their environment.
    pub fn environment(&self) -> [(&'static str, OsString); 5] {
        let path = format!(
            "{}:/usr/local/bin:/usr/bin:/bin:{}",
            self.world.dir.join("bin").display(),
            node_folder().display()
        );
        [
            ("HOME", self.world.home.clone().into()),
            ("TERM", "dumb".into()),
            ("LANG", "C.UTF-8".into()),
            ("TMPDIR", self.world.home.join("tmp").into()),
            ("PATH", path.into()),
        ]
    }
}

/// Gemini is a script for Node.js, which people keep in places of their own.
fn node_folder() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).find(|folder| folder.join("node").exists()).expect("Node.js is not on PATH")
}

/// An agent at work; its process group is killed when dropped.
pub struct Running {
    pub child: Child,
    pub model: Model,
    output: PathBuf,
}

/// An agent that has ended.
#[derive(Debug)]
pub struct Ended {
    pub ran: Ran,
    pub turns: Vec<Turn>,
}

impl Running {
    /// Waits for the end; fails when the agent hangs.
    pub fn end(mut self) -> Ended {
        let status = self.wait_until(|running| running.child.try_wait().unwrap());
        let read = |extension| std::fs::read(self.output.with_extension(extension)).unwrap();
        let output = std::process::Output { status, stdout: read("out"), stderr: read("err") };
        Ended { ran: ended(output), turns: self.model.turns() }
    }

    /// Waits until the model is asked for its turn of this number.
    pub fn reach(&mut self, turn: usize) {
        self.wait_until(|running| running.model.turns().iter().any(|seen| seen.index == turn).then_some(()));
    }

    fn wait_until<T>(&mut self, look: impl Fn(&mut Running) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            if Instant::now() > deadline {
                let last = self.model.turns().pop().map(|turn| (turn.index, turn.results));
                panic!("{} hangs after {last:?}", self.output.display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As `kill -9` of the agent and all that it started.
    pub fn kill(&mut self) {
        let group = format!("-{}", self.child.id());
        run(Command::new("kill").args(["-KILL", "--", &group]));
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.kill();
        }
    }
}

impl Ended {
    /// What the tools gave that were called in the turn of this number, one for each call.
    pub fn results(&self, turn: usize) -> Vec<String> {
        let next = self.turns.iter().find(|next| next.index == turn + 1);
        next.unwrap_or_else(|| panic!("no turn after {turn}: {self:#?}")).results.clone()
    }

    /// The result of the only call of a turn.
    pub fn result(&self, turn: usize) -> String {
        let results = self.results(turn);
        assert_eq!(results.len(), 1, "{results:?}");
        results.into_iter().next().unwrap()
    }
}
