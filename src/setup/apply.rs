//! A plan carried out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::agents::Agent;
use super::manifest::{self, Entry, FOLDER, Manifest, spell, unspell};
use super::plan::{Change, Direction, Plan, Problem, plan};
use super::{Scope, World};
use crate::store::StoreError;
use crate::store::lock::{Guard, Patience};

/// How often we start over when other programs keep writing between our read and our rename.
const MOST_ATTEMPTS: usize = 20;
const LOCK: &str = "lock";

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// In words, a line a change.
    pub words: Vec<String>,
    /// The files that were left alone.
    pub problems: Vec<Problem>,
}

/// Sets some agents up, or takes us out of their settings. What was agreed to may have to be planned anew, where another
/// program wrote in between: `allowed` says which changes may be made.
///
/// # Errors
/// When our own directory cannot be locked or written; settings are as they were then.
pub fn carry_out(
    world: &World<'_>,
    scope: &Scope,
    agents: &[&'static Agent],
    direction: Direction,
    (patience, stamp): (Patience, &str),
    allowed: &dyn Fn(&Change) -> bool,
) -> Result<Done, StoreError> {
    let folder = world.dir.join(FOLDER);
    let _guard = lock(&world.dir, patience, stamp)?;
    let mut done = Done::default();
    for _ in 0..MOST_ATTEMPTS {
        let plan = plan(world, scope, agents, direction);
        sweep(&plan.leftovers);
        let is_settled = attempt(world, scope, plan, direction, allowed, &mut done);
        if is_settled.map_err(StoreError::io("write", &folder))? {
            return Ok(done);
        }
    }
    done.problems.push(rewritten(&folder));
    Ok(done)
}

/// Keeps others out of settings and of our folder.
pub(super) fn lock(dir: &Path, patience: Patience, stamp: &str) -> Result<Guard, StoreError> {
    let folder = dir.join(FOLDER);
    manifest::make_private(&folder).map_err(StoreError::io("create", &folder))?;
    Guard::acquire(&folder.join(LOCK), patience, stamp.to_owned())
}

/// The projects whose settings have something of ours.
pub fn projects(world: &World<'_>) -> Vec<PathBuf> {
    Manifest::load(&world.dir).projects()
}

fn sweep(leftovers: &[PathBuf]) {
    // What cannot be removed now is there for the next one.
    leftovers.iter().for_each(|path| fs::remove_file(path).unwrap_or_default());
}

fn rewritten(folder: &Path) -> Problem {
    Problem { agent: "", path: folder.to_owned(), reason: "another program keeps rewriting the settings".to_owned() }
}

/// Makes all changes that may be made. False where another program wrote in between.
fn attempt(
    world: &World<'_>,
    scope: &Scope,
    plan: Plan,
    direction: Direction,
    allowed: &dyn Fn(&Change) -> bool,
    done: &mut Done,
) -> io::Result<bool> {
    let changes: Vec<Change> = plan.changes.into_iter().filter(allowed).collect();
    let mut manifest = Manifest::load(&world.dir);
    done.problems = plan.problems;
    if direction == Direction::PutIn {
        for change in &changes {
            let entry = promised(world, scope, &manifest, change)?;
            manifest.set(&change.original.real, entry);
        }
    }
    if !changes.is_empty() {
        manifest.save(&world.dir)?;
    }
    let mut is_settled = true;
    for change in &changes {
        match make(change) {
            Ok(true) => {
                done.words.extend(change.words.iter().cloned());
                settle(&mut manifest, change, direction);
            }
            Ok(false) => is_settled = false,
            Err(error) => {
                let (agent, path) = (change.agents[0], change.path.clone());
                done.problems.push(Problem { agent, path, reason: format!("it cannot be written: {error}") });
            }
        }
    }
    if !changes.is_empty() {
        manifest.save(&world.dir)?;
    }
    Ok(is_settled)
}

/// The entry of a file that is about to be written: true of it before as well as after.
fn promised(world: &World<'_>, scope: &Scope, manifest: &Manifest, change: &Change) -> io::Result<Entry> {
    let known = manifest.get(&change.original.real).cloned().unwrap_or_default();
    let (Some(after), bytes) = (&change.after, change.original.bytes.as_deref()) else { return Ok(known) };
    let is_ours = bytes.is_some_and(|bytes| known.is_ours(bytes));
    let mut entry = Entry { wrote: vec![manifest::hash(after)], ..known };
    if is_ours {
        entry.wrote.extend(bytes.map(manifest::hash));
    } else {
        let copy = change.without.as_deref().map(|without| manifest::keep_copy(&world.dir, without));
        entry.before = copy.transpose()?;
    }
    entry.agents.extend(change.agents.iter().map(|agent| (*agent).to_owned()));
    entry.agents.sort_unstable();
    entry.agents.dedup();
    entry.folders.extend(change.folders.iter().map(|folder| spell(folder)));
    if let Scope::Project(project) = scope {
        entry.project = Some(spell(project));
    }
    Ok(entry)
}

fn make(change: &Change) -> io::Result<bool> {
    let folder = change.original.real.parent().unwrap_or(Path::new("/"));
    match &change.after {
        Some(after) => {
            fs::create_dir_all(folder)?;
            change.original.replace(after)
        }
        None => change.original.remove(),
    }
}

/// Notes a change that was made.
fn settle(manifest: &mut Manifest, change: &Change, direction: Direction) {
    let Some(mut entry) = manifest.get(&change.original.real).cloned() else { return };
    if direction == Direction::TakeOut {
        entry.agents.retain(|agent| !change.agents.iter().any(|removed| removed == agent));
        let is_ours = change.original.bytes.as_deref().is_some_and(|bytes| entry.is_ours(bytes));
        if entry.agents.is_empty() || change.after.is_none() {
            // Those that others filled since stay.
            entry.folders.iter().rev().for_each(|folder| fs::remove_dir(unspell(folder)).unwrap_or_default());
            return manifest.forget(&change.original.real);
        }
        if !is_ours {
            return manifest.set(&change.original.real, entry);
        }
    }
    entry.wrote = change.after.iter().map(|after| manifest::hash(after)).collect();
    manifest.set(&change.original.real, entry);
}
