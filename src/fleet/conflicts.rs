//! Which branches will not go together, before anybody merges them.
//!
//! Every pair of branches, and each against where it is to go, is merged by git itself, in a room beside the repository; what
//! is not committed yet counts. What comes out is what `git merge` would say, by the project's own settings and attributes, and
//! by those that the first of two brings. Two that go together in one order only are no conflict: the order says which is first.
//! Does not resolve anything. The survey does not see what three branches make of each other that no two of them do; where
//! attributes are brought, a rehearsal of the whole sequence does.

mod attributes;
mod batch;
mod cache;
mod inquiry;
mod order;
mod room;
mod sequence;
mod terms;
mod uncommitted;
mod upstream;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use inquiry::{Answer, Inquiry};

pub use batch::{Meeting, Pair, meet};
pub use cache::Cache;
pub use order::{Entrant, Step, order};
pub use room::{Room, Snapshot};
pub use sequence::{Rehearsal, rehearse};
pub use upstream::behind;

use super::merge::{Trouble, arrived, branch_ref, listed, resolve};
use crate::protocol::spelling;

/// A branch that is to be looked at.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// By which it is named in the answer.
    pub name: String,
    /// The branch.
    pub branch: String,
    /// The branch it is to be merged into; empty for none.
    pub target: String,
    /// When it began, as the state spells it.
    pub since: String,
    /// Where it is checked out; what is not committed there counts, too.
    pub worktree: Option<PathBuf>,
    /// Its branch and worktree may still be in the making; then nothing is said where they are not there.
    pub is_starting: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// What was compared.
    pub branches: Vec<Branch>,
    /// What will not go together.
    pub clashes: Vec<Clash>,
    /// In which order to merge.
    pub order: Vec<Step>,
    /// What could not be looked at, and why.
    pub notes: Vec<String>,
    /// One of them brings attributes. Then three may make of each other what no two of them do: see `rehearse`.
    pub brings_attributes: bool,
}

/// A branch as it was compared.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The candidate's name.
    pub name: String,
    /// What stood for it.
    pub commit: String,
    /// Whether that has in it what is not committed.
    pub is_dirty: bool,
    /// Whether anything of it is not in its target yet. What has nothing conflicts with nobody.
    pub has_work: bool,
    /// The files in its worktree whose conflict nobody resolved yet.
    pub unmerged: Vec<Vec<u8>>,
}

/// Two that will not go together.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clash {
    /// A candidate's name.
    pub ours: String,
    /// Another's, or the target where `with_target` says so.
    pub theirs: String,
    /// It is between a branch and where it is to go.
    pub with_target: bool,
    /// Where; empty where only renamed folders are in question.
    pub files: Vec<Vec<u8>>,
    /// The two have no history in common.
    pub is_unrelated: bool,
}

impl Clash {
    /// The files, spelled as the state spells paths.
    pub fn spelled(&self) -> Vec<String> {
        self.files.iter().map(|file| spelling::encode(file).into_owned()).collect()
    }
}

/// Compares every candidate with every other, and each with its target.
///
/// # Errors
/// When git is too old, or the repository cannot be looked at.
pub fn survey(repository: &Path, candidates: &[Candidate], room: &Room, cache: &mut Cache) -> Result<Survey, Trouble> {
    let mut survey = Survey::default();
    let found = find(repository, candidates, room, &mut survey)?;
    let (asked, pairs) = pair_up(&found);
    let brought = attributes::brought(repository, &found, room)?;
    survey.brings_attributes = !brought.is_empty();
    let answers = Inquiry::begin(repository, room, cache, &pairs)?.answers(&asked, &pairs, &brought)?;
    let mut one_way = Vec::new();
    for ((asked, pair), answer) in asked.into_iter().zip(&pairs).zip(answers) {
        match answer {
            Answer::Met(Meeting::Clean) => {}
            Answer::Met(Meeting::Conflict(files)) => survey.clashes.push(Clash { files, ..asked }),
            Answer::Met(Meeting::Impossible(_)) if asked.with_target && room.is_unrelated(repository, pair)? => {
                survey.clashes.push(Clash { is_unrelated: true, ..asked });
            }
            Answer::Met(Meeting::Impossible(why)) => {
                survey.notes.push(format!("{} and {} cannot be compared: {why}", asked.ours, asked.theirs));
            }
            Answer::OursFirst(files) => one_way.push(Clash { files, ..asked }),
            Answer::TheirsFirst(files) => {
                one_way.push(Clash { files, ours: asked.theirs.clone(), theirs: asked.ours, ..asked });
            }
        }
    }
    add_unmerged(&mut survey, candidates);
    survey.notes.extend(uncommitted::in_the_way(repository, candidates, &survey.branches)?);
    survey.order = suggest(&found, &survey.clashes, &one_way);
    add_one_way(&mut survey, one_way);
    Ok(survey)
}

