//! A machine with agents at work: five projects, ten sessions, any number of claims, two hundred context entries.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::SystemTime;

use aio::host::machine;
use aio::protocol::state::{Claim, ContextEntry, Section, State};
use aio::protocol::{document, time};
use tempfile::TempDir;

use crate::programs::Programs;

/// A path in the caller's project that nobody holds.
pub(crate) const FREE: &str = "src/billing/nobody_holds_this.rs";
/// One that the caller holds.
pub(crate) const OWN: &str = "src/billing/held_by_the_caller.rs";
/// One that another session holds.
pub(crate) const HELD: &str = "src/billing/held_by_another.rs";

const CONTEXT_ENTRIES: u64 = 200;

/// Home, state directory and projects, apart from the real ones.
#[derive(Debug)]
pub(crate) struct World {
    root: TempDir,
    /// The state directory.
    pub(crate) dir: PathBuf,
    projects: Vec<PathBuf>,
    /// Ids of the sessions: two for each project, the caller's own first.
    sessions: Vec<String>,
    /// The process the other sessions recorded.
    others: Child,
    registered: String,
}

impl World {
    /// On the disk that `disk` is on, with every session registered and nothing claimed.
    pub(crate) fn new(programs: &Programs, disk: &Path) -> World {
        let root = tempfile::Builder::new().prefix("aio-bench-").tempdir_in(disk).expect("a folder can be made");
        let base = root.path().canonicalize().expect("it is there");
        let projects = projects(&base);
        let others = Command::new("sleep").arg("600").spawn().expect("sleep can be run");
        let dir = base.join("home/.ai-orchestrator");
        let mut world = World { root, dir, projects, sessions: Vec::new(), others, registered: String::new() };
        for number in 0..2 * world.projects.len() {
            let session = world.register(programs, number);
            world.sessions.push(session);
        }
        world.registered = fs::read_to_string(world.state()).expect("registering wrote it");
        world
    }

    /// Further sessions in the caller's project, all of this process.
    pub(crate) fn register_crowd(&mut self, programs: &Programs, count: usize) -> Vec<String> {
        let first = 2 * self.projects.len();
        let sessions = (first..first + count).map(|number| self.register(programs, number)).collect();
        self.registered = fs::read_to_string(self.state()).expect("registering wrote it");
        sessions
    }

    /// The caller's is this process, which stands above every command it starts.
    fn register(&self, programs: &Programs, number: usize) -> String {
        let others_project = self.projects.get(number / 2);
        let is_other = number > 0 && others_project.is_some();
        let pid = if is_other { self.others.id() } else { std::process::id() };
        let session = format!("session-{number}");
        let mut command = self.command(&programs.aio);
        command.args(["register", "claude", "--session", &session, "--pid", &pid.to_string()]);
        let output = command.current_dir(others_project.unwrap_or(&self.projects[0])).output().expect("aio runs");
        let text = String::from_utf8(output.stdout).expect("it prints text");
        text.trim().strip_prefix("Registered: ").unwrap_or_else(|| panic!("{command:?}: {text}")).to_owned()
    }

    /// A file with what Claude Code says before and after the caller's session edits what it holds.
    pub(crate) fn edit_payload(&self) -> PathBuf {
        let path = self.root.path().join("payload.json");
        let cwd = &self.projects[0];
        let payload = serde_json::json!({
            "session_id": "session-0", "transcript_path": cwd.join("t.jsonl"), "cwd": cwd, "permission_mode": "default",
            "hook_event_name": "PreToolUse", "tool_name": "Edit", "tool_use_id": "toolu_1",
            "tool_input": { "file_path": cwd.join(OWN), "old_string": "old line\n".repeat(20), "new_string": "new line\n".repeat(20) },
        });
        fs::write(&path, payload.to_string()).expect("the folder is ours");
        path
    }

