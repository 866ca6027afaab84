//! `aio multi` and `aio all`: agents launched, each as a job of its own, after a look at everything that could go wrong.

pub(super) mod preflight;
mod sequence;
mod starting;
mod watching;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::doctor;
use super::interrupting::Interruption;
use super::projects::{self, Named};
use super::wording;
use crate::app::{App, spell, unspell};
use crate::cli::{AllArgs, LaunchOptions, MultiArgs};
use crate::error::{Exit, Failure, remedy};
use crate::fleet::files::{JobFiles, digest};
use crate::fleet::profile::{self, Profile, Runtime};
use crate::fleet::spec::{self, Wanted};
use crate::output::{Line, Report, Style};
use crate::protocol::op::{NewJob, Op, Outcome, Request};

pub(super) use starting::{begin_all, begin_apart, keep_environment};
pub(super) use watching::{Started, of_way};

/// What the names of jobs' branches begin with.
const BRANCHES: &str = "aio";
/// Of a task, this much names it.
const TITLE_CHARS: usize = 80;

pub(super) fn multi(app: &App, args: &MultiArgs) -> Result<Report, Failure> {
    let first = args.words.first().map(String::as_str).unwrap_or_default();
    let names_agents = spec::parse(&[first], app.profiles())?.1 > 0;
    let (project, words) = if names_agents { (".", &args.words[..]) } else { (first, &args.words[1..]) };
    let (wanted, words) = agents(app, words)?;
    let project = projects::resolve(app, OsStr::new(project))?;
    let task = wording::task(app, words, args.options.file.as_deref())?;
    launch(app, vec![project], &wanted, &task, &args.options, false)
}

pub(super) fn all(app: &App, args: &AllArgs) -> Result<Report, Failure> {
    let (wanted, words) = agents(app, &args.words)?;
    let projects = projects::all(app)?;
    if projects.is_empty() {
        return Err(Failure::usage("no projects yet").hint("aio projects add FOLDER"));
    }
    let task = wording::task(app, words, args.options.file.as_deref())?;
    launch(app, projects, &wanted, &task, &args.options, args.keep_going)
}

/// The command that prepares a new worktree of a project.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn setup_of(app: &App, project: &Path) -> Result<String, Failure> {
    let path = spell(project);
    let known = projects::all(app)?.into_iter().find(|known| known.path == path);
    Ok(known.map(|known| known.setup).unwrap_or_default())
}

fn agents<'w>(app: &App, words: &'w [String]) -> Result<(Vec<Wanted>, &'w [String]), Failure> {
    let (wanted, count) = spec::parse(words, app.profiles())?;
    if wanted.is_empty() {
        return Err(Failure::usage("no agents are asked for").hint("name them first: aio multi c:2 l:1 \"task\""));
    }
    Ok((wanted, &words[count..]))
}

/// One project that is launched into.
pub(super) struct Site {
    pub(super) project: Named,
    /// The branch that work begins at and comes home to.
    pub(super) target: String,
}

