//! The shared memory: categories, limits, and how long an entry concerns anybody.

use super::evidence::Evidence;
use super::lease;
use super::state::ContextEntry;

/// What an entry can be. `message` is addressed; the others speak to everybody.
pub const CATEGORIES: [&str; 6] = ["decision", "learning", "warning", "pattern", "handoff", "message"];
/// Longest content of an entry, in bytes.
pub const MAX_CONTENT_BYTES: usize = 8 * 1024;

const DAY_MS: u64 = 24 * 3_600_000;

/// Whether a handoff or warning still asks for attention: until it is closed, or 7 and 30 days.
pub fn is_open(entry: &ContextEntry<'_>, evidence: &Evidence) -> bool {
    let lasts_ms = match &*entry.category {
        "handoff" => 7 * DAY_MS,
        "warning" => 30 * DAY_MS,
        _ => return false,
    };
    entry.closed_at.is_empty() && lease::wall_age_ms(&entry.created_at, evidence) < lasts_ms
}

/// Whether an entry concerns a project: its own, and those for all.
pub fn concerns(entry: &ContextEntry<'_>, project: &str) -> bool {
    entry.project.as_ref().is_none_or(|of| of.trim_end_matches('/') == project.trim_end_matches('/'))
}
