//! The shared memory: context, handoffs, and the `aio-context` of the playbook.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Ran, World, run, seconds_ago};

fn context(world: &World, id: &str, args: &[&str]) -> Ran {
    run(world.command("aio-context").args(["--as", id]).args(args))
}

fn entries(world: &World) -> Vec<Value> {
    world.state()["context"].as_array().unwrap().clone()
}

fn entry(id: usize, category: &str, age_s: i64) -> Value {
    json!({"id": format!("ctx-{id:04}"), "project": null, "category": category, "content": format!("entry {id}"),
        "source": "claude", "createdAt": seconds_ago(age_s)})
}

#[test]
fn words_are_joined_signed_and_kept() {
    let world = World::new();
    let claude = world.register("claude");
    let added = world.aio_as(&claude, ["context", "add", "decision", "use", "flock"]);
    let all = entries(&world);
    assert_eq!(added.out, format!("Context added: {}\n", all[0]["id"].as_str().unwrap()));
    assert_eq!((&all[0]["content"], &all[0]["category"]), (&json!("use flock"), &json!("decision")));
    assert_eq!((&all[0]["source"], &all[0]["instanceId"]), (&json!("claude"), &json!(claude)));
    assert_eq!(all[0]["project"], world.project.to_str().unwrap());
    world.aio_as(&claude, ["context", "add", "no category is a learning"]);
    assert_eq!(entries(&world)[1]["category"], "learning");
}

#[test]
fn the_original_forms_are_accepted() {
    let world = World::new();
    let claude = world.register("claude");
    let elsewhere = world.home.to_str().unwrap();
    world.aio_as(&claude, ["context", "add", "warning", "not here", elsewhere]);
    assert_eq!(entries(&world)[0]["project"], elsewhere);
    assert!(world.aio_as(&claude, ["context", "list", elsewhere]).out.ends_with("claude: not here\n"));
    assert_eq!(world.aio_as(&claude, ["context", "list"]).out, "");
    for category in ["decision", "learning", "warning", "pattern", "handoff"] {
        let ran = context(&world, &claude, &[category, "two", "words"]);
        assert!(ran.first().starts_with("Context added: "), "{ran:?}");
    }
    let got = context(&world, &claude, &["get"]);
    assert_eq!(got.out.lines().count(), 5);
    assert!(
        got.out.lines().all(|line| line.ends_with("] claude: two words") && line.starts_with("[20")),
        "{}",
        got.out
    );
    assert_eq!(context(&world, &claude, &["get", "pattern"]).out.lines().count(), 1);
    assert_eq!(world.aio_as(&claude, ["context", "get", "handoff"]).out.lines().count(), 1);
}

#[test]
fn a_handoff_is_a_note_for_whoever_goes_on() {
    let world = World::new();
    let claude = world.register("claude");
    let left = world.aio_as(&claude, ["handoff", "tests", "are", "red"]);
    assert_eq!(left.out.lines().last(), Some("Handoff note left"));
    assert!(left.first().starts_with("Context added: "));
    let id = left.first().trim_start_matches("Context added: ").to_owned();
    assert_eq!(world.aio_as(&claude, ["context", "get", "--open"]).out.lines().count(), 1);
    let short = id[id.len() - 6..].to_lowercase();
    assert_eq!(world.aio_as(&claude, ["context", "close", &short]).out, format!("Closed: {id}\n"));
    assert_eq!(world.aio_as(&claude, ["context", "get", "--open"]).out, "");
    assert_eq!(world.aio_as(&claude, ["context", "get"]).out.lines().count(), 1, "closed is not forgotten");
    assert_eq!(world.aio_as(&claude, ["context", "close", "zzzzzz"]).code, 2);
    assert_eq!(world.aio_as(&claude, ["handoff", " "]).code, 2);
}

#[test]
fn a_message_may_come_from_stdin() {
    let world = World::new();
    let claude = world.register("claude");
    for (program, args) in [("aio", &["handoff", "-"][..]), ("aio-context", &["decision", "-"])] {
        let mut command = world.command(program);
        let mut child = command.args(["--as", &claude]).args(args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let child = child.as_mut().unwrap();
        child.stdin.take().unwrap().write_all(b"first line\n# second\n").unwrap();
        assert!(child.wait().unwrap().success());
    }
    for entry in entries(&world) {
        assert_eq!(entry["content"], "first line\n# second");
    }
    let got = world.aio_as(&claude, ["context", "get"]);
    assert!(got.out.contains("first line\n  # second\n"), "further lines are indented: {}", got.out);
}

#[test]
fn entries_are_found_by_project_age_author_and_words() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.aio_as(&claude, ["context", "add", "Foo", "and", "BAR"]);
    world.aio_as(&codex, ["context", "add", "bar", "alone"]);
    world.aio_as(&codex, ["context", "add", "--global", "for all bars"]);
    world.edit(|state| state["context"][0]["createdAt"] = json!(seconds_ago(3 * 86_400)));
    let found = |args: &[&str]| world.aio_as(&claude, args).out.lines().count();
    assert_eq!(found(&["context", "search", "bar"]), 3);
    assert_eq!(found(&["context", "search", "bar", "foo"]), 1);
    assert_eq!(found(&["context", "search", "nothing"]), 0);
    assert_eq!(found(&["context", "get", "--by", &codex]), 2);
    assert_eq!(found(&["context", "get", "--by", "claude"]), 1);
    assert_eq!(found(&["context", "get", "--since", "2d"]), 2);
    assert_eq!(found(&["context", "get", "-n", "1"]), 1);
    assert_eq!(found(&["context", "get", "--project", world.home.to_str().unwrap()]), 1, "what is for all is for it");
    assert_eq!(found(&["context", "get", "--everywhere", "--category", "learning"]), 3);
    assert_eq!(world.aio_as(&claude, ["context", "get", "--category", "gossip"]).code, 2);
}

