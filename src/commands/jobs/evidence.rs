//! How jobs stand, from their records and from what can be seen of them now.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::remarks::{About, Kept, remark};
use crate::app::{App, unspell, wall_ms};
use crate::commands::projects::home_of;
use crate::fleet::files::JobFiles;
use crate::fleet::profile::Runtime;
use crate::fleet::remains::Running;
use crate::fleet::rescue::all_kept;
use crate::fleet::tmux::Tmux;
use crate::fleet::work::absent::{self, Absent, Missing};
use crate::fleet::work::{self, Found, Place, Work};
use crate::host::process;
use crate::protocol::apply::due;
use crate::protocol::evidence::{Evidence, Fate, Recorded};
use crate::protocol::fleet::{Job, Standing, standing};
use crate::protocol::lease;
use crate::protocol::state::State;
use crate::protocol::time;

/// A job as it is shown.
pub(in crate::commands) struct Seen {
    pub(in crate::commands) id: String,
    pub(in crate::commands) standing: Standing,
    pub(in crate::commands) project: String,
    /// The project's own worktree, where what was kept of it is.
    pub(in crate::commands) home: PathBuf,
    /// The same, as it is spelled in the record.
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
    /// Messages that were handed over, or were about to be, and of which nothing says that they were taken.
    pub(in crate::commands) messages_unconfirmed: usize,
    /// Its worktree was taken away.
    pub(in crate::commands) is_removed: bool,
    /// What went with that because git ignores it, in words.
    pub(in crate::commands) deleted: String,
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

    /// Whether it was removed and its work did not come home: it failed, or what it made had to be kept.
    pub(super) fn is_given_up(&self) -> bool {
        let is_well = self.standing == Standing::Done && self.rescue.is_empty();
        self.is_removed && self.merged.is_empty() && !is_well
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
    let kept: Vec<Option<Kept>> = jobs.iter_mut().map(|job| end_as_kept(job, &evidence, dir)).collect();
    let absents = absents(&jobs, dir);
    let places: Vec<Option<Place>> =
        jobs.iter().zip(&absents).map(|(job, absent)| place(job, absent.as_ref())).collect();
    let asked: Vec<Place> = places.iter().flatten().cloned().collect();
    let begun = Instant::now();
    let mut found = work::look(&asked).into_iter();
    let git = GitWork { worktrees: asked.len(), took: begun.elapsed() };
    let work = places.iter().map(|place| place.as_ref().and_then(|_| found.next()));
    let looked = jobs.iter().zip(work).zip(absents).zip(kept);
    let one = |(((job, found), absent), kept)| Looked { job, found, absent, kept };
    let all = looked.map(|looked| seen(state, one(looked), &evidence, &around, dir)).collect();
    (all, git)
}

/// What git and what is kept beside the state say of a job.
struct Looked<'l> {
    job: &'l Job<'l>,
    /// What its worktree holds, where there is one.
    found: Option<Found>,
    absent: Option<Absent>,
    kept: Option<Kept>,
}

/// What became of the work of those that have ended and whose worktrees are not where they were. Only of these more is asked.
fn absents(jobs: &[Job<'_>], dir: &Path) -> Vec<Option<Absent>> {
    let missing = |job: &Job<'_>| {
        let is_over = job.stage == *"ended" && job.merged.is_empty();
        (is_over && is_worktree_gone(job, dir) && unspell(&job.project).is_dir()).then(|| Missing {
            worktree: unspell(&job.worktree),
            project: home_of(job),
            branch: job.branch.to_string(),
            base: job.base.to_string(),
            target: job.target.to_string(),
        })
    };
    let missing: Vec<Option<Missing>> = jobs.iter().map(missing).collect();
    let mut looked = absent::look(&missing.iter().flatten().cloned().collect::<Vec<_>>()).into_iter();
    missing.iter().map(|missing| missing.as_ref().and_then(|_| looked.next())).collect()
}

