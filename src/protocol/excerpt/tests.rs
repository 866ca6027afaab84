//! The excerpt against the whole text.

use super::super::document;
use super::super::record::Unknown;
use super::super::state::{ContextEntry, Instance, Lost, Section, State, Waiter, Wanted};
use super::*;

fn file(target: &str) -> Wanted<'_> {
    Wanted { kind: "file".into(), target: target.into(), project: "/p".into(), ..Wanted::default() }
}

/// The excerpt of a text that comes line by line.
fn excerpt(text: &str, places: &[Prepared<'_>]) -> Option<String> {
    sift(text, Sieve::new(places))
}

fn sift(text: &str, mut sieve: Sieve<'_>) -> Option<String> {
    text.split_inclusive('\n').for_each(|line| sieve.pass(line));
    sieve.finish()
}

const CALLER: &str = "amp-4-0000";

/// Compares both ways of reading a text: how many claims concern the target, and how many bytes the excerpt saved. None
/// where the text is no state.
fn compare(text: &str, target: &str) -> Option<(usize, usize)> {
    let wanted = file(target);
    let places = [Prepared::new(&wanted)];
    let whole = document::read_keeping(text, |claim| concerns(claim, &places)).ok()?;
    compare_but_claims(text);
    let excerpt = excerpt(text, &places);
    let part = excerpt.as_ref().and_then(|text| document::read_keeping(text, |claim| concerns(claim, &places)).ok());
    let Some(part) = part else { return Some((whole.claims.len(), 0)) };
    assert_eq!((&part.claims, &part.waiters), (&whole.claims, &whole.waiters), "{target} in {text}");
    assert_eq!(known(&part.instances), known(&whole.instances), "{target} in {text}");
    Some((whole.claims.len(), text.len() - excerpt.as_ref().map_or(text.len(), String::len)))
}

/// Compares what is read of everything but claims, where it can be read so.
fn compare_but_claims(text: &str) {
    let part = sift(text, Sieve::but_claims()).expect("nothing follows a context that is kept");
    let whole = document::read_keeping(text, |_| false).expect("it is a state");
    let Ok(part) = document::read_keeping(&part, |_| false) else { return };
    assert_eq!(part.waiters, whole.waiters, "{text}");
    assert_eq!(known(&part.instances), known(&whole.instances), "{text}");
    let entries = |state: &State<'_>| state.context.entries().map(|entries| format!("{entries:?}")).ok();
    assert_eq!(entries(&part), entries(&whole), "{text}");
}

/// Instances without what looks like a claim, which may have been left out: fields that nobody knows, and what stands, by
/// whatever accident, among them.
fn known<'a>(instances: &[Instance<'a>]) -> Vec<Instance<'a>> {
    let is_claim = |instance: &&Instance<'_>| instance.unknown.iter().any(|(field, _)| field == "target");
    let known = |instance: &Instance<'a>| Instance { unknown: Unknown::default(), ..instance.clone() };
    instances.iter().filter(|instance| !is_claim(instance)).map(known).collect()
}

fn claims_on(text: &str, target: &str) -> usize {
    compare(text, target).expect("it is a state").0
}

/// A state as we write it, with claims on `count` files and a few more, and somebody in a queue.
fn written(count: usize) -> String {
    let waiters = vec![Waiter { id: "w".into(), ..Waiter::default() }];
    text_of(State { waiters, ..state(count) })
}

fn text_of(mut state: State<'_>) -> String {
    String::from_utf8(document::write(&mut state)).expect("JSON is UTF-8")
}

