//! Holding, taking over, losing, releasing.

use super::*;
use crate::protocol::op::{ReleaseRequest, ReleaseTarget};

#[test]
fn of_two_that_overlap_one_is_granted() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    desk.claim(&one, &["a"]).unwrap();
    let before = desk.state.clone();
    let Err(Refusal::Held(conflicts)) = desk.claim(&other, &["b", "a", "c"]) else { panic!("it was granted") };
    assert_eq!(conflicts.len(), 1);
    assert_eq!((&*conflicts[0].holder, conflicts[0].wanted), (&*one, 1));
    assert_eq!(desk.state, before, "all or none");
}

#[test]
fn what_is_held_keeps_its_id_and_changes_nothing() {
    let mut desk = Desk::new();
    let one = desk.register("claude", 1);
    desk.claim(&one, &["a"]).unwrap();
    let request = desk.request(&["a"]);
    let (outcome, changes, _) = desk.perform(Some(&one), Op::Claim(request)).unwrap();
    let Outcome::Claimed { grants, .. } = outcome else { panic!("{outcome:?}") };
    assert!(grants[0].held_before && changes.is_empty());
}

#[test]
fn the_fence_of_a_claim_is_the_revision_that_granted_it() {
    let mut desk = Desk::new();
    let one = desk.register("claude", 1);
    for target in ["a", "b"] {
        desk.claim(&one, &[target]).unwrap();
        assert_eq!(desk.state.claims.last().unwrap().fence, desk.state.revision);
    }
}

#[test]
fn a_held_directory_covers_files_and_a_leased_one_does_not_cover_for_ever() {
    let mut desk = Desk::new();
    let one = desk.register("claude", 1);
    let directory = |desk: &mut Desk, ttl_ms| {
        let wanted = vec![desk.wanted("directory", "src")];
        ClaimRequest { wanted, ttl_ms, ..ClaimRequest::default() }
    };
    let leased = directory(&mut desk, Some(1000));
    desk.outcome(&one, Op::Claim(leased)).unwrap();
    desk.claim(&one, &["src/a"]).unwrap();
    assert_eq!(desk.state.claims.len(), 2, "a lease that ends must not stand for one that does not");
    let lasting = Wanted { target: "lib".into(), ..desk.wanted("directory", "") };
    desk.outcome(&one, Op::Claim(ClaimRequest { wanted: vec![lasting], ..ClaimRequest::default() })).unwrap();
    desk.claim(&one, &["lib/a"]).unwrap();
    assert_eq!(desk.state.claims.len(), 3);
}

#[test]
fn a_takeover_is_remembered_told_once_and_mentioned_by_guard_once() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    desk.claim(&one, &["a", "b"]).unwrap();
    desk.kill(&one);
    let Ok(Outcome::Claimed { taken_over, .. }) = desk.claim(&other, &["a"]) else { panic!("it was refused") };
    assert_eq!((&*taken_over[0].from, &*taken_over[0].to), (&*one, &*other));
    assert_eq!((desk.holder("a"), desk.holder("b")), (Some(&*other), Some(&*one)), "no more than was needed");
    let told = desk.lost(&one);
    assert_eq!((told.len(), &*told[0].target), (1, "a"));
    assert!(desk.lost(&one).is_empty());
    desk.outcome(&other, Op::Unregister).unwrap();
    let guard = |desk: &mut Desk| {
        let wanted = vec![desk.wanted("file", "a"), desk.wanted("file", "b")];
        desk.outcome(&one, Op::Guard { wanted }).unwrap()
    };
    assert!(matches!(guard(&mut desk), Outcome::Guarded { lost } if lost.len() == 1));
    assert_eq!(guard(&mut desk), Outcome::Guarded { lost: Vec::new() });
}

#[test]
fn a_loss_that_nobody_took_is_made_good_by_claiming_again() {
    let mut desk = Desk::new();
    let one = desk.register("claude", 1);
    desk.claim(&one, &["a"]).unwrap();
    desk.kill(&one);
    desk.perform(None, Op::Cleanup).unwrap();
    assert_eq!(desk.state.instance(&one).unwrap().lost.len(), 1);
    desk.claim(&one, &["a"]).unwrap();
    assert!(desk.state.instance(&one).unwrap().lost.is_empty());
}

#[test]
fn a_loss_that_another_took_meanwhile_is_not() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    desk.claim(&one, &["a"]).unwrap();
    desk.kill(&one);
    desk.perform(None, Op::Cleanup).unwrap();
    desk.claim(&other, &["a"]).unwrap();
    desk.outcome(&other, Op::Unregister).unwrap();
    desk.claim(&one, &["a"]).unwrap();
    let lost = &desk.state.instance(&one).unwrap().lost;
    assert_eq!((lost.len(), &*lost[0].to), (1, &*other));
}

