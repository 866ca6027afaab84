//! How jobs stand, from their records and from what can be seen of them now.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::app::{App, unspell, wall_ms};
use crate::commands::projects::home_of;
use crate::fleet::files::JobFiles;
use crate::fleet::profile::Runtime;
use crate::fleet::remains::Running;
use crate::fleet::tmux::Tmux;
use crate::fleet::work::{self, Found, Place, Work};
use crate::protocol::apply::due;
use crate::protocol::evidence::{Evidence, ProcessKey};
use crate::protocol::fleet::{Job, Standing, standing};
use crate::protocol::lease;
use crate::protocol::state::State;
use crate::protocol::time;

/// Of a job whose end is kept beside the state.
const UNWRITTEN: &str = "how it ended could not be written down; next: free some space (aio doctor says what is in the way), \
                         then aio cleanup";
/// The same, while its parent tries on.
const BEING_WRITTEN: &str = "how it ended cannot be written down yet, and is tried again by itself; next: free some space \
                             (aio doctor says what is in the way)";

/// A job as it is shown.
pub(in crate::commands) struct Seen {
    pub(in crate::commands) id: String,
    pub(in crate::commands) standing: Standing,
    pub(in crate::commands) project: String,
    /// The project's own worktree, as it is spelled in the record.
    pub(in crate::commands) folder: String,
    pub(in crate::commands) branch: String,
    pub(in crate::commands) worktree: String,
    pub(in crate::commands) profile: String,
    pub(in crate::commands) runtime: String,
    pub(in crate::commands) title: String,
    pub(in crate::commands) age_ms: u64,
    /// How long ago it was last seen to do something, and by whom.
    pub(in crate::commands) activity: Option<(u64, &'static str)>,
    pub(in crate::commands) files: Option<usize>,
    pub(in crate::commands) commits: Option<usize>,
    pub(in crate::commands) input_tokens: u64,
    pub(in crate::commands) output_tokens: u64,
    pub(in crate::commands) cost_micros: u64,
    pub(in crate::commands) cost_source: String,
    pub(in crate::commands) claims: usize,
    pub(in crate::commands) delivery: String,
    pub(in crate::commands) receipt: String,
    pub(in crate::commands) attach: String,
    pub(in crate::commands) exit_code: Option<i32>,
    pub(in crate::commands) signal: u32,
    pub(in crate::commands) failure: String,
    pub(in crate::commands) said: String,
    pub(in crate::commands) rescue: String,
    pub(in crate::commands) merged: String,
    pub(in crate::commands) attempt: u32,
    pub(in crate::commands) question: String,
    /// When it goes on by itself; empty where it does not wait for that.
    pub(in crate::commands) retry_at: String,
    /// Who says whether it works.
    pub(in crate::commands) turn_witness: String,
    /// What a person should know or do.
    pub(in crate::commands) remark: String,
    /// Messages that its agent has not been given.
    pub(in crate::commands) messages_waiting: usize,
    /// Its worktree was taken away.
    pub(in crate::commands) is_removed: bool,
    /// There is a worktree, and git cannot be asked about it.
    pub(in crate::commands) is_work_unknown: bool,
    /// Its parent vanished, and did not write down how it ended.
    pub(in crate::commands) is_orphaned: bool,
    /// Its processes that run on although its parent is gone.
    pub(in crate::commands) orphans: Vec<u32>,
}

impl Seen {
    /// Whether anything of it runs, or will again by itself.
    pub(super) fn runs(&self) -> bool {
        self.standing.is_running() || !self.orphans.is_empty()
    }
}

/// What git was asked for that.
pub(in crate::commands) struct GitWork {
    pub(in crate::commands) worktrees: usize,
    pub(in crate::commands) took: Duration,
}

/// Looks at jobs; git has to be asked about each that has a worktree.
pub(in crate::commands) fn look_all(app: &App, state: &State<'_>, jobs: &[&Job<'_>]) -> (Vec<Seen>, GitWork) {
    let mut evidence = app.evidence(state, &[]);
    let mut jobs: Vec<Job<'_>> = jobs.iter().map(|job| (*job).clone()).collect();
    app.look_at_parents(&jobs, &mut evidence);
    let dir = app.store.dir();
    let around = Around::look(app, state, &jobs, &evidence);
    let unwritten: Vec<&str> = jobs.iter_mut().map(|job| end_as_kept(job, &evidence, dir)).collect();
    let places: Vec<Option<Place>> = jobs.iter().map(place).collect();
    let asked: Vec<Place> = places.iter().flatten().cloned().collect();
    let begun = Instant::now();
    let mut found = work::look(&asked).into_iter();
    let git = GitWork { worktrees: asked.len(), took: begun.elapsed() };
    let work = places.iter().map(|place| place.as_ref().and_then(|_| found.next()).unwrap_or(Found::Nothing));
    let mut all: Vec<Seen> =
        jobs.iter().zip(work).map(|(job, work)| seen(state, job, work, &evidence, &around, dir)).collect();
    for (seen, remark) in all.iter_mut().zip(unwritten).filter(|(_, remark)| !remark.is_empty()) {
        remark.clone_into(&mut seen.remark);
    }
    (all, git)
}

