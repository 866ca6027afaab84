//! The pre-commit hook, with real commits: it asks, chains, steps aside, and leaves no trace.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use aio::commands::init::git_hook::GitHook;
use aio::host::repository::worktree_of;

use crate::harness::{Ran, World, git, run};

/// A repository with one commit.
fn repository() -> World {
    let world = World::bare();
    assert_eq!(git(&world.project, &["init", "-q"]).code, 0);
    world.file("a");
    assert_eq!(git(&world.project, &["add", "."]).code, 0);
    assert_eq!(git(&world.project, &["commit", "-qm", "first"]).code, 0);
    world
}

fn hook_of(folder: &Path) -> GitHook {
    GitHook::of(&worktree_of(folder).unwrap()).unwrap()
}

fn installed(world: &World) -> GitHook {
    let hook = hook_of(&world.project);
    assert!(hook.install().unwrap() && hook.is_installed() && hook.is_current());
    hook
}

/// Stages a change of these files and commits, as an agent's shell would. `path` is what comes before the system's own.
fn commit_in(world: &World, folder: &Path, id: &str, files: &[&str], path: &str) -> Ran {
    for file in files {
        fs::write(folder.join(file), getrandom::u64().unwrap().to_string()).unwrap();
        assert_eq!(git(folder, &["add", file]).code, 0);
    }
    let mut command = world.shell("git");
    if !path.is_empty() {
        command.env("PATH", path);
    }
    command.current_dir(folder).env("AIO_INSTANCE", id);
    run(command.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "next"]))
}

fn commit(world: &World, id: &str, files: &[&str]) -> Ran {
    commit_in(world, &world.project, id, files, "")
}

fn commits(world: &World) -> usize {
    git(&world.project, &["log", "--oneline"]).out.lines().count()
}

fn script(path: &Path, body: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn hooks(world: &World) -> PathBuf {
    world.project.join(".git/hooks")
}

#[test]
fn what_is_free_or_held_by_the_committer_is_committed_and_what_another_holds_is_not() {
    let world = repository();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    installed(&world);
    world.claim(&claude, "own");
    world.claim(&codex, "held");
    assert_eq!(commit(&world, &claude, &["free", "own"]).code, 0);
    assert_eq!(commits(&world), 2);
    let refused = commit(&world, &claude, &["free", "held"]);
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains(&codex) && refused.err.contains("held"), "{refused:?}");
    assert_eq!(commits(&world), 2);
    assert_eq!(commit(&world, &codex, &["held"]).code, 0, "for the other it is its own");
}

#[test]
fn a_hook_that_was_there_is_asked_first_and_heard() {
    let world = repository();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    script(&hooks(&world).join("pre-commit"), "echo theirs >>log; test ! -e stop || exit 7");
    installed(&world);
    world.claim(&codex, "held");
    assert_eq!(commit(&world, &claude, &["free"]).code, 0);
    let refused = commit(&world, &claude, &["held"]);
    assert!(refused.code != 0 && refused.err.contains(&codex), "both are asked: {refused:?}");
    assert_eq!(fs::read_to_string(world.project.join("log")).unwrap(), "theirs\ntheirs\n");
    world.file("stop");
    let stopped = commit(&world, &claude, &["held"]);
    assert!(stopped.code != 0 && !stopped.err.contains(&codex), "theirs has refused already: {stopped:?}");
    assert_eq!(commits(&world), 2);
}

#[test]
fn a_hook_that_git_would_not_run_is_not_run() {
    let world = repository();
    let claude = world.register("claude");
    let theirs = hooks(&world).join("pre-commit");
    script(&theirs, "exit 7");
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o644)).unwrap();
    installed(&world);
    assert_eq!(commit(&world, &claude, &["free"]).code, 0);
}

#[test]
fn what_was_there_comes_back_exactly() {
    let world = repository();
    let path = hooks(&world).join("pre-commit");
    let before = hooks(&world).join("pre-commit.before-aio");

    assert!(installed(&world).remove().unwrap());
    assert!(!path.exists() && !before.exists(), "nothing was there");

    let theirs = b"#!/bin/sh\n\xff\x00 no newline at the end".to_vec();
    fs::write(&path, &theirs).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o751)).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    let hook = installed(&world);
    assert!(!hook.install().unwrap(), "twice is once");
    assert!(hook.remove().unwrap() && !hook.is_installed());
    assert!(!hook.remove().unwrap());
    let after = fs::metadata(&path).unwrap();
    assert_eq!((fs::read(&path).unwrap(), after.mode() & 0o777, after.ino()), (theirs, 0o751, inode));
    assert!(!before.exists());

    fs::remove_file(&path).unwrap();
    symlink("../../no/such/script", &path).unwrap();
    let hook = installed(&world);
    hook.remove().unwrap();
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("../../no/such/script"));
}

#[test]
fn an_older_one_of_ours_is_renewed_and_an_interrupted_installation_goes_on() {
    let world = repository();
    let path = hooks(&world).join("pre-commit");
    script(&path, "# aio pre-commit: as an older version had it\nexit 1");
    let hook = hook_of(&world.project);
    assert!(hook.is_installed() && !hook.is_current());
    assert!(hook.install().unwrap() && hook.is_current());
    assert!(!hooks(&world).join("pre-commit.before-aio").exists(), "ours is not theirs");

    script(&path, "exit 0");
    fs::hard_link(&path, hooks(&world).join("pre-commit.before-aio")).unwrap();
    assert!(hook.install().unwrap());
    hook.remove().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 0\n");
}

