//! The queue: first come first served, never for ever.

use super::super::evidence::Evidence;
use super::super::lease;
use super::super::op::{Change, Conflict, Event, Outcome, Refusal, Wait};
use super::super::state::{State, Waiter, Wanted};
use super::Turn;
use super::claiming::{Terms, expiry};

impl Turn<'_, '_> {
    pub(super) fn enqueue(
        &mut self,
        terms: &Terms<'_>,
        wait: &Wait,
        wanted: &[Wanted<'_>],
        conflicts: Vec<Conflict>,
    ) -> Result<Outcome, Refusal> {
        if let Some(cycle) = self.cycle_through(terms.instance, &conflicts) {
            return Err(Refusal::Deadlock(cycle));
        }
        let (expires_at, expires_monotonic_ms) = expiry(wait.timeout_ms, self.evidence);
        let machine = &self.evidence.machine;
        let process = wait.process.unwrap_or_default();
        self.state.waiters.push(Waiter {
            id: wait.id.clone().into(),
            instance_id: terms.instance.to_owned().into(),
            since: self.now_stamp().into(),
            expires_at: expires_at.into(),
            expires_monotonic_ms,
            host: machine.host.clone().into(),
            boot_id: machine.boot_id.clone().into(),
            pid_namespace: machine.pid_namespace.clone().into(),
            pid: process.pid,
            process_start: process.start,
            exclusive: Some(!terms.shared),
            ttl_ms: terms.ttl_ms.unwrap_or_default(),
            reason: terms.reason.unwrap_or_default().to_owned().into(),
            claims: wanted.iter().map(to_static).collect(),
            ..Waiter::default()
        });
        let others: Vec<&str> = conflicts.iter().map(|conflict| &*conflict.holder).collect();
        self.note(Change {
            event: Event::Waiting,
            instance: Some(terms.instance.to_owned()),
            id: Some(wait.id.clone()),
            target: wanted.first().map(|wanted| wanted.target.to_string()),
            project: wanted.first().map(|wanted| wanted.project.to_string()),
            other: Some(others.join(" ")),
            ..Change::default()
        });
        Ok(Outcome::Waiting { conflicts })
    }

    pub(super) fn cancel_wait(&mut self, waiter: &str) -> Outcome {
        let position = self.state.waiters.iter().position(|queued| queued.id == *waiter);
        if let Some(position) = position {
            self.end_wait(position);
            self.serve_waiters();
        }
        Outcome::Done
    }

    /// Ends all waits of an instance.
    pub(super) fn leave_queue(&mut self, instance: &str) {
        while let Some(position) = self.state.waiters.iter().position(|queued| queued.instance_id == *instance) {
            self.end_wait(position);
        }
    }

    /// Gives the head of the queue what has become free, and drops who waits no more. Runs in the same transaction as
    /// whatever freed it, so nobody can step in between.
    pub(super) fn serve_waiters(&mut self) {
        let mut position = 0;
        while let Some(waiter) = self.state.waiters.get(position).cloned() {
            if !self.still_waits(&waiter) {
                self.end_wait(position);
                continue;
            }
            let instance = waiter.instance_id.to_string();
            let reason = waiter.reason.to_string();
            let terms = terms_of(&waiter, &instance, &reason, position);
            if self.conflicts(&terms, &waiter.claims).is_empty() {
                self.end_wait(position);
                self.grant(&terms, &waiter.claims);
            } else {
                position += 1;
            }
        }
    }

    fn still_waits(&self, waiter: &Waiter<'_>) -> bool {
        still_waits(waiter, &self.state, self.evidence)
    }

    pub(super) fn end_wait(&mut self, position: usize) {
        let waiter = self.state.waiters.remove(position);
        self.note(Change {
            event: Event::WaitEnded,
            instance: Some(waiter.instance_id.to_string()),
            id: Some(waiter.id.to_string()),
            ..Change::default()
        });
    }

    /// The chain by which `instance` would wait for itself: through who stands in its way, and who stands in theirs.
    fn cycle_through(&self, instance: &str, conflicts: &[Conflict]) -> Option<Vec<String>> {
        let mut chains: Vec<Vec<String>> =
            conflicts.iter().map(|conflict| vec![instance.to_owned(), conflict.holder.clone()]).collect();
        let mut seen: Vec<String> = Vec::new();
        while let Some(chain) = chains.pop() {
            let last = chain.last().cloned().unwrap_or_default();
            if last == *instance {
                return Some(chain);
            }
            if seen.contains(&last) {
                continue;
            }
            let nexts = self.waits_for(&last).into_iter();
            chains.extend(nexts.map(|next| chain.iter().cloned().chain([next]).collect()));
            seen.push(last);
        }
        None
    }

    /// Who stands in the way of what an instance waits for.
    fn waits_for(&self, instance: &str) -> Vec<String> {
        let queue = self.state.waiters.iter().enumerate();
        queue
            .filter(|(_, waiter)| waiter.instance_id == *instance && self.still_waits(waiter))
            .flat_map(|(position, waiter)| {
                let terms = terms_of(waiter, instance, "", position);
                self.conflicts(&terms, &waiter.claims)
            })
            .map(|conflict| conflict.holder)
            .collect()
    }
}

/// A wait ends with its command, its time or its instance.
pub(super) fn still_waits(waiter: &Waiter<'_>, state: &State<'_>, evidence: &Evidence) -> bool {
    let instance = state.instance(&waiter.instance_id);
    lease::waits(waiter, evidence) && instance.is_some_and(|instance| lease::liveness(instance, evidence).holds())
}

fn terms_of<'r>(waiter: &Waiter<'_>, instance: &'r str, reason: &'r str, ahead: usize) -> Terms<'r> {
    Terms {
        instance,
        shared: waiter.is_shared(),
        ttl_ms: (waiter.ttl_ms > 0).then_some(waiter.ttl_ms),
        reason: (!reason.is_empty()).then_some(reason),
        auto: false,
        ahead,
    }
}

fn to_static(wanted: &Wanted<'_>) -> Wanted<'static> {
    Wanted {
        id: wanted.id.to_static(),
        kind: wanted.kind.to_static(),
        target: wanted.target.to_static(),
        project: wanted.project.to_static(),
        repository: wanted.repository.to_static(),
        folds_case: wanted.folds_case,
        ..Wanted::default()
    }
}
