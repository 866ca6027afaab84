//! Taking part: register, heartbeat, task, status, cleanup, unregister.

use serde_json::json;

use crate::harness::{Sleeper, World};

#[test]
fn registering_gives_an_id_of_tool_time_and_chance() {
    let world = World::new();
    let ran = world.aio(["register", "claude", "--session", "s"]);
    let id = ran.registered().to_owned();
    assert_eq!(ran.out, format!("Registered: {id}\n"));
    let parts: Vec<&str> = id.split('-').collect();
    assert!(matches!(parts[..], ["claude", seconds, hex] if seconds.len() == 10 && hex.len() == 4), "{id}");
    let instance = world.instance(&id);
    assert_eq!(instance["tool"], "claude");
    assert_eq!(instance["project"], world.project.to_str().unwrap());
    assert_eq!(instance["status"], "active");
    assert_eq!((&instance["currentTask"], &instance["beadsIssue"]), (&json!(null), &json!(null)));
    assert_eq!(instance["claims"], json!([]));
}

#[test]
fn the_first_command_makes_the_directory_private() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.register("claude");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.dir), 0o700);
    assert_eq!(mode(&world.state_path()), 0o600);
    assert_eq!(mode(&world.dir.join("journal.jsonl")), 0o600);
}

#[test]
fn without_a_certain_process_register_says_so() {
    let world = World::new();
    let ran = world.detached("aio register claude --session s; true");
    assert!(ran.out.starts_with("Registered: claude-"), "{ran:?}");
    assert!(ran.err.contains("--pid") && ran.err.contains("aio run"), "{ran:?}");
    let sleeper = Sleeper::new();
    let pid = sleeper.0.id().to_string();
    let ran = world.aio(["register", "codex", "--session", "t", "--pid", &pid]);
    assert_eq!(ran.err, "");
    assert_eq!(world.instance(ran.registered())["pid"], json!(sleeper.0.id()));
}

#[test]
fn the_same_session_is_the_same_instance_and_another_never_is() {
    let world = World::new();
    let sleeper = Sleeper::new();
    let pid = sleeper.0.id().to_string();
    let register = |session: &str| {
        let ran = world.aio(["register", "claude", "--session", session, "--pid", &pid]);
        assert_eq!(ran.code, 0);
        ran.registered().to_owned()
    };
    let first = register("s");
    assert_eq!(register("s"), first);
    assert_ne!(register("t"), first);
    let other_tool = world.aio(["register", "codex", "--session", "s"]).registered().to_owned();
    assert!(other_tool.starts_with("codex-"));
}

#[test]
fn the_same_process_tool_and_project_is_the_same_instance() {
    let world = World::new();
    let (one, other) = (Sleeper::new(), Sleeper::new());
    let register = |tool: &str, sleeper: &Sleeper, project: &str| {
        let pid = sleeper.0.id().to_string();
        world.detached(&format!("aio register {tool} '{project}' --pid {pid}; true")).registered().to_owned()
    };
    let here = world.project.to_str().unwrap();
    let first = register("droid", &one, here);
    assert_eq!(register("droid", &one, here), first);
    assert_ne!(register("droid", &other, here), first);
    assert_ne!(register("goose", &one, here), first);
    assert_ne!(register("droid", &one, world.home.to_str().unwrap()), first);
}

#[test]
fn heartbeat_is_answered_and_stored_when_the_last_one_is_not_fresh() {
    let world = World::new();
    let claude = world.register("claude");
    let before = world.state_text();
    assert_eq!(world.aio_as(&claude, ["heartbeat"]).out, "Heartbeat updated\n");
    assert_eq!(world.state_text(), before, "one stored under 30 s ago is not rewritten for its own sake");
    world.age(&claude, 40);
    let old = world.instance(&claude)["lastHeartbeat"].clone();
    world.aio_as(&claude, ["heartbeat"]);
    assert_ne!(world.instance(&claude)["lastHeartbeat"], old);
}

#[test]
fn a_check_refreshes_a_heartbeat_that_is_a_minute_old() {
    let world = World::new();
    let claude = world.register("claude");
    world.age(&claude, 70);
    let old = world.instance(&claude)["lastHeartbeat"].clone();
    world.aio_as(&claude, ["check", "a"]);
    assert_ne!(world.instance(&claude)["lastHeartbeat"], old);
    world.age(&claude, 40);
    let before = world.state_text();
    world.aio_as(&claude, ["check", "a"]);
    assert_eq!(world.state_text(), before);
}

