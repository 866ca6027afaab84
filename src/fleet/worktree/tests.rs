//! Worktrees made on real repositories; how they are removed is tested with what keeps their work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod included;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{Branch, INCLUDE_LIMIT, Made, Plan, Step, Uncreated, create, remove};
use crate::fleet::git::Trouble;
use crate::fleet::git::testing::{Scratch, commit, said, write};
use crate::fleet::rescue::{Workplace, save};
use crate::host::mounts::testing::mounted;

/// A project, and the paths of what is to be made of it.
struct Making {
    scratch: Scratch,
    worktree: PathBuf,
    log: PathBuf,
}

impl Making {
    fn new() -> Making {
        let scratch = Scratch::new();
        let (worktree, log) = (scratch.path("not yet/there/w"), scratch.path("log"));
        Making { scratch, worktree, log }
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            project: &self.scratch.project,
            worktree: &self.worktree,
            branch: "aio/job",
            commit: "main",
            job: "claude-abc123",
            port: 4210,
            setup: "",
            log: &self.log,
            include_limit: INCLUDE_LIMIT,
            stopped: None,
        }
    }

    fn create(&self) -> Made {
        self.create_as(&self.plan()).unwrap()
    }

    /// Makes it; the project's own worktree may not change, and when nothing is made, nothing may be left.
    fn create_as(&self, plan: &Plan<'_>) -> Result<Made, Uncreated> {
        let before = (self.scratch.own(), self.scratch.git(&["for-each-ref"]));
        let made = create(plan, &mut |_| {});
        match &made {
            Ok(_) | Err(Uncreated::Setup { .. }) => assert_eq!(self.scratch.own(), before.0),
            Err(_) => {
                assert_eq!((self.scratch.own(), self.scratch.git(&["for-each-ref"])), before);
                assert_eq!(self.scratch.git(&["worktree", "list"]).lines().count(), 1);
            }
        }
        made
    }

    fn refusal(&self, plan: &Plan<'_>) -> String {
        self.create_as(plan).unwrap_err().to_string()
    }
}

#[test]
fn a_worktree_on_a_branch_of_its_own() {
    let making = Making::new();
    let first = making.scratch.git(&["rev-parse", "HEAD"]);
    commit(&making.scratch.project, "second");
    let lock = making.scratch.project.join(".git/packed-refs.lock");
    fs::File::create(&lock).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let made = making.create_as(&Plan { commit: &first, ..making.plan() }).unwrap();
    assert!(!lock.exists(), "a git that was killed left it");
    assert_eq!(made, Made { commit: first.clone(), ..Made::default() });
    assert_eq!(said(&making.worktree, &["rev-parse", "HEAD"]), first);
    assert_eq!(said(&making.worktree, &["branch", "--show-current"]), "aio/job");
    write(&making.worktree.join(".aio/done"), "done\n");
    assert_eq!(said(&making.worktree, &["status", "--porcelain", "--untracked-files=all"]), "");
}

#[test]
fn what_is_there_is_not_written_over() {
    let making = Making::new();
    write(&making.worktree.join("precious"), "");
    assert_eq!(making.refusal(&making.plan()), format!("{} is there already", making.worktree.display()));
    assert!(making.worktree.join("precious").exists());
    fs::remove_file(making.worktree.join("precious")).unwrap();
    assert!(matches!(making.create_as(&making.plan()), Err(Uncreated::PathTaken(_))));
    let link = making.scratch.path("link");
    symlink("/no/such/place", &link).unwrap();
    assert!(matches!(making.create_as(&Plan { worktree: &link, ..making.plan() }), Err(Uncreated::PathTaken(_))));
    fs::remove_dir(&making.worktree).unwrap();
    making.scratch.git(&["branch", "aio/job"]);
    assert_eq!(making.refusal(&making.plan()), "the branch aio/job is there already");
    // A branch in whose way another is.
    assert!(making.refusal(&Plan { branch: "aio/job/more", ..making.plan() }).contains("aio/job"));
    assert!(!making.worktree.exists());
}

