//! Codex's settings, and the hash that Codex itself computes.

use super::*;
use crate::setup::json::{Document, Step};

fn trust() -> Trust {
    let template = r#"{"hooks": {
        "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "x aio hook codex y", "timeout": 10}]}],
        "SessionEnd": [{"hooks": [{"type": "command", "command": "x aio hook codex z"}]}]}}"#;
    let template = Document::parse(template).expect("JSON").get(&[]).expect("a value");
    let hooks = Hooks { agent: "codex", template };
    Trust::new(hooks, Path::new("/h/.codex/hooks.json"), String::new(), Path::new("/h/state"))
}

#[test]
fn the_hash_is_codexs() {
    // As `codex app-server` 0.169.0 answered to `hooks/list` for these hooks.
    for (event, timeout, matcher, command, expected) in KNOWN {
        let text = format!(r#"{{"type": "command", "command": {}, "timeout": {timeout}}}"#, Value::from(command));
        let handler = Document::parse(&text).expect("JSON").get(&[] as &[Step<'_>]).expect("a value");
        let matcher = (!matcher.is_empty()).then(|| matcher.to_owned());
        let place = Place { event: event.to_owned(), group: 0, index: 0, matcher, handler };
        assert_eq!(hash(&place), format!("sha256:{expected}"), "{event}");
    }
}

#[test]
fn a_limit_is_the_one_that_takes_effect() {
    for (event, written, effective) in
        [("Stop", None, 600), ("Stop", Some(900), 900), ("SessionEnd", None, 1), ("Interrupt", Some(10), 3)]
    {
        assert_eq!(limit(event, written), effective, "{event}");
    }
    assert_eq!(snake("UserPromptSubmit"), "user_prompt_submit");
}

#[test]
fn comments_between_roots_stay_where_they_are() {
    let text = "[sandbox_workspace_write]\nwritable_roots = [\n  \"/a\", # one\n  \"/b\" # two\n]\n";
    let with = trust().put_in(text).expect("TOML");
    assert!(with.contains("# one\n  \"/b\"") && with.contains("# two"), "{with}");
    let without = trust().take_out(&with, Some(text)).expect("TOML");
    assert!(without.contains("\"/a\", # one\n  \"/b\"") && without.contains("# two"), "{without}");
    assert!(without.parse::<DocumentMut>().is_ok() && !without.contains("/h/state"), "{without}");
}

#[test]
fn a_root_that_was_there_before_us_stays() {
    let text = "[sandbox_workspace_write]\nwritable_roots = [\"/h/state\"]\n";
    let with = trust().put_in(text).expect("TOML");
    assert_eq!(with.matches("/h/state").count(), 1);
    assert!(trust().take_out(&with, Some(text)).expect("TOML").contains("/h/state"));
}

#[test]
fn folders_above_are_trusted_for_those_below() {
    let text = "[projects.\"/shop\"]\ntrust_level = \"trusted\"\n[projects.\"/other\"]\ntrust_level = \"untrusted\"\n";
    for (folder, is_trusted) in [("/shop/a", true), ("/shop", true), ("/shopping", false), ("/other/b", false)] {
        assert_eq!(trusts_folder(text, Path::new(folder)), is_trusted, "{folder}");
    }
}

/// Event, time limit, matcher, command, hash.
const KNOWN: [(&str, u64, &str, &str, &str); 2] = [
    (
        "PreToolUse",
        10,
        "Edit|Write",
        "echo \"é\" > /tmp/x",
        "715cfc79d35f667d96347660b368c89fe9f714c2e910b82c594e9f9e8593791d",
    ),
    ("SessionEnd", 30, "", "true", "0408973db4c606ef0b942b13de03431201c09e7746a6fbf2d078370f1af83d68"),
];
