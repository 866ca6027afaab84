//! Claiming, checking, releasing: what each prints and how it exits.

use serde_json::json;

use crate::harness::World;

#[test]
fn one_holds_and_the_other_is_told_who() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let granted = world.aio_as(&claude, ["claim", "file", "src/a.rs"]);
    assert_eq!(granted.code, 0);
    assert!(granted.first().starts_with("Claimed: "));
    let refused = world.aio_as(&codex, ["claim", "src/a.rs"]);
    assert_eq!((refused.code, refused.first()), (1, format!("Already claimed by: {claude}").as_str()));
    assert_eq!(world.aio_as(&codex, ["check", "src/b.rs"]).out, "AVAILABLE\n");
}

#[test]
fn a_refusal_says_who_does_what_since_when_and_what_to_do() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.aio_as(&claude, ["task", "the parser"]);
    world.aio_as(&claude, ["claim", "a", "--reason", "new grammar", "--ttl", "1h"]);
    let refused = world.aio_as(&codex, ["claim", "a"]);
    assert_eq!(refused.out, format!("Already claimed by: {claude}\n"));
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    for part in
        ["file a", &claude, "for \"new grammar\"", "working on \"the parser\"", "last seen", "until 20", "; next: "]
    {
        assert!(refused.err.contains(part), "{part:?} in {}", refused.err);
    }
}

#[test]
fn what_is_held_is_granted_again_under_the_same_id() {
    let world = World::new();
    let claude = world.register("claude");
    let id = world.claim(&claude, "a");
    let before = world.state_text();
    assert_eq!(world.claim(&claude, "./src/../a"), id);
    assert_eq!(world.state_text(), before, "nothing changed, so nothing is written");
}

#[test]
fn every_kind_is_held_against_others() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let kinds = [
        ("file", "a", "file"),
        ("directory", "one", "directory"),
        ("dir", "two", "directory"),
        ("pattern", "*.sql", "pattern"),
        ("glob", "docs/**", "pattern"),
        ("task", "bd-17", "task"),
        ("resource", "port:5173", "resource"),
    ];
    for (typed, target, stored) in kinds {
        assert_eq!(world.aio_as(&claude, ["claim", typed, target]).code, 0, "{typed} {target}");
        assert_eq!(
            world.aio_as(&codex, ["claim", typed, target]).answer(),
            (1, format!("Already claimed by: {claude}").as_str()),
            "{typed} {target}"
        );
        let state = world.state();
        let last = state["claims"].as_object().unwrap().values().next_back().unwrap().clone();
        assert_eq!(last["type"], stored);
    }
    assert_eq!(world.state()["claims"].as_object().unwrap().len(), kinds.len());
}

#[test]
fn kinds_of_paths_meet_each_other_and_names_do_not() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.aio_as(&claude, ["claim", "directory", "src"]);
    world.aio_as(&claude, ["claim", "pattern", "lib/**/*.rs"]);
    for held in [["file", "src/deep/a.rs"], ["dir", "src/deep"], ["pattern", "*.rs"], ["file", "lib/x/y.rs"]] {
        assert_eq!(world.aio_as(&codex, ["claim", held[0], held[1]]).code, 1, "{held:?}");
    }
    for free in
        [["file", "srcs"], ["file", "lib/x.sql"], ["pattern", "lib/*.sql"], ["task", "src"], ["resource", "src"]]
    {
        assert_eq!(world.aio_as(&codex, ["claim", free[0], free[1]]).code, 0, "{free:?}");
    }
}

#[test]
fn a_held_directory_covers_what_is_in_it() {
    let world = World::new();
    let claude = world.register("claude");
    let held = world.aio_as(&claude, ["claim", "dir", "src"]);
    assert_eq!(world.aio_as(&claude, ["claim", "src/a.rs"]).out, held.out);
    assert!(world.aio_as(&claude, ["check", "src/a.rs"]).out.starts_with("YOURS "));
}

#[test]
fn several_targets_are_all_granted_or_none() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let both = world.aio_as(&claude, ["claim", "file", "a", "b"]);
    assert_eq!((both.code, both.out.lines().count()), (0, 2));
    let before = world.state_text();
    assert_eq!(world.aio_as(&codex, ["claim", "file", "c", "b", "d"]).code, 1);
    assert_eq!(world.state_text(), before);
    assert!(world.is_free(&codex, "c") && world.is_free(&codex, "d"));
}

#[test]
fn readers_share_and_writers_do_not() {
    let world = World::new();
    let (claude, codex, gemini) = (world.register("claude"), world.register("codex"), world.register("gemini"));
    assert_eq!(world.aio_as(&claude, ["claim", "--shared", "a"]).code, 0);
    assert_eq!(world.aio_as(&codex, ["claim", "a", "--shared"]).code, 0);
    assert_eq!(world.aio_as(&gemini, ["claim", "a"]).code, 1);
    assert_eq!(world.aio_as(&claude, ["claim", "a"]).answer(), (1, format!("Already claimed by: {codex}").as_str()));
    world.aio_as(&codex, ["release", "a"]);
    let upgraded = world.aio_as(&claude, ["claim", "a"]);
    assert_eq!(upgraded.code, 0, "alone, a reader may become the writer: {upgraded:?}");
    assert_eq!(world.aio_as(&codex, ["claim", "a", "--shared"]).code, 1);
}

#[test]
fn a_lease_ends_by_itself() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.aio_as(&claude, ["claim", "a", "--ttl", "1ms"]);
    crate::harness::eventually("the end of the lease", || world.is_free(&codex, "a").then_some(()));
    let taken = world.aio_as(&codex, ["claim", "a"]);
    assert_eq!(taken.code, 0);
    assert!(taken.err.contains("its lease had ended"), "{taken:?}");
}