#[test]
fn bad_input_is_named() {
    let making = Making::new();
    for branch in ["-x", "--force", "", "a b", "a..b", "HEAD"] {
        assert_eq!(making.refusal(&Plan { branch, ..making.plan() }), format!("{branch:?} cannot be a branch's name"));
    }
    assert_eq!(making.refusal(&Plan { commit: "no-such", ..making.plan() }), "no commit \"no-such\"");
    assert_eq!(making.refusal(&Plan { commit: "--all", ..making.plan() }), "no commit \"--all\"");
    let (bare, empty, plain) =
        (making.scratch.path("bare"), making.scratch.path("empty"), making.scratch.path("plain"));
    making.scratch.git(&["init", "--quiet", "--bare", bare.to_str().unwrap()]);
    making.scratch.git(&["init", "--quiet", empty.to_str().unwrap()]);
    fs::create_dir(&plain).unwrap();
    let trouble = |project: &Path| match making.create_as(&Plan { project, commit: "HEAD", ..making.plan() }) {
        Err(Uncreated::Git(trouble)) => trouble,
        other => panic!("{other:?}"),
    };
    assert!(matches!(trouble(&bare), Trouble::Bare(_)));
    assert!(matches!(trouble(&empty), Trouble::NoCommits(_)));
    assert!(matches!(trouble(&plain), Trouble::NoRepository(_)));
    assert!(matches!(trouble(&making.scratch.path("vanished")), Trouble::NoRepository(_)));
    write(&plain.join("file"), "");
    let below_a_file = Plan { worktree: &plain.join("file/w"), ..making.plan() };
    assert!(matches!(making.create_as(&below_a_file), Err(Uncreated::Io(..))));
}

#[test]
fn many_are_made_and_removed_at_once() {
    let making = Making::new();
    let before = (making.scratch.own(), making.scratch.git(&["for-each-ref"]));
    let cycle = &|number: usize| {
        let (branch, worktree) = (format!("aio/{number}"), making.scratch.path(&format!("w/{number}")));
        create(&Plan { branch: &branch, worktree: &worktree, ..making.plan() }, &mut |_| {}).unwrap();
        let place = Workplace {
            project: &making.scratch.project,
            worktree: &worktree,
            branch: &branch,
            target: "main",
            job: "c-1",
        };
        assert_eq!(remove(&save(&place).unwrap()).unwrap().branch, Branch::Removed);
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|number| scope.spawn(move || cycle(number))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!((making.scratch.own(), making.scratch.git(&["for-each-ref"])), before);
}

#[test]
fn a_shallow_project_will_do() {
    let making = Making::new();
    commit(&making.scratch.project, "second");
    let (shallow, url) = (making.scratch.path("shallow"), format!("file://{}", making.scratch.project.display()));
    making.scratch.git(&["clone", "--quiet", "--depth=1", &url, shallow.to_str().unwrap()]);
    create(&Plan { project: &shallow, ..making.plan() }, &mut |_| {}).unwrap();
    assert!(making.worktree.join("readme").exists());
}

#[test]
fn what_fails_halfway_is_taken_away() {
    let making = Making::new();
    let hook = making.scratch.project.join(".git/hooks/post-checkout");
    write(&hook, "#!/bin/sh\necho made > new\nmkdir -p sealed/in && chmod 555 sealed\necho not here >&2\nexit 1\n");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(making.refusal(&making.plan()).contains("not here"));
    assert!(!making.worktree.exists());
    fs::remove_file(hook).unwrap();
    // The project has something else where aio's own folder is to be.
    symlink("/tmp", making.scratch.project.join(".aio")).unwrap();
    commit(&making.scratch.project, "a link called .aio");
    let folder = making.worktree.join(".aio");
    assert_eq!(making.refusal(&making.plan()), format!("{} is there already", folder.display()));
    assert!(!making.worktree.exists() && !Path::new("/tmp/.gitignore").exists());
}

#[test]
fn what_fails_halfway_stays_where_something_is_mounted_in_it() {
    let making = Making::new();
    symlink("/tmp", making.scratch.project.join(".aio")).unwrap();
    commit(&making.scratch.project, "a link called .aio");
    mounted(&[&making.worktree.join("data")]);
    let why = format!("something is mounted at {}/data", making.worktree.display());
    let error = create(&making.plan(), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, Uncreated::HalfMade { .. }) && error.to_string().ends_with(&why), "{error}");
    assert!(making.worktree.join("readme").exists());
}

