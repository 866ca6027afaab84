//! `aio projects`: what agents are launched into, each with a number and a name.
//!
//! A project is a repository's main worktree, in whichever of its worktrees it is named: what is launched in a linked one, as a
//! job's own is, belongs with what is launched beside it, and stays when that worktree is removed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::app::{App, spell, unspell};
use crate::cli::{ProjectsArgs, ProjectsVerb};
use crate::error::Failure;
use crate::fleet::git::{Repository, Trouble};
use crate::fleet::profile;
use crate::host::path::Existing;
use crate::host::repository::{Worktree, worktree_of};
use crate::output::{Line, Report, Style};
use crate::protocol::fleet::{Job, Project, find_project};
use crate::protocol::id;
use crate::protocol::op::{NewProject, Op, Outcome, Refusal, Request};
use crate::table::{Cell, Table};

pub(super) fn run(app: &App, args: &ProjectsArgs) -> Result<Report, Failure> {
    match &args.verb {
        None | Some(ProjectsVerb::List) => list(app),
        Some(ProjectsVerb::Add { paths, name, setup }) => add(app, paths, name.as_deref(), setup.as_deref()),
        Some(ProjectsVerb::Remove { project }) => {
            let path = resolve(app, project)?.path;
            let name = change(app, Op::RemoveProject { project: path })?;
            Ok(Report::done("project-removed", format!("Removed: {name}")))
        }
        Some(ProjectsVerb::Move { project, to }) => {
            let path = resolve(app, project)?.path;
            let name = change(app, Op::MoveProject { project: path, to: usize::from(*to) })?;
            Ok(Report::done("project-moved", format!("Moved: {name}")))
        }
    }
}

/// A project as somebody names it.
pub(super) struct Named {
    /// Its name; of one that was not added, its folder's.
    pub(super) name: String,
    /// As the state spells it.
    pub(super) path: String,
    /// What prepares a new worktree of it.
    pub(super) setup: String,
}

/// The project of a number, name or path. One that was not added may be named by its path.
///
/// # Errors
/// When there is none.
pub(super) fn resolve(app: &App, word: &OsStr) -> Result<Named, Failure> {
    let known = |word: &str| with_known(app, |known| Ok(find_project(known, word).ok().map(named)));
    if let Some(project) = word.to_str().map(known).transpose()?.flatten() {
        return Ok(project);
    }
    let root = worktree(app, Path::new(word)).map_err(|failure| match word.to_str() {
        Some(text) if !text.contains('/') && text != "." && !app.cwd.join(text).is_dir() => {
            Refusal::Unknown { what: "project", word: text.to_owned() }.into()
        }
        _ => failure,
    })?;
    let path = spell(&root);
    Ok(known(&path)?.unwrap_or_else(|| unnamed(&root, path)))
}

/// Every project that was added, in order.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn all(app: &App) -> Result<Vec<Named>, Failure> {
    with_known(app, |known| Ok(known.iter().map(named).collect()))
}

fn named(project: &Project<'_>) -> Named {
    Named { name: project.name.to_string(), path: project.path.to_string(), setup: project.setup.to_string() }
}

fn unnamed(root: &Path, path: String) -> Named {
    let folder = root.file_name().unwrap_or_default().to_string_lossy();
    Named { name: id::tool_name(&folder).unwrap_or_else(|| "project".to_owned()), path, setup: String::new() }
}

