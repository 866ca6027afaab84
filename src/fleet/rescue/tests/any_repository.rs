//! Repositories of every make, and worktrees in a state that they should not be in.

use super::*;

/// Some work, saved, removed and brought back.
fn round_trip(job: &Job) {
    job.write("committed", "committed\n");
    job.commit("third");
    job.write("new folder/new", "new\n");
    job.write("readme", "changed\n");
    job.git(&["add", "readme"]);
    job.write("readme", "again\n");
    fs::remove_file(job.worktree.join("script")).unwrap();
    let expected = job.content();
    let proof = job.save_and_remove();
    assert_eq!(kinds(&proof), [Kind::Work, Kind::Staged]);
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
    assert_eq!(job.scratch.git(&["for-each-ref", "--format=%(refname)", "refs/heads"]), "refs/heads/main");
}

#[test]
fn other_ways_to_name_objects_and_keep_refs() {
    round_trip(&Job::of(Scratch::of("project", &["--object-format=sha256"]), "w"));
    // Git has reftable since 2.45.
    let probe = crate::fleet::git::git(&std::env::temp_dir()).args(["init", "-h"]).run().unwrap();
    if probe.text().contains("--ref-format") || String::from_utf8_lossy(&probe.err).contains("--ref-format") {
        round_trip(&Job::of(Scratch::of("project", &["--ref-format=reftable"]), "w"));
    }
}

#[test]
fn other_indexes() {
    let settings = [
        ("index.version", "4"),
        ("core.splitIndex", "true"),
        ("core.untrackedCache", "true"),
        ("feature.manyFiles", "true"),
        ("status.showUntrackedFiles", "no"),
        ("core.logAllRefUpdates", "false"),
    ];
    for (key, value) in settings {
        let scratch = Scratch::new();
        scratch.git(&["config", key, value]);
        round_trip(&Job::of(scratch, "w"));
    }
}

/// Then git itself sees no change of what it checked out, and stages none.
#[test]
fn an_index_that_is_told_not_to_look() {
    let scratch = Scratch::new();
    scratch.git(&["config", "core.ignoreStat", "true"]);
    let job = Job::of(scratch, "w");
    job.write("readme", "changed\n");
    assert_eq!(job.git(&["status", "--porcelain"]), "");
    let expected = job.content();
    let proof = job.save_and_remove();
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}

#[test]
fn a_sparse_index() {
    let job = Job::new();
    job.git(&["sparse-checkout", "set", "--cone", "--sparse-index"]);
    job.write("new", "new\n");
    let proof = job.save_and_remove();
    let changed = job.scratch.git(&["diff", "--name-status", "main", proof.reference().unwrap()]);
    assert_eq!(changed, "A\tnew");
}

#[test]
fn paths_of_any_bytes() {
    let job = Job::of(Scratch::of("a project\n", &[]), "-its \"w\"\n");
    round_trip(&job);
}

#[test]
fn a_path_that_leads_over_a_link() {
    let job = Job::new();
    let link = job.scratch.path("link");
    symlink(job.scratch.project.parent().unwrap(), &link).unwrap();
    job.write("new", "new\n");
    let (project, worktree) = (link.join("project"), link.join("w"));
    let place = Workplace { project: &project, worktree: &worktree, branch: "aio/job", target: "main", job: "c-1" };
    let proof = save(&place).unwrap();
    assert_eq!(remove(&proof).unwrap().branch, Branch::Removed);
    assert!(!job.worktree.exists());
}

/// What git makes of them is what is kept, as when they are committed.
#[test]
fn line_ends_are_those_that_git_would_commit() {
    let job = Job::new();
    job.git(&["config", "core.safecrlf", "true"]);
    job.write(".gitattributes", "*.txt text\n*.raw -text\n");
    job.write("a.txt", "one\r\ntwo\n");
    job.write("a.raw", "one\r\ntwo\n");
    let proof = job.save_and_remove();
    assert_eq!(proof.converted(), [Path::new("a.txt")]);
    let restored = job.restored(proof.reference().unwrap());
    assert_eq!(restored[Path::new("a.txt")].1, b"one\ntwo\n");
    assert_eq!(restored[Path::new("a.raw")].1, b"one\r\ntwo\n");
}

#[test]
fn files_that_a_filter_does_not_bring_back_are_named() {
    let job = Job::new();
    let filters = [
        ("drop.clean", "grep -v secret"),
        ("turn.clean", "tr a-z b-za"),
        ("turn.smudge", "tr b-za a-z"),
        ("broken.clean", "tr a-z b-za"),
        ("broken.smudge", "false"),
        ("broken.required", "true"),
    ];
    for (key, value) in filters {
        job.git(&["config", &format!("filter.{key}"), value]);
    }
    job.write(".gitattributes", "*.drop filter=drop\n*.turn filter=turn\n");
    for name in ["odd \"name\"\n\\ü.drop", "a.turn", "same.drop"] {
        job.write(name, if name.starts_with("odd") { "a\nsecret\n" } else { "a\n" });
    }
    let proof = job.save().unwrap();
    assert_eq!(proof.converted(), [Path::new("odd \"name\"\n\\ü.drop")]);
    job.write(".gitattributes", "*.turn filter=broken\n");
    assert_eq!(job.save().unwrap().converted(), [Path::new("a.turn")]);
}

#[test]
fn locks_that_a_killed_git_left() {
    let job = Job::new();
    let admin = job.git(&["rev-parse", "--absolute-git-dir"]);
    for lock in ["index.lock", "HEAD.lock"] {
        fs::write(Path::new(&admin).join(lock), "").unwrap();
    }
    round_trip_without_staging(&job);
}

fn round_trip_without_staging(job: &Job) {
    job.write("new", "new\n");
    let expected = job.content();
    let proof = job.save_and_remove();
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}

#[test]
fn a_link_to_git_that_leads_nowhere() {
    let job = Job::new();
    job.write("new", "new\n");
    let expected = job.content();
    job.write(".git", "gitdir: /no/such/place\n");
    let proof = job.save().unwrap();
    remove(&proof).unwrap();
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}

#[test]
fn an_index_that_cannot_be_read_keeps_everything() {
    let job = Job::new();
    job.write("new", "new\n");
    let admin = job.git(&["rev-parse", "--absolute-git-dir"]);
    fs::write(Path::new(&admin).join("index"), "DIRC garbage").unwrap();
    let error = job.save().unwrap_err().to_string();
    assert!(error.contains("index"), "{error}");
    assert!(job.worktree.join("new").exists());
}

#[test]
fn an_index_that_is_gone() {
    let job = Job::new();
    let admin = job.git(&["rev-parse", "--absolute-git-dir"]);
    fs::remove_file(Path::new(&admin).join("index")).unwrap();
    job.write("new", "new\n");
    let expected = job.content();
    let proof = job.save().unwrap();
    remove(&proof).unwrap();
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}
