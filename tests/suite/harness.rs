//! A world of its own for each test: home, state directory, project, and the built binaries.
//!
//! Nothing is inherited from whoever runs the tests: not the home, not the environment. The agent that runs them may
//! stand among the ancestors, so a test says who calls with `--as`, or detaches.

use std::ffi::{OsStr, OsString};
use std::io::BufRead;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tempfile::TempDir;

pub struct World {
    _root: TempDir,
    pub home: PathBuf,
    pub dir: PathBuf,
    pub project: PathBuf,
}

/// How one command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The exit code; 128 + n where signal n ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl World {
    /// A project that is a git repository as far as aio looks, and no state yet.
    pub fn new() -> World {
        let world = World::bare();
        std::fs::create_dir_all(world.project.join(".git")).unwrap();
        std::fs::write(world.project.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        std::fs::create_dir_all(world.project.join("src")).unwrap();
        world
    }

    /// The same without git.
    pub fn bare() -> World {
        World::bare_in(&std::env::temp_dir())
    }

    /// The same in a folder that is not the one for temporary files.
    pub fn bare_in(folder: &Path) -> World {
        let root = tempfile::Builder::new().prefix("aio-test-").tempdir_in(folder).unwrap();
        let base = root.path().canonicalize().unwrap();
        let (home, dir, project) = (base.join("home"), base.join("home/.ai-orchestrator"), base.join("project"));
        std::fs::create_dir_all(&home).unwrap();
        std::fs::create_dir_all(&project).unwrap();
        World { _root: root, home, dir, project }
    }

    /// A command in the project, with nothing in its environment but this world.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(binary(program));
        command.env_clear().env("HOME", &self.home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.current_dir(&self.project).stdin(Stdio::null());
        command
    }

    pub fn aio<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        run(self.command("aio").args(args))
    }

    /// As an instance.
    pub fn aio_as<S: AsRef<OsStr>>(&self, id: &str, args: impl IntoIterator<Item = S>) -> Ran {
        run(self.command("aio").args(["--as", id]).args(args))
    }

    /// With `--json`: the object, and the exit code within it.
    pub fn json<S: AsRef<OsStr>>(&self, id: &str, args: impl IntoIterator<Item = S>) -> Value {
        let ran = run(self.command("aio").args(["--as", id, "--json"]).args(args));
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }

    /// Registers an instance with a session of its own and gives its id.
    pub fn register(&self, tool: &str) -> String {
        let session = getrandom::u64().unwrap().to_string();
        let ran = self.aio(["register", tool, "--session", &session]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out.trim().strip_prefix("Registered: ").unwrap().to_owned()
    }

    /// Registers an instance whose process is `child`.
    pub fn register_process(&self, tool: &str, child: &Child) -> String {
        let pid = child.id().to_string();
        let ran = self.aio(["register", tool, "--pid", &pid]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out.trim().strip_prefix("Registered: ").unwrap().to_owned()
    }

    pub fn state_path(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    pub fn state_text(&self) -> String {
        std::fs::read_to_string(self.state_path()).unwrap()
    }

    pub fn state(&self) -> Value {
        serde_json::from_str(self.state_text().trim_start_matches('\u{feff}')).unwrap()
    }

    /// Puts a state in place as an editor would.
    pub fn write_state(&self, text: &str) {
        std::fs::create_dir_all(&self.dir).unwrap();
        std::fs::write(self.state_path(), text).unwrap();
    }

    /// Changes the state as `jq` would.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        change(&mut state);
        self.write_state(&state.to_string());
    }

    /// Creates a file with its folders.
    pub fn file(&self, name: &str) -> PathBuf {
        let path = self.project.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, name).unwrap();
        path
    }
}

impl Ran {
    /// The first line of stdout.
    pub fn first(&self) -> &str {
        self.out.lines().next().unwrap_or_default()
    }
}

pub fn run(command: &mut Command) -> Ran {
    ended(command.output().unwrap())
}

/// How a command ended that was started otherwise.
pub fn ended(output: std::process::Output) -> Ran {
    let code = output.status.code().or(output.status.signal().map(|signal| 128 + signal)).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code, out: text(output.stdout), err: text(output.stderr) }
}

/// The path of a built binary of this package.
pub fn binary(program: &str) -> OsString {
    match program {
        "aio" => env!("CARGO_BIN_EXE_aio").into(),
        "aio-context" => env!("CARGO_BIN_EXE_aio-context").into(),
        "aio-init" => env!("CARGO_BIN_EXE_aio-init").into(),
        other => other.into(),
    }
}

/// A process that does nothing for a long time, and is killed when dropped.
pub struct Sleeper(pub Child);

impl Sleeper {
    pub fn new() -> Sleeper {
        Sleeper(Command::new("sleep").arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// As `kill -9`; it is reaped, as its parent would.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

/// The git binary in a folder, with an identity and no configuration of the user's.
pub fn git(folder: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder);
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]);
    run(command.args(args).current_dir(folder))
}

/// Whether all that a test could need must be there, and it tries as much as it can: `.ci/run` asks for that.
pub fn is_proof() -> bool {
    std::env::var_os("AIO_PROOFS").is_some()
}

/// What `look` gives, as soon as it does; fails after twenty seconds, which no healthy machine needs.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As a stamp of the state: this many seconds ago; negative ones lie ahead.
pub fn seconds_ago(seconds: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    aio::protocol::time::stamp(i64::try_from(now.as_millis()).unwrap() - seconds * 1000)
}

impl World {
    /// The stored record of an instance.
    pub fn instance(&self, id: &str) -> Value {
        self.state()["instances"][id].clone()
    }

