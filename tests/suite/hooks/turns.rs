//! One agent's work: claims by edits, turns, sessions that end and are taken up again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{context, reason};
use crate::harness::{World, seconds_ago};

#[test]
fn a_free_file_is_claimed_by_its_edit_and_held_against_others() {
    let world = World::new();
    let (one, other) = (world.session("claude", "one"), world.session("claude", "other"));
    one.prompt("rewrite the parser");
    assert_eq!(one.edit("src/a.rs"), Value::Null);
    assert_eq!(other.edit("src/b.rs"), Value::Null);
    let answer = other.edit("src/a.rs");
    let reason = reason(&answer);
    let holder = one.instance()["id"].as_str().unwrap().to_owned();
    for part in [&*holder, "src/a.rs", "\"rewrite the parser\"", "aio claim --wait src/a.rs", "last seen"] {
        assert!(reason.contains(part), "{part} in {reason}");
    }
    assert_eq!(world.claims().len(), 2);
}

#[test]
fn an_edit_of_what_is_held_writes_nothing() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.prompt("x");
    one.edit("src/a.rs");
    let before = world.state_text();
    for _ in 0..3 {
        assert_eq!(one.edit("src/a.rs"), Value::Null);
        assert_eq!(one.looked(), Value::Null);
    }
    assert_eq!(world.state_text(), before);
}

/// Two hundred tool calls at which nothing happens: edits of what is held, commands that only read.
#[test]
fn an_uneventful_session_is_written_every_thirty_seconds_at_most() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.prompt("x");
    one.edit("src/a.rs");
    let begun = std::time::Instant::now();
    let before = world.state()["revision"].as_u64().unwrap();
    for number in 0..200 {
        let answers = match number % 2 {
            0 => [one.edit("src/a.rs"), one.looked()],
            _ => [one.command("grep -rn x src | head"), one.commanded("grep -rn x src | head")],
        };
        assert_eq!(answers, [Value::Null, Value::Null], "not a token");
    }
    let commits = world.state()["revision"].as_u64().unwrap() - before;
    assert!(commits <= 1 + begun.elapsed().as_secs() / 30, "{commits} in {:?}", begun.elapsed());
}

#[test]
fn all_files_of_a_patch_or_none() {
    let world = World::new();
    let (one, other) = (world.session("claude", "one"), world.session("codex", "other"));
    one.edit("src/held.rs");
    let patch = |text: &str| {
        let patch = format!("*** Begin Patch\n{text}*** End Patch\n");
        other.hook("PreToolUse", json!({ "tool_name": "apply_patch", "tool_input": { "command": patch } }))
    };
    for denied in [
        "*** Add File: src/free.rs\n+x\n*** Update File: src/held.rs\n@@\n-a\n+b\n",
        "*** Update File: src/free.rs\n*** Move to: src/held.rs\n@@\n-a\n+b\n",
        "*** Update File: src/held.rs\n*** Move to: src/free.rs\n@@\n-a\n+b\n",
        "*** Delete File: src/held.rs\n",
        "*** Add File: src/../src/./held.rs\n+x\n",
    ] {
        assert!(reason(&patch(denied)).contains("src/held.rs"), "{denied}");
        assert_eq!(world.claims().len(), 1, "{denied}");
    }
    assert_eq!(patch("*** Update File: src/from.rs\n*** Move to: src/to.rs\n@@\n-a\n+b\n"), Value::Null);
    let targets: Vec<String> =
        world.claims().iter().map(|claim| claim["target"].as_str().unwrap().to_owned()).collect();
    assert_eq!(BTreeSet::from_iter(targets), ["src/held.rs", "src/from.rs", "src/to.rs"].map(str::to_owned).into());
}

