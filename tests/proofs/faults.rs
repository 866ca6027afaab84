//! Proof 3, crashes: a fault at every system call of every command that writes.
//!
//! A first run under strace lists the calls from the first that touches the state directory on. Then, for each of
//! them, one run is killed just before it; for each on a file in there one run sees it fail with EIO and one with
//! ENOSPC; and for each that a signal may interrupt, there or in the process table, one with EINTR. Short writes are the
//! real ones of a limit of file sizes.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;

use crate::harness::{Ran, binary, run};
use crate::scenario::{Scenario, Stage, meaning};
use crate::support::{Mount, aio_in, figure, require, says_one_line, temporaries};

/// Calls that a file system may fail.
const ON_FILES: [&str; 25] = [
    "openat",
    "read",
    "pread64",
    "write",
    "pwrite64",
    "writev",
    "lseek",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "linkat",
    "symlink",
    "mkdir",
    "readlink",
    "statx",
    "newfstatat",
    "fstat",
    "fchmod",
    "ftruncate",
    "flock",
    "getdents64",
];
/// Calls that a signal may interrupt; these are simply made again.
const INTERRUPTIBLE: [&str; 7] = ["openat", "read", "write", "writev", "fsync", "fdatasync", "flock"];
/// The file sizes after which a write is cut short, in bytes; a shell's `ulimit -f` counts in such blocks.
const FILE_LIMITS: [u64; 6] = [0, 512, 1024, 2048, 3072, 4096];

/// A fault, as strace's `inject` spells it.
#[derive(Debug)]
struct Fault {
    call: String,
    occurrence: usize,
    how: &'static str,
}

/// What the command makes of the state when nothing goes wrong, and what it was before.
struct Oracle {
    old: Option<String>,
    new: Option<String>,
    old_revision: u64,
    entries: BTreeSet<String>,
}

#[test]
fn a_fault_at_every_system_call_leaves_the_old_state_or_the_new() {
    let start = Instant::now();
    require(&[("strace", "strace"), ("prlimit", "util-linux")]);
    let stage = Stage::new();
    let memory = Mount::memory("size=512m");
    let (mut faults, mut missed, mut scenarios, mut kinds) = (0, 0, 0, HashMap::<&str, usize>::new());
    for scenario in stage.scenarios() {
        let oracle = Oracle::of(&stage, &scenario, &memory.path.join("oracle"));
        let all = faults_of(&stage, &scenario, &memory.path.join("trace"));
        assert!(all.len() > 20, "{}: {all:?}", scenario.name);
        all.iter().for_each(|fault| *kinds.entry(fault.how).or_default() += 1);
        missed += inject_all(&stage, &scenario, &oracle, &all, &memory.path);
        faults += all.len();
        scenarios += 1;
    }
    assert!(missed * 50 < faults, "{missed} of {faults} faults never came");
    let text = format!(
        "{} faults ({kinds:?}, {missed} never came) in {scenarios} commands: the old state or the new, never neither",
        faults - missed
    );
    figure("crash", start, &text);
}

#[test]
fn a_write_cut_short_leaves_the_old_state_or_the_new() {
    let start = Instant::now();
    require(&[("prlimit", "util-linux")]);
    let stage = Stage::new();
    let memory = Mount::memory("size=512m");
    let (dir, mut refused, mut done) = (memory.path.join("short"), 0, 0);
    for scenario in stage.scenarios() {
        let oracle = Oracle::of(&stage, &scenario, &memory.path.join("oracle"));
        for limit in FILE_LIMITS {
            stage.set(&scenario, &dir);
            let mut command = Command::new("prlimit");
            command.arg(format!("--fsize={limit}")).arg(binary("aio")).args(&scenario.args);
            let ran = run(like(&mut command, &aio_in(&stage.world, &dir)));
            let what = format!("{} with files of at most {limit} bytes", scenario.name);
            assert!(ran.code == scenario.code || ran.code == 6, "{what}: {ran:?}");
            assert!(temporaries(&dir).is_empty(), "{what}: {:?}", temporaries(&dir));
            oracle.judge(&stage, &scenario, &dir, &ran, &what);
            *(if ran.code == 6 { &mut refused } else { &mut done }) += 1;
        }
    }
    assert!(refused > 0 && done > 0, "{refused} refused, {done} done");
    figure("short writes", start, &format!("{refused} refused with exit 6, {done} done within the limit"));
}

