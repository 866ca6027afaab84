//! States that say what ours say, laid out otherwise by an editor or another program.

use std::os::unix::fs::MetadataExt;

use crate::harness::World;

/// Two sessions, a file that the first holds, and something written down.
fn world() -> (World, String, String) {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "src/a.rs");
    world.claim(&claude, "src/b.rs");
    assert_eq!(world.aio_as(&claude, ["context", "add", "decision", "[k], \"claims\""]).code, 0);
    (world, claude, codex)
}

/// Our text with its sections in this order, each as it was.
fn in_order(text: &str, order: &[&str]) -> String {
    let starts: Vec<usize> = order.iter().map(|name| text.find(&format!("\n\"{name}\":")).unwrap() + 1).collect();
    let section = |start: &usize| {
        let ends = starts.iter().copied().chain([text.len() - "\n}\n".len()]);
        let end = ends.filter(|end| end > start).min().unwrap();
        text[*start..end].trim_end_matches(['\n', ',']).to_owned()
    };
    format!("{{\n{}\n}}\n", starts.iter().map(section).collect::<Vec<_>>().join(",\n"))
}

#[test]
fn a_held_file_is_held_whatever_the_order_of_sections() {
    let (world, claude, codex) = world();
    let text = world.state_text();
    for order in
        ["instances context claims waiters", "context waiters claims instances", "claims context instances waiters"]
    {
        let order: Vec<&str> =
            "schemaVersion revision updatedAt journaled".split(' ').chain(order.split(' ')).collect();
        world.write_state(&in_order(&text, &order));
        let ran = world.aio_as(&codex, ["check", "src/a.rs"]);
        assert!(ran.code == 1 && ran.out.contains(&claude), "{order:?}: {ran:?}");
        assert_eq!(world.aio_as(&codex, ["guard", "src/a.rs"]).code, 1, "{order:?}");
        assert_eq!(world.aio_as(&codex, ["claim", "src/a.rs"]).code, 1, "{order:?}");
        assert!(world.aio_as(&claude, ["check", "src/a.rs"]).out.starts_with("YOURS"), "{order:?}");
    }
}

#[test]
fn a_second_section_after_the_context_counts() {
    let (world, claude, codex) = world();
    let project = world.project.to_str().unwrap();
    let claim = format!(
        r#""h":{{"id":"h","type":"file","target":"h.rs","project":"{project}","instanceId":"{claude}","claimedAt":"2026-01-01T00:00:00Z"}}"#
    );
    let text = world.state_text();
    let text = text.strip_suffix("\n}\n").unwrap();
    world.write_state(&format!("{text},\n\"claims\":{{{claim}}},\n\"notes\":[]\n}}\n"));
    assert_eq!(world.aio_as(&codex, ["check", "h.rs"]).code, 1);
    assert_eq!(world.aio_as(&codex, ["claim", "h.rs"]).code, 1);
}

#[test]
fn a_newer_schema_is_not_written_wherever_it_says_so() {
    let (world, _, codex) = world();
    let order = ["revision", "updatedAt", "journaled", "instances", "claims", "context", "schemaVersion", "waiters"];
    let text = in_order(&world.state_text(), &order).replace("\"schemaVersion\":1", "\"schemaVersion\":2");
    world.write_state(&text);
    assert_eq!(world.aio_as(&codex, ["claim", "src/c.rs"]).code, 4);
    assert_eq!(world.state_text(), text);
}

/// What a claim leaves alone it leaves to the letter.
#[test]
fn a_claim_leaves_other_peoples_sections_alone() {
    let (world, claude, codex) = world();
    let text = world.state_text();
    let from = text.find("\"claims\":{\n").unwrap();
    let backup = &text[from..from + text[from..].find("\n},").unwrap() + 2];
    let theirs = format!(
        "\"waiters\":[],\n\"backup\":{{\n{backup}\n}},\n\"teams\":{{\"red\":{{\"lead\":\"ann\",\"claims\":[\"auth\",\"billing\"]}}}}"
    );
    world.write_state(&text.replace("\"waiters\":[]", &theirs));
    let before = world.state();
    assert_eq!(world.aio_as(&claude, ["release", "all"]).code, 0);
    world.claim(&codex, "src/c.rs");
    let after = world.state();
    assert_eq!((&after["backup"], &after["teams"]), (&before["backup"], &before["teams"]));
    assert_eq!(after["claims"].as_object().unwrap().len(), 1);
}

#[test]
fn damage_anywhere_stops_every_writer() {
    let (world, _, codex) = world();
    for (from, to) in [("\"fence\":", "\"fence\":,"), ("\"fence\":", "\"fence\":\"x\",\"y\":")] {
        let text = world.state_text();
        world.write_state(&text.replacen(from, to, 1));
        let ran = world.aio_as(&codex, ["claim", "src/c.rs"]);
        assert_eq!(ran.code, 4, "{ran:?}");
        world.write_state(&text);
    }
    let text = world.state_text().replace("\"category\":\"decision\"", "\"category\":7");
    world.write_state(&text);
    let ran = world.aio(["doctor"]);
    assert!(ran.code != 0 && ran.out.contains("context cannot be read"), "{ran:?}");
}

/// What bears the mark of its last writer is believed. Even an edit in place, at once, of the same length takes it away.
#[test]
fn what_was_edited_bears_no_mark() {
    let (world, claude, codex) = world();
    for round in 0..20 {
        world.claim(&claude, &format!("src/more_{round}.rs"));
        let text = world.state_text();
        let metadata = world.state_path().metadata().unwrap();
        let mark = format!("{} {} {}.{:09}", metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec());
        let lock = std::fs::read_to_string(world.dir.join("state.lock")).unwrap();
        assert!(lock.contains(&mark), "{lock} without {mark}");
        world.write_state(&text.replacen("\"exclusive\":true", "\"exclusive\":tru3", 1));
        assert_eq!(world.state_path().metadata().unwrap().ino(), metadata.ino());
        let ran = world.aio_as(&codex, ["claim", "src/c.rs"]);
        assert_eq!(ran.code, 4, "{ran:?}");
        world.write_state(&text);
    }
}

#[test]
fn a_link_to_nothing_yet_is_written_through() {
    let world = World::new();
    let behind = world.home.join("dotfiles");
    std::fs::create_dir_all(world.state_path().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(behind.join("state.json"), world.state_path()).unwrap();
    let ran = world.aio(["register", "claude"]);
    assert!(ran.code == 6 && ran.err.contains("dotfiles"), "{ran:?}");
    std::fs::create_dir(&behind).unwrap();
    world.register("claude");
    assert!(behind.join("state.json").is_file() && world.state_path().is_symlink());
}

#[test]
fn a_name_that_is_nobodys_is_refused_by_who_only_looks() {
    let (world, ..) = world();
    for args in [&["check", "free.rs"][..], &["log"], &["context", "list"], &["context", "export"], &["status"]] {
        assert_eq!(world.aio_as("nope", args).code, 3, "{args:?}");
    }
}
