//! Another program that writes the state while we do: an editor, `jq`, the original scripts.
//!
//! `AIO_PROOF_CASES` says how many of its edits to try.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::World;

fn cases(default: usize) -> usize {
    std::env::var("AIO_PROOF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

/// A number that looks random, the same in each run.
fn scrambled(number: usize) -> usize {
    let mut x = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 29;
    (x.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) as usize
}

/// Writes as some program may: in place or by rename, packed or spread out.
fn write_somehow(world: &World, state: &Value, how: usize) {
    let text = match how % 4 {
        0 => state.to_string(),
        1 => serde_json::to_string_pretty(state).unwrap(),
        2 => format!("\u{feff}{state}\r\n"),
        _ => serde_json::to_string_pretty(state).unwrap().replace('\n', "\r\n"),
    };
    if how & 4 == 0 {
        fs::write(world.state_path(), text).unwrap();
    } else {
        let beside = world.dir.join("theirs.tmp");
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, world.state_path()).unwrap();
    }
}

/// One edit of another program: a field, an entry or a section of theirs, whose value grows with `number`.
fn edit(state: &mut Value, number: usize, id: &str) {
    let value = json!(format!("theirs {number}"));
    match scrambled(number) % 5 {
        0 => state["xSection"][format!("key{}", number % 7)] = value,
        1 => state["instances"][id]["xField"] = value,
        2 => state["instances"]["other-1-0000"]["xField"] = value,
        3 => {
            let entry = json!({"id": format!("theirs-{}", number % 9), "category": "warning", "content": value,
                "source": "jq", "createdAt": "2026-01-01T00:00:00Z", "project": null});
            let context = state["context"].as_array_mut().unwrap();
            context.retain(|known| known["id"] != entry["id"]);
            context.push(entry);
        }
        _ => state["claims"]["theirs"]["xField"] = value,
    }
}

/// What is theirs in a state, and nothing of ours.
fn theirs(state: &Value, id: &str) -> Value {
    let context = state["context"].as_array().unwrap().iter().filter(|entry| entry["source"] == "jq");
    json!([
        state["xSection"],
        state["instances"][id]["xField"],
        state["instances"]["other-1-0000"]["xField"],
        state["claims"]["theirs"]["xField"],
        context.collect::<Vec<_>>(),
    ])
}

#[test]
fn edits_between_our_commands_are_kept_and_so_is_what_is_ours() {
    let world = World::new();
    let claude = world.register("claude");
    world.edit(|state| {
        state["instances"]["other-1-0000"] = json!({"id": "other-1-0000", "tool": "other", "lastHeartbeat": ""});
        state["claims"]["theirs"] =
            json!({"id": "theirs", "instanceId": "other-1-0000", "type": "file", "target": "t", "project": "/nowhere"});
    });
    for number in 0..cases(60) {
        let mut state = world.state();
        edit(&mut state, number, &claude);
        let expected = theirs(&state, &claude);
        write_somehow(&world, &state, scrambled(number));
        let target = format!("file-{}", number % 5);
        let ran = match number % 3 {
            0 => world.aio_as(&claude, ["claim", &target]),
            1 => world.aio_as(&claude, ["task", &format!("task {number}")]),
            _ => world.aio_as(&claude, ["context", "add", &format!("ours {number}")]),
        };
        assert_eq!(ran.code, 0, "{number}: {ran:?}");
        let after = world.state();
        assert_eq!(theirs(&after, &claude), expected, "edit {number}");
        match number % 3 {
            0 => assert!(after["claims"].as_object().unwrap().values().any(|claim| claim["target"] == *target)),
            1 => assert_eq!(after["instances"][&claude]["currentTask"], format!("task {number}")),
            _ => assert_eq!(after["context"].as_array().unwrap().last().unwrap()["content"], format!("ours {number}")),
        }
    }
}

#[test]
fn a_reader_meets_no_half_of_what_another_program_writes_in_place() {
    let world = World::new();
    let claude = world.register("claude");
    world.claim(&claude, "a");
    let text = world.state_text();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // Emptied and written, as `echo … > state.json` does.
                fs::write(world.state_path(), &text).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let answers: Vec<_> = (0..cases(60).min(500)).map(|_| world.aio_as(&claude, ["check", "a"])).collect();
        done.store(true, Ordering::Relaxed);
        // A writer may be kept from the processor in the midst of it for longer than a reader waits.
        let (fine, torn): (Vec<_>, Vec<_>) = answers.iter().partition(|ran| ran.code == 0);
        assert!(!fine.is_empty() && fine.iter().all(|ran| ran.out.starts_with("YOURS ")), "{fine:?}");
        assert!(torn.iter().all(|ran| ran.code == 4), "{torn:?}");
    });
}

#[test]
fn the_reset_line_echoed_while_we_write_leaves_a_state() {
    let world = World::new();
    let claude = world.register("claude");
    let reset = "{\"schemaVersion\":1,\"instances\":{},\"claims\":{},\"context\":[]}\n";
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::write(world.state_path(), reset).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        for number in 0..cases(30).min(200) {
            let ran = world.aio(["register", "amp", "--session", &format!("s{number}")]);
            assert!(matches!(ran.code, 0 | 4 | 6), "{ran:?}");
            let ran = world.aio_as(&claude, ["claim", "a"]);
            assert!(matches!(ran.code, 0 | 3 | 4 | 6), "{ran:?}");
        }
        done.store(true, Ordering::Relaxed);
    });
    world.register("codex");
    assert_eq!(world.aio(["doctor"]).code, 0);
}
