//! An agent as a child of this process: started, listened to, and ended with all that it started.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::git::REDIRECTING;
use super::profile::Launch;
use super::relay::Relay;

/// Between asking an agent to end and ending it.
const GRACE: Duration = Duration::from_secs(5);
/// Until what an agent started follows it.
const TO_FOLLOW: Duration = Duration::from_secs(2);

/// A running agent.
#[derive(Debug)]
pub struct AgentProcess {
    child: Child,
    is_apart: bool,
}

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

/// Where its input and output go.
#[derive(Debug)]
pub enum Streams<'s> {
    /// To and from the terminal this process has.
    Terminal,
    /// To and from this terminal.
    Relayed(&'s Relay),
    /// It reads this file, and what it writes is for this process to read; complaints go to a file.
    Piped {
        /// What it reads.
        input: File,
        /// Where its complaints go.
        errors: &'s Path,
    },
}

impl AgentProcess {
    /// Starts an agent in a folder, with these variables besides those that its launch has, and without those that would lead
    /// its git elsewhere: a hook's or an alias's `GIT_DIR` is for where that runs.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        launch: &Launch,
        folder: &Path,
        variables: &[(&str, OsString)],
        streams: Streams<'_>,
    ) -> io::Result<AgentProcess> {
        let mut command = Command::new(OsStr::new(&launch.program));
        command.args(&launch.args).current_dir(folder);
        for name in launch.without.iter().chain(&REDIRECTING) {
            command.env_remove(name);
        }
        command.envs(launch.variables.iter().map(|(name, value)| (name, value)));
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let is_apart = !matches!(streams, Streams::Terminal);
        match streams {
            // Keys are for the agent and this process alike.
            Streams::Terminal => {}
            Streams::Relayed(relay) => relay.attach(&mut command)?,
            Streams::Piped { input, errors } => {
                let errors = OpenOptions::new().create(true).append(true).open(errors)?;
                // A group of its own, so that all of it can be ended.
                command.stdin(input).stdout(Stdio::piped()).stderr(errors).process_group(0);
            }
        }
        Ok(AgentProcess { child: command.spawn()?, is_apart })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it writes, once.
    pub fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// How it ended, if it did; what it started and left is asked to end then, too.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> io::Result<Option<Ended>> {
        let Some(status) = self.child.try_wait()? else { return Ok(None) };
        if self.is_apart {
            // What it left running would keep ports and files.
            self.signal(Signal::TERM);
        }
        Ok(Some(match status.signal() {
            Some(signal) => Ended::Killed(signal),
            None => Ended::Exited(status.code().unwrap_or_default()),
        }))
    }

    /// Ends it: asks first, and waits five seconds.
    ///
    /// # Errors
    /// When the system does not say how it ended.
    pub fn end(&mut self) -> io::Result<Ended> {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + GRACE;
        loop {
            if let Some(ended) = self.ended()? {
                // What it started may not listen; but a git that is ended while it puts its locks away leaves them.
                let soon = Instant::now() + TO_FOLLOW;
                while self.has_group() && Instant::now() < soon {
                    std::thread::sleep(Duration::from_millis(20));
                }
                self.signal(Signal::KILL);
                return Ok(ended);
            }
            if Instant::now() >= deadline {
                self.signal(Signal::KILL);
                self.child.wait()?;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether anything is left of those it started, where they can be told from others.
    fn has_group(&self) -> bool {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        self.is_apart && group.is_some_and(|group| test_kill_process_group(group).is_ok())
    }

    /// It may have ended just now; then there is nobody to tell.
    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        if self.is_apart {
            kill_process_group(pid, signal).unwrap_or_default();
        } else {
            rustix::process::kill_process(pid, signal).unwrap_or_default();
        }
    }
}

/// A file that gives these words to whoever reads it, and belongs to nobody else.
///
/// # Errors
/// When it cannot be written.
pub fn input(words: &str) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(words.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Copies what an agent writes to a file, and gives each piece. Ends when nobody can write any more.
///
/// # Errors
/// When it cannot be read; a file that cannot be written is said once, to `each` nothing is lost.
pub fn listen(mut output: ChildStdout, log: &Path, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut log = OpenOptions::new().create(true).append(true).open(log).ok();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = match output.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // A full disk must not end the agent.
        log = log.and_then(|mut file| file.write_all(&buffer[..length]).ok().map(|()| file));
        each(&buffer[..length]);
    }
}
