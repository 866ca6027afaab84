//! Proof 5: another program that knows nothing of the lock writes the state while our commands do.
//!
//! What is promised: what it wrote between our read and our rename is never overwritten by us. What it overwrites
//! of ours, having read before we wrote and written after, is its own doing.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Ran, World, run};
use crate::journal::assert_revisions_rise;
use crate::support::{Dice, Mount, aio_in, figure, require, shell, size};

const RESET: &str = r#"{"schemaVersion":1,"instances":{},"claims":{},"context":[]}"#;

struct Shared {
    world: World,
    memory: Mount,
    over: AtomicBool,
    done: AtomicUsize,
    refused: AtomicUsize,
}

impl Shared {
    fn new() -> Shared {
        let (over, done, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Shared { world: World::new(), memory: Mount::memory("size=64m"), over, done, refused };
        assert_eq!(shared.aio(&["context", "add", "decision", "first"]).code, 0);
        shared
    }

    fn dir(&self) -> std::path::PathBuf {
        self.memory.path.join("state")
    }

    fn aio(&self, args: &[&str]) -> Ran {
        run(aio_in(&self.world, &self.dir()).args(args))
    }

    /// Commands of ours, until it is over. None may crash or find the state unreadable.
    fn work(&self, n: usize) {
        let session = format!("worker-{n}");
        let (file, pid) = (format!("src/{n}.rs"), std::process::id().to_string());
        while !self.over.load(Ordering::Relaxed) {
            let registered = self.take(&["register", "claude", "--session", &session, "--pid", &pid]);
            let Some(id) = registered.out.trim().strip_prefix("Registered: ") else { continue };
            self.take(&["--as", id, "claim", &file]);
            self.take(&["--as", id, "check", &file]);
            self.take(&["context", "add", "learning", &session]);
            self.take(&["--as", id, "release", "all"]);
            self.take(&["status"]);
        }
    }

    fn take(&self, args: &[&str]) -> Ran {
        let ran = self.aio(args);
        // An instance or a claim that the other program dropped is not there: 2 or 3. Too many edits in a row: 6.
        let kept_out = ran.code == 6 && ran.err.contains("another program keeps rewriting it");
        assert!((0..=3).contains(&ran.code) || kept_out, "{args:?}: {ran:?}");
        (if ran.code == 0 { &self.done } else { &self.refused }).fetch_add(1, Ordering::Relaxed);
        ran
    }

    fn read(&self) -> Value {
        let bytes = fs::read(self.dir().join("state.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)))
    }

    /// Runs `other` while two work.
    fn beside(&self, other: impl FnOnce()) {
        /// Ends the work even when `other` panics, or nobody would be told.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        std::thread::scope(|scope| {
            (0..2).for_each(|n| drop(scope.spawn(move || self.work(n))));
            let _over = Over(&self.over);
            other();
        });
    }
}

#[test]
fn edits_by_another_program_are_never_overwritten() {
    let start = Instant::now();
    require(&[("mount", "mount")]);
    let edits = size("AIO_FOREIGN_EDITS", 10_000);
    let shared = Shared::new();
    let mut lost = 0;
    shared.beside(|| lost = edit_many(&shared, edits));
    let (done, refused) = (shared.done.into_inner(), shared.refused.into_inner());
    assert!(done > 100, "{done} commands done");
    let commits = assert_revisions_rise(&shared.memory.path.join("state"));
    let text = format!("{edits} edits during {done} commands ({refused} more refused), {lost} lost; {commits} commits");
    figure("foreign edits", start, &text);
}

/// Edits in both ways that editors and scripts have, at random moments; each finds the one before. Who writes in place may
/// stand, in the middle of opening the file, where no other can see it: the protocol promises nothing for that moment, and
/// the system may stop it just there. How many were lost to it.
fn edit_many(shared: &Shared, edits: usize) -> usize {
    let (path, mut dice) = (shared.dir().join("state.json"), Dice::new(5));
    let (mut lost, mut was_in_place) = (0, false);
    for edit in 0..=edits {
        let mut state = shared.read();
        let found = state["editor"]["edits"].as_u64().unwrap_or(0);
        if found != edit as u64 {
            assert!(was_in_place, "edit {edit} was overwritten: {found}");
            lost += 1;
        }
        state["editor"] = json!({ "edits": edit + 1, "words": "x".repeat(usize::try_from(dice.below(50)).unwrap()) });
        was_in_place = dice.below(2) == 0;
        write(&path, &state.to_string(), was_in_place);
        std::thread::sleep(Duration::from_micros(dice.below(3_000)));
    }
    assert!(lost <= edits / 2_000, "{lost} of {edits} edits were overwritten");
    lost
}

fn write(path: &Path, text: &str, in_place: bool) {
    if in_place {
        fs::write(path, text).unwrap();
    } else {
        let beside = path.with_extension("json~");
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, path).unwrap();
    }
}

#[test]
fn the_reset_line_echoed_while_others_write_is_a_state() {
    let start = Instant::now();
    require(&[("mount", "mount")]);
    let resets = size("AIO_RESETS", 500);
    let shared = Shared::new();
    let mut highest = 0;
    shared.beside(|| {
        let path = shared.dir().join("state.json");
        let mut dice = Dice::new(7);
        for _ in 0..resets {
            shell(&format!("echo '{RESET}' > {}", path.display()));
            std::thread::sleep(Duration::from_micros(dice.below(20_000)));
            let revision = shared.read()["revision"].as_u64().unwrap_or(highest);
            assert!(revision >= highest, "revision {revision} after {highest}");
            highest = revision;
        }
    });
    let commits = assert_revisions_rise(&shared.dir());
    assert_eq!(shared.aio(&["context", "add", "decision", "last"]).code, 0);
    assert!(shared.read()["revision"].as_u64().unwrap() > highest);
    let (done, refused) = (shared.done.into_inner(), shared.refused.into_inner());
    assert!(done > 100, "{done} commands done");
    let text = format!("{resets} resets during {done} commands ({refused} more refused), {commits} rising revisions");
    figure("reset line", start, &text);
}