/// Those that go together in one order only: which that is, or that it cannot be had, since others are in a ring with them.
fn add_one_way(survey: &mut Survey, one_way: Vec<Clash>) {
    for clash in one_way {
        let place = |name: &str| survey.order.iter().position(|step| step.name == name);
        if place(&clash.ours) > place(&clash.theirs) {
            survey.clashes.push(clash);
            continue;
        }
        let Clash { ours, theirs, .. } = &clash;
        let files = listed(&clash.spelled());
        survey.notes.push(format!("{ours} comes before {theirs}: the other way round they conflict in {files}"));
    }
}

/// What nobody has resolved yet in a worktree is in conflict with where that is to go, whatever git would say of the rest.
fn add_unmerged(survey: &mut Survey, candidates: &[Candidate]) {
    for Branch { name, unmerged, .. } in survey.branches.iter().filter(|branch| !branch.unmerged.is_empty()) {
        survey.notes.push(format!("{name} has conflicts in its worktree that nobody resolved yet"));
        let files = unmerged.iter().cloned();
        match survey.clashes.iter_mut().find(|clash| clash.with_target && clash.ours == *name) {
            Some(known) => {
                known.files.extend(files);
                known.files.sort_unstable();
                known.files.dedup();
            }
            None => {
                let target = candidates.iter().find(|candidate| candidate.name == *name);
                let theirs = target.map_or_else(String::new, |candidate| candidate.target.clone());
                let clash = Clash { ours: name.clone(), theirs, with_target: true, ..Clash::default() };
                survey.clashes.push(Clash { files: files.collect(), ..clash });
            }
        }
    }
}

fn named(clash: &Clash) -> (&str, &str) {
    (&clash.ours, &clash.theirs)
}

struct Found<'c> {
    candidate: &'c Candidate,
    commit: String,
    target: Option<String>,
}

/// The commits of all that is there; the rest is noted.
fn find<'c>(
    repository: &Path,
    candidates: &'c [Candidate],
    room: &Room,
    survey: &mut Survey,
) -> Result<Vec<Found<'c>>, Trouble> {
    let refs = candidates.iter().flat_map(|candidate| [&candidate.branch, &candidate.target]);
    let refs: Vec<String> = refs.map(|branch| branch_ref(branch)).collect();
    let mut commits = resolve(repository, &refs)?.into_iter();
    let mut missing: Vec<&str> = Vec::new();
    let mut home = Home::default();
    let mut found = Vec::new();
    for candidate in candidates {
        let (tip, target) = (commits.next().flatten(), commits.next().flatten());
        if target.is_none() && !missing.contains(&candidate.target.as_str()) {
            missing.push(&candidate.target);
        }
        let Some(mut branch) = present(candidate, tip, room, &mut survey.notes) else { continue };
        branch.has_work = branch.is_dirty || !home.has(repository, target.as_deref(), &candidate.branch)?;
        if branch.has_work {
            found.push(Found { candidate, commit: branch.commit.clone(), target });
        }
        survey.branches.push(branch);
    }
    survey.notes.extend(missing.into_iter().map(|target| match target {
        "" => "some are for no branch, and compared with none".to_owned(),
        target => format!("there is no branch {target:?} to compare with"),
    }));
    Ok(found)
}