#[test]
fn trouble_of_aios_own_keeps_nobody_from_committing() {
    let world = repository();
    let claude = world.register("claude");
    installed(&world);
    let without = commit_in(&world, &world.project, &claude, &["free"], "/usr/bin:/bin");
    assert_eq!(without.code, 0, "{without:?}");
    assert!(without.err.contains("aio: not found"), "{without:?}");
    world.write_state("{ not a state");
    let unreadable = commit(&world, &claude, &["free"]);
    assert_eq!(unreadable.code, 0, "{unreadable:?}");
    assert!(unreadable.err.contains("cannot be read"), "{unreadable:?}");
    script(&world.dir.join("bin/aio"), "kill -9 $$");
    assert_eq!(commit(&world, &claude, &["free"]).code, 0, "it crashed");
    assert_eq!(commits(&world), 4);
}

#[test]
fn every_worktree_of_a_repository_has_it() {
    let world = repository();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let other = world.home.join("other");
    assert_eq!(git(&world.project, &["worktree", "add", "-q", "-b", "other", other.to_str().unwrap()]).code, 0);
    let hook = hook_of(&other);
    assert_eq!(hook.path(), hooks(&world).join("pre-commit"));
    assert!(hook.install().unwrap() && hook_of(&world.project).is_installed());
    world.claim(&codex, other.join("held").to_str().unwrap());
    assert_ne!(commit_in(&world, &other, &claude, &["held"], "").code, 0);
    assert_eq!(commit_in(&world, &world.project, &claude, &["held"], "").code, 0, "that is another file");
}

#[test]
fn hooks_are_where_git_looks_for_them() {
    let world = repository();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    git(&world.project, &["config", "core.hooksPath", ".githooks"]);
    let hook = installed(&world);
    assert_eq!(hook.path(), world.project.join(".githooks/pre-commit"));
    world.claim(&codex, "held");
    assert_ne!(commit(&world, &claude, &["held"]).code, 0);

    let elsewhere = world.home.join("hooks of all repositories");
    git(&world.project, &["config", "core.hooksPath", elsewhere.to_str().unwrap()]);
    let refused = GitHook::of(&worktree_of(&world.project).unwrap()).unwrap_err();
    assert!(refused.message.contains("hooks of all repositories") && !refused.hints.is_empty(), "{refused:?}");
    assert!(!elsewhere.exists());
}

#[test]
fn what_cannot_be_chained_is_left_alone() {
    let world = repository();
    let path = hooks(&world).join("pre-commit");
    let hook = hook_of(&world.project);
    script(&path, ". \"$(dirname \"$0\")/_/husky.sh\"");
    assert!(hook.install().unwrap_err().message.contains("goes by its name"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "#!/bin/sh\n. \"$(dirname \"$0\")/_/husky.sh\"\n");
    script(&path, "exit 0");
    script(&hooks(&world).join("pre-commit.before-aio"), "exit 1");
    assert!(hook.install().unwrap_err().message.contains("two hooks"));
    assert!(!hook.is_installed());
}

#[test]
fn two_hooks_that_call_each_other_end() {
    let world = repository();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let hook = installed(&world);
    fs::rename(hook.path(), hooks(&world).join("pre-commit.legacy")).unwrap();
    script(hook.path(), "echo manager >>log; exec \"$(dirname \"$0\")/pre-commit.legacy\"");
    assert!(hook.install().unwrap());
    assert_eq!(commit(&world, &claude, &["free"]).code, 0);
    assert_eq!(fs::read_to_string(world.project.join("log")).unwrap(), "manager\n");
    world.claim(&codex, "held");
    assert_ne!(commit(&world, &claude, &["held"]).code, 0);
}

#[test]
fn init_puts_it_in_and_takes_it_out_when_asked_to() {
    let world = repository();
    let path = hooks(&world).join("pre-commit");
    script(&path, "exit 0");
    let lines = |args: &[&str]| {
        let ran = world.aio(args);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out + &ran.err
    };
    assert!(!lines(&["init", "--yes"]).contains("pre-commit"), "nobody asked");
    for args in [["init", "--git-hook", "--dry-run"].as_slice(), &["init", "--git-hook"]] {
        assert!(lines(args).contains(&format!("would ask aio in {}", path.display())));
        assert!(!hook_of(&world.project).is_installed(), "there is nobody to agree");
    }
    assert!(lines(&["init", "--git-hook", "--yes"]).contains(&format!("ask aio in {}", path.display())));
    assert!(hook_of(&world.project).is_current());
    assert!(
        lines(&["init", "--git-hook", "--yes"]).contains(&format!("{} asks aio", path.display())),
        "it does already"
    );
    assert!(lines(&["init", "--remove", "--git-hook", "--yes"]).contains("take aio out of"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 0\n");
    lines(&["init", "--git-hook", "--yes", "."]);
    assert!(
        !lines(&["init", "--remove", "--yes"]).contains("pre-commit"),
        "the person's settings are not the project's"
    );
    lines(&["init", "--remove", "--scope", "project", "--yes"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 0\n");
}

#[test]
fn init_says_where_it_cannot() {
    let world = World::bare();
    let nowhere = world.aio(["init", "--git-hook", "--yes"]);
    assert!(nowhere.code == 2 && nowhere.err.contains("no git worktree"), "{nowhere:?}");
    let world = repository();
    script(&hooks(&world).join("pre-commit"), ". \"$(dirname \"$0\")/_/husky.sh\"");
    let refused = world.aio(["init", "--git-hook", "--yes"]);
    assert!(refused.code == 6 && refused.err.contains("aio guard --staged"), "{refused:?}");
}