/// What is left of one that has ended, and whose worktree is not where it was.
pub(super) fn absent(job: &Job<'_>, dir: &Path) -> Option<Absent> {
    absents(std::slice::from_ref(job), dir).pop().flatten()
}

/// A job whose parent could not write down how it ended stands as that kept it.
pub(super) fn end_as_kept(job: &mut Job<'_>, evidence: &Evidence, dir: &Path) -> Option<Kept> {
    let is_running = job.stage == *"running";
    let end = is_running.then(|| JobFiles::of(dir, &job.id).kept_end(job.attempt)).flatten()?;
    let kept = if job.is_orphaned(evidence) { Kept::Left } else { Kept::TriedAgain };
    job.take_end(&end, time::stamp(evidence.now.wall_ms));
    Some(kept)
}

/// Where its work is, if it began and is still there, or was moved.
fn place(job: &Job<'_>, absent: Option<&Absent>) -> Option<Place> {
    let moved_to = absent.and_then(|absent| absent.moved_to.clone());
    let worktree = moved_to.unwrap_or_else(|| unspell(&job.worktree));
    let is_there = job.stage != *"removed" && !job.base.is_empty() && worktree.is_dir();
    is_there.then(|| Place {
        worktree,
        project: home_of(job),
        base: job.base.to_string(),
        branch: job.branch.to_string(),
        target: job.target.to_string(),
    })
}

/// What of others matters to how a job stands and what is to be done about it.
#[derive(Default)]
struct Around {
    /// The queued jobs whose turn it is.
    due: Vec<String>,
    /// What runs; looked at where a parent is gone.
    running: Option<Running>,
    /// The projects' names, by their paths.
    names: HashMap<String, String>,
    /// The refs that keep what jobs left, by the repositories in which git could be asked for them.
    kept: HashMap<PathBuf, Vec<String>>,
}

impl Around {
    fn look(app: &App, state: &State<'_>, shown: &[Job<'_>], evidence: &Evidence) -> Around {
        let projects = state.projects.entries().unwrap_or_default();
        let names = projects.iter().map(|project| (project.path.to_string(), project.name.to_string())).collect();
        let mut around = Around { names, kept: kept_refs(shown), ..Around::default() };
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

    /// Whether the ref that kept something of a job was deleted since.
    fn has_lost_rescue(&self, job: &Job<'_>) -> bool {
        let kept = self.kept.get(&home_of(job)).filter(|_| !job.rescue.is_empty());
        kept.is_some_and(|kept| !kept.iter().any(|name| *name == *job.rescue))
    }

    /// A project's name; of one that was not added, or was removed, its folder's.
    fn name_of(&self, project: &str) -> String {
        let folder = || unspell(project).file_name().map(|name| name.to_string_lossy().into_owned());
        self.names.get(project).cloned().or_else(folder).unwrap_or_else(|| project.to_owned())
    }
}

