//! Locks made as a killed git leaves them, and a live process with the name of git.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use super::*;
use std::process::Command;

/// What a git that was killed left, before any process of this machine began.
fn leave(lock: &Path) {
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::File::create(lock).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
}

#[test]
fn a_lock_on_a_ref_is_waited_for() {
    let common = tempfile::tempdir().unwrap();
    let lock = common.path().join("refs/heads/aio/job.lock");
    leave(&lock);
    let began = SystemTime::now();
    put_away(common.path(), "refs/heads/aio/job", began);
    assert!(lock.exists(), "git did not wait for it long enough");
    put_away(common.path(), "refs/heads/aio/job", SystemTime::UNIX_EPOCH);
    assert!(lock.exists(), "it is another that was made meanwhile");
    put_away(common.path(), "refs/heads/aio/job", began - Duration::from_secs(6));
    assert!(!lock.exists());
    put_away(common.path(), "refs/heads/aio/job", began - Duration::from_secs(6));
}

#[test]
fn the_lock_on_packed_refs_is_left_to_who_may_hold_it() {
    let common = tempfile::tempdir().unwrap();
    let lock = common.path().join("packed-refs.lock");
    assert!(!put_away_packed(common.path()));
    let git = common.path().join("git");
    assert!(Command::new("cp").args(["/bin/sleep".as_ref(), git.as_os_str()]).status().unwrap().success());
    let mut holder = Command::new(&git).arg("100").spawn().unwrap();
    fs::File::create(&lock).unwrap();
    assert!(!put_away_packed(common.path()) && lock.exists(), "it may go by itself");
    let stays = put_away_packed_after(Duration::ZERO, common.path());
    holder.kill().and_then(|()| holder.wait()).unwrap();
    assert!(stays && lock.exists());
    leave(&lock);
    assert!(!put_away_packed(common.path()));
    assert!(!lock.exists());
}

#[test]
fn git_is_known_by_its_name() {
    assert!(["git", "git-gc"].into_iter().all(is_git));
    assert!(!["gitk", "digit", "sh"].into_iter().any(is_git));
}
