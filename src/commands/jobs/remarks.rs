//! What a person should know of a job, or do about it, in words.

use crate::app::{unspell, wall_ms};
use crate::commands::projects::home_of;
use crate::fleet::profile::Runtime;
use crate::fleet::rescue::listing;
use crate::fleet::work::Found;
use crate::fleet::work::absent::Absent;
use crate::protocol::fleet::{Job, Standing};
use crate::protocol::spelling::shell_word;
use crate::protocol::time;

/// What of a job decides what is said of it.
pub(super) struct About<'l> {
    pub(super) job: &'l Job<'l>,
    pub(super) standing: Standing,
    pub(super) found: Found,
    /// Its end is not in the state, but beside it.
    pub(super) kept: Option<Kept>,
    /// There is a worktree, and git cannot be asked about it.
    pub(super) is_work_unknown: bool,
    /// There was one, and it is not there any more, or has no `.git`; asked of what has ended and is not merged.
    pub(super) absent: Option<&'l Absent>,
    /// Its parent vanished.
    pub(super) is_orphaned: bool,
    /// Its processes that run on all the same.
    pub(super) orphans: &'l [u32],
    /// The process of its parent, where a signal stopped that.
    pub(super) stopped_parent: Option<u32>,
    /// The ref that kept something of it was deleted since.
    pub(super) is_rescue_gone: bool,
    /// It is queued, and nothing is ahead of it.
    pub(super) is_due: bool,
}

/// Who will write down an end that could not be written.
#[derive(Clone, Copy)]
pub(super) enum Kept {
    /// Its parent, which tries on.
    TriedAgain,
    /// Nobody: its parent is gone.
    Left,
}

/// What is to be known of its work first, then of itself; and of what was kept of a worktree that it had before.
pub(super) fn remark(about: &About<'_>) -> String {
    let job = about.job;
    match (of_now(about), kept(about)) {
        (now, _) if job.stage == *"removed" || job.rescue.is_empty() => now,
        (now, kept) if now.is_empty() => kept,
        (now, kept) => format!("{now}; {kept}"),
    }
}

/// Where what was not merged is, of a job of which something was kept.
fn kept(about: &About<'_>) -> String {
    let job = about.job;
    let what = if job.stage == *"removed" { unmerged(job) } else { "what its worktree held before".to_owned() };
    if about.is_rescue_gone {
        return format!("{what} was kept in {}, which is not there any more", &*job.rescue);
    }
    format!("{what} is kept in {}; next: {}", &*job.rescue, listing(&home_of(job), &job.id))
}

/// What is kept of a job that was removed. What was merged elsewhere is kept, too.
pub(super) fn unmerged(job: &Job<'_>) -> String {
    match &*job.merged {
        "" => "what was not merged".to_owned(),
        _ => format!("what {} has not", &*job.target),
    }
}

fn of_now(about: &About<'_>) -> String {
    let job = about.job;
    let has_ended = job.stage == *"ended";
    let room = "next: aio doctor (it says what is in the way, as a full disk)";
    match about.kept {
        Some(Kept::Left) => return format!("how it ended could not be written down; {room}, then aio cleanup"),
        Some(Kept::TriedAgain) => {
            return format!("how it ended cannot be written down yet, and is tried again by itself; {room}");
        }
        None => {}
    }
    if let Some(parent) = about.stopped_parent {
        let agent = if about.standing == Standing::Crashed { "its agent is gone, and " } else { "" };
        return format!("{agent}its aio process is stopped, and sees to nothing; next: kill -CONT {parent}");
    }
    match (about.standing, about.absent) {
        _ if about.found == Found::Unanswered => unknown_work(job, "git did not answer"),
        _ if has_ended && !unspell(&job.project).is_dir() => {
            let project = shell_word(unspell(&job.project));
            after_failure(job, &format!("its project is gone, so its work is not known; next: mv it back to {project}"))
        }
        (_, Some(absent)) => after_failure(job, &without_worktree(job, absent)),
        (Standing::Review, _) if about.is_work_unknown => unknown_work(job, "git cannot be asked there"),
        (Standing::Review, _) if matches!(about.found, Found::Work(work) if work.commits == 0 || work.has_arrived) => {
            let has_arrived = matches!(about.found, Found::Work(work) if work.commits > 0);
            let what = if has_arrived { "the rest is merged, this is not committed" } else { "nothing is committed" };
            format!("{what}; next: aio diff {0}, aio resume {0} \"Commit your work\"", &*job.id)
        }
        (Standing::Review, _) if matches!(about.found, Found::Work(work) if work.is_elsewhere) => {
            format!("some of it is on another branch than its own; {}", usual(about))
        }
        (Standing::Review, _) if matches!(about.found, Found::Work(work) if work.is_off_branch) => {
            format!("something else than its branch is checked out there; {}", usual(about))
        }
        _ => usual(about),
    }
}

