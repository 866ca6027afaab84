//! What agents hear of each other: once, briefly, and as data.

use serde_json::{Value, json};

use super::{Session, context};
use crate::harness::World;

fn began<'w>(world: &'w World, id: &'static str) -> Session<'w> {
    let session = world.session("claude", id);
    session.hook("SessionStart", json!({ "source": "startup" }));
    session.prompt(id);
    session
}

#[test]
fn a_message_is_heard_once_by_its_addressees_and_nobody_else() {
    let world = World::new();
    let (one, two) = (began(&world, "one"), began(&world, "two"));
    let (one_id, two_id) = (one.instance()["id"].as_str().unwrap().to_owned(), two.instance()["id"].clone());
    for (to, heard) in
        [(&*one_id, [true, false]), ("claude", [true, true]), ("all", [true, true]), ("codex", [false, false])]
    {
        let words = format!("for {to} \u{1b}[31mred\nline");
        assert_eq!(world.aio(["tell", to, &words]).code, 0);
        for (session, heard) in [&one, &two].into_iter().zip(heard) {
            let answer = session.looked();
            let told = context(&answer);
            assert_eq!(told.contains(&format!("\"for {to} [31mred line\"")), heard, "{to}: {told}");
            assert!(!heard || told.contains("not instructions") && told.contains("from person"), "{told}");
            assert_eq!(session.looked(), Value::Null, "once");
        }
    }
    let ran = world.aio_as(&one_id, ["tell", "all", "mine"]);
    assert!(ran.out.starts_with("Message left for all: "), "{ran:?}");
    assert_eq!(one.looked(), Value::Null, "not to oneself");
    assert!(context(&two.looked()).contains(&one_id), "signed");
    let end = &two_id.as_str().unwrap()[two_id.as_str().unwrap().len() - 6..];
    assert_eq!(world.aio(["tell", end, "by an end of its id"]).code, 0);
    assert!(context(&two.looked()).contains("by an end"));
    assert_eq!(world.aio(["tell", "nobody-there", "x"]).code, 2);
}

/// Cursor reads no answer to a prompt: what is new waits for the next tool.
#[test]
fn news_wait_until_they_can_be_read() {
    let world = World::new();
    let one = world.session("cursor", "one");
    one.hook("sessionStart", json!({}));
    assert_eq!(world.aio(["tell", "cursor", "listen"]).code, 0);
    assert_eq!(one.hook("beforeSubmitPrompt", json!({ "prompt": "x" })), Value::Null);
    assert_eq!(one.hook("postToolUseFailure", json!({ "tool_name": "Read" })), Value::Null);
    let answer = one.hook("postToolUse", json!({ "tool_name": "Read" }));
    assert!(answer["additional_context"].as_str().unwrap().contains("listen"), "{answer}");
    let ran = world.aio(["tell", "gemini", "nobody hears this"]);
    assert!(ran.code == 0 && ran.err.contains("not at work"), "{ran:?}");
}

#[test]
fn what_others_decide_and_leave_is_news_in_their_project_only() {
    let world = World::new();
    let one = began(&world, "one");
    let elsewhere = tempfile::tempdir().unwrap();
    let add = |category: &str, folder: &std::path::Path| {
        let mut command = world.command("aio");
        command.current_dir(folder).args(["context", "add", category, &format!("a {category}")]);
        assert_eq!(crate::harness::run(&mut command).code, 0);
    };
    for (category, is_news) in
        [("warning", true), ("handoff", true), ("decision", true), ("learning", false), ("pattern", false)]
    {
        add(category, elsewhere.path());
        assert_eq!(one.looked(), Value::Null, "{category} elsewhere");
        add(category, &world.project);
        assert_eq!(context(&one.looked()).contains(&format!("a {category}")), is_news, "{category}");
        assert_eq!(one.looked(), Value::Null, "once");
    }
    world.aio(["handoff", "closed before it was heard"]);
    let id = world.state()["context"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    world.aio(["context", "close", &id]);
    assert_eq!(one.looked(), Value::Null);
}

#[test]
fn a_new_session_hears_what_stands_open_and_a_resumed_one_what_it_missed() {
    let world = World::new();
    world.aio(["handoff", "the parser is half done"]);
    world.aio(["context", "add", "warning", "the build is red"]);
    world.aio(["context", "add", "decision", "no regexes"]);
    let one = world.session("claude", "one");
    let started = one.hook("SessionStart", json!({ "source": "startup" }));
    let told = context(&started);
    assert!(told.contains("half done") && told.contains("build is red") && !told.contains("regexes"), "{told}");
    assert_eq!(one.prompt("x"), Value::Null, "not twice");
    one.hook("SessionEnd", json!({}));
    let id = one.instance()["id"].as_str().unwrap().to_owned();
    world.aio(["tell", &id, "while you were away"]);
    one.hook("SessionStart", json!({ "source": "resume" }));
    assert!(context(&one.prompt("again")).contains("while you were away"));
}

/// About 300 tokens at most, however much there is to say; nothing for nothing.
#[test]
fn what_is_told_is_short() {
    let world = World::new();
    let one = began(&world, "one");
    let long = "very long words, ".repeat(100);
    for number in 0..40 {
        assert_eq!(world.aio(["tell", "all", &format!("{number} {long}")]).code, 0);
        assert_eq!(world.aio(["context", "add", "warning", &format!("{number} {long}")]).code, 0);
        world.register("other");
    }
    let answer = one.looked();
    let told = context(&answer);
    assert!(told.len() <= 1100 && told.contains("and ") && told.contains("more: aio context get"), "{told}");
    assert_eq!(one.looked(), Value::Null, "what was not shown is not shown later either");
    let two = world.session("claude", "two");
    let answer = two.hook("SessionStart", json!({}));
    assert!(context(&answer).len() <= 1100, "{answer}");
}

#[test]
fn a_claim_that_was_forced_away_is_news_to_its_holder() {
    let world = World::new();
    let one = began(&world, "one");
    one.edit("src/a.rs");
    let claim = world.claims()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(world.aio(["release", &claim, "--force", "--reason", "urgent"]).code, 0);
    let answer = one.looked();
    assert!(context(&answer).contains("you lost the file src/a.rs") && context(&answer).contains("urgent"), "{answer}");
    assert_eq!(one.looked(), Value::Null);
}
