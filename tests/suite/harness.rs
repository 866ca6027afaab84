//! A world of its own for each test: home, state directory, project, and the built binaries.
//!
//! Nothing is inherited from whoever runs the tests: not the home, not the environment. The agent that runs them may
//! stand among the ancestors, so a test says who calls with `--as`, or detaches.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub struct World {
    _root: TempDir,
    pub home: PathBuf,
    pub dir: PathBuf,
    pub project: PathBuf,
}

/// How one command ended.
#[derive(Debug, Clone)]
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
        let root = tempfile::Builder::new().prefix("aio-test-").tempdir().unwrap();
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
        let session = ulid::Ulid::generate().to_string();
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
        serde_json::from_str(&self.state_text()).unwrap()
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
    let output = command.output().unwrap();
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
