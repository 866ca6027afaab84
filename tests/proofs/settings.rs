//! Agents' settings: `aio init` killed, or told of a fault, at every system call by which it changes files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::harness::{Ran, World, binary, run};
use crate::support::{figure, require};

/// Calls that change files, or that a change waits for.
const CALLS: [&str; 14] = [
    "write",
    "fsync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "rmdir",
    "fchmod",
    "chmod",
    "flock",
];
const FAULTS: [&str; 3] = ["signal=KILL", "error=EIO", "error=ENOSPC"];
const PUT_IN: &str = "init --yes";
const TAKE_OUT: &str = "init --remove --yes";
const AGENTS: [&str; 2] = ["--agents", "claude,codex,opencode"];

/// A home with settings of several agents.
struct Settings {
    world: World,
    old: BTreeMap<PathBuf, String>,
    new: BTreeMap<PathBuf, String>,
}

impl Settings {
    fn new() -> Settings {
        let mut settings = Settings { world: World::new(), old: BTreeMap::new(), new: BTreeMap::new() };
        for (below, text) in [
            (".claude/settings.json", "{\n  // mine\n  \"model\": \"opus\",\n}\n"),
            (".claude/CLAUDE.md", "# Mine\n"),
            (".codex/config.toml", "model = \"x\"\n"),
        ] {
            let path = settings.world.home.join(below);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        settings.old = settings.found();
        assert_eq!(settings.done(PUT_IN).code, 0);
        settings.new = settings.found();
        assert_eq!(settings.done(TAKE_OUT).code, 0);
        assert_eq!(settings.found(), settings.old);
        settings
    }

    fn args(what: &str) -> Vec<&str> {
        what.split(' ').chain(AGENTS).collect()
    }

    fn done(&self, what: &str) -> Ran {
        run(self.world.command("aio").args(Settings::args(what)))
    }

    /// All settings, by path, without temporary files.
    fn found(&self) -> BTreeMap<PathBuf, String> {
        let (mut found, mut folders) = (BTreeMap::new(), vec![self.world.home.clone()]);
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let name = path.file_name().unwrap().to_str().unwrap();
                match path.is_dir() {
                    true if name != ".ai-orchestrator" => folders.push(path),
                    false if !name.ends_with(".tmp") && name != "trace" => {
                        found.insert(path.clone(), fs::read_to_string(path).unwrap());
                    }
                    _ => {}
                }
            }
        }
        found
    }

    fn traced(&self, what: &str, options: &[&str]) -> Ran {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o"]).arg(self.world.home.join("trace")).args(options);
        command.arg(binary("aio")).args(Settings::args(what)).env_clear().current_dir(&self.world.project);
        for (key, value) in self.world.command("aio").get_envs() {
            command.env(key, value.unwrap());
        }
        run(&mut command)
    }

    /// How often each call is made.
    fn calls(&self, what: &str) -> BTreeMap<String, usize> {
        assert_eq!(self.traced(what, &["-e", &format!("trace=?{}", CALLS.join(",?"))]).code, 0);
        let mut calls = BTreeMap::new();
        for line in fs::read_to_string(self.world.home.join("trace")).unwrap().lines() {
            let call = line.split_once(' ').unwrap().1.trim().split('(').next().unwrap();
            *calls.entry(call.to_owned()).or_default() += usize::from(CALLS.contains(&call));
        }
        calls.retain(|_, count| *count > 0);
        calls
    }

    /// What was left of temporary files.
    fn leftovers(&self) -> Vec<String> {
        let ran = run(Command::new("find").arg(&self.world.home).args(["-name", ".aio-*.tmp"]));
        ran.out.lines().map(str::to_owned).collect()
    }

    /// Every file is old or new; one that is only in the one may be missing.
    fn judge(&self, fault: &str, ran: &Ran) {
        for (path, text) in self.found() {
            let is_whole = [&self.old, &self.new].iter().any(|texts| texts.get(&path) == Some(&text));
            assert!(is_whole, "{fault}: {} is {text:?}: {ran:?}", path.display());
        }
        let is_kept = |path: &&PathBuf| Path::exists(path);
        assert!(self.old.keys().all(|path| is_kept(&path)), "{fault}: a file is gone: {ran:?}");
        assert!([0, 6, 137].contains(&ran.code), "{fault}: {ran:?}");
    }
}

#[test]
fn a_fault_at_every_change_leaves_each_settings_file_old_or_new() {
    let start = Instant::now();
    require(&[("strace", "strace")]);
    let settings = Settings::new();
    let (mut faults, mut killed, mut told) = (0, 0, 0);
    for (what, before, after) in [(PUT_IN, TAKE_OUT, &settings.new), (TAKE_OUT, PUT_IN, &settings.old)] {
        settings.done(before);
        let calls = settings.calls(what);
        assert!(calls.contains_key("fsync") && calls.contains_key("renameat2"), "{calls:?}");
        for (call, count) in calls {
            for (when, how) in (1..=count).flat_map(|when| FAULTS.map(|how| (when, how))) {
                let fault = format!("{what}, {call} {when}: {how}");
                settings.done(before);
                let ran = settings.traced(what, &["-e", &format!("inject={call}:{how}:when={when}")]);
                settings.judge(&fault, &ran);
                let again = settings.done(what);
                assert_eq!((again.code, &settings.found()), (0, after), "{fault}, and again: {again:?}");
                assert_eq!(settings.leftovers(), [""; 0], "{fault}");
                faults += 1;
                killed += usize::from(ran.code == 137);
                told += usize::from(ran.code == 6);
            }
        }
        assert_eq!(settings.done(before).code, 0);
    }
    assert!(killed * 5 > faults && told > 10, "{killed} killed and {told} told of {faults}");
    let text = format!("{faults} faults, {killed} of them kills: each file old or new, and the next run finished");
    figure("settings", start, &text);
}
