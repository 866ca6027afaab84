//! Merges and rebases in progress, detached commits, stashes.

use super::*;

/// Two versions of `readme`, one on the job's branch and one on `other`.
fn with_conflict() -> (Job, String, String) {
    let job = Job::new();
    job.git(&["switch", "--quiet", "-c", "other"]);
    job.write("readme", "theirs\n");
    let theirs = job.commit("theirs");
    job.git(&["switch", "--quiet", "aio/job"]);
    job.write("readme", "ours\n");
    let ours = job.commit("ours");
    (job, ours, theirs)
}

fn fails(job: &Job, args: &[&str]) {
    assert!(!crate::fleet::git::git(&job.worktree).args(args).run().unwrap().is_good(), "{args:?}");
}

fn has(job: &Job, proof: &Proof, commit: &str) -> bool {
    let repository = crate::fleet::git::Repository::open(&job.scratch.project).unwrap();
    proof.kept().iter().any(|kept| repository.has_ancestor(&kept.name, commit).unwrap())
}

#[test]
fn a_merge_in_progress() {
    let (job, ours, theirs) = with_conflict();
    fails(&job, &["merge", "other"]);
    // The other side is in no branch any more.
    job.scratch.git(&["branch", "--quiet", "-D", "other"]);
    let expected = job.content();
    let proof = job.save_and_remove();
    assert!(has(&job, &proof, &ours) && has(&job, &proof, &theirs));
    assert_eq!(kinds(&proof), [Kind::Work, Kind::Operation]);
    assert!(String::from_utf8_lossy(&expected[Path::new("readme")].1).contains("<<<<<<<"));
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}

#[test]
fn a_rebase_in_progress_keeps_what_the_branch_was() {
    let (job, ours, theirs) = with_conflict();
    job.write("later", "later\n");
    let later = job.commit("later");
    job.write("readme", "dirty\n");
    job.git(&["config", "rebase.autoStash", "true"]);
    fails(&job, &["rebase", "other"]);
    assert_eq!(job.git(&["branch", "--show-current"]), "");
    job.write("readme", "half resolved\n");
    let stashed =
        fs::read_to_string(job.worktree.join(job.git(&["rev-parse", "--git-path", "rebase-merge/autostash"])));
    let expected = job.content();
    let proof = job.save_and_remove();
    for commit in [&ours, &later, &theirs, &stashed.unwrap().trim().to_owned()] {
        assert!(has(&job, &proof, commit), "{commit}: {proof:?}");
    }
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}

#[test]
fn a_pick_and_a_bisection_in_progress() {
    let (job, _, theirs) = with_conflict();
    fails(&job, &["cherry-pick", "other"]);
    job.scratch.git(&["branch", "--quiet", "-D", "other"]);
    let proof = job.save().unwrap();
    assert!(has(&job, &proof, &theirs));
    job.git(&["cherry-pick", "--abort"]);
    job.git(&["update-ref", "refs/worktree/mine", &theirs]);
    job.scratch.git(&["update-ref", "-d", &proof.kept()[1].name]);
    let proof = job.save_and_remove();
    assert!(has(&job, &proof, &theirs));
}

#[test]
fn commits_on_no_branch() {
    let job = Job::new();
    job.git(&["checkout", "--quiet", "--detach"]);
    job.write("left", "left\n");
    let left = job.commit("left behind");
    job.git(&["checkout", "--quiet", "aio/job"]);
    job.git(&["checkout", "--quiet", "--detach"]);
    job.write("now", "now\n");
    let now = job.commit("here now");
    let proof = job.save_and_remove();
    assert_eq!(kinds(&proof), [Kind::Work, Kind::LeftBehind]);
    assert_eq!((&proof.kept()[0].commit, &proof.kept()[1].commit), (&now, &left));
}

#[test]
fn commits_whose_branch_was_removed_below_the_worktree() {
    let job = Job::new();
    job.write("new", "new\n");
    let lost = job.commit("lost");
    job.scratch.git(&["update-ref", "-d", "refs/heads/aio/job"]);
    let expected = job.content();
    let proof = job.save_and_remove();
    assert_eq!(kinds(&proof), [Kind::Work, Kind::LeftBehind]);
    assert_eq!(proof.kept()[1].commit, lost);
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}

