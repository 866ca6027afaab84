//! What is new to an instance: what others wrote since it last heard.

use super::context::{concerns, is_open};
use super::evidence::Evidence;
use super::lease;
use super::op::News;
use super::state::{ContextEntry, Instance};

/// The addressee that means everybody.
pub const EVERYBODY: &str = "all";

/// The entries that an instance has not heard of, oldest first: messages to it, and what the others in its project decided,
/// warn of or leave to others. Learnings and patterns are there for whoever looks for them.
pub fn unheard<'e, 'a>(
    entries: &'e [ContextEntry<'a>],
    instance: &Instance<'_>,
    evidence: &Evidence,
) -> Vec<&'e ContextEntry<'a>> {
    let is_unheard = |entry: &&ContextEntry<'_>| {
        entry.revision > instance.news_revision
            && entry.instance_id != instance.key
            && is_for(entry, instance, evidence)
    };
    entries.iter().filter(is_unheard).collect()
}

fn is_for(entry: &ContextEntry<'_>, instance: &Instance<'_>, evidence: &Evidence) -> bool {
    match &*entry.category {
        "message" => is_addressed_to(entry, instance),
        "decision" => concerns(entry, &instance.project),
        _ => is_open(entry, evidence) && concerns(entry, &instance.project),
    }
}

fn is_addressed_to(entry: &ContextEntry<'_>, instance: &Instance<'_>) -> bool {
    [&*instance.key, &*instance.tool, EVERYBODY].contains(&&*entry.to)
}

/// What still asks for attention in the project of an instance, among what is no news to it; the newest first.
pub fn standing<'e, 'a>(
    entries: &'e [ContextEntry<'a>],
    instance: &Instance<'_>,
    evidence: &Evidence,
) -> Vec<&'e ContextEntry<'a>> {
    let stands = |entry: &&ContextEntry<'_>| {
        entry.revision <= instance.news_revision && is_open(entry, evidence) && concerns(entry, &instance.project)
    };
    entries.iter().rev().filter(stands).collect()
}

/// An entry as it is told.
pub fn told(entry: &ContextEntry<'_>, evidence: &Evidence) -> News {
    let author = if entry.instance_id.is_empty() { &entry.source } else { &entry.instance_id };
    News {
        id: entry.id.to_string(),
        category: entry.category.to_string(),
        from: author.to_string(),
        content: entry.content.to_string(),
        at: entry.created_at.to_string(),
        age_ms: lease::wall_age_ms(&entry.created_at, evidence),
    }
}
