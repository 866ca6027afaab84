//! Repositories inside a worktree: which of them hold what is nowhere else.

use super::*;

/// A clone of a library, which lies beside the project.
fn clone(job: &Job, name: &str) -> PathBuf {
    let library = job.scratch.path("library");
    if !library.exists() {
        job.scratch.begin(&library);
    }
    let inner = job.worktree.join(name);
    fs::create_dir_all(inner.parent().unwrap()).unwrap();
    job.git(&["clone", "--quiet", library.to_str().unwrap(), inner.to_str().unwrap()]);
    said(&inner, &["config", "user.name", "A"]);
    said(&inner, &["config", "user.email", "a@example.org"]);
    inner
}

fn refused(job: &Job) -> String {
    job.save().unwrap_err().to_string()
}

fn is_unpushed(job: &Job, name: &str) -> bool {
    refused(job).contains(&format!("/{name} has commits that no remote has"))
}

#[test]
fn a_tag_of_its_own_is_at_no_remote() {
    let job = Job::new();
    let inner = clone(&job, "inner");
    commit(&inner, "release");
    said(&inner, &["tag", "v2"]);
    assert!(is_unpushed(&job, "inner"));
    // Nothing but the tag has it now.
    said(&inner, &["reset", "--quiet", "--hard", "origin/main"]);
    assert!(matches!(job.save(), Err(Unsaved::Tagged(path, remotes)) if path == inner && remotes == "origin"));
    assert!(refused(&job).contains("inner has tags whose commits no remote is known to have"));
    let fetch = ["fetch", "origin", "+refs/tags/*:refs/remotes/origin/tags/*"];
    let hint = format!("git -C {} {} {} '{}'", inner.display(), fetch[0], fetch[1], fetch[2]);
    assert_eq!(job.save().unwrap_err().nested_hint(), Some(hint));
    said(&inner, &fetch);
    assert!(matches!(job.save(), Err(Unsaved::Tagged(..))));
    said(&inner, &["push", "--quiet", "origin", "v2"]);
    said(&inner, &fetch);
    job.save_and_remove();
}

#[test]
fn tags_of_a_remote_that_are_on_its_branches_or_where_its_history_was_cut_off() {
    let job = Job::new();
    let library = job.scratch.path("library");
    job.scratch.begin(&library);
    said(&library, &["tag", "-m", "annotated", "v1"]);
    commit(&library, "second");
    clone(&job, "inner");
    let url = format!("file://{}", library.display());
    job.git(&["clone", "--quiet", "--depth", "1", "--no-single-branch", &url, "shallow"]);
    job.git(&["clone", "--quiet", "--depth", "1", "--branch", "v1", &url, "at a tag"]);
    job.save().unwrap();
    let shallow = job.worktree.join("at a tag");
    fs::write(shallow.join(".git/shallow"), said(&shallow, &["rev-parse", "HEAD"]) + "\n" + &"1".repeat(40)).unwrap();
    job.save().unwrap();
    said(&shallow, &["-c", "user.name=A", "-c", "user.email=a@b", "commit", "--allow-empty", "-qm", "own"]);
    assert!(is_unpushed(&job, "at a tag"));
}

/// Each of two that know the other has all that the other has; and both go.
#[test]
fn a_remote_that_goes_too_is_none() {
    let job = Job::new();
    let (one, other) = (clone(&job, "one"), job.worktree.join("other"));
    commit(&one, "own");
    job.git(&["clone", "--quiet", one.to_str().unwrap(), other.to_str().unwrap()]);
    said(&one, &["remote", "add", "other", "../other"]);
    said(&one, &["fetch", "--quiet", "other"]);
    assert!(is_unpushed(&job, "one"));
    let hint = job.save().unwrap_err().nested_hint().unwrap();
    assert_eq!(hint, format!("git -C {} log --oneline --all --not --remotes", one.display()));
    let bare = job.worktree.join("bare.ignored");
    job.git(&["init", "--quiet", "--bare", bare.to_str().unwrap()]);
    said(&one, &["remote", "add", "bare", bare.to_str().unwrap()]);
    said(&one, &["push", "--quiet", "bare", "HEAD:refs/heads/own"]);
    assert!(is_unpushed(&job, "one"));
    fs::remove_dir_all(other).unwrap();
    fs::remove_dir_all(bare).unwrap();
    said(&one, &["push", "--quiet", "origin", "HEAD:refs/heads/own"]);
    job.save().unwrap();
}

/// As where branches are deleted once they were released.
#[test]
fn tags_that_came_with_a_clone_and_are_on_no_branch() {
    let job = Job::new();
    let library = job.scratch.path("library");
    job.scratch.begin(&library);
    let old = crate::fleet::git::git(&library).args(["commit", "--quiet", "--allow-empty", "-m", "released"]);
    assert!(old.variable("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z").run().unwrap().is_good());
    said(&library, &["tag", "v1"]);
    said(&library, &["tag", "-m", "annotated", "v2"]);
    said(&library, &["reset", "--quiet", "--hard", "HEAD^"]);
    job.git(&["clone", "--quiet", library.to_str().unwrap(), "inner"]);
    job.save().unwrap();
    let inner = job.worktree.join("inner");
    // One of its own upon those; and one that was only said to be as old, packed as git-gc(1) does.
    let own = said(
        &inner,
        &["-c", "user.name=A", "-c", "user.email=a@b", "commit-tree", "-m", "own", "-p", "v1", "v1^{tree}"],
    );
    said(&inner, &["tag", "v3", &own]);
    assert!(matches!(job.save(), Err(Unsaved::Tagged(..))));
    said(&inner, &["pack-refs", "--all"]);
    assert!(matches!(job.save(), Err(Unsaved::Tagged(..))));
}