/// Three at a time, since a run mostly waits for strace. Gives how many faults never came: what a command reads of other
/// processes differs from run to run, so a call may be another's turn, or that was the last of its name not be made.
fn inject_all(stage: &Stage, scenario: &Scenario, oracle: &Oracle, faults: &[Fault], memory: &Path) -> usize {
    let (next, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (next, missed) = (&next, &missed);
            let dir = memory.join(format!("trial-{worker}"));
            scope.spawn(move || {
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let came = (0..5).any(|_| inject(stage, scenario, oracle, fault, &dir));
                    missed.fetch_add(usize::from(!came), Ordering::Relaxed);
                }
            });
        }
    });
    missed.into_inner()
}

/// Whether the fault happened; that what came of it is right is asserted.
fn inject(stage: &Stage, scenario: &Scenario, oracle: &Oracle, fault: &Fault, dir: &Path) -> bool {
    stage.set(scenario, dir);
    let log = dir.with_extension("log");
    let Fault { call, occurrence, how } = fault;
    let expression = format!("inject={call}:{how}:when={occurrence}");
    let mut with = Command::new("strace");
    with.args(["-f", "-qq", "-y", "-s", "0", "-o"]).arg(&log).args(["-e", &format!("trace={call}"), "-e", &expression]);
    if *how != "signal=KILL" {
        // Faster, but strace 6.1 does not inject signals this way.
        with.arg("--seccomp-bpf");
    }
    with.arg(binary("aio")).args(&scenario.args);
    let ran = run(like(&mut with, &aio_in(&stage.world, dir)));
    let what = format!("{}: {expression}", scenario.name);
    let killed = ran.code == 128 + 9;
    assert!(!killed || *how == "signal=KILL", "{what}: {ran:?}");
    let trace = std::fs::read_to_string(&log).unwrap();
    let struck = trace.lines().find(|line| line.contains("(INJECTED)"));
    let is_interruption = *how == "error=EINTR";
    // That a command cannot read the process table is no fault of the files, and makes it more careful.
    if struck.is_some_and(|line| !is_interruption && !line.contains(dir.to_str().unwrap())) {
        return false;
    }
    oracle.judge(stage, scenario, dir, &ran, &what);
    assert!(!is_interruption || ran.code == scenario.code, "{what}: {ran:?}");
    killed || struck.is_some()
}

/// Every fault worth trying, from the first call that touches the state directory on.
fn faults_of(stage: &Stage, scenario: &Scenario, dir: &Path) -> Vec<Fault> {
    stage.set(scenario, dir);
    let log = dir.with_extension("log");
    let ran = run(&mut strace(stage, scenario, dir, &log));
    assert_eq!(ran.code, scenario.code, "{}: {ran:?}", scenario.name);
    let trace = std::fs::read_to_string(&log).unwrap();
    let main = trace.split(' ').next().unwrap().to_owned();
    let (mut counts, mut begun, mut faults) = (HashMap::<&str, usize>::new(), false, Vec::new());
    for line in trace.lines() {
        // Counts are kept for each thread; what another does on the side is left to it.
        let Some((call, rest)) = line.strip_prefix(&main).and_then(|line| line.trim_start().split_once('(')) else {
            continue;
        };
        if !call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let occurrence = counts.entry(call).or_default();
        *occurrence += 1;
        begun |= call != "execve" && rest.contains(dir.to_str().unwrap());
        let mut add = |how| faults.push(Fault { call: call.to_owned(), occurrence: *occurrence, how });
        if begun && call != "exit_group" {
            add("signal=KILL");
        }
        let is_inside = rest.contains(dir.to_str().unwrap());
        if begun && ON_FILES.contains(&call) && is_inside {
            add("error=EIO");
            add("error=ENOSPC");
        }
        let tells_who_lives = rest.contains("</proc/");
        if begun && INTERRUPTIBLE.contains(&call) && (is_inside || tells_who_lives) {
            add("error=EINTR");
        }
    }
    faults
}

fn strace(stage: &Stage, scenario: &Scenario, dir: &Path, log: &Path) -> Command {
    let mut command = Command::new("strace");
    // With -y every file handle is followed by its path.
    command.args(["-f", "-qq", "-y", "-s", "0", "-o"]).arg(log).arg(binary("aio")).args(&scenario.args);
    like(&mut command, &aio_in(&stage.world, dir));
    command
}

