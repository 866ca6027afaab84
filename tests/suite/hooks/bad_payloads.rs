//! What cannot be understood or done passes, says why in the journal, and never keeps an agent from its work.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::reason;
use crate::harness::World;

#[test]
fn what_is_no_payload_passes_with_a_line_in_the_journal() {
    let world = World::new();
    let huge =
        format!(r#"{{"session_id":"s","tool_name":"Write","tool_input":{{"content":"{}"}}}}"#, "x".repeat(50 << 20));
    let edit = |input: &str| format!(r#"{{"session_id":"s","cwd":"/","tool_name":"Write","tool_input":{input}}}"#);
    for (agent, event, payload, why) in [
        ("nobody", "PreToolUse", "{}", "unknown agent"),
        ("claude", "NoSuchEvent", "{}", "unknown event"),
        ("claude", "preToolUse", "{}", "unknown event"),
        ("claude", "PreToolUse", "", "empty"),
        ("claude", "PreToolUse", " \n", "empty"),
        ("claude", "PreToolUse", "no json", "expected"),
        ("claude", "PreToolUse", "[]", "invalid type"),
        ("claude", "PreToolUse", "\"text\"", "invalid type"),
        ("claude", "PreToolUse", &huge, "more than"),
        ("claude", "PreToolUse", "{}", "no tool"),
        ("claude", "PreToolUse", r#"{"session_id":"s","tool_name":"Write"}"#, "no input"),
        ("claude", "PreToolUse", r#"{"session_id":7,"tool_name":"Other"}"#, "no session"),
        ("claude", "PreToolUse", r#"{"session_id":"\u001b","tool_name":"Other"}"#, "session"),
        ("claude", "PreToolUse", r#"{"tool_name":"Other"}"#, "no session"),
        ("claude", "PreToolUse", &edit("{}"), "no file"),
        ("claude", "PreToolUse", &edit(r#"{"file_path":""}"#), "no file"),
        ("claude", "PreToolUse", &edit(r#"{"file_path":[]}"#), "no file"),
        ("claude", "PreToolUse", &edit(r#"{"file_path":"/x\u0000y"}"#), "NUL"),
        (
            "codex",
            "PreToolUse",
            r#"{"session_id":"s","tool_name":"apply_patch","tool_input":{"command":"nothing"}}"#,
            "no file",
        ),
        ("gemini", "BeforeTool", "\u{feff}{}", "no tool"),
        ("copilot", "preToolUse", r#"{"sessionId":"s","toolName":"edit"}"#, "no input"),
        ("cursor", "preToolUse", "null", "invalid type"),
        ("opencode", "tool.execute.before", "{", "EOF"),
        ("amp", "tool.call", "{}", "no tool"),
    ] {
        let before = world.passed().len();
        let ran = world.hook(agent, event, payload.as_bytes());
        let shown = &payload[..payload.len().min(80)];
        assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "", ""), "{agent} {event} {shown}");
        let passed = world.passed();
        assert_eq!(passed.len(), before + 1, "{agent} {event} {shown}");
        assert!(passed[before].contains(why), "{why} in {}", passed[before]);
    }
    let lines = world.aio(["log"]).out;
    assert!(lines.contains("hook-passed") && !lines.contains("missing here"), "{lines}");
}

#[test]
fn words_that_are_missing_or_too_many() {
    let world = World::new();
    for args in [&["hook"][..], &["hook", "claude"], &["hook", "claude", "Stop", "more"], &["hook", "--strange", "x"]] {
        let ran = world.aio(args);
        assert_eq!((ran.code, &*ran.out), (0, ""), "{args:?}: {ran:?}");
    }
}

#[test]
fn directories_and_what_lies_in_no_project_are_not_claimed() {
    let world = World::new();
    let one = world.session("claude", "one");
    let elsewhere = tempfile::tempdir().unwrap();
    let outside = elsewhere.path().canonicalize().unwrap().join("note.txt");
    assert_eq!(one.edit("src"), Value::Null);
    assert_eq!(one.edit(outside.to_str().unwrap()), Value::Null);
    assert!(world.claims().is_empty());
    let passed = world.passed();
    assert!(passed[0].contains("src is a directory") && passed[1].contains("no project"), "{passed:?}");
    let holder = world.register("holder");
    assert_eq!(world.aio_as(&holder, ["claim", outside.to_str().unwrap()]).code, 0);
    reason(&one.edit(outside.to_str().unwrap())); // What somebody claimed on purpose is theirs everywhere.
}

#[test]
fn a_state_that_cannot_be_read_lets_edits_pass_unless_the_person_would_rather_not() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.edit("src/a.rs");
    world.write_state("{ broken");
    let answer = one.edit("src/b.rs");
    assert!(super::context(&answer).contains("could not check"), "{answer}");
    assert_eq!(one.looked(), Value::Null);
    assert!(world.passed().last().unwrap().contains("cannot be read"));
    std::fs::write(world.dir.join("config.toml"), "on_failure = \"deny\"\n").unwrap();
    assert!(reason(&one.edit("src/b.rs")).contains("aio doctor --repair"));
    assert_eq!(world.state_text(), "{ broken");
}

#[test]
fn settings_that_cannot_be_read_stop_nobody() {
    let world = World::new();
    std::fs::create_dir_all(&world.dir).unwrap();
    std::fs::write(world.dir.join("config.toml"), "lock_timeout = 7\n").unwrap();
    let payload = json!({ "session_id": "s", "tool_name": "Write", "tool_input": { "file_path": "/x" } }).to_string();
    let ran = world.hook("claude", "PreToolUse", payload.as_bytes());
    assert_eq!((ran.code, &*ran.out), (0, ""), "{ran:?}");
    let mut homeless = world.command("aio");
    homeless.env_remove("HOME").args(["hook", "claude", "PreToolUse"]);
    assert_eq!(crate::harness::run(&mut homeless).code, 0);
}

#[test]
fn a_state_that_cannot_be_written_lets_edits_pass() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.edit("src/a.rs");
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        return; // Permissions do not bind root; the full disk among the proofs does.
    }
    std::fs::set_permissions(&world.dir, std::fs::Permissions::from_mode(0o500)).unwrap();
    let answer = one.edit("src/b.rs");
    std::fs::set_permissions(&world.dir, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(super::context(&answer).contains("could not check"), "{answer}");
}

/// What is not needed may be anything; what is needed is found wherever an agent's versions put it.
#[test]
fn odd_fields_do_no_harm() {
    let world = World::new();
    world.session("claude", "holder").edit("src/a.rs");
    let path = world.project.join("src/a.rs");
    let path = path.to_str().unwrap();
    let payload = |more: &str, input: &str| {
        let project = &world.project;
        format!(r#"{{"session_id":"other","cwd":{project:?},"tool_name":"Write",{more}"tool_input":{{{input}}}}}"#)
    };
    let file = format!(r#""file_path":"{path}""#);
    for (more, input) in [
        (r#""tool_use_id":5,"prompt":[1],"files":[{}],"tool":{},"workspace_roots":7,"#, file.clone()),
        (r#""cwd":9,"cwd":"/","#, file.clone()),
        (r#""files":["src/b.rs"],"#, file.clone()),
        ("", format!(r#""content":"\ud83d cut in two","command":5,{file}"#)),
        ("", format!(r#""file_path":"{path}/""#)),
        ("", r#""target_notebook":"src/a.rs""#.to_owned()),
        ("", r#""patch":"*** Begin Patch\n*** Update File: src/a.rs\n+\ud83d\n*** End Patch""#.to_owned()),
    ] {
        let payload = payload(more, &input);
        for payload in [payload.clone(), format!("\u{feff} {payload}")] {
            let ran = world.hook("claude", "PreToolUse", payload.as_bytes());
            assert!(ran.code == 0 && ran.out.contains("is held by"), "{payload}: {ran:?}");
        }
    }
    assert_eq!(world.claims().len(), 1);
}

#[test]
fn a_working_directory_that_is_gone_hides_nothing() {
    let world = World::new();
    world.session("claude", "holder").edit("src/a.rs");
    let gone = world.home.join("gone");
    std::fs::create_dir(&gone).unwrap();
    let input = json!({ "file_path": world.project.join("src/a.rs") });
    let payload = json!({ "session_id": "s", "cwd": world.project, "tool_name": "Write", "tool_input": input });
    let mut command = std::process::Command::new("/bin/sh");
    command.env_clear().env("HOME", &world.home).env("PAYLOAD", payload.to_string()).current_dir(&gone);
    command.arg("-c").arg("rmdir ../gone; printf %s \"$PAYLOAD\" | \"$0\" hook claude PreToolUse");
    command.arg(crate::harness::binary("aio"));
    let ran = crate::harness::run(&mut command);
    assert!(ran.code == 0 && ran.out.contains("is held by"), "{ran:?}");
}

#[test]
fn settings_that_cannot_be_read_leave_the_protection_on() {
    let world = World::new();
    world.session("claude", "holder").edit("src/a.rs");
    std::fs::write(world.dir.join("config.toml"), "on_failure = \"maybe\"\n").unwrap();
    reason(&world.session("claude", "other").edit("src/a.rs"));
    assert!(world.passed().last().unwrap().contains("on_failure"), "{:?}", world.passed());
}

#[test]
fn an_answer_that_cannot_be_written_and_a_wish_for_json_change_nothing() {
    let world = World::new();
    world.session("claude", "holder").edit("src/a.rs");
    let input = json!({ "file_path": world.project.join("src/a.rs") });
    let payload =
        json!({ "session_id": "s", "cwd": world.project, "tool_name": "Write", "tool_input": input }).to_string();
    std::fs::write(world.home.join("payload"), payload).unwrap();
    let stdin = || std::fs::File::open(world.home.join("payload")).unwrap();
    let mut wishful = world.command("aio");
    let ran = crate::harness::run(wishful.args(["--json", "hook", "claude", "PreToolUse"]).stdin(stdin()));
    assert!(ran.out.starts_with(r#"{"hookSpecificOutput""#), "{ran:?}");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut full_disk = world.command("aio");
    full_disk.args(["hook", "claude", "PreToolUse"]).stdin(stdin()).stdout(full);
    assert!(full_disk.status().unwrap().success());
}

/// The lock is waited for no longer than agents wait for a hook.
#[test]
fn a_lock_that_is_not_let_go_delays_an_edit_by_seconds() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.edit("src/a.rs");
    let lock = std::fs::File::open(world.dir.join("state.lock")).unwrap();
    lock.lock().unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(one.edit("src/a.rs"), Value::Null, "what is held needs no lock");
    let answer = one.edit("src/b.rs");
    assert!(super::context(&answer).contains("could not check"), "{answer}");
    assert!(begun.elapsed().as_secs() < 9, "{:?}", begun.elapsed());
    assert_eq!(one.looked(), Value::Null);
    drop(lock);
    assert_eq!(one.edit("src/b.rs"), Value::Null);
}
