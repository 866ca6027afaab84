//! Waiting: in order, together, and never in a circle.

use super::*;

fn release_all(desk: &mut Desk, id: &str) {
    desk.outcome(id, Op::Release(Default::default())).unwrap();
}

#[test]
fn a_release_grants_to_the_first_that_still_waits() {
    let mut desk = Desk::new();
    let ids: Vec<String> = (1..5).map(|pid| desk.register("claude", pid)).collect();
    desk.claim(&ids[0], &["a"]).unwrap();
    for id in &ids[1..] {
        assert!(matches!(desk.wait(id, "a", false), Ok(Outcome::Waiting { .. })));
    }
    desk.kill(&ids[1]);
    release_all(&mut desk, &ids[0]);
    assert_eq!(desk.holder("a"), Some(&*ids[2]), "the first is dead");
    assert_eq!(desk.state.waiters.len(), 1);
    desk.pass(60_000);
    release_all(&mut desk, &ids[2]);
    assert_eq!((desk.holder("a"), desk.state.waiters.len()), (None, 0), "the last one's time is up");
}

#[test]
fn nobody_steps_in_before_a_living_waiter() {
    let mut desk = Desk::new();
    let ids: Vec<String> = (1..4).map(|pid| desk.register("claude", pid)).collect();
    let shared = ClaimRequest { shared: true, ..desk.request(&["a"]) };
    desk.outcome(&ids[0], Op::Claim(shared)).unwrap();
    desk.wait(&ids[1], "a", false).unwrap();
    let shared = ClaimRequest { shared: true, ..desk.request(&["a"]) };
    let Err(Refusal::Held(conflicts)) = desk.outcome(&ids[2], Op::Claim(shared.clone())) else { panic!("granted") };
    assert!(conflicts[0].waiting && conflicts[0].holder == ids[1]);
    desk.kill(&ids[1]);
    desk.outcome(&ids[2], Op::Claim(shared)).unwrap();
}

#[test]
fn readers_in_line_are_served_together() {
    let mut desk = Desk::new();
    let ids: Vec<String> = (1..4).map(|pid| desk.register("claude", pid)).collect();
    desk.claim(&ids[0], &["a"]).unwrap();
    desk.wait(&ids[1], "a", true).unwrap();
    desk.wait(&ids[2], "a", true).unwrap();
    release_all(&mut desk, &ids[0]);
    assert_eq!((desk.state.claims.len(), desk.state.waiters.len()), (2, 0));
}

#[test]
fn a_circle_of_any_length_is_refused_and_named() {
    let mut desk = Desk::new();
    let ids: Vec<String> = (1..5).map(|pid| desk.register("claude", pid)).collect();
    let files = ["a", "b", "c", "d"];
    for (id, file) in ids.iter().zip(files) {
        desk.claim(id, &[file]).unwrap();
    }
    for (id, file) in ids.iter().zip(&files[1..]) {
        desk.wait(id, file, false).unwrap();
    }
    let before = desk.state.clone();
    let Err(Refusal::Deadlock(cycle)) = desk.wait(&ids[3], "a", false) else { panic!("it may wait") };
    assert_eq!((cycle.first(), cycle.last(), cycle.len()), (Some(&ids[3]), Some(&ids[3]), 5));
    assert_eq!(desk.state, before);
    desk.kill(&ids[1]);
    assert!(!matches!(desk.wait(&ids[3], "a", false), Err(Refusal::Deadlock(_))), "the dead wait for nobody");
}

#[test]
fn two_readers_that_both_want_to_write_are_a_circle() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    for id in [&one, &other] {
        let shared = ClaimRequest { shared: true, ..desk.request(&["a"]) };
        desk.outcome(id, Op::Claim(shared)).unwrap();
    }
    desk.wait(&one, "a", false).unwrap();
    assert!(matches!(desk.wait(&other, "a", false), Err(Refusal::Deadlock(_))));
}

#[test]
fn a_cancelled_wait_lets_the_next_one_through() {
    let mut desk = Desk::new();
    let ids: Vec<String> = (1..4).map(|pid| desk.register("claude", pid)).collect();
    let shared = ClaimRequest { shared: true, ..desk.request(&["a"]) };
    desk.outcome(&ids[0], Op::Claim(shared)).unwrap();
    desk.wait(&ids[1], "a", false).unwrap();
    desk.wait(&ids[2], "a", true).unwrap();
    let waiter = desk.state.waiters[0].id.to_string();
    desk.outcome(&ids[1], Op::CancelWait { waiter }).unwrap();
    assert_eq!((desk.state.claims.len(), desk.state.waiters.len()), (2, 0));
}
