//! Who calls, and what a caller is owed.

use super::{App, wall_ms};
use crate::error::{Failure, lost_line};
use crate::host::agents::AGENTS;
use crate::host::{ancestry, machine};
use crate::protocol::evidence::{Evidence, ProcessKey};
use crate::protocol::identity::{self, AgentSeen, Unidentified, Witness};
use crate::protocol::lease::{self, HEARTBEAT_REFRESH_MS};
use crate::protocol::op::{Op, Outcome, Request};
use crate::protocol::state::{Instance, SCHEMA_VERSION, State};
use crate::store::StoreError;
use crate::store::file::Committed;
use crate::store::lock::Patience;

impl App {
    /// What was seen of the caller.
    pub fn witness(&self) -> Witness {
        let ancestry = self.ancestry();
        let sessions = AGENTS.iter().flat_map(|agent| {
            let values = agent.session_variables.iter().filter_map(|name| self.variable(name));
            values.map(|value| (agent.tool, value.to_string_lossy().into_owned()))
        });
        Witness {
            named: self.as_id.clone(),
            inherited: self.inherited(),
            agent: ancestry.agent.as_ref().map(|seen| AgentSeen {
                tool: seen.agent.tool,
                process: seen.process,
                launcher: seen.launcher,
            }),
            ancestors: ancestry.below_agent().iter().map(|process| process.key).collect(),
            cut_off: self.is_cut_off(),
            sessions: sessions.collect(),
            project: self.current_project(),
        }
    }

    /// Whether an agent may stand where the walk upwards could not look.
    fn is_cut_off(&self) -> bool {
        let ancestry = self.ancestry();
        ancestry.agent.is_none() && (ancestry.cut_off || !machine::sees_all_processes(self.machine()))
    }

    /// The instance that calls.
    ///
    /// # Errors
    /// Exit 3, with the candidates and the next command.
    pub fn caller(&self, state: &State<'_>) -> Result<String, Failure> {
        self.resolve(state).map_err(|error| match state.schema_version {
            // Nothing that needs a caller could be written into it, so registering would not help.
            version if version > SCHEMA_VERSION => StoreError::Newer { path: self.store.state_path(), version }.into(),
            _ => error.into(),
        })
    }

    /// Looks at the caller only where the environment leaves it open: that takes longer than everything else in a check.
    fn resolve(&self, state: &State<'_>) -> Result<String, Unidentified> {
        if let Some(session) = self.session.get() {
            return identity::of_session(session, state);
        }
        let inherited = self.inherited();
        if let Some(settled) = identity::settled(self.as_id.as_deref(), inherited.as_deref(), state) {
            return settled;
        }
        let instance = inherited.and_then(|id| state.instance(&id));
        // Nothing stands between the two that it could have been inherited through.
        if let Some(instance) = instance.filter(|instance| instance.pid != 0)
            && self.ancestry.get().is_none()
            && self.is_below(instance)
        {
            return Ok(instance.key.to_string());
        }
        identity::resolve(&self.witness(), state, self.machine())
    }

    /// Takes the word of an agent's hook for who calls: its own id of the session.
    pub fn speak_for(&self, session: &str) {
        self.session.get_or_init(|| session.to_owned());
    }

    /// Who calls, where `--as` says it.
    pub fn name(&self) -> Option<&str> {
        self.as_id.as_deref()
    }

    /// Whether `--as` says who calls.
    pub fn is_named(&self) -> bool {
        self.as_id.is_some()
    }

    /// Whether a process was seen alive above this one.
    pub(super) fn is_known_alive(&self, process: ProcessKey) -> bool {
        self.alive.get().is_some_and(|(known, _)| *known == process)
    }

    /// Whether a record names this boot.
    pub(super) fn is_this_boot(&self, boot_id: &str) -> bool {
        let known = self.alive.get().map(|(_, boot_id)| boot_id).filter(|boot_id| !boot_id.is_empty());
        boot_id == *known.unwrap_or_else(|| self.boot_id.get_or_init(machine::boot_id))
    }