/// A job whose parent could not write down how it ended stands as that kept it. Gives what is to be said of that.
fn end_as_kept(job: &mut Job<'_>, evidence: &Evidence, dir: &Path) -> &'static str {
    let is_running = job.stage == *"running";
    let Some(end) = is_running.then(|| JobFiles::of(dir, &job.id).kept_end(job.attempt)).flatten() else { return "" };
    let is_orphaned = job.is_orphaned(evidence);
    job.take_end(&end, time::stamp(evidence.now.wall_ms));
    match is_orphaned {
        true => UNWRITTEN,
        false => BEING_WRITTEN,
    }
}

/// Where its work is, if it began and is still there.
fn place(job: &Job<'_>) -> Option<Place> {
    let worktree = unspell(&job.worktree);
    let is_there = job.stage != *"removed" && !job.base.is_empty() && worktree.is_dir();
    is_there.then(|| Place { worktree, project: home_of(job), base: job.base.to_string() })
}

/// What of others matters to what is to be done about a job.
#[derive(Default)]
struct Around {
    /// The queued jobs whose turn it is.
    due: Vec<String>,
    /// What runs; looked at where a parent is gone.
    running: Option<Running>,
    /// The projects' names, by their paths.
    names: HashMap<String, String>,
}

impl Around {
    fn look(app: &App, state: &State<'_>, shown: &[Job<'_>], evidence: &Evidence) -> Around {
        let projects = state.projects.entries().unwrap_or_default();
        let names = projects.iter().map(|project| (project.path.to_string(), project.name.to_string())).collect();
        let mut around = Around { names, ..Around::default() };
        if shown.iter().any(|job| job.stage == *"queued") {
            let all = state.jobs.entries().unwrap_or_default();
            let mut evidence = evidence.clone();
            app.look_at_parents(&all, &mut evidence);
            around.due = due(&all, &evidence);
        }
        if shown.iter().any(|job| job.is_orphaned(evidence)) {
            around.running = Some(Running::now(app.store.dir()));
        }
        around
    }

    /// A project's name; of one that was not added, or was removed, its folder's.
    fn name_of(&self, project: &str) -> String {
        let folder = || unspell(project).file_name().map(|name| name.to_string_lossy().into_owned());
        self.names.get(project).cloned().or_else(folder).unwrap_or_else(|| project.to_owned())
    }
}

