//! The table of states, boundary by boundary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeMap;

use super::*;
use crate::protocol::evidence::{Moment, ProcessKey, Settings};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const NOW: Moment = Moment { wall_ms: 1_800_000_000_000, awake_ms: 100 * HOUR };
const KEY: ProcessKey = ProcessKey { pid: 7, start: 70 };

fn here() -> Machine {
    Machine { host: "here".to_owned(), boot_id: "boot".to_owned(), pid_namespace: "1".to_owned() }
}

fn evidence(fate: Option<Fate>) -> Evidence {
    let processes: BTreeMap<_, _> = fate.map(|fate| (KEY, fate)).into_iter().collect();
    Evidence { now: NOW, machine: here(), processes, settings: Settings::default(), nonce: 0 }
}

/// An instance of this machine whose heartbeat is that old by both clocks.
fn instance(age_ms: u64) -> Instance<'static> {
    let stamp = time::stamp(NOW.wall_ms - i64::try_from(age_ms).unwrap());
    Instance {
        key: "i".into(),
        host: "here".into(),
        boot_id: "boot".into(),
        pid_namespace: "1".into(),
        pid: KEY.pid,
        process_start: KEY.start,
        last_heartbeat: stamp.clone().into(),
        heartbeat_stamp: stamp.into(),
        heartbeat_monotonic_ms: NOW.awake_ms - age_ms,
        ..Instance::default()
    }
}

#[test]
fn each_state_has_its_evidence() {
    use Liveness::{Active, Dead, Quiet, Stale};
    let alive = Some(Fate::Alive { tool_call: false });
    let busy = Some(Fate::Alive { tool_call: true });
    let table = [
        (0, None, Active),
        (5 * MINUTE - 1, None, Active),
        (5 * MINUTE, None, Stale),
        (5 * MINUTE, Some(Fate::Unknown), Stale),
        (5 * MINUTE, alive, Quiet),
        (HOUR - 1, alive, Quiet),
        (HOUR, alive, Stale),
        (HOUR, busy, Quiet),
        (12 * HOUR - 1, busy, Quiet),
        (12 * HOUR, busy, Stale),
        (0, Some(Fate::Gone), Dead),
        (5 * MINUTE, Some(Fate::Gone), Dead),
    ];
    for (age_ms, fate, expected) in table {
        assert_eq!(liveness(&instance(age_ms), &evidence(fate)), expected, "{age_ms} ms, {fate:?}");
        assert_eq!(expected.holds(), matches!(expected, Active | Quiet));
    }
}

#[test]
fn only_who_can_see_it_calls_a_process_gone() {
    let gone = evidence(Some(Fate::Gone));
    type Change = fn(&mut Instance<'_>);
    let cases: [(&str, Change); 5] = [
        ("another host", |i| i.host = "there".into()),
        ("another host, rebooted", |i| (i.host, i.boot_id) = ("there".into(), "other".into())),
        ("another namespace", |i| i.pid_namespace = "2".into()),
        ("an unknown namespace", |i| i.pid_namespace = "".into()),
        ("no process", |i| i.pid = 0),
    ];
    for (name, change) in cases {
        let (mut fresh, mut old) = (instance(0), instance(5 * MINUTE));
        change(&mut fresh);
        change(&mut old);
        assert_eq!(liveness(&fresh, &gone), Liveness::Active, "{name}");
        assert_eq!(liveness(&old, &gone), Liveness::Stale, "{name}");
    }
}

#[test]
fn a_reboot_of_this_host_is_death_at_once() {
    let rebooted = Instance { boot_id: "before".into(), ..instance(0) };
    assert_eq!(liveness(&rebooted, &evidence(None)), Liveness::Dead);
    let unknown = Instance { boot_id: "".into(), ..instance(0) };
    assert_eq!(liveness(&unknown, &evidence(None)), Liveness::Active);
    let blind = Evidence { machine: Machine { boot_id: String::new(), ..here() }, ..evidence(None) };
    assert_eq!(liveness(&rebooted, &blind), Liveness::Active, "who does not know its own boot judges nobody's");
}

#[test]
fn age_is_awake_time_where_it_can_be_had() {
    let slept = Instance { heartbeat_monotonic_ms: NOW.awake_ms - 10, ..instance(9 * HOUR) };
    assert_eq!(heartbeat_age_ms(&slept, &evidence(None)), 10);
    let edited = Instance { heartbeat_stamp: time::stamp(0).into(), ..slept.clone() };
    assert_eq!(heartbeat_age_ms(&edited, &evidence(None)), 9 * HOUR, "another program wrote the stamp");
    let elsewhere = Instance { host: "there".into(), ..slept.clone() };
    assert_eq!(heartbeat_age_ms(&elsewhere, &evidence(None)), 9 * HOUR, "another host's clock means nothing here");
    let before_boot = Instance { boot_id: "before".into(), ..slept };
    assert_eq!(heartbeat_age_ms(&before_boot, &evidence(None)), 9 * HOUR);
}

#[test]
fn ages_clamp_at_zero_and_absurd_stamps_say_nothing() {
    let at = |offset_ms: i64| wall_age_ms(&time::stamp(NOW.wall_ms + offset_ms), &evidence(None));
    assert_eq!(at(-1000), 1000);
    assert_eq!(at(1000), 0);
    assert_eq!(at(24 * 3_600_000), 0);
    assert_eq!(at(24 * 3_600_000 + 1000), u64::MAX);
    assert_eq!(wall_age_ms("yesterday", &evidence(None)), u64::MAX);
    let ahead = Instance { heartbeat_monotonic_ms: NOW.awake_ms + HOUR, ..instance(0) };
    assert_eq!(heartbeat_age_ms(&ahead, &evidence(None)), 0);
}

fn claim(expires_at: &str, expires_monotonic_ms: u64) -> Claim<'static> {
    Claim {
        instance_id: "i".into(),
        claimed_at: time::stamp(NOW.wall_ms).into(),
        expires_at: expires_at.to_owned().into(),
        expires_monotonic_ms,
        ..Claim::default()
    }
}

