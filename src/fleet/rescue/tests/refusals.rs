//! What is not removed, and what is said of it.

use super::*;
use crate::fleet::git::Trouble;
use crate::fleet::worktree::Unremoved;
use crate::host::mounts::testing::mounted;

fn message(job: &Job) -> String {
    let before = job.scratch.git(&["for-each-ref"]);
    let message = job.save().unwrap_err().to_string();
    assert_eq!(job.scratch.git(&["for-each-ref"]), before);
    message
}

#[test]
fn what_changes_after_it_was_saved_is_not_removed() {
    let job = Job::new();
    job.write("new", "new\n");
    let proof = job.save().unwrap();
    job.write("new", "and more\n");
    assert!(matches!(remove(&proof), Err(Unremoved::Unsaved(Unsaved::Changed(_)))));
    let proof = job.save().unwrap();
    job.commit("committed meanwhile");
    assert!(matches!(remove(&proof), Err(Unremoved::Unsaved(Unsaved::Changed(_)))));
    let proof = job.save().unwrap();
    job.scratch.git(&["update-ref", "-d", proof.reference().unwrap()]);
    assert!(matches!(remove(&proof), Err(Unremoved::Unsaved(Unsaved::Lost(_)))));
    assert!(job.worktree.join("new").exists());
}

#[test]
fn a_repository_that_was_begun_or_cloned_inside() {
    let job = Job::new();
    let inner = job.worktree.join("inner");
    said(&job.worktree, &["init", "--quiet", "inner"]);
    assert_eq!(
        message(&job),
        format!("the repository {} was begun here and is nowhere else: move or remove it first", inner.display())
    );
    fs::remove_dir_all(&inner).unwrap();
    job.git(&["clone", "--quiet", job.scratch.project.to_str().unwrap(), "inner"]);
    // A clone that has nothing of its own is not lost with its folder.
    job.save().unwrap();
    write(&inner.join("new"), "new\n");
    assert!(message(&job).contains("has changes that are not committed"));
    said(&inner, &["config", "user.name", "A"]);
    said(&inner, &["config", "user.email", "a@example.org"]);
    commit(&inner, "new");
    assert!(message(&job).contains("has commits that no remote has"));
    said(&inner, &["push", "--quiet", "origin", "HEAD:refs/heads/from-inner"]);
    job.save().unwrap();
    write(&inner.join("readme"), "stashed\n");
    said(&inner, &["stash"]);
    assert!(message(&job).contains("has commits that no remote has"));
}

#[test]
fn a_worktree_that_was_added_inside() {
    let job = Job::new();
    job.git(&["worktree", "add", "--quiet", "-b", "inner", "inner"]);
    assert!(message(&job).contains("is another worktree of the project"));
    // As it is where agents have worktrees of their own in a folder that is ignored.
    job.git(&["worktree", "move", "inner", "inner.ignored"]);
    assert!(message(&job).contains("inner.ignored is another worktree of the project"));
    fs::remove_dir_all(job.worktree.join("inner.ignored")).unwrap();
    job.save_and_remove();
}

#[test]
fn work_in_a_submodule() {
    let job = Job::new();
    let library = job.scratch.path("library");
    job.scratch.begin(&library);
    job.git(&["submodule", "--quiet", "add", library.to_str().unwrap(), "sub/library"]);
    job.commit("with a library");
    job.save().unwrap();
    let inner = job.worktree.join("sub/library");
    write(&inner.join("readme"), "changed\n");
    assert!(message(&job).contains("sub/library has changes that are not committed"));
    said(&inner, &["config", "user.name", "A"]);
    said(&inner, &["config", "user.email", "a@example.org"]);
    commit(&inner, "not pushed");
    assert!(message(&job).contains("sub/library has commits that no remote has"));
    // Git still has them when the folder is gone, until the worktree is.
    let aside = job.scratch.path("aside");
    fs::rename(&inner, &aside).unwrap();
    assert!(message(&job).contains("modules/sub/library has commits that no remote has"));
    let worktree = job.scratch.path("worktree aside");
    fs::rename(&job.worktree, &worktree).unwrap();
    assert!(message(&job).contains("modules/sub/library has commits that no remote has"));
    fs::rename(&worktree, &job.worktree).unwrap();
    fs::rename(&aside, &inner).unwrap();
    let moved = said(&inner, &["push", "--quiet", "origin", "HEAD:refs/heads/pushed"]);
    assert_eq!(moved, "");
    let proof = job.save_and_remove();
    let tree = job.scratch.git(&["ls-tree", proof.reference().unwrap(), "sub/library"]);
    assert!(tree.contains(&said(&library, &["rev-parse", "pushed"])), "{tree}");
}

#[test]
fn folders_that_are_no_worktree_of_the_project() {
    let job = Job::new();
    let place = |worktree| {
        save(&Workplace { project: &job.scratch.project, worktree, branch: "aio/job", target: "main", job: "c-1" })
    };
    assert!(matches!(place(&job.scratch.project), Err(Unsaved::NotAWorktree(_))));
    assert!(matches!(place(job.scratch.project.parent().unwrap()), Err(Unsaved::NotAWorktree(_))));
    fs::remove_file(job.worktree.join(".git")).unwrap();
    said(&job.worktree, &["init", "--quiet"]);
    assert!(matches!(place(&job.worktree), Err(Unsaved::OtherRepository(_))));
    let outside =
        Workplace { project: Path::new("/"), worktree: &job.worktree, branch: "b", target: "main", job: "c-1" };
    assert!(matches!(save(&outside), Err(Unsaved::Git(Trouble::NoRepository(_)))));
}

