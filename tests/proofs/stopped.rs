//! A command that stands still in the middle of its commit, holding the lock.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Ran, World, binary};
use crate::support::{aio_in, ended, temporaries};

/// How long anything may take that must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Stopped {
    strace: Child,
    /// The stopped command itself.
    pub pid: u32,
}

impl Stopped {
    /// Starts a command and has it stopped, as by SIGSTOP, while it syncs its new state.
    pub fn in_commit(world: &World, dir: &Path, args: &[&str]) -> Stopped {
        let log = world.home.join("stopped.log");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o"]).arg(log).args(["-e", "trace=fsync", "-e", "inject=fsync:signal=STOP:when=1"]);
        command.arg(binary("aio")).args(args).env_clear().current_dir(&world.project);
        for (key, value) in aio_in(world, dir).get_envs() {
            command.env(key, value.unwrap());
        }
        let strace = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let id = strace.id();
        let children = format!("/proc/{id}/task/{id}/children");
        // strace forks more than once while it looks around; the last is the command.
        let mut pid = 0;
        until("a command stops in its commit", || {
            let listed = fs::read_to_string(&children).unwrap_or_default();
            pid = listed.split_whitespace().last().and_then(|pid| pid.parse().ok()).unwrap_or(0);
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            !temporaries(dir).is_empty() && (status.contains("State:\tt") || status.contains("State:\tT"))
        });
        Stopped { strace, pid }
    }

    /// Lets it go on to its end.
    pub fn resume(mut self) -> Ran {
        let pid = Pid::from_raw(self.pid.cast_signed()).unwrap();
        until("a stopped command goes on", || {
            // It may have ended just now.
            kill_process(pid, Signal::CONT).unwrap_or_default();
            self.strace.try_wait().unwrap().is_some()
        });
        ended(self.strace)
    }
}

/// Looks again and again until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
