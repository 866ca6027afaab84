//! `aio guard`: what a commit hook asks.

use crate::harness::{Sleeper, World, git, run};

#[test]
fn an_agent_is_refused_what_another_holds() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    world.claim(&claude, "a");
    assert_eq!(world.aio_as(&claude, ["guard", "a", "b"]).code, 0, "what it holds itself, and what nobody does");
    let refused = world.aio_as(&codex, ["guard", "b", "a"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains(&claude) && refused.err.contains("file a"), "{refused:?}");
}

#[test]
fn a_person_is_told_and_refused_only_when_strict() {
    let world = World::new();
    let claude = world.register("claude");
    world.claim(&claude, "a");
    let told = world.detached("aio guard a b");
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.out.contains(&claude), "{told:?}");
    assert_eq!(world.detached("aio guard --strict a").code, 1);
    assert_eq!(world.detached("aio guard --strict b").code, 0);
}

#[test]
fn a_lost_path_that_changed_hands_is_refused_once() {
    let world = World::new();
    let mut sleeper = Sleeper::new();
    let (claude, codex) = (world.register_process("claude", &sleeper.0), world.register("codex"));
    world.claim(&claude, "a");
    sleeper.kill();
    assert_eq!(world.aio_as(&codex, ["claim", "a"]).code, 0);
    world.aio_as(&codex, ["release", "a"]);
    let refused = world.aio_as(&claude, ["guard", "a"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains(&codex) && refused.err.contains("file a"), "{refused:?}");
    assert_eq!(world.aio_as(&claude, ["guard", "a"]).code, 0, "once");
}

#[test]
fn a_lost_path_that_nobody_else_held_is_no_matter() {
    let world = World::new();
    let mut sleeper = Sleeper::new();
    let claude = world.register_process("claude", &sleeper.0);
    world.claim(&claude, "a");
    sleeper.kill();
    world.aio(["cleanup"]);
    assert_eq!(world.aio_as(&claude, ["guard", "a"]).code, 0);
}

#[test]
fn what_git_has_staged_is_guarded_from_any_folder() {
    let world = World::bare();
    git(&world.project, &["init", "-q"]);
    for name in ["src/a.rs", "with space", "new\nline"] {
        world.file(name);
    }
    git(&world.project, &["add", "."]);
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    assert_eq!(world.aio_as(&codex, ["guard", "--staged"]).code, 0);
    let inside = |id: &str| {
        run(world.command("aio").current_dir(world.project.join("src")).args(["--as", id, "guard", "--staged"]))
    };
    for held in ["src/a.rs", "with space", "new\nline"] {
        world.claim(&claude, held);
        assert_eq!((inside(&codex).code, inside(&claude).code), (1, 0), "{held:?}");
        world.aio_as(&claude, ["release", "all"]);
    }
    git(&world.project, &["commit", "-qm", "x"]);
    git(&world.project, &["mv", "src/a.rs", "src/b.rs"]);
    world.claim(&claude, "src/a.rs");
    assert_eq!(inside(&codex).code, 1, "a move touches both names");
}

#[test]
fn without_a_repository_staged_says_so() {
    let world = World::bare();
    let refused = world.aio(["guard", "--staged"]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.err.contains("next: "), "{refused:?}");
}
