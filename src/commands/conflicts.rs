//! `aio conflicts`: which jobs will not merge, who holds the files in question, and in which order it hurts least.

mod picture;
mod watching;

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::merging::{self, Worker};
use super::projects;
use crate::app::{App, unspell};
use crate::cli::ConflictsArgs;
use crate::error::{Exit, Failure};
use crate::fleet::conflicts::{Cache, Candidate, Room, Survey, behind, survey};
use crate::host::repository::worktree_of;
use crate::output::{Line, Report, Style, count};
use crate::protocol::fleet::Standing;
use picture::Picture;

pub(super) fn run(app: &App, args: &ConflictsArgs) -> Result<Report, Failure> {
    if args.watch {
        return watching::run(app, args);
    }
    Ok(report(app, &look(app, args)?))
}

/// Every project in question, as it is now.
fn look(app: &App, args: &ConflictsArgs) -> Result<Looked, Failure> {
    let workers: Vec<Worker> = merging::all(app)?.into_iter().filter(Worker::is_live).collect();
    let projects = match &args.project {
        _ if args.all => all_of(&workers),
        Some(word) => vec![named(app, word)?],
        None => vec![current(app, &workers)?],
    };
    let is_alone = projects.len() == 1;
    let mut looked = Looked::default();
    for project in &projects {
        let repository = repository(project);
        let of: Vec<&Worker> =
            workers.iter().filter(|worker| self::repository(&worker.project) == repository).collect();
        match compare(app, project, &of).and_then(|survey| Picture::of(app, project, &of, survey)) {
            Ok(picture) => looked.pictures.push(picture),
            Err(failure) if is_alone => return Err(failure),
            // Of several projects, one that is gone does not hide the others.
            Err(failure) => {
                app.warn(&format!("{}: {}", project.display(), failure.message));
                looked.failed += 1;
            }
        }
    }
    Ok(looked)
}

/// What was seen.
#[derive(Default)]
struct Looked {
    pictures: Vec<Picture>,
    /// In how many projects nothing could be.
    failed: usize,
}

fn all_of(workers: &[Worker]) -> Vec<PathBuf> {
    let mut projects: Vec<PathBuf> = workers.iter().map(|worker| worker.project.clone()).collect();
    projects.sort_unstable();
    projects.dedup();
    let mut seen = HashSet::new();
    projects.retain(|project| seen.insert(repository(project)));
    projects
}

fn named(app: &App, word: &OsStr) -> Result<PathBuf, Failure> {
    Ok(unspell(&projects::resolve(app, word)?.path))
}

/// The project whose repository this is, in whichever of its worktrees.
fn current(app: &App, workers: &[Worker]) -> Result<PathBuf, Failure> {
    let here = unspell(&app.current_project());
    if worktree_of(&here).is_none() {
        let message = format!("{} is in no git repository", here.display());
        return Err(Failure::environment(message).hint("aio conflicts --all"));
    }
    let own = repository(&here);
    let is_same = |worker: &&Worker| repository(&worker.project) == own;
    Ok(workers.iter().find(is_same).map_or(here.clone(), |worker| worker.project.clone()))
}

/// What jobs must share for their branches to be compared; of a folder that is gone, that folder.
fn repository(project: &Path) -> PathBuf {
    let worktree = worktree_of(project).filter(|worktree| worktree.root == project);
    worktree.map_or_else(|| project.to_owned(), |worktree| worktree.common_dir)
}

fn compare(app: &App, project: &Path, workers: &[&Worker]) -> Result<Survey, Failure> {
    if workers.is_empty() {
        return Ok(Survey::default());
    }
    workers[0].must_have_project()?;
    let candidates: Vec<Candidate> = workers.iter().map(|worker| candidate(worker)).collect();
    let room = Room::beside(project).map_err(merging::failure)?;
    let mut cache = Cache::of(app.store.dir(), project);
    let mut survey = survey(project, &candidates, &room, &mut cache).map_err(merging::failure)?;
    survey.notes.extend(behind(project, &targets_of(&candidates)).map_err(merging::failure)?);
    Ok(survey)
}

fn targets_of(candidates: &[Candidate]) -> Vec<String> {
    let targets = candidates.iter().map(|candidate| candidate.target.clone()).filter(|target| !target.is_empty());
    targets.collect::<BTreeSet<String>>().into_iter().collect()
}

fn candidate(worker: &Worker) -> Candidate {
    Candidate {
        name: worker.id.clone(),
        branch: worker.branch.clone(),
        // Of one that is for no branch that is noted, and it is compared with the others all the same.
        target: worker.home().unwrap_or_default(),
        since: worker.since.clone(),
        worktree: Some(worker.worktree.clone()),
        is_starting: worker.standing == Standing::Starting,
    }
}

fn report(app: &App, Looked { pictures, failed }: &Looked) -> Report {
    let conflicts: usize = pictures.iter().map(|picture| picture.conflicts.len()).sum();
    let branches: usize = pictures.iter().map(|picture| picture.survey.branches.len()).sum();
    let mut report = Report::silent(if conflicts == 0 { "conflict-free" } else { "conflicts" });
    report.exit = match (conflicts, failed) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Environment,
        _ => Exit::Refused,
    };
    let (style, some) = match conflicts {
        0 => (Style::Good, "No conflicts".to_owned()),
        number => (Style::Bad, count(number as u64, "conflict")),
    };
    let unseen =
        if *failed == 0 { String::new() } else { format!("; not looked at: {}", count(*failed as u64, "project")) };
    report.lines.push(Line::of(style, format!("{some} among {}{unseen}", count(branches as u64, "job"))));
    for picture in pictures {
        let lines = picture.lines();
        if pictures.len() > 1 && !lines.is_empty() {
            report.lines.extend([Line::default(), Line::of(Style::Strong, picture.project.display().to_string())]);
        }
        report.lines.extend(lines);
        report.notes.extend(picture.survey.notes.iter().cloned());
    }
    if app.output.json {
        report.data = json!({ "projects": pictures.iter().map(Picture::as_json).collect::<Vec<_>>() });
    }
    report
}
