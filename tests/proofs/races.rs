//! Proof 1: of racing claims one wins.
//!
//! The barrier is `config.toml` as a named pipe: every command opens it before it looks at the state, and waits there
//! until this test, having seen all of them wait, closes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::harness::{Ran, World, run};
use crate::stopped::until;
use crate::support::{Dice, Mount, aio_in, ended, figure, require, size};

/// Ways to claim something that contains `src/a/b/c.rs`, so that any two of them overlap.
const SAME_FILE: [&[&str]; 3] =
    [&["src/a/b/c.rs"], &["file", "./src/x/../a/b/c.rs"], &["file", "src/a/b/../../../src/a//b/c.rs"]];
const FILE_OR_DIRECTORY: [&[&str]; 5] =
    [&["file", "src/a/b/c.rs"], &["directory", "src"], &["dir", "src/a"], &["directory", "src/a/b/"], &["dir", "."]];
const PATTERNS: [&[&str]; 6] = [
    &["pattern", "src/**/*.rs"],
    &["glob", "c.rs"],
    &["pattern", "src/{a,z}/**"],
    &["glob", "src/?/b/[a-c].rs"],
    &["pattern", "src/a/*/c.*"],
    &["glob", "**/b/[!x].rs"],
];

/// A state directory in memory, with instances that live as long as this process.
struct Arena {
    world: World,
    memory: Mount,
    instances: Vec<String>,
}

impl Arena {
    fn new(instances: usize) -> Arena {
        let mut arena = Arena { world: World::new(), memory: Mount::memory("size=256m"), instances: Vec::new() };
        std::fs::create_dir_all(arena.world.project.join("src/a/b")).unwrap();
        let pid = std::process::id().to_string();
        for n in 0..instances {
            let args = ["register", "claude", "--pid", &pid, "--session", &format!("session-{n}")];
            let ran = run(aio_in(&arena.world, &arena.dir()).args(args));
            arena
                .instances
                .push(ran.out.trim().strip_prefix("Registered: ").unwrap_or_else(|| panic!("{ran:?}")).into());
        }
        arena
    }

    fn dir(&self) -> PathBuf {
        self.memory.path.join("state")
    }

    fn aio(&self, instance: usize, args: &[&str]) -> Ran {
        run(aio_in(&self.world, &self.dir()).args(["--as", &self.instances[instance]]).args(args))
    }

    fn state(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir().join("state.json")).unwrap()).unwrap()
    }

    /// Runs commands, each as an instance, all let go at one moment.
    fn race(&self, commands: &[(usize, Vec<String>)]) -> Vec<Ran> {
        let barrier = Barrier::new(&self.dir().join("config.toml"));
        let children: Vec<Child> = (commands.iter())
            .map(|(instance, args)| {
                let mut command = aio_in(&self.world, &self.dir());
                command.args(["--as", &self.instances[*instance]]).args(args);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        barrier.lift(&children);
        children.into_iter().map(ended).collect()
    }
}

/// A named pipe that nobody has opened for writing yet.
struct Barrier(PathBuf);

impl Barrier {
    fn new(path: &Path) -> Barrier {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        Barrier(path.to_owned())
    }

    /// Waits until all wait, and lets all go.
    fn lift(self, waiting: &[Child]) {
        for child in waiting {
            let wchan = format!("/proc/{}/wchan", child.id());
            until("all wait at the barrier", || std::fs::read_to_string(&wchan).unwrap() == "wait_for_partner");
        }
        let pipe = std::fs::OpenOptions::new().write(true).open(&self.0).unwrap();
        std::fs::remove_file(&self.0).unwrap();
        drop(pipe);
    }
}

#[test]
fn of_fifty_that_overlap_exactly_one_wins() {
    let start = Instant::now();
    require(&[("mount", "mount")]);
    let (rounds, contenders) = (size("AIO_RACE_ROUNDS", 1000), size("AIO_RACE_CONTENDERS", 50));
    let arena = Arena::new(contenders);
    let mut dice = Dice::new(1);
    let mut winners = BTreeSet::new();
    for round in 0..rounds {
        let all: Vec<&[&str]> = SAME_FILE.iter().chain(&FILE_OR_DIRECTORY).chain(&PATTERNS).copied().collect();
        let ways: &[&[&str]] = [&SAME_FILE[..], &FILE_OR_DIRECTORY, &PATTERNS, &all][round % 4];
        let claim = |n: usize, dice: &mut Dice| {
            let way = ways[usize::try_from(dice.below(ways.len() as u64)).unwrap()];
            (n, std::iter::once("claim").chain(way.iter().copied()).map(str::to_owned).collect())
        };
        let commands: Vec<_> = (0..contenders).map(|n| claim(n, &mut dice)).collect();
        let ends = arena.race(&commands);
        winners.insert(the_one_winner(&arena, &commands, &ends, round));
    }
    let text = format!("{rounds} rounds of {contenders}, one winner each, {} different ones", winners.len());
    figure("one winner", start, &text);
}

/// Checks a round and lets its winner release.
fn the_one_winner(arena: &Arena, commands: &[(usize, Vec<String>)], ends: &[Ran], round: usize) -> usize {
    let granted: Vec<usize> = (0..ends.len()).filter(|n| ends[*n].code == 0).collect();
    let [winner] = granted[..] else { panic!("round {round}: granted {granted:?}: {commands:?} {ends:?}") };
    let holder = &arena.instances[winner];
    for (n, end) in ends.iter().enumerate().filter(|(n, _)| *n != winner) {
        let told = end.code == 1 && end.first() == format!("Already claimed by: {holder}");
        assert!(told, "round {round}: {:?} lost to {holder}: {end:?}", commands[n]);
    }
    let state = arena.state();
    let claims = state["claims"].as_object().unwrap();
    assert!(claims.len() == 1 && claims.values().all(|claim| claim["instanceId"] == **holder), "{claims:?}");
    assert_eq!(ends[winner].first(), format!("Claimed: {}", claims.keys().next().unwrap()));
    let released = arena.aio(winner, &["release", "all"]);
    assert_eq!(released.code, 0, "{released:?}");
    winner
}

#[test]
fn two_hundred_that_do_not_overlap_are_all_stored() {
    let start = Instant::now();
    require(&[("mount", "mount")]);
    let arena = Arena::new(20);
    let commands: Vec<_> = (0..200).map(|n| (n % 20, vec!["claim".to_owned(), format!("src/file-{n}.rs")])).collect();
    let ends = arena.race(&commands);
    let granted: BTreeSet<&str> =
        (ends.iter()).map(|end| end.first().strip_prefix("Claimed: ").unwrap_or_else(|| panic!("{end:?}"))).collect();
    let state = arena.state();
    let claims = state["claims"].as_object().unwrap();
    let stored: BTreeSet<&str> = claims.keys().map(String::as_str).collect();
    assert_eq!((granted.len(), &granted), (200, &stored));
    for (instance, args) in &commands {
        let by_it = |claim: &Value| claim["target"] == *args[1] && claim["instanceId"] == *arena.instances[*instance];
        assert!(claims.values().any(by_it), "{args:?}");
    }
    figure("all stored", start, "200 racing claims of different files by 20 instances: 200 granted, 200 stored");
}
