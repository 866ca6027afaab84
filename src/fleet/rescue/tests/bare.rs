//! Repositories that are in no `.git`, in what the project ignores: which hold commits, and which only mirror others.

use super::*;

/// A library beside the project, whose commit is older than any clone of it.
fn library(job: &Job) -> PathBuf {
    let library = job.scratch.path("library");
    job.scratch.begin(&library);
    make_old(&library);
    said(&library, &["tag", "v1"]);
    library
}

fn make_old(folder: &Path) {
    let amend = crate::fleet::git::git(folder).args(["commit", "--quiet", "--amend", "--no-edit"]);
    assert!(amend.variable("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z").run().unwrap().is_good());
}

/// A commit that nothing names yet.
fn own(folder: &Path) -> String {
    said(folder, &["-c", "user.name=A", "-c", "user.email=a@b", "commit-tree", "-m", "own", "HEAD^{tree}"])
}

fn refused(job: &Job, name: &str, why: &str) {
    let error = job.save().unwrap_err();
    let folder = job.worktree.join(name);
    assert!(error.to_string().starts_with(&format!("the repository {} {why}", folder.display())), "{error}");
    let hint = format!("git -C {} log --oneline --all --not --remotes", folder.display());
    assert_eq!(error.nested_hint(), Some(hint));
}

const UNKNOWN: &str = "has commits that no remote is known to have: push them, and fetch them";

#[test]
fn one_that_is_bare_beside_its_worktrees() {
    let job = Job::new();
    let (folder, worktree) = (job.worktree.join("lib.ignored"), job.worktree.join("lib.ignored/m"));
    job.git(&["init", "--quiet", "--bare", folder.join(".bare").to_str().unwrap()]);
    write(&folder.join(".git"), "gitdir: ./.bare\n");
    job.save().unwrap();
    said(&folder, &["config", "user.name", "A"]);
    said(&folder, &["config", "user.email", "a@example.org"]);
    let tree = said(&folder, &["mktree"]);
    let first = said(&folder, &["commit-tree", "-m", "first", &tree]);
    said(&folder, &["worktree", "add", "--quiet", "-b", "main", "m", &first]);
    write(&worktree.join("w"), "w\n");
    commit(&worktree, "w");
    refused(&job, "lib.ignored/.bare", UNKNOWN);
    // Of no branch.
    said(&worktree, &["checkout", "--quiet", "--detach"]);
    said(&worktree, &["branch", "--quiet", "-D", "main"]);
    refused(&job, "lib.ignored/.bare", UNKNOWN);
    write(&folder.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n");
    job.save_and_remove();
}

#[test]
fn one_that_was_pushed_to() {
    let job = Job::new();
    let bare = job.worktree.join("deep.ignored/b.git");
    fs::create_dir_all(bare.parent().unwrap()).unwrap();
    job.git(&["init", "--quiet", "--bare", bare.to_str().unwrap()]);
    let library = library(&job);
    said(&library, &["push", "--quiet", bare.to_str().unwrap(), "HEAD:refs/heads/main"]);
    said(&bare, &["gc", "--quiet"]);
    refused(&job, "deep.ignored/b.git", UNKNOWN);
    // Nobody's is one that only looks like it.
    fs::remove_dir_all(&bare).unwrap();
    for folder in ["objects", "refs"] {
        fs::create_dir_all(bare.join(folder)).unwrap();
    }
    write(&bare.join("HEAD"), "a headline\n");
    job.save_and_remove();
}

#[test]
fn one_that_lies_apart_from_its_worktree() {
    let job = Job::new();
    let (worktree, apart) = (job.worktree.join("x.ignored/w"), job.worktree.join("x.ignored/of git"));
    fs::create_dir_all(job.worktree.join("x.ignored")).unwrap();
    let separate = format!("--separate-git-dir={}", apart.display());
    job.git(&["init", "--quiet", &separate, worktree.to_str().unwrap()]);
    said(&worktree, &["config", "user.name", "A"]);
    said(&worktree, &["config", "user.email", "a@example.org"]);
    write(&worktree.join("w"), "w\n");
    job.save().unwrap();
    commit(&worktree, "w");
    let error = job.save().unwrap_err().to_string();
    assert!(error.contains("/x.ignored/of git has commits that no remote has: push them"), "{error}");
}

#[test]
fn what_only_mirrors_another_goes() {
    let job = Job::new();
    let library = library(&job);
    let url = library.to_str().unwrap();
    job.git(&["clone", "--quiet", "--mirror", url, "mirror.ignored"]);
    job.git(&["clone", "--quiet", "--bare", url, "bare.ignored"]);
    // As the module caches of build tools do, with a remote and without.
    for (name, which) in [("one.ignored", "origin"), ("other.ignored", url)] {
        let cache = job.worktree.join(name);
        job.git(&["init", "--quiet", "--bare", name]);
        said(&cache, &["remote", "add", "origin", url]);
        said(&cache, &["fetch", "--quiet", "-f", which, "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"]);
        said(&cache, &["remote", "remove", "origin"]);
    }
    job.save().unwrap();
    // What came later, and was packed since.
    commit(&library, "second");
    said(&library, &["tag", "v2"]);
    let mirror = job.worktree.join("mirror.ignored");
    said(&mirror, &["remote", "update"]);
    said(&mirror, &["gc", "--quiet"]);
    job.save().unwrap();
    // One of its own, by a branch and by a tag.
    let commit = own(&mirror);
    said(&mirror, &["update-ref", "refs/heads/own", &commit]);
    refused(&job, "mirror.ignored", UNKNOWN);
    said(&mirror, &["pack-refs", "--all"]);
    refused(&job, "mirror.ignored", UNKNOWN);
    said(&mirror, &["push", "--quiet", url, "own"]);
    said(&mirror, &["fetch", "--quiet", "origin"]);
    job.save().unwrap();
    let commit = own(&job.worktree.join("bare.ignored"));
    said(&job.worktree.join("bare.ignored"), &["tag", "v3", &commit]);
    assert!(matches!(job.save(), Err(Unsaved::Tagged(..))));
    fs::remove_dir_all(job.worktree.join("bare.ignored")).unwrap();
    job.save_and_remove();
}

/// Each has all that the other has; and both go.
#[test]
fn what_was_fetched_from_what_goes_too() {
    let job = Job::new();
    let inner = job.worktree.join("inner.ignored");
    job.scratch.begin(&inner);
    make_old(&inner);
    job.git(&["clone", "--quiet", "--mirror", inner.to_str().unwrap(), "mirror.ignored"]);
    let mirror = job.worktree.join("mirror.ignored");
    said(&mirror, &["fetch", "--quiet", "origin"]);
    fs::remove_dir_all(&inner).unwrap();
    refused(&job, "mirror.ignored", UNKNOWN);
}

/// Such as those that have their worktrees inside.
#[test]
fn what_lies_in_one_that_mirrors_another() {
    let job = Job::new();
    let library = library(&job);
    job.git(&["clone", "--quiet", "--bare", library.to_str().unwrap(), "bare.ignored"]);
    said(&job.worktree.join("bare.ignored"), &["worktree", "add", "--quiet", "main"]);
    job.save().unwrap();
    let inner = job.worktree.join("bare.ignored/main/x.ignored/inner");
    job.scratch.begin(&inner);
    let error = job.save().unwrap_err().to_string();
    assert!(error.contains("/inner has commits that no remote has: push them, or move it"), "{error}");
}
