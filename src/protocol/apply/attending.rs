//! What agents' hooks say of the course of their work, and what they hear.

use super::super::lease;
use super::super::news;
use super::super::op::{Attendance, Change, Event, News, Outcome, Refusal, Turn as AgentTurn};
use super::super::state::Claim;
use super::Turn;
use super::claiming::expiry;

impl Turn<'_, '_> {
    pub(super) fn attend(&mut self, id: &str, attendance: &Attendance) -> Result<Outcome, Refusal> {
        match &attendance.turn {
            AgentTurn::GoesOn => {}
            AgentTurn::Begins { task } => self.begin_turn(id, task.as_deref()),
            AgentTurn::Ends => self.end_turn(id),
        }
        // What is said where nobody reads it must be said again.
        if !attendance.hears {
            return Ok(Outcome::Done);
        }
        let news = self.hear(id)?;
        let Outcome::Heartbeat { lost } = self.welcome_back(id) else { return Ok(Outcome::Done) };
        Ok(Outcome::Heard { lost, news })
    }

    /// What lapsed before it is not held again by its beginning.
    fn begin_turn(&mut self, id: &str, task: Option<&str>) {
        let Some(instance) = self.state.instance(id) else { return };
        let is_new = instance.turn_since.is_empty();
        let task = task.filter(|_| instance.current_task.is_none());
        if !is_new && task.is_none() {
            return;
        }
        if is_new {
            self.drop_lapsed_autos(id);
        }
        let now = self.now_stamp();
        let Some(instance) = self.state.instance_mut(id) else { return };
        if is_new {
            instance.turn_since = now.into();
            instance.status = "working".into();
        }
        if let Some(task) = task {
            instance.current_task = Some(task.to_owned().into());
        }
        self.note(Change { event: Event::Heartbeat, instance: Some(id.to_owned()), ..Change::default() });
    }

    /// What this turn touched begins to lapse.
    fn end_turn(&mut self, id: &str) {
        let Some(instance) = self.state.instance_mut(id) else { return };
        if std::mem::take(&mut instance.turn_since).is_empty() {
            return;
        }
        instance.status = "idle".into();
        let (expires_at, awake_ms) = expiry(self.evidence.settings.auto_ttl_ms, self.evidence);
        let touched = |claim: &&mut Claim<'_>| claim.instance_id == *id && claim.auto && claim.expires_at.is_empty();
        for claim in self.state.claims.iter_mut().filter(touched) {
            claim.expires_at = expires_at.clone().into();
            claim.expires_monotonic_ms = awake_ms;
        }
        self.note(Change { event: Event::Heartbeat, instance: Some(id.to_owned()), ..Change::default() });
    }

    fn drop_lapsed_autos(&mut self, id: &str) {
        let has_lapsed = |claim: &&Claim<'_>| {
            claim.instance_id == *id && claim.auto && lease::has_lapsed(claim, &self.state, self.evidence)
        };
        let lapsed: Vec<String> = self.state.claims.iter().filter(has_lapsed).map(|c| c.key.to_string()).collect();
        self.state.claims.retain(|claim| !lapsed.iter().any(|id| claim.key == **id));
    }

    /// What others wrote since it last heard of anything. Heard once: whoever is told is marked as told.
    fn hear(&mut self, id: &str) -> Result<Vec<News>, Refusal> {
        let malformed = |error: serde_json::Error| Refusal::Malformed(error.to_string());
        let Some(instance) = self.state.instance(id) else { return Ok(Vec::new()) };
        let entries = self.state.context.entries().map_err(malformed)?;
        let unheard = news::unheard(&entries, instance, self.evidence);
        let newest = unheard.iter().map(|entry| entry.revision).max();
        let news = unheard.into_iter().map(|entry| news::told(entry, self.evidence)).collect();
        if let (Some(newest), Some(instance)) = (newest, self.state.instance_mut(id)) {
            instance.news_revision = newest;
            self.note(Change { event: Event::Heartbeat, instance: Some(id.to_owned()), ..Change::default() });
        }
        Ok(news)
    }

    /// The record stays, so that a resumed session is the same instance; nothing is held by it.
    pub(super) fn end_session(&mut self, id: &str) -> Outcome {
        let released = self.state.claims_of(id).count();
        self.state.claims.retain(|claim| claim.instance_id != *id);
        self.state.waiters.retain(|waiter| waiter.instance_id != *id);
        let now = self.now_stamp();
        if let Some(instance) = self.state.instance_mut(id) {
            instance.evicted_at = now.into();
            instance.turn_since = "".into();
            instance.status = "idle".into();
        }
        self.note(Change { event: Event::Unregistered, instance: Some(id.to_owned()), ..Change::default() });
        self.serve_waiters();
        Outcome::Unregistered { released }
    }
}
