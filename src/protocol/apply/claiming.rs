//! Granting claims, and asking leave to commit.

use super::super::lease;
use super::super::op::{Change, ClaimRequest, Conflict, Event, Grant, LostClaim, Outcome, Refusal};
use super::super::place::{Place, Prepared};
use super::super::state::{Claim, Instance, Lost, State, Waiter, Wanted};
use super::super::{evidence::CrossWorktree, evidence::Evidence, time};
use super::Turn;
use super::instances::told_of;

/// Under which conditions places are asked for, now or from the queue.
#[derive(Clone, Copy)]
pub(super) struct Terms<'r> {
    pub(super) instance: &'r str,
    pub(super) shared: bool,
    pub(super) ttl_ms: Option<u64>,
    pub(super) reason: Option<&'r str>,
    /// Taken by a hook.
    pub(super) auto: bool,
    /// How many waiters are ahead in the queue.
    pub(super) ahead: usize,
}

impl<'a> Turn<'a, '_> {
    pub(super) fn claim(&mut self, actor: &str, request: &ClaimRequest) -> Result<Outcome, Refusal> {
        let waiter = request.wait.as_ref().map(|wait| &*wait.id);
        let in_line = self.state.waiters.iter().position(|queued| waiter.is_some_and(|id| queued.id == *id));
        let terms = Terms {
            instance: actor,
            shared: request.shared,
            ttl_ms: request.ttl_ms,
            reason: request.reason.as_deref(),
            auto: request.auto,
            ahead: in_line.unwrap_or(self.state.waiters.len()),
        };
        let mut conflicts = self.conflicts(&terms, &request.wanted);
        conflicts.extend(self.holders_at(&terms, request.wanted.len(), &request.clear));
        if conflicts.is_empty() {
            let lost = if request.auto {
                self.consume_losses(actor, &request.places().map(Prepared::new).collect::<Vec<_>>())
            } else {
                Vec::new()
            };
            if !lost.is_empty() {
                return Ok(Outcome::Guarded { lost });
            }
            if let Some(position) = in_line {
                self.end_wait(position);
            }
            return Ok(self.grant(&terms, &request.wanted));
        }
        match &request.wait {
            None => Err(Refusal::Held(conflicts)),
            Some(_) if in_line.is_some() => Ok(Outcome::Waiting { conflicts }),
            Some(wait) => self.enqueue(&terms, wait, &request.wanted, conflicts),
        }
    }

    /// What keeps the caller from holding all of these.
    pub(super) fn conflicts(&self, terms: &Terms<'_>, wanted: &[Wanted<'_>]) -> Vec<Conflict> {
        let blocks_worktrees = self.evidence.settings.cross_worktree == CrossWorktree::Block;
        let mut conflicts = Vec::new();
        for (index, place) in wanted.iter().map(Prepared::new).enumerate() {
            if self.covering(terms, &place).is_some() {
                continue;
            }
            conflicts.extend(self.holders_of(terms, index, |at| place.overlaps(at)));
            conflicts.extend(self.waiters_for(terms, index, |at| place.overlaps(at)));
            if blocks_worktrees {
                conflicts.extend(self.holders_of(terms, index, |at| place.shadows(at)));
                conflicts.extend(self.waiters_for(terms, index, |at| place.shadows(at)));
            }
        }
        conflicts
    }

    /// The caller's own claim that already grants the place, if it does: one that lasts, and lets in no more than asked.
    fn covering<'t>(&'t self, terms: &'t Terms<'_>, place: &Prepared<'_>) -> Option<&'t Claim<'a>> {
        let enough = |claim: &&Claim<'_>| terms.shared || !claim.is_shared();
        let same = |claim: &&Claim<'_>| Place::from(*claim).is_same(place.place());
        let lasting = |claim: &&Claim<'_>| claim.expires_at.is_empty() && terms.ttl_ms.is_none();
        // Whoever asks lives, however long it was silent; only a lease can have ended.
        let in_force = |claim: &&Claim<'_>| !lease::has_lapsed(claim, &self.state, self.evidence);
        let own = || self.state.claims_of(terms.instance).filter(enough);
        let broader = |claim: &&Claim<'_>| Prepared::new(*claim).covers(place);
        own().find(|claim| same(claim) && in_force(claim)).or_else(|| own().filter(lasting).find(broader))
    }

    fn holders_of(&self, terms: &Terms<'_>, wanted: usize, meets: impl Fn(&Place<'_>) -> bool) -> Vec<Conflict> {
        (self.state.claims.iter())
            .filter(|claim| claim.instance_id != *terms.instance && !(terms.shared && claim.is_shared()))
            .filter(|claim| meets(&(*claim).into()))
            .filter(|claim| lease::standing(claim, &self.state, self.evidence).in_force())
            .map(|claim| conflict_with(claim, wanted, &self.state, self.evidence))
            .collect()
    }

    fn waiters_for(&self, terms: &Terms<'_>, wanted: usize, meets: impl Fn(&Place<'_>) -> bool) -> Vec<Conflict> {
        (self.state.waiters[..terms.ahead].iter())
            .filter(|waiter| waiter.instance_id != *terms.instance && !(terms.shared && waiter.is_shared()))
            .filter_map(|waiter| in_line(waiter, &meets, wanted, &self.state, self.evidence))
            .collect()
    }

    /// Grants what nothing stands in the way of any more, taking over what stale and dead instances still hold there.
    pub(super) fn grant(&mut self, terms: &Terms<'_>, wanted: &[Wanted<'_>]) -> Outcome {
        let mut grants = Vec::new();
        let mut taken_over = Vec::new();
        let mut shadows = Vec::new();
        for (index, wanted) in wanted.iter().enumerate() {
            let place = Prepared::new(wanted);
            if let Some(held) = self.covering(terms, &place).map(|claim| claim.key.to_string()) {
                grants.push(self.renew(&held, terms));
                continue;
            }
            taken_over.extend(self.take_over(terms, &place));
            if self.evidence.settings.cross_worktree == CrossWorktree::Warn {
                shadows.extend(self.holders_of(terms, index, |at| place.shadows(at)));
            }
            self.settle_losses(terms.instance, &place);
            grants.push(self.hold(terms, wanted, &place));
        }
        Outcome::Claimed { grants, taken_over, shadows }
    }

    /// A held claim stays as it is, unless new terms were named.
    fn renew(&mut self, claim: &str, terms: &Terms<'_>) -> Grant {
        let expiry = terms.ttl_ms.map(|ttl| self.lease_end(terms.instance, ttl));
        let reason = terms.reason.map(str::to_owned);
        let position = self.state.claims.iter().position(|c| c.key == *claim);
        let held = &mut self.state.claims[position.expect("the covering claim was found in this state")];
        let mut renewed = false;
        let expiry_is_left = expiry.is_none();
        if let Some((stamp, monotonic_ms)) = expiry {
            held.expires_at = stamp.into();
            held.expires_monotonic_ms = monotonic_ms;
            renewed = true;
        }
        // What was asked for lasts; what an edit touches again lasts for another turn.
        if held.auto && (!terms.auto || !held.expires_at.is_empty()) {
            held.auto = terms.auto;
            if expiry_is_left {
                held.expires_at = "".into();
                held.expires_monotonic_ms = 0;
            }
            renewed = true;
        }
        if let Some(reason) = reason.filter(|reason| held.reason != *reason) {
            held.reason = reason.into();
            renewed = true;
        }
        let grant = grant_of(held, true);
        if renewed {
            self.note(claim_change(Event::Renewed, terms.instance, &grant));
        }
        grant
    }

    /// When a lease of a holder ends. Awake time is read by the holder's boot, so none is given where that is another, as when
    /// a waiter elsewhere is served.
    fn lease_end(&self, holder: &str, ttl_ms: u64) -> (String, u64) {
        let (stamp, awake_ms) = expiry(ttl_ms, self.evidence);
        let is_here = |holder: &Instance<'_>| self.evidence.machine.is_boot(&holder.host, &holder.boot_id);
        (stamp, if self.state.instance(holder).is_some_and(is_here) { awake_ms } else { 0 })
    }

    fn take_over(&mut self, terms: &Terms<'_>, place: &Prepared<'_>) -> Vec<LostClaim> {
        let gone: Vec<String> = (self.state.claims.iter())
            .filter(|claim| claim.instance_id != *terms.instance && !(terms.shared && claim.is_shared()))
            .filter(|claim| place.overlaps(&(*claim).into()))
            .filter(|claim| !lease::standing(claim, &self.state, self.evidence).in_force())
            .map(|claim| claim.key.to_string())
            .collect();
        gone.iter().filter_map(|claim| self.take_away(claim, terms.instance)).collect()
    }

    /// Whoever lost this place learns who holds it now. What the new holder itself had lost is made good when it holds
    /// all of it again and nobody held it in between.
    fn settle_losses(&mut self, holder: &str, place: &Prepared<'_>) {
        for instance in self.state.instances.iter_mut().filter(|instance| !instance.lost.is_empty()) {
            let own = instance.key == *holder;
            let regained = |lost: &Lost<'_>| own && lost.to.is_empty() && place.covers(&Prepared::new(lost));
            instance.lost.retain(|lost| !regained(lost));
            let open = instance.lost.iter_mut().filter(|lost| !own && lost.to.is_empty());
            for lost in open {
                if place.overlaps(&(&*lost).into()) {
                    lost.to = holder.to_owned().into();
                }
            }
        }
    }

    /// Writes the claim down; one's own on the very same place, shared or lapsed, becomes it instead.
    fn hold(&mut self, terms: &Terms<'_>, wanted: &Wanted<'_>, place: &Prepared<'_>) -> Grant {
        let (expires_at, expires_monotonic_ms) =
            terms.ttl_ms.map(|ttl| self.lease_end(terms.instance, ttl)).unwrap_or_default();
        let upgraded = (self.state.claims.iter())
            .position(|claim| claim.instance_id == *terms.instance && Place::from(claim).is_same(place.place()));
        let previous = upgraded.map(|position| self.state.claims.remove(position));
        let auto = terms.auto && previous.as_ref().is_none_or(|previous| previous.auto);
        let previous = previous.unwrap_or_default();
        let id = if previous.key.is_empty() { wanted.id.to_string() } else { previous.key.into_string() };
        let claim = Claim {
            key: id.clone().into(),
            id: id.into(),
            instance_id: terms.instance.to_owned().into(),
            kind: wanted.kind.to_static(),
            target: wanted.target.to_static(),
            project: wanted.project.to_static(),
            repository: wanted.repository.to_static(),
            folds_case: wanted.folds_case,
            exclusive: Some(!terms.shared),
            claimed_at: self.now_stamp().into(),
            fence: self.state.revision,
            reason: terms.reason.unwrap_or_default().to_owned().into(),
            expires_at: expires_at.into(),
            expires_monotonic_ms,
            auto,
            unknown: previous.unknown,
        };
        let grant = grant_of(&claim, false);
        self.state.claims.push(claim);
        self.note(claim_change(Event::Claimed, terms.instance, &grant));
        grant
    }

    /// Refuses what another holds; mentions, once, what was lost and changed hands since.
    pub(super) fn guard(&mut self, actor: &str, wanted: &[Wanted<'_>]) -> Result<Outcome, Refusal> {
        let terms = Terms { instance: actor, shared: false, ttl_ms: None, reason: None, auto: false, ahead: 0 };
        let held = self.holders_at(&terms, 0, wanted);
        if !held.is_empty() {
            return Err(Refusal::Held(held));
        }
        Ok(Outcome::Guarded { lost: self.consume_losses(actor, &wanted.iter().map(Prepared::new).collect::<Vec<_>>()) })
    }

    /// Who else holds something at these places, the first of which is the `first`th that was asked for.
    fn holders_at(&self, terms: &Terms<'_>, first: usize, places: &[Wanted<'_>]) -> Vec<Conflict> {
        let places = places.iter().map(Prepared::new).enumerate();
        places.flat_map(|(index, place)| self.holders_of(terms, first + index, |at| place.overlaps(at))).collect()
    }

    fn consume_losses(&mut self, actor: &str, places: &[Prepared<'_>]) -> Vec<LostClaim> {
        let Some(instance) = self.state.instance_mut(actor) else { return Vec::new() };
        let changed_hands =
            |lost: &Lost<'_>| !lost.to.is_empty() && places.iter().any(|place| place.overlaps(&lost.into()));
        let mentioned: Vec<LostClaim> =
            instance.lost.iter().filter(|lost| changed_hands(lost)).map(|lost| told_of(actor, lost)).collect();
        instance.lost.retain(|lost| !changed_hands(lost));
        if !mentioned.is_empty() {
            let note = Some(format!("{} lost place(s) mentioned", mentioned.len()));
            self.note(Change { event: Event::Warned, instance: Some(actor.to_owned()), note, ..Change::default() });
        }
        mentioned
    }
}

