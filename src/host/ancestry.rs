//! What stands above the calling process.
//!
//! Owns: the walk from the caller's parent upwards. Guarantees: it ends at the nearest agent and never looks past it,
//! so an agent that was started inside another is never taken for the outer one; every step is certain, or the walk
//! ends there and says so. Does not: look at the environment, or decide which instance is calling.
//!
//! One exception to the end: the direct parent of the nearest agent is its *launcher* when it is an interpreter that
//! runs a script of the same tool. One step only, for above that an agent may have started this one.

use super::agents::{self, Agent};
use super::process::{self, Lookup, Process, ProcessKey};
use std::os::unix::process::parent_id;

/// Nobody nests processes this deep; a walk that gets here goes in circles.
const MAX_STEPS: usize = 64;

/// What one walk saw.
#[derive(Debug)]
pub struct Ancestry {
    /// Nearest first: from the caller's parent up to the nearest agent and its launcher, or as far as could be seen.
    pub ancestors: Vec<Process>,
    /// The nearest agent.
    pub agent: Option<AgentProcess>,
    /// The walk ended at neither an agent nor the top (process 1 of this pid namespace), so there may be an agent that
    /// was not seen. What lies outside a namespace of its own is not seen either, without being cut off:
    /// [`sees_all_processes`](super::machine::sees_all_processes) tells.
    pub cut_off: bool,
}

/// A process that certainly is an agent's.
#[derive(Clone, Copy, Debug)]
pub struct AgentProcess {
    /// Which agent it is.
    pub agent: &'static Agent,
    /// The process that runs its commands; the one to record.
    pub process: ProcessKey,
    /// The interpreter that started it and waits for it: where a person or a script started the agent.
    pub launcher: Option<ProcessKey>,
}

impl Ancestry {
    /// The direct parent of this process.
    pub fn parent(&self) -> Option<&Process> {
        self.ancestors.first()
    }

    /// The processes between the caller and the agent, or all that were seen when there is none.
    pub fn below_agent(&self) -> &[Process] {
        let key = self.agent.map(|agent| agent.process);
        let end = self.ancestors.iter().position(|process| Some(process.key) == key);
        &self.ancestors[..end.unwrap_or(self.ancestors.len())]
    }

    fn cut_off(ancestors: Vec<Process>) -> Ancestry {
        Ancestry { ancestors, agent: None, cut_off: true }
    }
}

/// What stands above the caller up to the nearest agent, or only up to the process that is `sought`, should it be met
/// before. Reads one small file for each ancestor, and another for each that is no shell.
pub fn up_to(sought: Option<ProcessKey>) -> Ancestry {
    let parent = parent_id();
    let shown = climb(parent, sought, process::look_up_as_shown, process::argv);
    if sought.is_some() && shown.ancestors.last().map(|last| last.key) == sought {
        return shown;
    }
    if !process::table_is_ours() {
        return Ancestry::cut_off(Vec::new());
    }
    let ancestry = match process::are_clocks_shifted() {
        true => climb(parent, sought, process::look_up, process::argv),
        false => shown,
    };
    // The parent may have died before it was looked up and its id been given to another.
    if parent_id() == parent { ancestry } else { Ancestry::cut_off(Vec::new()) }
}

/// The walk, with `first` as the caller's parent.
fn climb(
    first: u32,
    sought: Option<ProcessKey>,
    look_up: impl Fn(u32) -> Lookup,
    argv: impl Fn(u32) -> Option<Vec<String>>,
) -> Ancestry {
    let mut ancestors: Vec<Process> = Vec::new();
    let mut pid = first;
    while pid != 0 {
        if ancestors.len() == MAX_STEPS {
            return Ancestry::cut_off(ancestors);
        }
        let Some(process) = step(ancestors.last(), pid, &look_up) else {
            return Ancestry::cut_off(ancestors);
        };
        if sought == Some(process.key) {
            ancestors.push(process);
            return Ancestry { ancestors, agent: None, cut_off: false };
        }
        let recognised = agents::recognise(&process, &argv);
        let launcher = recognised.and_then(|agent| launcher(agent, &process, &look_up, &argv));
        let key = process.key;
        pid = process.parent;
        ancestors.push(process);
        if let Some(agent) = recognised {
            let agent = AgentProcess { agent, process: key, launcher: launcher.as_ref().map(|process| process.key) };
            ancestors.extend(launcher);
            return Ancestry { ancestors, agent: Some(agent), cut_off: false };
        }
    }
    // A process other than the first, without a parent, was put into this namespace from outside (`docker exec`).
    let cut_off = ancestors.last().is_none_or(|top| top.key.pid != 1);
    Ancestry { ancestors, agent: None, cut_off }
}

/// The parent `pid` of `child`, unless that is not certain.
fn step(child: Option<&Process>, pid: u32, look_up: impl Fn(u32) -> Lookup) -> Option<Process> {
    let Lookup::Alive(process) = look_up(pid) else {
        return None;
    };
    let is_plausible = child.is_none_or(|child| process.key.start <= child.key.start);
    (is_plausible || child.is_some_and(|child| still_has_parent(child, pid, look_up))).then_some(process)
}

/// A parent that seems to have started after its child is another process that was given the dead parent's id, and the
/// child has a new parent by now; or else the clock was set back in between, where starts are dates (macOS).
fn still_has_parent(child: &Process, parent: u32, look_up: impl Fn(u32) -> Lookup) -> bool {
    let Lookup::Alive(again) = look_up(child.key.pid) else {
        return false;
    };
    again.key == child.key && again.parent == parent
}

fn launcher(
    agent: &Agent,
    process: &Process,
    look_up: impl Fn(u32) -> Lookup,
    argv: impl Fn(u32) -> Option<Vec<String>>,
) -> Option<Process> {
    step(Some(process), process.parent, look_up).filter(|parent| agents::launches(parent, agent, argv))
}

#[cfg(test)]
mod tests;
