//! The machines, clocks and processes around the agents, and how each agent sees them.

use std::collections::HashMap;

use aio::protocol::evidence::{CrossWorktree, Evidence, Fate, Machine, Moment, ProcessKey, Recorded, Settings};
use aio::protocol::state::{Instance, State};

/// Agents on the machine itself; two more look at it from elsewhere.
pub const LOCALS: usize = 4;
/// In a pid namespace of its own.
const SANDBOXED: usize = 4;
/// All of them.
pub const AGENTS: usize = 6;

#[derive(Clone, Debug)]
struct Process {
    machine: Machine,
    alive: bool,
    runs_tool: bool,
}

pub struct World {
    pub wall_ms: i64,
    awake_ms: [u64; 2],
    boot: u32,
    processes: HashMap<u32, Process>,
    next_pid: u32,
    pub cross_worktree: CrossWorktree,
}

impl World {
    pub fn new(cross_worktree: CrossWorktree) -> World {
        let (wall_ms, awake_ms) = (1_800_000_000_000, [5_000_000, 90_000_000]);
        World { wall_ms, awake_ms, boot: 1, processes: HashMap::new(), next_pid: 100, cross_worktree }
    }

    /// The machine as an agent sees it.
    pub fn machine(&self, agent: usize) -> Machine {
        let (host, boot_id) =
            if agent > SANDBOXED { ("far", "far-1".into()) } else { ("here", format!("here-{}", self.boot)) };
        let pid_namespace = if agent == SANDBOXED { "2" } else { "1" };
        Machine { host: host.into(), boot_id, pid_namespace: pid_namespace.into() }
    }

    pub fn now(&self, agent: usize) -> Moment {
        Moment { wall_ms: self.wall_ms, awake_ms: self.awake_ms[usize::from(agent > SANDBOXED)] }
    }

    pub fn start_process(&mut self, agent: usize) -> ProcessKey {
        self.next_pid += 1;
        let process = Process { machine: self.machine(agent), alive: true, runs_tool: false };
        self.processes.insert(self.next_pid, process);
        ProcessKey { pid: self.next_pid, start: u64::from(self.next_pid) * 10 }
    }

    pub fn end_process(&mut self, pid: u32) {
        self.processes.entry(pid).and_modify(|process| process.alive = false);
    }

    pub fn is_alive(&self, pid: u32) -> bool {
        self.processes.get(&pid).is_some_and(|process| process.alive)
    }

    pub fn run_tool(&mut self, pid: u32, runs: bool) {
        self.processes.entry(pid).and_modify(|process| process.runs_tool = runs);
    }

    pub fn pass(&mut self, seconds: u64) {
        self.suspend(seconds);
        self.awake_ms.iter_mut().for_each(|awake_ms| *awake_ms += seconds * 1000);
    }

    pub fn suspend(&mut self, seconds: u64) {
        self.wall_ms += i64::try_from(seconds * 1000).unwrap();
    }

    pub fn set_back(&mut self, seconds: u64) {
        self.wall_ms -= i64::try_from(seconds * 1000).unwrap();
    }

    pub fn reboot(&mut self) {
        self.boot += 1;
        self.awake_ms[0] = 10_000;
        let here = self.processes.values_mut().filter(|process| process.machine.host == "here");
        here.for_each(|process| process.alive = false);
    }

    /// What an agent can find out about a recorded process.
    pub fn fate(&self, pid: u32, recorded_on: &Machine, agent: usize) -> Fate {
        let process = self.processes.get(&pid).filter(|_| *recorded_on == self.machine(agent));
        match process {
            None => Fate::Unknown,
            Some(process) if process.alive => Fate::Alive { tool_call: process.runs_tool },
            Some(_) => Fate::Gone,
        }
    }

    /// All an agent could know.
    pub fn evidence(&self, agent: usize, nonce: u64) -> Evidence {
        let machine = self.machine(agent);
        let seen = |(&pid, process): (&u32, &Process)| {
            let key = ProcessKey { pid, start: u64::from(pid) * 10 };
            (process.machine == machine).then(|| (key, self.fate(pid, &machine, agent)))
        };
        let processes = self.processes.iter().filter_map(seen).collect();
        let settings = Settings { cross_worktree: self.cross_worktree, ..Settings::default() };
        Evidence { now: self.now(agent), processes, machine, settings, nonce }
    }

    /// As much of it as commands look up: the waiting processes, and those of the instances in question.
    pub fn looked_up(full: &Evidence, state: &State<'_>, in_question: &[&Instance<'_>]) -> Evidence {
        let waiting = state.waiters.iter().filter_map(|waiter| waiter.process(&full.machine));
        let instances = in_question.iter().filter_map(|instance| instance.process(&full.machine));
        let known = |key: ProcessKey| full.processes.get(&key).map(|fate| (key, *fate));
        Evidence { processes: waiting.chain(instances).filter_map(known).collect(), ..full.clone() }
    }
}
