//! Who is calling, from what the edge saw of the caller.
//!
//! Environments are inherited by agents started inside agents, so a variable proves little; what stands above the
//! caller in the process tree proves more. The nearest agent decides, and nothing beyond it is ever asked.

use super::evidence::{Machine, ProcessKey, Recorded};
use super::id;
use super::state::{Instance, State};

/// What was seen of the caller.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// `--as`.
    pub named: Option<String>,
    /// `$AIO_INSTANCE`.
    pub inherited: Option<String>,
    /// The nearest agent among the caller's ancestors.
    pub agent: Option<AgentSeen>,
    /// The ancestors below that agent, or all of them, nearest first.
    pub ancestors: Vec<ProcessKey>,
    /// The walk upwards ended before it could have met an agent: a sandbox with a pid namespace of its own.
    pub cut_off: bool,
    /// Session ids in the environment, by tool, whoever set them.
    pub sessions: Vec<(&'static str, String)>,
    /// The project the caller is in, to tell instances of one process apart.
    pub project: String,
}

/// An agent process above the caller.
#[derive(Clone, Debug)]
pub struct AgentSeen {
    /// Its tool.
    pub tool: &'static str,
    /// The process.
    pub process: ProcessKey,
    /// The interpreter that launched it, where it has one.
    pub launcher: Option<ProcessKey>,
}

impl AgentSeen {
    fn is(&self, process: ProcessKey) -> bool {
        self.process == process || self.launcher == Some(process)
    }
}

/// The caller could not be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unidentified {
    /// `--as` names nobody.
    NoSuch(String),
    /// It fits more than one instance.
    Ambiguous(Vec<String>),
    /// Nothing speaks for any instance.
    Unknown,
}

/// The id of the calling instance.
///
/// # Errors
/// Why it cannot be told.
pub fn resolve(witness: &Witness, state: &State<'_>, machine: &Machine) -> Result<String, Unidentified> {
    if let Some(settled) = settled(witness.named.as_deref(), witness.inherited.as_deref(), state) {
        return settled;
    }
    let seen = Seen { witness, state, machine };
    if let Some(instance) = seen.by_environment() {
        return Ok(instance);
    }
    if let Some(agent) = &witness.agent {
        return seen.by_ancestors().or_else(|| seen.by_agent(agent)).unwrap_or(Err(Unidentified::Unknown));
    }
    let found = seen.by_loose_session().or_else(|| seen.by_ancestors()).or_else(|| seen.by_parent());
    found.unwrap_or(Err(Unidentified::Unknown))
}

/// The answer where the words and the environment settle it alone: nothing need be seen of the caller then. `--as` does,
/// and so does a `$AIO_INSTANCE` whose instance recorded no process, for nothing could show that it was inherited.
pub fn settled(
    named: Option<&str>,
    inherited: Option<&str>,
    state: &State<'_>,
) -> Option<Result<String, Unidentified>> {
    if let Some(named) = named {
        return Some(named_instance(named, state));
    }
    let instance = state.instance(inherited?)?;
    (instance.pid == 0).then(|| Ok(instance.key.to_string()))
}

fn named_instance(named: &str, state: &State<'_>) -> Result<String, Unidentified> {
    if state.instance(named).is_some() {
        return Ok(named.to_owned());
    }
    let fits = |instance: &&Instance<'_>| id::is_abbreviation(&instance.key, named);
    one_of(state.instances.iter().filter(fits), "").unwrap_or_else(|| Err(Unidentified::NoSuch(named.to_owned())))
}

/// The instance of an agent's session. Agents that run the hooks of others give them their own id, so the tool says nothing.
///
/// # Errors
/// When none has registered.
pub fn of_session(session: &str, state: &State<'_>) -> Result<String, Unidentified> {
    let found = state.instances.iter().find(|instance| instance.session == *session);
    found.map(|instance| instance.key.to_string()).ok_or(Unidentified::Unknown)
}

struct Seen<'w, 's> {
    witness: &'w Witness,
    state: &'s State<'s>,
    machine: &'w Machine,
}

type Found = Option<Result<String, Unidentified>>;

impl<'s> Seen<'_, 's> {
    /// `$AIO_INSTANCE` counts unless it was inherited: its instance recorded a process, and another agent stands nearer.
    fn by_environment(&self) -> Option<String> {
        let instance = self.state.instance(self.witness.inherited.as_deref()?)?;
        let inherited = match (instance.process(self.machine), &self.witness.agent) {
            (Some(process), Some(agent)) => !agent.is(process) && !self.witness.ancestors.contains(&process),
            _ => false,
        };
        (!inherited).then(|| instance.key.to_string())
    }

    /// By the nearest agent's own session variable, else by having recorded that very process.
    fn by_agent(&self, agent: &AgentSeen) -> Found {
        let own = |(tool, session): &&(&str, String)| *tool == agent.tool && !session.is_empty();
        let sessions = self.witness.sessions.iter().filter(own);
        let by_session = sessions.flat_map(|(tool, session)| self.of_session(tool, session));
        let by_process =
            self.state.instances.iter().filter(|i| i.process(self.machine).is_some_and(|process| agent.is(process)));
        one_of(by_session, &self.witness.project).or_else(|| one_of(by_process, &self.witness.project))
    }

    /// Where the ancestors are cut off, an agent's session variable counts, unless its process could be seen from here:
    /// then it would have been found.
    fn by_loose_session(&self) -> Found {
        if !self.witness.cut_off {
            return None;
        }
        let sessions = self.witness.sessions.iter();
        let instances = sessions.flat_map(|(tool, session)| self.of_session(tool, session));
        one_of(instances.filter(|instance| instance.process(self.machine).is_none()), &self.witness.project)
    }

    /// The nearest ancestor that an instance recorded: the shell that registered, or what `aio run` started.
    fn by_ancestors(&self) -> Found {
        self.witness.ancestors.iter().find_map(|ancestor| {
            let recorded = |instance: &&Instance<'_>| instance.process(self.machine) == Some(*ancestor);
            one_of(self.state.instances.iter().filter(recorded), &self.witness.project)
        })
    }

    /// An instance that could not record a process is recognised by the process that ran `register`.
    fn by_parent(&self) -> Found {
        let parent = self.witness.ancestors.first()?;
        let is_child = |instance: &&Instance<'_>| {
            instance.pid == 0
                && (instance.parent_pid, instance.parent_start) == (parent.pid, parent.start)
                && self.machine.sees(&instance.host, &instance.boot_id, &instance.pid_namespace)
        };
        one_of(self.state.instances.iter().filter(is_child), &self.witness.project)
    }

    fn of_session(&self, tool: &str, session: &str) -> impl Iterator<Item = &'s Instance<'s>> {
        self.state.instances.iter().filter(move |i| i.tool == *tool && !session.is_empty() && i.session == *session)
    }
}

/// The only instance, or the only one of this project. Two variables of one session find the same one twice.
fn one_of<'s>(instances: impl Iterator<Item = &'s Instance<'s>>, project: &str) -> Found {
    let mut all: Vec<&Instance<'_>> = instances.collect();
    all.sort_unstable_by_key(|instance| &instance.key);
    all.dedup_by_key(|instance| &instance.key);
    let here: Vec<&Instance<'_>> = all.iter().copied().filter(|instance| instance.project == *project).collect();
    match (&*all, &*here) {
        ([], _) => None,
        ([only], _) | (_, [only]) => Some(Ok(only.key.to_string())),
        _ => Some(Err(Unidentified::Ambiguous(all.iter().map(|instance| instance.key.to_string()).collect()))),
    }
}

#[cfg(test)]
mod tests;