/// The same without a queue. One instance lost something, and most have nothing to do with `src/x.rs`.
fn state(count: usize) -> State<'static> {
    let claim = |kind: &'static str, target: String| Claim {
        key: format!("01K{kind}{}", target.replace(['/', '_', '.', '*', '{', '}', ','], "")).into(),
        kind: kind.into(),
        project: "/p".into(),
        instance_id: if kind == "pattern" { "codex-3-0000" } else { "claude-1-0000" }.into(),
        exclusive: Some(true),
        reason: if target.ends_with("3.rs") { "to be {sure}, or \"so\"" } else { "the tests" }.into(),
        target: target.into(),
        ..Claim::default()
    };
    let files = (0..count).map(|number| claim("file", format!("src/area_{}/file_{number}.rs", number % 7)));
    let others = [
        claim("directory", "src/area_1".to_owned()),
        claim("pattern", "**/*.{rs,toml}".to_owned()),
        Claim { project: "/elsewhere".into(), repository: "/p/.git".into(), ..claim("file", "src/x.rs".to_owned()) },
    ];
    let lost = vec![Lost { id: "1".into(), ..Lost::default() }];
    let instance = |key: &'static str| Instance {
        key: key.into(),
        id: key.into(),
        tool: "claude".into(),
        issue: (key != CALLER).then(|| "bd-1".into()),
        pid: 7,
        ..Instance::default()
    };
    let instances = vec![
        instance("claude-1-0000"),
        instance("claude-2-0000"),
        instance("codex-3-0000"),
        instance(CALLER),
        instance("claude-5-0000"),
        Instance { lost, ..instance("claude-6-0000") },
        instance("claude-7-0000"),
        instance("claude-8-0000"),
    ];
    let entry = ContextEntry { content: "[1], \"claims\": {see}".into(), ..ContextEntry::default() };
    let context = Section::Read(vec![entry.clone(), entry]);
    State { instances, claims: files.chain(others).collect(), context, ..State::empty() }
}

#[test]
fn what_we_write_is_shortened_to_what_matters() {
    let text = written(200);
    let (claims, saved) = compare(&text, "src/area_2/file_2.rs").expect("we wrote it");
    assert_eq!(claims, 2, "the file and the pattern");
    assert!(saved > text.len() * 94 / 100, "{saved} of {}", text.len());
    assert_eq!(claims_on(&text, "src/area_1/new.rs"), 2, "the directory and the pattern");
    assert_eq!(claims_on(&text, "src/x.rs"), 2, "the pattern, and the other worktree's file");
    assert_eq!(claims_on(&text, "README.md"), 0);
}

