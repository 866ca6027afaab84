//! Repositories for tests, real ones, in folders of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{entries, git};
use crate::fleet::program::Program;

/// Whether a proof is asked for, which tries more than a test: `.ci/run` asks.
pub(in crate::fleet) fn is_proof() -> bool {
    std::env::var_os("AIO_PROOFS").is_some()
}

/// Without the machine's own configuration, and with local repositories as submodules, which git would not clone otherwise.
pub(super) fn isolated(program: Program) -> Program {
    program
        .variable("GIT_CONFIG_GLOBAL", "/dev/null")
        .variable("GIT_CONFIG_NOSYSTEM", "1")
        .variable("GIT_CONFIG_COUNT", "1")
        .variable("GIT_CONFIG_KEY_0", "protocol.file.allow")
        .variable("GIT_CONFIG_VALUE_0", "always")
}

/// A folder with a project in it, on `main`, with one commit of `readme` and `.gitignore`.
pub(in crate::fleet) struct Scratch {
    folder: TempDir,
    pub(in crate::fleet) project: PathBuf,
}

/// What lies in a folder: of each file its kind and mode, and its bytes or where it leads.
pub(in crate::fleet) type Content = BTreeMap<PathBuf, (u32, Vec<u8>)>;

impl Scratch {
    pub(in crate::fleet) fn new() -> Scratch {
        Scratch::of("project", &[])
    }

    /// A project of another name, begun with other options.
    pub(in crate::fleet) fn of(name: &str, init: &[&str]) -> Scratch {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().canonicalize().unwrap().join(name);
        fs::create_dir(&project).unwrap();
        let scratch = Scratch { folder, project };
        scratch.begin_as(&scratch.project, init);
        scratch
    }

    /// A path beside the project.
    pub(in crate::fleet) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// A repository with a commit.
    pub(in crate::fleet) fn begin(&self, folder: &Path) {
        self.begin_as(folder, &[]);
    }

    fn begin_as(&self, folder: &Path, init: &[&str]) {
        fs::create_dir_all(folder).unwrap();
        said(folder, &[&["init", "--quiet", "-b", "main"], init].concat());
        said(folder, &["config", "user.name", "A"]);
        said(folder, &["config", "user.email", "a@example.org"]);
        write(&folder.join("readme"), "read me\n");
        write(&folder.join(".gitignore"), "*.ignored\n");
        commit(folder, "first");
    }

    /// What git says in the project.
    pub(in crate::fleet) fn git(&self, args: &[&str]) -> String {
        said(&self.project, args)
    }

    /// All of the project that must not change: its files, and what git makes of them.
    pub(in crate::fleet) fn own(&self) -> (Content, String, String, Vec<u8>) {
        let status = self.git(&["status", "--porcelain=v2", "--branch", "--ignored"]);
        let log = self.git(&["log", "--walk-reflogs", "--format=%H %gs", "HEAD"]);
        (content(&self.project), status, log, fs::read(self.project.join(".git/index")).unwrap())
    }
}

/// What git says, which must succeed.
pub(in crate::fleet) fn said(folder: &Path, args: &[&str]) -> String {
    let ran = git(folder).args(args).run().unwrap();
    assert!(ran.is_good(), "git {args:?}: {}", String::from_utf8_lossy(&ran.err));
    ran.text()
}

/// The files that are not as they were in that commit: committed since, changed, or new and not ignored.
pub(in crate::fleet) fn changed_files(worktree: &Path, base: &str) -> BTreeSet<Vec<u8>> {
    let list = |args: &[&str]| git(worktree).args(args).run().unwrap().out;
    let tracked = list(&["diff", "--name-only", "-z", "--no-renames", "--ignore-submodules=none", base, "--"]);
    let new = list(&["ls-files", "--others", "--exclude-standard", "-z"]);
    entries(&tracked).chain(entries(&new)).map(<[u8]>::to_vec).collect()
}

/// Commits all that is there, and gives the commit.
pub(in crate::fleet) fn commit(folder: &Path, message: &str) -> String {
    said(folder, &["add", "--all"]);
    said(folder, &["commit", "--quiet", "--allow-empty", "-m", message]);
    said(folder, &["rev-parse", "HEAD"])
}

/// A file, with the folders that lead to it.
pub(in crate::fleet) fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// What lies there, without git's own and aio's own, and without empty folders, which git does not keep.
pub(in crate::fleet) fn content(folder: &Path) -> Content {
    let mut found = Content::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
            let below = path.strip_prefix(folder).unwrap().to_owned();
            match () {
                () if [".git", ".aio"].iter().any(|own| *below == **own) => {}
                () if kind.is_dir() => folders.push(path),
                () if kind.is_symlink() => {
                    let to = fs::read_link(&path).unwrap();
                    found.insert(below, (0o120_000, to.as_os_str().as_bytes().to_vec()));
                }
                // Git knows of no more of a mode.
                () => drop(found.insert(below, (mode & 0o100, fs::read(&path).unwrap()))),
            }
        }
    }
    found
}