    /// A command in the caller's project, in this world's environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.stdin(std::process::Stdio::null());
        command.env_clear().env("HOME", self.root.path().join("home")).env("AIO_DIR", &self.dir);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(&self.projects[0]);
        command
    }

    /// The same, as the caller.
    pub(crate) fn command_as_caller(&self, program: &Path) -> Command {
        let mut command = self.command(program);
        command.env("AIO_INSTANCE", &self.sessions[0]);
        command
    }

    /// Puts a state in place in which so many claims are held and every session has just given a sign of life.
    pub(crate) fn hold(&self, claims: u64) {
        let mut state = document::read(&self.registered).expect("aio wrote it");
        self.beat(&mut state);
        let ordinary = (0..claims - 2).map(|number| self.claim(number));
        state.claims = ordinary.collect();
        let middle = state.claims.len() / 2;
        state.claims.insert(middle, self.file_claim(claims, 0, OWN.to_owned()));
        state.claims.insert(middle, self.file_claim(claims + 1, 1, HELD.to_owned()));
        state.context = Section::Read((0..CONTEXT_ENTRIES).map(|number| self.context_entry(number)).collect());
        let text = document::write(&mut state);
        fs::write(self.state(), text).expect("the state can be written");
        File::open(self.state()).and_then(|file| file.sync_all()).expect("it can be synced");
    }

    fn state(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    fn beat(&self, state: &mut State<'_>) {
        for instance in &mut state.instances {
            instance.last_heartbeat = now().into();
            instance.heartbeat_stamp = now().into();
            instance.heartbeat_monotonic_ms = machine::awake_ms();
            instance.current_task = Some("Round invoice totals half to even, as the tax office asks".into());
        }
    }

    /// Nine files in ten; the last project is a worktree of the first, and has fewer claims.
    fn claim(&self, number: u64) -> Claim<'static> {
        const AREAS: [&str; 8] = ["billing", "catalogue", "checkout", "identity", "inventory", "mail", "search", "web"];
        let dice = mix(number);
        let project = [0, 0, 0, 1, 1, 2, 2, 3, 3, 4][(dice % 10) as usize];
        let session = 2 * project + (dice / 10 % 2) as usize;
        let area = AREAS[(dice / 20 % 8) as usize];
        let (kind, target) = match dice / 160 % 100 {
            0..6 => ("directory", format!("packages/{area}/component_{number}")),
            6..9 => ("pattern", format!("assets/{area}/set_{number}/**/*.svg")),
            9 => ("pattern", format!("**/{area}_{number}.snap")),
            _ => ("file", format!("src/{area}/handlers/{area}_request_{number}.rs")),
        };
        let claim = self.file_claim(number, session, target);
        let reason = if (dice / 16_000).is_multiple_of(3) { "moving the rounding into one place" } else { "" };
        Claim { kind: kind.into(), reason: reason.into(), ..claim }
    }

    fn file_claim(&self, number: u64, session: usize, target: String) -> Claim<'static> {
        let id = ulid::Ulid::from_parts(1_795_000_000_000 + number * 997, mix(number).into()).to_string();
        let project = session / 2;
        let is_worktree = project + 1 == self.projects.len();
        let common_directory = self.projects[0].join(".git");
        Claim {
            key: id.clone().into(),
            id: id.into(),
            instance_id: self.sessions[session].clone().into(),
            kind: "file".into(),
            target: target.into(),
            project: text_of(&self.projects[project]).into(),
            repository: if is_worktree { text_of(&common_directory).into() } else { "".into() },
            exclusive: Some(true),
            claimed_at: now().into(),
            fence: number + 1,
            ..Claim::default()
        }
    }

    fn context_entry(&self, number: u64) -> ContextEntry<'static> {
        const CATEGORIES: [&str; 5] = ["decision", "learning", "warning", "pattern", "handoff"];
        const SENTENCES: [&str; 4] = [
            "Totals are rounded once, at the end, half to even; rounding each line was off by a cent on long invoices. ",
            "The \"slow\" tests need the database of docker-compose, and fail with a misleading time-out without it.\n",
            "Anything under src/generated comes from the schema: change that, then run `make generate`, never the files. ",
            "Next: move the remaining callers of `legacy_total` — search, mail — and then delete it. ",
        ];
        let dice = mix(number) as usize;
        let session = dice % self.sessions.len();
        let content: String = (0..1 + dice / 16 % 5).map(|sentence| SENTENCES[(dice / 80 + sentence) % 4]).collect();
        ContextEntry {
            id: ulid::Ulid::from_parts(1_794_000_000_000 + number * 86_411, mix(number).into()).to_string().into(),
            project: Some(text_of(&self.projects[session / 2]).into()),
            category: CATEGORIES[dice / 1600 % 5].into(),
            content: content.into(),
            source: "claude".into(),
            created_at: now().into(),
            instance_id: self.sessions[session].clone().into(),
            ..ContextEntry::default()
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.others.kill().expect("it sleeps for longer than this runs");
        self.others.wait().expect("nobody else waits for it");
    }
}

/// Four repositories as far as aio looks, and a second worktree of the first.
fn projects(base: &Path) -> Vec<PathBuf> {
    let projects =
        ["shop", "warehouse", "website", "infrastructure", "shop-hotfix"].map(|name| base.join("work").join(name));
    for project in &projects {
        fs::create_dir_all(project.join("src/billing")).expect("a folder can be made");
    }
    for project in &projects[..4] {
        make_file(&project.join(".git/HEAD"), "ref: refs/heads/main\n");
        fs::create_dir_all(project.join(".git/objects")).expect("a folder can be made");
        fs::create_dir_all(project.join(".git/refs")).expect("a folder can be made");
    }
    let private = projects[0].join(".git/worktrees/shop-hotfix");
    make_file(&private.join("HEAD"), "ref: refs/heads/hotfix\n");
    make_file(&private.join("commondir"), "../..\n");
    make_file(&private.join("gitdir"), &format!("{}\n", projects[4].join(".git").display()));
    make_file(&projects[4].join(".git"), &format!("gitdir: {}\n", private.display()));
    projects.to_vec()
}

pub(crate) fn make_file(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}

pub(crate) fn text_of(path: &Path) -> String {
    path.to_str().expect("the paths here are plain").to_owned()
}

/// Now, as the state spells it.
pub(crate) fn now() -> String {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is right");
    time::stamp(since_epoch.as_millis().try_into().expect("the clock is right"))
}

/// A number that looks like chance and is the same in every run (splitmix64).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