    /// Makes an instance's last heartbeat this old, by both clocks: the second one is left out, so the first counts.
    pub fn age(&self, id: &str, seconds: i64) {
        self.edit_instance(id, |instance| {
            instance.insert("lastHeartbeat".into(), seconds_ago(seconds).into());
            instance.remove("heartbeatMonotonicMs");
            instance.remove("heartbeatStamp");
        });
    }

    /// Changes the record of one instance by hand.
    pub fn edit_instance(&self, id: &str, change: impl FnOnce(&mut Map<String, Value>)) {
        self.edit(|state| change(state["instances"][id].as_object_mut().unwrap()));
    }

    /// Claims a file and gives the claim's id.
    pub fn claim(&self, id: &str, target: &str) -> String {
        let ran = self.aio_as(id, ["claim", "file", target]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.first().strip_prefix("Claimed: ").unwrap().to_owned()
    }

    /// Whether a file is free for an instance: `check` says so, and nothing is changed.
    pub fn is_free(&self, id: &str, target: &str) -> bool {
        let ran = self.aio_as(id, ["check", target]);
        match (ran.code, ran.out.split_whitespace().next()) {
            (0, Some("AVAILABLE")) => true,
            (1, Some("CLAIMED")) => false,
            _ => panic!("{ran:?}"),
        }
    }

    /// A command in the background, its output kept.
    pub fn start<S: AsRef<OsStr>>(&self, id: &str, args: impl IntoIterator<Item = S>) -> Started {
        let mut command = self.command("aio");
        command.args(["--as", id]).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        Started(Some(command.spawn().unwrap()))
    }

    /// Waits until so many wait in the queue.
    pub fn queued(&self, count: usize) {
        eventually("the queue", || (self.state()["waiters"].as_array().unwrap().len() == count).then_some(()));
    }

    /// Runs a script that is no descendant of whoever runs the tests, so no agent stands above it. `aio` is on its path.
    pub fn detached(&self, script: &str) -> Ran {
        let written = |name: &str| self.home.join(format!("detached.{name}"));
        let orphaned = "until [ \"$(cut -d' ' -f4 /proc/$$/stat)\" != \"$LAUNCHER\" ]; do sleep 0.01; done";
        let body = format!(
            "{orphaned}\nbash '{0}' >'{1}' 2>'{2}' </dev/null\necho $? >'{3}.new'; mv '{3}.new' '{3}'\n",
            written("sh").display(),
            written("out").display(),
            written("err").display(),
            written("code").display()
        );
        std::fs::remove_file(written("code")).unwrap_or_default();
        std::fs::write(written("sh"), script).unwrap();
        std::fs::write(written("launch"), body).unwrap();
        let launch = format!("LAUNCHER=$$ setsid bash '{}' & exit 0", written("launch").display());
        let launched = run(self.shell("/bin/bash").args(["-c", &launch]).stdout(Stdio::null()));
        assert_eq!(launched.code, 0, "{launched:?}");
        let code = eventually("the detached script", || std::fs::read_to_string(written("code")).ok());
        let text = |name: &str| std::fs::read_to_string(written(name)).unwrap();
        Ran { code: code.trim().parse().unwrap(), out: text("out"), err: text("err") }
    }

    /// A program in the project with this package's binaries on its path.
    pub fn shell(&self, program: &str) -> Command {
        let mut command = self.command(program);
        let binaries = PathBuf::from(binary("aio"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(binaries.parent().unwrap().to_owned()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command
    }

    /// Bash under an agent's name: to whoever looks at processes, that agent. A link, since what was just written cannot
    /// always be executed while other tests spawn.
    pub fn agent_program(&self, name: &str) -> PathBuf {
        let program = self.home.join("agents").join(name);
        if !program.exists() {
            std::fs::create_dir_all(program.parent().unwrap()).unwrap();
            // Two threads of a test may ask for it at once.
            std::os::unix::fs::symlink("/bin/bash", &program).unwrap_or_default();
        }
        program
    }

    /// What a script prints that an agent of that name runs, in a fresh shell as agents do.
    pub fn in_agent(&self, name: &str, script: &str) -> Ran {
        let words = self.agent(name, script);
        run(self.shell("/bin/bash").args(["-c", &format!("exec {words}")]))
    }

    /// The words of a shell command that runs an agent of that name, which runs a script.
    pub fn agent(&self, name: &str, script: &str) -> String {
        let path = self.home.join(format!("{}.sh", getrandom::u64().unwrap()));
        std::fs::write(&path, format!("{script}\n:\n")).unwrap();
        format!("'{}' -c '/bin/bash \"$0\"; :' '{}'", self.agent_program(name).display(), path.display())
    }
}

impl Ran {
    /// The id after `Registered: `.
    pub fn registered(&self) -> &str {
        self.out.lines().find_map(|line| line.strip_prefix("Registered: ")).unwrap_or_else(|| panic!("{self:?}"))
    }

    /// How it ended and what it said first.
    pub fn answer(&self) -> (i32, &str) {
        (self.code, self.first())
    }
}

/// A command that runs; killed when dropped.
pub struct Started(Option<Child>);

impl Started {
    pub fn pid(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    pub fn signal(&self, name: &str) {
        let ran = run(Command::new("kill").args([format!("-{name}"), self.pid().to_string()]));
        assert_eq!(ran.code, 0, "{ran:?}");
    }

    /// Its end.
    pub fn wait(mut self) -> Ran {
        let child = self.0.take().unwrap();
        ended(child.wait_with_output().unwrap())
    }

    /// Its standard output, line by line.
    pub fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let stdout = self.0.as_mut().unwrap().stdout.take().unwrap();
        std::io::BufReader::new(stdout).lines().map_while(Result::ok)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().unwrap_or_default();
            child.wait().map(drop).unwrap_or_default();
        }
    }
}