#[test]
fn a_folder_that_comes_back_after_it_was_thought_lost_is_looked_at_again() {
    let job = Job::new();
    job.write("new", "new\n");
    let away = job.scratch.path("away");
    fs::rename(&job.worktree, &away).unwrap();
    let proof = job.save().unwrap();
    fs::rename(&away, &job.worktree).unwrap();
    assert!(matches!(remove(&proof), Err(Unremoved::Unsaved(Unsaved::Changed(_)))));
    assert_eq!(job.save_and_remove().kept().len(), 1);
}

#[test]
fn a_locked_worktree_stays_until_it_is_unlocked() {
    let job = Job::new();
    job.write("new", "new\n");
    job.git(&["worktree", "lock", "--reason", "on show", "."]);
    assert_eq!(message(&job), format!("{} is locked: on show", job.worktree.display()));
    let away = job.scratch.path("away");
    fs::rename(&job.worktree, &away).unwrap();
    assert!(matches!(job.save(), Err(Unsaved::Away(_))));
    fs::rename(&away, &job.worktree).unwrap();
    job.git(&["worktree", "unlock", "."]);
    // As a git leaves it that is killed while it makes one.
    job.git(&["worktree", "lock", "--reason", "initializing", "."]);
    job.save_and_remove();
}

#[test]
fn ids_that_cannot_be_part_of_a_ref() {
    let job = Job::new();
    for id in ["", "a/b", "..", "a b", "x.lock", "a\nb"] {
        let place = Workplace {
            project: &job.scratch.project,
            worktree: &job.worktree,
            branch: "aio/job",
            target: "main",
            job: id,
        };
        assert!(matches!(save(&place), Err(Unsaved::BadJob(_))), "{id:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_keeps_everything() {
    let job = Job::new();
    job.write("secret", "secret\n");
    let secret = job.worktree.join("secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads it all the same.
    match fs::read(&secret) {
        Ok(_) => assert_eq!(kinds(&job.save().unwrap()), [Kind::Work]),
        Err(_) => assert!(message(&job).contains("\"secret\"): Permission denied")),
    }
}

#[test]
fn read_only_folders_go_too_and_a_branch_checked_out_elsewhere_stays() {
    let job = Job::new();
    job.write("cache/deep/file.ignored", "x");
    for folder in ["cache/deep", "cache"] {
        fs::set_permissions(job.worktree.join(folder), fs::Permissions::from_mode(0o555)).unwrap();
    }
    job.git(&["checkout", "--quiet", "--detach"]);
    job.scratch.git(&["switch", "--quiet", "aio/job"]);
    let removed = remove(&job.save().unwrap()).unwrap();
    assert!(removed.left.is_none() && !job.worktree.exists());
    let at = job.scratch.project.display();
    assert_eq!(removed.branch, Branch::Left(format!("it is checked out at {at}")));
    assert_eq!(job.scratch.git(&["branch", "--show-current"]), "aio/job");
}

#[test]
fn hooks_and_signing_have_no_part_in_it() {
    let job = Job::new();
    for hook in ["pre-commit", "reference-transaction", "post-index-change", "commit-msg"] {
        let path = job.scratch.project.join(".git/hooks").join(hook);
        write(&path, "#!/bin/sh\necho no >&2\nexit 1\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (key, value) in [("commit.gpgSign", "true"), ("gpg.program", "false")] {
        job.scratch.git(&["config", key, value]);
    }
    for key in ["user.name", "user.email"] {
        job.scratch.git(&["config", "--unset", key]);
    }
    job.scratch.git(&["config", "user.useConfigOnly", "true"]);
    job.write("new", "new\n");
    let expected = job.content();
    let proof = job.save_and_remove();
    fs::remove_dir_all(job.scratch.project.join(".git/hooks")).unwrap();
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
    assert_eq!(job.scratch.git(&["branch", "--list", "aio/job"]), "");
}

#[test]
fn a_worktree_in_which_something_is_mounted_stays() {
    let job = Job::new();
    job.write("new", "new\n");
    job.write("data here.ignored/p", "of another place\n");
    let proof = job.save().unwrap();
    job.scratch.git(&["update-ref", "-d", proof.reference().unwrap()]);
    let data = job.worktree.join("data here.ignored");
    for at in [&data, &job.worktree] {
        mounted(&[at]);
        assert_eq!(message(&job), format!("something is mounted at {}", at.display()));
        assert!(matches!(remove(&proof), Err(Unremoved::Unsaved(Unsaved::Mounted(path))) if path == *at));
    }
    // What an earlier attempt could not delete for that, and what has such a name.
    let aside = job.scratch.path("w.removed");
    write(&aside.join(".git"), "gitdir: /no/such/place\n");
    write(&aside.join("data/p"), "of another place\n");
    mounted(&[&aside.join("data"), &job.scratch.path("w 2/data")]);
    let removed = remove(&job.save().unwrap()).unwrap();
    let (left, error) = removed.left.unwrap();
    assert_eq!((&left, error.to_string()), (&aside, format!("something is mounted at {}/data", aside.display())));
    assert!(aside.join("data/p").exists() && !job.worktree.exists());
    mounted(&[]);
    assert!(remove(&job.save().unwrap()).unwrap().left.is_none() && !aside.exists());
}