#[test]
fn the_newest_come_first_and_twenty_of_them() {
    let world = World::new();
    let all: Vec<Value> = (0..30).map(|n| entry(n, "learning", 30 - n as i64)).collect();
    world.write_state(&json!({"schemaVersion": 1, "context": all}).to_string());
    let got = world.aio(["context", "get"]);
    assert_eq!(got.out.lines().count(), 20);
    assert!(got.first().ends_with("entry 29") && got.out.ends_with("entry 10\n"), "{}", got.out);
}

#[test]
fn an_export_is_markdown_in_which_content_stays_content() {
    let world = World::new();
    let claude = world.register("claude");
    let empty = context(&world, &claude, &["export"]);
    for none in ["No decisions logged", "No patterns logged", "No warnings logged", "No learnings logged"] {
        assert!(empty.out.contains(none), "{none}");
    }
    context(&world, &claude, &["decision", "harmless\n## Decisions\n- fake"]);
    let exported = context(&world, &claude, &["export", "."]);
    let headings: Vec<&str> = exported.out.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(headings, ["## Decisions", "## Patterns", "## Warnings", "## Learnings", "## Recent Handoffs"]);
    assert_eq!(exported.out.lines().filter(|line| line.starts_with("- ")).count(), 1);
}

#[test]
fn what_rotates_out_is_archived_and_still_found() {
    let world = World::new();
    let claude = world.register("claude");
    let old: Vec<Value> = (0..200).map(|n| entry(n, "learning", 1000 - n as i64)).collect();
    world.edit(|state| state["context"] = json!(old));
    world.aio_as(&claude, ["context", "add", "one more"]);
    let kept = entries(&world);
    assert_eq!(kept.len(), 200);
    assert_eq!(kept[0]["id"], "ctx-0001");
    let found = world.aio_as(&claude, ["context", "search", "entry 0"]);
    assert!(found.out.ends_with("entry 0\n"), "{found:?}");
    assert_eq!(world.aio_as(&claude, ["context", "get", "--all"]).out.lines().count(), 201);
}

#[test]
fn handoffs_and_warnings_of_a_project_outlive_the_rotation() {
    let world = World::new();
    let claude = world.register("claude");
    let mut old: Vec<Value> = (0..25).map(|n| entry(n, "warning", 5000 - n as i64)).collect();
    old.extend((25..200).map(|n| entry(n, "learning", 1000 - n as i64)));
    world.edit(|state| state["context"] = json!(old));
    for _ in 0..7 {
        world.aio_as(&claude, ["context", "add", "pushing"]);
    }
    let kept = entries(&world);
    assert_eq!(kept.len(), 200);
    assert_eq!(kept.iter().filter(|entry| entry["category"] == "warning").count(), 20, "the newest twenty stay");
}

#[test]
fn pruning_moves_what_is_old_to_the_archive() {
    let world = World::new();
    let claude = world.register("claude");
    world.edit(|state| state["context"] = json!([entry(1, "decision", 31 * 86_400), entry(2, "decision", 60)]));
    assert!(context(&world, &claude, &["prune", "40"]).out.starts_with("Pruned 0 "));
    let pruned = context(&world, &claude, &["prune"]);
    assert_eq!(pruned.out, "Pruned 1 entries older than 30 days; they are in the archive\n");
    assert_eq!(entries(&world).len(), 1);
    assert_eq!(context(&world, &claude, &["get"]).out.lines().count(), 2, "a query reads on in the archive");
}

#[test]
fn a_torn_archive_line_loses_only_itself() {
    let world = World::new();
    let claude = world.register("claude");
    world.edit(|state| state["context"] = json!([entry(1, "decision", 31 * 86_400)]));
    context(&world, &claude, &["prune"]);
    let folder = world.dir.join("archive");
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut open = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
    open.write_all(b"{\"id\":\"ctx-torn\",\"cat").unwrap();
    world.edit(|state| state["context"] = json!([entry(2, "decision", 31 * 86_400)]));
    context(&world, &claude, &["prune"]);
    let got = context(&world, &claude, &["get"]);
    assert!(got.out.contains("entry 1") && got.out.contains("entry 2"), "{}", got.out);
}

#[test]
fn a_person_writes_without_taking_part() {
    let world = World::new();
    let ran = world.detached("aio-context decision by hand");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(entries(&world)[0]["source"], "person");
}
