//! Branches that were committed to in a worktree and left again, as the log of its HEAD tells.
//!
//! Where git keeps that log in tables, or none, nothing is known of them: their commits are kept all the same when the worktree
//! is removed.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use super::super::files::open_regular;
use crate::host::repository::linked_git_dir;

/// Of the log no more is read, in bytes: some twenty thousand entries.
const LONGEST: u64 = 4 << 20;
/// How an entry begins that made a commit, besides a merge.
const MAKING: [&str; 4] = ["commit", "cherry-pick", "revert", "am:"];

/// By their names the commits at which they were left last. They may be elsewhere by now, or gone.
pub fn left(worktree: &Path) -> BTreeMap<String, String> {
    let log = linked_git_dir(worktree).and_then(|own| read(&own.join("logs/HEAD")));
    log.map(|log| read_log(&String::from_utf8_lossy(&log))).unwrap_or_default()
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// `<old> <new> <who> <when>\t<what>`, the oldest first: see `builtin/checkout.c` of git for what is said of a switch.
fn read_log(log: &str) -> BTreeMap<String, String> {
    let mut left = BTreeMap::new();
    let mut has_committed = false;
    for (commits, what) in log.lines().filter_map(|line| line.split_once('\t')) {
        if let Some((from, _)) = what.strip_prefix("checkout: moving from ").and_then(|names| names.split_once(" to "))
        {
            if let Some((old, _)) = commits.split_once(' ').filter(|_| has_committed) {
                left.insert(from.to_owned(), old.to_owned());
            }
            has_committed = false;
        } else {
            let is_merge = what.starts_with("merge ") && !what.ends_with("Fast-forward");
            has_committed |= is_merge || MAKING.iter().any(|making| what.starts_with(making));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_committed_to_was_left() {
        let log = "0 1 who <w> 1 +0000\tbranch: Created from main\n\
                   1 1 who <w> 2 +0000\tcheckout: moving from job to seen\n\
                   1 1 who <w> 3 +0000\tcheckout: moving from seen to made\n\
                   1 2 who <w> 4 +0000\tcommit: One\n\
                   2 3 who <w> 5 +0000\tcommit (amend): One\n\
                   3 1 who <w> 6 +0000\tcheckout: moving from made to moved\n\
                   1 4 who <w> 7 +0000\tmerge main: Fast-forward\n\
                   4 1 who <w> 8 +0000\tcheckout: moving from moved to job\n\
                   1 5 who <w> 9 +0000\tcommit: Its own\n";
        assert_eq!(read_log(log), [("made".to_owned(), "3".to_owned())].into());
    }
}
