//! What could go wrong, looked at before anything is launched.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use rustix::fs::{Access, access};

use super::{
    App, BRANCHES, Failure, Interruption, LaunchOptions, Named, Profile, Runtime, Site, Wanted, runtime, unspell,
};
use crate::app::wall_ms;
use crate::commands::jobs::entries;
use crate::fleet::agents::LoginState;
use crate::fleet::git::look::free_space;
use crate::fleet::git::remote::Reach;
use crate::fleet::git::{Head, Repository, Trouble};
use crate::fleet::ports::busy;
use crate::fleet::tmux;
use crate::output::{Progress, Step, count};
use crate::protocol::apply::free_blocks;
use crate::protocol::fleet::{Job, PORTS_PER_JOB};
use crate::protocol::spelling::shell_word;
use crate::protocol::time;

/// Less than this left on the disk is too little for worktrees.
const LEAST_SPACE: u64 = 200 << 20;
/// Less than this left where a repository is, is too little for what is committed.
const LEAST_FOR_COMMITS: u64 = 32 << 20;
/// How soon a signal is noticed while remotes are asked.
const GLANCE: Duration = Duration::from_millis(100);

/// The profiles whose agent is not there, is not logged in as far as that can be seen, or cannot run as it is to.
pub(super) fn agents(app: &App, wanted: &[Wanted], options: &LaunchOptions) -> Vec<(String, Failure)> {
    let look = |want: &Wanted| -> Result<(), Failure> {
        agent(app, &want.profile)?;
        within_limits(app, &want.profile)?;
        if runtime(app, want, options) == Runtime::Tmux {
            tmux::version().map_err(|error| Failure::environment(error.to_string()).hint(error.hint()))?;
        }
        Ok(())
    };
    wanted.iter().filter_map(|want| Some((want.profile.name.clone(), look(want).err()?))).collect()
}

/// All that is in the way of agents, each said once.
pub(super) fn without_agents(mut unready: Vec<(String, Failure)>) -> Failure {
    let mut known: Vec<String> = Vec::new();
    unready.retain(|(_, failure)| {
        let is_new = !known.contains(&failure.message);
        known.push(failure.message.clone());
        is_new
    });
    let messages: Vec<&str> = unready.iter().map(|(_, failure)| &*failure.message).collect();
    let hints: Vec<&str> = unready.iter().flat_map(|(_, failure)| &failure.hints).map(String::as_str).collect();
    Failure { message: messages.join("; "), hints: vec![hints.join("; ")], ..unready[0].1.clone() }
}

/// Whether an agent is there, and logged in as far as that can be seen.
pub(in crate::commands) fn agent(app: &App, profile: &Profile) -> Result<(), Failure> {
    let program = profile.program();
    if !app.is_program(program) {
        return Err(Failure::environment(format!("{program} is not installed"))
            .hint(format!("install {program}, or add its folder to PATH")));
    }
    let variable = |name: &str| app.variable(name);
    let own = |name: &str| profile.variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.into());
    let home = app.home().unwrap_or_default();
    match profile.agent.login.look(&|name| own(name).or_else(|| variable(name)), &home) {
        LoginState::Absent(command) => {
            Err(Failure::environment(format!("{} is not logged in", profile.agent.name)).hint(command))
        }
        LoginState::Present(_) | LoginState::Unknown => Ok(()),
    }
}

/// Whether no job of the same profile waits for a usage limit to end: its account may do no more until then.
fn within_limits(app: &App, profile: &Profile) -> Result<(), Failure> {
    let limited = app.with_state(|state| {
        let waits = |job: &Job<'_>| {
            let is_limit = job.profile == *profile.name && profile.agent.limit(&job.failure).is_some();
            is_limit && time::unix_ms(&job.retry_at).is_some_and(|until| until > wall_ms())
        };
        let jobs = entries(state)?;
        let job = jobs.iter().filter(|job| job.stage == *"running").find(|job| waits(job));
        Ok(job.map(|job| (job.id.to_string(), job.retry_at.to_string(), job.failure.to_string())))
    })?;
    let Some((id, until, words)) = limited else { return Ok(()) };
    let message = format!("{} is at its usage limit until {until}, as {id} was told: {words}", profile.name);
    Err(Failure::environment(message).hint(format!("try again then, or name another agent; aio stop {id} forgets it")))
}

