//! `aio pr`: a job's branch pushed, and a pull request for it; where that cannot be done, the commands to do it by hand.

use serde_json::json;

use super::merging::{self, Worker};
use crate::app::App;
use crate::cli::PrArgs;
use crate::error::{Exit, Failure};
use crate::fleet::merge::forge::{self, Forge, Proposal};
use crate::fleet::merge::{self, Trouble, listed};
use crate::output::{Line, Report, count};

/// Commits that the text of a request lists.
const LISTED: usize = 50;
/// Characters of a title.
const LONGEST_TITLE: usize = 200;

pub(super) fn run(app: &App, args: &PrArgs) -> Result<Report, Failure> {
    let worker = merging::find(app, &args.job)?;
    worker.must_have_project()?;
    worker.must_have_branch()?;
    merging::must_have_tip(&worker)?;
    let astray = merging::must_be_home(&worker, args.yes)?;
    let target = worker.home()?;
    let base = base(&worker, &target);
    let commits = subjects(&worker, &target, base.as_deref())?;
    let notes = base.map_or(Ok(Vec::new()), |base| merging::must_be_published(&worker, &base, args.yes))?;
    let (title, body) = (title(&worker, &commits), body(&worker, &commits));
    let is_there = merging::is_there(&worker.worktree);
    let folder = if is_there { &worker.worktree } else { &worker.project };
    let proposal = Proposal { folder, branch: &worker.branch, target: &target, title: &title, body: &body };
    let mut report = propose(proposal)?;
    report.notes.extend(astray.into_iter().chain(notes));
    if is_there {
        report.notes.extend(left_behind(&worker)?);
    }
    if worker.standing.is_running() {
        report.notes.push(format!("{} is still {}", worker.id, worker.standing.name()));
    }
    report.data["job"] = json!(worker.id);
    Ok(report)
}

fn propose(proposal: Proposal<'_>) -> Result<Report, Failure> {
    let address = forge::origin(proposal.folder).map_err(merging::failure)?;
    let Some(address) = address else {
        return Ok(by_hand(proposal, None, "there is no remote called origin"));
    };
    let forge = match Forge::of(proposal.folder, forge::host(&address)) {
        Ok(forge) => forge,
        Err(reason) => return Ok(by_hand(proposal, Some(&address), &reason)),
    };
    forge::push(proposal.folder, proposal.branch).map_err(merging::failure)?;
    let pushed_only = |trouble| pushed_only(trouble, forge.command(proposal));
    let existing = forge.existing(proposal).map_err(pushed_only)?;
    let is_new = existing.is_none();
    let url = existing.map_or_else(|| forge.open(proposal), Ok).map_err(pushed_only)?;
    let mut report = Report::done("pull-request", url.clone());
    if !is_new {
        report.notes.push("it was open already; what is new was pushed".to_owned());
    }
    Ok(report.with(json!({ "url": url, "new": is_new, "branch": proposal.branch, "target": proposal.target })))
}

/// The branch is there, the request is not.
fn pushed_only(trouble: Trouble, next: String) -> Failure {
    let mut failure = merging::failure(trouble);
    failure.message += "; the branch was pushed";
    failure.code = "not-proposed";
    failure.exit = Exit::Refused;
    failure.hints = vec![next];
    failure
}

/// Nothing was pushed.
fn by_hand(proposal: Proposal<'_>, address: Option<&str>, reason: &str) -> Report {
    let (forge, is_installed) = Forge::by_hand(proposal.folder, address.and_then(forge::host));
    let commands = forge::by_hand(forge, proposal, address);
    let mut report = Report { exit: Exit::Environment, ..Report::silent("no-forge") };
    report.lines = commands.iter().map(|command| Line::from(command.clone())).collect();
    let next = match is_installed {
        true => "run these by hand".to_owned(),
        false => format!("install {}, then run these by hand", forge.program()),
    };
    report.notes.push(format!("no pull request was opened: {reason}; next: {next}"));
    report.hints = vec![next];
    report.with(json!({ "reason": reason, "commands": commands }))
}

/// What the branch is compared with. The target need not be here: the forge has it.
fn base(worker: &Worker, target: &str) -> Option<String> {
    let base = merge::tip(&worker.project, target).ok();
    base.or_else(|| Some(worker.base.clone()).filter(|base| !base.is_empty()))
}

/// The first lines of the commits that the target has not.
fn subjects(worker: &Worker, target: &str, base: Option<&str>) -> Result<Vec<String>, Failure> {
    let subjects = merge::git::subjects(&worker.project, &worker.branch, base).map_err(merging::failure)?;
    if subjects.is_empty() {
        let message = format!("{} has no commits that {target} has not", worker.id);
        return Err(Failure::new(Exit::Refused, "not-ready", message).hint(format!("aio diff {}", worker.id)));
    }
    Ok(subjects)
}

fn title(worker: &Worker, commits: &[String]) -> String {
    let of_task = worker.title.lines().map(str::trim).find(|line| !line.is_empty());
    let title = of_task.or(commits.last().map(String::as_str)).unwrap_or(&worker.branch);
    title.chars().take(LONGEST_TITLE).collect()
}

fn body(worker: &Worker, commits: &[String]) -> String {
    let mut body = String::new();
    if !worker.said.trim().is_empty() {
        body += &format!("{}\n\n", worker.said.trim());
    }
    body += "## Commits\n";
    body.extend(commits.iter().take(LISTED).map(|subject| format!("- {subject}\n")));
    let more = commits.len().saturating_sub(LISTED);
    if more > 0 {
        body += &format!("- and {more} more\n");
    }
    body
}

fn left_behind(worker: &Worker) -> Result<Option<String>, Failure> {
    let files = merge::uncommitted(&worker.worktree, true).map_err(merging::failure)?;
    let what = count(files.len() as u64, "file");
    let message = || format!("{what} of {} not committed, and so not in it: {}", worker.id, listed(&files));
    Ok((!files.is_empty()).then(message))
}
