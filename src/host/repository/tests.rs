//! With repositories made by git itself.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Worktree, worktree_of};

/// A physical temporary directory that is also git's home, so that no setting of the person's leaks in.
struct Sandbox {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Sandbox {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = fs::canonicalize(dir.path()).expect("its physical name");
        Self { _dir: dir, root }
    }

    /// With one repository of one commit, `main`.
    fn with_repository() -> Self {
        let sandbox = Self::new();
        sandbox.git("", &["init", "-q", "main"]);
        sandbox.commit("main");
        sandbox
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn commit(&self, repository: &str) {
        self.git(repository, &["commit", "-q", "--allow-empty", "-m", "begin"]);
    }

    /// Runs git in `directory` and gives what it prints.
    fn git(&self, directory: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"])
            .args(arguments)
            .current_dir(self.at(directory))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.root)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git, which these tests need");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("UTF-8 from git")
    }

    #[track_caller]
    fn expect(&self, path: &str, root: &str, common_dir: &str) {
        let expected = Worktree { root: self.at(root), common_dir: self.at(common_dir) };
        assert_eq!(worktree_of(&self.at(path)), Some(expected), "{path}");
    }

    /// As `expect`, and git agrees.
    #[track_caller]
    fn expect_as_git(&self, directory: &str, root: &str, common_dir: &str) {
        let asked = ["rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir"];
        let answer = self.git(directory, &asked);
        let (git_root, git_common_dir) = answer.trim_end().split_once('\n').expect("two lines from git");
        assert_eq!(Path::new(git_root), self.at(root));
        assert_eq!(fs::canonicalize(git_common_dir).expect("git's directory"), self.at(common_dir));
        self.expect(directory, root, common_dir);
    }

    /// What surrounds the temporary directory is not ours to assume: nothing, or something outside of it.
    #[track_caller]
    fn expect_none(&self, path: &str) {
        let outside = self.root.parent().expect("the directory of temporary directories");
        assert_eq!(worktree_of(&self.at(path)), worktree_of(outside), "{path}");
    }
}

#[test]
fn a_main_worktree() {
    let sandbox = Sandbox::with_repository();
    fs::create_dir_all(sandbox.at("main/src/deep")).expect("directories");
    fs::write(sandbox.at("main/src/file"), "").expect("a file");
    for directory in ["main", "main/src/deep"] {
        sandbox.expect_as_git(directory, "main", "main/.git");
    }
    for path in ["main/src/file", "main/new/dir/file", "main/.git", "main/.git/config", "main/.git/refs/new"] {
        sandbox.expect(path, "main", "main/.git");
    }
    sandbox.expect_none("");
    sandbox.expect_none("main-not");
}

#[test]
fn a_repository_without_a_commit() {
    let sandbox = Sandbox::new();
    sandbox.git("", &["init", "-q", "fresh"]);
    sandbox.expect_as_git("fresh", "fresh", "fresh/.git");
}

#[test]
fn linked_worktrees_share_the_common_directory() {
    let sandbox = Sandbox::with_repository();
    sandbox.git("main", &["worktree", "add", "-q", "../linked"]);
    sandbox.git("main", &["worktree", "add", "-q", "nested/inside"]);
    sandbox.git("main", &["-c", "worktree.useRelativePaths=true", "worktree", "add", "-q", "../relative"]);
    for root in ["linked", "main/nested/inside", "relative"] {
        sandbox.expect_as_git(root, root, "main/.git");
        sandbox.expect(&format!("{root}/new/file"), root, "main/.git");
    }
    sandbox.expect("main/nested", "main", "main/.git");
    sandbox.expect("main/.git/worktrees/linked/HEAD", "main", "main/.git");
}

#[test]
fn git_files_may_be_relative_and_end_in_any_newline() {
    let sandbox = Sandbox::with_repository();
    sandbox.git("main", &["worktree", "add", "-q", "../linked"]);
    for line in ["gitdir: ../main/.git/worktrees/linked", "gitdir: ../main/.git/worktrees/linked\r\n\n"] {
        fs::write(sandbox.at("linked/.git"), line).expect("a .git file");
        sandbox.expect_as_git("linked", "linked", "main/.git");
    }
    // An absolute `commondir`, and by way of a symlink: the answer is physical all the same.
    symlink("main", sandbox.at("alias")).expect("a symlink");
    let commondir = sandbox.at("main/.git/worktrees/linked/commondir");
    fs::write(commondir, sandbox.at("alias/.git").as_os_str().as_encoded_bytes()).expect("a commondir file");
    sandbox.expect_as_git("linked", "linked", "main/.git");
}