fn seen(state: &State<'_>, job: &Job<'_>, found: Found, evidence: &Evidence, around: &Around, dir: &Path) -> Seen {
    let work = if let Found::Work(work) = found { Some(work) } else { None };
    // Where git cannot be asked, as without the project's folder, there may be work.
    let is_unknown = work.is_none() && place(job).is_some();
    let has_work = job.merged.is_empty() && (is_unknown || work.is_some_and(|work| work != Work::default()));
    let standing = standing(job, has_work, evidence);
    let has_ended = job.stage == *"ended";
    let since = if job.started_at.is_empty() { &job.queued_at } else { &job.started_at };
    Seen {
        standing,
        age_ms: lease::wall_age_ms(since, evidence),
        activity: activity(state, job, evidence, dir),
        files: work.map(|work| work.files),
        commits: work.map(|work| work.commits),
        claims: state.claims_of(&job.instance).filter(|_| !job.instance.is_empty()).count(),
        attach: attach(job, dir),
        remark: match standing {
            _ if found == Found::Unanswered => unknown_work(job, "git did not answer"),
            _ if has_ended && !unspell(&job.project).is_dir() => {
                let project = &*job.project;
                after_failure(
                    job,
                    &format!("its project is gone, so its work is not known; next: mv it back to {project}"),
                )
            }
            _ if has_ended && job.merged.is_empty() && is_worktree_gone(job, dir) => {
                // What it committed is on its branch.
                let diff = if job.is_done() { format!("aio diff {}, ", &*job.id) } else { String::new() };
                after_failure(
                    job,
                    &format!("its worktree is gone; next: {diff}aio retry {0}, aio remove {0}", &*job.id),
                )
            }
            Standing::Review if is_unknown => unknown_work(job, "git cannot be asked there"),
            Standing::Review if work.is_some_and(|work| work.commits == 0) => {
                format!("nothing is committed; next: aio diff {0}, aio resume {0} \"Commit your work\"", &*job.id)
            }
            standing => remark(job, standing, evidence, around),
        },
        is_removed: job.stage == *"removed",
        messages_waiting: if job.stage == *"removed" { 0 } else { JobFiles::of(dir, &job.id).waiting() },
        is_work_unknown: is_unknown,
        is_orphaned: job.is_orphaned(evidence),
        orphans: orphans(job, evidence, around),
        id: job.id.to_string(),
        project: around.name_of(&job.project),
        folder: job.project.to_string(),
        branch: job.branch.to_string(),
        worktree: job.worktree.to_string(),
        profile: job.profile.to_string(),
        runtime: job.runtime.to_string(),
        title: job.title.to_string(),
        input_tokens: job.input_tokens,
        output_tokens: job.output_tokens,
        cost_micros: job.cost_micros,
        cost_source: job.cost_source.to_string(),
        delivery: job.delivery.to_string(),
        receipt: job.receipt.to_string(),
        exit_code: job.exit_code,
        signal: job.signal,
        failure: job.failure.to_string(),
        said: job.said.to_string(),
        rescue: job.rescue.to_string(),
        merged: job.merged.to_string(),
        attempt: job.attempt,
        question: job.question.to_string(),
        retry_at: job.retry_at.to_string(),
        turn_witness: job.turn_witness.to_string(),
    }
}

/// The last sign that it did something, from whoever saw the latest.
fn activity(state: &State<'_>, job: &Job<'_>, evidence: &Evidence, dir: &Path) -> Option<(u64, &'static str)> {
    let files = JobFiles::of(dir, &job.id);
    let written = |path: &Path, witness: &'static str| Some((age_ms(path)?, witness));
    let hook = state.instance(&job.instance).filter(|instance| instance.hooks);
    let hook = hook.map(|instance| (lease::heartbeat_age_ms(instance, evidence), "hook"));
    let worktree = unspell(&job.worktree);
    let candidates = [
        hook,
        written(&files.output(), if job.runtime == *Runtime::Tmux.name() { "screen" } else { "stream" }),
        written(&files.drawn(), "screen"),
        written(&worktree.join(".aio/done"), "agent"),
        written(&worktree, "worktree"),
    ];
    candidates.into_iter().flatten().min_by_key(|(ms, _)| *ms)
}

fn age_ms(path: &Path) -> Option<u64> {
    let modified = path.metadata().ok()?.modified().ok()?;
    let then = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(wall_ms()).ok().map(|now| now.saturating_sub(u64::try_from(then.as_millis()).unwrap_or(now)))
}

fn attach(job: &Job<'_>, dir: &Path) -> String {
    match Runtime::of(&job.runtime) {
        Runtime::Tmux => Tmux::new(dir).attach_command(&job.id),
        Runtime::Headless => format!("aio logs -f {}", &*job.id),
        // Whoever started it sits there.
        Runtime::Terminal => String::new(),
    }
}

/// Whether its terminal shows what it asks: what is sent to it waits until somebody answers that there.
fn is_answered_by_hand(job: &Job<'_>) -> bool {
    let is_seen = matches!(&*job.turn_witness, "screen" | "hook");
    is_seen && !job.question.is_empty() && job.runtime == *Runtime::Tmux.name()
}

