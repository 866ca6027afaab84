//! What somebody has not committed where a target is checked out: a merge of a branch that changes it is refused.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::merge::git::{branch_ref, status, touched};
use super::super::merge::{Trouble, checked_out, listed};
use super::{Branch, Candidate};
use crate::protocol::spelling::{self, shell_word};

/// Which of it branches change that are not home, in words. Branches are asked about only where something is not committed.
///
/// # Errors
/// When git cannot be asked.
pub(super) fn in_the_way(
    repository: &Path,
    candidates: &[Candidate],
    branches: &[Branch],
) -> Result<Vec<String>, Trouble> {
    let has_work = |name: &str| branches.iter().any(|branch| branch.name == name && branch.has_work);
    let mut arriving: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| !candidate.target.is_empty() && has_work(&candidate.name)) {
        arriving.entry(&candidate.target).or_default().push(candidate);
    }
    let mut notes = Vec::new();
    for (target, candidates) in arriving {
        let Some(site) = checked_out(repository, target)? else { continue };
        if !site.exists() {
            let (branch, repository) = (target.to_owned(), repository.to_owned());
            let gone = Trouble::Gone { branch, folder: site, repository };
            notes.push(format!("{gone}, or aio merge refuses; next: {}", gone.next("aio conflicts")));
            continue;
        }
        let uncommitted = status(&site, true)?;
        if uncommitted.is_empty() {
            continue;
        }
        for Candidate { name, branch, .. } in candidates {
            // Where their histories do not meet, that is said.
            let changed = touched(repository, &branch_ref(target), &branch_ref(branch)).unwrap_or_default();
            let is_among = |file: &Vec<u8>| uncommitted.iter().any(|entry| covers(&entry[3..], file));
            let both = changed.iter().filter(|file| is_among(file)).map(|file| spelling::encode(file).into_owned());
            let both: Vec<String> = both.collect();
            if !both.is_empty() {
                let (files, next) = (listed(&both), format!("git -C {} status", shell_word(&site)));
                notes.push(format!(
                    "{name} changes {files}, which is not committed where {target} is checked out, so aio merge refuses it; next: {next}"
                ));
            }
        }
    }
    Ok(notes)
}

/// Whether a file is what git names, or in the folder that it names.
fn covers(named: &[u8], file: &[u8]) -> bool {
    named == file || named.ends_with(b"/") && file.starts_with(named)
}
