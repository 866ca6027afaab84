//! Paths as people and file systems spell them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::harness::{Ran, World, run};

fn with(world: &World, id: &str, args: &[&OsStr]) -> Ran {
    run(world.command("aio").args(["--as", id]).args(args))
}

#[test]
fn one_file_has_many_spellings() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "src/a.rs");
    let absolute = world.project.join("src/a.rs");
    for typed in [
        "./src/a.rs",
        "src//a.rs",
        "src/./a.rs",
        "src/../src/a.rs",
        "not/there/../../src/a.rs",
        absolute.to_str().unwrap(),
    ] {
        assert!(!world.is_free(&codex, typed), "{typed}");
    }
    for typed in ["src/a.rsx", "src/a", "a.rs", "src/A.rs2", "src/a.rs.bak"] {
        assert!(world.is_free(&codex, typed), "{typed}");
    }
}

#[test]
fn directories_are_compared_by_component() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    assert_eq!(world.aio_as(&claude, ["claim", "dir", "src/"]).code, 0);
    assert_eq!(world.aio_as(&codex, ["claim", "dir", "src"]).code, 1);
    assert_eq!(world.aio_as(&codex, ["claim", "dir", "srcs/"]).code, 0);
    assert_eq!(world.aio_as(&codex, ["claim", "dir", "."]).code, 1);
    assert_eq!(world.aio_as(&codex, ["claim", "dir", "/"]).code, 1);
    world.aio_as(&claude, ["release", "src/"]);
    assert_eq!(world.aio_as(&codex, ["claim", "dir", "/"]).code, 0);
    assert!(!world.is_free(&claude, "/anything/at/all"));
}

#[test]
fn a_trailing_slash_means_a_directory() {
    let world = World::new();
    let claude = world.register("claude");
    world.file("plain");
    assert_eq!(world.aio_as(&claude, ["claim", "file", "src/"]).code, 2);
    assert_eq!(world.aio_as(&claude, ["claim", "dir", "new/"]).code, 0);
    assert!(world.state_text().contains("\"target\":\"new\""));
}

#[test]
fn a_pattern_without_a_slash_matches_at_any_depth_below() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let inside = run(world
        .command("aio")
        .current_dir(world.project.join("src"))
        .args(["--as", &claude, "claim", "glob", "*.rs"]));
    assert_eq!(inside.code, 0);
    assert!(!world.is_free(&codex, "src/a.rs") && !world.is_free(&codex, "src/x/y/b.rs"));
    assert!(world.is_free(&codex, "a.rs") && world.is_free(&codex, "src/a.sql"));
    world.aio_as(&claude, ["claim", "glob", "docs/*.md"]);
    assert!(!world.is_free(&codex, "docs/a.md") && world.is_free(&codex, "docs/x/a.md"));
}

#[test]
fn special_characters_of_patterns_in_a_folder_are_plain() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let odd = world.project.join("[x]{y}");
    std::fs::create_dir(&odd).unwrap();
    let inside = run(world.command("aio").current_dir(&odd).args(["--as", &claude, "claim", "glob", "*.rs"]));
    assert_eq!(inside.code, 0, "{inside:?}");
    assert!(!world.is_free(&codex, "[x]{y}/a.rs") && world.is_free(&codex, "xy/a.rs"));
}

#[test]
fn a_name_that_is_not_utf8_is_held_exactly() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let name = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    let claim = |id: &str, target: &OsString| with(&world, id, &["claim".as_ref(), "file".as_ref(), target]);
    assert_eq!(claim(&claude, &name(b"caf\xe9")).code, 0);
    assert_eq!(claim(&codex, &name(b"caf\xe9")).code, 1);
    assert_eq!(claim(&codex, &name(b"caf\xe8")).code, 0);
    assert_eq!(claim(&codex, &name("caf\\xe9".as_bytes())).code, 0, "the escape as a name is another name");
    assert!(world.state_text().contains(r#""target":"caf\\xe9""#));
    let released = with(&world, &claude, &["release".as_ref(), &name(b"caf\xe9")]);
    assert_eq!(released.code, 0, "{released:?}");
    assert_eq!(claim(&codex, &name(b"caf\xe9")).code, 0);
}

#[test]
fn no_name_or_message_reaches_the_screen_raw() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let nasty = "new\nline\u{1b}[31m\u{202e}\u{7}";
    world.aio_as(&claude, ["task", nasty]);
    assert_eq!(world.aio_as(&claude, ["claim", "file", nasty, "--reason", nasty]).code, 0);
    world.aio_as(&claude, ["context", "add", "decision", nasty]);
    world.aio_as(&claude, ["handoff", nasty]);
    let commands: [&[&str]; 10] = [
        &["claim", nasty],
        &["check", nasty, "b"],
        &["release", nasty],
        &["guard", nasty],
        &["status"],
        &["log"],
        &["context", "get"],
        &["context", "export"],
        &["task", "--bad\u{1b}[0m"],
        &["claim", nasty, "--wait", "1ms"],
    ];
    for args in commands {
        let ran = world.aio_as(&codex, args);
        for text in [&ran.out, &ran.err] {
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{args:?}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("line")), "{args:?}: {text:?}");
        }
        let json = run(world.command("aio").args(["--as", &codex, "--json"]).args(args));
        assert_eq!(json.out.lines().count(), 1, "{args:?}");
        assert!(!json.out.contains(['\u{1b}', '\u{7}']), "{args:?}");
    }
    assert!(
        world.state()["claims"].as_object().unwrap().values().any(|claim| claim["target"] == nasty),
        "kept as it is"
    );
}

#[test]
fn a_place_outside_every_project_is_held_too() {
    let world = World::bare();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let outside = world.home.join("notes.txt");
    world.claim(&claude, outside.to_str().unwrap());
    let other = run(world.command("aio").current_dir(&world.home).args(["--as", &codex, "claim", "notes.txt"]));
    assert_eq!(other.code, 1, "{other:?}");
}

#[test]
fn a_link_that_leads_nowhere_or_round_in_circles() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    std::os::unix::fs::symlink("src/later.rs", world.project.join("dangling")).unwrap();
    world.claim(&claude, "dangling");
    assert!(!world.is_free(&codex, "src/later.rs"), "writing to it would create what it points to");
    std::os::unix::fs::symlink("loop", world.project.join("loop")).unwrap();
    let refused = world.aio_as(&claude, ["claim", "loop/a"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("loop"), "{refused:?}");
}
