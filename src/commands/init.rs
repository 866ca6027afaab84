//! `aio init` and `aio-init`: this machine, its agents' settings, and a project.

mod agents;
pub mod git_hook;
mod project;

use std::fs;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::app::App;
use crate::cli::InitArgs;
use crate::error::{Failure, no_such_project};
use crate::output::Report;
use crate::setup::World;
use crate::setup::plan::Direction;
use crate::setup::scripts;

/// What stands in the state directory's `bin/`.
const PROGRAMS: [&str; 3] = ["aio", "aio-context", "aio-init"];

pub(super) fn run(app: &App, args: &InitArgs) -> Result<Report, Failure> {
    let direction = if args.remove { Direction::TakeOut } else { Direction::PutIn };
    let named = args.path.as_ref().map(|path| project(app, Path::new(path))).transpose()?;
    let mut report = Report::silent("initialised");
    let is_machine = !args.remove && !args.dry_run;
    let mut done = if is_machine { machine(app)? } else { Vec::new() };
    if let Some(path) = named {
        project::run(&path, args, direction, &mut done, &mut report)?;
    }
    report.lines = done.iter().map(|line| line.as_str().into()).collect();
    agents::run(app, args, direction, &mut report)?;
    if is_machine {
        let bin = app.store.dir().join("bin");
        report.lines.push(format!("Add to your shell's profile: export PATH=\"{}:$PATH\"", bin.display()).into());
    }
    report.data["directory"] = json!(app.store.dir());
    report.data["done"] = report.lines.iter().map(|line| json!(line.plain())).collect();
    Ok(report)
}

/// What agents' settings depend on here; none without a home.
pub(super) fn world<'w>(app: &App, variable: &'w dyn Fn(&str) -> Option<std::ffi::OsString>) -> Option<World<'w>> {
    let home = variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute())?;
    let path = variable("PATH").iter().flat_map(std::env::split_paths).collect();
    Some(World { home, dir: app.store.dir().to_owned(), path, variable })
}

fn project(app: &App, typed: &Path) -> Result<PathBuf, Failure> {
    let project = app.physical(None, typed)?.path;
    if project.is_dir() { Ok(project) } else { Err(no_such_project(&project)) }
}

/// The state directory, private, with links to the programs that run now, and the scripts for people's shells.
fn machine(app: &App) -> Result<Vec<String>, Failure> {
    let dir = app.store.dir();
    let bin = dir.join("bin");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| Failure::environment(format!("cannot set up {}: {error}", path.display()))
    };
    // Also the check that the place is ours and can be locked.
    drop(app.store.lock(app.store.patience(), &app.stamp())?);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&bin).map_err(failed(&bin))?;
    let mut done = vec![format!("Initialized: {}", dir.display())];
    let programs = std::env::current_exe().map_err(failed(&bin))?;
    let folder = programs.parent().unwrap_or(Path::new("/"));
    for program in PROGRAMS {
        let (target, link) = (folder.join(program), bin.join(program));
        if folder == bin || !target.is_file() {
            continue;
        }
        match fs::read_link(&link) {
            Ok(existing) if existing == target => {}
            Ok(_) => replace_link(&target, &link).map_err(failed(&link))?,
            Err(_) if link.exists() => done.push(format!("left {} alone: it is not a link of ours", link.display())),
            Err(_) => {
                symlink(&target, &link).map_err(failed(&link))?;
                done.push(format!("linked {}", link.display()));
            }
        }
    }
    let written = scripts::install(dir, app.store.patience(), &app.stamp())?;
    done.extend(written.iter().map(|path| format!("wrote {}", path.display())));
    Ok(done)
}
/// At every moment the old link or the new one is there.
fn replace_link(target: &Path, link: &Path) -> std::io::Result<()> {
    let beside = link.with_extension(format!("new-{}", std::process::id()));
    symlink(target, &beside)?;
    fs::rename(&beside, link)
}

/// Asks, where there is somebody to ask.
fn agreed(planned: &[String]) -> bool {
    if !can_ask() {
        return false;
    }
    let mut answer = String::new();
    let question = match planned {
        [only] => format!("aio: {only}? [y/N] "),
        several => format!("aio: would\n  {}\naio: shall it? [y/N] ", several.join("\n  ")),
    };
    let asked = std::io::stderr().write_all(question.as_bytes());
    let read = std::io::stdin().read_line(&mut answer);
    asked.is_ok() && read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