#[test]
fn a_task_makes_working_and_none_makes_idle() {
    let world = World::new();
    let claude = world.register("claude");
    assert_eq!(world.aio_as(&claude, ["task", "the parser", "bd-7"]).out, "Task updated\n");
    let instance = world.instance(&claude);
    assert_eq!((&instance["status"], &instance["currentTask"]), (&json!("working"), &json!("the parser")));
    assert_eq!(instance["beadsIssue"], "bd-7");
    assert_eq!(world.aio_as(&claude, ["task", ""]).out, "Task updated\n");
    let instance = world.instance(&claude);
    assert_eq!((&instance["status"], &instance["currentTask"]), (&json!("idle"), &json!(null)));
    assert_eq!(world.detached("aio task x").code, 3);
}

#[test]
fn leaving_releases_everything() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "a");
    let left = world.aio_as(&claude, ["unregister"]);
    assert_eq!(left.out, format!("Released\nUnregistered: {claude}\n"));
    assert!(world.is_free(&codex, "a"));
    assert_eq!(world.instance(&claude), json!(null));
    let stranger = world.detached("aio unregister");
    assert_eq!(stranger.answer(), (3, "Not registered"), "{stranger:?}");
}

#[test]
fn status_is_the_bare_command_and_shows_everything() {
    let world = World::new();
    let empty = world.aio::<&str>([]);
    assert_eq!(empty.answer(), (0, "=== AI Orchestrator Status ==="));
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.aio_as(&claude, ["task", "the parser", "bd-7"]);
    let id = world.claim(&claude, "src/a.rs");
    world.aio_as(&codex, ["claim", "--ttl", "1h", "--reason", "tidy", "b"]);
    world.aio_as(&codex, ["context", "add", "decision", "no", "globals"]);
    let status = world.aio(["status"]);
    assert_eq!(world.aio::<&str>([]).first(), status.first());
    let shown =
        [&*claude, &codex, "the parser", "bd-7", "src/a.rs", &id[id.len() - 6..], "until 20", "tidy", "no globals"];
    for part in shown {
        assert!(status.out.contains(part), "{part:?} in {}", status.out);
    }
    assert!(!status.out.contains('\u{1b}'), "no colours where there is no terminal");
}

#[test]
fn cleanup_sweeps_the_dead_and_spares_the_living() {
    let world = World::new();
    let mut sleeper = Sleeper::new();
    let (dead, living) = (world.register_process("claude", &sleeper.0), world.register("codex"));
    world.claim(&dead, "a");
    world.claim(&living, "b");
    assert_eq!(world.aio(["cleanup"]).out, "Nothing to clean up\n");
    sleeper.kill();
    assert_eq!(world.aio(["cleanup"]).out, "Cleaned up: 1 instance(s), 1 claim(s), 0 wait(s)\n");
    let state = world.state();
    assert_eq!(state["claims"].as_object().unwrap().len(), 1);
    assert!(state["instances"][&dead]["evictedAt"].is_string());
    assert!(!world.aio(["status"]).out.contains(&dead) && world.aio(["status", "--all"]).out.contains(&dead));
    assert_eq!(world.aio(["cleanup"]).out, "Nothing to clean up\n");
}

#[test]
fn an_evicted_instance_is_forgotten_after_a_week() {
    let world = World::new();
    let claude = world.register("claude");
    world.age(&claude, 8 * 86_400);
    world.aio(["cleanup"]);
    world.edit_instance(&claude, |instance| {
        instance.insert("evictedAt".into(), crate::harness::seconds_ago(6 * 86_400).into());
    });
    world.aio(["cleanup"]);
    assert!(world.instance(&claude).is_object());
    world.edit_instance(&claude, |instance| {
        // Or this very process, which registered it, would be taken for it.
        instance.remove("parentPid");
        instance.insert("evictedAt".into(), crate::harness::seconds_ago(7 * 86_400 + 1).into());
    });
    world.aio(["cleanup"]);
    assert_eq!(world.instance(&claude), json!(null));
}
