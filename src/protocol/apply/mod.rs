//! The decider: what an operation makes of a state.
//!
//! [`apply`] takes the state by value and gives back another; a refusal gives back none, so nothing half-done can be
//! written. It reads no clock, file, environment or randomness: all of that arrives as [`Evidence`]. A store may run it
//! again on a newer state after losing a race.

mod attending;
mod claiming;
mod instances;
mod jobs;
mod memory;
mod releasing;
mod waiting;

use super::evidence::{Evidence, Fate, Machine};
use super::fleet::Job;
use super::lease::{self, HEARTBEAT_INTERVAL_MS, Liveness};
use super::op::{Change, Event, Op, Outcome, Refusal, Request};
use super::place::Prepared;
use super::state::{ContextEntry, Instance, State};
use super::time;

pub(in crate::protocol) use claiming::grant_of;
pub use claiming::{conflict_with, in_line_for};
pub use jobs::{due, free_blocks};
pub use memory::{KEPT_ENTRIES, KEPT_PER_PROJECT};

/// A decision to be written down, unless `changes` is empty.
#[derive(Debug)]
pub struct Applied<'a> {
    /// The state after.
    pub state: State<'a>,
    /// What to tell the caller.
    pub outcome: Outcome,
    /// What happened, for the journal. Empty means that the state is as it was.
    pub changes: Vec<Change>,
    /// Context entries that left the state and must be in the archive before it is written.
    pub archived: Vec<ContextEntry<'a>>,
}

/// Decides `request`. The state's `revision` is the one this change will have; new claims carry it as their fence.
///
/// # Errors
/// A [`Refusal`] when it cannot be granted; nothing was changed then.
pub fn apply<'a>(state: State<'a>, request: &Request, evidence: &Evidence) -> Result<Applied<'a>, Refusal> {
    let mut turn = Turn { state, evidence, changes: Vec::new(), archived: Vec::new() };
    let actor = request.actor.as_deref();
    let correction = actor.map(|id| turn.vouch_for(id, request.op.is_poll())).transpose()?.flatten();
    let outcome = turn.perform(actor, &request.op)?;
    // The last thing a session says is no sign of life.
    if let Some(id) = actor.filter(|_| !matches!(request.op, Op::EndSession)) {
        let asked = matches!(request.op, Op::Heartbeat | Op::Attend(_)) || matches!(outcome, Outcome::Waiting { .. });
        turn.sign_of_life(id, correction, asked);
    }
    let Turn { mut state, changes, archived, .. } = turn;
    state.updated_at = time::stamp(evidence.now.wall_ms).into();
    Ok(Applied { state, outcome, changes, archived })
}

/// The instances on whose liveness the decision depends: the edge looks up their processes first.
pub fn in_question<'s>(state: &'s State<'_>, request: &Request) -> Vec<&'s Instance<'s>> {
    let actor = request.actor.as_deref().and_then(|id| state.instance(id));
    let around = |places: Vec<Prepared<'_>>| {
        let mut around = holders_around(state, &places);
        around.extend(actor);
        around
    };
    match &request.op {
        Op::Claim(claim) if claim.wait.is_none() && state.waiters.is_empty() => {
            around(claim.places().map(Prepared::new).collect())
        }
        Op::Guard { wanted } => around(wanted.iter().map(Prepared::new).collect()),
        Op::Claim(_) | Op::Cleanup | Op::Register(_) => state.instances.iter().collect(),
        Op::Release(_) | Op::Unregister | Op::EndSession | Op::CancelWait { .. } if !state.waiters.is_empty() => {
            state.instances.iter().collect()
        }
        _ => actor.into_iter().collect(),
    }
}

/// The jobs on whose parents the decision depends.
pub fn jobs_in_question<'a>(state: &State<'a>, request: &Request) -> Vec<Job<'a>> {
    let is_about_jobs = matches!(
        request.op,
        Op::Cleanup
            | Op::QueueJobs(_)
            | Op::StartJob(_)
            | Op::EndJob { .. }
            | Op::RequeueJob { .. }
            | Op::RemoveJob { .. }
    );
    // A section that cannot be read is refused when it is decided on.
    if is_about_jobs { state.jobs.entries().unwrap_or_default() } else { Vec::new() }
}

/// Whether a decision depends on, and changes, no claims but those around the places it asks for. With a queue, others' places
/// matter; and whoever comes from another boot or machine has the leases of all its claims dated anew.
pub fn is_decided_nearby(state: &State<'_>, request: &Request, machine: &Machine) -> bool {
    let is_about_places = match &request.op {
        Op::Claim(claim) => claim.wait.is_none(),
        Op::Guard { .. } => true,
        _ => false,
    };
    let actor = request.actor.as_deref().and_then(|id| state.instance(id));
    let is_here = actor.is_some_and(|actor| machine.is_boot(&actor.host, &actor.boot_id));
    is_about_places && is_here && state.waiters.is_empty()
}

/// The instances that hold something in or around these places.
pub fn holders_around<'s>(state: &'s State<'_>, places: &[Prepared<'_>]) -> Vec<&'s Instance<'s>> {
    let touches = |place: &Prepared<'_>, claim| place.overlaps(&claim) || place.shadows(&claim);
    let relevant = state.claims.iter().filter(|claim| places.iter().any(|place| touches(place, (*claim).into())));
    let mut holders: Vec<&str> = relevant.map(|claim| &*claim.instance_id).collect();
    holders.sort_unstable();
    holders.dedup();
    holders.into_iter().filter_map(|id| state.instance(id)).collect()
}

