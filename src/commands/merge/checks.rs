//! What must be so before a job is merged.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::json;

use super::super::jobs::ending::TO_WRITE_DOWN;
use super::super::merging::{self, Worker};
use super::super::targets;
use crate::app::{App, spell};
use crate::error::{Exit, Failure};
use crate::fleet::merge::{self, Trouble, listed};
use crate::protocol::fleet::Standing;
use crate::protocol::op::Conflict;
use crate::protocol::place::Prepared;
use crate::protocol::query;
use crate::protocol::spelling::shell_word;
use crate::protocol::state::Wanted;

/// The one branch that all of them are for.
pub(super) fn target(workers: &[Worker], into: Option<&str>) -> Result<String, Failure> {
    let first = &workers[0];
    if let Some(stranger) = workers.iter().find(|worker| worker.project != first.project) {
        return Err(Failure::usage(format!("{} and {} are of different projects", first.id, stranger.id))
            .hint(format!("aio merge {}", first.id)));
    }
    let named = into.map_or_else(|| shared_home(workers), |into| Ok(into.to_owned()))?;
    let target = merge::without_alias(&first.project, &named).map_err(merging::failure)?;
    match workers.iter().find(|worker| worker.branch == target) {
        Some(worker) => {
            let message = format!("{target} is the branch of {} itself: nothing would come home", worker.id);
            Err(Failure::usage(message).hint("say where: --into BRANCH"))
        }
        None => Ok(target),
    }
}

fn shared_home(workers: &[Worker]) -> Result<String, Failure> {
    let first = &workers[0];
    let home = first.home()?;
    for worker in workers {
        let other = worker.home()?;
        if other != home {
            let message = format!("{} is for {home}, and {} for {other}", first.id, worker.id);
            return Err(Failure::usage(message).hint("say where: --into BRANCH"));
        }
    }
    Ok(home)
}

/// Refuses a job whose agent may still commit.
pub(super) fn must_rest(worker: &Worker) -> Result<(), Failure> {
    let is_between_turns = worker.standing == Standing::WaitingForYou && worker.question.is_empty();
    if worker.stage != "running" || is_between_turns {
        return Ok(());
    }
    if worker.is_unwritten {
        let message = format!("{} has ended, which could not be written down yet", worker.id);
        return Err(Failure::new(Exit::Refused, "not-ready", message).hint(TO_WRITE_DOWN));
    }
    if worker.standing == Standing::Crashed {
        // Its agent may have outlived its parent, or be started again.
        let message = format!("{} crashed, and may not be at its end", worker.id);
        return Err(Failure::new(Exit::Refused, "not-ready", message).hint("aio cleanup, then aio jobs"));
    }
    if worker.standing == Standing::WaitingForYou {
        let message = format!("{} is still waiting for you: {}", worker.id, worker.question);
        return Err(Failure::new(Exit::Refused, "not-ready", message)
            .hint(format!("answer it, as aio jobs says, or aio stop {}", worker.id)));
    }
    let message = format!("{} is still {}", worker.id, worker.standing.name());
    Err(Failure::new(Exit::Refused, "not-ready", message)
        .hint(format!("wait until it is done: aio jobs, or aio stop {}", worker.id)))
}

/// Refuses where a job's agent may still commit to a branch that is to be merged into: what it amends would undo the merge.
pub(super) fn must_rest_there(app: &App, site: &Path, target: &str) -> Result<(), Failure> {
    let there = |worker: &Worker| worker.worktree.canonicalize().is_ok_and(|folder| folder == site);
    for worker in merging::all(app)?.into_iter().filter(there) {
        must_rest(&worker).map_err(|mut failure| {
            let since = if worker.started.is_empty() { String::new() } else { format!(", since {}", worker.started) };
            failure.message = format!("{target} is checked out where {}{since}", failure.message);
            failure
        })?;
    }
    Ok(())
}

/// Refuses a job that holds what a merge would leave behind, or says so where that is meant.
pub(super) fn must_be_committed(worker: &Worker, goes_on: bool) -> Result<Option<String>, Failure> {
    // What is there cannot be looked at; `merging::must_be_home` says so.
    if !merging::is_there(&worker.worktree) {
        return Ok(None);
    }
    let files = merge::uncommitted(&worker.worktree, true).map_err(merging::failure)?;
    if files.is_empty() {
        return Ok(None);
    }
    let message = format!("{} has not committed {}", worker.id, listed(&files));
    if goes_on {
        return Ok(Some(message));
    }
    let message = format!("{message}, which --yes leaves behind");
    let mut failure = Failure::new(Exit::Refused, "not-ready", message);
    failure.data = json!({ "uncommitted": files });
    let nested = files.iter().map(|file| worker.worktree.join(file)).find(|path| has_changes(path));
    let folder = shell_word(nested.as_ref().unwrap_or(&worker.worktree));
    Err(failure.hint(format!("git -C {folder} add -A && git -C {folder} commit -m \"…\"")))
}

/// Whether it is a submodule in which something is not committed: that comes first.
fn has_changes(path: &Path) -> bool {
    path.join(".git").exists() && merge::uncommitted(path, true).is_ok_and(|files| !files.is_empty())
}

/// How many commits a job brings; 0 where all of them are there.
pub(super) fn commits_of(worker: &Worker, target: &str) -> Result<u64, Failure> {
    let project = &worker.project;
    let tip = merge::tip(project, &worker.branch).map_err(merging::failure)?;
    let home = merge::tip(project, target).map_err(merging::failure)?;
    if merge::common(project, &tip, &home).map_err(merging::failure)?.is_none() {
        let (branch, target) = (worker.branch.clone(), target.to_owned());
        let is_shallow = merge::is_shallow(project);
        return Err(merging::failure(Trouble::Unrelated { branch, target, is_shallow }));
    }
    let commits = merge::ahead(project, &tip, &home).map_err(merging::failure)?;
    if commits == 0 && (worker.base.is_empty() || worker.base == tip) {
        let message = format!("{} has no commits that {target} has not", worker.id);
        return Err(Failure::new(Exit::Refused, "not-ready", message).hint(format!("aio diff {}", worker.id)));
    }
    Ok(commits)
}

/// Who else holds any of these files in a worktree.
pub(super) fn holders(app: &App, site: &Path, files: &[Vec<u8>], own: &str) -> Result<Vec<Conflict>, Failure> {
    let place = |file: &Vec<u8>| targets::any_path(app, OsStr::from_bytes(file), site).ok();
    let wanted: Vec<Wanted<'_>> = files.iter().filter_map(place).collect();
    let site = spell(site);
    app.with_state(|state| {
        let evidence = app.evidence(state, &state.instances.iter().collect::<Vec<_>>());
        let caller = app.caller_if_any(state)?;
        let held = wanted
            .iter()
            .flat_map(|place| query::verdict(&Prepared::new(place), caller.as_deref(), state, &evidence).held);
        Ok(held.filter(|conflict| conflict.project == site && conflict.holder != own).collect())
    })
}
