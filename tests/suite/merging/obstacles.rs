//! What lies where a merge would write, and what lies elsewhere meanwhile: neither is lost, whatever becomes of the merge.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Fleet, commit, edit, must, refuses, refuses_and_changes_nothing, script};
use crate::harness::{Ran, git};

/// A job that changed `one` and added `new`, of which a person has one of their own that is not tracked.
fn in_the_way() -> Fleet {
    let fleet = Fleet::new();
    let worktree = fleet.job("claude-first0");
    edit(&worktree, "one", 3, "the agent's");
    fs::write(worktree.join("new"), "the agent's").unwrap();
    commit(&worktree, "new");
    fs::write(fleet.project().join("new"), "mine").unwrap();
    fleet
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap()
}

/// A `git merge` that is refused resets the worktree, and brings back what a stash holds and no more.
#[test]
fn what_no_stash_holds_outlives_a_refusal() {
    let fleet = in_the_way();
    let project = fleet.project();
    must(&project, &["update-index", "--assume-unchanged", "two"]);
    fs::write(project.join("two"), "my setting").unwrap();
    fs::remove_file(project.join("three")).unwrap();
    fs::create_dir(project.join("three")).unwrap();
    fs::write(project.join("three/precious"), "mine").unwrap();
    let says = ["what git does not track in", "would be overwritten: new", "; next: move them away, then aio merge"];
    for more in [&[][..], &["--yes"], &["--dry-run"]] {
        refuses_and_changes_nothing(&fleet, &[&["merge", "claude-first0"], more].concat(), 1, &says);
        assert_eq!(read(&project, "two"), b"my setting");
        assert_eq!(read(&project, "three/precious"), b"mine");
        assert_eq!(read(&project, "new"), b"mine");
    }
    fs::remove_file(project.join("new")).unwrap();
    let ran = fleet.aio(&["merge", "claude-first0"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!((read(&project, "two"), read(&project, "three/precious")), (b"my setting".into(), b"mine".into()));
}

#[test]
fn line_ends_outlive_a_refusal() {
    let fleet = in_the_way();
    let project = fleet.project();
    fs::write(project.join(".git/info/attributes"), "two text eol=lf\n").unwrap();
    fs::write(project.join("two"), "line 1\r\nmine\r\n").unwrap();
    refuses(&fleet.aio(&["merge", "claude-first0"]), 1, &["would be overwritten: new"]);
    assert_eq!(read(&project, "two"), b"line 1\r\nmine\r\n");
}

/// git would refuse these only once it has begun. No list names the first, as its change is hidden.
#[test]
fn a_merge_that_git_would_refuse_is_not_begun() {
    let fleet = in_the_way();
    let project = fleet.project();
    fs::remove_file(project.join("new")).unwrap();
    let merges = project.join("merges");
    fs::write(project.join(".git/info/exclude"), "merges\n").unwrap();
    let git = super::programs_around_git(&fleet, &format!("*' merge '*) echo >>'{}' ;;", merges.display()));
    let no = |names: &[&str]| -> Ran {
        let ran = fleet.aio_with(&git, &["merge", "claude-first0"]);
        refuses(&ran, 1, names);
        assert!(!merges.exists(), "{ran:?}");
        ran
    };
    for hidden in ["--assume-unchanged", "--skip-worktree"] {
        must(&project, &["update-index", hidden, "one"]);
        fs::write(project.join("one"), "my setting").unwrap();
        no(&["was not merged into main, which is as it was: Entry 'one' not uptodate"]);
        assert_eq!(read(&project, "one"), b"my setting");
        must(&project, &["update-index", &hidden.replace("--", "--no-"), "one"]);
        must(&project, &["checkout", "-q", "one"]);
    }
    // Touched is not changed.
    fs::File::open(project.join("one")).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(fleet.aio_with(&git, &["merge", "claude-first0"]).code, 0);
    assert!(merges.exists());
}

/// As on a disk that is full: it puts back by force what it wrote, and says so in these words.
#[test]
fn a_git_that_gives_up_halfway_is_not_said_to_have_left_all_as_it_was() {
    let fleet = in_the_way();
    fs::remove_file(fleet.project().join("new")).unwrap();
    let give_up = "*' merge '*' --no-ff '*) echo 'Merge with strategy ort failed.' >&2; exit 2 ;;";
    let ran = fleet.aio_with(&super::programs_around_git(&fleet, give_up), &["merge", "claude-first0"]);
    refuses(&ran, 1, &["see whether all that was not committed is there", " status\n"]);
    assert!(!ran.err.contains("as it was"), "{ran:?}");
}

/// A job that puts a file or a link in the place of a folder. What git ignores there is gone when it merges.
#[test]
fn what_is_ignored_below_a_folder_that_is_replaced_is_not_removed() {
    let fleet = Fleet::new();
    let project = fleet.project();
    fs::write(project.join(".gitignore"), "*.local\n*.db\n").unwrap();
    fs::create_dir(project.join("data")).unwrap();
    fs::write(project.join("data/schema"), "tracked").unwrap();
    commit(&project, "data");
    let (file, link) = (fleet.job("claude-first0"), fleet.job("claude-second"));
    fs::write(file.join("env"), "a file").unwrap();
    commit(&file, "env");
    fs::remove_dir_all(link.join("data")).unwrap();
    symlink("elsewhere", link.join("data")).unwrap();
    commit(&link, "data");
    fs::create_dir_all(project.join("env/deep")).unwrap();
    let kept = ["env/deep/prod.local", "data/my.db"];
    kept.iter().for_each(|name| fs::write(project.join(name), "mine").unwrap());
    for (id, name) in [("claude-first0", kept[0]), ("claude-second", kept[1])] {
        let says = ["what git ignores in", &format!("would be overwritten: {name};")];
        refuses_and_changes_nothing(&fleet, &["merge", id], 1, &says);
        assert_eq!(read(&project, name), b"mine");
        // Where it is not ignored git itself would refuse, and reset.
        let plain = Path::new(name).with_extension("txt");
        fs::rename(project.join(name), project.join(&plain)).unwrap();
        refuses_and_changes_nothing(&fleet, &["merge", id], 1, &["does not track", plain.to_str().unwrap()]);
        fs::remove_file(project.join(plain)).unwrap();
        assert_eq!(fleet.aio(&["merge", id]).code, 0, "{id}");
    }
    assert_eq!(fs::read_link(project.join("data")).unwrap(), Path::new("elsewhere"));
}

/// A folder that was renamed on one side takes along what the other adds to it: only the merge knows where it will lie.
#[test]
fn what_a_rename_brings_elsewhere_is_looked_for_there() {
    let fleet = Fleet::new();
    let project = fleet.project();
    fs::create_dir(project.join("old")).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(project.join("old").join(name), name.repeat(100)).unwrap();
    }
    commit(&project, "old");
    let worktree = fleet.job("claude-first0");
    fs::write(worktree.join("old/new"), "the agent's").unwrap();
    commit(&worktree, "new");
    must(&project, &["mv", "old", "fresh"]);
    commit(&project, "fresh");
    must(&project, &["config", "merge.directoryRenames", "true"]);
    fs::write(project.join("fresh/new"), "mine").unwrap();
    refuses_and_changes_nothing(&fleet, &["merge", "claude-first0"], 1, &["does not track", "fresh/new"]);
    assert_eq!(read(&project, "fresh/new"), b"mine");
    fs::remove_file(project.join("fresh/new")).unwrap();
    script(&project.join(".git/hooks/post-merge"), "touch \"$HOME/merged\"");
    assert_eq!(fleet.aio(&["merge", "claude-first0"]).code, 0);
    assert!(fleet.world.home.join("merged").exists());
    assert_eq!(git(&project, &["status", "--porcelain"]).out, "");
}

/// What a commit leaves that is killed: each later git waits for it, and none can delete a branch.
#[test]
fn the_lock_that_a_killed_git_left_on_all_refs_is_put_away() {
    let fleet = Fleet::new();
    let project = fleet.project();
    let worktree = fleet.job("claude-first0");
    fs::write(worktree.join("new"), "new").unwrap();
    commit(&worktree, "new");
    let lock = project.join(".git/packed-refs.lock");
    for command in ["merge", "remove"] {
        fs::File::create(&lock).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        let ran = fleet.aio(&[command, "claude-first0"]);
        assert!(ran.code == 0 && !ran.err.contains("stays"), "{ran:?}");
        assert!(!lock.exists(), "{ran:?}");
    }
    assert_eq!(must(&project, &["branch", "--list", "aio/*"]), "");
}