/// Gives a command the environment and folder of another.
fn like<'c>(command: &'c mut Command, other: &Command) -> &'c mut Command {
    command.env_clear().current_dir(other.get_current_dir().unwrap());
    for (key, value) in other.get_envs() {
        command.env(key, value.unwrap());
    }
    command
}

impl Oracle {
    fn of(stage: &Stage, scenario: &Scenario, dir: &Path) -> Oracle {
        stage.set(scenario, dir);
        let (old, entries) = (state_of(dir), entries_of(dir));
        let old_revision = revision_of(dir);
        let ran = stage.play(scenario, dir);
        assert_eq!(ran.code, scenario.code, "{}: {ran:?}", scenario.name);
        Oracle { old, new: state_of(dir), old_revision, entries }
    }

    /// After a trial: the state, the exit code, the archive, and that the next command finds everything in order.
    fn judge(&self, stage: &Stage, scenario: &Scenario, dir: &Path, ran: &Ran, what: &str) {
        let state = state_of(dir);
        let is_old = state == self.old;
        assert!(
            is_old || state == self.new,
            "{what}: {ran:?}\n old {:?}\n new {:?}\n is {state:?}",
            self.old,
            self.new
        );
        let documented = (0..=6).contains(&ran.code) || ran.code == 128 + 9;
        assert!(documented, "{what}: {ran:?}");
        if ran.code == scenario.code {
            assert!(state == self.new, "{what}: acknowledged, but not there: {ran:?}");
        } else if ran.code != 128 + 9 {
            // A command that waits says so first; doctor's findings are its answer.
            let otherwise = ran.err.contains("aio: waiting") || ran.out.contains("broken ");
            assert!(says_one_line(ran) || otherwise, "{what}: {ran:?}");
        }
        let revision = revision_of(dir);
        assert!(revision >= self.old_revision, "{what}: revision {revision} after {}", self.old_revision);
        assert!(entries_of(dir).is_superset(&self.entries), "{what}: an entry of the memory is lost");
        self.next_command(stage, dir, is_old, what);
    }

    fn next_command(&self, stage: &Stage, dir: &Path, is_old: bool, what: &str) {
        let next = run(aio_in(&stage.world, dir).args(["context", "add", "warning", "the next command"]));
        if is_old && self.old.as_ref().is_some_and(|text| text.starts_with("no state: ")) {
            assert_eq!(next.code, 4, "{what}: {next:?}");
            let repaired = run(aio_in(&stage.world, dir).args(["doctor", "--repair"]));
            assert_eq!(repaired.code, 0, "{what}: then {repaired:?}");
        } else {
            assert_eq!(next.code, 0, "{what}: then {next:?}");
            let state: Value = serde_json::from_slice(&std::fs::read(dir.join("state.json")).unwrap()).unwrap();
            assert!(state["context"].to_string().contains("the next command"), "{what}");
            assert!(state["revision"].as_u64().unwrap() > self.old_revision, "{what}: {}", state["revision"]);
        }
        assert_eq!(temporaries(dir), [""; 0], "{what}");
    }
}

/// What the state says, or none when there is no file; a text that is no state stands for itself.
fn state_of(dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(dir.join("state.json")).ok()?;
    Some(meaning(&text).unwrap_or_else(|| format!("no state: {text}")))
}

/// The highest revision ever handed out: the state's or the lock file's.
fn revision_of(dir: &Path) -> u64 {
    let of = |name: &str| {
        let text = std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        let record: Value = serde_json::from_str(text.trim()).unwrap_or_default();
        record["revision"].as_u64().unwrap_or(0)
    };
    of("state.json").max(of("state.lock"))
}

/// The ids of the memory, in the state and in the archive.
fn entries_of(dir: &Path) -> BTreeSet<String> {
    let state = std::fs::read_to_string(dir.join("state.json")).unwrap_or_default();
    let state: Value = serde_json::from_str(&state).unwrap_or_default();
    let mut entries: Vec<Value> = state["context"].as_array().cloned().unwrap_or_default();
    let files = std::fs::read_dir(dir.join("archive")).into_iter().flatten().flatten();
    for path in files.map(|entry| entry.path()).collect::<Vec<PathBuf>>() {
        let text = std::fs::read_to_string(path).unwrap();
        entries.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
    }
    entries.iter().filter_map(|entry| entry["id"].as_str().map(str::to_owned)).collect()
}
