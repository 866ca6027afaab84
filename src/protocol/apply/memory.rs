//! The context log: adding, closing, and moving to the archive what is old or too much.

use std::collections::HashMap;

use super::super::id;
use super::super::lease;
use super::super::op::{Change, Event, NewContext, Outcome, Refusal};
use super::super::state::ContextEntry;
use super::Turn;

/// How many entries stay in the state.
pub const KEPT_ENTRIES: usize = 200;
/// How many handoffs, and how many warnings, of each project stay however old they are.
pub const KEPT_PER_PROJECT: usize = 20;

impl<'a> Turn<'a, '_> {
    pub(super) fn add_context(&mut self, actor: Option<&str>, new: &NewContext) -> Result<Outcome, Refusal> {
        let author = actor.and_then(|id| self.state.instance(id)).map(|instance| instance.tool.to_string());
        let entry = ContextEntry {
            id: new.id.clone().into(),
            project: new.project.clone().map(Into::into),
            category: new.category.clone().into(),
            content: new.content.clone().into(),
            source: author.unwrap_or_else(|| new.source.clone()).into(),
            created_at: self.now_stamp().into(),
            instance_id: actor.unwrap_or_default().to_owned().into(),
            to: new.to.clone().unwrap_or_default().into(),
            revision: self.state.revision,
            ..ContextEntry::default()
        };
        let mut left = self.with_entries(|entries| {
            entries.push(entry);
            rotate(entries)
        })?;
        self.archived.append(&mut left);
        self.note(Change {
            event: Event::ContextAdded,
            instance: actor.map(str::to_owned),
            id: Some(new.id.clone()),
            kind: Some(new.category.clone()),
            project: new.project.clone(),
            ..Change::default()
        });
        Ok(Outcome::Context { id: new.id.clone() })
    }

    pub(super) fn close_context(&mut self, actor: Option<&str>, typed: &str) -> Result<Outcome, Refusal> {
        let now = self.now_stamp();
        let by = actor.unwrap_or("a person").to_owned();
        let id = self.with_entries(|entries| {
            let position = find(entries, typed)?;
            let entry = &mut entries[position];
            if entry.closed_at.is_empty() {
                entry.closed_at = now.into();
                entry.closed_by = by.into();
            }
            Ok(entry.id.to_string())
        })??;
        let instance = actor.map(str::to_owned);
        self.note(Change { event: Event::ContextClosed, instance, id: Some(id.clone()), ..Change::default() });
        Ok(Outcome::Context { id })
    }

    pub(super) fn prune_context(&mut self, older_than_ms: u64) -> Result<Outcome, Refusal> {
        let evidence = self.evidence;
        let mut old = self.with_entries(|entries| {
            // A stamp that says nothing is no proof of age.
            let age_ms = |entry: &ContextEntry<'_>| lease::wall_age_ms(&entry.created_at, evidence);
            let is_old = |entry: &ContextEntry<'_>| (older_than_ms..u64::MAX).contains(&age_ms(entry));
            let (old, kept) = std::mem::take(entries).into_iter().partition(is_old);
            *entries = kept;
            old
        })?;
        let count = old.len();
        self.archived.append(&mut old);
        if count > 0 {
            let note = Some(format!("{count} entries"));
            self.note(Change { event: Event::ContextPruned, note, ..Change::default() });
        }
        Ok(Outcome::Pruned { count })
    }

    fn with_entries<T>(&mut self, change: impl FnOnce(&mut Vec<ContextEntry<'a>>) -> T) -> Result<T, Refusal> {
        let entries = self.state.context.entries_mut().map_err(|error| Refusal::Malformed(error.to_string()))?;
        Ok(change(entries))
    }
}

/// Takes out the oldest entries beyond [`KEPT_ENTRIES`], but never the newest handoffs and warnings of a project.
fn rotate<'a>(entries: &mut Vec<ContextEntry<'a>>) -> Vec<ContextEntry<'a>> {
    let mut excess = entries.len().saturating_sub(KEPT_ENTRIES);
    if excess == 0 {
        return Vec::new();
    }
    let protected = protected(entries).into_iter();
    let (kept, left): (Vec<_>, Vec<_>) =
        std::mem::take(entries).into_iter().zip(protected).partition(|(_, protected)| {
            let stays = *protected || excess == 0;
            excess -= usize::from(!stays);
            stays
        });
    *entries = kept.into_iter().map(|(entry, _)| entry).collect();
    left.into_iter().map(|(entry, _)| entry).collect()
}

fn protected(entries: &[ContextEntry<'_>]) -> Vec<bool> {
    let mut seen: HashMap<(Option<&str>, &str), usize> = HashMap::new();
    let mut protected: Vec<bool> = (entries.iter().rev())
        .map(|entry| {
            let count = seen.entry((entry.project.as_deref(), &entry.category)).or_default();
            *count += 1;
            matches!(&*entry.category, "handoff" | "warning") && *count <= KEPT_PER_PROJECT
        })
        .collect();
    protected.reverse();
    protected
}

fn find(entries: &[ContextEntry<'_>], typed: &str) -> Result<usize, Refusal> {
    let (what, word) = ("context entry", typed.to_owned());
    if let Some(exact) = entries.iter().rposition(|entry| entry.id == *typed) {
        return Ok(exact);
    }
    let fitting = |(_, entry): &(usize, &ContextEntry<'_>)| id::is_abbreviation(&entry.id, typed);
    let found: Vec<_> = entries.iter().enumerate().filter(fitting).collect();
    match *found {
        [(position, _)] => Ok(position),
        [] => Err(Refusal::Unknown { what, word }),
        _ => {
            let candidates = found.iter().map(|(_, entry)| entry.id.to_string()).collect();
            Err(Refusal::Ambiguous { what, word, candidates })
        }
    }
}