#[test]
fn claims_of_edits_run_down_after_the_turn_that_touched_them() {
    let world = World::new();
    let one = world.session("claude", "one");
    let end = |target: &str| {
        let claim = world.claims().into_iter().find(|claim| claim["target"] == target);
        claim.unwrap_or_else(|| panic!("{target} is held"))["expiresAt"].clone()
    };
    one.prompt("first");
    one.edit("src/a.rs");
    one.edit("src/b.rs");
    assert_eq!((end("src/a.rs"), one.instance()["status"].clone()), (Value::Null, json!("working")));
    one.stops();
    assert!(end("src/a.rs").is_string() && one.instance()["turnSince"].is_null());
    assert_eq!(one.instance()["status"], "idle");
    one.prompt("second");
    one.edit("src/a.rs");
    assert!(end("src/a.rs").is_null() && end("src/b.rs").is_string());
}

#[test]
fn what_lapsed_is_free_between_turns_and_not_taken_up_again() {
    let world = World::new();
    let (one, other) = (world.session("claude", "one"), world.session("claude", "other"));
    one.prompt("x");
    one.edit("src/a.rs");
    one.edit("src/b.rs");
    let lapse = || {
        world.edit(|state| {
            for claim in state["claims"].as_object_mut().unwrap().values_mut() {
                claim["expiresAt"] = json!(seconds_ago(1));
                claim.as_object_mut().unwrap().remove("expiresMonotonicMs");
            }
        });
    };
    lapse();
    reason(&other.edit("src/a.rs")); // Not during the turn.
    one.stops();
    lapse();
    assert_eq!(other.edit("src/a.rs"), Value::Null);
    one.prompt("y");
    assert_eq!(world.claims().len(), 1, "what lapsed is gone");
    let answer = one.edit("src/a.rs");
    assert!(reason(&answer).contains("src/a.rs"));
}

#[test]
fn a_claim_on_purpose_outlasts_the_turn() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.prompt("x");
    one.edit("src/a.rs");
    let id = one.instance()["id"].as_str().unwrap().to_owned();
    assert_eq!(world.aio_as(&id, ["claim", "src/a.rs"]).code, 0);
    one.stops();
    assert!(world.claims()[0]["expiresAt"].is_null() && world.claims()[0]["auto"].is_null());
}

#[test]
fn a_session_that_ends_lets_go_and_is_known_again() {
    let world = World::new();
    let (one, other) = (world.session("claude", "one"), world.session("claude", "other"));
    one.prompt("x");
    one.edit("src/a.rs");
    let id = one.instance()["id"].clone();
    assert_eq!(one.hook("SessionEnd", json!({ "reason": "other" })), Value::Null);
    assert!(world.claims().is_empty());
    assert!(!world.aio(["status"]).out.contains(id.as_str().unwrap()));
    assert_eq!(other.edit("src/a.rs"), Value::Null);
    one.hook("SessionStart", json!({ "source": "resume" }));
    assert_eq!(one.instance()["id"], id);
    assert!(world.aio(["status"]).out.contains(id.as_str().unwrap()));
}

#[test]
fn the_end_of_what_never_began_registers_nobody() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.stops();
    assert_eq!(one.hook("SessionEnd", json!({})), Value::Null);
    assert!(!world.state_path().exists() || world.state()["instances"].as_object().unwrap().is_empty());
}

#[test]
fn what_was_lost_and_changed_hands_is_to_be_read_again_first() {
    let world = World::new();
    let (one, other) = (world.session("claude", "one"), world.session("claude", "other"));
    one.prompt("x");
    one.edit("src/a.rs");
    let id = one.instance()["id"].as_str().unwrap().to_owned();
    world.edit(|state| state["instances"][&*id]["lastHeartbeat"] = json!(seconds_ago(3600)));
    assert_eq!(other.edit("src/a.rs"), Value::Null);
    other.hook("SessionEnd", json!({}));
    let answer = one.edit("src/a.rs");
    assert!(reason(&answer).contains("Read it again"), "{answer}");
    assert_eq!(one.edit("src/a.rs"), Value::Null, "once");
    assert_eq!(world.claims()[0]["instanceId"], *id);
}

#[test]
fn one_call_through_two_hooks_counts_once() {
    let world = World::new();
    let copilot = world.session("copilot", "same");
    let claude = world.session("claude", "same");
    let patch = "*** Begin Patch\n*** Add File: src/a.rs\n+x\n*** End Patch\n";
    let own = json!({ "sessionId": "same", "toolName": "apply_patch", "toolArgs": patch });
    assert_eq!(copilot.hook("preToolUse", own), Value::Null);
    assert_eq!(claude.hook("PreToolUse", json!({ "tool_name": "Edit", "tool_input": patch })), Value::Null);
    assert_eq!((world.claims().len(), world.state()["instances"].as_object().unwrap().len()), (1, 1));
}

