//! `aio init` and `aio-init`: this machine, its agents' settings, and a project.

mod agents;
pub mod git_hook;

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
use crate::setup::scripts::{self, SCRIPTS};

/// What stands in the state directory's `bin/`.
const PROGRAMS: [&str; 3] = ["aio", "aio-context", "aio-init"];
/// Added to a project's `.gitignore`, when it has one.
const IGNORED: &str = "\n# AI Orchestrator\n.ai-orchestrator/\n";
const NOTES: &str = include_str!("project_notes.md");

pub(super) fn run(app: &App, args: &InitArgs) -> Result<Report, Failure> {
    let mut report = Report::silent("initialised");
    if args.remove {
        agents::run(app, args, Direction::TakeOut, &mut report)?;
        git_hook::run(app, args, Direction::TakeOut, &mut report)?;
        return Ok(report);
    }
    let named = args.path.as_ref().map(|path| project(app, Path::new(path))).transpose()?;
    let mut done = if args.dry_run { Vec::new() } else { machine(app)? };
    if let Some(path) = named {
        set_up_project(&path, args, &mut done, &mut report)?;
    }
    report.lines = done.iter().map(|line| line.as_str().into()).collect();
    agents::run(app, args, Direction::PutIn, &mut report)?;
    git_hook::run(app, args, Direction::PutIn, &mut report)?;
    if !args.dry_run {
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

fn set_up_project(project: &Path, args: &InitArgs, done: &mut Vec<String>, report: &mut Report) -> Result<(), Failure> {
    let planned = project_changes(project);
    if planned.is_empty() {
        done.push(format!("{} is set up", project.display()));
    } else if !args.dry_run && (args.yes || agreed(&planned.iter().map(Change::in_words).collect::<Vec<_>>())) {
        for change in &planned {
            change
                .make()
                .map_err(|error| Failure::environment(format!("cannot write {}: {error}", change.path().display())))?;
            done.push(change.in_words());
        }
    } else {
        done.extend(planned.iter().map(|change| format!("would {}", change.in_words())));
        report.notes.push("the project was not changed; repeat with --yes to do so".to_owned());
    }
    Ok(())
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
    let written = scripts::install(dir, SCRIPTS).map_err(failed(&dir.join("integrations")))?;
    done.extend(written.iter().map(|path| format!("wrote {}", path.display())));
    Ok(done)
}
/// At every moment the old link or the new one is there.
fn replace_link(target: &Path, link: &Path) -> std::io::Result<()> {
    let beside = link.with_extension(format!("new-{}", std::process::id()));
    symlink(target, &beside)?;
    fs::rename(&beside, link)
}

/// Something that is missing from a project. What is there already is never touched.
enum Change {
    Notes(PathBuf),
    Ignore(PathBuf),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Change::Notes(path) | Change::Ignore(path) => path,
        }
    }

    fn in_words(&self) -> String {
        match self {
            Change::Notes(path) => format!("write {}", path.display()),
            Change::Ignore(path) => format!("add .ai-orchestrator/ to {}", path.display()),
        }
    }

    fn make(&self) -> std::io::Result<()> {
        match self {
            Change::Notes(path) => {
                fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
                fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(NOTES.as_bytes())
            }
            Change::Ignore(path) => {
                let ends_well = fs::read(path)?.last().is_none_or(|byte| *byte == b'\n');
                let lines = if ends_well { IGNORED.trim_start_matches('\n').to_owned() } else { IGNORED.to_owned() };
                fs::OpenOptions::new().append(true).open(path)?.write_all(lines.as_bytes())
            }
        }
    }
}

fn project_changes(project: &Path) -> Vec<Change> {
    let notes = project.join(".ai-orchestrator/README.md");
    let ignore = project.join(".gitignore");
    let mut changes = Vec::new();
    if !notes.exists() {
        changes.push(Change::Notes(notes));
    }
    let ignored = fs::read_to_string(&ignore).map(|text| text.lines().any(|line| line.trim() == ".ai-orchestrator/"));
    if ignored.is_ok_and(|ignored| !ignored) {
        changes.push(Change::Ignore(ignore));
    }
    changes
}

/// Asks, where there is somebody to ask.
fn agreed(planned: &[String]) -> bool {
    if !can_ask() {
        return false;
    }
    let mut answer = String::new();
    let asked = write!(std::io::stderr(), "aio: {}? [y/N] ", planned.join(", and "));
    let read = std::io::stdin().read_line(&mut answer);
    asked.is_ok() && read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
