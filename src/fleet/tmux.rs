//! Terminals that agents run in and people look into: tmux, with a server of our own for each state directory.
//!
//! Owns: that server, and in it one session with one pane for each job. Guarantees: every call ends within its limit;
//! nothing is matched by a beginning of its name; no word of a caller's is read as a command, a format or a line of shell;
//! nothing of the person's own tmux, its configuration or its server, is read or touched. A server that runs nothing is no
//! more: the last session's end is its own. Does not: paste (see [`crate::fleet::paste`]), nor say what a screen means.

mod error;
mod look;
mod start;
mod version;

pub use error::TmuxError;
pub use look::{Pane, Seen};
pub use start::Start;
pub use version::{Version, version};

use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::program::{Program, Ran};
use super::remains::JOB;
use crate::protocol::spelling::shell_word;

/// What a call may take. A healthy server answers within milliseconds.
const LIMIT: Duration = Duration::from_secs(5);
/// Longer paths are no names of sockets on some system: 104 bytes on macOS, the last one a zero.
const LONGEST_SOCKET: usize = 100;

/// The tmux server of a state directory. It need not run.
#[derive(Clone, Debug)]
pub struct Tmux {
    socket: Socket,
    limit: Duration,
}

#[derive(Clone, Debug)]
enum Socket {
    /// In the state directory: whoever knows the one finds the other, whatever the environment says.
    Path(PathBuf),
    /// Where tmux puts its sockets, because the directory's path is too long.
    Name(String),
}

impl Tmux {
    /// That of this state directory; its path must be the same each time.
    pub fn new(directory: &Path) -> Tmux {
        let path = directory.join("tmux.sock");
        let socket = match path.as_os_str().len() <= LONGEST_SOCKET {
            true => Socket::Path(path),
            false => Socket::Name(format!("aio-{}", digest(directory))),
        };
        Tmux { socket, limit: LIMIT }
    }

    /// Gives each call so long instead of five seconds.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Tmux {
        self.limit = limit;
        self
    }

    /// Whether there is anything of a server. One that is named, since the path is too long, is always asked.
    pub fn was_used(&self) -> bool {
        match &self.socket {
            Socket::Path(path) => path.exists(),
            Socket::Name(_) => version().is_ok(),
        }
    }

    /// The jobs that have a session.
    ///
    /// # Errors
    /// When tmux cannot be asked. That no server runs is no error: then there are none.
    pub fn jobs(&self) -> Result<Vec<String>, TmuxError> {
        let ran = match self.call(["list-sessions", "-F", "#{session_name}"]) {
            Err(TmuxError::NoServer) => return Ok(Vec::new()),
            other => other?,
        };
        Ok(ran.text().lines().filter_map(job_of).map(str::to_owned).collect())
    }

    /// Ends a job's session and all that runs in its terminal. Whether there was one.
    ///
    /// # Errors
    /// When tmux cannot be asked.
    pub fn kill(&self, job: &str) -> Result<bool, TmuxError> {
        match self.call(["kill-session", "-t", &target(job)]) {
            Ok(_) => Ok(true),
            Err(TmuxError::NoServer | TmuxError::Gone(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends the session of a pane whose program has ended. One that runs goes on: tmux looks and ends in one step.
    ///
    /// # Errors
    /// When tmux cannot be asked.
    pub fn kill_ended(&self, pane: &Pane) -> Result<(), TmuxError> {
        let has_ended = format!("#{{&&:#{{pane_dead}},#{{==:#{{session_name}},{}}}}}", session(&pane.job));
        let kill = format!("kill-session -t '{}'", target(&pane.job));
        match self.call(["if-shell", "-F", "-t", &pane.id, &has_ended, &kill]) {
            Err(TmuxError::NoServer | TmuxError::Gone(_)) => Ok(()),
            ran => ran.map(drop),
        }
    }

    /// What a person types to see a job at work, for any shell. zsh would look for a command behind a bare `=`.
    pub fn attach_command(&self, job: &str) -> String {
        let [flag, socket] = self.server().map(shell_word);
        format!("tmux {flag} {socket} attach -t {}", shell_word(target(job)))
    }

    /// Becomes a tmux that shows the job. Comes back only when it cannot.
    pub fn attach(&self, job: &str) -> TmuxError {
        let mut command = Command::new("tmux");
        // Within another tmux it would refuse, and say that this variable is to be unset.
        command.args(self.server()).args(["attach-session", "-t", &target(job)]).env_remove("TMUX");
        let error = command.exec();
        match error.kind() {
            std::io::ErrorKind::NotFound => TmuxError::Missing,
            _ => TmuxError::Failed(error.to_string()),
        }
    }

    /// Runs one list of tmux's commands. Words that a caller brings have been through [`word`].
    pub(super) fn call<W: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Result<Ran, TmuxError> {
        self.ask(self.program().args(words))
    }

    /// tmux with this server, and none of anybody's configuration. `-u`: what it prints is UTF-8 wherever it runs.
    pub(super) fn program(&self) -> Program {
        // A server that an agent's call starts is none of that agent's processes.
        let program = Program::new("tmux").without(&[JOB]).args(["-u", "-f", "/dev/null"]);
        program.args(self.server()).limit(self.limit)
    }

    pub(super) fn ask(&self, program: Program) -> Result<Ran, TmuxError> {
        let ran = program.patiently(Ran::was_cut_off)?;
        if ran.is_good() { Ok(ran) } else { Err(TmuxError::said(&ran)) }
    }

    fn server(&self) -> [std::ffi::OsString; 2] {
        match &self.socket {
            Socket::Path(path) => ["-S".into(), path.into()],
            Socket::Name(name) => ["-L".into(), name.into()],
        }
    }
}

/// The session of a job.
fn session(job: &str) -> String {
    format!("aio-{job}")
}

fn job_of(session: &str) -> Option<&str> {
    session.strip_prefix("aio-")
}

/// A session by its whole name: without the sign, a beginning would do.
fn target(job: &str) -> String {
    format!("={}", session(job))
}

/// A word as tmux must get it to see the same: a semicolon at its end would end the command.
fn word(word: &std::ffi::OsStr) -> std::ffi::OsString {
    let Some(start) = word.as_bytes().strip_suffix(b";") else { return word.to_owned() };
    std::ffi::OsStr::from_bytes(&[start, b"\\;"].concat()).to_owned()
}

fn digest(directory: &Path) -> String {
    let digest = Sha256::digest(directory.as_os_str().as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_lies_in_the_directory_or_is_named_after_it() {
        let short = Tmux::new(Path::new("/home/me/.ai-orchestrator"));
        let command = "tmux -S /home/me/.ai-orchestrator/tmux.sock attach -t '=aio-claude-a1b2c3'";
        assert_eq!(short.attach_command("claude-a1b2c3"), command);
        let [long, other] =
            ["a", "b"].map(|end| Tmux::new(&Path::new(&"/deep".repeat(30)).join(end)).attach_command("x"));
        assert!(long.starts_with("tmux -L aio-") && long != other, "{long}");
    }

    #[test]
    fn a_path_is_quoted_for_the_shell() {
        let tmux = Tmux::new(Path::new("/home/o'neil/my state"));
        assert_eq!(tmux.attach_command("x"), r"tmux -S '/home/o'\''neil/my state/tmux.sock' attach -t '=aio-x'");
    }

    #[test]
    fn a_semicolon_at_the_end_is_no_command_s() {
        for (given, passed) in [("a;", r"a\;"), (";", r"\;"), (r"a\;", r"a\\;"), ("a;b", "a;b"), ("", "")] {
            assert_eq!(word(given.as_ref()), passed);
        }
    }
}
