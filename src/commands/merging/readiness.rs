//! What of a job's worktree its branch has not: said before the branch is merged or proposed.

use super::{Worker, failure, is_there};
use crate::error::{Exit, Failure};
use crate::fleet::merge::{self, Astray, Trouble, Unpublished, branch_ref, listed};
use crate::output::count;
use crate::protocol::spelling::shell_word;

/// Refuses a job whose branch is not there, and says what its worktree has instead.
pub(in crate::commands) fn must_have_tip(worker: &Worker) -> Result<(), Failure> {
    match merge::tip(&worker.project, &worker.branch) {
        Ok(_) => Ok(()),
        Err(trouble @ Trouble::NoBranch { .. }) if is_there(&worker.worktree) => {
            let Some(instead) = merge::checked_out_there(&worker.worktree).map_err(failure)? else {
                return Err(failure(trouble));
            };
            let message = format!("there is no branch {}; its worktree has {instead} checked out", worker.branch);
            let make = format!("git -C {} switch -c {}", shell_word(&worker.worktree), shell_word(&worker.branch));
            Err(not_ready(message, make))
        }
        Err(trouble) => Err(failure(trouble)),
    }
}

/// Refuses a job whose worktree has commits that its branch has not, or something in progress, or has lost its `.git`, so that
/// nobody knows; or says so where that is meant.
pub(in crate::commands) fn must_be_home(worker: &Worker, goes_on: bool) -> Result<Option<String>, Failure> {
    if worker.has_lost_git() {
        let message =
            format!("the worktree of {} has lost its .git, so what is not committed there is not known", worker.id);
        let repair = format!("git -C {} worktree repair", shell_word(&worker.project));
        return if goes_on { Ok(Some(message)) } else { Err(not_ready(message, repair)) };
    }
    if !is_there(&worker.worktree) {
        return must_be_in_its_place(worker, goes_on);
    }
    let Some(astray) = merge::astray(&worker.worktree, &worker.branch).map_err(failure)? else { return Ok(None) };
    let message = said_of(worker, &astray);
    if goes_on {
        return Ok(Some(message));
    }
    let (worktree, branch) = (shell_word(&worker.worktree), shell_word(&worker.branch));
    let is_at_rest = astray.under_way.is_none() && astray.unmerged.is_empty();
    let next = match is_at_rest {
        true => {
            let arriving = shell_word(&astray.checked_out);
            format!("git -C {worktree} switch {branch} && git -C {worktree} merge {arriving}")
        }
        false => format!("git -C {worktree} status"),
    };
    Err(not_ready(format!("{message}, which --yes leaves behind"), next))
}

/// The same of one that somebody moved: what is not committed there nobody would look for any more.
fn must_be_in_its_place(worker: &Worker, goes_on: bool) -> Result<Option<String>, Failure> {
    let elsewhere = merge::checked_out(&worker.project, &worker.branch).map_err(failure)?;
    let Some(elsewhere) = elsewhere.filter(|folder| is_there(folder) && *folder != worker.project) else {
        return Ok(Some(format!("the worktree of {} is not there; its branch is", worker.id)));
    };
    let message = format!("the worktree of {} was moved to {}", worker.id, elsewhere.display());
    if goes_on {
        return Ok(Some(message));
    }
    let (from, to) = (shell_word(elsewhere), shell_word(&worker.worktree));
    Err(not_ready(message, format!("git -C {} worktree move {from} {to}", shell_word(&worker.project))))
}

fn said_of(worker: &Worker, Astray { under_way, unmerged, checked_out, missing }: &Astray) -> String {
    let Worker { id, branch, .. } = worker;
    let commits = count(*missing, "commit");
    let conflicts = if unmerged.is_empty() { String::new() } else { format!("conflicts in {}", listed(unmerged)) };
    let mut said = match (under_way, conflicts.is_empty()) {
        (None, true) => return format!("{id} has {checked_out} checked out, with {commits} that {branch} has not"),
        (None, false) => format!("{id} has {conflicts}"),
        (Some(what), true) => format!("a {what} is in progress in the worktree of {id}"),
        (Some(what), false) => format!("a {what} is in progress in the worktree of {id}, with {conflicts}"),
    };
    if *missing > 0 {
        said += &format!("; {checked_out}, which is checked out, has {commits} that {branch} has not");
    }
    said
}

fn not_ready(message: String, next: String) -> Failure {
    Failure::new(Exit::Refused, "not-ready", message).hint(next)
}

/// Refuses a job that brings a submodule at a commit which nobody else can get; or says so where that is meant. `base` is what
/// has the submodules as they were.
pub(in crate::commands) fn must_be_published(
    worker: &Worker,
    base: &str,
    goes_on: bool,
) -> Result<Vec<String>, Failure> {
    let found = merge::unpublished(&worker.project, &worker.worktree, base, &worker.branch).map_err(failure)?;
    let mut notes = Vec::new();
    for Unpublished { path, commit, is_only_here } in found {
        let short = commit.get(..10).unwrap_or(&commit);
        let what = format!("the submodule {} of {} at {short}", path.display(), worker.id);
        if !is_only_here {
            notes.push(format!("{what} is not in the worktree, and so may be at no remote"));
            continue;
        }
        let message = format!("{what} is at no remote of it");
        if goes_on {
            notes.push(message);
            continue;
        }
        let (folder, branch) = (shell_word(worker.worktree.join(&path)), branch_ref(&worker.branch));
        let push = format!("git -C {folder} push origin {}", shell_word(format!("{commit}:{branch}")));
        return Err(not_ready(format!("{message}, which --yes puts up with"), push));
    }
    Ok(notes)
}
