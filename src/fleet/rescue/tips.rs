//! The commits that a worktree, its branch and what is in progress there hold on to.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::logs::{self, Logged};
use super::site::Site;
use super::{Kind, Unsaved};
use crate::fleet::git::done;
use crate::fleet::program::Ran;

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

/// How git says in the log of a HEAD that it was switched to something else.
const SWITCHED: &str = "checkout: moving from ";
/// How it says that a commit took the place of the one before.
const REWRITTEN: [&str; 2] = ["commit (amend): ", "rebase ("];
/// What else a rebase says when it only moves.
const MOVED: [&str; 4] = ["rebase (start)", "rebase (abort)", "rebase (reset)", "rebase (finish)"];
/// How it says in any words that a rebase began elsewhere.
const REBASED: &str = " (start): checkout ";
/// What goes before the branch that a stash entry was made on, and what stands in its place where it was made on none.
const STASHED: [&str; 2] = ["WIP on ", "On "];
const NO_BRANCH: &str = "(no branch): ";

/// All of them, each once, the worktree's own commit first.
pub(super) fn of(site: &Site) -> Result<Vec<(Kind, String)>, Unsaved> {
    let mut tips = Vec::new();
    tips.extend(site.head()?.map(|commit| (Kind::Work, commit)));
    tips.extend(site.repository.commit(&site.branch_ref())?.map(|commit| (Kind::Branch, commit)));
    if let Some(admin) = &site.admin {
        tips.extend(in_progress(site, admin)?.into_iter().map(|commit| (Kind::Operation, commit)));
    }
    let log = site.admin.as_deref().map_or(Ok(Vec::new()), |admin| logs::of_head(site, admin))?;
    tips.extend(left_behind(site, &log)?.into_iter().map(|commit| (Kind::LeftBehind, commit)));
    tips.extend(stashed(site, &log)?.into_iter().map(|commit| (Kind::Stash, commit)));
    let mut seen = HashSet::new();
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

/// What HEAD was on and neither it nor the branch has any more, but what was given up: commits that were amended, that the
/// branch was reset or rebased off, or that were picked again elsewhere.
fn left_behind(site: &Site, log: &[Logged]) -> Result<Vec<String>, Unsaved> {
    let branch: HashSet<String> =
        logs::of(&site.git(), &site.branch_ref())?.into_iter().map(|entry| entry.commit).collect();
    let (mut switched, mut others) = (Vec::new(), Vec::new());
    for (at, entry) in log.iter().enumerate() {
        match at.checked_sub(1).map(|next| &log[next]) {
            Some(next) if next.why.starts_with(SWITCHED) => switched.push(&*entry.commit),
            Some(next) if is_rewritten(entry, next) => {}
            _ if branch.contains(&entry.commit) => {}
            _ => others.push(&*entry.commit),
        }
    }
    let held: Vec<String> = [site.head()?, site.commit(&site.branch_ref())?].into_iter().flatten().collect();
    let mut left = unreached(site, &switched, &held)?;
    for commit in independent(site, unreached(site, &others, &held)?)? {
        if !left.contains(&commit) && !is_picked(site, &commit, &held)? {
            left.push(commit);
        }
    }
    independent(site, left)
}

/// Whether a commit was replaced by one in its place, as by an amendment.
fn is_rewritten(entry: &Logged, next: &Logged) -> bool {
    let says = |words: &[&str]| words.iter().any(|words| next.why.starts_with(words));
    says(&REWRITTEN) && !says(&MOVED) && entry.parents == next.parents
}

/// Those of the commits that are in no history of what is held.
fn unreached(site: &Site, commits: &[&str], held: &[String]) -> Result<Vec<String>, Unsaved> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = commits.iter().map(|commit| format!("{commit}\n"));
    let input: String = wanted.chain(held.iter().map(|commit| format!("^{commit}\n"))).collect();
    let list = ["rev-list", "--ignore-missing", "--stdin"];
    let text = done(site.git().args(list).input(input), "look for what was left behind")?.text();
    let mut listed: HashSet<&str> = text.lines().collect();
    Ok(commits.iter().filter(|commit| listed.remove(**commit)).map(|commit| (*commit).to_owned()).collect())
}

/// Those that are in the history of none of the others.
fn independent(site: &Site, commits: Vec<String>) -> Result<Vec<String>, Unsaved> {
    if commits.len() < 2 {
        return Ok(commits);
    }
    let ran = done(site.git().args(["merge-base", "--independent"]).args(&commits), "look for what was left behind")?;
    Ok(ran.text().lines().map(str::to_owned).collect())
}

/// Whether what is held has all the changes of a commit and of those before it, but for the target's own, as after a rebase that
/// was begun anew or given up.
fn is_picked(site: &Site, commit: &str, held: &[String]) -> Result<bool, Unsaved> {
    let target = site.target_ref().map(|target| site.git().args(["merge-base", &target, commit]).run()).transpose()?;
    let begun = target.filter(Ran::is_good).map(|ran| format!("^{}", ran.text()));
    let is_all_in = |held: &String| {
        let list = ["rev-list", "--cherry-pick", "--right-only", "--max-count=1", &format!("{held}...{commit}")];
        // Where it cannot be told in time, it is not known to be elsewhere.
        site.git().args(list).args(&begun).run().is_ok_and(|ran| ran.is_good() && ran.out.is_empty())
    };
    Ok(held.iter().any(is_all_in))
}

/// The stash is all worktrees' own; an entry says on which branch it was made, or only which commit it is on.
fn stashed(site: &Site, log: &[Logged]) -> Result<Vec<String>, Unsaved> {
    let mark = format!("{}: ", site.branch);
    // Where a rebase only puts its picks, others may have worked and nobody here.
    let worked_on: Vec<&Logged> = log.iter().filter(|was| !was.why.contains(REBASED)).collect();
    let is_own = |entry: &Logged| match STASHED.iter().find_map(|words| entry.why.strip_prefix(words)) {
        Some(named) if !named.starts_with(NO_BRANCH) => named.starts_with(&mark),
        _ => worked_on.iter().any(|was| entry.parents.split(' ').next() == Some(&*was.commit)),
    };
    let stash = logs::of(&site.git(), "refs/stash")?.into_iter();
    Ok(stash.filter(is_own).map(|entry| entry.commit).collect())
}