#[test]
fn a_section_or_a_field_that_stands_twice_counts_twice() {
    let text = written(20);
    let late = r#"{"9":{"type":"file","target":"late","project":"/p"}}"#;
    for name in [r#""claims""#, r#""cl\u0061ims""#] {
        let text = text.replace("\n]\n}\n", &format!("\n]\r\n ,\t\n {name} : {late}\n}}\n"));
        assert_eq!(claims_on(&text, "late"), 1, "{text}");
    }
    for name in [r#""target""#, r#""t\u0061rget""#, r#""\u0074arget""#] {
        let text = text.replace(r#""exclusive""#, &format!(r#"{name}:"late","exclusive""#));
        assert_eq!(claims_on(&text, "late"), 23, "{text}");
    }
}

#[test]
fn other_layouts_are_read_as_well() {
    const CLAIMS: &str = r#""claims":{"1":{"type":"file","target":"a","project":"/p","id":"1"},"2":{"id":"2","project":"/p","target":"dir","type":"directory","repository":"/r"},"3":{"type":"pattern","target":"**/*.rs","project":"/p"}}"#;
    let context = r#""context":[{"id":"k","content":"claims, \"claims\" and more"}]"#;
    for text in [format!("{{{CLAIMS},{context}}}"), format!("\u{feff}{{{context},\r\n{CLAIMS}}}")] {
        let found = ["a", "dir/x", "dir/x.rs", "b"].map(|target| claims_on(&text, target));
        assert_eq!(found, [1, 1, 2, 0], "{text}");
    }
    let pretty: serde_json::Value = serde_json::from_str(&written(9)).expect("it is JSON");
    assert_eq!(claims_on(&serde_json::to_string_pretty(&pretty).expect("it is JSON"), "src/area_1/file_1.rs"), 3);
}

#[test]
fn what_stands_after_the_place_can_still_matter() {
    let with = |claim: &str| format!("{{\n\"claims\":{{\n\"1\":{{{claim}}},\n\"2\":{{}}\n}},\n\"context\":[\n]\n}}\n");
    let folded = with(r#""type":"file","target":"SRC/A","project":"/P","foldsCase":true"#);
    assert_eq!(claims_on(&folded, "src/a"), 1);
    let kelvin = with("\"type\":\"file\",\"target\":\"\u{212a}\",\"project\":\"/p\",\"foldsCase\":true");
    assert_eq!(claims_on(&kelvin, "k"), 1);
    let elsewhere = with(r#""type":"file","target":"a","project":"/w","repository":"/p/.git""#);
    assert_eq!(claims_on(&elsewhere, "a"), 1);
    let moved = with(r#""type":"file","target":"a","project":"/p","instanceId":"i","target":"b""#);
    assert_eq!((claims_on(&moved, "b"), claims_on(&moved, "a")), (1, 0));
    for odd in [r#""target":"x/../a","project":"/p""#, r#""target":"/p/a","project":"/q""#] {
        assert_eq!(claims_on(&with(&format!(r#""type":"file",{odd}"#)), "a"), 1, "{odd}");
    }
}

#[test]
fn a_text_that_breaks_before_the_context_is_no_state() {
    let wanted = file("a");
    let places = [Prepared::new(&wanted)];
    for text in
        ["", r#"{"claims":{"1":{"type":"fi"#, r#"{"claims":{}} x"#, "{\n\"claims\":{\n\"1\":{}\n\"context\":[\n]\n}\n"]
    {
        let excerpt = excerpt(text, &places);
        assert!(document::read_keeping(&excerpt.unwrap_or_default(), |_| true).is_err(), "{text}");
    }
}

/// A number that looks like chance and is the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % limit
    }
}

/// Takes a state apart and writes it again, where that can be done: then nothing was changed. The same once it was written
/// by us.
fn is_put_together_again(text: &str) -> bool {
    let ours = text_of(document::read(text).expect("it is a state"));
    put_together_again(&ours, true);
    put_together_again(text, false)
}

fn put_together_again(text: &str, we_wrote: bool) -> bool {
    let wanted = file("src/x.rs");
    let Some(parts) = Parts::of(text, &[Prepared::new(&wanted)], Some(CALLER), we_wrote) else { return false };
    let Ok(near) = document::read(&parts.near) else { return false };
    let near = document::write_among(near, &parts).concat();
    let whole = document::write(&mut document::read(text).expect("its part is a state"));
    let [near, whole] = [near, whole].map(|text| {
        let mut content = content(str::from_utf8(&text).expect("JSON is UTF-8"));
        // Theirs are derived when they are written.
        for bystander in &parts.bystanders {
            let id = bystander.lines.split('"').nth(1).expect("an id in quotes");
            content["instances"][id]["claims"] = serde_json::Value::Null;
        }
        content
    });
    assert_eq!(near, whole, "{text}");
    true
}

/// Hand edits as they happen and as they never would: what is still a state reads the same both ways.
#[test]
fn however_a_text_was_edited_both_ways_agree() {
    const PIECES: [&str; 16] = [
        "\n",
        " ",
        "{",
        "}",
        "},",
        "]",
        "],",
        ",",
        "\"",
        "\\",
        ":{",
        "\n\"claims\":{\n",
        "\n\"context\":[\n",
        "\"x\":{\"y\":1},",
        "\"target\":\"src/x.rs\",",
        "\"0\":{\"type\":\"file\",\"target\":\"src/x.rs\",\"project\":\"/p\"},\n",
    ];
    let (texts, mut dice) = ([written(12), text_of(state(12))], Dice(7));
    let (mut states, mut shortened, mut divided) = (0, 0, 0);
    for _ in 0..40_000 {
        let mut edited = texts[dice.below(2)].clone();
        for _ in 0..1 + dice.below(3) {
            // Where it hurts: at the marks JSON is made of.
            let marks: Vec<usize> =
                edited.match_indices(['{', '}', ',', '\n', '[', ']', ':']).map(|(at, _)| at).collect();
            let Some(&at) = marks.get(dice.below(marks.len().max(1))) else { break };
            match dice.below(4) {
                0 => edited.insert_str(at, PIECES[dice.below(PIECES.len())]),
                1 => edited.insert_str(at + 1, PIECES[dice.below(PIECES.len())]),
                2 => edited.replace_range(at..=at, ""),
                _ => {
                    let mut lines: Vec<&str> = edited.split_inclusive('\n').collect();
                    let (from, to) = (dice.below(lines.len()), dice.below(lines.len()));
                    let line = lines.remove(from);
                    lines.insert(to.min(lines.len()), line);
                    edited = lines.concat();
                }
            }
        }
        if let Some((_, saved)) = compare(&edited, "src/x.rs") {
            states += 1;
            shortened += usize::from(saved > 0);
            divided += usize::from(is_put_together_again(&edited));
        }
    }
    assert!(
        states > 1_500 && shortened > 500 && divided > 500,
        "{states} states, {shortened} of them shortened, {divided} taken apart"
    );
}

/// What stands in a text, whatever the order of the claims.
fn content(text: &str) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_str(text).expect("what we write is JSON");
    for instance in value["instances"].as_object_mut().expect("an object").values_mut() {
        let ids = instance["claims"].as_array_mut().expect("a list");
        ids.sort_by_key(ToString::to_string);
    }
    value
}

/// Another claim among many is written down as if all had been read.
#[test]
fn writing_around_a_place_leaves_everything_else_alone() {
    let text = written(60);
    let edited = [
        text.clone(),
        text.replace("\"context\"", "\"unknown\":{\"a\":[1.0,2e30]},\n\"context\""),
        text.replacen("\"exclusive\":true", "\"exclusive\":true,\"hers\":[\"x\"]", 5),
        text.replacen("\"type\":\"file\"", "\n\"type\":\"file\"", 9),
    ];
    let mut divided = 0;
    for text in edited {
        let wanted = file("src/area_1/new.rs");
        let places = [Prepared::new(&wanted)];
        let Some(parts) = Parts::of(&text, &places, Some(CALLER), false) else { continue };
        divided += 1;
        assert!(parts.held.len() > 40, "{}", parts.held.len());
        let add = |state: &mut State<'_>| {
            let claim = Claim { key: "NEW".into(), instance_id: "claude-1-0000".into(), ..Claim::default() };
            state.claims.push(claim);
            state.claims.retain(|claim| claim.kind != "pattern");
        };
        let mut whole = document::read(&text).expect("it is a state");
        add(&mut whole);
        let mut near = document::read(&parts.near).expect("it is a state");
        add(&mut near);
        let near = String::from_utf8(document::write_among(near, &parts).concat()).expect("JSON is UTF-8");
        let whole = String::from_utf8(document::write(&mut whole)).expect("JSON is UTF-8");
        assert_eq!(content(&near), content(&whole));
        assert_eq!(near.len(), whole.len());
    }
    assert_eq!(divided, 3);
}

/// A text is taken apart only where every line among the claims is one whole claim.
#[test]
fn wrapped_claims_are_not_taken_apart() {
    let text = written(9);
    let wanted = file("src/x.rs");
    let places = [Prepared::new(&wanted)];
    assert!(Parts::of(&text, &places, Some(CALLER), false).is_some());
    for (from, to) in [
        ("\"/p\",\"instanceId\"", "\"/p\",\"x\":{\"y\":1},\n\"instanceId\""),
        ("\"/p\",\"instanceId\"", "\"/p\",\"x\":{\"y\":1},\"instanceId\""),
        ("\"instanceId\":\"claude", "\"instanceId\": \"claude"),
        ("\n]\n}\n", "\n]}\n"),
        ("\n\"waiters\"", "\r\n\"waiters\""),
    ] {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text);
        assert!(serde_json::from_str::<serde_json::Value>(&edited).is_ok(), "{edited}");
        is_put_together_again(&edited);
    }
}

/// Sections of others may look like ours.
#[test]
fn what_others_keep_is_kept() {
    let theirs = "\"theirs\":{\"a\":1,\"claims\":[\"x\",\"y\"]},\n\"waiters\"";
    let text = written(9).replace("\"waiters\"", theirs);
    assert!(is_put_together_again(&text) && claims_on(&text, "src/area_1/a.rs") == 2);
}

/// The sections of a text we wrote, in another order.
fn in_order(text: &str, order: [&str; 4]) -> String {
    let from = |name: &str| text.find(&format!("\n\"{name}\":")).expect("it is there") + 1;
    let names = ["instances", "claims", "waiters", "context"];
    let section = |name: &&str| {
        let start = from(name);
        let ends = names.map(from).into_iter().chain([text.len() - "\n}\n".len()]);
        let end = ends.filter(|end| *end > start).min().expect("the text ends");
        text[start..end].trim_end_matches(",\n").to_owned()
    };
    format!("{}{}\n}}\n", &text[..from("instances")], order.iter().map(section).collect::<Vec<_>>().join(",\n"))
}

#[test]
fn sections_may_stand_in_any_order() {
    let text = written(30);
    for order in [
        ["instances", "context", "claims", "waiters"],
        ["context", "claims", "instances", "waiters"],
        ["claims", "context", "instances", "waiters"],
        ["instances", "claims", "context", "waiters"],
        ["waiters", "context", "instances", "claims"],
        ["claims", "waiters", "instances", "context"],
    ] {
        let text = in_order(&text, order);
        assert_eq!(claims_on(&text, "src/area_1/file_1.rs"), 3, "{order:?}");
        is_put_together_again(&text);
    }
    let late = "],\n\"claims\":{\"h\":{\"type\":\"file\",\"target\":\"h\",\"project\":\"/p\"}},\n\"notes\":[]\n}\n";
    let text = text.strip_suffix("]\n}\n").expect("the context comes last").to_owned() + late;
    assert_eq!(claims_on(&text, "h"), 1);
    assert!(!is_put_together_again(&text));
}

#[test]
fn what_looks_like_claims_elsewhere_is_none() {
    let text = written(30);
    let claims =
        text.find("\"claims\":{\n").expect("it is there")..text.find("\n},\n\"waiters\"").expect("it is there");
    let backup = format!("\"backup\":{{\n{}\n}}\n}},\n\"waiters\"", &text[claims]);
    for text in [
        text.replace("\"waiters\"", &backup),
        text.replace("\"instances\":{", &format!("{}{{", backup.replace("waiters\"", "instances\":"))),
    ] {
        serde_json::from_str::<serde_json::Value>(&text).expect("it is JSON");
        assert_eq!(claims_on(&text, "src/area_1/file_1.rs"), 3);
        assert!(!is_put_together_again(&text));
    }
}

#[test]
fn damage_far_away_is_seen_by_who_writes() {
    let text = written(30).replace("\"claimedAt\":\"\"", "\"claimedAt\":\"\",\"fence\":7");
    let wanted = file("src/x.rs");
    let places = [Prepared::new(&wanted)];
    assert!(
        Parts::of(&text, &places, Some(CALLER), false)
            .is_some_and(|parts| parts.held.len() > 20 && document::read(&parts.near).is_ok())
    );
    for (from, to) in [
        ("\"fence\":7", "\"fence\":"),
        ("\"fence\":7", "\"fence\":\"oops\""),
        ("\"fence\":7", "\"fence\":07"),
        ("\"fence\":7", "\"fence\":99999999999999999999"),
        ("\"exclusive\":true", "\"exclusive\":1"),
        ("\"the tests\"", "\"the\ttests\""),
        ("see}", "see}\u{1}"),
    ] {
        let edited = text.replacen(from, to, 1);
        assert!(edited != text && document::read(&edited).is_err(), "{to}");
        let parts = Parts::of(&edited, &places, Some(CALLER), false);
        assert!(parts.is_none_or(|parts| document::read(&parts.near).is_err()), "{to}");
    }
}

#[test]
fn instances_that_have_nothing_to_do_with_it_are_left_alone() {
    let text = text_of(state(60));
    let wanted = file("src/x.rs");
    let places = [Prepared::new(&wanted)];
    let expected = ["claude-1-0000", "codex-3-0000", CALLER, "claude-6-0000", "claude-8-0000"];
    let names = |text: &str| -> Vec<String> {
        let state = document::read(text).expect("it is a state");
        state.instances.iter().map(|instance| instance.key.to_string()).collect()
    };
    for we_wrote in [false, true] {
        let parts = Parts::of(&text, &places, Some(CALLER), we_wrote).expect("we wrote it");
        assert_eq!(names(&parts.near), expected);
        assert_eq!(parts.bystanders.iter().map(|run| run.after).collect::<Vec<_>>(), [1, 3, 4]);
        let again = document::write_among(document::read(&parts.near).expect("it is a state"), &parts).concat();
        let again = str::from_utf8(&again).expect("JSON is UTF-8");
        assert_eq!(names(again), names(&text), "in the order they had");
        assert_eq!(content(again), content(&text));
    }

    // Where somebody waits, or lines are not what we write, everybody matters.
    let odd = ["\n\"claude-2", "\n\"claude\\u002d2", "\n\n\"claude-2"];
    let odd = odd.map(|name| text.replace("\n\"claude-2", name));
    let cut = text.replace(",\"claims\":[],\"pid\":7},\n\"claude-8", ",\"claims\":[],\n\"pid\":7},\n\"claude-8");
    assert_ne!(cut, text);
    for (text, left) in [(&written(9), 8), (&odd[0], 5), (&odd[1], 6), (&odd[2], 5), (&cut, 8)] {
        assert_eq!(
            names(&Parts::of(text, &places, Some(CALLER), false).expect("it is clear").near).len(),
            left,
            "{text}"
        );
        assert!(is_put_together_again(text));
    }
}
