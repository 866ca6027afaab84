//! Merges one after the other, tried in the room: each by the attributes that those before it left behind.
//!
//! Where a branch brings attributes, pairs do not tell what becomes of three. Guarantees that neither the repository nor any
//! worktree is touched.

use std::path::Path;

use super::super::git::entries;
use super::super::merge::git::run_merging;
use super::super::merge::{Trouble, tip};
use super::attributes::{MERGE_LIMIT, as_checked_out, merged};
use super::batch::{ATTRIBUTES, plain};
use super::room::Room;

/// What becomes of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsal {
    /// All of them go together.
    Clean,
    /// The first that does not, by its place, and in which files.
    Stopped(usize, Vec<Vec<u8>>),
    /// git cannot tell.
    Unknown,
}

/// Merges commits into a target in that order, as far as they go together.
///
/// # Errors
/// When the target is not there, or git cannot be asked.
pub fn rehearse(repository: &Path, room: &Room, target: &str, commits: &[String]) -> Result<Rehearsal, Trouble> {
    let mut home = tip(repository, target)?;
    // With what is there that nobody committed; its attributes count, too.
    let mut held = as_checked_out(repository, room, target, &home)?;
    for (at, commit) in commits.iter().enumerate() {
        let tree = match trial(repository, room, (&home, commit), &held) {
            Trial::Clean(tree) => tree,
            Trial::Conflict(files) => return Ok(Rehearsal::Stopped(at, files)),
            Trial::Unknown => return Ok(Rehearsal::Unknown),
        };
        let next = room.commit(repository, &tree, &[home.clone(), commit.clone()])?;
        if held == home {
            held.clone_from(&next);
        } else if let Some(tree) = merged(repository, room, &held, commit) {
            held = room.commit(repository, &tree, &[held, commit.clone()])?;
        }
        home = next;
    }
    Ok(Rehearsal::Clean)
}

/// What one merge comes to.
enum Trial {
    /// A tree.
    Clean(String),
    Conflict(Vec<Vec<u8>>),
    Unknown,
}

fn trial(repository: &Path, room: &Room, (ours, theirs): (&str, &str), by: &str) -> Trial {
    let args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs];
    let program = room.git(repository, args).variable(ATTRIBUTES, by).limit(MERGE_LIMIT);
    let Ok(ran) = run_merging(program, repository) else { return Trial::Unknown };
    let mut words = entries(&ran.out);
    match (ran.code, words.next()) {
        (0, Some(tree)) => Trial::Clean(String::from_utf8_lossy(tree).into_owned()),
        (1, Some(_)) => {
            let files = words.map(<[u8]>::to_vec).collect();
            Trial::Conflict(plain(files, &(ours.to_owned(), theirs.to_owned())))
        }
        _ => Trial::Unknown,
    }
}
