//! `aio log`, `aio watch`, `aio status --watch`.

use serde_json::Value;

use crate::harness::{World, eventually};

#[test]
fn the_log_tells_what_happened_and_no_heartbeats() {
    let world = World::new();
    assert_eq!(world.aio(["log"]).answer(), (0, ""));
    let claude = world.register("claude");
    world.claim(&claude, "a");
    world.age(&claude, 100);
    world.aio_as(&claude, ["heartbeat"]);
    world.aio_as(&claude, ["release", "a"]);
    let log = world.aio(["log"]);
    let events: Vec<&str> = log.out.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
    assert_eq!(events, ["registered", "claimed", "released"]);
    assert!(log.out.lines().all(|line| line.contains(&claude)));
    assert_eq!(world.aio(["log", "-n", "1"]).out.lines().count(), 1);
    let entries = world.json(&claude, ["log"])["data"]["entries"].clone();
    assert_eq!(entries.as_array().unwrap().len(), 3);
    assert_eq!((&entries[1]["event"], &entries[1]["target"]), (&"claimed".into(), &"a".into()));
}

#[test]
fn a_torn_line_is_skipped_and_a_lost_journal_is_no_harm() {
    let world = World::new();
    let claude = world.register("claude");
    let journal = world.dir.join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, format!("{text}{{\"revision\":2,\"at\":\"20\n")).unwrap();
    world.claim(&claude, "a");
    assert_eq!(world.aio(["log"]).out.lines().count(), 2);
    std::fs::remove_file(&journal).unwrap();
    std::fs::create_dir(&journal).unwrap();
    let granted = world.aio_as(&claude, ["claim", "b"]);
    assert_eq!(granted.code, 0, "the journal is never needed");
    assert!(granted.err.contains("journal"), "but its loss is said: {granted:?}");
}

#[test]
fn following_the_log_shows_what_comes() {
    let world = World::new();
    let claude = world.register("claude");
    let mut started = world.start(&claude, ["log", "--follow", "--json"]);
    let mut lines = started.lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!(first["event"], "registered");
    world.claim(&claude, "a");
    let next: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!((&next["event"], &next["target"]), (&"claimed".into(), &"a".into()));
    started.signal("TERM");
}

#[test]
fn a_watch_prints_a_line_for_each_change() {
    let world = World::new();
    let claude = world.register("claude");
    let mut started = world.start(&claude, ["watch"]);
    let mut lines = started.lines().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    // A change may come before the watch has begun, so one is made until the first is seen.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.try_for_each(|line| sender.send(line)));
    let mut number = 0;
    let first = eventually("the first line", || {
        number += 1;
        world.aio_as(&claude, ["task", &format!("task {number}")]);
        receiver.try_recv().ok()
    });
    assert_eq!(
        (&first["change"], &first["section"], &first["id"]),
        (&"changed".into(), &"instance".into(), &(*claude).into())
    );
    let next =
        |section: &str| eventually("a line", || receiver.try_recv().ok().filter(|line| line["section"] == section));
    let id = world.claim(&claude, "a");
    let line = next("claim");
    assert_eq!((&line["change"], &line["id"], &line["entry"]["target"]), (&"added".into(), &(*id).into(), &"a".into()));
    assert!(line["revision"].is_u64());
    world.aio_as(&claude, ["context", "add", "hello"]);
    assert_eq!(next("context")["entry"]["content"], "hello");
    world.aio_as(&claude, ["release", "a"]);
    assert_eq!(next("claim")["change"], "removed");
    world
        .edit(|state| state["claims"]["by-hand"] = serde_json::json!({"id": "by-hand", "target": "x", "type": "file"}));
    assert_eq!(next("claim")["id"], "by-hand", "an editor's change shows as well");
    started.signal("TERM");
}

#[test]
fn a_watched_status_is_drawn_anew_when_something_changes() {
    let world = World::new();
    let claude = world.register("claude");
    let mut started = world.start(&claude, ["status", "--watch"]);
    let mut lines = started.lines();
    assert_eq!(lines.next().as_deref(), Some("=== AI Orchestrator Status ==="));
    world.claim(&claude, "the-file");
    assert!(lines.any(|line| line.contains("the-file")));
    started.signal("TERM");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let world = World::new();
    let claude = world.register("claude");
    for n in 0..40 {
        world.claim(&claude, &format!("file-{n}"));
    }
    let script = format!(
        "set -o pipefail; aio --as {claude} log -n 1000 | head -n 1 >/dev/null; aio completions bash | head -n 1 >/dev/null; echo $?"
    );
    let ran = crate::harness::run(world.shell("/bin/bash").args(["-c", &script]));
    assert_eq!(ran.err, "", "{ran:?}");
    assert_eq!(ran.out, "0\n");
}
