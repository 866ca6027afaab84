//! Submodules whose new commit nobody else could get.

use std::path::{Path, PathBuf};

use super::{Fleet, commit, must, refuses};

/// A project with a submodule, and a job that committed to it in its own worktree.
struct Nested {
    fleet: Fleet,
    worktree: PathBuf,
}

impl Nested {
    fn new() -> Nested {
        let fleet = Fleet::new();
        let (home, project) = (fleet.world.home.clone(), fleet.project());
        fleet.begin(&home.join("seed"));
        must(&home, &["clone", "-q", "--bare", "seed", "lib.git"]);
        let remote = home.join("lib.git");
        submodule(&project, &["add", "-q", remote.to_str().unwrap(), "lib"]);
        commit(&project, "lib");
        let worktree = fleet.job("claude-first0");
        submodule(&worktree, &["update", "-q", "--init"]);
        let lib = worktree.join("lib");
        for (key, value) in [("user.name", "t"), ("user.email", "t@example.org"), ("commit.gpgSign", "false")] {
            must(&lib, &["config", key, value]);
        }
        super::edit(&lib, "one", 3, "new");
        commit(&lib, "new");
        commit(&worktree, "a newer lib");
        Nested { fleet, worktree }
    }

    fn head(&self) -> String {
        must(&self.worktree.join("lib"), &["rev-parse", "HEAD"])
    }
}

fn submodule(folder: &Path, args: &[&str]) {
    must(folder, &[&["-c", "protocol.file.allow=always", "submodule"], args].concat());
}

#[test]
fn a_commit_of_a_submodule_that_nobody_can_get_is_not_brought_home() {
    let at = Nested::new();
    let (head, fleet) = (at.head(), &at.fleet);
    let says = format!("the submodule lib of claude-first0 at {} is at no remote of it", &head[..10]);
    let push = format!("push origin {head}:refs/heads/aio/claude-first0\n");
    let before = fleet.picture();
    for verb in ["merge", "pr"] {
        refuses(&fleet.aio(&[verb, "claude-first0"]), 1, &[&says, "--yes", &push]);
    }
    assert_eq!(fleet.picture(), before);
    let ran = fleet.aio(&["merge", "claude-first0", "--yes", "--dry-run"]);
    assert!(ran.code == 0 && ran.err.contains(&says), "{ran:?}");
    let refused = fleet.aio(&["merge", "claude-first0"]).err;
    let next = refused.trim_end().split_once("; next: ").unwrap().1;
    let pasted = crate::harness::run(fleet.world.command("sh").args(["-ec", next]));
    assert_eq!(pasted.code, 0, "{next}: {pasted:?}");
    let ran = fleet.aio(&["merge", "claude-first0"]);
    assert!(ran.code == 0 && !ran.err.contains("submodule"), "{ran:?}");
}

#[test]
fn a_newer_commit_of_a_submodule_comes_home_whatever_else_recurses() {
    let at = Nested::new();
    must(&at.fleet.project(), &["config", "submodule.recurse", "true"]);
    let ran = at.fleet.aio(&["merge", "claude-first0", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(must(&at.fleet.project(), &["rev-parse", "HEAD:lib"]).trim(), at.head().trim());
}

#[test]
fn a_clone_that_keeps_no_note_of_branches_asks_the_remote() {
    let at = Nested::new();
    let lib = at.worktree.join("lib");
    must(&lib, &["config", "--unset-all", "remote.origin.fetch"]);
    must(&lib, &["push", "-q", "origin", "HEAD:refs/heads/new"]);
    must(&lib, &["update-ref", "-d", "refs/remotes/origin/new"]);
    assert_eq!(at.fleet.aio(&["merge", "claude-first0"]).code, 0);
}

#[test]
fn what_is_not_checked_out_is_noted() {
    let at = Nested::new();
    submodule(&at.worktree, &["deinit", "-q", "--force", "lib"]);
    let ran = at.fleet.aio(&["merge", "claude-first0"]);
    let says = format!(
        "the submodule lib of claude-first0 at {} is not in the worktree",
        &must(&at.worktree, &["rev-parse", "HEAD:lib"])[..10]
    );
    assert!(ran.code == 0 && ran.err.contains(&says), "{ran:?}");
}

#[test]
fn what_is_not_committed_in_a_submodule_is_committed_there_first() {
    let at = Nested::new();
    super::edit(&at.worktree.join("lib"), "two", 3, "not committed");
    for folder in ["lib", ""] {
        let refused = at.fleet.aio(&["merge", "claude-first0"]);
        refuses(&refused, 1, &["claude-first0 has not committed lib"]);
        let next = refused.err.trim_end().split_once("; next: ").unwrap().1;
        assert!(
            next.contains(&format!("git -C {} add -A", at.worktree.join(folder).display()).replace("/ add", " add"))
        );
        let pasted = crate::harness::run(at.fleet.world.command("sh").args(["-ec", next]));
        assert_eq!(pasted.code, 0, "{next}: {pasted:?}");
    }
    refuses(&at.fleet.aio(&["merge", "claude-first0"]), 1, &["the submodule lib of claude-first0 at "]);
}