/// What is to be done where its work is as its record says.
fn usual(about: &About<'_>) -> String {
    let job = about.job;
    let id = &*job.id;
    let is_sat_at = job.runtime == *Runtime::Terminal.name();
    match about.standing {
        _ if job.stage == *"removed" && job.rescue.is_empty() => job.failure.to_string(),
        _ if job.stage == *"removed" => after_failure(job, &kept(about)),
        Standing::Queued if is_sat_at => format!("aio start ended before it began; next: aio remove {id}"),
        Standing::WaitingForYou if is_sat_at && job.question.is_empty() => "in its own terminal".to_owned(),
        Standing::Starting if is_sat_at && job.delivery == *"unconfirmed" => {
            format!("{}; next: look at its terminal", &*job.receipt)
        }
        Standing::Crashed if about.is_orphaned => {
            let next = if about.orphans.is_empty() { String::new() } else { format!("aio stop {id}, or ") };
            format!("its aio process is gone{}; next: {next}aio cleanup", run_on(job, about.orphans))
        }
        Standing::Crashed if job.stage == *"running" => format!("{}; next: aio logs {id}", &*job.failure),
        Standing::Crashed | Standing::Failed if !job.merged.is_empty() => {
            format!("{}; what it had committed was merged; next: aio remove {id}", &*job.failure)
        }
        Standing::Crashed | Standing::Failed => format!("{}; next: aio logs {id}, aio resume {id}", &*job.failure),
        // What keeps it from beginning says itself what to do.
        Standing::Queued if job.failure.contains("; next: ") => job.failure.to_string(),
        Standing::Queued if !job.failure.is_empty() => {
            format!(
                "{}; it begins once another job ends; next: wider ports in config.toml, then aio cleanup",
                &*job.failure
            )
        }
        Standing::Queued if about.is_due => "its turn has come; should it not begin by itself: aio cleanup".to_owned(),
        Standing::Stopped if !job.failure.is_empty() => format!("{}; next: aio resume {id}", &*job.failure),
        Standing::Waiting => {
            format!("{}; it goes on at {} by itself; next: aio stop {id}", &*job.failure, clock(&job.retry_at))
        }
        Standing::WaitingForYou if is_answered_by_hand(job) => {
            format!(
                "it says: {}; next: aio attach {id}, or once it is at its prompt aio send {id} \"…\"",
                &*job.question
            )
        }
        Standing::WaitingForYou if job.question.is_empty() && job.delivery == *"unconfirmed" => {
            format!("{}; next: aio attach {id}", &*job.receipt)
        }
        Standing::WaitingForYou if is_answered_by_nobody(job) => {
            format!("it says: {}; next: aio stop {id}, then aio resume {id} \"…\"", &*job.question)
        }
        Standing::WaitingForYou if job.question.is_empty() => format!("next: aio send {id} \"…\""),
        Standing::WaitingForYou => format!("it says: {}; next: aio send {id} \"…\"", &*job.question),
        Standing::Review => format!("next: aio diff {id}, aio merge {id}"),
        Standing::Starting if job.delivery == *"unconfirmed" => format!("{}; next: aio attach {id}", &*job.receipt),
        _ => String::new(),
    }
}

/// What became of its worktree, and what can be done about it.
fn without_worktree(job: &Job<'_>, absent: &Absent) -> String {
    let (id, worktree) = (&*job.id, unspell(&job.worktree));
    let (git, own) = (format!("git -C {} worktree", shell_word(home_of(job))), shell_word(&worktree));
    match (&absent.moved_to, absent.found) {
        (Some(path), _) => {
            let path = shell_word(path);
            format!("its worktree was moved to {path}; next: {git} move {path} {own}")
        }
        _ if worktree.is_dir() && absent.is_known => {
            format!("its worktree has lost its .git, so its work is not known; next: {git} repair")
        }
        _ if worktree.is_dir() => {
            format!("its worktree has lost its .git, and git has forgotten it; next: ls -la {own}")
        }
        _ if !absent.has_branch => {
            let find = format!("git -C {} fsck --no-reflogs --lost-found", shell_word(home_of(job)));
            format!("{}; next: {find}, aio remove {id}", absent.loss().unwrap_or_default())
        }
        // What it committed is on its branch.
        (_, Found::Work(_)) if job.is_done() => format!("its worktree is gone; next: aio diff {id}, aio merge {id}"),
        (_, Found::Work(_)) => format!("its worktree is gone; next: aio diff {id}, aio retry {id}, aio remove {id}"),
        _ => {
            let loss = absent.loss().unwrap_or("its worktree is gone");
            format!("{loss}; next: aio retry {id}, aio remove {id}")
        }
    }
}

/// What is to be known besides how it failed, if it did.
fn after_failure(job: &Job<'_>, words: &str) -> String {
    if job.failure.is_empty() { words.to_owned() } else { format!("{}; {words}", &*job.failure) }
}

fn unknown_work(job: &Job<'_>, why: &str) -> String {
    let worktree = unspell(&job.worktree);
    let folder = if worktree.is_dir() { worktree } else { home_of(job) };
    format!("{why}, so its work is not known; next: git -C {} status", shell_word(folder))
}

/// What still runs, in words.
fn run_on(job: &Job<'_>, orphans: &[u32]) -> String {
    match orphans {
        [] => String::new(),
        _ if orphans.contains(&job.agent_pid) => format!(", and its agent runs on (process {})", job.agent_pid),
        [first, ..] => format!(", and something that it started runs on (process {first})"),
    }
}

/// Whether its terminal shows what it asks: what is sent to it waits until somebody answers that there.
fn is_answered_by_hand(job: &Job<'_>) -> bool {
    let is_seen = matches!(&*job.turn_witness, "screen" | "hook");
    is_seen && !job.question.is_empty() && job.runtime == *Runtime::Tmux.name()
}

/// Whether it asks, in the middle of its turn, where nobody can answer.
fn is_answered_by_nobody(job: &Job<'_>) -> bool {
    job.turn_witness == *"hook" && !job.question.is_empty() && job.runtime == *Runtime::Headless.name()
}

/// The time of a stamp, and its day unless that is this one's: `14:05 UTC`.
pub(super) fn clock(stamp: &str) -> String {
    let today = time::stamp(wall_ms());
    let day = time::date(stamp);
    let hour = stamp.get(11..16).unwrap_or(stamp);
    if day == time::date(&today) { format!("{hour} UTC") } else { format!("{day} {hour} UTC") }
}
