//! Programs that are run to their end: git, tmux, gh. Each has a time limit, and is stopped with all that it started.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};

/// A program to be run. Nothing goes through a shell.
#[derive(Clone, Debug)]
pub struct Program {
    name: OsString,
    args: Vec<OsString>,
    folder: Option<PathBuf>,
    variables: Vec<(OsString, OsString)>,
    removed: Vec<&'static str>,
    input: Vec<u8>,
    log: Option<PathBuf>,
    limit: Duration,
    stopped: Option<Arc<AtomicUsize>>,
}

/// How often what fails only for a moment is tried, and by how much each pause before the next is longer than the last: one
/// and a half seconds in all. On a busy machine a moment of another process may last a tenth of one.
pub(super) const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(5);
/// How often it is looked whether it is to be stopped.
const GLANCE: Duration = Duration::from_millis(100);

/// How it ended, and what it said.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code, or the negative number of the signal that ended it.
    pub code: i32,
    /// What it wrote to stdout.
    pub out: Vec<u8>,
    /// What it wrote to stderr.
    pub err: Vec<u8>,
}

/// Why there is no [`Ran`].
#[derive(Debug)]
pub enum Unrun {
    /// It is not installed.
    Missing(OsString),
    /// It did not end in time and was stopped.
    TimedOut(OsString, Duration),
    /// It was stopped before that.
    Stopped(OsString),
    /// The system would not.
    Io(OsString, io::Error),
}

impl Unrun {
    /// What to do about it.
    pub fn next(&self) -> String {
        match self {
            Unrun::Missing(name) => format!("install {}", name.display()),
            Unrun::TimedOut(..) | Unrun::Stopped(_) | Unrun::Io(..) => "try again".to_owned(),
        }
    }
}

impl Program {
    /// A program of that name or path, with 30 seconds.
    pub fn new(name: impl AsRef<OsStr>) -> Program {
        Program {
            name: name.as_ref().to_owned(),
            args: Vec::new(),
            folder: None,
            variables: Vec::new(),
            removed: Vec::new(),
            input: Vec::new(),
            log: None,
            limit: Duration::from_secs(30),
            stopped: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Program {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Program {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Runs it there.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Program {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Program {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Keeps variables of this process from it.
    #[must_use]
    pub fn without(mut self, names: &[&'static str]) -> Program {
        self.removed.extend(names);
        self
    }

    /// Appends all that it says to that file, as it says it; then [`Ran`] has none of it.
    #[must_use]
    pub fn log(mut self, file: &Path) -> Program {
        self.log = Some(file.to_owned());
        self
    }

    /// Gives it something to read; else it has nothing.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Program {
        self.input = bytes.into();
        self
    }

    /// Stops it after so long.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Program {
        self.limit = limit;
        self
    }

    /// Stops it when this is not 0 any more.
    #[must_use]
    pub fn unless(mut self, stopped: &Arc<AtomicUsize>) -> Program {
        self.stopped = Some(Arc::clone(stopped));
        self
    }

    /// Runs it, and again after a pause where what it failed for passes by itself.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn patiently(self, passes: impl Fn(&Ran) -> bool) -> Result<Ran, Unrun> {
        for tries in 1..TRIES {
            let ran = self.clone().run()?;
            if ran.is_good() || !passes(&ran) {
                return Ok(ran);
            }
            thread::sleep(PAUSE * tries);
        }
        self.run()
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it is not installed, did not end in time, or the system would not.
    pub fn run(self) -> Result<Ran, Unrun> {
        let unrun = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound if self.folder.as_ref().is_none_or(|folder| folder.is_dir()) => {
                Unrun::Missing(self.name.clone())
            }
            _ => Unrun::Io(self.name.clone(), error),
        };
        // Files, not pipes: a server that it may leave behind would keep a pipe open.
        let mut out = scratch().map_err(unrun)?;
        let mut err = scratch().map_err(unrun)?;
        let status = self.wait(self.start(&out, &err).map_err(unrun)?)?;
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or_default());
        Ok(Ran { code, out: all(&mut out).map_err(unrun)?, err: all(&mut err).map_err(unrun)? })
    }

    fn start(&self, out: &File, err: &File) -> io::Result<std::process::Child> {
        let mut command = Command::new(&self.name);
        for name in &self.removed {
            command.env_remove(name);
        }
        command.args(&self.args).envs(self.variables.iter().cloned()).process_group(0).stdin(self.stdin()?);
        match &self.log {
            Some(path) => {
                let log = File::options().create(true).append(true).open(path)?;
                command.stdout(log.try_clone()?).stderr(log)
            }
            None => command.stdout(out.try_clone()?).stderr(err.try_clone()?),
        };
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.spawn()
    }

    fn stdin(&self) -> io::Result<Stdio> {
        if self.input.is_empty() {
            return Ok(Stdio::null());
        }
        let mut file = scratch()?;
        file.write_all(&self.input)?;
        file.rewind()?;
        Ok(file.into())
    }

    /// Its end, or that of its time, and then of everything it started.
    fn wait(&self, mut child: std::process::Child) -> Result<ExitStatus, Unrun> {
        let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait()));
        let deadline = Instant::now() + self.limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if self.stopped.is_some() { left.min(GLANCE) } else { left };
            let unrun = match receiver.recv_timeout(wait) {
                Ok(status) => return status.map_err(|error| Unrun::Io(self.name.clone(), error)),
                Err(_) if self.is_stopped() => Unrun::Stopped(self.name.clone()),
                Err(_) if wait < left => continue,
                Err(_) => Unrun::TimedOut(self.name.clone(), self.limit),
            };
            if let Some(group) = group {
                // It may have ended just now; then there is nobody to stop.
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap_or_default();
            }
            return Err(unrun);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.as_ref().is_some_and(|stopped| stopped.load(Ordering::Relaxed) != 0)
    }
}

impl Ran {
    /// Whether it ended with 0.
    pub fn is_good(&self) -> bool {
        self.code == 0
    }