impl Claim<'_> {
    /// Whether readers may hold it together.
    pub fn is_shared(&self) -> bool {
        self.exclusive == Some(false)
    }
}

impl Waiter<'_> {
    /// Whether it waits as a reader.
    pub fn is_shared(&self) -> bool {
        self.exclusive == Some(false)
    }
}

/// When a lease of `ttl_ms` that starts now ends, by both clocks.
pub(super) fn expiry(ttl_ms: u64, evidence: &Evidence) -> (String, u64) {
    let wall_ms = evidence.now.wall_ms.saturating_add(i64::try_from(ttl_ms).unwrap_or(i64::MAX));
    (time::stamp(wall_ms), evidence.now.awake_ms.saturating_add(ttl_ms))
}

pub(in crate::protocol) fn grant_of(claim: &Claim<'_>, held_before: bool) -> Grant {
    Grant {
        id: claim.key.to_string(),
        kind: claim.kind.to_string(),
        target: claim.target.to_string(),
        project: claim.project.to_string(),
        fence: claim.fence,
        held_before,
    }
}

pub(super) fn claim_change(event: Event, instance: &str, grant: &Grant) -> Change {
    Change {
        event,
        instance: Some(instance.to_owned()),
        id: Some(grant.id.clone()),
        kind: Some(grant.kind.clone()),
        target: Some(grant.target.clone()),
        project: Some(grant.project.clone()),
        ..Change::default()
    }
}

