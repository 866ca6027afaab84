//! Repositories that are part of a project: a new worktree gets those that the project's own worktree has.

use std::path::Path;
use std::time::Duration;

use crate::fleet::git::{Repository, Trouble, complaint, entries, git};
use crate::fleet::program::Program;

const FETCHING: Duration = Duration::from_secs(300);

/// Whether what is checked out names any.
pub(super) fn are_there(worktree: &Path) -> bool {
    worktree.join(".gitmodules").is_file()
}

/// Fetches them. The notes say what could not be.
///
/// # Errors
/// When git cannot be run.
pub(super) fn fetch(repository: &Repository, worktree: &Path) -> Result<Vec<String>, Trouble> {
    let talking = Repository::open(worktree)?.talking()?;
    let configured =
        names(git(worktree).args(["config", "-z", "--name-only", "--get-regexp", r"^submodule\..*\.url$"]), ".url")?;
    let mut notes = Vec::new();
    for name in configured {
        let key = format!("submodule.{name}.path");
        let path = git(worktree).args(["config", "-z", "--file", ".gitmodules", "--get", &key]).run()?;
        let Some(path) = entries(&path.out).next().map(|path| String::from_utf8_lossy(path).into_owned()) else {
            continue;
        };
        // What is configured but not there was taken out of the project's own worktree.
        if repository.root().join(&path).join(".git").exists() {
            notes.extend(fetch_one(talking.clone(), &path)?);
        }
    }
    Ok(notes)
}

fn fetch_one(talking: Program, path: &str) -> Result<Option<String>, Trouble> {
    let update = ["submodule", "--quiet", "update", "--init", "--recursive", "--", path];
    let said = match talking.args(update).limit(FETCHING).run() {
        Ok(ran) if ran.is_good() => return Ok(None),
        Ok(ran) => complaint(&ran),
        Err(unrun) => unrun.to_string(),
    };
    Ok(Some(format!("the submodule {path} is empty, git could not fetch it: {said}")))
}

fn names(program: Program, end: &str) -> Result<Vec<String>, Trouble> {
    let ran = program.run()?;
    let name = |key: &[u8]| {
        let key = String::from_utf8_lossy(key);
        Some(key.strip_prefix("submodule.")?.strip_suffix(end)?.to_owned())
    };
    Ok(entries(&ran.out).filter_map(name).collect())
}
