//! Killed at any moment, `aio init` leaves each file old or new, and the next one finishes.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{init, remove};
use crate::harness::{World, run};

const ROUNDS: u32 = 40;

/// Files as they were, as they become, and where.
struct Set {
    world: World,
    files: Vec<PathBuf>,
}

impl Set {
    /// Several agents with settings of their own.
    fn new() -> Set {
        let world = World::new();
        let files = [
            (".claude/settings.json", "{\n  // mine\n  \"model\": \"opus\",\n}\n"),
            (".claude/CLAUDE.md", "# Mine\n"),
            (".codex/hooks.json", "{\"hooks\":{}}"),
            (".codex/config.toml", "model = \"x\"\n"),
            (".codex/AGENTS.md", ""),
            (".gemini/settings.json", "{}\n"),
            (".cursor/hooks.json", "{ \"version\": 1, \"hooks\": { \"stop\": [] } }\n"),
        ];
        let write = |(below, text): (&str, &str)| {
            let path = world.home.join(below);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let files = files.map(write).into();
        Set { world, files }
    }

    fn texts(&self) -> Vec<Vec<u8>> {
        self.files.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    /// Starts a run and kills it after a while. Whether it was still running.
    fn killed(&self, args: &[&str], after: Duration) -> bool {
        let mut command = self.world.command("aio");
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // The moment is the point of the test.
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap().code().is_none()
    }
}

const AGENTS: &str = "claude,codex,gemini,cursor";
const PUT_IN: [&str; 4] = ["init", "--yes", "--agents", AGENTS];
const TAKE_OUT: [&str; 5] = ["init", "--remove", "--yes", "--agents", AGENTS];

#[test]
fn whoever_is_killed_leaves_each_file_old_or_new() {
    let set = Set::new();
    let old = set.texts();
    let began = Instant::now();
    assert_eq!(init(&set.world, AGENTS).code, 0);
    let span = began.elapsed();
    let new = set.texts();
    assert_eq!(remove(&set.world, AGENTS).code, 0);
    assert_eq!(set.texts(), old);
    let mut killed = 0;
    for round in 0..ROUNDS {
        let put_in = set.killed(&PUT_IN, span * round / ROUNDS);
        assert_old_or_new(&set.texts(), &old, &new, round);
        assert_eq!(run(set.world.command("aio").args(PUT_IN)).code, 0);
        assert_eq!(set.texts(), new, "round {round}");
        let take_out = set.killed(&TAKE_OUT, span * round / ROUNDS);
        assert_old_or_new(&set.texts(), &old, &new, round);
        assert_eq!(run(set.world.command("aio").args(TAKE_OUT)).code, 0);
        assert_eq!(set.texts(), old, "round {round}");
        killed += u32::from(put_in) + u32::from(take_out);
    }
    assert!(killed > ROUNDS / 4, "only {killed} were still running");
}

fn assert_old_or_new(found: &[Vec<u8>], old: &[Vec<u8>], new: &[Vec<u8>], round: u32) {
    for (index, text) in found.iter().enumerate() {
        let is_whole = *text == old[index] || *text == new[index];
        assert!(is_whole, "round {round}: {}", String::from_utf8_lossy(text));
    }
}

#[test]
fn what_another_program_writes_meanwhile_is_not_lost() {
    let world = World::new();
    fs::create_dir(world.home.join(".claude")).unwrap();
    let settings = world.home.join(".claude/settings.json");
    fs::write(&settings, "{\n  \"n\": 0\n}\n").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Replaces the whole file, as editors and the agents themselves do, keeping what it finds there.
        scope.spawn(|| {
            for n in 1..=200 {
                let text = fs::read_to_string(&settings).unwrap();
                let number = text.find("\"n\": ").unwrap() + 5;
                let end = number + text[number..].find([',', '\n']).unwrap();
                let beside = settings.with_extension("new");
                fs::write(&beside, format!("{}{n}{}", &text[..number], &text[end..])).unwrap();
                fs::rename(&beside, &settings).unwrap();
                std::thread::yield_now();
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            init(&world, "claude");
            remove(&world, "claude");
        }
    });
    assert_eq!(init(&world, "claude").code, 0);
    let text = fs::read_to_string(&settings).unwrap();
    assert!(text.contains("\"n\": 200"), "the last write is there: {text}");
    assert!(text.contains(" aio hook claude Stop"));
}