#[test]
fn bare_repositories_with_worktrees() {
    let sandbox = Sandbox::with_repository();
    fs::create_dir(sandbox.at("project")).expect("a directory");
    sandbox.git("", &["clone", "-q", "--bare", "main", "project/.bare"]);
    sandbox.git("project/.bare", &["worktree", "add", "-q", "../feature"]);
    sandbox.expect_as_git("project/feature", "project/feature", "project/.bare");
    sandbox.expect_none("project/.bare/hooks");
}

#[test]
fn submodules_are_repositories_of_their_own() {
    let sandbox = Sandbox::with_repository();
    sandbox.git("", &["init", "-q", "library"]);
    sandbox.commit("library");
    sandbox.git("main", &["submodule", "--quiet", "add", "../library", "vendor/library"]);
    sandbox.expect_as_git("main/vendor/library", "main/vendor/library", "main/.git/modules/vendor/library");
    sandbox.expect("main/vendor/other", "main", "main/.git");
    sandbox.expect("main/.git/modules/vendor/library/HEAD", "main", "main/.git");

    sandbox.git("main", &["commit", "-q", "-m", "a submodule"]);
    sandbox.git("main", &["worktree", "add", "-q", "../linked"]);
    sandbox.git("linked", &["submodule", "--quiet", "update", "--init"]);
    let common_dir = "main/.git/worktrees/linked/modules/vendor/library";
    sandbox.expect_as_git("linked/vendor/library", "linked/vendor/library", common_dir);
}

#[test]
fn nested_repositories_and_separate_git_directories() {
    let sandbox = Sandbox::with_repository();
    sandbox.git("main", &["init", "-q", "nested"]);
    sandbox.git("main", &["init", "-q", "--separate-git-dir", "../elsewhere", "separate"]);
    sandbox.expect_as_git("main/nested", "main/nested", "main/nested/.git");
    sandbox.expect_as_git("main/separate", "main/separate", "elsewhere");
}

#[test]
fn a_symlink_named_dot_git_is_followed() {
    let sandbox = Sandbox::with_repository();
    sandbox.git("main", &["worktree", "add", "-q", "../linked"]);
    for (name, target) in [("to-dir", "../main/.git"), ("to-file", "../linked/.git")] {
        fs::create_dir(sandbox.at(name)).expect("a directory");
        symlink(target, sandbox.at(name).join(".git")).expect("a symlink");
        sandbox.expect(name, name, "main/.git");
    }
}

#[test]
fn what_is_broken_is_walked_past() {
    let sandbox = Sandbox::with_repository();
    let broken = |name: &str| {
        let dir = sandbox.at("main").join(name);
        fs::create_dir(&dir).expect("a directory");
        dir.join(".git")
    };
    fs::create_dir(broken("empty")).expect("an empty directory");
    symlink("nowhere", broken("dangling")).expect("a symlink");
    symlink(".git", broken("loop")).expect("a symlink");
    let contents: [&[u8]; 8] = [
        b"",
        b"gitdir: ",
        b"gitdir:../.git",
        b"nonsense",
        b"gitdir: ../no/where\n",
        b"gitdir: .git\n",
        b"gitdir: \0\n",
        &[0xff; 9000],
    ];
    for (number, content) in contents.iter().enumerate() {
        fs::write(broken(&format!("file-{number}")), content).expect("a .git file");
    }
    let made = Command::new("mkfifo").arg(broken("pipe")).status().expect("mkfifo, which POSIX requires");
    assert!(made.success());
    for entry in fs::read_dir(sandbox.at("main")).expect("a directory") {
        let path = entry.expect("an entry").path();
        sandbox.expect(path.to_str().expect("UTF-8"), "main", "main/.git");
    }
}

#[test]
fn a_worktree_whose_repository_is_gone_has_none() {
    let sandbox = Sandbox::with_repository();
    sandbox.git("main", &["worktree", "add", "-q", "../linked"]);
    let commondir = sandbox.at("main/.git/worktrees/linked/commondir");
    fs::write(&commondir, "../../nowhere\n").expect("a commondir file");
    sandbox.expect_none("linked/file");
    fs::remove_file(&commondir).expect("removed");
    fs::create_dir(&commondir).expect("something unreadable in its place");
    sandbox.expect_none("linked/file");
    fs::remove_dir_all(sandbox.at("main")).expect("removed");
    sandbox.expect_none("linked/file");
}
