//! The commits that a worktree, its branch and what is in progress there hold on to.

use std::fs;
use std::path::Path;

use super::site::Site;
use super::{Kind, Unsaved};
use crate::fleet::git::{Trouble, entries};

/// Refs of a worktree's own that a merge or the like leaves while it is in progress.
const IN_PROGRESS: [&str; 6] =
    ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_HEAD", "MERGE_AUTOSTASH"];
/// Files of commits that are no refs.
const FILES: [&str; 7] = [
    "MERGE_HEAD",
    "rebase-merge/orig-head",
    "rebase-merge/onto",
    "rebase-merge/autostash",
    "rebase-apply/orig-head",
    "rebase-apply/autostash",
    "sequencer/head",
];

/// All of them, each once, the worktree's own commit first.
pub(super) fn of(site: &Site) -> Result<Vec<(Kind, String)>, Unsaved> {
    let mut tips = Vec::new();
    tips.extend(site.head()?.map(|commit| (Kind::Work, commit)));
    tips.extend(site.repository.commit(&site.branch_ref())?.map(|commit| (Kind::Branch, commit)));
    if let Some(admin) = &site.admin {
        tips.extend(in_progress(site, admin)?.into_iter().map(|commit| (Kind::Operation, commit)));
        tips.extend(left_behind(site, admin)?.into_iter().map(|commit| (Kind::LeftBehind, commit)));
    }
    tips.extend(stashed(site)?.into_iter().map(|commit| (Kind::Stash, commit)));
    let mut seen = std::collections::HashSet::new();
    tips.retain(|(_, commit)| seen.insert(commit.clone()));
    Ok(tips)
}

fn in_progress(site: &Site, admin: &Path) -> Result<Vec<String>, Unsaved> {
    let mut found = Vec::new();
    for name in IN_PROGRESS {
        found.extend(site.commit(name)?);
    }
    for file in FILES {
        for line in fs::read_to_string(admin.join(file)).unwrap_or_default().lines().filter(|line| is_object(line)) {
            found.extend(site.commit(line)?);
        }
    }
    let refs =
        site.git().args(["for-each-ref", "--format=%(objectname)", "refs/worktree", "refs/bisect", "refs/rewritten"]);
    for line in refs.run()?.text().lines() {
        found.extend(site.commit(line)?);
    }
    Ok(found)
}

fn is_object(line: &str) -> bool {
    line.len() >= 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What HEAD was on before each switch. What it was moved from by a reset or an amendment was given up.
fn left_behind(site: &Site, admin: &Path) -> Result<Vec<String>, Unsaved> {
    let log = logged(site, "HEAD")?;
    if log.is_empty() {
        return Ok(last_of_lost_branch(site, admin)?.into_iter().collect());
    }
    let switches = log.iter().zip(log.iter().skip(1)).filter(|((_, why), _)| why.starts_with("checkout: moving from "));
    Ok(switches.map(|(_, (before, _))| before.clone()).collect())
}

/// What HEAD was last, where it is nothing now: its branch was removed below it, or it was switched to one without a commit. Git
/// itself shows the log of a ref only while the ref is something.
fn last_of_lost_branch(site: &Site, admin: &Path) -> Result<Option<String>, Unsaved> {
    let log = fs::read(admin.join("logs/HEAD")).unwrap_or_default();
    let last = String::from_utf8_lossy(&log).lines().next_back().map(str::to_owned);
    let commit = last.as_deref().and_then(|line| line.split(' ').nth(1)).filter(|word| is_object(word));
    commit.map_or(Ok(None), |commit| site.commit(commit))
}

/// The stash is all worktrees' own; an entry says on which branch it was made.
fn stashed(site: &Site) -> Result<Vec<String>, Unsaved> {
    let marks = [format!("WIP on {}: ", site.branch), format!("On {}: ", site.branch)];
    let log = logged(site, "refs/stash")?.into_iter();
    let own = log.filter(|(_, why)| marks.iter().any(|mark| why.starts_with(mark)));
    Ok(own.map(|(commit, _)| commit).collect())
}

/// What a ref was, the newest first, and why it was changed; nothing where no log is kept.
fn logged(site: &Site, name: &str) -> Result<Vec<(String, String)>, Unsaved> {
    if !site.git().args(["rev-parse", "--quiet", "--verify", name]).run()?.is_good() {
        return Ok(Vec::new());
    }
    let format = ["log", "--walk-reflogs", "--no-show-signature", "-z", "--format=%H %gs", name, "--"];
    let ran = site.git().args(format).run().map_err(Trouble::from)?;
    let entry = |bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.split_once(' ').map(|(commit, why)| (commit.to_owned(), why.to_owned()))
    };
    Ok(entries(&ran.out).filter_map(entry).collect())
}
