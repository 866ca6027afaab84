//! What the operating system says about single processes.
//!
//! Owns: the identity of a process ([`ProcessKey`]), whether it lives, its parent, name and arguments, and whether
//! something below it started lately. Guarantees: [`Lookup::Gone`] is said only when the system denies that the process
//! exists or calls it dead; whatever could not be read or understood is [`Lookup::Unknown`]. Nothing is cached. Does
//! not: decide who is an agent or what a process's death means, spawn, or signal.
//!
//! A process id means something in one pid namespace only: whoever compares with a recorded one first asks
//! [`Machine`](crate::protocol::evidence::Machine) whether both are of the same host, boot and namespace.

#[cfg(target_os = "linux")]
pub(super) mod linux;
#[cfg(target_os = "macos")]
pub(super) mod macos;

#[cfg(test)]
pub(super) mod testing;

#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(target_os = "macos")]
use macos as platform;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::protocol::evidence::Fate;
pub use crate::protocol::evidence::ProcessKey;

/// A living process, as it was when it was looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Which process it is.
    pub key: ProcessKey,
    /// 0 when the parent lies outside this pid namespace or there is none.
    pub parent: u32,
    /// The name the kernel keeps: the file that was executed, cut (Linux 15 bytes, macOS 16), unless the process or its
    /// runtime renamed itself (Node calls itself `MainThread`). A script with `#!` bears its own file's name.
    pub name: String,
    /// It has a controlling terminal, be it in the background.
    pub has_terminal: bool,
    /// A signal stopped it: it does nothing until another has it go on.
    pub is_stopped: bool,
}

/// What can be said of a process id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// It lives.
    Alive(Process),
    /// There is no such process, or it has exited and only waits to be reaped.
    Gone,
    /// It may be there: the entry is hidden, unreadable or not as expected.
    Unknown,
}

/// Looks one process up, in one read of the process table.
pub fn look_up(pid: u32) -> Lookup {
    platform::look_up(pid)
}

/// As [`look_up`], with its start as the system shows it here. In a time namespace that is not when it started by the
/// machine's clock; to find that out takes another file, which is not read where the two are alike anyway.
pub(super) fn look_up_as_shown(pid: u32) -> Lookup {
    #[cfg(target_os = "linux")]
    return platform::look_up_as_shown(pid);
    #[cfg(target_os = "macos")]
    platform::look_up(pid)
}

/// Whether starts are shown otherwise than by the machine's clock.
pub(super) fn are_clocks_shifted() -> bool {
    #[cfg(target_os = "linux")]
    return platform::are_clocks_shifted();
    #[cfg(target_os = "macos")]
    false
}

/// Whether this very process is seen to live. No is no proof of the contrary.
pub fn is_seen(key: ProcessKey) -> bool {
    matches!(look_up_as_shown(key.pid), Lookup::Alive(process) if process.key == key)
}

/// Whether this very process is stopped by a signal.
pub fn is_stopped(key: ProcessKey) -> bool {
    matches!(look_up(key.pid), Lookup::Alive(process) if process.key == key && process.is_stopped)
}

/// The arguments the process was started with, or the title it put in their place. `None` when they cannot be read or
/// there are none. Lossy and, on Linux, cut after 4 KiB: good for recognising a program, not for running it again.
pub fn argv(pid: u32) -> Option<Vec<String>> {
    platform::argv(pid)
}

/// Whether the process table shows the pid namespace this process lives in. A sandbox may give its processes a
/// namespace of their own and yet leave the outer `/proc` mounted: then every id that is looked up is somebody else.
pub fn table_is_ours() -> bool {
    platform::table_is_ours()
}

/// Is there a living descendant of `pid`, at any depth, that started at most `age_ms` ago?
///
/// Time asleep counts as age, for that is how the systems date processes. Nothing is left out: when `pid` is an agent
/// that asks about itself, the asking command and the shell around it are such descendants. One that was orphaned (its
/// parent exited) is no longer seen as a descendant. Reads the whole process table: milliseconds, not for a hot path.
pub fn has_descendant_younger_than(pid: u32, age_ms: u64) -> bool {
    let processes = platform::all();
    let parents: HashMap<u32, u32> = processes.iter().map(|process| (process.key.pid, process.parent)).collect();
    let earliest = platform::start_ago(age_ms);
    processes.iter().any(|process| process.key.start >= earliest && descends(process.parent, pid, &parents))
}

/// Whether a living process of such a name started at least `age_ms` ago. Reads the whole process table, as
/// [`has_descendant_younger_than`] does.
pub fn is_one_as_old(age_ms: u64, is_named: impl Fn(&str) -> bool) -> bool {
    let latest = platform::start_ago(age_ms);
    platform::all().iter().any(|process| process.key.start <= latest && is_named(&process.name))
}

/// The variables that a process was started with; what it did to them since is not seen.
#[derive(Debug)]
pub struct Environment(Vec<u8>);

impl Environment {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let mut entries = self.0.split(|&byte| byte == 0);
        entries.find_map(|entry| Some(OsStr::from_bytes(entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?)))
    }
}

/// Every living process whose variables can be read: those of this user. Reads the whole process table, as
/// [`has_descendant_younger_than`] does.
pub fn all_with_environment() -> Vec<(Process, Environment)> {
    let with_environment = |process: Process| {
        let environment = platform::environment(process.key.pid)?;
        Some((process, Environment(environment)))
    };
    platform::all().into_iter().filter_map(with_environment).collect()
}

/// A process that runs now, as a record names it.
pub fn key_of(pid: u32) -> Option<ProcessKey> {
    match look_up(pid) {
        Lookup::Alive(process) => Some(process.key),
        Lookup::Gone | Lookup::Unknown => None,
    }
}

