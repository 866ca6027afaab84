//! Shell commands: what they write is denied or claimed like an edit, and what they change unseen is noticed.

use serde_json::{Value, json};

use super::{Session, context, reason};
use crate::harness::{World, git};

impl Session<'_> {
    pub fn command(&self, command: &str) -> Value {
        let input = json!({ "command": command });
        self.hook("PreToolUse", json!({ "tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": input }))
    }

    pub fn commanded(&self, command: &str) -> Value {
        let input = json!({ "command": command });
        self.hook("PostToolUse", json!({ "tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": input }))
    }

    fn edited(&self, file: &str) -> Value {
        let path = self.world.project.join(file);
        self.hook("PostToolUse", json!({ "tool_name": "Write", "tool_input": { "file_path": path, "content": "x" } }))
    }
}

/// A repository with `src/held.rs` held by the first session and `src/free.rs` by nobody.
fn world() -> World {
    let world = World::bare();
    assert_eq!(git(&world.project, &["init", "-q"]).code, 0);
    for name in ["src/held.rs", "src/free.rs", "old/deep/file.rs", "target/out.txt"] {
        world.file(name);
    }
    std::fs::write(world.project.join(".gitignore"), "/target\n").unwrap();
    let one = world.session("claude", "one");
    one.prompt("x");
    assert_eq!(one.edit("src/held.rs"), Value::Null);
    world
}

fn targets(world: &World) -> Vec<String> {
    let mut targets: Vec<String> =
        world.claims().iter().map(|claim| claim["target"].as_str().unwrap().to_owned()).collect();
    targets.sort();
    targets
}

#[test]
fn what_writes_to_a_held_file_is_denied() {
    let world = world();
    let other = world.session("claude", "other");
    for command in [
        "echo x > src/held.rs",
        "cd src && echo x >> held.rs",
        "sed -i s/a/b/ src/free.rs src/held.rs",
        "(cd src; cat free.rs | tee -a held.rs)",
        "mv src/held.rs src/new.rs",
        "mv src/free.rs src/held.rs",
        "cp src/free.rs src/held.rs",
        "cp old/deep/file.rs src && mv src/free.rs src/held.rs",
        "rm -rf src",
        "rm src/*.rs",
        "bash -c 'truncate -s 0 src/held.rs'",
        "git checkout -- src/held.rs",
        "git reset --hard",
        "git stash",
        "git clean -fd",
        "git checkout .",
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Delete File: src/held.rs\n*** End Patch\nEOF",
    ] {
        let answer = other.command(command);
        assert!(reason(&answer).contains("src/held.rs"), "{command}: {answer}");
        assert_eq!(targets(&world), ["src/held.rs"], "{command}");
    }
}

#[test]
fn what_only_reads_or_is_not_understood_passes() {
    let world = world();
    let other = world.session("claude", "other");
    for command in [
        "cat src/held.rs",
        "grep '>' src/held.rs > /dev/null 2>&1",
        "echo 'echo x > src/held.rs'",
        "sed -n 1p src/held.rs",
        "git diff src/held.rs | head",
        "git stash list; git status; git log -1; git checkout -b new",
        "python3 build.py > \"$OUT\"",
        "some-tool --write src/held.rs",
        "echo x > \"unfinished",
        "",
    ] {
        assert_eq!(other.command(command), Value::Null, "{command}");
    }
    assert_eq!(targets(&world), ["src/held.rs"]);
}

#[test]
fn files_of_the_worktree_are_claimed_and_no_others() {
    let world = world();
    let other = world.session("claude", "other");
    let outside = world.home.join("note.txt");
    let commands = format!(
        "echo x > src/new.rs; echo x > target/log.txt; echo x > {}; echo x > /tmp/aio-shell-test; echo x > .git/description",
        outside.display()
    );
    assert_eq!(other.command(&commands), Value::Null);
    assert_eq!(targets(&world), ["src/held.rs", "src/new.rs"]);
    let one = world.session("claude", "one");
    assert!(reason(&one.edit("src/new.rs")).contains("src/new.rs"));
}

#[test]
fn ones_own_are_ones_own() {
    let world = world();
    let one = world.session("claude", "one");
    for command in ["echo x > src/held.rs", "git reset --hard", "rm -rf src"] {
        assert_eq!(one.command(command), Value::Null, "{command}");
    }
}

#[test]
fn a_change_that_nobody_announced_is_told_to_both_once() {
    let world = world();
    let (one, other) = (world.session("claude", "one"), world.session("claude", "other"));
    assert_eq!(other.command("make generate"), Value::Null);
    std::fs::write(world.project.join("src/held.rs"), "changed behind its back").unwrap();
    let answer = other.commanded("make generate");
    let told = context(&answer);
    let holder = one.instance()["id"].as_str().unwrap().to_owned();
    assert!(told.contains("src/held.rs changed while your command ran") && told.contains(&holder), "{told}");
    assert!(told.contains("was told"), "{told}");
    let answer = one.looked();
    let told = context(&answer);
    assert!(told.contains("src/held.rs changed while a shell command") && told.contains("read it again"), "{told}");
    assert_eq!((one.looked(), other.command("make"), other.commanded("make")), (Value::Null, Value::Null, Value::Null));
}

#[test]
fn what_the_holder_did_itself_is_laid_at_nobodys_door() {
    let world = world();
    let (one, other) = (world.session("claude", "one"), world.session("claude", "other"));
    other.command("sleep 1");
    std::fs::write(world.project.join("src/held.rs"), "by its holder").unwrap();
    one.edited("src/held.rs");
    assert_eq!(other.commanded("sleep 1"), Value::Null);
    // A command of the holder's runs: who can tell?
    one.command("make");
    other.command("sleep 1");
    std::fs::write(world.project.join("src/held.rs"), "by either").unwrap();
    let answer = other.commanded("sleep 1");
    assert!(context(&answer).contains("who may have changed it"), "{answer}");
    assert_eq!(one.looked(), Value::Null);
}

#[test]
fn a_holder_without_hooks_may_have_done_it() {
    let world = world();
    let holder = world.register("person");
    assert_eq!(world.aio_as(&holder, ["claim", "src/free.rs"]).code, 0);
    let other = world.session("claude", "other");
    other.command("make");
    std::fs::write(world.project.join("src/free.rs"), "by somebody").unwrap();
    let answer = other.commanded("make");
    assert!(context(&answer).contains("src/free.rs changed") && context(&answer).contains("may have"), "{answer}");
}

#[test]
fn alone_nothing_is_noted_before_a_command() {
    let world = World::new();
    let one = world.session("claude", "one");
    one.prompt("x");
    one.edit("src/a.rs");
    one.command("make");
    one.commanded("make");
    assert!(!world.dir.join("calls").exists());
    let two = world.session("claude", "two");
    two.edit("src/b.rs");
    one.command("make");
    assert!(world.dir.join("calls").exists());
    one.hook("SessionEnd", json!({}));
    assert_eq!(std::fs::read_dir(world.dir.join("calls")).unwrap().count(), 0);
}

#[test]
fn what_a_killed_session_noted_is_swept() {
    let world = world();
    let (one, other) = (world.session("claude", "one"), world.session("claude", "other"));
    one.edited("src/held.rs");
    other.command("make");
    let noted = || std::fs::read_dir(world.dir.join("calls")).unwrap().count();
    assert_eq!(noted(), 2);
    world.aio(["cleanup"]);
    assert_eq!(noted(), 2, "both live");
    world.age(one.instance()["id"].as_str().unwrap(), 3600);
    world.aio(["cleanup"]);
    assert_eq!(noted(), 1);
}
