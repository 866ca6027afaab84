//! Commits that HEAD was moved off: kept where nobody gave them up, and passed over where somebody did.

use super::*;
use crate::fleet::git::git;

/// Commits something where no branch is.
fn commit_detached(job: &Job) -> String {
    job.git(&["checkout", "--quiet", "--detach"]);
    job.write("lost", "lost\n");
    job.commit("lost")
}

/// Goes back to the branch, and removes; what was committed has to be kept.
fn is_kept(job: &Job, back: impl Fn(&Job)) {
    let lost = commit_detached(job);
    back(job);
    let proof = job.save_and_remove();
    let kept: Vec<_> = proof.kept().iter().map(|kept| (kept.kind, &*kept.commit)).collect();
    assert_eq!(kept, [(Kind::LeftBehind, &*lost)]);
}

fn is_quiet(job: &Job) {
    let kinds = kinds(&job.save_and_remove());
    assert!(!kinds.contains(&Kind::LeftBehind), "{kinds:?}");
}

/// Has git take the text that it would have somebody edit.
fn edits(job: &Job, editor: &str, args: &[&str]) {
    assert!(git(&job.worktree).args(args).variable(editor, "true").run().unwrap().is_good());
}

#[test]
fn a_rebase_of_the_branch_leaves_what_was_on_none() {
    is_kept(&Job::new(), |job| drop(job.git(&["rebase", "--quiet", "main", "aio/job"])));
    let job = Job::new();
    job.write("own", "own\n");
    job.commit("own");
    job.scratch.git(&["commit", "--quiet", "--allow-empty", "-m", "of the target"]);
    let lost = commit_detached(&job);
    job.git(&["rebase", "--quiet", "main", "aio/job"]);
    let proof = job.save_and_remove();
    assert_eq!(kinds(&proof), [Kind::Work, Kind::LeftBehind]);
    assert_eq!(proof.kept()[1].commit, lost);
}

#[test]
fn a_rebase_that_begins_beside_a_commit_does_not_rewrite_it() {
    let job = Job::new();
    let lost = commit_detached(&job);
    job.git(&["branch", "--quiet", "beside", "aio/job"]);
    job.scratch.git(&["checkout", "--quiet", "beside"]);
    job.scratch.git(&["commit", "--quiet", "--allow-empty", "-m", "beside"]);
    job.git(&["rebase", "--quiet", "--onto", "beside", "HEAD"]);
    job.git(&["checkout", "--quiet", "aio/job"]);
    let proof = job.save_and_remove();
    assert!(proof.kept().iter().any(|kept| kept.commit == lost), "{:?}", proof.kept());
}

#[test]
fn a_switch_is_known_whatever_it_says_of_itself() {
    is_kept(&Job::new(), |job| {
        let switch = git(&job.worktree).args(["checkout", "--quiet", "aio/job"]);
        assert!(switch.variable("GIT_REFLOG_ACTION", "agent").run().unwrap().is_good());
    });
}

#[test]
fn head_may_be_set_without_a_switch() {
    is_kept(&Job::new(), |job| {
        job.git(&["symbolic-ref", "HEAD", "refs/heads/aio/job"]);
        job.git(&["reset", "--quiet", "--hard"]);
    });
}

#[test]
fn what_head_was_before_it_was_nothing() {
    for format in ["--ref-format=files", "--ref-format=reftable"] {
        // Git has reftable since 2.45.
        if !git(&std::env::temp_dir()).args(["init", "-h"]).run().unwrap().text().contains("--ref-format") {
            return;
        }
        let job = Job::of(Scratch::of("project", &[format]), "w");
        let first = commit_detached(&job);
        job.git(&["checkout", "--quiet", "aio/job"]);
        job.git(&["checkout", "--quiet", "--detach"]);
        job.write("lost", "another\n");
        let second = job.commit("another");
        job.git(&["checkout", "--quiet", "--orphan", "unborn"]);
        let proof = job.save_and_remove();
        let lost: Vec<_> = proof.kept().iter().filter(|kept| kept.kind == Kind::LeftBehind).collect();
        let lost: Vec<&str> = lost.iter().map(|kept| &*kept.commit).collect();
        assert!(lost.contains(&&*first) && lost.contains(&&*second) && lost.len() == 2, "{format}: {proof:?}");
    }
}

