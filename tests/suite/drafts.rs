//! What stands in an agent's prompt and was not entered stays as it is: nothing is pasted behind it, and nothing entered with it.

use std::process::Command;

use serde_json::{Value, json};

use crate::fleet::{Fleet, lacks_tmux, within};
use crate::harness::run;

/// A job in tmux, launched; none where there is no tmux, which the proofs need.
fn launched(mut script: Value) -> Option<Fleet> {
    if lacks_tmux() {
        return None;
    }
    let fleet = Fleet::new();
    script["record"] = fleet.given.to_str().unwrap().into();
    script["hooks"] = true.into();
    // With 1 where its agent waits for a person.
    run(fleet.command(&script).args(["multi", "l:1", "--tmux", "Fix the parser"]));
    Some(fleet)
}

fn tmux(fleet: &Fleet, words: &[&str]) {
    let socket = fleet.world.dir.join("tmux.sock");
    assert_eq!(run(Command::new("tmux").arg("-S").arg(socket).args(words)).code, 0, "{words:?}");
}

/// What a person does who looks into its terminal.
fn press(fleet: &Fleet, keys: &[&str]) {
    let pane = format!("=aio-{}:", id(fleet));
    tmux(fleet, &[&["send-keys", "-t", &pane], keys].concat());
}

fn id(fleet: &Fleet) -> String {
    fleet.jobs()[0]["id"].as_str().unwrap().to_owned()
}

fn prompt(fleet: &Fleet, number: usize) -> Option<String> {
    std::fs::read_to_string(fleet.given.join(format!("prompt-{number:04}"))).ok()
}

fn end(fleet: &Fleet) {
    assert_eq!(fleet.aio(&["stop", &id(fleet)]).code, 0);
    tmux(fleet, &["kill-server"]);
}

#[test]
fn a_message_waits_for_what_a_person_has_begun_to_type() {
    let Some(fleet) = launched(json!({ "turns": [[{ "say": "Well" }]] })) else { return };
    fleet.job("waiting for you");
    press(&fleet, &["-l", "half typed"]);
    let ran = fleet.aio(&["send", &id(&fleet), "Mind the gap", "--wait", "4s"]);
    assert_eq!((ran.code, &*ran.out), (1, &*format!("{}: queued\n", id(&fleet))), "{ran:?}");
    let words = "a message was not handed over: its prompt holds words that were not entered: half typed";
    assert!(within(20, || fleet.jobs()[0]["question"] == words), "{:#}", fleet.jobs()[0]);
    assert_eq!((prompt(&fleet, 2), &fleet.jobs()[0]["messagesWaiting"]), (None, &json!(1)));
    // Once that is entered, the message follows, alone.
    press(&fleet, &["Enter"]);
    assert!(within(30, || prompt(&fleet, 3).is_some()), "{:#}", fleet.jobs()[0]);
    assert_eq!((&*prompt(&fleet, 2).unwrap(), &*prompt(&fleet, 3).unwrap()), ("half typed", "Mind the gap"));
    end(&fleet);
}

#[test]
fn a_message_is_no_receipt_of_a_task() {
    let Some(fleet) = launched(json!({ "ignore_pastes": 1, "turns": [[{ "say": "Well" }]] })) else { return };
    assert_eq!(fleet.job("waiting for you")["delivery"], "unconfirmed");
    let ran = fleet.aio(&["send", &id(&fleet), "Are you there?", "--wait", "60s"]);
    assert!(ran.code == 0 && ran.out.ends_with(": acknowledged (hook: to the byte)\n"), "{ran:?}");
    let job = &fleet.jobs()[0];
    assert_eq!(
        (&job["delivery"], prompt(&fleet, 1).as_deref()),
        (&json!("unconfirmed"), Some("Are you there?")),
        "{job:#}"
    );
    end(&fleet);
}

#[test]
fn nothing_is_pasted_behind_a_task_that_was_not_entered() {
    let script = json!({ "swallow_enters": 4, "turns": [[{ "say": "Well" }]] });
    let Some(fleet) = launched(script) else { return };
    assert_eq!(fleet.job("waiting for you")["delivery"], "unconfirmed");
    let ran = fleet.aio(&["send", &id(&fleet), "Mind the gap", "--wait", "4s"]);
    assert_eq!((ran.code, &*ran.out), (1, &*format!("{}: queued\n", id(&fleet))), "{ran:?}");
    // A person enters it in the end.
    press(&fleet, &["Enter"]);
    press(&fleet, &["Enter"]);
    press(&fleet, &["Enter"]);
    assert!(within(30, || prompt(&fleet, 2).is_some()), "{:#}", fleet.jobs()[0]);
    assert!(prompt(&fleet, 1).unwrap().contains("Fix the parser") && !prompt(&fleet, 1).unwrap().contains("Mind"));
    assert_eq!(prompt(&fleet, 2).as_deref(), Some("Mind the gap"));
    let job = &fleet.jobs()[0];
    assert_eq!((&job["delivery"], &job["receipt"]), (&json!("acknowledged"), &json!("hook: to the byte")));
    end(&fleet);
}