/// What became of a recorded process, and, where its last heartbeat is `tool_call_age_ms` old, whether something it
/// started about then still runs. That takes a scan, so it is asked only where it matters.
pub fn fate(key: ProcessKey, tool_call_age_ms: Option<u64>) -> Fate {
    /// A tool call may have begun a little before the heartbeat that announced it.
    const SLACK_MS: u64 = 30_000;
    match look_up(key.pid) {
        Lookup::Alive(process) if process.key == key => {
            let runs = |age_ms: u64| has_descendant_younger_than(key.pid, age_ms.saturating_add(SLACK_MS));
            Fate::Alive { tool_call: tool_call_age_ms.is_some_and(runs) }
        }
        Lookup::Alive(_) | Lookup::Gone => Fate::Gone,
        Lookup::Unknown => Fate::Unknown,
    }
}

/// Whether `pid` is `ancestor` or below it. The count of steps is bounded: the table is read process by process while
/// others come and go, so it may hold a cycle.
fn descends(pid: u32, ancestor: u32, parents: &HashMap<u32, u32>) -> bool {
    std::iter::successors(Some(pid), |pid| parents.get(pid).copied()).take(parents.len() + 1).any(|pid| pid == ancestor)
}

#[cfg(test)]
mod tests {
    use super::testing::{Folder, Group, alive, eventually, named};
    use super::*;
    use std::path::Path;
    use std::process::Command;

    fn bash(script: &str) -> Command {
        let mut command = Command::new("/bin/bash");
        command.args(["-c", script]);
        command
    }

    fn sleeper(program: &Path) -> Group {
        Group::spawn(Command::new(program).args(["-c", "sleep 100; :"]))
    }

    #[test]
    fn self_and_parent_are_alive() {
        let me = alive(std::process::id());
        assert_eq!(me.key.pid, std::process::id());
        assert_eq!(me.parent, std::os::unix::process::parent_id());
        let parent = alive(me.parent);
        assert!(parent.key.start <= me.key.start);
        assert_eq!(me, alive(std::process::id()));
        assert!(argv(std::process::id()).is_some_and(|argv| argv.len() == std::env::args_os().len()));
        assert!(table_is_ours());
    }

    #[test]
    fn a_zombie_is_gone_and_so_is_one_reaped() {
        let mut child = Group::spawn(&mut bash("exit 0"));
        eventually(|| (look_up(child.pid()) == Lookup::Gone).then_some(()));
        child.0.wait().expect("it was not reaped before");
        assert_eq!(look_up(child.pid()), Lookup::Gone);
        assert_eq!(argv(child.pid()), None);
    }

    #[test]
    fn a_killed_child_is_gone_and_has_no_successor_by_key() {
        let mut child = Group::spawn(&mut bash("sleep 100; :"));
        assert_eq!(alive(child.pid()).key.pid, child.pid());
        child.0.kill().expect("own children can be killed");
        eventually(|| (look_up(child.pid()) == Lookup::Gone).then_some(()));
    }

    #[test]
    fn impossible_ids_are_gone() {
        assert_eq!(look_up(0), Lookup::Gone);
        assert_eq!(look_up(u32::MAX), Lookup::Gone);
    }

    #[test]
    fn odd_names_are_read_whole() {
        let folder = Folder::new("odd-names");
        for name in [") S 1 (x", "a b) c", "line\nfeed)"] {
            let child = sleeper(&folder.program("/bin/bash", name));
            let process = named(child.pid(), name);
            assert_eq!(process.parent, std::process::id());
            // In the midst of an exec the arguments are not there yet.
            let argv = eventually(|| argv(child.pid()));
            assert!(argv[0].ends_with(name));
            assert_eq!(argv[1..], ["-c", "sleep 100; :"]);
        }
    }

    #[test]
    fn arguments_may_be_empty_and_the_first_may_lie() {
        let child = Group::spawn(&mut bash("exec -a claude /bin/bash -c 'sleep 100; :' '' x"));
        let argv = eventually(|| argv(child.pid()).filter(|argv| argv[0] == "claude"));
        assert_eq!(argv[1..], ["-c", "sleep 100; :", "", "x"]);
    }

    #[test]
    fn young_descendants_are_seen_at_any_depth() {
        let child = Group::spawn(&mut bash("/bin/bash -c 'sleep 100; :'; :"));
        eventually(|| has_descendant_younger_than(child.pid(), 60_000).then_some(()));
        let me = std::process::id();
        assert!(has_descendant_younger_than(me, 60_000));
        eventually(|| (!has_descendant_younger_than(child.pid(), 200)).then_some(()));
    }

    #[test]
    fn a_name_is_looked_for_among_those_as_old() {
        let folder = Folder::new("as-old");
        let child = sleeper(&folder.program("/bin/bash", "as-old"));
        named(child.pid(), "as-old");
        assert!(is_one_as_old(0, |name| name == "as-old"));
        assert!(!is_one_as_old(60_000, |name| name == "as-old"));
        assert!(!is_one_as_old(0, |name| name == "nobody's name"));
    }

    #[test]
    fn zombies_and_the_process_itself_are_no_descendants() {
        let child = Group::spawn(&mut bash("true & exec sleep 100"));
        named(child.pid(), "sleep");
        eventually(|| (!has_descendant_younger_than(child.pid(), 60_000)).then_some(()));
    }

    #[test]
    fn a_cycle_in_the_table_ends() {
        let parents = HashMap::from([(5, 6), (6, 5), (7, 1)]);
        assert!(!descends(5, 9, &parents));
        assert!(descends(5, 6, &parents));
        assert!(descends(7, 1, &parents));
    }
}