    /// Whether it ended by a signal that a terminal sends to all that run in it. One that was just being started is among those
    /// until it is in a group of its own; it has not begun then.
    pub fn was_cut_off(&self) -> bool {
        is_of_a_terminal(-self.code)
    }

    /// What it wrote to stdout, without the line break at the end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).trim_end_matches('\n').to_owned()
    }

    /// The last thing it complained of, in one line.
    pub fn complaint(&self) -> String {
        let said = String::from_utf8_lossy(&self.err);
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(|| format!("it ended with {}", self.code), |line| line.trim().to_owned())
    }
}

impl std::fmt::Display for Unrun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unrun::Missing(name) => write!(f, "{} is not installed", name.display()),
            Unrun::Stopped(name) => write!(f, "{} was stopped", name.display()),
            Unrun::TimedOut(name, limit) => write!(f, "{} did not end in {} seconds", name.display(), limit.as_secs()),
            Unrun::Io(name, error) => write!(f, "{} cannot be run: {error}", name.display()),
        }
    }
}

/// Starts something in a group of its own, and again where it was cut off before it was there: see [`Ran::was_cut_off`].
///
/// # Errors
/// When it cannot be started.
pub fn until_it_began(mut start: impl FnMut() -> io::Result<ExitStatus>) -> io::Result<ExitStatus> {
    for _ in 1..TRIES {
        let status = start()?;
        if !status.signal().is_some_and(is_of_a_terminal) {
            return Ok(status);
        }
    }
    start()
}

/// Whether a terminal sends that signal to all that run in it.
fn is_of_a_terminal(signal: i32) -> bool {
    matches!(signal, SIGHUP | SIGINT | SIGQUIT)
}

fn all(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file for what a program reads or writes. Where its folder is missing, that is not the program.
fn scratch() -> io::Result<File> {
    tempfile::tempfile().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other("there is no folder for temporary files where TMPDIR says"),
        _ => error,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_and_how_it_ends() {
        let ran = Program::new("/bin/sh").args(["-c", "cat; echo no >&2; exit 3"]).input("yes").run().unwrap();
        assert_eq!((ran.code, ran.text(), ran.complaint()), (3, "yes".to_owned(), "no".to_owned()));
        let killed = Program::new("/bin/sh").args(["-c", "kill -9 $$"]).run().unwrap();
        assert_eq!((killed.code, killed.complaint()), (-9, "it ended with -9".to_owned()));
    }

    #[test]
    fn what_does_not_end_is_stopped_with_all_it_started() {
        let program = Program::new("/bin/sh").args(["-c", "sleep 600 & sleep 600"]).limit(Duration::from_millis(50));
        assert!(matches!(program.run(), Err(Unrun::TimedOut(..))));
    }

    #[test]
    fn what_is_not_wanted_any_more_is_stopped() {
        let stopped = Arc::new(AtomicUsize::new(0));
        let later = Arc::clone(&stopped);
        let program = Program::new("/bin/sh").args(["-c", "sleep 600"]).unless(&stopped).limit(Duration::from_secs(60));
        let running = std::thread::spawn(move || program.run());
        later.store(2, Ordering::Relaxed);
        assert!(matches!(running.join().unwrap(), Err(Unrun::Stopped(_))));
    }

    #[test]
    fn what_a_key_cut_off_before_it_began_is_started_again() {
        let mut ends = [SIGINT, SIGHUP, 3 << 8, 0].into_iter().map(|raw| Ok(ExitStatus::from_raw(raw)));
        assert_eq!(until_it_began(|| ends.next().unwrap()).unwrap().code(), Some(3));
        let mut tries = 0;
        let ended = until_it_began(|| {
            tries += 1;
            Ok(ExitStatus::from_raw(SIGQUIT))
        });
        assert_eq!((ended.unwrap().signal(), tries), (Some(SIGQUIT), TRIES), "not for ever");
        let ran = |code| Ran { code, out: Vec::new(), err: Vec::new() };
        assert!(ran(-SIGINT).was_cut_off() && !ran(-9).was_cut_off() && !ran(SIGINT).was_cut_off());
    }

    #[test]
    fn what_is_kept_from_it_and_what_is_logged() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let say = || {
            Program::new("/bin/sh").args(["-c", "echo \"$HOME\"; echo $A >&2"]).variable("A", "a").without(&["HOME"])
        };
        assert!(say().log(&log).run().unwrap().out.is_empty());
        say().log(&log).run().unwrap();
        assert_eq!(std::fs::read_to_string(log).unwrap(), "\na\n\na\n");
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = Program::new("aio-no-such-program").run().unwrap_err();
        assert_eq!(missing.to_string(), "aio-no-such-program is not installed");
        let folder = Program::new("/bin/sh").within(Path::new("/no/such/folder")).run().unwrap_err();
        assert!(matches!(folder, Unrun::Io(..)));
    }
}
