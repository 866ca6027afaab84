//! What a worktree is in the middle of, and whether what it has checked out is what its branch has.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::git::whole_path;
use super::git::{ahead, answer, branch_ref, common_folder, current_branch, git, own_folder, resolve};
use super::trouble::Trouble;
use crate::protocol::spelling;

/// What git leaves in its folder while something is under way.
const UNDER_WAY: [(&str, &str); 6] = [
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisection"),
];

/// A worktree that is not where its branch is, or not at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Astray {
    /// What is in progress.
    pub under_way: Option<&'static str>,
    /// The files whose conflict nobody has resolved, spelled.
    pub unmerged: Vec<String>,
    /// The branch that is checked out, or the commit.
    pub checked_out: String,
    /// How many commits of that the branch has not.
    pub missing: u64,
}

/// What of a worktree a merge of its branch would leave behind, beside what is not committed; none where there is nothing.
///
/// # Errors
/// When git cannot be asked there.
pub fn astray(worktree: &Path, branch: &str) -> Result<Option<Astray>, Trouble> {
    let (under_way, unmerged) = (under_way(worktree)?, unmerged(worktree)?);
    let checked_out = checked_out_there(worktree)?;
    let is_elsewhere = checked_out.as_deref().is_some_and(|checked_out| checked_out != branch);
    let missing = if is_elsewhere { ahead(worktree, "HEAD", &branch_ref(branch))? } else { 0 };
    if under_way.is_none() && unmerged.is_empty() && missing == 0 {
        return Ok(None);
    }
    Ok(Some(Astray { under_way, unmerged, checked_out: checked_out.unwrap_or_default(), missing }))
}

/// The branch that a worktree has checked out, or the commit; none where nothing was committed yet.
///
/// # Errors
/// When git cannot be asked there.
pub fn checked_out_there(worktree: &Path) -> Result<Option<String>, Trouble> {
    let head = resolve(worktree, &["HEAD".to_owned()])?.pop().flatten();
    let Some(head) = head else { return Ok(None) };
    let short = || head.get(..10).unwrap_or(&head).to_owned();
    Ok(Some(current_branch(worktree)?.unwrap_or_else(short)))
}

/// What is in progress in a worktree.
pub(super) fn under_way(worktree: &Path) -> Result<Option<&'static str>, Trouble> {
    let own = own_folder(worktree)?;
    Ok(UNDER_WAY.into_iter().find(|(name, _)| own.join(name).exists()).map(|(_, what)| what))
}

/// The files whose conflict nobody has resolved, spelled.
pub(super) fn unmerged(worktree: &Path) -> Result<Vec<String>, Trouble> {
    let program = git(worktree, ["diff", "--name-only", "--diff-filter=U", "-z"]);
    let ran = answer(program, "see what conflicts", worktree)?;
    Ok(super::super::git::entries(&ran.out).map(|name| spelling::encode(name).into_owned()).collect())
}

/// The worktree in which something is in progress that moves a branch once it ends or is given up, and what: there HEAD is
/// detached meanwhile, and git lets nobody else have the branch (`prepare_checked_out_branches` in its branch.c).
pub(super) fn moved_later(repository: &Path, branch: &str) -> Result<Option<(PathBuf, &'static str)>, Trouble> {
    let common = common_folder(repository)?;
    let linked = fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten().map(|entry| entry.path());
    for own in std::iter::once(common.clone()).chain(linked) {
        if let Some(what) = moves(&own, branch) {
            return Ok(Some((worktree_of(&own, &common, repository), what)));
        }
    }
    Ok(None)
}

/// Whether what is in progress in the worktree whose folder of git's this is moves a branch.
fn moves(own: &Path, branch: &str) -> Option<&'static str> {
    let reference = branch_ref(branch);
    let names = |file: &str, name: &str| {
        fs::read(own.join(file)).is_ok_and(|text| text.split(|byte| *byte == b'\n').any(|line| line == name.as_bytes()))
    };
    // `update-refs` names the branches that a rebase takes along.
    if ["rebase-merge/head-name", "rebase-apply/head-name", "rebase-merge/update-refs"]
        .iter()
        .any(|file| names(file, &reference))
    {
        return Some("rebase");
    }
    let began_at = || names("BISECT_START", branch) || names("BISECT_START", &reference);
    (own.join("BISECT_LOG").exists() && began_at()).then_some("bisection")
}

fn worktree_of(own: &Path, common: &Path, repository: &Path) -> PathBuf {
    if own == common {
        let is_within = common.file_name().is_some_and(|name| name == ".git");
        return common.parent().filter(|_| is_within).unwrap_or(repository).to_owned();
    }
    // It may be written as seen from there.
    let named = fs::read(own.join("gitdir")).map(whole_path).unwrap_or_default();
    let dot_git = own.join(named);
    let worktree = dot_git.parent().unwrap_or(own);
    worktree.canonicalize().unwrap_or_else(|_| worktree.to_owned())
}
