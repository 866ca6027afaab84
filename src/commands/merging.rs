//! What the commands that compare and merge jobs have in common: finding them, and saying what stood against it.

mod readiness;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::jobs::entries;
use super::projects::home_of;
use crate::app::{App, unspell};
use crate::error::{Exit, Failure, project_is_gone};
use crate::fleet::files::JobFiles;
use crate::fleet::merge::{Trouble, current_branch};
use crate::fleet::program::Unrun;
use crate::fleet::rescue::listing;
use crate::protocol::evidence::Evidence;
use crate::protocol::fleet::{Job, Standing, find_job, standing};
pub(super) use readiness::{must_be_home, must_be_published, must_have_tip};

/// A job as far as its branch is concerned.
pub(super) struct Worker {
    pub(super) id: String,
    pub(super) title: String,
    /// The main worktree of its repository.
    pub(super) project: PathBuf,
    pub(super) branch: String,
    pub(super) worktree: PathBuf,
    /// As it was asked for; empty for what the project has checked out.
    pub(super) target: String,
    /// Empty where it is not known.
    pub(super) base: String,
    pub(super) stage: String,
    pub(super) standing: Standing,
    pub(super) said: String,
    /// What its agent asks for in the middle of a turn, or why what it is to be told was not handed over.
    pub(super) question: String,
    pub(super) since: String,
    /// When it was last started.
    pub(super) started: String,
    pub(super) instance: String,
    pub(super) is_merged: bool,
    /// Its agent has ended, and its record does not say so yet.
    pub(super) is_unwritten: bool,
    /// The ref that keeps what was not merged when it was removed.
    pub(super) rescue: String,
}

impl Worker {
    fn of(job: &Job<'_>, evidence: &Evidence, dir: &Path) -> Worker {
        Worker {
            id: job.id.to_string(),
            title: job.title.to_string(),
            project: home_of(job),
            branch: job.branch.to_string(),
            worktree: unspell(&job.worktree),
            target: job.target.to_string(),
            base: job.base.to_string(),
            stage: job.stage.to_string(),
            standing: standing(job, false, evidence),
            said: job.said.to_string(),
            question: job.question.to_string(),
            since: job.queued_at.to_string(),
            started: job.started_at.to_string(),
            instance: job.instance.to_string(),
            is_merged: !job.merged.is_empty(),
            is_unwritten: job.stage == *"running" && JobFiles::of(dir, &job.id).kept_end(job.attempt).is_some(),
            rescue: job.rescue.to_string(),
        }
    }

    /// Whether it has a branch that changes, or may be merged.
    pub(super) fn is_live(&self) -> bool {
        matches!(&*self.stage, "running" | "ended")
    }

    /// Whether its folder is there, and git cannot tell what it is.
    pub(super) fn has_lost_git(&self) -> bool {
        self.is_live() && self.worktree.is_dir() && !is_there(&self.worktree)
    }

    /// The branch its work is to come home to.
    ///
    /// # Errors
    /// When it was not said, and the project has none checked out.
    pub(super) fn home(&self) -> Result<String, Failure> {
        if !self.target.is_empty() {
            return Ok(self.target.clone());
        }
        current_branch(&self.project).map_err(failure)?.ok_or_else(|| {
            let message = format!("{} is for no branch, and {} is on none", self.id, self.project.display());
            Failure::new(Exit::Refused, "not-ready", message).hint(format!("aio merge {} --into BRANCH", self.id))
        })
    }

    /// Refuses where there is no project any more.
    pub(super) fn must_have_project(&self) -> Result<(), Failure> {
        match self.project.is_dir() {
            true => Ok(()),
            false => Err(project_is_gone(&self.id, &self.project)),
        }
    }

    /// Refuses what has no branch: it has not begun, or was removed.
    pub(super) fn must_have_branch(&self) -> Result<(), Failure> {
        let refuse = |message, hint| Err(Failure::new(Exit::Refused, "not-ready", message).hint(hint));
        match &*self.stage {
            "queued" => refuse(format!("{} has not begun", self.id), "aio jobs".to_owned()),
            "removed" if self.rescue.is_empty() => {
                refuse(format!("{} was removed, and nothing of it was kept", self.id), "aio jobs --all".to_owned())
            }
            "removed" => {
                let message = format!("{} was removed; its work was kept as {}", self.id, self.rescue);
                refuse(message, listing(&self.project, &self.id))
            }
            _ => Ok(()),
        }
    }
}

/// The job of an id or a beginning of one.
///
/// # Errors
/// When there is none, or more than one.
pub(super) fn find(app: &App, word: &str) -> Result<Worker, Failure> {
    app.with_state(|state| {
        let jobs = entries(state)?;
        Ok(Worker::of(find_job(&jobs, word)?, &app.evidence_of_jobs(state), app.store.dir()))
    })
}

/// Every job.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn all(app: &App) -> Result<Vec<Worker>, Failure> {
    app.with_state(|state| {
        let evidence = app.evidence_of_jobs(state);
        Ok(entries(state)?.iter().map(|job| Worker::of(job, &evidence, app.store.dir())).collect())
    })
}

/// How a trouble ends a command.
pub(super) fn failure(trouble: Trouble) -> Failure {
    failure_of(trouble, "try again")
}

/// How a trouble ends that command, which may be tried again.
pub(super) fn failure_of(trouble: Trouble, command: &str) -> Failure {
    let (message, next) = (trouble.to_string(), trouble.next(command));
    let mut failure = match &trouble {
        Trouble::Conflict { files, .. } => {
            let mut failure = Failure::new(Exit::Refused, "conflicts", message);
            failure.data = json!({ "files": files });
            failure
        }
        Trouble::Busy | Trouble::StillMerging { .. } => Failure::new(Exit::Busy, "busy", message),
        trouble if trouble.is_refusal() => Failure::new(Exit::Refused, "not-merged", message),
        Trouble::NoBranch { .. } => Failure::new(Exit::Refused, "not-ready", message),
        _ => Failure::environment(message),
    };
    failure.retryable = matches!(
        trouble,
        Trouble::Busy
            | Trouble::StillMerging { .. }
            | Trouble::Moved { .. }
            | Trouble::Switched { .. }
            | Trouble::Unrun(Unrun::TimedOut(..))
    );
    failure.hint(next)
}

/// Where worktrees that vanish again may be made.
pub(super) fn scratch(app: &App) -> PathBuf {
    app.store.dir().join("cache")
}

/// Whether a folder is one of a job's that is there.
pub(super) fn is_there(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && folder.join(".git").exists()
}
