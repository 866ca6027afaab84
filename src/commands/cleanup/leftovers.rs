//! What jobs may have left behind where nobody was there to see to it: processes, terminals, folders.
//!
//! Ends and removes what belongs to a job that has ended, or to no job and holds nothing. What belongs to nobody and may hold
//! something is named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::{App, unspell};
use crate::commands::jobs::ending::Ending;
use crate::commands::jobs::entries;
use crate::commands::merging;
use crate::error::Failure;
use crate::fleet::files::{self, JobFiles};
use crate::fleet::remains::Running;
use crate::fleet::tmux::{Tmux, TmuxError};
use crate::fleet::{merge, worktree};
use crate::protocol::spelling::shell_word;
use crate::protocol::state::State;

/// How long a launch may take at most until it has written down what it launches.
const LAUNCHING: Duration = Duration::from_secs(60);

/// What came of ending what runs.
#[derive(Default)]
pub(super) struct Ended {
    /// What is to be said of the rest.
    pub(super) notes: Vec<String>,
    /// The jobs of which something ran.
    pub(super) ended: Vec<String>,
    /// The jobs whose parents kept how they ended and could not write it down.
    pub(super) kept: Vec<Ending>,
}

/// Ends what runs of jobs that have ended, or whose parents are gone. Where the jobs cannot be read nothing is known of any, and
/// nothing ended.
pub(super) fn end_processes(app: &App) -> Result<Ended, Failure> {
    if !app.store.dir().join(files::FOLDER).exists() {
        // There never was a job.
        return Ok(Ended::default());
    }
    let running = Running::now(app.store.dir());
    app.with_state(|state| {
        let evidence = app.evidence_of_jobs(state);
        let Ok(jobs) = entries(state) else { return Ok(Ended::default()) };
        let is_over = |job: &&_| -> bool {
            let job: &crate::protocol::fleet::Job<'_> = job;
            job.is_orphaned(&evidence) || matches!(&*job.stage, "ended" | "removed")
        };
        let has_rest = |id: &str| running.jobs().contains(&id);
        let over = jobs.iter().filter(is_over).filter(|job| job.stage == *"running" || has_rest(&job.id));
        let endings: Vec<Ending> = over.map(|job| Ending::of(job, &evidence)).collect();
        let unknown = running.jobs().into_iter().filter(|id| !jobs.iter().any(|job| job.id == **id));
        let mut notes: Vec<String> = unknown.map(|id| stranger(&running, id)).collect();
        notes.extend(end_all(app, &endings));
        let ended = endings.iter().map(|ending| ending.id.clone()).filter(|id| has_rest(id)).collect();
        let kept = endings.into_iter().filter(|ending| ending.kept(app).is_some()).collect();
        Ok(Ended { notes, ended, kept })
    })
}

/// All at once: each may take some seconds.
fn end_all(app: &App, endings: &[Ending]) -> Vec<String> {
    let dir = app.store.dir();
    std::thread::scope(|scope| {
        let threads: Vec<_> = endings.iter().map(|ending| scope.spawn(move || ending.end_rest(dir))).collect();
        let ended = threads.into_iter().map(|thread| thread.join().expect("ending does not panic"));
        ended.filter_map(Result::err).map(|failure| failure.message).collect()
    })
}

fn stranger(running: &Running, id: &str) -> String {
    let pids: Vec<String> = running.of(id, None).iter().map(|key| key.pid.to_string()).collect();
    format!("processes {} are of {id}, of which nothing is known; next: ps -fp {}", pids.join(" "), pids.join(","))
}

/// Takes away what is of no use to anybody. Gives what is to be said of what stays.
pub(super) fn sweep(app: &App) -> Result<Vec<String>, Failure> {
    let standings = app.with_state(standings)?;
    let mut notes = close_terminals(app, &standings);
    forget_environments(app, &standings);
    notes.extend(merge::sweep_rooms(&merging::scratch(app)));
    notes.extend(
        unowned(app)?
            .iter()
            .map(|path| format!("no job has {}; next: git -C {} status", path.display(), shell_word(path))),
    );
    Ok(notes)
}

/// Drops the environments of jobs that were never launched, as when a launch is killed: nobody begins those, and there are
/// secrets in them.
fn forget_environments(app: &App, standings: &BTreeMap<String, String>) {
    let dir = app.store.dir();
    let folders = std::fs::read_dir(dir.join(files::FOLDER)).into_iter().flatten().flatten();
    // A launch that is under way writes them down first.
    let is_old = |folder: &std::fs::DirEntry| {
        let changed = folder.metadata().and_then(|metadata| metadata.modified());
        changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age >= LAUNCHING))
    };
    for folder in folders.filter(is_old) {
        let name = folder.file_name().to_string_lossy().into_owned();
        if !standings.contains_key(&name) {
            JobFiles::of(dir, &name).forget_environment();
        }
    }
}

/// How far each job is.
fn standings(state: &State<'_>) -> Result<BTreeMap<String, String>, Failure> {
    Ok(entries(state)?.iter().map(|job| (job.id.to_string(), job.stage.to_string())).collect())
}

/// Closes terminals of jobs that were removed, and dead ones that are of no job.
fn close_terminals(app: &App, standings: &BTreeMap<String, String>) -> Vec<String> {
    let tmux = Tmux::new(app.store.dir());
    if !tmux.was_used() {
        return Vec::new();
    }
    let close = || -> Result<(), TmuxError> {
        for id in tmux.jobs()? {
            let is_dead = || Ok::<_, TmuxError>(tmux.panes()?.iter().all(|seen| seen.pane.job != id || seen.has_ended));
            let goes = match standings.get(&id).map(String::as_str) {
                Some(stage) => stage == "removed",
                None => is_dead()?,
            };
            if goes {
                tmux.kill(&id)?;
            }
        }
        Ok(())
    };
    let trouble = |error: TmuxError| format!("terminals were not looked at: {error}; next: {}", error.hint());
    close().err().map(trouble).into_iter().collect()
}

/// Folders where worktrees are made that no job knows. They may hold work.
///
/// # Errors
/// When the state cannot be read.
pub(in crate::commands) fn unowned(app: &App) -> Result<Vec<PathBuf>, Failure> {
    let known: Vec<PathBuf> = app.with_state(|state| {
        let jobs = entries(state)?;
        Ok(jobs.iter().filter(|job| job.stage != *"removed").map(|job| unspell(&job.worktree)).collect())
    })?;
    let is_known = |folder: &Path| {
        let aside = worktree::is_left_aside(folder);
        known.iter().any(|worktree| worktree == folder || aside.as_ref() == Some(worktree))
    };
    let folders = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir())
    };
    let all = folders(app.store.dir().join("worktrees")).flat_map(folders);
    Ok(all.filter(|folder| !is_known(folder)).collect())
}
