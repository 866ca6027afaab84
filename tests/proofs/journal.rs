//! What the journal proves about revisions.

use std::path::Path;

use serde_json::Value;

/// Each commit's revision is above the one before; returns how many commits there are.
pub fn assert_revisions_rise(dir: &Path) -> usize {
    let files = ["journal.1.jsonl", "journal.jsonl"];
    let text: String = files.iter().map(|name| std::fs::read_to_string(dir.join(name)).unwrap_or_default()).collect();
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    // The changes of one commit share its revision and its time, and stand together.
    let mut commits: Vec<(u64, &str)> =
        lines.iter().map(|line| (line["revision"].as_u64().unwrap(), line["at"].as_str().unwrap())).collect();
    commits.dedup();
    for pair in commits.windows(2) {
        assert!(pair[0].0 < pair[1].0, "revisions {} and then {}", pair[0].0, pair[1].0);
    }
    commits.len()
}
