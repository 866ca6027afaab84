//! Who lives, and which claims are in force.
//!
//! A crashed agent must let go within seconds and a quiet one must not be robbed, so the verdict follows evidence in
//! the order of its strength: a process provably gone, a reboot, a heartbeat, a living process.

use super::evidence::{Evidence, Fate, Machine};
use super::state::{Claim, Instance, State, Waiter};
use super::time;

/// A heartbeat stamped further ahead than this is no evidence: a clock may be set back, but not by days.
const FUTURE_LIMIT_MS: i64 = 24 * 3_600_000;
/// A heartbeat younger than this is not rewritten for its own sake.
pub const HEARTBEAT_INTERVAL_MS: u64 = 30_000;
/// A reading command refreshes its caller's heartbeat when it is older than this.
pub const HEARTBEAT_REFRESH_MS: u64 = 60_000;

/// How alive an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It gave a sign of life lately.
    Active,
    /// It has not, but its process lives and may be busy.
    Quiet,
    /// Nothing speaks for it any more.
    Stale,
    /// Its process is gone or its machine rebooted.
    Dead,
}

impl Liveness {
    /// Whether its claims are in force.
    pub fn holds(self) -> bool {
        matches!(self, Liveness::Active | Liveness::Quiet)
    }

    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Liveness::Active => "active",
            Liveness::Quiet => "quiet",
            Liveness::Stale => "stale",
            Liveness::Dead => "dead",
        }
    }
}

/// The verdict on an instance.
pub fn liveness(instance: &Instance<'_>, evidence: &Evidence) -> Liveness {
    let fate = evidence.fate(instance);
    if fate == Fate::Gone || rebooted(&instance.host, &instance.boot_id, &evidence.machine) {
        return Liveness::Dead;
    }
    let age = heartbeat_age_ms(instance, evidence);
    let settings = &evidence.settings;
    match fate {
        _ if age < settings.active_ms => Liveness::Active,
        Fate::Alive { .. } if age < settings.quiet_limit_ms => Liveness::Quiet,
        Fate::Alive { tool_call: true } if age < settings.tool_call_limit_ms => Liveness::Quiet,
        _ => Liveness::Stale,
    }
}

/// Whether the machine a record was written on has started anew since. Provable only on that machine.
pub(super) fn rebooted(host: &str, boot_id: &str, machine: &Machine) -> bool {
    let both_known = !machine.boot_id.is_empty() && !boot_id.is_empty();
    both_known && machine.is_host(host) && !machine.is_boot(host, boot_id)
}

/// Milliseconds since its last heartbeat: awake time where it can be had, so that a laptop that slept did not age;
/// `u64::MAX` when the stamp says nothing.
pub fn heartbeat_age_ms(instance: &Instance<'_>, evidence: &Evidence) -> u64 {
    let ours = instance.heartbeat_stamp == instance.last_heartbeat && instance.heartbeat_monotonic_ms > 0;
    if ours && evidence.machine.is_boot(&instance.host, &instance.boot_id) {
        return evidence.now.awake_ms.saturating_sub(instance.heartbeat_monotonic_ms);
    }
    wall_age_ms(&instance.last_heartbeat, evidence)
}

/// Milliseconds since a stamp by the wall clock; zero when it lies ahead, `u64::MAX` when it lies absurdly far ahead.
pub fn wall_age_ms(stamp: &str, evidence: &Evidence) -> u64 {
    match time::unix_ms(stamp) {
        Some(then) if then.saturating_sub(evidence.now.wall_ms) > FUTURE_LIMIT_MS => u64::MAX,
        Some(then) => u64::try_from(evidence.now.wall_ms.saturating_sub(then)).unwrap_or(0),
        None => u64::MAX,
    }
}

/// Whether a stamp is so young by the wall clock, and not ahead of it: then nothing that it dates is older by any clock.
pub fn is_within(stamp: &str, now_ms: i64, limit_ms: u64) -> bool {
    let age_ms = time::unix_ms(stamp).and_then(|then| now_ms.checked_sub(then));
    age_ms.and_then(|age_ms| u64::try_from(age_ms).ok()).is_some_and(|age_ms| age_ms < limit_ms)
}

/// Who holds a claim, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub enum Standing {
    /// Its holder lives and its lease runs.
    InForce,
    /// Its lease ended.
    Lapsed,
    /// Its holder is stale or dead.
    HolderGone(Liveness),
}

impl Standing {
    /// Whether it keeps others out.
    pub fn in_force(self) -> bool {
        matches!(self, Standing::InForce)
    }
}

/// The verdict on a claim. One whose holder is not in the state (a hand edit, an old crash) lives as long as a heartbeat
/// at its own grant would have.
pub fn standing(claim: &Claim<'_>, state: &State<'_>, evidence: &Evidence) -> Standing {
    if has_lapsed(claim, state, evidence) {
        return Standing::Lapsed;
    }
    let liveness = match state.instance(&claim.instance_id) {
        Some(holder) => liveness(holder, evidence),
        None if wall_age_ms(&claim.claimed_at, evidence) < evidence.settings.active_ms => Liveness::Active,
        None => Liveness::Stale,
    };
    if liveness.holds() { Standing::InForce } else { Standing::HolderGone(liveness) }
}

/// Whether a claim's own lease ended, whoever lives. What an edit took does not lapse while its holder is in a turn.
pub fn has_lapsed(claim: &Claim<'_>, state: &State<'_>, evidence: &Evidence) -> bool {
    let holder = state.instance(&claim.instance_id);
    if claim.auto && holder.is_some_and(|holder| !holder.turn_since.is_empty()) {
        return false;
    }
    let boot = holder.map_or(("", ""), |holder| (&*holder.host, &*holder.boot_id));
    has_passed(&claim.expires_at, claim.expires_monotonic_ms, boot, evidence)
}

/// Whether a waiter still waits: its command runs and its time is not up.
pub fn waits(waiter: &Waiter<'_>, evidence: &Evidence) -> bool {
    let boot = (&*waiter.host, &*waiter.boot_id);
    evidence.fate(waiter) != Fate::Gone
        && !rebooted(&waiter.host, &waiter.boot_id, &evidence.machine)
        && !has_passed(&waiter.expires_at, waiter.expires_monotonic_ms, boot, evidence)
}

/// Whether an expiry lies behind. Awake time of the same boot decides; a stamp that cannot be read has passed, and an
/// empty one never does.
fn has_passed(stamp: &str, monotonic_ms: u64, (host, boot_id): (&str, &str), evidence: &Evidence) -> bool {
    if stamp.is_empty() {
        return false;
    }
    if monotonic_ms > 0 && evidence.machine.is_boot(host, boot_id) {
        return evidence.now.awake_ms >= monotonic_ms;
    }
    time::unix_ms(stamp).is_none_or(|then| evidence.now.wall_ms >= then)
}

#[cfg(test)]
mod tests;
