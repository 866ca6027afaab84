//! What commits have that is their own: not what was there when they began, nor what they took over from their target since,
//! by merging it or by being rebased onto it.
//!
//! Guarantees one git process for any number of tips, and one more where one of them is in its target without a merge that
//! brought it. Once a tip has arrived in its target, its own is what the target had not got before that merge; nothing, where
//! the tip was made in the target itself. Does not know what else arrived without a merge, as when the target was moved forward
//! to the tip: then everything since the beginning counts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::super::git::{Trouble, done, git};

/// What a tip has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// With what to compare it.
    pub from: String,
    /// How many commits.
    pub commits: usize,
    /// All of it is in the target.
    pub has_arrived: bool,
}

/// Where work is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its ref.
    pub name: String,
    /// The commit it is now.
    pub commit: String,
}

/// What each of the tips has of its own.
///
/// # Errors
/// When one of them is not there, or git cannot be asked.
pub fn own(
    folder: &Path,
    base: &str,
    target: Option<&Target>,
    tips: &BTreeSet<&str>,
) -> Result<HashMap<String, Own>, Trouble> {
    let commit = target.map(|target| &*target.commit);
    let input: String = tips.iter().copied().chain(commit).map(|commit| format!("{commit}\n")).collect();
    // No commit before those that follow it, and else the newest first: as git-merge-base(1) chooses.
    let program = git(folder).args(["rev-list", "--parents", "--date-order", "--stdin"]);
    let listed = done(program.input(format!("{input}^{base}\n")), "count the commits")?.text();
    let history = History::read(&listed, base);
    let mut all: HashMap<String, Own> = tips.iter().map(|tip| ((*tip).to_owned(), history.own(commit, tip))).collect();
    let is_unclear = |tip: &&str| history.place.contains_key(*tip) && history.is_in_line(commit, tip);
    let unclear: Vec<&str> = tips.iter().copied().filter(is_unclear).collect();
    if let Some(target) = target.filter(|_| !unclear.is_empty()) {
        let made = made_in(folder, &target.name);
        for tip in unclear.into_iter().filter(|tip| made.contains(*tip)) {
            all.insert(tip.to_owned(), Own { from: tip.to_owned(), commits: 0, has_arrived: true });
        }
    }
    Ok(all)
}

/// The commits that were made in a branch itself, as far as git remembers; none of them is of a branch that arrived there.
fn made_in(folder: &Path, name: &str) -> HashSet<String> {
    let args = ["log", "--walk-reflogs", "--no-show-signature", "--no-patch", "--format=%H %gs", name, "--"];
    // A branch need not have such a memory.
    let Ok(ran) = done(git(folder).args(args), "see what was made there") else { return HashSet::new() };
    let is_making = |what: &str| {
        what.contains(": Merge made by ")
            || ["commit", "cherry-pick", "revert"].iter().any(|made| what.starts_with(made))
    };
    let text = ran.text();
    let entries = text.lines().filter_map(|line| line.split_once(' '));
    entries.filter(|(_, what)| is_making(what)).map(|(id, _)| id.to_owned()).collect()
}

/// The commits since a beginning, none before those that follow it.
struct History<'t> {
    base: &'t str,
    place: HashMap<&'t str, usize>,
    ids: Vec<&'t str>,
    /// Those before the beginning, too.
    parents: Vec<Vec<&'t str>>,
}

impl<'t> History<'t> {
    /// What git lists: in each line a commit and its parents.
    fn read(listed: &'t str, base: &'t str) -> History<'t> {
        let mut history = History { base, place: HashMap::new(), ids: Vec::new(), parents: Vec::new() };
        for line in listed.lines() {
            let mut ids = line.split(' ');
            let Some(id) = ids.next() else { continue };
            history.place.insert(id, history.ids.len());
            history.ids.push(id);
            history.parents.push(ids.collect());
        }
        history
    }

    fn own(&self, target: Option<&str>, tip: &str) -> Own {
        let mine = self.reached(Some(tip));
        let has_arrived = target == Some(tip) || self.place.get(tip).is_some_and(|at| self.reached(target)[*at]);
        let theirs = self.reached(if has_arrived { self.before(target, tip) } else { target });
        let both = (0..self.ids.len()).find(|at| mine[*at] && theirs[*at]);
        // A target that has not got the beginning has nothing to compare with.
        let shared = both.map(|at| self.ids[at]).filter(|id| self.begins_at_base(id));
        Own {
            from: shared.unwrap_or(self.base).to_owned(),
            commits: mine.iter().zip(&theirs).filter(|(mine, theirs)| **mine && !**theirs).count(),
            has_arrived,
        }
    }

    /// Which of the commits one has.
    fn reached(&self, from: Option<&str>) -> Vec<bool> {
        let mut reached = vec![false; self.ids.len()];
        let mut open: Vec<&str> = from.into_iter().collect();
        while let Some(at) = open.pop().and_then(|id| self.place.get(id)) {
            reached[*at] = true;
            open.extend(self.parents[*at].iter().filter(|id| self.place.get(*id).is_some_and(|at| !reached[*at])));
        }
        reached
    }

    /// What the target was before a merge brought it the tip; none where it was none that did.
    fn before<'a>(&'a self, target: Option<&'a str>, tip: &str) -> Option<&'a str> {
        let mut has_it = vec![false; self.ids.len()];
        for (at, parents) in self.parents.iter().enumerate().rev() {
            has_it[at] =
                self.ids[at] == tip || parents.iter().any(|id| self.place.get(id).is_some_and(|at| has_it[*at]));
        }
        let mut now = target;
        while let Some((id, at)) = now.and_then(|id| Some((id, *self.place.get(id)?))).filter(|(id, _)| *id != tip) {
            if !has_it[at] {
                return Some(id);
            }
            now = self.parents[at].first().copied();
        }
        None
    }

    /// Whether the target itself was once the tip.
    fn is_in_line(&self, target: Option<&str>, tip: &str) -> bool {
        let parent = |id: &&str| self.place.get(*id).and_then(|at| self.parents[*at].first().copied());
        std::iter::successors(target, parent).any(|id| id == tip)
    }

    fn begins_at_base(&self, id: &str) -> bool {
        let reached = self.reached(Some(id));
        self.parents.iter().zip(reached).any(|(parents, is_reached)| is_reached && parents.contains(&self.base))
    }
}