/// Which branches are in which target, each target asked about once.
#[derive(Default)]
struct Home {
    asked: HashMap<String, HashSet<String>>,
}

impl Home {
    fn has(&mut self, repository: &Path, target: Option<&str>, branch: &str) -> Result<bool, Trouble> {
        let Some(target) = target else { return Ok(false) };
        if !self.asked.contains_key(target) {
            self.asked.insert(target.to_owned(), arrived(repository, target)?);
        }
        Ok(self.asked.get(target).is_some_and(|branches| branches.contains(&branch_ref(branch))))
    }
}

/// What stands for a candidate now.
fn present(candidate: &Candidate, tip: Option<String>, room: &Room, notes: &mut Vec<String>) -> Option<Branch> {
    let name = candidate.name.clone();
    let is_there = candidate.worktree.as_ref().is_some_and(|worktree| worktree.exists());
    let is_starting = candidate.is_starting && !is_there;
    let Some(tip) = tip else {
        if is_starting {
            return None;
        }
        notes.push(format!("{name} has no branch {:?}", candidate.branch));
        return None;
    };
    let committed =
        Branch { name: name.clone(), commit: tip.clone(), is_dirty: false, has_work: true, unmerged: Vec::new() };
    let Some(worktree) = &candidate.worktree else { return Some(committed) };
    if is_starting {
        return Some(committed);
    }
    if !is_there {
        notes.push(format!("the worktree of {name} is not there: {}", worktree.display()));
        return Some(committed);
    }
    match room.snapshot(worktree) {
        // In the middle of a rebase, say. What comes home is the branch.
        Ok(Snapshot { head, unmerged, .. }) if head != tip => {
            notes.push(format!("{name} has something else checked out than its branch, which was compared"));
            Some(Branch { unmerged, ..committed })
        }
        Ok(Snapshot { head, commit, left_out, unmerged }) => {
            notes.extend(left_out.map(|why| format!("not all that {name} holds was compared: {why}")));
            Some(Branch { name, is_dirty: head != commit, commit, has_work: true, unmerged })
        }
        Err(trouble) => {
            notes.push(format!("what {name} has not committed was not compared: {trouble}"));
            Some(committed)
        }
    }
}

/// Who is compared with whom, and by which commits.
fn pair_up(found: &[Found<'_>]) -> (Vec<Clash>, Vec<Pair>) {
    let clash = |ours: &Candidate, theirs: &str, with_target| {
        let (ours, theirs) = (ours.name.clone(), theirs.to_owned());
        Clash { ours, theirs, with_target, ..Clash::default() }
    };
    let mut all = Vec::new();
    for (at, one) in found.iter().enumerate() {
        if let Some(target) = &one.target {
            let pair = (target.clone(), one.commit.clone());
            all.push((clash(one.candidate, &one.candidate.target, true), pair));
        }
        for other in &found[at + 1..] {
            let pair = (one.commit.clone(), other.commit.clone());
            all.push((clash(one.candidate, &other.candidate.name, false), pair));
        }
    }
    all.retain(|(_, (ours, theirs))| ours != theirs);
    all.into_iter().unzip()
}

fn suggest(found: &[Found<'_>], clashes: &[Clash], one_way: &[Clash]) -> Vec<Step> {
    let is_blocked = |name: &str| clashes.iter().any(|clash| clash.with_target && clash.ours == name);
    let candidates = found.iter().map(|found| found.candidate);
    let entrants: Vec<Entrant<'_>> =
        candidates.map(|Candidate { name, since, .. }| Entrant { name, since, is_blocked: is_blocked(name) }).collect();
    let conflicts: Vec<(&str, &str)> = clashes.iter().filter(|clash| !clash.with_target).map(named).collect();
    let before: Vec<(&str, &str)> = one_way.iter().map(named).collect();
    order(&entrants, &conflicts, &before)
}

#[cfg(test)]
mod tests;
