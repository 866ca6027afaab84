//! What an agent finds when it starts: its worktree, its words, its variables.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{App, Failure, JobNote, Opening, Runtime, Task, launching, write_down};
use crate::app::spell;
use crate::fleet::agents::written_by_commits;
use crate::fleet::brief::{self, frame};
use crate::fleet::git::Repository;
use crate::fleet::rescue::{Workplace, save};
use crate::fleet::worktree::{INCLUDE_LIMIT, Plan, create, remove};
use crate::output::Progress;

/// For bringing the newest commits.
const FETCH: Duration = Duration::from_secs(60);

/// What it has come to, noted for whoever waits for it, and shown to whoever sits here.
pub(super) struct Shown(Option<Progress>);

impl Shown {
    pub(super) fn new(app: &App, task: &Task) -> Shown {
        Shown((task.runtime == Runtime::Terminal).then(|| Progress::new(app.output)))
    }

    pub(super) fn step(&mut self, task: &Task, step: &str) {
        task.files.note_step(step);
        if let Some(progress) = &mut self.0 {
            progress.show(&[launching::of_way(&task.id, step)], &task.branch);
        }
    }
}

/// Makes the worktree, unless this job had one before. The commit it begins at is written down before: what it is
/// compared with is known then also where the setup command fails.
pub(super) fn worktree(app: &App, task: &mut Task, shown: &mut Shown) -> Result<(), Failure> {
    let is_whole = !task.base.is_empty() && !task.files.is_half_made();
    match task.worktree.join(".git").exists() {
        true if is_whole => return Ok(()),
        false if is_whole => {
            let message = format!("its worktree {} is gone", task.worktree.display());
            return Err(Failure::environment(message).hint(format!("aio retry {0}; aio remove {0}", task.id)));
        }
        _ if task.attempt > 1 => take_away_half_made(app, task)?,
        _ => {}
    }
    let trouble = |error: &dyn std::fmt::Display| Failure::environment(error.to_string());
    let repository = Repository::open(&task.project).map_err(|error| trouble(&error))?;
    shown.step(task, "fetching");
    if let Err(error) = repository.fetch(&task.target, FETCH) {
        // What is there is what there is to begin with.
        app.warn(&error.to_string());
    }
    let tip = repository.tip(&task.target).map_err(|error| trouble(&error))?;
    let log = task.files.setup_log();
    let setup = launching::setup_of(app, &task.project)?;
    let plan = Plan {
        project: &task.project,
        worktree: &task.worktree,
        branch: &task.branch,
        commit: &tip.commit,
        job: &task.id,
        port: task.port,
        setup: &setup,
        log: &log,
        include_limit: INCLUDE_LIMIT,
        stopped: Some(&task.stopped),
    };
    if task.is_stopped() {
        return Err(Failure::environment("it was ended before its worktree was made"));
    }
    // An agent that works where this is not written down would find its worktree made anew the next time.
    write_down(app, task, JobNote { base: Some(tip.commit.clone()), ..JobNote::default() })?;
    task.base.clone_from(&tip.commit);
    let unmarked = |error: std::io::Error| trouble(&format!("its files cannot be written: {error}"));
    task.files.begin_making().map_err(unmarked)?;
    let made = create(&plan, &mut |step| shown.step(task, step.name())).map_err(|error| {
        // git does not say why it cannot write a file.
        let is_full = launching::preflight::space(app).err().map(|full| full.message);
        trouble(&is_full.map_or_else(|| error.to_string(), |full| format!("{error}; {full}")))
    })?;
    made.notes.iter().for_each(|words| app.warn(words));
    task.files.end_making().map_err(unmarked)
}

/// What an earlier parent had made when it was killed, or what the setup command failed in. Whatever is in it is kept.
fn take_away_half_made(app: &App, task: &Task) -> Result<(), Failure> {
    let (project, worktree) = (&*task.project, &*task.worktree);
    let place = Workplace { project, worktree, branch: &task.branch, target: &task.target, job: &task.id };
    let stays = |error: &dyn std::fmt::Display| {
        let message = format!("what was made of its worktree stays: {error}");
        Failure::environment(message).hint(format!("look at {}, then aio retry {}", task.worktree.display(), task.id))
    };
    let proof = save(&place).map_err(|error| stays(&error))?;
    if let Some(rescue) = proof.reference() {
        write_down(app, task, JobNote { rescue: Some(rescue.to_owned()), ..JobNote::default() })?;
    }
    let removed = remove(&proof).map_err(|error| stays(&error))?;
    removed.left.map_or(Ok(()), |(path, error)| Err(stays(&format!("{}: {error}", path.display()))))
}

