//! What still runs of a job: every process that was started with its variables, and what those started.
//!
//! Guarantees that a process is ended only as that very process, that no other job's is, and that each call ends within
//! seconds. Whoever keeps a job's record decides when that is to happen.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::host::process::{self, Environment, Process};
use crate::protocol::evidence::{Fate, ProcessKey};

/// The variable by which processes know their job, and others know them.
pub const JOB: &str = "AIO_JOB";
/// What whoever starts agents may have itself from one that started it, and must not pass on.
pub const OF_A_JOB: [&str; 6] = [JOB, "AIO_INSTANCE", "AIO_PROJECT", "AIO_WORKTREE", "AIO_PORTS", "PORT"];

/// Between asking and ending, where an agent may be among them.
pub const GRACE: Duration = Duration::from_secs(5);
/// The same of what an agent left: until that is over, nobody is told that it is gone.
pub const TO_FOLLOW: Duration = Duration::from_secs(1);
/// For the system to take away what it was told to end.
const TO_VANISH: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(20);

/// What runs now.
#[derive(Debug)]
pub struct Running {
    processes: Vec<(Process, Option<String>)>,
}

impl Running {
    /// All processes of jobs of that state directory, and all others, looked at once.
    pub fn now(dir: &Path) -> Running {
        let processes = process::all_with_environment().into_iter();
        let with_job = |(process, environment): (Process, Environment)| {
            let job = job_of(&environment, dir);
            (process, job)
        };
        Running { processes: processes.map(with_job).collect() }
    }

    /// The jobs of which something runs.
    pub fn jobs(&self) -> Vec<&str> {
        let mut jobs: Vec<&str> = self.processes.iter().filter_map(|(_, job)| job.as_deref()).collect();
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    /// The processes of a job, but for this one. `known` is one that is known to be its agent.
    pub fn of(&self, job: &str, known: Option<ProcessKey>) -> Vec<ProcessKey> {
        let mut found: HashSet<u32> = HashSet::new();
        loop {
            let belongs = |(process, of): &&(Process, Option<String>)| match of {
                Some(of) => of == job,
                None => Some(process.key) == known || found.contains(&process.parent),
            };
            let now: HashSet<u32> = self.processes.iter().filter(belongs).map(|(process, _)| process.key.pid).collect();
            if now.len() == found.len() {
                break;
            }
            found = now;
        }
        found.remove(&std::process::id());
        let keys = self.processes.iter().map(|(process, _)| process.key);
        keys.filter(|key| found.contains(&key.pid)).collect()
    }
}

/// Ends all that runs of a job: asks first, and waits so long. Gives what would not end.
pub fn end(dir: &Path, job: &str, known: Option<ProcessKey>, grace: Duration) -> Vec<ProcessKey> {
    let mut left = Vec::new();
    for (signal, patience) in [(Signal::TERM, grace), (Signal::KILL, TO_VANISH)] {
        let deadline = Instant::now() + patience;
        let mut told: HashSet<ProcessKey> = HashSet::new();
        loop {
            left = Running::now(dir).of(job, known);
            if left.is_empty() {
                return left;
            }
            left.iter().filter(|key| told.insert(**key)).for_each(|key| tell(*key, signal));
            if Instant::now() >= deadline {
                break;
            }
            wait(&left, deadline);
        }
    }
    left
}

/// Until none of them runs, or it is time to look anew.
fn wait(keys: &[ProcessKey], deadline: Instant) {
    let soon = deadline.min(Instant::now() + Duration::from_millis(500));
    while keys.iter().any(|key| process::fate(*key, None) != Fate::Gone) && Instant::now() < soon {
        std::thread::sleep(GLANCE);
    }
}

fn tell(key: ProcessKey, signal: Signal) {
    let pid = i32::try_from(key.pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid.filter(|_| process::fate(key, None) != Fate::Gone) {
        // It may have ended just now.
        kill_process(pid, signal).unwrap_or_default();
    }
}

/// The job of that state directory that a process was started for.
fn job_of(environment: &Environment, dir: &Path) -> Option<String> {
    let job = environment.get(JOB).filter(|job| !job.is_empty())?;
    let is_here = |other: &OsStr| Path::new(other) == dir || same(Path::new(other), dir);
    environment.get("AIO_DIR").is_some_and(is_here).then(|| job.to_string_lossy().into_owned())
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Ended when dropped, should a test fail.
    struct Started(Child);

    impl Drop for Started {
        fn drop(&mut self) {
            self.0.kill().and_then(|()| self.0.wait()).map(drop).unwrap_or_default();
        }
    }

    fn start(script: &str, job: &str, dir: &Path) -> Started {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env(JOB, job).env("AIO_DIR", dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Started(command.spawn().unwrap())
    }

    #[test]
    fn all_of_a_job_is_found_and_ended_and_nothing_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let other_dir = tempfile::tempdir().unwrap();
        // One that does not listen, one that hides its variables, and those of another job and another directory.
        let script = "trap '' TERM; env -i sleep 60 & touch \"$AIO_DIR/up\"; while :; do sleep 0.05; done";
        let ours = start(script, "x-1", dir.path());
        let mut others = [start("exec sleep 60", "x-2", dir.path()), start("exec sleep 60", "x-1", other_dir.path())];
        while !dir.path().join("up").exists() {
            std::thread::sleep(GLANCE);
        }
        assert!(Running::now(dir.path()).of("x-1", None).len() >= 2);
        assert_eq!(end(dir.path(), "x-1", None, GRACE), []);
        drop(ours);
        assert_eq!(Running::now(dir.path()).jobs(), ["x-2"]);
        assert!(others.iter_mut().all(|other| other.0.try_wait().unwrap().is_none()));
    }
}
