//! What decides a merge besides its two commits: git itself, its configuration, and the attributes of files.
//!
//! Guarantees that whatever of that git would read now is read, by three git processes for a repository. The attributes are
//! those of the checkout in which merges are tried, the project's own, committed or not: a target that is checked out elsewhere
//! is merged by what stands there. What a branch brings of them is `attributes.rs`. Does not know what the programs do that merge and filter files.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::git::entries;
use super::super::program::{Ran, Unrun};
use super::cache::hex;
use super::room::Room;
use crate::host::repository::worktree_of;

const ATTRIBUTES: &str = ".gitattributes";
/// The files of attributes that are for all repositories, as git names them.
const FOR_ALL: [&str; 2] = ["GIT_ATTR_SYSTEM=", "GIT_ATTR_GLOBAL="];
/// What changes with the time, the terminal or each new branch, and decides no merge.
const INDIFFERENT: [&str; 4] = ["GIT_", "branch.", "user.", "alias."];

/// A digest of it. None where not all of it can be known: git before 2.41 does not say where its attributes are, and a bare
/// repository takes them from a commit.
///
/// # Errors
/// When git cannot be run.
pub(super) fn terms(room: &Room, repository: &Path) -> Result<Option<String>, Unrun> {
    let ask = |args: &[&'static str]| room.git(repository, args.iter().copied()).run();
    let configured = ask(&["var", "-l"])?;
    let listed = ask(&["ls-files", "-z", "--stage"])?;
    let version = ask(&["version"])?;
    let text = configured.text();
    let is_whole = [&configured, &listed, &version].into_iter().all(Ran::is_good) && text.contains(FOR_ALL[1]);
    let Some(worktree) = worktree_of(repository).filter(|_| is_whole) else { return Ok(None) };
    let mut digest = Sha256::new();
    digest.update(&version.out);
    for line in text.lines().filter(|line| !INDIFFERENT.iter().any(|indifferent| line.starts_with(indifferent))) {
        digest.update([line.as_bytes(), b"\n"].concat());
    }
    let for_all = text.lines().filter_map(|line| FOR_ALL.iter().find_map(|name| line.strip_prefix(name)));
    let mut files: Vec<PathBuf> = for_all.map(PathBuf::from).collect();
    files.push(worktree.common_dir.join("info/attributes"));
    // Git takes what it tracks where there is no file.
    for entry in entries(&listed.out).filter(|entry| entry.ends_with(ATTRIBUTES.as_bytes())) {
        digest.update(entry);
    }
    files.extend(folders(&listed.out).into_iter().map(|folder| repository.join(folder).join(ATTRIBUTES)));
    for file in files {
        if let Ok(content) = fs::read(&file) {
            digest.update([file.as_os_str().as_bytes(), &content.len().to_le_bytes(), &content].concat());
        }
    }
    Ok(Some(hex(&digest.finalize())))
}

/// The folders in which anything is tracked, and those around them, in order; of `mode SP id SP stage TAB path NUL`.
fn folders(listed: &[u8]) -> Vec<&Path> {
    let mut seen = HashSet::new();
    for entry in entries(listed) {
        let path = entry.splitn(2, |byte| *byte == b'\t').nth(1).unwrap_or_default();
        let around = Path::new(OsStr::from_bytes(path)).ancestors().skip(1);
        // Around one that is known, all are.
        around.take_while(|folder| seen.insert(*folder)).for_each(drop);
    }
    let mut folders: Vec<&Path> = seen.into_iter().collect();
    folders.sort_unstable();
    folders
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::super::super::git::testing::{Scratch, commit, write};
    use super::*;

    #[test]
    fn whatever_decides_a_merge_changes_them_and_nothing_else() {
        let scratch = Scratch::new();
        let project = &scratch.project;
        write(&project.join("a/b/c"), "x");
        commit(project, "folders");
        let mut last = String::new();
        let mut is_new = |what: &str| {
            let now = terms(&Room::beside(project).unwrap(), project).unwrap().unwrap();
            assert_eq!(Some(&now), terms(&Room::beside(project).unwrap(), project).unwrap().as_ref(), "{what}");
            std::mem::replace(&mut last, now) != last
        };
        assert!(is_new("at first"));
        let included = scratch.path("included");
        let by_all = scratch.path("attributes");
        for (key, value) in [
            ("merge.directoryRenames", "false"),
            ("merge.lockd.driver", "first line\nuser"),
            ("diff.renameLimit", "1"),
            ("core.autocrlf", "true"),
            ("filter.x.clean", "cat"),
            ("include.path", included.to_str().unwrap()),
            ("core.attributesFile", by_all.to_str().unwrap()),
        ] {
            scratch.git(&["config", key, value]);
            assert!(is_new(key), "{key}");
        }
        write(&included, "[merge]\nrenormalize = true\n");
        assert!(is_new("included"));
        let own = project.join(".git/info/attributes");
        for file in [by_all, own, project.join(".gitattributes"), project.join("a/b/.gitattributes")] {
            for content in ["* merge=union\n", "* merge=binary\n"] {
                write(&file, content);
                assert!(is_new(content), "{}", file.display());
            }
        }
        scratch.git(&["add", ".gitattributes", "a/b/.gitattributes"]);
        assert!(is_new("tracked"));
        for (key, value) in [("branch.job.remote", "origin"), ("user.name", "B"), ("alias.x", "status")] {
            scratch.git(&["config", key, value]);
            assert!(!is_new(key), "{key}");
        }
        write(&project.join("a/b/c"), "y");
        commit(project, "more");
        assert!(!is_new("another commit"));
    }

    #[test]
    fn a_bare_repository_has_none() {
        let scratch = Scratch::new();
        let bare = scratch.path("bare");
        scratch.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
        assert_eq!(terms(&Room::beside(&bare).unwrap(), &bare).unwrap(), None);
    }
}
