//! What will not merge in one project, joined to who holds what.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::super::merging::Worker;
use super::super::targets;
use crate::app::{App, spell};
use crate::error::Failure;
use crate::fleet::conflicts::{Clash, Step, Survey};
use crate::output::{Line, Style};
use crate::protocol::evidence::Evidence;
use crate::protocol::lease;
use crate::protocol::place::{Place, Prepared};
use crate::protocol::spelling;
use crate::protocol::state::{Claim, State, Wanted};

/// Files of one conflict that are shown and joined to their holders; of the rest there is the number.
const SHOWN: usize = 50;

/// One project.
pub(super) struct Picture {
    pub(super) project: PathBuf,
    pub(super) survey: Survey,
    pub(super) conflicts: Vec<Conflict>,
}

/// Two that will not go together.
#[derive(Clone, PartialEq, Serialize)]
pub(super) struct Conflict {
    pub(super) ours: String,
    pub(super) theirs: String,
    #[serde(rename = "withTarget")]
    pub(super) with_target: bool,
    /// Spelled, and who holds each.
    pub(super) files: Vec<Contested>,
    /// Files beyond those.
    pub(super) more: usize,
    /// They have no history in common.
    pub(super) unrelated: bool,
}

/// A file that both changed.
#[derive(Clone, PartialEq, Serialize)]
pub(super) struct Contested {
    pub(super) path: String,
    #[serde(rename = "heldBy")]
    pub(super) held_by: Vec<Holder>,
}

/// Who holds it, in whichever worktree.
#[derive(Clone, PartialEq, Serialize)]
pub(super) struct Holder {
    instance: String,
    /// The job it works for; empty where it is none of these.
    job: String,
    #[serde(rename = "type")]
    kind: String,
    target: String,
    project: String,
}

impl Picture {
    /// Joins what was found to the claims in force.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(super) fn of(app: &App, project: &Path, workers: &[&Worker], survey: Survey) -> Result<Picture, Failure> {
        let clashes: Vec<(Clash, Vec<Option<Wanted<'_>>>)> = survey
            .clashes
            .iter()
            .map(|clash| {
                (clash.clone(), clash.files.iter().take(SHOWN).map(|file| place(app, project, file)).collect())
            })
            .collect();
        let conflicts = app.with_state(|state| {
            let evidence = app.evidence(state, &state.instances.iter().collect::<Vec<_>>());
            let join = |(clash, places): &(Clash, Vec<Option<Wanted<'_>>>)| {
                let contested = clash.files.iter().zip(places).map(|(file, place)| Contested {
                    path: spelling::encode(file).into_owned(),
                    held_by: place.as_ref().map_or(Vec::new(), |place| holders(place, workers, state, &evidence)),
                });
                Conflict {
                    ours: clash.ours.clone(),
                    theirs: clash.theirs.clone(),
                    with_target: clash.with_target,
                    files: contested.collect(),
                    more: clash.files.len().saturating_sub(SHOWN),
                    unrelated: clash.is_unrelated,
                }
            };
            Ok(clashes.iter().map(join).collect())
        })?;
        Ok(Picture { project: project.to_owned(), survey, conflicts })
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.conflicts.iter().flat_map(|conflict| self.conflict_lines(conflict)).collect();
        if self.conflicts.is_empty() || self.survey.order.len() < 2 {
            return lines;
        }
        lines.push(Line::of(Style::Strong, "Merge in this order:"));
        lines.extend(self.survey.order.iter().enumerate().map(|(index, step)| step_line(index + 1, step)));
        lines
    }

    fn conflict_lines(&self, conflict: &Conflict) -> Vec<Line> {
        let mut lines =
            vec![Line(vec![(Style::Bad, "CONFLICT".to_owned()), (Style::Plain, format!("  {}", self.pair(conflict)))])];
        if let Some(why) = conflict.without_files() {
            lines.push(format!("  ({why})").into());
        }
        lines.extend(conflict.files.iter().map(Contested::line));
        if conflict.more > 0 {
            lines.push(format!("  and {} more", conflict.more).into());
        }
        lines
    }

