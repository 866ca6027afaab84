//! Whole processes, timed from before they are started until they are reaped.

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How one process went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// From before its start until it was reaped.
    pub(crate) wall: Duration,
    /// Its exit code.
    pub(crate) code: i32,
    /// Most memory it had resident. Means something only where a small process started it: what the starter had
    /// resident counts until the program takes its place.
    pub(crate) peak_bytes: u64,
}

/// Runs a command that ends with this exit code.
pub(crate) fn run_expecting(expected: i32, command: &mut Command) -> Run {
    let run = run(command);
    assert_eq!(run.code, expected, "{command:?}");
    run
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    let start = Instant::now();
    let child = command.stdout(Stdio::null()).spawn();
    #[expect(clippy::zombie_processes, reason = "reaped below, by a call that tells the memory it used")]
    let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (status, peak_bytes) = reap(&child);
    let wall = start.elapsed();
    assert!(libc::WIFEXITED(status), "{command:?} was ended by a signal");
    Run { wall, code: libc::WEXITSTATUS(status), peak_bytes }
}

/// Waits for a child and asks for the most memory it had resident.
fn reap(child: &Child) -> (libc::c_int, u64) {
    let pid = child.id().try_into().expect("process ids fit");
    let mut status = 0;
    // SAFETY: all-zero is a value of this plain structure of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places live through the call; nobody else waits for this child.
    let reaped = unsafe { libc::wait4(pid, &mut status, 0, &mut usage) };
    assert_eq!(reaped, pid, "{}", io::Error::last_os_error());
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    (status, u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit)
}

/// A command and the floor below it, run in turn.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    floor: Vec<Duration>,
    subject: Vec<Duration>,
}

impl Pairs {
    /// Runs both once, the floor first.
    pub(crate) fn run(&mut self, floor: &mut Command, subject: &mut Command, expected: i32) {
        let floor = run_expecting(0, floor).wall;
        self.add(floor, run_expecting(expected, subject).wall);
    }

    /// Takes in one pair.
    pub(crate) fn add(&mut self, floor: Duration, subject: Duration) {
        self.floor.push(floor);
        self.subject.push(subject);
    }

    /// The floor's median.
    pub(crate) fn floor(&self) -> Duration {
        quantile(&self.floor, 0.5)
    }

    /// The command's median.
    pub(crate) fn subject(&self) -> Duration {
        quantile(&self.subject, 0.5)
    }

    /// The median of the ratios, pair by pair: a machine whose speed drifts is as fast for both of a pair.
    pub(crate) fn ratio(&self) -> f64 {
        let pairs = self.subject.iter().zip(&self.floor);
        median(pairs.map(|(subject, floor)| subject.as_secs_f64() / floor.as_secs_f64()).collect())
    }
}

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value below which `share` of the values lie.
pub(crate) fn quantile(values: &[Duration], share: f64) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}
