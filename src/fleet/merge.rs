//! Work brought home: a branch merged into another, wherever that is checked out, and every commit seen to have arrived.
//!
//! Guarantees that a merge that does not come to its end leaves everything as it was, or says that it could not; that nothing
//! is pushed; and that a worktree in which somebody has something under way is not touched. Does not resolve conflicts.

pub mod changes;
pub mod forge;
pub mod git;
mod obstacles;
mod present;
mod rooms;
mod site;
mod submodules;
mod trouble;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

pub use git::{
    ahead, arrived, branch_ref, common, current_branch, is_shallow, resolve, tip, touched, uncommitted, without_alias,
};
pub use present::{Astray, astray, checked_out_there};
pub use rooms::{Turn, sweep_rooms};
pub use site::{Free, Site, checked_out, must_be_free};
pub use submodules::{Unpublished, unpublished};
pub use trouble::{Trouble, listed};

use super::git::locks;
use git::{common_folder, git, run_merging, said, was_killed};
use present::unmerged;

/// Hooks of a person's may run tests.
const LIMIT: Duration = Duration::from_secs(1800);
/// Nothing that a person set for merges of their own changes what is done, nor is a conflict remembered that is taken back.
const PLAINLY: [&str; 4] = ["-c", "rerere.enabled=false", "-c", "gc.auto=0"];
const MERGE: [&str; 10] = [
    "merge",
    "--strategy",
    "ort",
    "--no-ff",
    "--commit",
    "--no-squash",
    "--no-edit",
    "--no-autostash",
    "--no-stat",
    "--no-progress",
];
/// The variable with the options that take the place of those in `branch.<target>.mergeoptions`.
const OPTIONS: &str = "AIO_MERGE_OPTIONS";

/// What git says before it puts a worktree back by force, as on a full disk: what it would refuse was looked for before.
const GAVE_UP: &str = "Merge with strategy ort failed";

/// A branch that is to be merged.
#[derive(Clone, Copy, Debug)]
pub struct Arriving<'a> {
    /// Its name.
    pub branch: &'a str,
    /// What the merge is to say of it.
    pub message: &'a str,
    /// Stops git when it is not 0 any more.
    pub stopped: &'a Arc<AtomicUsize>,
}

impl Arriving<'_> {
    fn stopped_by(&self, target: &str, why: String) -> Trouble {
        Trouble::Stopped { branch: self.branch.to_owned(), target: target.to_owned(), why }
    }
}

/// A branch that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// By which commit.
    pub commit: String,
    /// How many commits of its own it brought; 0 where they were all there before.
    pub commits: u64,
}

/// Merges a branch into a target, and sees that all of it arrived.
///
/// # Errors
/// When something stands against it, or it did not come to its end; then everything is as it was.
pub fn bring_home(repository: &Path, scratch: &Path, target: &str, arriving: Arriving<'_>) -> Result<Arrival, Trouble> {
    let commit = tip(repository, arriving.branch)?;
    let before = tip(repository, target)?;
    let commits = ahead(repository, &commit, &before)?;
    if commits == 0 {
        return Ok(Arrival { commit: before, commits });
    }
    if common(repository, &commit, &before)?.is_none() {
        let (branch, target) = (arriving.branch.to_owned(), target.to_owned());
        return Err(Trouble::Unrelated { branch, target, is_shallow: is_shallow(repository) });
    }
    sweep_rooms(scratch);
    // Two at once would take back each other's.
    let turn = Turn::take(repository, scratch)?;
    // Git would wait for it, and then go on all the same.
    locks::put_away_packed(&common_folder(repository)?);
    let site = Site::open(repository, &turn, target, &commit)?;
    site.rehearse(&commit, |program| program.unless(arriving.stopped))
        .map_err(|why| arriving.stopped_by(target, why))?;
    merge(&site, &commit, target, arriving)?;
    let merged = site.settle()?;
    drop(site);
    let missing = ahead(repository, &branch_ref(arriving.branch), &branch_ref(target))?;
    match missing {
        0 => Ok(Arrival { commit: merged, commits }),
        _ => {
            let (branch, target) = (arriving.branch.to_owned(), target.to_owned());
            Err(Trouble::NotArrived { branch, target, missing, folder: repository.to_owned() })
        }
    }
}

fn merge(site: &Site, commit: &str, target: &str, arriving: Arriving<'_>) -> Result<(), Trouble> {
    let options = format!("--config-env=branch.{target}.mergeoptions={OPTIONS}");
    let args = PLAINLY.into_iter().chain([options.as_str()]).chain(MERGE).chain(["-m", arriving.message, commit]);
    let program =
        site.marked(git(&site.folder, args)).variable(OPTIONS, "--commit").limit(LIMIT).unless(arriving.stopped);
    site.must_be_at_start()?;
    let ran = run_merging(program, &site.folder);
    // One that ended by itself has put its own lock away, or found another's.
    let was_killed = was_killed(&ran);
    let (why, files) = match ran {
        Ok(ran) if ran.is_good() => return Ok(()),
        // Which files is only for the words; what was begun is taken back, told or not.
        Ok(ran) => (said(&ran), unmerged(&site.folder).unwrap_or_default()),
        Err(unrun) => (unrun.to_string(), Vec::new()),
    };
    if why.contains(GAVE_UP) && !site.is_temporary() {
        return Err(Trouble::PutBack { folder: site.folder.clone(), why });
    }
    if was_killed {
        site.unlock()?;
    }
    take_back(site, commit, was_killed, &why)?;
    match files.is_empty() {
        true => Err(arriving.stopped_by(target, why)),
        false => Err(Trouble::Conflict { branch: arriving.branch.to_owned(), target: target.to_owned(), files }),
    }
}

/// As if it had not been begun. Only what the merge itself did is undone: what else is found there is left, and said.
fn take_back(site: &Site, commit: &str, was_killed: bool, why: &str) -> Result<(), Trouble> {
    let merges = site.merges()?;
    if merges.as_deref() == Some(commit) {
        git(&site.folder, ["merge", "--abort"]).run()?;
    } else if was_killed && merges.is_none() && site.is_at_start()? && site.has_staged_only(commit)? {
        // So it stands while `pre-merge-commit` runs: what is merged is noted only then. This is what `--abort` does.
        git(&site.folder, ["reset", "--merge"]).run()?;
    }
    let is_as_before = site.merges()?.is_none() && site.is_at_start()? && site.is_changed_as_before()?;
    match is_as_before || site.is_temporary() {
        true => Ok(()),
        false => Err(Trouble::Unclean { folder: site.folder.clone(), why: why.to_owned() }),
    }
}