#[test]
fn what_was_amended_where_no_branch_is_was_given_up() {
    let job = Job::new();
    commit_detached(&job);
    job.git(&["commit", "--quiet", "--amend", "-m", "in other words"]);
    let last = job.git(&["rev-parse", "HEAD"]);
    job.git(&["rebase", "--quiet", "main", "aio/job"]);
    let proof = job.save_and_remove();
    assert_eq!(proof.kept().iter().map(|kept| &*kept.commit).collect::<Vec<_>>(), [last]);
}

#[test]
fn what_the_branch_was_before_a_reset_or_a_rebase_was_given_up() {
    let job = Job::new();
    for text in ["one\n", "two\n", "three\n"] {
        job.write("own", text);
        job.commit(text);
    }
    job.git(&["reset", "--quiet", "--soft", "HEAD~3"]);
    job.commit("all in one");
    write(&job.scratch.project.join("own"), "the target's\n");
    commit(&job.scratch.project, "of the target");
    assert!(!git(&job.worktree).args(["rebase", "--quiet", "main"]).run().unwrap().is_good());
    job.write("own", "of both\n");
    job.git(&["add", "own"]);
    edits(&job, "GIT_EDITOR", &["rebase", "--continue"]);
    job.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    is_quiet(&job);
}

#[test]
fn what_a_rebase_that_was_given_up_had_picked_is_on_the_branch() {
    let job = Job::new();
    job.write("own", "own\n");
    job.commit("own");
    job.write("readme", "of the job\n");
    job.commit("in the way");
    write(&job.scratch.project.join("readme"), "of the target\n");
    commit(&job.scratch.project, "of the target");
    assert!(!git(&job.worktree).args(["rebase", "--quiet", "main"]).run().unwrap().is_good());
    job.git(&["rebase", "--abort"]);
    is_quiet(&job);
}

#[test]
fn fixups_that_a_rebase_put_in_place_were_given_up() {
    let job = Job::new();
    for (text, message) in [("one\n", "one"), ("two\n", "fixup! one"), ("three\n", "fixup! one")] {
        job.write("own", text);
        job.commit(message);
    }
    edits(&job, "GIT_SEQUENCE_EDITOR", &["rebase", "--quiet", "--interactive", "--autosquash", "main"]);
    assert_eq!(job.git(&["rev-list", "--count", "main..HEAD"]), "1");
    is_quiet(&job);
}

/// As where the changes that a rebase had put aside conflict with what it came to.
#[test]
fn stash_entries_that_name_no_branch_are_told_by_their_commit() {
    let job = Job::new();
    write(&job.scratch.project.join("readme"), "the person's own\n");
    commit(&job.scratch.project, "of the target");
    write(&job.scratch.project.join("script"), "not the job's\n");
    let stash = |folder: &Path, message: &str| {
        let made = said(folder, &["stash", "create"]);
        said(folder, &["stash", "store", "--message", message, &made]);
        said(folder, &["checkout", "--quiet", "--", "."]);
        made
    };
    stash(&job.scratch.project, "autostash");
    job.write("own", "own\n");
    job.commit("own");
    job.write("readme", "dirty\n");
    job.git(&["rebase", "--quiet", "--autostash", "main"]);
    job.git(&["reset", "--quiet", "--hard"]);
    let auto = said(&job.worktree, &["stash", "list", "--format=%H %gs"]);
    let auto: Vec<&str> = auto.lines().filter(|line| line.ends_with("autostash")).collect();
    assert_eq!(auto.len(), 2, "{auto:?}");
    job.git(&["checkout", "--quiet", "--detach"]);
    job.write("readme", "dirty again\n");
    job.git(&["stash", "push", "--quiet"]);
    let proof = job.save_and_remove();
    let stashes: Vec<&str> = job_stashes(&proof);
    assert_eq!(stashes.len(), 2, "{proof:?}");
    assert!(stashes.contains(&auto[0].split(' ').next().unwrap()));
}

fn job_stashes(proof: &Proof) -> Vec<&str> {
    proof.kept().iter().filter(|kept| kept.kind == Kind::Stash).map(|kept| &*kept.commit).collect()
}