#[test]
fn a_lapsed_claim_of_ones_own_is_taken_again_without_a_loss() {
    let mut desk = Desk::new();
    let one = desk.register("claude", 1);
    let leased = ClaimRequest { ttl_ms: Some(10), ..desk.request(&["a"]) };
    desk.outcome(&one, Op::Claim(leased)).unwrap();
    desk.pass(10);
    let Ok(Outcome::Claimed { taken_over, .. }) = desk.claim(&one, &["a"]) else { panic!("it was refused") };
    assert!(taken_over.is_empty() && desk.state.instance(&one).unwrap().lost.is_empty());
    assert_eq!(desk.state.claims.len(), 1);
    assert!(desk.state.claims[0].expires_at.is_empty());
}

#[test]
fn silence_alone_costs_nobody_its_own() {
    let mut desk = Desk::new();
    let one = desk.register("claude", 1);
    let leased = ClaimRequest { ttl_ms: Some(8 * 3_600_000), ..desk.request(&["a"]) };
    desk.outcome(&one, Op::Claim(leased)).unwrap();
    let id = desk.state.claims[0].key.to_string();
    desk.pass(2 * 3_600_000);
    desk.claim(&one, &["a"]).unwrap();
    assert_eq!((desk.state.claims.len(), &*desk.state.claims[0].key), (1, &*id));
}

#[test]
fn a_lease_ends_by_the_clock_that_stands_still_asleep() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    let leased = ClaimRequest { ttl_ms: Some(60_000), ..desk.request(&["a"]) };
    desk.outcome(&one, Op::Claim(leased)).unwrap();
    desk.evidence.now.wall_ms += 3_600_000;
    assert!(desk.claim(&other, &["a"]).is_err(), "the machine slept");
    desk.evidence.now.awake_ms += 60_000;
    assert!(desk.claim(&other, &["a"]).is_ok());
}

#[test]
fn readers_share_and_one_alone_may_write() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    for id in [&one, &other] {
        let shared = ClaimRequest { shared: true, ..desk.request(&["a"]) };
        desk.outcome(id, Op::Claim(shared)).unwrap();
    }
    assert!(desk.claim(&one, &["a"]).is_err());
    desk.outcome(&other, Op::Release(ReleaseRequest::default())).unwrap();
    desk.claim(&one, &["a"]).unwrap();
    assert_eq!((desk.state.claims.len(), desk.state.claims[0].exclusive), (1, Some(true)));
}

#[test]
fn only_its_holder_releases_unless_forced() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    desk.claim(&one, &["a"]).unwrap();
    let release = |desk: &mut Desk, force| {
        let target = ReleaseTarget { word: "a".to_owned(), places: vec![desk.wanted("file", "a")] };
        let request = ReleaseRequest { targets: vec![target], force, reason: Some("why".to_owned()) };
        desk.outcome(&other, Op::Release(request))
    };
    assert!(matches!(release(&mut desk, false), Err(Refusal::NotYours(conflict)) if conflict.holder == one));
    assert!(release(&mut desk, true).is_ok());
    assert!(desk.lost(&one)[0].reason.contains("why"));
    assert!(matches!(release(&mut desk, true), Err(Refusal::Unknown { .. })));
}

/// Claims elsewhere matter to a claim where the caller comes from another boot, since all its leases are dated anew, and where
/// somebody queues.
#[test]
fn a_claim_is_decided_nearby_only_where_nothing_else_can_matter() {
    let mut desk = Desk::new();
    let (one, two) = (desk.register("claude", 7), desk.register("codex", 8));
    desk.claim(&one, &["a"]).unwrap();
    let plain = desk.request(&["b"]);
    let wait = Some(Wait { id: "w".to_owned(), process: None, timeout_ms: 60_000, again: false });
    let nearby = |desk: &Desk, op: Op| {
        let request = Request { actor: Some(one.clone()), op };
        is_decided_nearby(&desk.state, &request, &desk.evidence.machine)
    };
    assert!(nearby(&desk, Op::Claim(plain.clone())));
    assert!(!nearby(&desk, Op::Claim(ClaimRequest { wait, ..plain.clone() })));
    assert!(!nearby(&desk, Op::Unregister) && !nearby(&desk, Op::Cleanup));
    let rebooted = Machine { boot_id: "another".to_owned(), ..desk.evidence.machine.clone() };
    let machine = std::mem::replace(&mut desk.evidence.machine, rebooted);
    assert!(!nearby(&desk, Op::Claim(plain.clone())));
    desk.evidence.machine = machine;
    desk.wait(&two, "a", false).unwrap();
    assert!(!nearby(&desk, Op::Claim(plain)));
}
