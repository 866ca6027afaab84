//! Proof 3, power loss: the file system is shut down as if the machine had stopped, and mounted anew.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::ioctl::{Setter, ioctl};
use serde_json::Value;

use crate::harness::{World, run};
use crate::support::{Mount, aio_in, figure, require, size, temporaries};

/// `XFS_IOC_GOINGDOWN` and `EXT4_IOC_SHUTDOWN`: `_IOR('X', 125, __u32)`.
const SHUTDOWN: rustix::ioctl::Opcode = 0x8004_587d;
/// `XFS_FSOP_GOING_FLAGS_LOGFLUSH`: the log is written out first, the data are not.
const LOG_FLUSHED: u32 = 1;
/// `XFS_FSOP_GOING_FLAGS_NOLOGFLUSH`: nothing is.
const NOTHING_FLUSHED: u32 = 2;

#[test]
fn what_was_written_down_survives_power_loss() {
    let start = Instant::now();
    require(&[("mkfs.ext4", "e2fsprogs"), ("mkfs.xfs", "xfsprogs"), ("mount", "mount")]);
    let rounds = size("AIO_POWER_LOSSES", 10);
    let (mut losses, mut entries, mut damage) = (0, 0, Vec::new());
    for (kind, options) in [("ext4", ""), ("xfs", "-f")] {
        let disk = Mount::image(kind, options);
        for flags in [LOG_FLUSHED, NOTHING_FLUSHED] {
            let mut damaged = 0;
            for round in 0..rounds {
                entries += one_loss(&disk, kind, flags, round);
                damaged += usize::from(is_damaged_without_sync(&disk, flags));
                losses += 1;
            }
            damage.push(format!("{kind}/{flags} {damaged} of {rounds}"));
        }
    }
    assert!(!damage.iter().all(|text| text.contains(" 0 of ")), "the method shows nothing: {damage:?}");
    let text = format!(
        "{losses} power losses, {entries} acknowledged entries all there; a writer without fsync was damaged in {}",
        damage.join(", ")
    );
    figure("power loss", start, &text);
}

/// Acknowledged writes, the loss, and what is there afterwards.
fn one_loss(disk: &Mount, kind: &str, flags: u32, round: usize) -> usize {
    let what = format!("{kind}, flags {flags}, round {round}");
    let world = World::new();
    let dir = disk.path.join(format!("state-{flags}-{round}"));
    let aio = |args: &[&str]| {
        let ran = run(aio_in(&world, &dir).args(args));
        assert_eq!(ran.code, 0, "{what}: {args:?}: {ran:?}");
        ran.out.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    let id = aio(&["register", "claude", "--pid", &std::process::id().to_string()]);
    let mut acknowledged = BTreeSet::new();
    for n in 0..=round {
        aio(&["--as", &id, "claim", &format!("src/{n}.rs")]);
        acknowledged.insert(aio(&["--as", &id, "context", "add", "decision", &format!("number {n}")]));
    }
    if round % 3 == 1 {
        fill(&dir);
        acknowledged.extend((0..3).map(|n| aio(&["context", "add", "pattern", &format!("over {n}")])));
    }
    let durable = revision(&dir);
    aio(&["--as", &id, "claim", "src/last.rs"]);
    let last = revision(&dir);
    lose_power(disk, flags);
    let text = std::fs::read(dir.join("state.json")).unwrap_or_else(|error| panic!("{what}: {error}"));
    let state: Value = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{what}: {error}: {text:?}"));
    let found = state["revision"].as_u64().unwrap();
    assert!((durable..=last).contains(&found), "{what}: revision {found}, not {durable} to {last}");
    let claims = state["claims"].as_object().unwrap().len();
    assert_eq!(claims, round + 1 + usize::from(found == last), "{what}: revision {found}");
    let there = entries(&dir, &state);
    assert!(there.is_superset(&acknowledged), "{what}: {:?} lost", acknowledged.difference(&there));
    aio(&["--as", &id, "context", "add", "warning", "the next command"]);
    assert_eq!(temporaries(&dir), [""; 0], "{what}");
    acknowledged.len()
}

/// Two hundred entries, so that the next ones move others to the archive.
fn fill(dir: &Path) {
    let path = dir.join("state.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let entries = state["context"].as_array_mut().unwrap();
    let entry = |n| {
        serde_json::json!({ "id": format!("01J0000000000000000000{n:04}"), "category": "learning", "content": "old",
            "source": "claude", "createdAt": "2026-01-01T00:00:00Z", "instanceId": "" })
    };
    let missing = 200 - entries.len();
    entries.splice(0..0, (0..missing).map(entry));
    std::fs::write(&path, state.to_string()).unwrap();
}

fn revision(dir: &Path) -> u64 {
    let state: Value = serde_json::from_slice(&std::fs::read(dir.join("state.json")).unwrap()).unwrap();
    state["revision"].as_u64().unwrap()
}

/// The ids of the memory, in the state and in the archive.
fn entries(dir: &Path, state: &Value) -> BTreeSet<String> {
    let files = std::fs::read_dir(dir.join("archive")).into_iter().flatten().flatten();
    let texts: Vec<String> = files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let archived: Vec<Value> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    let all = state["context"].as_array().unwrap().iter().chain(&archived);
    all.filter_map(|entry| entry["id"].as_str().map(str::to_owned)).collect()
}

fn lose_power(disk: &Mount, flags: u32) {
    let root = File::open(&disk.path).unwrap();
    // SAFETY: the call reads one u32 and keeps no pointer to it.
    unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(flags)) }.unwrap();
    drop(root);
    disk.detach();
    disk.attach();
}

/// The control: the same replacement without a sync loses or empties a file that was complete before.
fn is_damaged_without_sync(disk: &Mount, flags: u32) -> bool {
    let path = disk.path.join("control.json");
    let text = "x".repeat(100_000);
    let replace = |text: &str| {
        let beside: PathBuf = path.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, &path).unwrap();
    };
    std::fs::write(&path, &text).unwrap();
    rustix::fs::syncfs(File::open(&disk.path).unwrap()).unwrap();
    replace(&format!("{text}{text}"));
    replace(&format!("{text}{text}{text}"));
    lose_power(disk, flags);
    // Acknowledged was the third text; the first two are states, but old ones.
    std::fs::read_to_string(&path).map_or(true, |found| found.len() != 3 * text.len())
}