#[test]
fn a_lapsed_lease_of_ones_own_is_simply_taken_again() {
    let world = World::new();
    let claude = world.register("claude");
    world.aio_as(&claude, ["claim", "a", "--ttl", "1ms"]);
    std::thread::sleep(std::time::Duration::from_millis(2));
    let again = world.aio_as(&claude, ["claim", "a"]);
    assert_eq!((again.code, again.err.as_str()), (0, ""));
    assert_eq!(world.aio_as(&claude, ["guard", "a"]).code, 0, "nobody else ever held it");
}

#[test]
fn the_project_may_be_named_as_an_option_or_as_the_last_word() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let project = world.project.to_str().unwrap();
    let elsewhere = |args: &[&str]| {
        crate::harness::run(world.command("aio").current_dir(&world.home).args(["--as", &claude]).args(args))
    };
    assert_eq!(elsewhere(&["claim", "file", "a", project]).code, 0);
    assert_eq!(elsewhere(&["claim", "file", "b", "--project", project]).code, 0);
    assert!(!world.is_free(&codex, "a") && !world.is_free(&codex, "b"));
}

#[test]
fn a_check_of_several_paths_has_a_line_for_each() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let id = world.claim(&claude, "a");
    world.claim(&codex, "b");
    let checked = world.aio_as(&claude, ["check", "a", "b", "c"]);
    assert_eq!(checked.code, 1);
    let lines: Vec<&str> = checked.out.lines().collect();
    assert_eq!(lines[0], format!("YOURS {id} (file: a)  a"));
    assert!(lines[1].starts_with(&format!("CLAIMED by {codex} (file: b)")), "{}", lines[1]);
    assert_eq!(lines[2], "AVAILABLE  c");
    assert_eq!(world.aio_as(&claude, ["check", "a", "c"]).code, 0, "what is one's own refuses nothing");
    assert_eq!(world.aio(["check", "a"]).code, 1, "nobody in particular may ask, too");
}

#[test]
fn claims_are_released_by_id_end_of_id_target_and_all() {
    let world = World::new();
    let claude = world.register("claude");
    let (a, b) = (world.claim(&claude, "a"), world.claim(&claude, "b"));
    world.claim(&claude, "c");
    world.claim(&claude, "d");
    world.aio_as(&claude, ["claim", "task", "bd-1"]);
    for word in [&*a, &b[b.len() - 6..].to_lowercase(), "./c", "bd-1"] {
        let released = world.aio_as(&claude, ["release", word]);
        assert_eq!(released.answer(), (0, "Released"), "{word}: {released:?}");
    }
    assert_eq!(world.state()["claims"].as_object().unwrap().len(), 1);
    assert_eq!(world.aio_as(&claude, ["release", "all"]).answer(), (0, "Released"));
    assert_eq!(world.state()["claims"], json!({}));
    assert_eq!(world.aio_as(&claude, ["release", "all"]).answer(), (0, "Released"), "nothing left is nothing wrong");
}

#[test]
fn several_words_are_released_together_or_not_at_all() {
    let world = World::new();
    let claude = world.register("claude");
    world.claim(&claude, "a");
    world.claim(&claude, "b");
    let before = world.state_text();
    assert_eq!(world.aio_as(&claude, ["release", "a", "nothing"]).code, 2);
    assert_eq!(world.state_text(), before);
    assert_eq!(world.aio_as(&claude, ["release", "a", "b"]).code, 0);
}

#[test]
fn all_is_ones_own_and_no_more() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "a");
    world.claim(&codex, "b");
    world.aio_as(&claude, ["release", "all"]);
    assert!(!world.is_free(&claude, "b") && world.is_free(&codex, "a"));
}

#[test]
fn only_the_holder_releases_unless_forced_and_then_it_is_told() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let id = world.claim(&claude, "a");
    let before = world.state_text();
    for word in ["a", &*id] {
        let refused = world.aio_as(&codex, ["release", word]);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""));
        assert!(refused.err.contains(&claude), "{refused:?}");
    }
    assert_eq!(world.state_text(), before);
    let forced = world.aio_as(&codex, ["release", &id, "--force", "--reason", "it went home"]);
    assert_eq!(forced.answer(), (0, "Released"));
    let told = world.aio_as(&claude, ["heartbeat"]);
    assert_eq!(told.first(), "Heartbeat updated");
    assert!(told.err.contains("you lost the file a") && told.err.contains("it went home"), "{told:?}");
    assert!(told.err.contains(&codex), "by whom: {told:?}");
    assert_eq!(world.aio_as(&claude, ["heartbeat"]).err, "", "news comes once");
    let journal = world.aio(["log"]);
    assert!(journal.out.contains("released") && journal.out.contains("it went home"), "{journal:?}");
}

#[test]
fn a_person_may_release_by_force() {
    let world = World::new();
    let claude = world.register("claude");
    world.claim(&claude, "a");
    let forced = world.detached("aio release a --force --reason 'it hangs'");
    assert_eq!(forced.answer(), (0, "Released"), "{forced:?}");
    assert!(world.aio_as(&claude, ["heartbeat"]).err.contains("a person: it hangs"));
}

#[test]
fn an_unset_reason_and_an_empty_state_are_no_hindrance() {
    let world = World::new();
    assert_eq!(world.aio(["check", "anything"]).out, "AVAILABLE\n");
    assert!(!world.dir.exists(), "a check creates nothing");
}
