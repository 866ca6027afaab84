//! When aio fails, agents go on: each fault strikes while an agent edits, and the edit goes through, soon.
//!
//! One session of each agent meets them all. Only who set `on_failure = "deny"` is denied instead.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use crate::agent::Agent;
use crate::harness::run;
use crate::model::{Reply, done};
use crate::stage::Stage;
use crate::support;

/// What a silent aio keeps an agent waiting for, should it not lose patience.
const SILENCE: Duration = Duration::from_secs(16);
/// What the agents' settings give a hook.
const HOOK_LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    Aborted,
    Killed,
    Silent,
    Locked,
    Corrupt,
    DiskFull,
}

const FAULTS: [Fault; 7] =
    [Fault::Missing, Fault::Aborted, Fault::Killed, Fault::Silent, Fault::Locked, Fault::Corrupt, Fault::DiskFull];

/// Programs in aio's place. One edit is two hooks; the silent one lets the second pass, to save time.
const PROGRAMS: [(Fault, &str, &str); 3] = [
    (Fault::Aborted, "aborted", "kill -ABRT $$"),
    (Fault::Killed, "killed", "kill -KILL $$"),
    (Fault::Silent, "silent", "case $3 in [Pp]re* | Before* | *.before) exec sleep 16 ;; esac"),
];

/// The state directory, and what is wrong with it.
struct Patient {
    dir: PathBuf,
    lock: Option<File>,
}

impl Patient {
    /// Programs are put in place by renaming: what has just been written cannot always be executed.
    fn new(dir: PathBuf) -> Patient {
        for (_, name, line) in PROGRAMS {
            let path = dir.join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        Patient { dir, lock: None }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.at(from), self.at(to)).unwrap();
    }

    fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Missing => self.rename("bin/aio", "sound"),
            Fault::Aborted | Fault::Killed | Fault::Silent => {
                let (_, name, _) = PROGRAMS.iter().find(|(of, ..)| *of == fault).unwrap();
                self.rename("bin/aio", "sound");
                self.rename(name, "bin/aio");
            }
            Fault::Locked => {
                let lock = File::open(self.at("state.lock")).unwrap();
                lock.lock().unwrap();
                self.lock = Some(lock);
            }
            Fault::Corrupt => {
                self.rename("state.json", "state.sound");
                std::fs::write(self.at("state.json"), "{\"instances\": {").unwrap();
            }
            Fault::DiskFull => {
                let zeros = vec![0; 1 << 20];
                let full = std::fs::write(self.at("filler"), zeros).unwrap_err();
                assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
            }
        }
    }

    fn recover(&mut self, fault: Fault) {
        match fault {
            Fault::Missing | Fault::Aborted | Fault::Killed | Fault::Silent => self.rename("sound", "bin/aio"),
            Fault::Locked => self.lock = None,
            Fault::Corrupt => self.rename("state.sound", "state.json"),
            Fault::DiskFull => std::fs::remove_file(self.at("filler")).unwrap(),
        }
    }
}

/// A small file system in memory in a folder's place, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: &Path) -> SmallDisk {
        support::require(&[("mount", "mount")]);
        let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "aio-agents"]).arg(path));
        assert_eq!(mounted.code, 0, "{mounted:?}");
        SmallDisk(path.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(&self.0));
    }
}

fn goes_on(agent: Agent) {
    let stage = Stage::with(&[agent]);
    let _disk = SmallDisk::at(&stage.world.dir);
    stage.install();
    let patient = Mutex::new(Patient::new(stage.world.dir.clone()));
    let project = stage.world.project.clone();
    let ended = stage.run(agent, move |turn| {
        // The first edit finds all well, the last one a person who would rather be safe.
        let (mut patient, edit) = (patient.lock().unwrap(), turn.index);
        if let Some(past) = edit.checked_sub(2).and_then(|past| FAULTS.get(past)) {
            patient.recover(*past);
        }
        match edit.checked_sub(1).map(|fault| FAULTS.get(fault)) {
            None => {}
            Some(Some(fault)) => patient.suffer(*fault),
            Some(None) if edit == FAULTS.len() + 1 => {
                std::fs::write(patient.at("config.toml"), "on_failure = \"deny\"\n").unwrap();
                patient.suffer(Fault::Corrupt);
            }
            Some(None) => {
                patient.recover(Fault::Corrupt);
                return done();
            }
        }
        Reply::Call(vec![agent.write(&project.join(format!("src/new-{edit}.txt")), "new\n")])
    });

    assert_eq!(ended.ran.code, 0, "{:?}", ended.ran);
    for (edit, fault) in (1..).zip(FAULTS) {
        assert_eq!(stage.text(&format!("src/new-{edit}.txt")).trim_end(), "new", "{fault:?}: {ended:#?}");
        let took = ended.turns[edit + 1].at - ended.turns[edit].at;
        assert!(took < 2 * HOOK_LIMIT, "{fault:?} took {took:?}");
        if fault == Fault::Silent {
            // Gemini ends the hook's shell in time, and then waits for what the shell had started.
            assert_eq!((took > HOOK_LIMIT, took < SILENCE), (true, agent != Agent::Gemini), "{took:?}");
        }
    }
    let last = FAULTS.len() + 1;
    assert!(!stage.path(&format!("src/new-{last}.txt")).exists(), "{:?}", ended.result(last));
    assert!(ended.result(last).contains("aio"), "{:?}", ended.result(last));
    let journal = std::fs::read_to_string(stage.world.dir.join("journal.jsonl")).unwrap();
    for reason in ["busy: the lock", "cannot be read", "No space left"] {
        assert!(journal.contains(reason), "{reason} is not in {journal}");
    }
}

#[test]
fn claude_goes_on() {
    goes_on(Agent::Claude);
}

#[test]
fn codex_goes_on() {
    goes_on(Agent::Codex);
}

#[test]
fn gemini_goes_on() {
    goes_on(Agent::Gemini);
}

#[test]
fn copilot_goes_on() {
    goes_on(Agent::Copilot);
}

#[test]
fn opencode_goes_on() {
    goes_on(Agent::OpenCode);
}