fn with_known<T>(app: &App, mut ask: impl FnMut(&[Project<'_>]) -> Result<T, Failure>) -> Result<T, Failure> {
    app.with_state(|state| {
        let known = state.projects.entries().map_err(|error| Refusal::Malformed(error.to_string()))?;
        ask(&known)
    })
}

/// The main worktree of the repository whose worktree this is; this, where that is known nowhere.
fn main_of(Worktree { root, common_dir }: Worktree) -> PathBuf {
    if common_dir == root.join(".git") {
        return root;
    }
    let main = Repository::open(&root).and_then(|repository| repository.main_worktree());
    main.ok().flatten().unwrap_or(root)
}

/// Where the repository of a job is. Its record may name a linked worktree, which may be gone while the job's own is there.
pub(super) fn home_of(job: &Job<'_>) -> PathBuf {
    let (recorded, own) = (unspell(&job.project), unspell(&job.worktree));
    // Its own, which is what may be taken away, is no home for it.
    let found = if recorded.is_dir() { main_at(&recorded) } else { main_at(&own).filter(|main| *main != own) };
    found.unwrap_or(recorded)
}

/// The main worktree, from the top of any. What is none is not taken for a part of whatever is around it.
fn main_at(top: &Path) -> Option<PathBuf> {
    worktree_of(top).filter(|worktree| worktree.root == top).map(main_of)
}

/// Tells whether a job is of a project.
pub(super) fn is_of(project: &Named) -> impl Fn(&Job<'_>) -> bool {
    let path = unspell(&project.path);
    let home = main_at(&path).unwrap_or(path);
    move |job| unspell(&job.project) == home || home_of(job) == home
}

/// The main worktree of the repository at or around a folder.
fn worktree(app: &App, typed: &Path) -> Result<PathBuf, Failure> {
    let resolved = app.physical(None, typed)?;
    let shown = typed.display();
    if resolved.existing != Existing::Directory {
        return Err(Failure::environment(format!("no such folder: {shown}")).hint("name a folder that exists"));
    }
    let Some(worktree) = worktree_of(&resolved.path) else {
        let is_bare = Repository::open(&resolved.path).is_ok_and(|repository| repository.is_bare());
        let kind = if is_bare { Trouble::Bare } else { Trouble::NoRepository };
        return Err(kind(resolved.path).into());
    };
    Ok(main_of(worktree))
}

fn add(app: &App, paths: &[std::ffi::OsString], name: Option<&str>, setup: Option<&str>) -> Result<Report, Failure> {
    if name.is_some() && paths.len() > 1 {
        return Err(Failure::usage("one name for several projects").hint("add them one by one"));
    }
    if let Some(name) = name.filter(|name| !id::is_tool_name(name)) {
        return Err(Failure::usage(format!(
            "{name:?} is no name: small letters, digits and -, beginning with a letter"
        ))
        .hint("leave it out to use the folder's"));
    }
    let here = [".".into()];
    let paths = if paths.is_empty() { &here[..] } else { paths };
    // All are looked at before the first is added.
    let roots: Vec<PathBuf> = paths.iter().map(|path| worktree(app, Path::new(path))).collect::<Result<_, _>>()?;
    let mut report = Report::silent("project-added");
    for root in &roots {
        let new = NewProject {
            path: spell(root),
            name: name.map(str::to_owned),
            setup: setup.map(str::to_owned),
            reserved: reserved(app),
        };
        let name = change(app, Op::AddProject(new))?;
        report.lines.push(format!("Added: {name}  {}", root.display()).into());
    }
    Ok(report.with(json!({ "projects": with_known(app, |known| Ok(rows(known)))? })))
}

/// What asks for agents where a project could be named.
fn reserved(app: &App) -> Vec<String> {
    let words = |profile: profile::Profile| [profile.letter().map(String::from), Some(profile.name)];
    profile::all(app.profiles()).into_iter().flat_map(words).flatten().collect()
}

fn list(app: &App) -> Result<Report, Failure> {
    with_known(app, |known| {
        let mut table = Table::new(&[2, 3]);
        known.iter().enumerate().for_each(|(index, project)| table.row(row(index + 1, project)));
        let mut report = Report::silent("projects").with(json!({ "projects": rows(known) }));
        report.lines = table.fit(app.output.width());
        if known.is_empty() {
            report.lines.push(Line::of(Style::Faint, "No projects yet: aio projects add FOLDER"));
        }
        Ok(report)
    })
}

fn row(number: usize, project: &Project<'_>) -> Vec<Cell> {
    let path = unspell(&project.path);
    let remark = match () {
        () if !path.exists() => Cell::new(Style::Bad, "not there"),
        () if !project.setup.is_empty() => Cell::new(Style::Faint, format!("setup: {}", project.setup)),
        () => Cell::plain(""),
    };
    vec![
        Cell::new(Style::Strong, number.to_string()),
        Cell::plain(&*project.name),
        Cell::new(Style::Faint, path.display().to_string()),
        remark,
    ]
}

fn rows(projects: &[Project<'_>]) -> Vec<serde_json::Value> {
    let value = |(index, project): (usize, &Project<'_>)| {
        json!({
            "number": index + 1, "name": &*project.name, "path": &*project.path, "setup": &*project.setup,
            "addedAt": &*project.added_at,
        })
    };
    projects.iter().enumerate().map(value).collect()
}

fn change(app: &App, op: Op) -> Result<String, Failure> {
    match app.transact(&Request { actor: None, op })? {
        Outcome::Project { name } => Ok(name),
        _ => Ok(String::new()),
    }
}