#[test]
fn a_subagent_is_its_parent() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.edit("src/a.rs");
    let path = world.project.join("src/a.rs");
    let input = json!({ "file_path": path });
    let call = json!({ "tool_name": "Edit", "tool_input": input, "agent_id": "sub", "agent_type": "general" });
    assert_eq!(one.hook("PreToolUse", call), Value::Null);
}

#[test]
fn notebooks_and_relative_paths() {
    let world = World::new();
    let (one, other) = (world.session("claude", "one"), world.session("gemini", "other"));
    let path = world.project.join("src/n.ipynb");
    one.hook("PreToolUse", json!({ "tool_name": "NotebookEdit", "tool_input": { "notebook_path": path } }));
    let call = json!({ "tool_name": "write_file", "tool_input": { "file_path": "src/n.ipynb", "content": "x" } });
    let answer = other.hook("BeforeTool", call);
    assert_eq!(answer["decision"], "deny");
    assert!(answer["reason"].as_str().unwrap().contains("src/n.ipynb"));
}

#[test]
fn the_first_words_are_the_task_until_another_is_named() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.prompt("rewrite\n\nthe   parser");
    assert_eq!(one.instance()["currentTask"], "rewrite the parser");
    one.stops();
    one.prompt("go on");
    assert_eq!(one.instance()["currentTask"], "rewrite the parser");
}

#[test]
fn what_hooks_said_is_no_part_of_the_task() {
    let world = World::new();
    let one = world.session("gemini", "one");
    one.hook("BeforeAgent", json!({ "prompt": "<hook_context>others at work</hook_context>\n\nport it" }));
    assert_eq!(one.instance()["currentTask"], "port it");
    let framed = "\n\n<pasted_content id=\"d0db\">\nport that\n</pasted_content id=\"d0db\">\n";
    let pasted = world.session("claude", "two");
    pasted.prompt(framed);
    assert_eq!(pasted.instance()["currentTask"], "port that");
    let also_typed = world.session("claude", "three");
    also_typed.prompt(&format!("{framed}and mind the gap"));
    assert!(also_typed.instance()["currentTask"].as_str().unwrap().ends_with("and mind the gap"));
}

#[test]
fn a_session_is_told_who_is_at_work() {
    let world = World::new();
    let (one, other) = (world.session("claude", "one"), world.session("claude", "other"));
    assert_eq!(one.hook("SessionStart", json!({ "source": "startup" })), Value::Null, "alone");
    one.prompt("rewrite the parser");
    one.edit("src/a.rs");
    let answer = other.hook("SessionStart", json!({ "source": "startup" }));
    let told = context(&answer);
    for part in [one.instance()["id"].as_str().unwrap(), "rewrite the parser", "src/a.rs"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn a_held_file_in_another_worktree_is_told_once() {
    let world = World::new();
    let linked = world.project.parent().unwrap().join("linked");
    let git = world.project.join(".git/worktrees/linked");
    std::fs::create_dir_all(&git).unwrap();
    std::fs::create_dir_all(linked.join("src")).unwrap();
    std::fs::write(linked.join(".git"), format!("gitdir: {}\n", git.display())).unwrap();
    std::fs::write(git.join("HEAD"), "ref: refs/heads/x\n").unwrap();
    std::fs::write(git.join("commondir"), "../..\n").unwrap();
    let (one, other) = (world.session("claude", "one"), world.session("claude", "other"));
    one.edit("src/a.rs");
    let edit = || {
        let input = json!({ "file_path": linked.join("src/a.rs") });
        other.hook("PreToolUse", json!({ "tool_name": "Write", "tool_input": input }))
    };
    assert!(context(&edit()).contains("merge conflict"), "foreseen");
    assert_eq!(edit(), Value::Null, "said once");
}