#[test]
fn what_was_amended_was_given_up() {
    let job = Job::new();
    job.write("new", "one\n");
    job.commit("one");
    job.write("new", "two\n");
    job.git(&["commit", "--quiet", "--all", "--amend", "-m", "two"]);
    assert_eq!(kinds(&job.save_and_remove()), [Kind::Work]);
}

#[test]
fn stash_entries_of_the_branch() {
    let job = Job::new();
    write(&job.scratch.project.join("readme"), "the person's own\n");
    job.scratch.git(&["stash"]);
    job.write("readme", "stashed\n");
    job.write("new", "stashed too\n");
    job.git(&["stash", "push", "--quiet", "--include-untracked", "-m", "later"]);
    job.write("readme", "stashed again\n");
    job.git(&["stash"]);
    let stashes = job.scratch.git(&["stash", "list", "--format=%H"]);
    let proof = job.save_and_remove();
    assert_eq!(kinds(&proof), [Kind::Stash, Kind::Stash]);
    let kept: Vec<&str> = proof.kept().iter().map(|kept| &*kept.commit).collect();
    assert_eq!(kept, stashes.lines().take(2).collect::<Vec<_>>());
    assert_eq!(job.scratch.git(&["stash", "list", "--format=%H"]), stashes);
    let hint = proof.kept()[1].restore_hint(&job.scratch.project);
    job.scratch.git(&hint.split(' ').skip(1).collect::<Vec<_>>());
    assert_eq!(fs::read_to_string(job.scratch.project.join("new")).unwrap(), "stashed too\n");
}

#[test]
fn a_branch_that_the_agent_went_over_to_stays() {
    let job = Job::new();
    job.git(&["switch", "--quiet", "-c", "own-name"]);
    job.write("new", "new\n");
    let done = job.commit("done");
    let proof = job.save_and_remove();
    assert_eq!((proof.kept().len(), &proof.kept()[0].commit), (1, &done));
    assert_eq!(job.scratch.git(&["branch", "--format=%(refname:short)"]), "main\nown-name");
}

/// The job's own and another's, whose branch has the same commit; and that.
fn two_with_the_same_work() -> (Job, String, [Proof; 2]) {
    let job = Job::new();
    job.write("new", "new\n");
    let done = job.commit("done");
    let second = job.scratch.path("second");
    job.scratch.git(&["worktree", "add", "--quiet", "-b", "aio/second", second.to_str().unwrap(), &done]);
    let place = Workplace {
        project: &job.scratch.project,
        worktree: &second,
        branch: "aio/second",
        target: "main",
        job: "codex-1",
    };
    let proofs = [job.save().unwrap(), save(&place).unwrap()];
    (job, done, proofs)
}

#[test]
fn the_same_work_of_two_is_kept_for_each() {
    let (job, done, proofs) = two_with_the_same_work();
    for proof in proofs {
        assert_eq!(proof.kept()[0].commit, done);
        assert_eq!(remove(&proof).unwrap().branch, Branch::Removed);
    }
    assert!(!job.scratch.path("second").exists());
}

#[test]
fn two_that_are_removed_at_once_do_not_count_on_each_other() {
    for _ in 0..4 {
        let (job, done, proofs) = two_with_the_same_work();
        std::thread::scope(|scope| {
            let removing = proofs.each_ref().map(|proof| scope.spawn(move || remove(proof).unwrap().branch));
            assert_eq!(removing.map(|thread| thread.join().unwrap()), [Branch::Removed, Branch::Removed]);
        });
        assert_eq!(job.scratch.git(&["for-each-ref", "--contains", &done]).lines().count(), 2);
    }
}

#[test]
fn locks_that_killed_gits_left_are_put_away() {
    let job = Job::new();
    let proof = job.save().unwrap();
    let locks = ["packed-refs.lock", "refs/heads/aio/job.lock"].map(|name| job.scratch.project.join(".git").join(name));
    for lock in &locks {
        fs::File::create(lock).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    assert_eq!(remove(&proof).unwrap().branch, Branch::Removed);
    assert!(locks.iter().all(|lock| !lock.exists()));
    assert_eq!(job.scratch.git(&["branch", "--format=%(refname:short)"]), "main");
}
