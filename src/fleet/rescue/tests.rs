//! Work of every kind, kept and brought back, on real repositories.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod any_edits;
mod any_repository;
mod bare;
mod left_behind;
mod nested;
mod operations;
mod refusals;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{Kind, Proof, Unsaved, Workplace, save, verify};
use crate::fleet::git::testing::{Content, Scratch, commit, content, said, write};
use crate::fleet::worktree::{Branch, remove};

/// A project, and a job's worktree of it.
struct Job {
    scratch: Scratch,
    worktree: PathBuf,
}

impl Job {
    fn new() -> Job {
        Job::of(Scratch::new(), "w")
    }

    fn of(scratch: Scratch, worktree: &str) -> Job {
        write(&scratch.project.join("deep/er/file"), "deep\n");
        write(&scratch.project.join("old name"), "a line that makes it the same file\n".repeat(9));
        write(&scratch.project.join("script"), "#!/bin/sh\n");
        commit(&scratch.project, "second");
        let worktree = scratch.path(worktree);
        scratch.git(&["worktree", "add", "--quiet", "-b", "aio/job", worktree.to_str().unwrap()]);
        Job { scratch, worktree }
    }

    fn git(&self, args: &[&str]) -> String {
        said(&self.worktree, args)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        write(&self.worktree.join(name), bytes);
    }

    fn commit(&self, message: &str) -> String {
        commit(&self.worktree, message)
    }

    fn save(&self) -> Result<Proof, Unsaved> {
        let project = &self.scratch.project;
        save(&Workplace { project, worktree: &self.worktree, branch: "aio/job", target: "main", job: "claude-abc123" })
    }

    /// The folder's content without what is ignored.
    fn content(&self) -> Content {
        let mut found = content(&self.worktree);
        found.retain(|path, _| !path.as_os_str().as_bytes().ends_with(b".ignored"));
        found
    }

    /// Saves and removes; neither the worktree nor the project's own may change before or by it.
    fn save_and_remove(&self) -> Proof {
        let (own, files) = (self.scratch.own(), content(&self.worktree));
        let admin = self.worktree.join(self.git(&["rev-parse", "--git-dir"]));
        let index = fs::read(admin.join("index")).ok();
        let proof = self.save().unwrap();
        assert_eq!(content(&self.worktree), files);
        assert_eq!(fs::read(admin.join("index")).ok(), index);
        let removed = remove(&proof).unwrap();
        assert!(removed.left.is_none() && !self.worktree.exists() && !admin.exists(), "{removed:?}");
        assert_eq!(self.scratch.own(), own);
        self.scratch.git(&["fsck", "--no-dangling", "--connectivity-only"]);
        proof
    }

    /// What a ref brings back, in a worktree of its own.
    fn restored(&self, name: &str) -> Content {
        let path = self.scratch.path(&format!("restored-{}", name.rsplit('/').next().unwrap()));
        self.scratch.git(&["worktree", "add", "--quiet", "--detach", path.to_str().unwrap(), name]);
        content(&path)
    }
}

fn kinds(proof: &Proof) -> Vec<Kind> {
    proof.kept().iter().map(|kept| kept.kind).collect()
}

