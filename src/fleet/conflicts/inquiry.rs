//! What is asked about pairs: all of them at once, by the attributes of the checkout; those of whom one brings attributes of its
//! own once more, in both orders, since they go by what the first has brought.
//!
//! Guarantees that git is asked once about all that is not known, and again only for branches that change attributes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::super::merge::Trouble;
use super::attributes::Brought;
use super::batch::{Meeting, Pair, meet};
use super::cache::Cache;
use super::room::Room;
use super::{Clash, terms};

/// Questions about one repository.
pub(super) struct Inquiry<'a> {
    repository: &'a Path,
    room: &'a Room,
    cache: &'a mut Cache,
}

/// What is known of two.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// It is the same in either order.
    Met(Meeting),
    /// They go together once the first was merged; the other way round they conflict in these files.
    OursFirst(Vec<Vec<u8>>),
    /// The same once the second was.
    TheirsFirst(Vec<Vec<u8>>),
}

impl Inquiry<'_> {
    /// Finds out what is known.
    ///
    /// # Errors
    /// When git cannot be run.
    pub(super) fn begin<'a>(
        repository: &'a Path,
        room: &'a Room,
        cache: &'a mut Cache,
        pairs: &[Pair],
    ) -> Result<Inquiry<'a>, Trouble> {
        if !pairs.is_empty() {
            cache.under(terms::terms(room, repository)?);
        }
        Ok(Inquiry { repository, room, cache })
    }

    /// What becomes of every pair, and keeps it for next time.
    ///
    /// # Errors
    /// When git is too old, or cannot be run.
    pub(super) fn answers(
        mut self,
        asked: &[Clash],
        pairs: &[Pair],
        brought: &Brought,
    ) -> Result<Vec<Answer>, Trouble> {
        let met = self.recall(pairs, None)?;
        let there = self.both_ways(asked, pairs, brought)?;
        self.cache.save();
        let either = |(pair, met): (&Pair, Meeting)| match (there.get(pair), there.get(&swapped(pair))) {
            (Some(ours_first), Some(theirs_first)) => joined(ours_first.clone(), theirs_first.clone()),
            _ => Answer::Met(met),
        };
        Ok(pairs.iter().zip(met).map(either).collect())
    }

    /// In both orders, the pairs of which one brings attributes.
    fn both_ways(
        &mut self,
        asked: &[Clash],
        pairs: &[Pair],
        brought: &Brought,
    ) -> Result<HashMap<Pair, Meeting>, Trouble> {
        let mut open: BTreeMap<Option<&str>, BTreeSet<Pair>> = BTreeMap::new();
        let is_open = |asked: &Clash| {
            !asked.with_target && [&asked.ours, &asked.theirs].iter().any(|name| brought.contains_key(*name))
        };
        for (asked, pair) in asked.iter().zip(pairs).filter(|(asked, _)| is_open(asked)) {
            let by = |name: &String| brought.get(name).map(String::as_str);
            open.entry(by(&asked.ours)).or_default().insert(pair.clone());
            open.entry(by(&asked.theirs)).or_default().insert(swapped(pair));
        }
        let mut met = HashMap::new();
        for (by, pairs) in open {
            let pairs: Vec<Pair> = pairs.into_iter().collect();
            let answers = self.recall(&pairs, by)?;
            met.extend(pairs.into_iter().zip(answers));
        }
        Ok(met)
    }

    /// The answers, git asked at once for those that are not known.
    fn recall(&mut self, pairs: &[Pair], by: Option<&str>) -> Result<Vec<Meeting>, Trouble> {
        let known: Vec<Option<Meeting>> = pairs.iter().map(|pair| self.cache.get(pair, by)).collect();
        let open: Vec<Pair> =
            pairs.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(pair, _)| pair.clone()).collect();
        let met = meet(self.room, self.repository, &open, by)?;
        open.iter().zip(&met).for_each(|(pair, meeting)| self.cache.put(pair, by, meeting));
        let mut met = met.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| met.next())).collect())
    }
}

fn swapped((ours, theirs): &Pair) -> Pair {
    (theirs.clone(), ours.clone())
}

fn joined(ours_first: Meeting, theirs_first: Meeting) -> Answer {
    match (ours_first, theirs_first) {
        (Meeting::Clean, Meeting::Conflict(files)) => Answer::OursFirst(files),
        (Meeting::Conflict(files), Meeting::Clean) => Answer::TheirsFirst(files),
        (_, other @ Meeting::Impossible(_)) => Answer::Met(other),
        (met, _) => Answer::Met(met),
    }
}
