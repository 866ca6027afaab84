//! Locks on refs that a git left which was killed. Git puts away no lock but its own. Without this, a branch whose lock was left
//! could not be removed any more, and no branch of a repository whose `packed-refs.lock` was, which each `git commit` has for a
//! moment.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::host::process;

/// Less than git waits for a lock on a ref.
const REF_PATIENCE: Duration = Duration::from_secs(5);
/// No git has it for as long but one that packs the refs of a huge repository, or that was stopped.
const PACKED_PATIENCE: Duration = Duration::from_secs(60);
/// By how much the times of files and of processes may differ.
const SLACK: Duration = Duration::from_secs(2);

/// Takes away the lock on a ref that was there before git `began` to wait for it, and still is. For who is the only aio to remove
/// refs there: then no git that works keeps one for as long.
pub fn put_away(common: &Path, reference: &str, began: SystemTime) {
    let lock = common.join(format!("{reference}.lock"));
    let is_left = made(&lock).is_some_and(|made| made < began);
    if is_left && began.elapsed().is_ok_and(|waited| waited > REF_PATIENCE) {
        // Whoever held it may have put it away by now.
        fs::remove_file(&lock).unwrap_or_default();
    }
}

/// Takes away the lock on all packed refs, once it is a minute old and no git lives that could have made it: whoever took it from
/// a git that still packs would lose refs. True where it is as old and stays.
pub fn put_away_packed(common: &Path) -> bool {
    put_away_packed_after(PACKED_PATIENCE, common)
}

fn put_away_packed_after(patience: Duration, common: &Path) -> bool {
    let lock = common.join("packed-refs.lock");
    let Some((found, age)) = made(&lock).and_then(|made| Some((made, made.elapsed().ok()?))) else { return false };
    if age < patience {
        return false;
    }
    let age_ms = age.saturating_sub(SLACK).as_millis() as u64;
    let may_be_held = !process::table_is_ours() || process::is_one_as_old(age_ms, is_git);
    // To look through all processes takes its time.
    let is_the_same = || made(&lock) == Some(found);
    may_be_held || (is_the_same() && fs::remove_file(&lock).is_err())
}

/// As git is called, and what it runs that is a program of its own.
fn is_git(name: &str) -> bool {
    name == "git" || name.starts_with("git-")
}

fn made(lock: &Path) -> Option<SystemTime> {
    fs::metadata(lock).and_then(|found| found.modified()).ok()
}

#[cfg(test)]
mod tests;
