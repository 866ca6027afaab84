//! What is seen of panes: which there are, whether they ended, and what stands on their screens.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Tmux, TmuxError, job_of};

/// Fields of a pane, the name last because it may be anything.
const FIELDS: &str = "#{pane_id}\t#{pane_pid}\t#{pane_dead}\t#{pane_in_mode}\t#{session_attached}\t#{pane_tty}\t\
                      #{session_name}";

/// A job's pane. Its id alone would not do: a new server gives the same ones again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pane {
    /// The job it is for.
    pub job: String,
    /// tmux's id of it, as `%3`.
    pub id: String,
}

/// How a pane is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub pane: Pane,
    /// The process that was started in it.
    pub pid: u32,
    /// Its program has ended. How, tmux knows too, but not always: one that hears nothing of the end of a child (seen with
    /// 3.3a) has neither code nor signal, and calls the pane dead all the same.
    pub has_ended: bool,
    /// Somebody scrolls in it or selects text, so that keys are not the program's.
    pub is_in_mode: bool,
    /// A person looks at it just now, and may type.
    pub is_attached: bool,
    /// Its terminal's device.
    pub terminal: PathBuf,
}

impl Tmux {
    /// Every job's panes, those that a person opened beside it included.
    ///
    /// # Errors
    /// When tmux cannot be asked. That no server runs is no error: then there are none.
    pub fn panes(&self) -> Result<Vec<Seen>, TmuxError> {
        match self.call(["list-panes", "-a", "-F", FIELDS]) {
            Err(TmuxError::NoServer) => Ok(Vec::new()),
            ran => Ok(ran?.text().lines().filter_map(parse).collect()),
        }
    }

    /// One pane; `None` when it is no more.
    ///
    /// # Errors
    /// When tmux cannot be asked.
    pub fn look(&self, pane: &Pane) -> Result<Option<Seen>, TmuxError> {
        Ok(self.panes()?.into_iter().find(|seen| seen.pane == *pane))
    }

    /// What stands on its screen, line by line, without colours.
    ///
    /// # Errors
    /// When it is no more, or tmux cannot be asked.
    pub fn screen(&self, pane: &Pane) -> Result<String, TmuxError> {
        self.capture(pane, &[])
    }

    /// The same, with the colours and other attributes as escape sequences.
    ///
    /// # Errors
    /// When it is no more, or tmux cannot be asked.
    pub fn styled(&self, pane: &Pane) -> Result<String, TmuxError> {
        self.capture(pane, &["-e"])
    }

    /// The last so many lines, of its screen and of what rolled off it. Empty ones below the last are not counted.
    ///
    /// # Errors
    /// When it is no more, or tmux cannot be asked.
    pub fn tail(&self, pane: &Pane, lines: usize) -> Result<String, TmuxError> {
        let text = self.capture(pane, &["-S", &format!("-{lines}")])?;
        let all: Vec<&str> = without_epitaph(&text).lines().skip_while(|line| line.trim().is_empty()).collect();
        Ok(all[all.len().saturating_sub(lines)..].join("\n"))
    }

    /// In one call, because this is what is asked most often.
    fn capture(&self, pane: &Pane, range: &[&str]) -> Result<String, TmuxError> {
        let whose = ["display-message", "-p", "-t", &pane.id, "#{session_name}", ";"];
        let what = ["capture-pane", "-p", "-t", &pane.id];
        let text = match self.call(whose.iter().chain(&what).chain(range)) {
            Err(TmuxError::NoServer | TmuxError::Gone(_)) => return Err(gone(pane)),
            ran => ran?.text(),
        };
        let (name, screen) = text.split_once('\n').unwrap_or((&text, ""));
        if job_of(name) == Some(&pane.job) { Ok(screen.to_owned()) } else { Err(gone(pane)) }
    }

    /// Appends whatever its program draws from now on to a file, which has to be there. What does it ends with the pane.
    ///
    /// # Errors
    /// When it is no more, or tmux cannot be asked.
    pub fn record(&self, pane: &Pane, file: &Path) -> Result<(), TmuxError> {
        self.must_be_there(pane)?;
        // tmux expands formats in it, and gives it to a shell: so no letter of the path stands in it.
        let path: String = file.as_os_str().as_bytes().iter().map(|byte| format!("\\{byte:03o}")).collect();
        self.call(["pipe-pane", "-t", &pane.id, &format!("exec cat >>\"$(printf '{path}')\"")]).map(drop)
    }

    /// Empties its screen, and takes back the modes that a program which was killed left set.
    ///
    /// # Errors
    /// When it is no more, or tmux cannot be asked.
    pub fn reset(&self, pane: &Pane) -> Result<(), TmuxError> {
        self.must_be_there(pane)?;
        self.call(["send-keys", "-R", "-t", &pane.id]).map(drop)
    }

    /// Ends what [`Tmux::record`] began.
    ///
    /// # Errors
    /// When the pane is no more, or tmux cannot be asked.
    pub fn stop_recording(&self, pane: &Pane) -> Result<(), TmuxError> {
        self.must_be_there(pane)?;
        self.call(["pipe-pane", "-t", &pane.id]).map(drop)
    }

    /// The pane as it is now.
    pub(in crate::fleet) fn must_be_there(&self, pane: &Pane) -> Result<Seen, TmuxError> {
        self.look(pane)?.ok_or_else(|| gone(pane))
    }
}

fn gone(pane: &Pane) -> TmuxError {
    TmuxError::Gone(format!("pane {} of {}", pane.id, pane.job))
}

/// From a line of [`FIELDS`]; `None` for a session that is no job's.
fn parse(line: &str) -> Option<Seen> {
    let mut fields = line.splitn(7, '\t');
    let mut next = || fields.next();
    let (id, pid, has_ended) = (next()?, next()?, next()? == "1");
    let (is_in_mode, is_attached) = (next()? != "0", next()? != "0");
    let (terminal, job) = (next()?.into(), job_of(next()?)?);
    let pane = Pane { job: job.to_owned(), id: id.to_owned() };
    Some(Seen { pane, pid: pid.parse().ok()?, has_ended, is_in_mode, is_attached, terminal })
}

/// A screen without the line that tmux writes below what a program left when it ended.
fn without_epitaph(screen: &str) -> &str {
    let screen = screen.trim_end();
    let (above, last) = screen.rsplit_once('\n').unwrap_or(("", screen));
    if last.starts_with("Pane is dead (") { above.trim_end() } else { screen }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_pane() {
        let seen = parse("%3\t42\t0\t1\t2\t/dev/pts/7\taio-claude-a").unwrap();
        assert_eq!((&seen.pane, seen.pid), (&Pane { job: "claude-a".to_owned(), id: "%3".to_owned() }, 42));
        assert_eq!((seen.has_ended, seen.is_in_mode, seen.is_attached), (false, true, true));
        assert_eq!(seen.terminal, PathBuf::from("/dev/pts/7"));
        assert!(parse("%3\t42\t1\t1\t2\t/dev/pts/7\taio-claude-a").unwrap().has_ended);
        assert_eq!(parse("%3\t42\t0\t0\t0\t/dev/pts/7\tmine"), None);
    }

    #[test]
    fn what_tmux_writes_of_an_end_is_not_the_programs() {
        let dead = "Pane is dead (status 0, Sun Nov 22 17:28:26 2026)\n";
        assert_eq!(without_epitaph(&format!("a\n\nb\n\n\n{dead}")), "a\n\nb");
        assert_eq!(without_epitaph(dead), "");
        assert_eq!(without_epitaph("a\nPane is here\n\n"), "a\nPane is here");
    }
}
