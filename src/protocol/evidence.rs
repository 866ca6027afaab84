//! What the edge looked up before a decision: clocks, machine, processes, settings, and room for new ids.
//!
//! The deciders see the world only through this, so every rule can be tested without one.

use std::collections::BTreeMap;

use super::state::{Instance, Waiter};

const MINUTE_MS: u64 = 60_000;

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the Unix epoch.
    pub wall_ms: i64,
    /// Milliseconds the machine was awake since its boot.
    pub awake_ms: u64,
}

/// The machine as one process sees it. An empty part is unknown and equals nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Host name and the start of the machine's own id, `build7-3d1219c7`: neither machines that share a name (or were
    /// renamed alike) nor clones of one image are taken for each other. A container without a machine id has the start
    /// of the boot id there, and so is another host after a reboot.
    pub host: String,
    /// Drawn anew by every boot. Containers share their kernel's.
    pub boot_id: String,
    /// The namespace in which our process ids mean something: its inode number on Linux, `0` on macOS.
    pub pid_namespace: String,
}

impl Machine {
    /// Whether a record was written on this machine.
    pub fn is_host(&self, host: &str) -> bool {
        known_equal(&self.host, host)
    }

    /// Whether a record was written on this machine since it started.
    pub fn is_boot(&self, host: &str, boot_id: &str) -> bool {
        self.is_host(host) && known_equal(&self.boot_id, boot_id)
    }

    /// Whether a process id in a record means the same here.
    pub fn sees(&self, host: &str, boot_id: &str, pid_namespace: &str) -> bool {
        self.is_boot(host, boot_id) && known_equal(&self.pid_namespace, pid_namespace)
    }
}

fn known_equal(mine: &str, theirs: &str) -> bool {
    !mine.is_empty() && mine == theirs
}

/// A process for ever: id and start time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessKey {
    /// Its number in its pid namespace.
    pub pid: u32,
    /// Linux: clock ticks since boot, `/proc/PID/stat` field 22. macOS: microseconds since the epoch. To be compared
    /// only with one from the same boot.
    pub start: u64,
}

/// What became of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs.
    Alive {
        /// One of its descendants started around or after the last heartbeat: a tool call is under way.
        tool_call: bool,
    },
    /// It does not run any more, or its id belongs to another.
    Gone,
    /// Nothing could be learned.
    Unknown,
}

/// A process that a record names and this machine could look up.
pub trait Recorded {
    /// The process, and whether `machine` may judge it.
    fn process(&self, machine: &Machine) -> Option<ProcessKey>;
}

impl Recorded for Instance<'_> {
    fn process(&self, machine: &Machine) -> Option<ProcessKey> {
        let seen = self.pid != 0 && machine.sees(&self.host, &self.boot_id, &self.pid_namespace);
        seen.then_some(ProcessKey { pid: self.pid, start: self.process_start })
    }
}

impl Recorded for Waiter<'_> {
    fn process(&self, machine: &Machine) -> Option<ProcessKey> {
        let seen = self.pid != 0 && machine.sees(&self.host, &self.boot_id, &self.pid_namespace);
        seen.then_some(ProcessKey { pid: self.pid, start: self.process_start })
    }
}

/// The person's settings that rules depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Without a heartbeat for so long, an instance is active no more.
    pub active_ms: u64,
    /// How long a living process keeps its claims without a heartbeat.
    pub quiet_limit_ms: u64,
    /// The same while a tool call is evidently running.
    pub tool_call_limit_ms: u64,
    /// What a claim on a path that is held in another worktree of the repository meets with.
    pub cross_worktree: CrossWorktree,
    /// How long a claim that a hook took outlasts the turn that last touched it.
    pub auto_ttl_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            active_ms: 5 * MINUTE_MS,
            quiet_limit_ms: 60 * MINUTE_MS,
            tool_call_limit_ms: 12 * 60 * MINUTE_MS,
            cross_worktree: CrossWorktree::Warn,
            auto_ttl_ms: 15 * MINUTE_MS,
        }
    }
}

/// See [`Settings::cross_worktree`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrossWorktree {
    /// A note: the two will meet when they are merged.
    #[default]
    Warn,
    /// A refusal.
    Block,
    /// Nothing.
    Ignore,
}

/// Everything a decision may know of the world.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Now.
    pub now: Moment,
    /// Here.
    pub machine: Machine,
    /// What became of the processes that were looked up. One that is missing is unknown.
    pub processes: BTreeMap<ProcessKey, Fate>,
    /// The person's settings.
    pub settings: Settings,
    /// Randomness for a new instance id.
    pub nonce: u64,
}

impl Evidence {
    /// What is known of the process a record names.
    pub fn fate(&self, recorded: &impl Recorded) -> Fate {
        let process = recorded.process(&self.machine);
        process.and_then(|key| self.processes.get(&key).copied()).unwrap_or(Fate::Unknown)
    }
}
