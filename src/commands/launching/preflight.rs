//! What could go wrong, looked at before anything is launched.

use std::path::Path;

use super::{App, Exit, Failure, LaunchOptions, Named, Runtime, Site, Wanted, runtime, unspell};
use crate::fleet::agents::LoginState;
use crate::fleet::git::look::free_space;
use crate::fleet::git::remote::Reach;
use crate::fleet::git::{Head, Repository, Trouble};
use crate::fleet::tmux;

/// Less than this left on the disk is too little for worktrees.
const LEAST_SPACE: u64 = 200 << 20;

/// Whether every agent is there, logged in as far as that can be seen, and can run as it is to.
pub(super) fn agents(app: &App, wanted: &[Wanted], options: &LaunchOptions) -> Result<(), Failure> {
    for want in wanted {
        let profile = &want.profile;
        let program = profile.program.as_deref().unwrap_or(profile.agent.programs[0]);
        if !app.is_program(program) {
            return Err(Failure::environment(format!("{program} is not installed"))
                .hint(format!("install {program}, or add its folder to PATH")));
        }
        let variable = |name: &str| app.variable(name);
        let own = |name: &str| profile.variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.into());
        let home = app.home().unwrap_or_default();
        match profile.agent.login.look(&|name| own(name).or_else(|| variable(name)), &home) {
            LoginState::Absent(command) => {
                return Err(Failure::environment(format!("{} is not logged in", profile.agent.name)).hint(command));
            }
            LoginState::Present(_) | LoginState::Unknown => {}
        }
        if runtime(app, want, options) == Runtime::Tmux {
            tmux::version().map_err(|error| Failure::environment(error.to_string()).hint(error.hint()))?;
        }
    }
    let free = free_space(app.store.dir()).unwrap_or(u64::MAX);
    if free < LEAST_SPACE {
        let message = format!("{} MB are left on the disk of {}", free >> 20, app.store.dir().display());
        return Err(Failure::environment(message).hint("free some space, or set AIO_DIR to another disk"));
    }
    Ok(())
}

/// The projects that can be launched into, and what is in the way in the others. All are looked at at once.
pub(super) fn projects(
    _app: &App,
    projects: Vec<Named>,
    _wanted: &[Wanted],
    options: &LaunchOptions,
) -> (Vec<Site>, Vec<(String, Failure)>) {
    let target = options.target.as_deref();
    let looked: Vec<(Named, Result<String, Failure>)> = std::thread::scope(|scope| {
        let look = |project: Named| {
            scope.spawn(move || {
                let target = look_at(&unspell(&project.path), target);
                (project, target)
            })
        };
        let threads: Vec<_> = projects.into_iter().map(look).collect();
        threads.into_iter().map(|thread| thread.join().expect("looking does not panic")).collect()
    });
    let (mut sites, mut failed) = (Vec::new(), Vec::new());
    for (project, result) in looked {
        match result {
            Ok(target) => sites.push(Site { project, target }),
            Err(failure) => failed.push((project.name, failure)),
        }
    }
    (sites, failed)
}

/// The branch that work in a project begins at.
fn look_at(project: &Path, target: Option<&str>) -> Result<String, Failure> {
    let shown = project.display();
    if !project.is_dir() {
        return Err(
            Failure::environment(format!("{shown} is not there")).hint("aio projects remove it, or bring it back")
        );
    }
    let repository = Repository::open(project).map_err(trouble)?;
    if repository.is_bare() {
        return Err(Failure::environment(format!("{shown} is a bare repository")).hint("name a worktree of it"));
    }
    if !repository.has_commits().map_err(trouble)? {
        return Err(Failure::environment(format!("{shown} has no commits")).hint("make a first commit"));
    }
    let branch = match target {
        Some(target) => target.to_owned(),
        None => repository.default_branch().map_err(|error| detached(&repository, error))?,
    };
    repository.tip(&branch).map_err(trouble)?;
    match repository.is_remote_reachable().map_err(trouble)? {
        Reach::Answers | Reach::NoRemote => Ok(branch),
        Reach::NeedsPassword(why) => Err(Failure::environment(format!("its remote asks for a password: {why}"))
            .hint(format!("git -C {shown} fetch, and let git remember it"))),
        Reach::Unreachable(why) => {
            Err(Failure::environment(format!("its remote does not answer: {why}"))
                .hint(format!("git -C {shown} fetch")))
        }
    }
}

fn detached(repository: &Repository, error: Trouble) -> Failure {
    match repository.head() {
        Ok(Head::Detached(_)) => Failure::environment("HEAD is detached, and no default branch is known")
            .hint("name the branch with --target"),
        _ => trouble(error),
    }
}

fn trouble(error: Trouble) -> Failure {
    Failure::new(Exit::Environment, "environment", error.to_string())
}
