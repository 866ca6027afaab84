//! Issues of beads, kept in step with claims on tasks, by `bd` or `br`, where the repository uses it.
//!
//! Guarantees: it runs after the commit and without a lock, never through a shell, for at most five seconds in all; and
//! whatever comes of it is a note and changes nothing of ours. Does not: know beads' files, or say which issue is whose.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::app::{App, unspell};
use crate::host::repository::worktree_of;
use crate::protocol::op::Grant;
use crate::protocol::place::Kind;

/// How long issues may take: somebody waits for the claim.
const PATIENCE: Duration = Duration::from_secs(5);

/// What happened to a task.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// Somebody works on it now.
    Begun,
    /// Nobody does any more, and it is not done.
    PutBack,
    /// It is done.
    Done,
}

/// Tells beads what happened to those of these claims that are on tasks. Gives what is to be noted.
pub(super) fn follow(app: &App, claims: &[Grant], step: Step) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let tasks = claims.iter().filter(|claim| Kind::parse(&claim.kind) == Some(Kind::Task));
    let told = tasks.filter_map(|claim| {
        let folder = folder(&unspell(&claim.project))?;
        let issue = unspell(&claim.target).to_string_lossy().into_owned();
        let tracker = Tracker { programs: app.issue_trackers(), folder, deadline };
        let failed = |reason| format!("the issue {issue} was not {} in beads: {reason}", step.in_words());
        tracker.take(step, &issue).err().map(failed)
    });
    told.collect()
}

impl Step {
    fn in_words(self) -> &'static str {
        match self {
            Step::Begun => "marked as in progress",
            Step::PutBack => "put back",
            Step::Done => "closed",
        }
    }
}

/// Where the repository's issues are: beside the main worktree's files, else beside this one's, as beads looks for them.
fn folder(project: &Path) -> Option<PathBuf> {
    let worktree = worktree_of(project)?;
    let main = worktree.common_dir.parent().filter(|_| worktree.common_dir.ends_with(".git"));
    let folders = main.into_iter().chain([&*worktree.root]);
    folders.map(Path::to_owned).find(|folder| folder.join(".beads").is_dir())
}

struct Tracker {
    /// The first that is installed is asked.
    programs: &'static [&'static str],
    folder: PathBuf,
    deadline: Instant,
}

impl Tracker {
    fn take(&self, step: Step, issue: &str) -> Result<(), String> {
        if self.programs.is_empty() {
            return Ok(());
        }
        match step {
            Step::Begun => self.ask(&["update", "--status", "in_progress", "--", issue]).map(drop),
            Step::Done => self.ask(&["close", "--", issue]).map(drop),
            // What was closed, blocked or deferred meanwhile is not opened by letting go of it.
            Step::PutBack if self.status(issue)? == "in_progress" => {
                self.ask(&["update", "--status", "open", "--", issue]).map(drop)
            }
            Step::PutBack => Ok(()),
        }
    }

    fn status(&self, issue: &str) -> Result<String, String> {
        let shown = self.ask(&["show", "--json", "--", issue])?;
        let shown: Value = serde_json::from_str(&shown).map_err(|error| format!("its answer is no JSON: {error}"))?;
        let issue = shown.get(0).unwrap_or(&shown);
        issue["status"].as_str().map(str::to_owned).ok_or_else(|| "its answer has no status".to_owned())
    }

    /// Runs the first program that is there, and gives what it printed.
    fn ask(&self, args: &[&str]) -> Result<String, String> {
        for program in self.programs {
            match self.run(program, args) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                answer => return answer.map_err(|error| format!("{program}: {error}")),
            }
        }
        Err(format!("{} is not installed", self.programs.join(" or ")))
    }

    /// Its output goes to files: a server that it may leave behind would keep a pipe open.
    fn run(&self, program: &str, args: &[&str]) -> std::io::Result<String> {
        let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.folder).process_group(0);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(err.try_clone()?);
        let status = self.wait(command.spawn()?)?;
        if status.success() {
            return text(&mut out);
        }
        let said = text(&mut err)?;
        let said = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        Err(std::io::Error::other(format!("{}, {status}", said.trim())))
    }

    /// Its end, or that of its time, and then of everything it started.
    fn wait(&self, mut child: Child) -> std::io::Result<ExitStatus> {
        let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait()));
        let left = self.deadline.saturating_duration_since(Instant::now());
        receiver.recv_timeout(left).unwrap_or_else(|_| {
            if let Some(group) = group {
                // It may have ended just now; then there is nobody to stop.
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap_or_default();
            }
            Err(std::io::Error::other(format!("no answer in {} seconds", PATIENCE.as_secs())))
        })
    }
}

fn text(file: &mut File) -> std::io::Result<String> {
    file.rewind()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}