fn launch(
    app: &App,
    projects: Vec<Named>,
    wanted: &[Wanted],
    task: &str,
    options: &LaunchOptions,
    keep_going: bool,
) -> Result<Report, Failure> {
    let interruption = Interruption::catch(None)?;
    let unready = preflight::agents(app, wanted, options);
    let is_ready = |want: &&Wanted| !unready.iter().any(|(name, _)| *name == want.profile.name);
    let ready: Vec<Wanted> = wanted.iter().filter(is_ready).cloned().collect();
    if !unready.is_empty() && (!keep_going || ready.is_empty()) {
        return Err(preflight::without_agents(unready));
    }
    preflight::space(app)?;
    let mut report = Report::silent("launched");
    let preflight::Looked { sites, notes, failed } =
        preflight::projects(app, projects, options.target.as_deref(), &interruption)?;
    interruption.before("nothing was launched")?;
    for (name, failure) in unready.iter().chain(&failed) {
        report.lines.push(line(
            Style::Bad,
            if keep_going { "SKIPPED" } else { "FAILED" },
            &format!("{name}: {}", failure.line()),
        ));
    }
    if !failed.is_empty() && (!keep_going || sites.is_empty()) {
        return Err(nothing_launched(failed, sites.len()));
    }
    report.notes.extend(notes);
    let is_whole = unready.is_empty() && failed.is_empty();
    let jobs = jobs(app, &sites, &ready, task, options);
    preflight::ports(app, at_once(jobs.len(), options))?;
    let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
    let skip = |what: &'static str| move |(name, failure): &(String, Failure)| json!({ what: name, "code": failure.code, "message": failure.message });
    let skipped: Vec<Value> = unready.iter().map(skip("agent")).chain(failed.iter().map(skip("project"))).collect();
    let batch = jobs.first().filter(|_| !options.dry_run).map(|job| &job.batch);
    report = report.with(json!({ "jobs": ids, "batch": batch, "skipped": skipped }));
    if options.dry_run {
        report.code = "launch-planned";
        for job in &jobs {
            report.lines.push(line(
                Style::Faint,
                "WOULD LAUNCH",
                &format!("{}  {}", job.id, unspell(&job.project).display()),
            ));
        }
        return Ok(report);
    }
    interruption.before("nothing was launched")?;
    let begun = set_going(app, &jobs, task)?;
    if options.seq {
        report = sequence::until_ended(app, &jobs, report, &interruption)?;
        if interruption.came() {
            return Ok(interruption.end(app, report, "", Some(&ids)));
        }
        if !is_whole && report.exit == Exit::Done {
            report.exit = Exit::Refused;
            report.code = "launched-in-part";
        }
        return Ok(report);
    }
    let started = watch(app, &jobs, &begun, &interruption);
    report.lines.extend(started.lines);
    if interruption.came() {
        return Ok(interruption.end(app, report, "", Some(&ids)));
    }
    report.notes.extend(started.notes);
    report.hints.extend(started.hints);
    if started.untaken > 0 || !is_whole {
        report.exit = Exit::Refused;
        report.code = "launched-in-part";
    }
    Ok(report)
}

/// The first thing that is in the way, and what else is.
fn nothing_launched(mut failed: Vec<(String, Failure)>, others_ready: usize) -> Failure {
    let others: Vec<String> = failed.iter().skip(1).map(|(name, other)| format!("{name}: {}", other.message)).collect();
    let (name, mut failure) = failed.swap_remove(0);
    let also = if others.is_empty() { String::new() } else { format!("; also {}", others.join("; ")) };
    failure.message = format!("{name}: {}{also}; nothing was launched", failure.message);
    if others_ready > 0 {
        let first = failure.hints.first().map_or_else(String::new, |hint| format!("{hint}; or "));
        failure.hints = vec![format!("{first}add --keep-going to launch into the others ({others_ready})")];
    }
    failure
}

/// Has jobs wait for their turn, begins those whose turn it is, and watches until they have begun. Once they wait for their
/// turn they are launched, all of them; an interruption only ends the watching.
///
/// # Errors
/// When the profile of one is gone, or they cannot be written down; nothing was begun then.
pub(super) fn queue(app: &App, jobs: Vec<NewJob>, task: &str, interruption: &Interruption) -> Result<Started, Failure> {
    jobs.iter().try_for_each(|job| profile::of_job(app.profiles(), &job.profile).map(drop))?;
    let begun = set_going(app, &jobs, task)?;
    Ok(watch(app, &jobs, &begun, interruption))
}

/// Has jobs wait for their turn, and begins those whose turn it is. Gives those.
fn set_going(app: &App, jobs: &[NewJob], task: &str) -> Result<Vec<String>, Failure> {
    keep_environment(app, jobs.iter().map(|job| &*job.id))?;
    let next = write_down(app, jobs, task)?;
    begin_all(app, &next);
    Ok(next)
}

/// Watches until jobs have begun, or wait for their turn.
fn watch(app: &App, jobs: &[NewJob], begun: &[String], interruption: &Interruption) -> Started {
    let mut started = watching::until_taken(app, jobs, begun, interruption);
    for (tool, project) in &started.unconfirmed {
        if let Some(remedy) = doctor::agents::missing(app, tool, &unspell(project)) {
            let why = "so no hook of it can say what it took or does";
            started.notes.push(format!("{tool} is not set up, {why}; next: {remedy}"));
            started.hints.push(remedy);
        }
    }
    started
}

