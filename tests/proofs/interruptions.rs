//! Proof 3, what happens to writers: killed at random, stopped while they hold the lock, the lock file taken away.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use serde_json::Value;

use crate::harness::{Ran, World, run};
use crate::journal::assert_revisions_rise;
use crate::stopped::{Stopped, until};
use crate::support::{Dice, Mount, aio_in, ended, figure, require, size, temporaries};

/// Makes the lock file another, or none.
type TakeAway = fn(&Path);

fn state_of(dir: &Path) -> Value {
    let bytes = fs::read(dir.join("state.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)))
}

fn has(dir: &Path, words: &str) -> bool {
    state_of(dir)["context"].as_array().unwrap().iter().any(|entry| entry["content"] == *words)
}

fn add(world: &World, dir: &Path, words: &str) -> Ran {
    run(aio_in(world, dir).args(["context", "add", "decision", words]))
}

#[test]
fn writers_killed_at_random_lose_nothing_they_acknowledged() {
    let start = Instant::now();
    require(&[("mount", "mount")]);
    let rounds = size("AIO_KILL_ROUNDS", 200);
    let (world, memory) = (World::new(), Mount::memory("size=64m"));
    let dir = memory.path.join("state");
    let args = ["register", "claude", "--pid", &std::process::id().to_string()];
    let id = run(aio_in(&world, &dir).args(args)).out.trim().strip_prefix("Registered: ").unwrap().to_owned();
    let (mut dice, mut reach) = (Dice::new(3), Duration::from_millis(5));
    let (mut killed, mut acknowledged, mut slowest) = (0, 0, Duration::ZERO);
    for round in 0..rounds {
        let writers = (0..6).map(|n| writer(&world, &dir, &id, round, n)).collect();
        for (n, ran) in kill_some(writers, &mut dice, &mut reach).into_iter().enumerate() {
            killed += usize::from(ran.code == 137);
            assert!([0, 137].contains(&ran.code), "round {round}: {ran:?}");
            if ran.code == 0 {
                assert!(is_there(&dir, round, n), "round {round}, writer {n}: {ran:?}");
                acknowledged += 1;
            }
        }
        let next = Instant::now();
        let released = run(aio_in(&world, &dir).args(["--as", &id, "release", "all"]));
        assert!([0, 2].contains(&released.code), "round {round}: {released:?}");
        assert_eq!(add(&world, &dir, "the next command").code, 0);
        slowest = slowest.max(next.elapsed());
        assert_eq!(temporaries(&dir), [""; 0], "round {round}");
    }
    // Most end before their moment comes; enough must not.
    assert!(killed > rounds / 4 && acknowledged > rounds, "{killed} killed, {acknowledged} acknowledged");
    assert!(slowest < Duration::from_secs(5), "the next commands took {slowest:?}");
    let commits = assert_revisions_rise(&dir);
    let text = format!(
        "{rounds} rounds of 6 writers, {killed} killed, {acknowledged} acknowledged and there, {commits} journaled \
         commits, the next two commands within {} ms",
        slowest.as_millis()
    );
    figure("kill -9", start, &text);
}

fn name(round: usize, n: usize) -> String {
    format!("src/round-{round}-{n}.rs")
}

fn writer(world: &World, dir: &Path, id: &str, round: usize, n: usize) -> Child {
    let name = name(round, n);
    let args = if n.is_multiple_of(2) { vec!["claim", &name] } else { vec!["context", "add", "decision", &name] };
    let mut command = aio_in(world, dir);
    command.args(["--as", id]).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Kills four in six, each at its own moment within `reach`, and waits for all. Moves `reach` to where about half of them
/// have ended already, however fast the machine is.
fn kill_some(mut writers: Vec<Child>, dice: &mut Dice, reach: &mut Duration) -> Vec<Ran> {
    let start = Instant::now();
    let mut moments: Vec<(Duration, usize)> =
        (0..4).map(|n| (reach.mul_f64(dice.below(1000) as f64 / 1000.0), n)).collect();
    moments.sort_unstable();
    for (moment, n) in &moments {
        std::thread::sleep(moment.saturating_sub(start.elapsed()));
        writers[*n].kill().unwrap();
    }
    let ends: Vec<Ran> = writers.into_iter().map(ended).collect();
    let killed = ends.iter().filter(|ran| ran.code == 137).count();
    *reach =
        reach.mul_f64(if killed < 2 { 0.8 } else { 1.2 }).clamp(Duration::from_micros(200), Duration::from_millis(50));
    ends
}

fn is_there(dir: &Path, round: usize, n: usize) -> bool {
    let (state, name) = (state_of(dir), name(round, n));
    if n.is_multiple_of(2) {
        return state["claims"].as_object().unwrap().values().any(|claim| claim["target"] == *name);
    }
    has(dir, &name) || {
        let files = fs::read_dir(dir.join("archive")).into_iter().flatten().flatten();
        files.into_iter().any(|file| fs::read_to_string(file.path()).unwrap().contains(&name))
    }
}

#[test]
fn a_stopped_holder_is_named_and_its_lock_not_broken() {
    let start = Instant::now();
    require(&[("strace", "strace"), ("mount", "mount")]);
    let (world, memory) = (World::new(), Mount::memory("size=16m"));
    let dir = memory.path.join("state");
    assert_eq!(add(&world, &dir, "before").code, 0);
    fs::write(dir.join("config.toml"), "lock_timeout = \"1s\"\n").unwrap();
    let stopped = Stopped::in_commit(&world, &dir, &["context", "add", "decision", "held up"]);
    let asked = Instant::now();
    let refused = add(&world, &dir, "refused");
    let waited = asked.elapsed();
    let named = refused.err.contains(&format!("process {}", stopped.pid));
    assert!(refused.code == 5 && named && waited >= Duration::from_secs(1), "{} {waited:?}: {refused:?}", stopped.pid);
    assert_eq!(run(aio_in(&world, &dir).arg("status")).code, 0);
    assert!(has(&dir, "before") && !has(&dir, "held up") && !has(&dir, "refused"));
    let ran = stopped.resume();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(add(&world, &dir, "after").code, 0);
    assert!(has(&dir, "before") && has(&dir, "held up") && !has(&dir, "refused") && has(&dir, "after"));
    let text = format!("exit 5 after {:.2} s naming the holder's pid, then all went on", waited.as_secs_f64());
    figure("stopped holder", start, &text);
}

#[test]
fn a_lock_file_taken_away_never_makes_two_holders() {
    let start = Instant::now();
    require(&[("strace", "strace"), ("mount", "mount")]);
    let take_away: [(&str, TakeAway); 2] = [
        ("deleted", |lock| fs::remove_file(lock).unwrap()),
        ("replaced", |lock| {
            fs::write(lock.with_extension("other"), "").unwrap();
            fs::rename(lock.with_extension("other"), lock).unwrap();
        }),
    ];
    for (how, take_away) in take_away {
        let (world, memory) = (World::new(), Mount::memory("size=16m"));
        let dir = memory.path.join("state");
        assert_eq!(add(&world, &dir, "before").code, 0);
        let lock = dir.join("state.lock");
        let held = File::open(&lock).unwrap();
        rustix::fs::flock(&held, FlockOperation::LockExclusive).unwrap();
        let mut first = aio_in(&world, &dir);
        first.args(["context", "add", "decision", "the first"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let first = first.spawn().unwrap();
        until("the first waits", || waits_for(&first, &held));
        take_away(&lock);
        let second = Stopped::in_commit(&world, &dir, &["context", "add", "decision", "the second"]);
        drop(held);
        // What the first has now is a lock on a file that is no longer there; it must queue behind the second.
        let new = File::open(&lock).unwrap();
        until("the first waits for the new file", || waits_for(&first, &new));
        assert!(!has(&dir, "the first") && !has(&dir, "the second"), "{how}");
        assert_eq!(second.resume().code, 0, "{how}");
        let first = ended(first);
        assert_eq!(first.code, 0, "{how}: {first:?}");
        assert!(has(&dir, "before") && has(&dir, "the first") && has(&dir, "the second"), "{how}");
    }
    figure(
        "lock file taken away",
        start,
        "deleted and replaced while one waits: one holder at a time, both changes there",
    );
}

/// Whether a process stands in the kernel's queue for the lock on a file.
fn waits_for(process: &Child, file: &File) -> bool {
    let (pid, inode) = (format!(" {} ", process.id()), format!(":{} ", file.metadata().unwrap().ino()));
    let locks = fs::read_to_string("/proc/locks").unwrap();
    locks.lines().any(|line| line.contains("->") && line.contains(&pid) && line.contains(&inode))
}
