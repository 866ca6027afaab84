//! Repositories that are part of a project: a new worktree gets those that the project's own worktree has.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::fleet::git::{Repository, Trouble, complaint, done, entries, git};
use crate::fleet::program::Program;
use crate::protocol::spelling::shell_word;

const FETCHING: Duration = Duration::from_secs(300);
const UPDATE: [&str; 5] = ["submodule", "--quiet", "update", "--init", "--recursive"];

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
        let known = repository.root().join(&path);
        if known.join(".git").exists() {
            let Some(said) = fetch_one(talking.clone(), &path)? else { continue };
            if !take(worktree, &name, &path, &known)? {
                let next = format!("git -C {} submodule update --init -- {}", shell_word(worktree), shell_word(&path));
                notes.push(format!("the submodule {path} is empty, git could not fetch it: {said}; next: {next}"));
            }
        }
    }
    Ok(notes)
}

/// None where it was fetched, else why it was not.
fn fetch_one(talking: Program, path: &str) -> Result<Option<String>, Trouble> {
    match talking.args(UPDATE).args(["--", path]).limit(FETCHING).run() {
        Ok(ran) if ran.is_good() => Ok(None),
        Ok(ran) => Ok(Some(complaint(&ran))),
        Err(unrun) => Ok(Some(unrun.to_string())),
    }
}

/// Takes it from the project's own worktree, as nobody else gives it. Whether that has the commit; it then comes from where it
/// came from, as before.
fn take(worktree: &Path, name: &str, path: &str, known: &Path) -> Result<bool, Trouble> {
    let key = format!("submodule.{name}.url");
    let from = git(worktree).args(["config", "--get", &key]).run()?.text();
    let mut instead = OsString::from(format!("{key}="));
    instead.push(known);
    let local = git(worktree).arg("-c").arg(instead).args(["-c", "protocol.file.allow=always"]);
    if !local.args(UPDATE).args(["--", path]).limit(FETCHING).run().is_ok_and(|ran| ran.is_good()) {
        return Ok(false);
    }
    done(git(&worktree.join(path)).args(["remote", "set-url", "origin", &from]), "say where a submodule is from")?;
    Ok(true)
}

fn names(program: Program, end: &str) -> Result<Vec<String>, Trouble> {
    let ran = program.run()?;
    let name = |key: &[u8]| {
        let key = String::from_utf8_lossy(key);
        Some(key.strip_prefix("submodule.")?.strip_suffix(end)?.to_owned())
    };
    Ok(entries(&ran.out).filter_map(name).collect())
}