/// Has jobs wait for their turn. Gives the jobs whose turn it is.
///
/// # Errors
/// When they cannot be written down.
pub(super) fn write_down(app: &App, jobs: &[NewJob], task: &str) -> Result<Vec<String>, Failure> {
    keep_tasks(app, jobs, task)?;
    match app.transact(&Request { actor: None, op: Op::QueueJobs(jobs.to_vec()) })? {
        Outcome::Jobs { next } => Ok(next),
        _ => Ok(Vec::new()),
    }
}

/// The jobs that are asked for, project by project.
fn jobs(app: &App, sites: &[Site], wanted: &[Wanted], task: &str, options: &LaunchOptions) -> Vec<NewJob> {
    let batch = app.new_id();
    let mut jobs: Vec<NewJob> = Vec::new();
    for site in sites {
        for want in wanted {
            for _ in 0..want.count {
                let id = new_id(app, &want.profile.name, &jobs);
                let after = if options.seq { jobs.last().map(|job| job.id.clone()) } else { None };
                jobs.push(NewJob {
                    runtime: runtime(app, want, options).name().to_owned(),
                    batch: batch.clone(),
                    max_running: options.max.unwrap_or(0),
                    after: after.unwrap_or_default(),
                    restarts: options.restarts,
                    backoff_ms: backoff_ms(options.backoff.unwrap_or(app.restart_backoff())),
                    ..job(app, id, site, &want.profile, task)
                });
            }
        }
    }
    jobs
}

/// How many of a launch run at once.
fn at_once(jobs: usize, options: &LaunchOptions) -> usize {
    let most = match options.max {
        _ if options.seq => 1,
        None | Some(0) => usize::MAX,
        Some(max) => max as usize,
    };
    jobs.min(most)
}

fn backoff_ms(backoff: std::time::Duration) -> u64 {
    u64::try_from(backoff.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// A job by itself.
pub(super) fn job(app: &App, id: String, site: &Site, profile: &Profile, task: &str) -> NewJob {
    let worktree = worktrees(app, &site.project).join(&id);
    NewJob {
        branch: branch(&id),
        worktree: spell(&worktree),
        project: site.project.path.clone(),
        profile: profile.name.clone(),
        tool: profile.agent.name.to_owned(),
        title: title(task),
        task_digest: digest(task),
        task_bytes: task.len() as u64,
        target: site.target.clone(),
        id,
        ..NewJob::default()
    }
}

/// Where the worktrees of a project's jobs are.
pub(super) fn worktrees(app: &App, project: &Named) -> PathBuf {
    app.store.dir().join("worktrees").join(&project.name)
}

/// The branch of a job.
pub(super) fn branch(id: &str) -> String {
    format!("{BRANCHES}/{id}")
}

fn runtime(app: &App, want: &Wanted, options: &LaunchOptions) -> Runtime {
    match (options.tmux, options.headless) {
        (true, _) => Runtime::Tmux,
        (_, true) => Runtime::Headless,
        _ => want.profile.runtime.unwrap_or(app.runtime()),
    }
}

/// The profile, and letters that nobody can foresee.
pub(super) fn new_id(app: &App, profile: &str, others: &[NewJob]) -> String {
    loop {
        let ulid = app.new_id().to_lowercase();
        let id = format!("{profile}-{}", &ulid[ulid.len() - 6..]);
        if !others.iter().any(|job| job.id == id) {
            return id;
        }
    }
}

fn title(task: &str) -> String {
    let line = task.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    line.chars().filter(|c| !c.is_control()).take(TITLE_CHARS).collect()
}

fn keep_tasks(app: &App, jobs: &[NewJob], task: &str) -> Result<(), Failure> {
    for job in jobs {
        JobFiles::of(app.store.dir(), &job.id).keep_task(task).map_err(|error| {
            Failure::environment(format!("the task cannot be kept: {error}; nothing was launched")).hint(remedy(&error))
        })?;
    }
    Ok(())
}

pub(super) fn line(style: Style, word: &str, rest: &str) -> Line {
    Line(vec![(style, format!("{word:<12} ")), (Style::Plain, rest.to_owned())])
}