fn kept_refs(shown: &[Job<'_>]) -> HashMap<PathBuf, Vec<String>> {
    let homes: HashSet<PathBuf> = shown.iter().filter(|job| !job.rescue.is_empty()).map(home_of).collect();
    let names = |home: &Path| Some(all_kept(home).ok()?.into_iter().map(|kept| kept.name).collect());
    homes.into_iter().filter_map(|home| Some((names(&home)?, home))).map(|(names, home)| (home, names)).collect()
}

fn seen(state: &State<'_>, looked: Looked<'_>, evidence: &Evidence, around: &Around, dir: &Path) -> Seen {
    let Looked { job, found, absent, kept } = looked;
    let has_place = found.is_some();
    let on_branch = || absent.as_ref().map_or(Found::Nothing, |absent| absent.found);
    let found = found.unwrap_or_else(on_branch);
    let work = if let Found::Work(work) = found { Some(work) } else { None };
    // Where git cannot be asked, as without the project's folder, there may be work; after a merge, new work.
    let is_lost = absent.as_ref().is_some_and(|absent| absent.loss().is_some());
    let is_unknown = work.is_none() && (has_place || is_lost || found == Found::Unanswered);
    let has_work = is_unknown || work.is_some_and(|work| !is_home(job, work));
    let stopped = stopped_parent(job, evidence);
    let standing = match stopped {
        // Nobody writes that down until its parent goes on.
        Some(_) if is_agent_gone(job, evidence) => Standing::Crashed,
        _ => standing(job, has_work, evidence),
    };
    let orphans = orphans(job, evidence, around);
    let about = About {
        job,
        standing,
        found,
        kept,
        is_work_unknown: is_unknown,
        absent: absent.as_ref(),
        is_orphaned: job.is_orphaned(evidence),
        orphans: &orphans,
        stopped_parent: stopped,
        is_rescue_gone: around.has_lost_rescue(job),
        is_due: around.due.iter().any(|due| *due == *job.id),
    };
    let files = JobFiles::of(dir, &job.id);
    let is_removed = job.stage == *"removed";
    let has_ended = matches!(&*job.stage, "ended" | "removed") || about.is_orphaned;
    let since = if job.started_at.is_empty() { &job.queued_at } else { &job.started_at };
    Seen {
        standing,
        // A clock that was set back says nothing.
        age_ms: Some(lease::wall_age_ms(since, evidence)).filter(|age| *age != u64::MAX).unwrap_or(0),
        activity: activity(state, job, evidence, dir),
        files: work.map(|work| work.files),
        commits: work.map(|work| work.commits),
        claims: state.claims_of(&job.instance).filter(|_| !job.instance.is_empty()).count(),
        attach: attach(job, dir),
        remark: remark(&about),
        is_removed,
        deleted: if is_removed { files.deleted() } else { String::new() },
        messages_waiting: files.waiting(),
        messages_unconfirmed: files.unconfirmed(has_ended).len(),
        is_work_unknown: is_unknown,
        is_orphaned: about.is_orphaned,
        orphans,
        id: job.id.to_string(),
        project: around.name_of(&job.project),
        home: home_of(job),
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

/// Whether nothing of it is still to be brought home, to its target or wherever it was merged.
fn is_home(job: &Job<'_>, work: Work) -> bool {
    // Whatever cannot be asked now is as it was recorded.
    let is_elsewhere = || absent::is_elsewhere(&home_of(job), &job.branch, &job.merged).unwrap_or(true);
    work.is_home() || work.uncommitted == 0 && !job.merged.is_empty() && is_elsewhere()
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

/// Its parent, where a signal stopped that.
pub(super) fn stopped_parent(job: &Job<'_>, evidence: &Evidence) -> Option<u32> {
    let parent = job.process(&evidence.machine).filter(|_| job.stage == *"running")?;
    process::is_stopped(parent).then_some(parent.pid)
}

fn is_agent_gone(job: &Job<'_>, evidence: &Evidence) -> bool {
    job.agent(&evidence.machine).is_some_and(|agent| process::fate(agent, None) == Fate::Gone)
}

/// Whether a job that had a worktree cannot go on, because that is not there any more.
pub(super) fn is_worktree_gone(job: &Job<'_>, dir: &Path) -> bool {
    let was_whole = !job.base.is_empty() && !JobFiles::of(dir, &job.id).is_half_made();
    was_whole && !unspell(&job.worktree).join(".git").exists()
}

/// The processes of a job that run on although its parent is gone.
fn orphans(job: &Job<'_>, evidence: &Evidence, around: &Around) -> Vec<u32> {
    let Some(running) = around.running.as_ref().filter(|_| job.is_orphaned(evidence)) else { return Vec::new() };
    running.of(&job.id, job.agent(&evidence.machine)).into_iter().map(|key| key.pid).collect()
}
