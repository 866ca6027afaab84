//! What commits have that is their own: not what was there when they began, nor what they took over from their target since,
//! by merging it or by being rebased onto it.
//!
//! Guarantees one git process for any number of tips, and one more where one of them is in its target. Once a tip has arrived
//! there, its own is what the target had not got before: before the merge that brought it, or, where the target was moved
//! forward, before that, as its reflog tells; nothing, where the tip was made in the target itself. Does not know what a target
//! was that has no such memory: then all that no merge of its own brought counts since the beginning.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::super::git::{Trouble, done, git};
use super::past::{Value, past};

/// What a tip has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// With what to compare it.
    pub from: String,
    /// The commits, by their ids.
    pub commits: BTreeSet<String>,
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
    let in_target = history.reached(commit);
    let is_in_target = |tip: &str| history.place.get(tip).is_some_and(|at| in_target[*at]);
    let asked = target.filter(|_| tips.iter().any(|tip| is_in_target(tip)));
    let past = asked.map(|target| past(folder, &target.name)).unwrap_or_default();
    let is_made = |tip: &str| is_in_target(tip) && past.iter().any(|value| value.is_made && value.id == tip);
    let own = |tip: &str| match is_made(tip) {
        true => Own { from: tip.to_owned(), commits: BTreeSet::new(), has_arrived: true },
        false => history.own(commit, tip, &past),
    };
    Ok(tips.iter().map(|tip| ((*tip).to_owned(), own(tip))).collect())
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

    fn own(&self, target: Option<&str>, tip: &str, past: &[Value]) -> Own {
        let mine = self.reached(Some(tip));
        let has_arrived = target == Some(tip) || self.place.get(tip).is_some_and(|at| self.reached(target)[*at]);
        let theirs = self.reached(if has_arrived { self.before(target, tip, past) } else { target });
        let both = (0..self.ids.len()).find(|at| mine[*at] && theirs[*at]);
        // A target that has not got the beginning has nothing to compare with.
        let shared = both.map(|at| self.ids[at]).filter(|id| self.begins_at_base(id));
        Own {
            from: shared.unwrap_or(self.base).to_owned(),
            commits: (0..self.ids.len())
                .filter(|at| mine[*at] && !theirs[*at])
                .map(|at| self.ids[at].to_owned())
                .collect(),
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

    /// What the target was before it got the tip; none where nothing tells. A merge in its line tells, unless it was made
    /// elsewhere, and the target moved forward to it: then what it begins with need not have what the target had.
    fn before<'a>(&'a self, target: Option<&'a str>, tip: &str, past: &'a [Value]) -> Option<&'a str> {
        let has_it = self.having(tip);
        let merged = self.before_merge(target, tip, &has_it);
        let Some((was, at)) = self.newest_without(past, &has_it) else { return merged };
        merged.filter(|id| self.reached(Some(id))[at]).or(Some(was))
    }

    /// Which of the commits have one.
    fn having(&self, tip: &str) -> Vec<bool> {
        let mut has_it = vec![false; self.ids.len()];
        for (at, parents) in self.parents.iter().enumerate().rev() {
            has_it[at] =
                self.ids[at] == tip || parents.iter().any(|id| self.place.get(id).is_some_and(|at| has_it[*at]));
        }
        has_it
    }

    /// What the first merge in the target's line that brought the tip begins with; none where none did.
    fn before_merge<'a>(&'a self, target: Option<&'a str>, tip: &str, has_it: &[bool]) -> Option<&'a str> {
        let mut now = target;
        while let Some((id, at)) = now.and_then(|id| Some((id, *self.place.get(id)?))).filter(|(id, _)| *id != tip) {
            if !has_it[at] {
                return Some(id);
            }
            now = self.parents[at].first().copied();
        }
        None
    }

    /// What the target was last without the tip, and where that is; none where it was the beginning. What is not among the
    /// commits was before that, or is in nothing any more: neither tells.
    fn newest_without<'a>(&self, past: &'a [Value], has_it: &[bool]) -> Option<(&'a str, usize)> {
        let known = past.iter().map(|value| (&*value.id, self.place.get(&*value.id).copied()));
        let mut without = known.filter(|(id, at)| at.map_or(*id == self.base, |at| !has_it[at]));
        without.next().and_then(|(id, at)| Some((id, at?)))
    }

    fn begins_at_base(&self, id: &str) -> bool {
        let reached = self.reached(Some(id));
        self.parents.iter().zip(reached).any(|(parents, is_reached)| is_reached && parents.contains(&self.base))
    }
}