/// The time of a stamp, and its day unless that is this one's: `14:05 UTC`.
pub(super) fn clock(stamp: &str) -> String {
    let today = time::stamp(wall_ms());
    let day = time::date(stamp);
    let hour = stamp.get(11..16).unwrap_or(stamp);
    if day == time::date(&today) { format!("{hour} UTC") } else { format!("{day} {hour} UTC") }
}

/// Whether a job that had a worktree cannot go on, because that is not there any more.
pub(super) fn is_worktree_gone(job: &Job<'_>, dir: &Path) -> bool {
    let was_whole = !job.base.is_empty() && !JobFiles::of(dir, &job.id).is_half_made();
    was_whole && !unspell(&job.worktree).join(".git").exists()
}

/// What is to be known besides how it failed, if it did.
fn after_failure(job: &Job<'_>, words: &str) -> String {
    if job.failure.is_empty() { words.to_owned() } else { format!("{}; {words}", &*job.failure) }
}

fn unknown_work(job: &Job<'_>, why: &str) -> String {
    format!("{why}, so its work is not known; next: git -C {} status", &*job.worktree)
}

/// What to do about it.
fn remark(job: &Job<'_>, standing: Standing, evidence: &Evidence, around: &Around) -> String {
    let id = &*job.id;
    let is_sat_at = job.runtime == *Runtime::Terminal.name();
    match standing {
        _ if job.stage == *"removed" && job.rescue.is_empty() => String::new(),
        _ if job.stage == *"removed" => format!("what was not merged is kept in {}", &*job.rescue),
        Standing::Queued if is_sat_at => format!("aio start ended before it began; next: aio remove {id}"),
        Standing::WaitingForYou if is_sat_at && job.question.is_empty() => "in its own terminal".to_owned(),
        Standing::Starting if is_sat_at && job.delivery == *"unconfirmed" => {
            format!("{}; next: look at its terminal", &*job.receipt)
        }
        Standing::Crashed if job.is_orphaned(evidence) => {
            let orphans = orphans(job, evidence, around);
            let next = if orphans.is_empty() { String::new() } else { format!("aio stop {id}, or ") };
            format!("its aio process is gone{}; next: {next}aio cleanup", run_on(job, &orphans))
        }
        Standing::Crashed if job.stage == *"running" => format!("{}; next: aio logs {id}", &*job.failure),
        Standing::Crashed | Standing::Failed => format!("{}; next: aio logs {id}, aio resume {id}", &*job.failure),
        Standing::Queued if !job.failure.is_empty() => {
            format!(
                "{}; it begins once another job ends; next: wider ports in config.toml, then aio cleanup",
                &*job.failure
            )
        }
        Standing::Queued if around.due.iter().any(|due| due == id) => {
            "its turn has come; should it not begin by itself: aio cleanup".to_owned()
        }
        Standing::Stopped if !job.failure.is_empty() => job.failure.to_string(),
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
        Standing::WaitingForYou if job.question.is_empty() => format!("next: aio send {id} \"…\""),
        Standing::WaitingForYou => format!("it says: {}; next: aio send {id} \"…\"", &*job.question),
        Standing::Review => format!("next: aio diff {id}, aio merge {id}"),
        Standing::Starting if job.delivery == *"unconfirmed" => format!("{}; next: aio attach {id}", &*job.receipt),
        _ => String::new(),
    }
}

/// The processes of a job that run on although its parent is gone.
fn orphans(job: &Job<'_>, evidence: &Evidence, around: &Around) -> Vec<u32> {
    let Some(running) = around.running.as_ref().filter(|_| job.is_orphaned(evidence)) else { return Vec::new() };
    // Another boot's or machine's process ids are anybody's here.
    let is_here = evidence.machine.sees(&job.host, &job.boot_id, &job.pid_namespace) && job.agent_pid != 0;
    let agent = is_here.then_some(ProcessKey { pid: job.agent_pid, start: job.agent_start });
    running.of(&job.id, agent).into_iter().map(|key| key.pid).collect()
}

/// What still runs, in words.
fn run_on(job: &Job<'_>, orphans: &[u32]) -> String {
    match orphans {
        [] => String::new(),
        _ if orphans.contains(&job.agent_pid) => format!(", and its agent runs on (process {})", job.agent_pid),
        [first, ..] => format!(", and something that it started runs on (process {first})"),
    }
}
