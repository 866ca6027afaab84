//! Ours among others'.

use super::*;

fn hooks() -> Hooks {
    let template = r#"{"version": 1, "hooks": {
        "Before": [{"matcher": "Write", "hooks": [{"command": "x; aio hook claude Before || exit 0", "timeout": 1}]}],
        "After": [{"hooks": [{"command": "x; aio hook claude After || exit 0", "timeout": 1}]}]}}"#;
    Hooks { agent: "claude", template: Document::parse(template).expect("JSON").get(&[]).expect("a value") }
}

#[test]
fn a_file_with_ours_is_left_as_it_is_however_it_is_written() {
    let with = hooks().put_in("").expect("JSON");
    assert_eq!(hooks().put_in(&with).expect("JSON"), with);
    let mut other_order = with.replace("\"timeout\": 1", "").replace("|| exit 0\",", "|| exit 0\"");
    other_order = other_order.replace("{\n            \"command\"", "{ \"timeout\": 1, \"command\"");
    assert_ne!(other_order, with);
    assert_eq!(hooks().put_in(&other_order).expect("JSON"), other_order);
}

#[test]
fn another_agents_hooks_are_not_ours() {
    let text = r#"{"hooks": {"Before": [{"hooks": [{"command": "x; aio hook codex Before"}]}]}}"#;
    assert_eq!(hooks().take_out(text, None).expect("JSON"), text);
    assert_eq!(hooks().put_in(text).expect("JSON").matches("aio hook").count(), 3);
}

#[test]
fn a_matcher_that_was_changed_is_restored_and_one_shared_with_others_is_not() {
    let with = hooks().put_in("").expect("JSON");
    let narrowed = with.replace("\"Write\"", "\"Read\"");
    assert_eq!(hooks().put_in(&narrowed).expect("JSON"), with);
    let shared = r#"{"version": 1, "hooks": {"Before": [{"matcher": "Mine", "hooks": [{"command": "mine"},
        {"command": "old; aio hook claude Before"}]}]}}"#;
    let renewed = hooks().put_in(shared).expect("JSON");
    assert!(renewed.contains("\"Mine\"") && renewed.contains("\"mine\"") && !renewed.contains("old;"), "{renewed}");
}

#[test]
fn what_was_empty_before_stays() {
    let before = r#"{"hooks": {"Before": [], "Mine": []}}"#;
    let with = hooks().put_in(before).expect("JSON");
    assert_eq!(hooks().take_out(&with, Some(before)).expect("JSON"), before);
    assert_eq!(hooks().take_out(&with, None).expect("JSON"), r#"{"hooks": { "Mine": []}, "version": 1}"#);
}

#[test]
fn places_are_those_an_agent_counts() {
    let text = r#"{"hooks": {"Before": [{"hooks": [{"command": "a"}]}, {"matcher": "W", "hooks": [{"command": "b"},
        {"command": " aio hook claude Before"}]}], "flat": [{"command": "c"}, {"bash": " aio hook claude flat"}]}}"#;
    let places =
        |found: Vec<Place>| found.into_iter().map(|place| (place.event, place.group, place.index)).collect::<Vec<_>>();
    let ours = places(hooks().places(text).expect("JSON"));
    assert_eq!(ours, [("Before".to_owned(), 1, 1), ("flat".to_owned(), 1, 0)]);
    let others = places(hooks().others(text).expect("JSON"));
    assert_eq!(others, [("Before".to_owned(), 0, 0), ("Before".to_owned(), 1, 0), ("flat".to_owned(), 0, 0)]);
}
