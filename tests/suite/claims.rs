//! Claiming, checking, releasing: what each prints and how it exits.

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