/// One decision in progress.
struct Turn<'a, 'e> {
    state: State<'a>,
    evidence: &'e Evidence,
    changes: Vec<Change>,
    archived: Vec<ContextEntry<'a>>,
}

impl Turn<'_, '_> {
    fn perform(&mut self, actor: Option<&str>, op: &Op) -> Result<Outcome, Refusal> {
        let required = || actor.ok_or_else(|| Refusal::NotRegistered(String::new()));
        match op {
            Op::Register(registration) => Ok(self.register(registration)),
            Op::Heartbeat => Ok(self.welcome_back(required()?)),
            Op::Attend(turn) => self.attend(required()?, turn),
            Op::Unregister => Ok(self.unregister(required()?)),
            Op::EndSession => Ok(self.end_session(required()?)),
            Op::SetTask { description, issue } => Ok(self.set_task(required()?, description, issue.as_deref())),
            Op::Claim(request) => self.claim(required()?, request),
            Op::CancelWait { waiter } => Ok(self.cancel_wait(waiter)),
            Op::Release(request) => self.release(actor, request),
            Op::Guard { wanted } => self.guard(required()?, wanted),
            Op::AddContext(entry) => self.add_context(actor, entry),
            Op::CloseContext { id } => self.close_context(actor, id),
            Op::PruneContext { older_than_ms } => self.prune_context(*older_than_ms),
            Op::Cleanup => self.cleanup(),
            Op::AddProject(new) => self.add_project(new),
            Op::RemoveProject { project } => self.remove_project(project),
            Op::MoveProject { project, to } => self.move_project(project, *to),
            Op::QueueJobs(new) => self.queue_jobs(new),
            Op::StartJob(start) => self.start_job(start),
            Op::NoteJob { job, note } => self.note_on_job(job, note),
            Op::EndJob { job, attempt, end } => self.end_job(job, *attempt, end),
            Op::RequeueJob { job, restarts } => self.requeue_job(job, *restarts),
            Op::RemoveJob { job, rescue, loss } => self.remove_job(job, rescue.as_deref(), loss.as_deref()),
        }
    }

    /// Whoever calls is alive and takes part. Where its record says otherwise (a silent hour, a process that is gone
    /// because the session was resumed in another, an eviction) the record is corrected before anything is judged by it.
    /// Its places in the queue are lost: others passed them, and may wait for it now. Says what that heartbeat is to be
    /// called.
    ///
    /// A command that still waits for a dead agent speaks for nobody.
    fn vouch_for(&mut self, id: &str, is_poll: bool) -> Result<Option<Event>, Refusal> {
        let known = self.state.instance(id).ok_or_else(|| Refusal::NotRegistered(id.to_owned()))?;
        let liveness = lease::liveness(known, self.evidence);
        let correction = match known.evicted_at.is_empty() {
            _ if is_poll && liveness == Liveness::Dead => return Err(Refusal::NotRegistered(id.to_owned())),
            false => Event::Revived,
            true if !liveness.holds() => Event::Heartbeat,
            true => return Ok(None),
        };
        self.beat(id);
        self.leave_queue(id);
        Ok(Some(correction))
    }

    /// Every change is a heartbeat of whoever made it. Without a change, one is stored only where the record had to be
    /// corrected, or where one was asked for and the last is not fresh.
    fn sign_of_life(&mut self, id: &str, correction: Option<Event>, asked: bool) {
        let Some(instance) = self.state.instance(id) else { return };
        let age_ms = lease::heartbeat_age_ms(instance, self.evidence);
        if correction.is_some() || !self.changes.is_empty() || asked && age_ms >= HEARTBEAT_INTERVAL_MS {
            self.beat(id);
            let event = correction.unwrap_or(Event::Heartbeat);
            self.note(Change { event, instance: Some(id.to_owned()), ..Change::default() });
        }
    }

    /// Stamps a heartbeat with both clocks, on this machine, and takes back what was said of a process that is gone.
    fn beat(&mut self, id: &str) {
        let evidence = self.evidence;
        let Some(instance) = self.state.instance_mut(id) else { return };
        let stamp = time::stamp(evidence.now.wall_ms);
        instance.last_heartbeat = stamp.clone().into();
        instance.heartbeat_stamp = stamp.into();
        instance.heartbeat_monotonic_ms = evidence.now.awake_ms;
        instance.evicted_at = "".into();
        if evidence.fate(instance) == Fate::Gone {
            (instance.pid, instance.process_start) = (0, 0);
        }
        if !evidence.machine.is_boot(&instance.host, &instance.boot_id) {
            move_to_this_machine(instance, evidence);
            // The clock they were dated by is over.
            let leases = self.state.claims.iter_mut().filter(|claim| claim.instance_id == *id);
            leases.for_each(|claim| claim.expires_monotonic_ms = 0);
        }
    }

    fn note(&mut self, change: Change) {
        self.changes.push(change);
    }

    fn now_stamp(&self) -> String {
        time::stamp(self.evidence.now.wall_ms)
    }
}

/// A session that goes on after a reboot or on another machine: what was known of its process means nothing here.
fn move_to_this_machine(instance: &mut Instance<'_>, evidence: &Evidence) {
    instance.host = evidence.machine.host.clone().into();
    instance.boot_id = evidence.machine.boot_id.clone().into();
    instance.pid_namespace = "".into();
    instance.pid = 0;
    instance.process_start = 0;
    instance.parent_pid = 0;
    instance.parent_start = 0;
}

#[cfg(test)]
mod tests;