/// Whether there is place for worktrees.
pub(in crate::commands) fn space(app: &App) -> Result<(), Failure> {
    enough(app.store.dir(), LEAST_SPACE)
        .map_err(|message| Failure::environment(message).hint("free some space, or set AIO_DIR to another disk"))
}

/// Whether so many jobs more can run at once, each with ports of its own.
pub(in crate::commands) fn ports(app: &App, jobs: usize) -> Result<(), Failure> {
    let (from, to) = app.job_ports();
    let busy = busy(from, to);
    let free = app.with_state(|state| Ok(free_blocks(state, (from, to), &busy, &app.evidence_of_jobs(state))?))?;
    if jobs <= free {
        return Ok(());
    }
    let message = format!(
        "{} would run at once, {PORTS_PER_JOB} ports each, and {from}-{to} has room for {free} more; nothing was launched",
        count(jobs as u64, "job")
    );
    let fewer = if free == 0 || jobs == 1 { String::new() } else { format!(", or --max {free}") };
    let hint = format!("a wider ports = \"FIRST-LAST\" in {}/config.toml{fewer}", app.store.dir().display());
    Err(Failure::environment(message).hint(hint))
}

/// The projects that can be launched into, and the names of the others, with what is in the way there.
pub(super) struct Looked {
    pub(super) sites: Vec<Site>,
    /// What is to be known of them.
    pub(super) notes: Vec<String>,
    pub(super) failed: Vec<(String, Failure)>,
}