#[test]
fn commits_that_only_something_else_has() {
    for (args, undo) in [
        (&["notes", "add", "-m", "a note"][..], None),
        (&["update-ref", "refs/own/1", "own"], Some("own")),
        (&["checkout", "--quiet", "--detach", "own"], Some("own")),
        (&["worktree", "add", "--quiet", "--detach", "../other.ignored", "own"], Some("own")),
    ] {
        let job = Job::new();
        let inner = clone(&job, "inner");
        let own = said(&inner, &["commit-tree", "-m", "own", "-p", "HEAD", "HEAD^{tree}"]);
        said(&inner, &["update-ref", "refs/heads/own", &own]);
        said(&inner, args);
        undo.map(|branch| said(&inner, &["branch", "--quiet", "-D", branch]));
        if undo.is_none() {
            said(&inner, &["branch", "--quiet", "-D", "own"]);
        }
        assert!(is_unpushed(&job, "inner"), "{args:?}");
    }
}

#[test]
fn what_its_other_worktrees_have_not_committed() {
    let job = Job::new();
    let inner = clone(&job, "inner");
    let other = job.scratch.path("other");
    said(&inner, &["worktree", "add", "--quiet", "--detach", other.to_str().unwrap()]);
    job.save().unwrap();
    write(&other.join("new"), "new\n");
    said(&other, &["add", "new"]);
    assert!(refused(&job).contains("other has changes that are not committed"));
    fs::remove_dir_all(&other).unwrap();
    job.save_and_remove();
}

#[test]
fn a_submodule_of_which_only_a_tag_has_a_commit() {
    let job = Job::new();
    let library = job.scratch.path("library");
    job.scratch.begin(&library);
    job.git(&["submodule", "--quiet", "add", library.to_str().unwrap(), "sub"]);
    job.commit("with a library");
    let inner = job.worktree.join("sub");
    said(&inner, &["-c", "user.name=A", "-c", "user.email=a@b", "commit", "--allow-empty", "-qm", "own"]);
    said(&inner, &["tag", "v1"]);
    assert!(refused(&job).contains("modules/sub has commits that no remote has"));
    said(&inner, &["reset", "--quiet", "--hard", "origin/main"]);
    assert!(refused(&job).contains("modules/sub has tags whose commits"));
}

#[test]
fn changes_that_its_index_was_told_not_to_see() {
    for how in ["--skip-worktree", "--assume-unchanged"] {
        let job = Job::new();
        let inner = clone(&job, "inner");
        said(&inner, &["update-index", how, "readme"]);
        job.save().unwrap();
        write(&inner.join("readme"), "precious\n");
        let error = job.save().unwrap_err();
        assert!(
            error.to_string().contains("inner has changes in files that its index is told not to look at"),
            "{how}"
        );
        // What git's own look does not show.
        assert_eq!(error.nested_hint().unwrap(), format!("git -C {} ls-files -v", inner.display()));
    }
    let job = Job::new();
    let inner = clone(&job, "inner");
    said(&inner, &["sparse-checkout", "set", "--no-cone", "/.gitignore"]);
    assert!(!inner.join("readme").exists());
    job.save_and_remove();
}

#[test]
fn what_it_ignores_is_named() {
    let job = Job::new();
    let inner = clone(&job, "deep/inner");
    write(&inner.join(".git/info/exclude"), "*.tmp\n");
    write(&inner.join("p.tmp"), "p\n");
    write(&inner.join("x.ignored"), "x\n");
    let removed = remove(&job.save().unwrap()).unwrap();
    assert_eq!(removed.ignored, ["deep/inner/p.tmp", "deep/inner/x.ignored"]);
}

#[test]
fn one_in_what_the_project_ignores() {
    let job = Job::new();
    let inner = clone(&job, "cache.ignored/deep/inner");
    // Its files are what every ignored file is.
    write(&inner.join("new"), "new\n");
    job.save().unwrap();
    commit(&inner, "own");
    assert!(is_unpushed(&job, "cache.ignored/deep/inner"));
    write(&job.worktree.join("cache.ignored/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n# made anew");
    job.save().unwrap();
    fs::remove_file(job.worktree.join("cache.ignored/CACHEDIR.TAG")).unwrap();
    said(&inner, &["push", "--quiet", "origin", "HEAD:refs/heads/from-inner"]);
    let begun = job.worktree.join(".aio/begun");
    job.write(".aio/.gitignore", "*\n");
    job.scratch.begin(&begun);
    assert!(is_unpushed(&job, ".aio/begun"));
    fs::remove_dir_all(&begun).unwrap();
    // And in what such a one ignores.
    let in_clone = clone(&job, "inner").join("x.ignored/inner");
    job.scratch.begin(&in_clone);
    assert!(is_unpushed(&job, "inner/x.ignored/inner"));
    fs::remove_dir_all(&in_clone).unwrap();
    job.save_and_remove();
}

#[test]
fn a_submodule_that_became_a_link_to_what_is_around_it() {
    let job = Job::new();
    let library = job.scratch.path("library");
    job.scratch.begin(&library);
    job.git(&["submodule", "--quiet", "add", library.to_str().unwrap(), "sub"]);
    job.commit("with a library");
    fs::remove_dir_all(job.worktree.join("sub")).unwrap();
    symlink(".", job.worktree.join("sub")).unwrap();
    let expected = job.content();
    let proof = job.save_and_remove();
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}