#[test]
fn steps_are_told_as_they_begin() {
    let making = Making::new();
    let mut steps = Vec::new();
    create(&Plan { setup: "true", ..making.plan() }, &mut |step| steps.push(step)).unwrap();
    assert_eq!(steps, [Step::Checkout, Step::Include, Step::Setup]);
}

#[test]
fn the_setup_command_is_the_persons_own() {
    let making = Making::new();
    let setup = "echo $AIO_JOB $AIO_BRANCH $PORT > made; test \"$AIO_WORKTREE\" = \"$PWD\" && cat; ls \"$AIO_PROJECT/readme\"; \
                 echo ${GIT_DIR-none}; git rev-parse --show-toplevel";
    making.create_as(&Plan { setup, ..making.plan() }).unwrap();
    assert_eq!(fs::read_to_string(making.worktree.join("made")).unwrap(), "claude-abc123 aio/job 4210\n");
    let log = fs::read_to_string(&making.log).unwrap();
    let project = making.scratch.project.display();
    assert_eq!(log, format!("{project}/readme\nnone\n{}\n", making.worktree.display()));
}

#[test]
fn a_setup_that_fails_leaves_what_it_did_to_be_looked_at() {
    let making = Making::new();
    let fails = |setup| making.refusal(&Plan { setup, ..making.plan() });
    let shown = making.log.display();
    let said_why = fails("echo begun; echo no such package >&2; echo; exit 3");
    assert_eq!(said_why, format!("the setup command failed: no such package (all of it: {shown})"));
    assert_eq!(fs::read_to_string(&making.log).unwrap(), "begun\nno such package\n\n");
    assert!(making.worktree.join("readme").exists());
    let silent = Making::new();
    assert!(silent.refusal(&Plan { setup: "exit 3", ..silent.plan() }).contains("it ended with 3"));
}

#[test]
fn submodules_that_the_project_has_are_fetched() {
    let making = Making::new();
    let project = &making.scratch.project;
    let libraries = ["here", "not here", "gone", "emptied", "lost"].map(|name| making.scratch.path(name));
    for library in &libraries {
        making.scratch.begin(library);
        let name = library.file_name().unwrap().to_str().unwrap();
        said(project, &["submodule", "--quiet", "add", library.to_str().unwrap(), &format!("libraries/{name}")]);
    }
    commit(project, "libraries");
    said(project, &["submodule", "--quiet", "deinit", "libraries/not here"]);
    said(project, &["update-index", "--cacheinfo", &format!("160000,{},libraries/lost", "1".repeat(40))]);
    said(project, &["commit", "-qm", "what nobody has"]);
    fs::remove_dir_all(&libraries[2]).unwrap();
    fs::remove_dir_all(project.join("libraries/emptied")).unwrap();
    let mut steps = Vec::new();
    let made = create(&making.plan(), &mut |step| steps.push(step)).unwrap();
    assert_eq!(steps, [Step::Checkout, Step::Include, Step::Submodules]);
    let has = |name: &str| making.worktree.join("libraries").join(name).join("readme").exists();
    assert_eq!(["here", "not here", "gone", "emptied"].map(has), [true, false, true, false]);
    // Whoever comes to have it again is asked for what is new in it.
    let own = said(&making.worktree.join("libraries/gone"), &["remote", "get-url", "origin"]);
    assert_eq!(Path::new(&own), libraries[2]);
    assert_eq!(said(project, &["config", "submodule.libraries/gone.url"]), own);
    assert_eq!(made.notes.len(), 1);
    assert!(made.notes[0].starts_with("the submodule libraries/lost is empty, git could not fetch it: "), "{made:?}");
    assert!(made.notes[0].ends_with(" submodule update --init -- libraries/lost"), "{made:?}");
}
