//! What a target was before, as far as git remembers: its reflog.
//!
//! Guarantees one git process; that where nothing is remembered, or git cannot tell, there is nothing rather than an error; and
//! that of what the project has checked out only that counts which it had checked out under the name that it has now.

use std::path::Path;

use super::super::git::{done, git};

/// What it was once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// A commit.
    pub(super) id: String,
    /// The commit was made there, so that it is of no branch that arrived.
    pub(super) is_made: bool,
}

/// All that a ref was, the newest first.
pub(super) fn past(folder: &Path, name: &str) -> Vec<Value> {
    let args = ["log", "--walk-reflogs", "--no-show-signature", "--no-patch", "--format=%H %gs", name, "--"];
    done(git(folder).args(args), "see what the target was").map(|ran| read(&ran.text())).unwrap_or_default()
}

/// In each line a commit, and how the ref came to be it.
fn read(log: &str) -> Vec<Value> {
    let mut all = Vec::new();
    // The branch to come back to, while another is checked out.
    let mut left: Option<&str> = None;
    for (id, why) in log.lines().filter_map(|line| line.split_once(' ')) {
        if left.is_none() {
            all.push(Value { id: id.to_owned(), is_made: is_making(why) });
        }
        let Some((from, to)) = why.strip_prefix("checkout: moving from ").and_then(|names| names.split_once(" to "))
        else {
            continue;
        };
        left = match left {
            None if from != to => Some(to),
            Some(name) if name != from => Some(name),
            _ => None,
        };
    }
    all
}

fn is_making(why: &str) -> bool {
    why.contains(": Merge made by ") || ["commit", "cherry-pick", "revert"].iter().any(|made| why.starts_with(made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_checked_out_under_its_name_counts() {
        let log = "7 merge job: Fast-forward\n6 checkout: moving from other to main\n5 commit: elsewhere\n\
                   4 checkout: moving from third to other\n3 checkout: moving from main to third\n\
                   2 checkout: moving from main to main\n2 commit (amend): here\n1 merge x: Merge made by the 'ort' strategy.\n0 \n";
        let value = |(id, is_made): (&str, bool)| Value { id: id.to_owned(), is_made };
        let expected = [("7", false), ("6", false), ("2", false), ("2", true), ("1", true), ("0", false)].map(value);
        assert_eq!(read(log), expected);
        assert_eq!(read(""), []);
    }
}