    /// Both names; what counts though it is not committed is said.
    pub(super) fn pair(&self, conflict: &Conflict) -> String {
        let is_dirty = |name: &str| self.survey.branches.iter().any(|branch| branch.name == name && branch.is_dirty);
        let named = |name: &str| format!("{name}{}", if is_dirty(name) { " (not committed)" } else { "" });
        let theirs = if conflict.with_target { conflict.theirs.clone() } else { named(&conflict.theirs) };
        format!("{} and {theirs}", named(&conflict.ours))
    }

    pub(super) fn as_json(&self) -> Value {
        let branch = |branch: &crate::fleet::conflicts::Branch| {
            json!({
                "job": branch.name, "commit": branch.commit, "dirty": branch.is_dirty, "hasWork": branch.has_work,
            })
        };
        let step =
            |step: &Step| json!({ "job": step.name, "rebaseFirst": step.rebase_first, "thenRebase": step.then_rebase });
        json!({
            "project": self.project.display().to_string(),
            "branches": self.survey.branches.iter().map(branch).collect::<Vec<_>>(),
            "conflicts": self.conflicts,
            "order": self.survey.order.iter().map(step).collect::<Vec<_>>(),
            "notes": self.survey.notes,
        })
    }
}

impl Conflict {
    /// What it is about where it is about no file.
    pub(super) fn without_files(&self) -> Option<&'static str> {
        match (self.files.is_empty(), self.unrelated) {
            (_, true) => Some("no history in common"),
            (true, false) => Some("folders that were renamed"),
            (false, false) => None,
        }
    }
}

impl Contested {
    fn line(&self) -> Line {
        let mut spans = vec![(Style::Plain, format!("  {}", self.path))];
        if !self.held_by.is_empty() {
            let holders: Vec<String> = self.held_by.iter().map(Holder::name).collect();
            spans.push((Style::Faint, format!("  held by {}", holders.join(", "))));
        }
        Line(spans)
    }
}

impl Holder {
    fn name(&self) -> String {
        if self.job.is_empty() { self.instance.clone() } else { format!("{} ({})", self.instance, self.job) }
    }
}

fn step_line(number: usize, step: &Step) -> Line {
    let mut spans = vec![(Style::Plain, format!("  {number}. {}", step.name))];
    if step.rebase_first {
        spans.push((Style::Notice, "  rebase it first".to_owned()));
    }
    if !step.then_rebase.is_empty() {
        spans.push((Style::Faint, format!("  then rebase {}", step.then_rebase.join(", "))));
    }
    Line(spans)
}

/// The file in the project's own worktree; none for a name that cannot be a path.
fn place(app: &App, project: &Path, file: &[u8]) -> Option<Wanted<'static>> {
    targets::any_path(app, OsStr::from_bytes(file), project).ok()
}

/// Who holds a file, there or in another worktree of the repository.
fn holders(place: &Wanted<'_>, workers: &[&Worker], state: &State<'_>, evidence: &Evidence) -> Vec<Holder> {
    let prepared = Prepared::new(place);
    let is_meant = |claim: &&Claim<'_>| {
        let at: Place<'_> = (*claim).into();
        (prepared.overlaps(&at) || prepared.shadows(&at)) && lease::standing(claim, state, evidence).in_force()
    };
    let holder = |claim: &Claim<'_>| {
        let works_for = |worker: &&&Worker| {
            claim.instance_id == *worker.instance && !worker.instance.is_empty()
                || claim.project == *spell(&worker.worktree)
        };
        let worker = workers.iter().find(works_for);
        Holder {
            instance: claim.instance_id.to_string(),
            job: worker.map_or(String::new(), |worker| worker.id.clone()),
            kind: claim.kind.to_string(),
            target: claim.target.to_string(),
            project: claim.project.to_string(),
        }
    };
    state.claims.iter().filter(is_meant).map(holder).collect()
}