/// Whether the agent goes on in the session in which it took its task.
pub(super) fn knows_its_task(task: &Task) -> bool {
    !task.session.is_empty() && task.files.is_taken()
}

/// What the agent is told of its task, where nothing says that it knows it: all of it, and that it may have been given it before,
/// where it may.
///
/// # Errors
/// When the task cannot be read.
pub(super) fn brief(task: &Task) -> Result<String, Failure> {
    if task.opening == Opening::Nothing {
        return Ok(String::new());
    }
    let text = task.files.task().map_err(|error| {
        Failure::environment(format!("the task of {} cannot be read: {error}", task.id)).hint("aio retry")
    })?;
    if task.opening == Opening::Prefilled {
        // It is a person's to change, and to frame.
        return Ok(text);
    }
    let worktree = spell(&task.worktree);
    let framed = frame(&brief::Task {
        job: &task.id,
        text: &text,
        worktree: &worktree,
        branch: &task.branch,
        base: &task.base,
        target: &task.target,
        ports: task.ports(),
    });
    Ok(if task.attempt > 1 { brief::again(&framed) } else { framed })
}

/// The variables of an agent that is a job.
pub(super) fn variables(app: &App, task: &Task, instance: &str) -> Vec<(&'static str, OsString)> {
    let mut variables = vec![
        ("AIO_DIR", app.store.dir().as_os_str().to_owned()),
        ("AIO_JOB", task.id.clone().into()),
        ("AIO_INSTANCE", instance.into()),
        ("AIO_PROJECT", task.project.clone().into()),
        ("AIO_WORKTREE", task.worktree.clone().into()),
    ];
    if let Some((first, last)) = task.ports() {
        variables.push(("PORT", first.to_string().into()));
        variables.push(("AIO_PORTS", format!("{first}-{last}").into()));
    }
    if task.profile.agent.hides_git_settings {
        variables.extend(identity(task).into_iter().filter(|(name, _)| !is_set(app, task, name)));
    }
    variables
}

/// Whose commits are made in the worktree, as the person's settings say, in variables that say the same.
fn identity(task: &Task) -> Vec<(&'static str, OsString)> {
    const SETTINGS: [(&str, [&str; 2]); 2] = [
        ("user.name", ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"]),
        ("user.email", ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"]),
    ];
    // Without one, the agent hears from git what is missing.
    let Ok(repository) = Repository::open(&task.worktree) else { return Vec::new() };
    let ask =
        |setting: &str| repository.git().args(["config", "--get", setting]).run().ok().filter(|ran| ran.is_good());
    let known = SETTINGS.into_iter().filter_map(|(setting, names)| Some((names, OsString::from(ask(setting)?.text()))));
    known.flat_map(|(names, value)| names.map(|name| (name, value.clone()))).collect()
}

/// Whether the person, or the profile, says it already.
fn is_set(app: &App, task: &Task, name: &str) -> bool {
    app.variable(name).is_some() || task.profile.variables.iter().any(|(own, _)| own == name)
}

/// What an agent in a sandbox must be able to write besides its worktree: our state, and what a commit writes.
pub(super) fn writable(app: &App, task: &Task) -> Vec<PathBuf> {
    let git = || -> Option<Vec<PathBuf>> {
        let repository = Repository::open(&task.worktree).ok()?;
        let ran = repository.git().args(["rev-parse", "--absolute-git-dir"]).run().ok().filter(|ran| ran.is_good())?;
        Some(written_by_commits(Path::new(&ran.text()), &repository.common_dir().ok()?, &task.branch))
    };
    let folders = [app.store.dir().to_owned()].into_iter().chain(git().unwrap_or_default());
    folders.filter(|folder| folder.is_dir()).collect()
}

/// What an agent said at the end of an earlier run is not said of this one.
pub(super) fn forget_last_word(task: &Task) {
    for file in [brief::DONE, brief::BLOCKED] {
        // It may never have been said.
        std::fs::remove_file(task.worktree.join(file)).unwrap_or_default();
    }
}