fn state_with(instance: Option<Instance<'static>>) -> State<'static> {
    State { instances: instance.into_iter().collect(), ..State::empty() }
}

#[test]
fn a_lease_ends_by_awake_time_of_its_boot_else_by_the_wall() {
    let held = state_with(Some(instance(0)));
    let elsewhere = state_with(Some(Instance { host: "there".into(), ..instance(0) }));
    let (past, future) = (time::stamp(NOW.wall_ms - 1000), time::stamp(NOW.wall_ms + 1000));
    let lapsed = |claim: &Claim<'_>, state: &State<'_>| {
        assert_eq!(
            has_lapsed(claim, state, &evidence(None)),
            matches!(standing(claim, state, &evidence(None)), Standing::Lapsed)
        );
        has_lapsed(claim, state, &evidence(None))
    };
    assert!(!lapsed(&claim("", 0), &held), "no lease, no end");
    assert!(lapsed(&claim(&past, 0), &held));
    assert!(!lapsed(&claim(&future, 0), &held));
    assert!(lapsed(&claim("soon", 0), &held), "what cannot be read has passed");
    assert!(!lapsed(&claim(&past, NOW.awake_ms + 1), &held), "the wall clock jumped ahead");
    assert!(lapsed(&claim(&future, NOW.awake_ms), &held), "the wall clock was set back");
    assert!(lapsed(&claim(&past, NOW.awake_ms + 1), &elsewhere));
}

#[test]
fn a_claim_stands_and_falls_with_its_holder() {
    let free = claim("", 0);
    assert!(standing(&free, &state_with(Some(instance(0))), &evidence(None)).in_force());
    let gone = standing(&free, &state_with(Some(instance(0))), &evidence(Some(Fate::Gone)));
    assert!(matches!(gone, Standing::HolderGone(Liveness::Dead)));
    let silent = standing(&free, &state_with(Some(instance(HOUR))), &evidence(None));
    assert!(matches!(silent, Standing::HolderGone(Liveness::Stale)));
    assert!(standing(&free, &state_with(None), &evidence(None)).in_force());
    let old = Claim { claimed_at: time::stamp(NOW.wall_ms - 5 * 60_000).into(), ..free };
    assert!(!standing(&old, &state_with(None), &evidence(None)).in_force());
}

#[test]
fn a_wait_ends_with_its_command_its_time_and_its_boot() {
    let waiter = Waiter {
        host: "here".into(),
        boot_id: "boot".into(),
        pid_namespace: "1".into(),
        pid: KEY.pid,
        process_start: KEY.start,
        expires_at: time::stamp(NOW.wall_ms + 1000).into(),
        ..Waiter::default()
    };
    assert!(waits(&waiter, &evidence(None)));
    assert!(waits(&waiter, &evidence(Some(Fate::Alive { tool_call: false }))));
    assert!(!waits(&waiter, &evidence(Some(Fate::Gone))));
    assert!(!waits(&Waiter { boot_id: "before".into(), ..waiter.clone() }, &evidence(None)));
    assert!(!waits(&Waiter { expires_at: time::stamp(NOW.wall_ms - 1000).into(), ..waiter }, &evidence(None)));
}

#[test]
fn a_stamp_ahead_of_the_clock_is_not_young() {
    let now_ms = time::unix_ms("2026-01-01T12:00:00Z").unwrap();
    let is_young = |stamp| is_within(stamp, now_ms, 60_000);
    assert!(is_young("2026-01-01T12:00:00Z") && is_young("2026-01-01T11:59:01Z"));
    assert!(!is_young("2026-01-01T11:59:00Z") && !is_young("2026-01-01T12:00:01Z"));
    assert!(!is_young("") && !is_young("soon") && !is_young("0001-01-01T00:00:00Z"));
}
