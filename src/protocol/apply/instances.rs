//! Coming, going, and being found gone.

use super::super::evidence::Evidence;
use super::super::id;
use super::super::lease::{self, Liveness};
use super::super::op::{Change, Event, LostClaim, Outcome, Refusal, Registration};
use super::super::state::{Claim, Instance, Lost};
use super::super::time;
use super::Turn;

/// How long an evicted instance may come back under its id.
const REMEMBERED_MS: u64 = 7 * 24 * 3_600_000;
/// How many lost claims an instance is told of at most; the newest count.
const LOST_LIMIT: usize = 50;

impl Turn<'_, '_> {
    pub(super) fn register(&mut self, registration: &Registration) -> Outcome {
        // Where nobody ever runs cleanup, those who come sweep after those who left long ago.
        self.forget_long_gone();
        let known = self.find_registered(registration);
        let again = known.as_ref().is_some_and(|id| self.vouch_for(id, false).is_ok());
        let id = known.unwrap_or_else(|| self.new_instance(registration));
        self.adopt(&id, registration);
        Outcome::Registered { id, again }
    }

    /// The same session, or the same process for the same tool and project, is the same instance. Another session
    /// never is.
    fn find_registered(&self, registration: &Registration) -> Option<String> {
        let named = registration.id.as_deref().filter(|id| self.state.instance(id).is_some());
        if let Some(id) = named {
            return Some(id.to_owned());
        }
        let session = registration.session.as_deref().unwrap_or_default();
        let same_session = |instance: &Instance<'_>| !session.is_empty() && instance.session == *session;
        let machine = &self.evidence.machine;
        let same_process = |instance: &Instance<'_>| {
            registration.process.is_some_and(|process| {
                (instance.pid, instance.process_start) == (process.pid, process.start)
                    && machine.sees(&instance.host, &instance.boot_id, &instance.pid_namespace)
                    && instance.project == *registration.project
                    && (session.is_empty() || instance.session.is_empty())
            })
        };
        let mut of_tool = self.state.instances.iter().filter(|instance| instance.tool == *registration.tool);
        let found = of_tool.clone().find(|instance| same_session(instance));
        found.or_else(|| of_tool.find(|instance| same_process(instance))).map(|instance| instance.key.to_string())
    }

    fn new_instance(&mut self, registration: &Registration) -> String {
        let unix_s = self.evidence.now.wall_ms.div_euclid(1000);
        let candidates = (0..=u64::from(u16::MAX)).map(|step| self.evidence.nonce.wrapping_add(step));
        let mut ids = candidates.map(|nonce| id::instance_id(&registration.tool, unix_s, nonce));
        let free = ids.find(|id| self.state.instance(id).is_none());
        let id = free.expect("65,536 instances of one tool do not register in one second");
        let now = self.now_stamp();
        self.state.instances.push(Instance {
            key: id.clone().into(),
            id: id.clone().into(),
            tool: registration.tool.clone().into(),
            status: "active".into(),
            started_at: now.into(),
            ..Instance::default()
        });
        id
    }

    /// Takes over what the caller knows of itself now, and hears that it lives.
    fn adopt(&mut self, id: &str, registration: &Registration) {
        let before =
            self.state.instance(id).map(|known| (known.last_heartbeat.is_empty(), known.evicted_at.is_empty()));
        let is_news = before.is_some_and(|(is_new, takes_part)| is_new || !takes_part);
        self.beat(id);
        let revision = self.state.revision;
        let pid_namespace = self.evidence.machine.pid_namespace.clone();
        let Some(instance) = self.state.instance_mut(id) else { return };
        instance.project = registration.project.clone().into();
        if registration.hooks && !instance.hooks {
            instance.hooks = true;
            // What was there before is told as what stands, not as news.
            instance.news_revision = revision;
        }
        if let Some(session) = &registration.session {
            instance.session = session.clone().into();
        }
        instance.pid_namespace = pid_namespace.into();
        if let Some(process) = registration.process {
            (instance.pid, instance.process_start) = (process.pid, process.start);
            (instance.parent_pid, instance.parent_start) = (0, 0);
        } else if let Some(parent) = registration.parent {
            (instance.parent_pid, instance.parent_start) = (parent.pid, parent.start);
        }
        self.note(Change {
            event: if is_news { Event::Registered } else { Event::Heartbeat },
            instance: Some(id.to_owned()),
            project: Some(registration.project.clone()),
            ..Change::default()
        });
    }

    /// Tells, once, what was taken while the caller was thought gone.
    pub(super) fn welcome_back(&mut self, id: &str) -> Outcome {
        let Some(instance) = self.state.instance_mut(id) else { return Outcome::Done };
        let untold: Vec<LostClaim> =
            instance.lost.iter().filter(|lost| !lost.told).map(|lost| told_of(id, lost)).collect();
        instance.lost.iter_mut().for_each(|lost| lost.told = true);
        for lost in &untold {
            self.note(Change { other: Some(lost.to.clone()), ..place_change(Event::Warned, id, lost) });
        }
        Outcome::Heartbeat { lost: untold }
    }

    pub(super) fn unregister(&mut self, id: &str) -> Outcome {
        let released = self.state.claims_of(id).count();
        self.state.claims.retain(|claim| claim.instance_id != *id);
        self.state.waiters.retain(|waiter| waiter.instance_id != *id);
        self.state.instances.retain(|instance| instance.key != *id);
        self.note(Change { event: Event::Unregistered, instance: Some(id.to_owned()), ..Change::default() });
        self.serve_waiters();
        Outcome::Unregistered { released }
    }

    pub(super) fn set_task(&mut self, id: &str, description: &str, issue: Option<&str>) -> Outcome {
        let Some(instance) = self.state.instance_mut(id) else { return Outcome::Done };
        let working = !description.is_empty();
        instance.status = if working { "working" } else { "idle" }.into();
        instance.current_task = working.then(|| description.to_owned().into());
        instance.issue = issue.map(|issue| issue.to_owned().into());
        self.note(Change {
            event: Event::TaskSet,
            instance: Some(id.to_owned()),
            note: Some(description.to_owned()),
            ..Change::default()
        });
        Outcome::Done
    }

    /// Frees what stale and dead instances hold and what has lapsed, ends the waits of the dead, and forgets those that
    /// were evicted long ago.
    pub(super) fn cleanup(&mut self) -> Result<Outcome, Refusal> {
        let claims_before = self.state.claims.len();
        let waiters_before = self.state.waiters.len();
        // What cannot be read of the jobs keeps nobody from sweeping the rest.
        let (jobs, next, unread) = match self.end_orphans() {
            Ok((jobs, next)) => (jobs, next, String::new()),
            Err(Refusal::Malformed(reason)) => (Vec::new(), Vec::new(), reason),
            Err(refusal) => return Err(refusal),
        };
        let evicted = self.evict_gone();
        self.free_claims_out_of_force();
        let freed = claims_before - self.state.claims.len();
        let forgotten = self.forget_long_gone();
        self.serve_waiters();
        let waiters = waiters_before.saturating_sub(self.state.waiters.len());
        let instances = evicted.into_iter().chain(forgotten).collect();
        Ok(Outcome::Cleaned { instances, claims: freed, waiters, jobs, next, unread })
    }

    fn evict_gone(&mut self) -> Vec<String> {
        let (evidence, now) = (self.evidence, self.now_stamp());
        let mut evicted = Vec::new();
        for instance in self.state.instances.iter_mut().filter(|instance| instance.evicted_at.is_empty()) {
            let verdict = lease::liveness(instance, evidence);
            if !verdict.holds() {
                instance.evicted_at = now.clone().into();
                evicted.push((instance.key.to_string(), verdict));
            }
        }
        for (id, verdict) in &evicted {
            let note = Some(verdict.name().to_owned());
            self.note(Change { event: Event::Evicted, instance: Some(id.clone()), note, ..Change::default() });
        }
        evicted.into_iter().map(|(id, _)| id).collect()
    }

    fn free_claims_out_of_force(&mut self) {
        let gone: Vec<String> = (self.state.claims.iter())
            .filter(|claim| !lease::standing(claim, &self.state, self.evidence).in_force())
            .map(|claim| claim.key.to_string())
            .collect();
        for claim in &gone {
            self.take_away(claim, "");
        }
    }

    fn forget_long_gone(&mut self) -> Vec<String> {
        let evidence = self.evidence;
        let is_forgotten = |instance: &Instance<'_>| {
            let evicted = !instance.evicted_at.is_empty();
            is_long_gone(instance, evidence) && (evicted || !lease::liveness(instance, evidence).holds())
        };
        let forgotten: Vec<String> =
            self.state.instances.iter().filter(|i| is_forgotten(i)).map(|i| i.key.to_string()).collect();
        self.state.instances.retain(|instance| !forgotten.iter().any(|id| instance.key == *id));
        self.state.claims.retain(|claim| !forgotten.iter().any(|id| claim.instance_id == *id));
        for id in &forgotten {
            self.note(Change { event: Event::Forgotten, instance: Some(id.clone()), ..Change::default() });
        }
        forgotten
    }

    /// Removes a claim that is not in force, for `to` (nobody when empty), and remembers that with its holder.
    pub(super) fn take_away(&mut self, claim: &str, to: &str) -> Option<LostClaim> {
        let reason = match lease::standing(self.state.claim(claim)?, &self.state, self.evidence) {
            lease::Standing::HolderGone(Liveness::Dead) => "its process was gone",
            lease::Standing::HolderGone(_) => "it gave no sign of life",
            lease::Standing::Lapsed | lease::Standing::InForce => "its lease had ended",
        };
        let event = if to.is_empty() { Event::Lapsed } else { Event::TakenOver };
        self.take(claim, to, reason, event)
    }

    /// Removes a claim for a reason and remembers that with its holder.
    pub(super) fn take(&mut self, claim: &str, to: &str, reason: &str, event: Event) -> Option<LostClaim> {
        let position = self.state.claims.iter().position(|c| c.key == *claim)?;
        let claim = self.state.claims.remove(position);
        let lost = self.lost_record(&claim, to, reason);
        let told = told_of(&claim.instance_id, &lost);
        if let Some(holder) = self.state.instance_mut(&claim.instance_id) {
            holder.lost.push(lost);
            let excess = holder.lost.len().saturating_sub(LOST_LIMIT);
            holder.lost.drain(..excess);
        }
        let change = place_change(event, &told.from, &told);
        let other = (!to.is_empty()).then(|| to.to_owned());
        self.note(Change { id: Some(claim.key.to_string()), other, note: Some(reason.to_owned()), ..change });
        Some(told)
    }

    fn lost_record<'a>(&self, claim: &Claim<'a>, to: &str, reason: &str) -> Lost<'a> {
        Lost {
            id: claim.key.clone(),
            kind: claim.kind.clone(),
            target: claim.target.clone(),
            project: claim.project.clone(),
            repository: claim.repository.clone(),
            folds_case: claim.folds_case,
            fence: claim.fence,
            to: to.to_owned().into(),
            revision: self.state.revision,
            at: time::stamp(self.evidence.now.wall_ms).into(),
            reason: reason.to_owned().into(),
            ..Lost::default()
        }
    }
}

/// Whether an instance was evicted, or last heard of, so long ago that it need not be remembered.
pub(super) fn is_long_gone(instance: &Instance<'_>, evidence: &Evidence) -> bool {
    let since = if instance.evicted_at.is_empty() { &instance.last_heartbeat } else { &instance.evicted_at };
    // A stamp that says nothing is no proof of age.
    (REMEMBERED_MS..u64::MAX).contains(&lease::wall_age_ms(since, evidence))
}

pub(super) fn told_of(from: &str, lost: &Lost<'_>) -> LostClaim {
    LostClaim {
        from: from.to_owned(),
        to: lost.to.to_string(),
        kind: lost.kind.to_string(),
        target: lost.target.to_string(),
        project: lost.project.to_string(),
        reason: lost.reason.to_string(),
        at: lost.at.to_string(),
    }
}

fn place_change(event: Event, instance: &str, lost: &LostClaim) -> Change {
    Change {
        event,
        instance: Some(instance.to_owned()),
        kind: Some(lost.kind.clone()),
        target: Some(lost.target.clone()),
        project: Some(lost.project.clone()),
        ..Change::default()
    }
}