/// The projects that can be launched into, and what is in the way in the others. All are looked at at once.
///
/// # Errors
/// When it was interrupted.
pub(super) fn projects(
    app: &App,
    projects: Vec<Named>,
    target: Option<&str>,
    interruption: &Interruption,
) -> Result<Looked, Failure> {
    let (sender, receiver) = mpsc::channel();
    for (at, project) in projects.iter().enumerate() {
        let (sender, path, target) = (sender.clone(), unspell(&project.path), target.map(str::to_owned));
        let worktrees = super::worktrees(app, project);
        // Not waited for where this is interrupted.
        std::thread::spawn(move || sender.send((at, look_at(&path, &worktrees, target.as_deref()))));
    }
    drop(sender);
    let mut progress = Progress::new(app.output);
    let mut looked: Vec<Option<Result<Beginning, Failure>>> = projects.iter().map(|_| None).collect();
    loop {
        if projects.len() > 1 {
            show(&mut progress, &projects, &looked);
        }
        match receiver.recv_timeout(GLANCE) {
            Ok((at, result)) => looked[at] = Some(result),
            Err(RecvTimeoutError::Timeout) => interruption.before("nothing was launched")?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let (mut sites, mut notes, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (project, result) in projects.into_iter().zip(looked) {
        match result.expect("looking does not panic") {
            Ok(Beginning { branch, note }) => {
                notes.extend(note.map(|note| format!("{}: {note}", project.name)));
                sites.push(Site { project, target: branch });
            }
            Err(failure) => failed.push((project.name, failure)),
        }
    }
    Ok(Looked { sites, notes, failed })
}

fn show(progress: &mut Progress, projects: &[Named], looked: &[Option<Result<Beginning, Failure>>]) {
    let step = |(project, result): (&Named, &Option<Result<Beginning, Failure>>)| {
        let (at, done) = match result {
            None => ("asking its remote", 0),
            Some(Ok(_)) => ("ready", 1),
            Some(Err(_)) => ("in the way", 1),
        };
        Step { name: project.name.clone(), at: at.to_owned(), done, of: 1 }
    };
    let steps: Vec<Step> = projects.iter().zip(looked).map(step).collect();
    let done = steps.iter().filter(|step| step.done == 1).count();
    progress.show(&steps, &format!("{done}/{} looked at", steps.len()));
}

/// Where work in a project begins.
pub(in crate::commands) struct Beginning {
    pub(in crate::commands) branch: String,
    /// What of it is left out.
    pub(in crate::commands) note: Option<String>,
}

/// The branch that work in a project begins at, if its worktrees can be made in that folder.
pub(in crate::commands) fn look_at(
    project: &Path,
    worktrees: &Path,
    target: Option<&str>,
) -> Result<Beginning, Failure> {
    let (shown, typed) = (project.display(), shell_word(project));
    if !project.is_dir() {
        return Err(Failure::environment(format!("{shown} is not there"))
            .hint(format!("aio projects remove {typed}, or bring it back")));
    }
    let repository = Repository::open(project)?;
    if repository.is_bare() {
        return Err(Trouble::Bare(project.to_owned()).into());
    }
    if !repository.has_commits()? {
        return Err(Failure::environment(format!("{shown} has no commits")).hint("make a first commit"));
    }
    must_have_room(&repository, worktrees)?;
    // What is its default branch, the remote knows best.
    let reach = repository.is_remote_reachable()?;
    let branch = match target {
        Some(target) => target.to_owned(),
        None => repository.default_branch().map_err(|error| detached(&repository, error))?,
    };
    repository.tip(&branch).map_err(|error| match error {
        Trouble::NoSuchCommit(_) => Failure::environment(format!("{shown} has no branch {branch:?}"))
            .hint(format!("git -C {typed} branch --all lists them; name one with --target")),
        error => error.into(),
    })?;
    match reach {
        Reach::Answers | Reach::NoRemote => {
            let note = left_out(&repository, &branch)?;
            Ok(Beginning { branch, note })
        }
        Reach::NeedsPassword(why) => Err(Failure::environment(format!("its remote asks for a password: {why}"))
            .hint(format!("git -C {typed} fetch, and let git remember it"))),
        Reach::Unreachable(why) => {
            Err(Failure::environment(format!("its remote does not answer: {why}"))
                .hint(format!("git -C {typed} fetch")))
        }
    }
}

/// Refuses where git could not make branches and worktrees, or commit in them.
fn must_have_room(repository: &Repository, worktrees: &Path) -> Result<(), Failure> {
    if repository.has_branch(BRANCHES)? {
        let message = format!("it has a branch {BRANCHES}, and git makes no {BRANCHES}/… beside it");
        let typed = shell_word(repository.root());
        return Err(Failure::environment(message).hint(format!("git -C {typed} branch -m {BRANCHES} NEW-NAME")));
    }
    let common = repository.common_dir()?;
    let of_git = ["", "objects", "refs", "refs/heads", "worktrees"].map(|name| common.join(name));
    let nearest = worktrees.ancestors().find(|folder| folder.symlink_metadata().is_ok());
    for folder in of_git.iter().map(PathBuf::as_path).filter(|folder| folder.exists()).chain(nearest) {
        if !folder.is_dir() {
            let message = format!("{} is in the way: it is no folder", folder.display());
            return Err(Failure::environment(message).hint(format!("mv {0} {0}.old", shell_word(folder))));
        }
        if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
            let message = format!("{} cannot be written: {}", folder.display(), io::Error::from(error));
            return Err(Failure::environment(message).hint(format!("ls -ld {} tells whose it is", shell_word(folder))));
        }
    }
    enough(&common, LEAST_FOR_COMMITS).map_err(|message| Failure::environment(message).hint("free some space"))
}

/// Says so where less is left on the disk of a folder.
fn enough(folder: &Path, least: u64) -> Result<(), String> {
    // Where it is not told, there may be.
    match free_space(folder).unwrap_or(u64::MAX) {
        free if free < least => Err(format!("{} MB are left on the disk of {}", free >> 20, folder.display())),
        _ => Ok(()),
    }
}

/// Says so where commits of this repository's branch are not among what work begins with, as the remote's went another way. To
/// merge is advised: a rebase would make others of the commits of jobs that came home, and leave out how conflicts were mended.
fn left_out(repository: &Repository, branch: &str) -> Result<Option<String>, Failure> {
    let commits = repository.left_out(branch)?;
    let Some(remote) = repository.remote()?.filter(|_| commits > 0) else { return Ok(None) };
    let missing = count(commits as u64, "commit");
    let typed = shell_word(repository.root());
    Ok(Some(format!(
        "work begins at {remote}/{branch}, without {missing} of {branch} here; next: git -C {typed} pull --no-rebase {} {}",
        shell_word(&remote),
        shell_word(branch)
    )))
}

fn detached(repository: &Repository, error: Trouble) -> Failure {
    match repository.head() {
        Ok(Head::Detached(_)) => Failure::environment("HEAD is detached, and no default branch is known")
            .hint("name the branch with --target"),
        _ => error.into(),
    }
}