/// A claim in the way, with what its holder says of itself.
pub fn conflict_with(claim: &Claim<'_>, wanted: usize, state: &State<'_>, evidence: &Evidence) -> Conflict {
    let holder = state.instance(&claim.instance_id);
    Conflict {
        wanted,
        claim: claim.key.to_string(),
        kind: claim.kind.to_string(),
        target: claim.target.to_string(),
        project: claim.project.to_string(),
        holder: claim.instance_id.to_string(),
        task: holder.and_then(|holder| holder.current_task.as_ref()).map(ToString::to_string),
        reason: claim.reason.to_string(),
        since: claim.claimed_at.to_string(),
        expires_at: claim.expires_at.to_string(),
        last_seen_ms: holder.map_or_else(
            || lease::wall_age_ms(&claim.claimed_at, evidence),
            |holder| lease::heartbeat_age_ms(holder, evidence),
        ),
        waiting: false,
    }
}

/// The waiters of others that are in line for a place.
pub fn in_line_for(
    place: &Prepared<'_>,
    caller: Option<&str>,
    state: &State<'_>,
    evidence: &Evidence,
) -> Vec<Conflict> {
    let others = state.waiters.iter().filter(|waiter| caller.is_none_or(|caller| waiter.instance_id != *caller));
    others.filter_map(|waiter| in_line(waiter, &|at: &Place<'_>| place.overlaps(at), 0, state, evidence)).collect()
}

fn in_line(
    waiter: &Waiter<'_>,
    meets: &dyn Fn(&Place<'_>) -> bool,
    wanted: usize,
    state: &State<'_>,
    evidence: &Evidence,
) -> Option<Conflict> {
    let claim = waiter.claims.iter().find(|claim| meets(&(*claim).into()))?;
    let holder = state.instance(&waiter.instance_id);
    super::waiting::still_waits(waiter, state, evidence).then(|| Conflict {
        wanted,
        claim: waiter.id.to_string(),
        kind: claim.kind.to_string(),
        target: claim.target.to_string(),
        project: claim.project.to_string(),
        holder: waiter.instance_id.to_string(),
        task: holder.and_then(|holder| holder.current_task.as_ref()).map(ToString::to_string),
        reason: waiter.reason.to_string(),
        since: waiter.since.to_string(),
        expires_at: waiter.expires_at.to_string(),
        last_seen_ms: holder.map_or(u64::MAX, |holder| lease::heartbeat_age_ms(holder, evidence)),
        waiting: true,
    })
}
