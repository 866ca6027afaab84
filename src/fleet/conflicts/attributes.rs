//! The attributes that branches bring. `git merge` goes by those of the worktree it merges into, and whoever came home before
//! has left its own there.
//!
//! Guarantees one git process for each target where no branch changes any `.gitattributes`; more only where one does.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use super::super::merge::git::{answer, run_merging};
use super::super::merge::{Trouble, checked_out};
use super::Found;
use super::room::Room;

/// One merge takes this long at most.
pub(super) const MERGE_LIMIT: Duration = Duration::from_secs(60);

/// Where attributes are, at any depth.
const ANY: &str = ":(top,glob)**/.gitattributes";

/// For each that changes attributes, by its name, the tree of its target once it has come home.
pub(super) type Brought = HashMap<String, String>;

/// Finds them.
///
/// # Errors
/// When git cannot be asked.
pub(super) fn brought(repository: &Path, found: &[Found<'_>], room: &Room) -> Result<Brought, Trouble> {
    let mut brought = Brought::new();
    if found.len() < 2 {
        return Ok(brought);
    }
    let mut by_target: BTreeMap<(&str, &str), Vec<&Found<'_>>> = BTreeMap::new();
    for one in found {
        // For whatever is to go nowhere there are no attributes to merge by.
        if let Some(commit) = &one.target {
            by_target.entry((&one.candidate.target, commit)).or_default().push(one);
        }
    }
    for ((target, commit), all) in by_target {
        if !changes_any(repository, room, commit, &all)? {
            continue;
        }
        let before = as_checked_out(repository, room, target, commit)?;
        for one in all {
            if changes_any(repository, room, commit, &[one])? {
                // Where git cannot tell, the attributes that are there have to do.
                let tree = merged(repository, room, &before, &one.commit);
                brought.extend(tree.map(|tree| (one.candidate.name.clone(), tree)));
            }
        }
    }
    Ok(brought)
}

/// Whether any of these has a commit that its target has not, and that changes attributes.
fn changes_any(repository: &Path, room: &Room, target: &str, all: &[&Found<'_>]) -> Result<bool, Trouble> {
    let commits: String = all.iter().map(|one| format!("{}\n", one.commit)).collect();
    let input = format!("{commits}^{target}\n--\n{ANY}\n");
    let program = room.git(repository, ["rev-list", "--max-count=1", "--stdin"]).input(input);
    Ok(!answer(program, "see who changes attributes", repository)?.out.is_empty())
}

/// What the target holds where it is checked out, committed or not.
pub(super) fn as_checked_out(repository: &Path, room: &Room, target: &str, commit: &str) -> Result<String, Trouble> {
    let Some(folder) = checked_out(repository, target)? else { return Ok(commit.to_owned()) };
    let held = room.snapshot(&folder).ok().filter(|held| held.head == commit);
    Ok(held.map_or_else(|| commit.to_owned(), |held| held.commit))
}

/// The tree that comes of it, conflicts and all.
pub(super) fn merged(repository: &Path, room: &Room, ours: &str, theirs: &str) -> Option<String> {
    let args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", ours, theirs];
    let ran = run_merging(room.git(repository, args).limit(MERGE_LIMIT), repository).ok()?;
    matches!(ran.code, 0 | 1).then(|| ran.text().lines().next().map(str::to_owned))?
}