    /// Whether an instance's process stands above the caller, without an agent in between. Looks no further up when it does.
    fn is_below(&self, instance: &Instance<'_>) -> bool {
        let process = ProcessKey { pid: instance.pid, start: instance.process_start };
        let seen = ancestry::up_to(Some(process));
        let found = seen.below_agent().last().is_some_and(|last| last.key == process);
        if found {
            self.alive.get_or_init(|| (process, instance.boot_id.to_string()));
        } else {
            self.ancestry.get_or_init(|| seen);
        }
        found
    }

    fn inherited(&self) -> Option<String> {
        self.variable("AIO_INSTANCE").map(|id| id.to_string_lossy().into_owned())
    }

    /// The instance that calls, if one does; a caller that cannot be told apart is nobody, one that is named must exist.
    ///
    /// # Errors
    /// When `--as` names nobody.
    pub fn caller_if_any(&self, state: &State<'_>) -> Result<Option<String>, Failure> {
        match self.resolve(state) {
            Ok(id) => Ok(Some(id)),
            Err(Unidentified::Unknown | Unidentified::Ambiguous(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds the caller, and greets it.
    ///
    /// # Errors
    /// As [`App::caller`].
    pub fn identify(&self) -> Result<String, Failure> {
        let (id, greeting) = self.with_state(|state| {
            let id = self.caller(state)?;
            let greeting = self.greeting(state, &id);
            Ok((id, greeting))
        })?;
        self.greet(&id, greeting);
        Ok(id)
    }

    /// As [`App::identify`], for commands that nobody in particular may run as well.
    ///
    /// # Errors
    /// When `--as` names nobody.
    pub fn identify_if_any(&self) -> Result<Option<String>, Failure> {
        let (id, greeting) = self.with_state(|state| {
            let id = if state.instances.is_empty() { None } else { self.caller_if_any(state)? };
            let greeting = id.as_ref().map_or(Greeting::None, |id| self.greeting(state, id));
            Ok((id, greeting))
        })?;
        if let Some(id) = &id {
            self.greet(id, greeting);
        }
        Ok(id)
    }

    /// Whether any instance of the state may be owed a greeting, should it be the caller.
    pub fn may_owe_greeting(&self, state: &State<'_>) -> bool {
        let now_ms = wall_ms();
        let is_fresh =
            |instance: &Instance<'_>| lease::is_within(&instance.last_heartbeat, now_ms, HEARTBEAT_REFRESH_MS);
        state.instances.iter().any(|instance| has_news(instance) || !is_fresh(instance))
    }

    /// What a caller that only reads is owed: its losses told, its heartbeat refreshed.
    pub fn greeting(&self, state: &State<'_>, id: &str) -> Greeting {
        let Some(instance) = state.instance(id) else { return Greeting::None };
        if has_news(instance) {
            return Greeting::News;
        }
        if lease::is_within(&instance.last_heartbeat, wall_ms(), HEARTBEAT_REFRESH_MS) {
            return Greeting::None;
        }
        let evidence = Evidence { now: self.now(), machine: self.machine().clone(), ..Evidence::default() };
        if lease::heartbeat_age_ms(instance, &evidence) > HEARTBEAT_REFRESH_MS {
            Greeting::Heartbeat
        } else {
            Greeting::None
        }
    }

    /// Gives it. A heartbeat is refreshed only if the lock is free. A caller that cannot write (a sandbox, a full disk) is
    /// no less a reader; its news wait.
    pub fn greet(&self, id: &str, greeting: Greeting) {
        let patience = match greeting {
            Greeting::None => return,
            Greeting::Heartbeat => Patience::None,
            Greeting::News => self.store.patience(),
        };
        let request = Request { actor: Some(id.to_owned()), op: Op::Heartbeat };
        if let Ok(Committed { outcome: Outcome::Heartbeat { lost }, .. }) = self.commit(&request, patience) {
            lost.iter().for_each(|lost| self.warn(&lost_line(lost)));
        }
    }
}

/// Whether it lost something, or was evicted, and does not know yet.
fn has_news(instance: &Instance<'_>) -> bool {
    !instance.evicted_at.is_empty() || instance.lost.iter().any(|lost| !lost.told)
}

/// See [`App::greeting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// Nothing is due.
    None,
    /// Its heartbeat is old.
    Heartbeat,
    /// It lost something, or was evicted, and does not know yet.
    News,
}