#[test]
fn work_of_every_kind_comes_back_byte_for_byte() {
    let job = Job::new();
    job.write("committed", "committed\n");
    job.commit("third");
    job.write("staged", "staged\n");
    job.git(&["add", "staged"]);
    job.write("readme", "changed and not staged\n");
    job.write("new folder/new", "new\n");
    job.write("binary", [0, 255, 13, 10, 0, 27]);
    job.write("empty", "");
    job.write("crlf", "a\r\nb\n");
    job.write("-leading", "dash\n");
    job.write(" spaces and\nline breaks \t", "odd\n");
    job.write("quote\" and \\ and ü", "odd\n");
    write(&job.worktree.join(OsStr::from_bytes(b"not utf-8 \xff\xfe")), "odd\n");
    fs::remove_file(job.worktree.join("deep/er/file")).unwrap();
    job.git(&["mv", "old name", "new name"]);
    fs::set_permissions(job.worktree.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../out/of/here", job.worktree.join("link")).unwrap();
    job.write("x.ignored", "ignored\n");
    job.write("forced.ignored", "forced\n");
    job.git(&["add", "--force", "forced.ignored"]);

    let mut expected = job.content();
    let proof = job.save_and_remove();
    expected.insert("forced.ignored".into(), (0, b"forced\n".to_vec()));
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
    assert_eq!(kinds(&proof)[0], Kind::Work);
    assert_eq!(job.scratch.git(&["branch", "--list", "aio/job"]), "");
    let author = job.scratch.git(&["log", "-1", "--format=%an <%ae>", proof.reference().unwrap()]);
    assert_eq!(author, "aio rescue <aio-rescue@localhost>");
    assert_eq!(job.scratch.git(&["log", "-1", "--format=%s", &format!("{}~1", proof.reference().unwrap())]), "third");
}

#[test]
fn where_nothing_would_be_lost_nothing_is_kept() {
    let job = Job::new();
    job.write("x.ignored", "ignored\n");
    let proof = job.save_and_remove();
    assert!(proof.kept().is_empty() && proof.reference().is_none());
    assert_eq!(job.scratch.git(&["for-each-ref", "refs/aio"]), "");
}

#[test]
fn commits_that_came_home_are_not_kept_again() {
    let job = Job::new();
    job.write("new", "new\n");
    let done = job.commit("done");
    job.scratch.git(&["checkout", "--quiet", "--detach"]);
    job.scratch.git(&["update-ref", "refs/heads/main", &done]);
    assert!(job.save_and_remove().kept().is_empty());
    assert_eq!(job.scratch.git(&["branch", "--list", "aio/job"]), "");
}

#[test]
fn commits_that_somebody_else_has_are_kept_all_the_same() {
    // Also what a remote had when it was last asked: it may have given that up since.
    let others = ["heads/aio/other", "heads/main-2", "tags/home", "remotes/origin/aio/job", "aio/rescue/codex-1/1"];
    for other in others.into_iter().chain(["remotes/origin/main", "remotes/main"]) {
        let job = Job::new();
        job.write("new", "new\n");
        let done = job.commit("done");
        job.scratch.git(&["update-ref", &format!("refs/{other}"), &done]);
        let proof = job.save_and_remove();
        assert_eq!((proof.kept().len(), &proof.kept()[0].commit), (1, &done), "{other}");
        job.scratch.git(&["update-ref", "-d", &format!("refs/{other}")]);
        assert_eq!(job.scratch.git(&["rev-parse", proof.reference().unwrap()]), done);
    }
}

#[test]
fn commits_alone_are_kept_as_they_are() {
    let job = Job::new();
    job.write("new", "new\n");
    let done = job.commit("done");
    let proof = job.save_and_remove();
    assert_eq!(proof.kept().len(), 1);
    assert_eq!((proof.kept()[0].kind, &proof.kept()[0].commit), (Kind::Work, &done));
    assert_eq!(proof.reference(), Some("refs/aio/rescue/claude-abc123/1"));
    let project = &job.scratch.project;
    let hint = proof.kept()[0].restore_hint(project);
    let switch = "switch -c rescued/claude-abc123-1 refs/aio/rescue/claude-abc123/1";
    assert_eq!(hint, format!("git -C {} {switch}", project.display()));
    job.scratch.git(&hint.split(' ').skip(1).collect::<Vec<_>>());
    assert_eq!(job.scratch.git(&["rev-parse", "HEAD"]), done);
}

#[test]
fn what_was_staged_and_changed_again_is_kept_twice() {
    let job = Job::new();
    job.write("readme", "staged\n");
    job.git(&["add", "readme"]);
    job.write("readme", "and changed again\n");
    let proof = job.save_and_remove();
    assert_eq!(kinds(&proof), [Kind::Work, Kind::Staged]);
    let text = |index: usize| job.scratch.git(&["show", &format!("{}:readme", proof.kept()[index].name)]);
    assert_eq!((&*text(0), &*text(1)), ("and changed again", "staged"));
}

#[test]
fn numbers_go_up_and_the_same_work_is_not_kept_twice() {
    let job = Job::new();
    job.write("new", "one\n");
    let first = job.save().unwrap();
    assert_eq!(first.kept(), job.save().unwrap().kept());
    job.write("new", "two\n");
    let second = job.save().unwrap();
    assert_eq!(second.reference(), Some("refs/aio/rescue/claude-abc123/2"));
    job.write("new", "one\n");
    assert_eq!(job.save().unwrap().kept(), first.kept());
    assert!(verify(&second).is_err());
    let count = job.scratch.git(&["for-each-ref", "--format=%(refname)", "refs/aio/rescue"]);
    assert_eq!(count.lines().count(), 2);
}

#[test]
fn what_an_earlier_attempt_kept_is_found_whenever_that_was() {
    let job = Job::new();
    job.write("new", "new\n");
    let name = job.save().unwrap().reference().unwrap().to_owned();
    let tree = format!("{name}^{{tree}}");
    let long_ago = job.git(&["commit-tree", "-p", "HEAD", "-m", "long ago", &tree]);
    job.git(&["update-ref", &name, &long_ago]);
    assert_eq!(job.save().unwrap().kept()[0].commit, long_ago);
    assert_eq!(job.scratch.git(&["for-each-ref", "--format=%(refname)", "refs/aio"]), name);
}

#[test]
fn big_files_are_kept_beside_small_ones() {
    let job = Job::new();
    job.git(&["config", "core.bigFileThreshold", "1m"]);
    job.write("a", "small\n");
    job.write("big", vec![b'x'; 3 << 20]);
    job.write("z", "small\n");
    let expected = job.content();
    let proof = job.save_and_remove();
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}

#[test]
fn a_file_written_twice_within_a_tick_of_the_clock_is_seen() {
    let job = Job::new();
    let readme = job.worktree.join("readme");
    let when = fs::metadata(&readme).unwrap().modified().unwrap();
    fs::write(&readme, "READ ME\n").unwrap();
    fs::File::options().write(true).open(&readme).unwrap().set_modified(when).unwrap();
    // As good as unchanged, for whoever trusts what was declared.
    job.git(&["update-index", "--assume-unchanged", "readme"]);
    job.git(&["update-index", "--skip-worktree", "script"]);
    job.write("script", "#!/bin/bash\n");
    let expected = job.content();
    let proof = job.save_and_remove();
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
}

#[test]
fn what_a_sparse_checkout_leaves_out_was_not_deleted() {
    let job = Job::new();
    job.git(&["sparse-checkout", "set", "--no-cone", "/readme", "/script"]);
    assert!(!job.worktree.join("deep").exists());
    job.write("deep/new", "outside\n");
    job.write("readme", "changed\n");
    let proof = job.save_and_remove();
    let restored = job.restored(proof.reference().unwrap());
    let names: Vec<&Path> = restored.keys().map(PathBuf::as_path).collect();
    assert_eq!(names, [".gitignore", "deep/er/file", "deep/new", "old name", "readme", "script"].map(Path::new));
}

#[test]
fn a_branch_without_a_commit() {
    let job = Job::new();
    job.git(&["switch", "--quiet", "--orphan", "unborn"]);
    job.write("new", "new\n");
    job.write("staged", "staged\n");
    job.git(&["add", "staged"]);
    let expected = job.content();
    let proof = job.save_and_remove();
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
    assert_eq!(job.scratch.git(&["log", "--format=%P", proof.reference().unwrap()]), "");
}

#[test]
fn a_folder_that_vanished_leaves_its_commits_and_what_was_staged() {
    let job = Job::new();
    job.write("new", "new\n");
    let done = job.commit("done");
    job.write("staged", "staged\n");
    job.git(&["add", "staged"]);
    fs::remove_dir_all(&job.worktree).unwrap();
    let own = job.scratch.own();
    let proof = job.save().unwrap();
    assert_eq!(kinds(&proof), [Kind::Staged]);
    let name = proof.reference().unwrap();
    assert_eq!(job.scratch.git(&["show", &format!("{name}:staged")]), "staged");
    assert_eq!(job.scratch.git(&["rev-parse", &format!("{name}~1")]), done);
    assert_eq!(remove(&proof).unwrap().branch, Branch::Removed);
    assert_eq!(job.scratch.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(job.scratch.own(), own);
}

#[test]
fn what_a_killed_attempt_moved_aside_is_deleted_by_the_next() {
    let job = Job::new();
    let aside = job.scratch.path("w.removed");
    for is_a_worktree in [false, true] {
        write(&aside.join("precious"), "");
        if is_a_worktree {
            write(&aside.join(".git"), "gitdir: /no/such/place\n");
        }
        if job.worktree.exists() {
            fs::rename(&job.worktree, job.scratch.path("elsewhere")).unwrap();
        }
        remove(&job.save().unwrap()).unwrap();
        assert_eq!(aside.exists(), !is_a_worktree);
    }
}

#[test]
fn what_was_half_made_when_its_maker_was_killed_is_removed() {
    let job = Job::new();
    job.scratch.git(&["worktree", "remove", "--force", job.worktree.to_str().unwrap()]);
    // A folder and a branch; then the folder alone.
    for branch in [Branch::Removed, Branch::WasGone] {
        fs::create_dir(&job.worktree).unwrap();
        let proof = job.save().unwrap();
        assert_eq!((proof.kept(), remove(&proof).unwrap().branch), (&[][..], branch));
        assert!(!job.worktree.exists());
    }
    write(&job.worktree.join("precious"), "");
    assert!(matches!(job.save(), Err(Unsaved::NotAWorktree(_))));
}

#[test]
fn a_worktree_that_git_forgot_leaves_its_branch() {
    let job = Job::new();
    job.write("new", "new\n");
    let done = job.commit("done");
    fs::remove_dir_all(&job.worktree).unwrap();
    job.scratch.git(&["worktree", "prune"]);
    let proof = job.save().unwrap();
    assert_eq!(proof.kept()[0].commit, done);
    assert_eq!(remove(&proof).unwrap().branch, Branch::Removed);
    // And once more, when there is nothing at all: it is found where the first put it.
    let first = proof.kept().to_vec();
    let proof = job.save().unwrap();
    assert_eq!(proof.kept(), first);
    assert_eq!(remove(&proof).unwrap().branch, Branch::WasGone);
}

#[test]
fn a_worktree_whose_link_to_git_is_gone() {
    let job = Job::new();
    job.write("new", "new\n");
    let expected = job.content();
    fs::remove_file(job.worktree.join(".git")).unwrap();
    let proof = job.save().unwrap();
    assert!(remove(&proof).unwrap().left.is_none());
    assert_eq!(job.restored(proof.reference().unwrap()), expected);
    assert!(!job.worktree.exists() && !job.scratch.path("w.removed").exists());
}

#[test]
fn what_goes_because_git_ignores_it_is_named() {
    let job = Job::new();
    job.write(".aio/.gitignore", "*\n");
    for name in [".aio/done", ".aio/notes/of its own", ".aio/plan", "same.ignored", "other.ignored"] {
        job.write(name, "x\n");
    }
    write(&job.scratch.project.join("same.ignored"), "x\n");
    symlink("same.ignored", job.scratch.project.join("link.ignored")).unwrap();
    symlink("same.ignored", job.worktree.join("link.ignored")).unwrap();
    let removed = remove(&job.save().unwrap()).unwrap();
    assert_eq!(removed.ignored, [".aio/notes", ".aio/plan", "link.ignored", "other.ignored"]);
}
