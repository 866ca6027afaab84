//! Git on real repositories.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod remotes;

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::remote::Reach;
use super::testing::{Scratch, commit, said, write};
use super::{Head, REDIRECTING, Repository, Trouble, done};
use crate::fleet::program::Program;
use crate::fleet::program::TRIES;

const SOON: Duration = Duration::from_secs(20);

/// A bare copy of the project as its remote.
fn with_remote() -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let remote = scratch.path("remote.git");
    scratch.git(&["clone", "--quiet", "--bare", ".", remote.to_str().unwrap()]);
    scratch.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    (scratch, remote)
}

/// Somebody else pushes to the remote, and this is the commit.
fn push_from_elsewhere(scratch: &Scratch, remote: &Path) -> String {
    let other = scratch.path("other");
    scratch.git(&["clone", "--quiet", remote.to_str().unwrap(), other.to_str().unwrap()]);
    said(&other, &["config", "user.name", "B"]);
    said(&other, &["config", "user.email", "b@example.org"]);
    write(&other.join("theirs"), "theirs");
    let pushed = commit(&other, "theirs");
    said(&other, &["push", "--quiet", "origin", "HEAD"]);
    pushed
}

#[test]
fn what_a_repository_is() {
    let scratch = Scratch::new();
    write(&scratch.project.join("deep/er/file"), "");
    let repository = Repository::open(&scratch.project.join("deep/er")).unwrap();
    assert_eq!((repository.root(), repository.is_bare()), (&*scratch.project, false));
    assert_eq!(repository.common_dir().unwrap(), scratch.project.join(".git"));
    assert_eq!(repository.head().unwrap(), Head::Branch("main".to_owned()));
    assert!(repository.has_branch("main").unwrap() && !repository.has_branch("other").unwrap());
    assert!(!repository.is_shallow().unwrap());
    let first = scratch.git(&["rev-parse", "HEAD"]);
    scratch.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(repository.head().unwrap(), Head::Detached(first));
}

/// What another git, in the middle of adding or removing a worktree, makes of a question is asked again; what lasts is said.
#[test]
fn what_fails_only_for_a_moment_is_tried_again() {
    let scratch = Scratch::new();
    let asked = scratch.path("asked");
    let fails = |times: usize, said: &str| {
        fs::write(&asked, "").unwrap();
        let script = r#"echo >> "$1"; [ "$(wc -l < "$1")" -gt "$2" ] || { printf '%s\n' "$3" >&2; exit 128; }"#;
        let (asked, times) = (asked.to_str().unwrap(), times.to_string());
        done(Program::new("sh").args(["-c", script, "sh", asked, &*times, said]), "ask").map(drop)
    };
    let tries = || fs::read_to_string(&asked).unwrap().lines().count();
    for said in [
        "fatal: failed to read '/p/.git/worktrees/4/locked': No such file or directory",
        "fatal: failed to read /p/.git/worktrees/4/commondir: Success",
    ] {
        fails(2, said).unwrap();
        assert_eq!(tries(), 3);
    }
    let lasting = "fatal: failed to read /p/.git/worktrees/4/commondir: Success";
    assert!(matches!(fails(usize::MAX >> 1, lasting), Err(Trouble::Failed { .. })));
    assert_eq!(tries(), TRIES as usize);
    assert!(fails(1, "fatal: failed to read the index").is_err());
    assert_eq!(tries(), 1);
}

/// Another git that made the file and comes to write it only a quarter of a second later.
#[test]
fn a_worktree_that_is_half_noted_is_waited_for() {
    let scratch = Scratch::new();
    let other = scratch.path("other");
    scratch.git(&["worktree", "add", "--quiet", other.to_str().unwrap()]);
    let noted = scratch.project.join(".git/worktrees/other/commondir");
    let whole = fs::read(&noted).unwrap();
    fs::write(&noted, "").unwrap();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(250));
        fs::write(&noted, whole).unwrap();
    });
    let listed = Repository::open(&scratch.project).unwrap().worktrees().unwrap();
    writer.join().unwrap();
    assert!(listed.iter().any(|worktree| worktree.path == other));
}

/// Tests that call git in every way, run once more where the environment would have it look elsewhere.
#[test]
fn nothing_in_the_environment_leads_git_elsewhere() {
    let tests = [
        "fleet::git::tests::how_far_it_went_and_where",
        "fleet::rescue::tests::work_of_every_kind_comes_back_byte_for_byte",
        "fleet::worktree::tests::the_setup_command_is_the_persons_own",
    ];
    let again = Program::new(std::env::current_exe().unwrap()).arg("--exact").args(tests);
    let hostile = REDIRECTING.iter().fold(again, |program, name| program.variable(name, "/no/such/place"));
    let ran = hostile.run().unwrap();
    assert!(ran.is_good() && ran.text().contains("3 passed"), "{}{}", ran.text(), ran.complaint());
}

#[test]
fn what_is_no_repository_or_has_nothing_in_it() {
    let scratch = Scratch::new();
    let (empty, bare, plain) = (scratch.path("empty"), scratch.path("bare"), scratch.path("plain"));
    scratch.git(&["init", "--quiet", "-b", "main", empty.to_str().unwrap()]);
    scratch.git(&["init", "--quiet", "--bare", bare.to_str().unwrap()]);
    fs::create_dir(&plain).unwrap();
    for path in [plain, scratch.path("no such folder")] {
        assert!(matches!(Repository::open(&path), Err(Trouble::NoRepository(_))), "{}", path.display());
    }
    assert!(Repository::open(&bare).unwrap().is_bare());
    let empty = Repository::open(&empty).unwrap();
    assert_eq!((empty.head().unwrap(), empty.has_commits().unwrap()), (Head::Unborn("main".to_owned()), false));
    assert!(matches!(empty.default_branch(), Err(Trouble::NoCommits(_))));
}

#[test]
fn a_path_of_any_bytes() {
    let scratch = Scratch::new();
    let odd = scratch.project.parent().unwrap().join(OsStr::from_bytes(b"a b\n\xff\n"));
    fs::rename(&scratch.project, &odd).unwrap();
    let repository = Repository::open(&odd).unwrap();
    assert_eq!((repository.root(), repository.common_dir().unwrap()), (&*odd, odd.join(".git")));
    let added = scratch.path("-added\n");
    said(&odd, &["worktree", "add", "--quiet", "-b", "x", "--", added.to_str().unwrap()]);
    assert_eq!(repository.checked_out_at("x").unwrap(), Some(added));
}

#[test]
fn names_of_branches() {
    let scratch = Scratch::new();
    let repository = Repository::open(&scratch.project).unwrap();
    let is_good = |name: &str| repository.is_branch_name(name).unwrap();
    assert!(["aio/claude-abc123", "a-b", "ü"].into_iter().all(is_good));
    assert!(
        !["-x", "--force", "", "a..b", "a b", "x.lock", "/x", "x/", "HEAD", "a\nb", "@{-1}"].into_iter().any(is_good)
    );
}

#[test]
fn the_default_branch() {
    let (scratch, _) = with_remote();
    let repository = Repository::open(&scratch.project).unwrap();
    let default = || repository.default_branch();
    assert_eq!(default().unwrap(), "main");
    scratch.git(&["switch", "--quiet", "-c", "work"]);
    assert_eq!(default().unwrap(), "main");
    scratch.git(&["branch", "trunk"]);
    scratch.git(&["config", "init.defaultBranch", "trunk"]);
    assert_eq!(default().unwrap(), "trunk");
    scratch.git(&["push", "--quiet", "origin", "trunk:develop"]);
    scratch.git(&["remote", "set-head", "origin", "develop"]);
    assert_eq!(default().unwrap(), "develop");
    // The remote calls another branch its own by now, and the old one is gone.
    scratch.git(&["update-ref", "-d", "refs/remotes/origin/develop"]);
    assert_eq!(default().unwrap(), "trunk");
    scratch.git(&["remote", "remove", "origin"]);
    scratch.git(&["branch", "--quiet", "-D", "main", "trunk"]);
    assert_eq!(default().unwrap(), "work");
    scratch.git(&["checkout", "--quiet", "--detach"]);
    assert!(matches!(default(), Err(Trouble::NoDefaultBranch(_))));
}

#[test]
fn a_fetch_brings_one_branch_and_touches_nothing_else() {
    let (scratch, remote) = with_remote();
    let pushed = push_from_elsewhere(&scratch, &remote);
    said(&remote, &["branch", "unwanted", &pushed]);
    let repository = Repository::open(&scratch.project).unwrap();
    let before = scratch.own();
    assert_ne!(repository.tip("main").unwrap().commit, pushed);
    repository.fetch("main", SOON).unwrap();
    let tip = repository.tip("main").unwrap();
    assert_eq!((&*tip.commit, &*tip.name), (&*pushed, "refs/remotes/origin/main"));
    assert_eq!(scratch.own(), before);
    assert!(!scratch.project.join(".git/FETCH_HEAD").exists());
    assert_eq!(scratch.git(&["for-each-ref", "--format=%(refname)", "refs/remotes"]), "refs/remotes/origin/main");
}

#[test]
fn what_was_committed_here_and_not_pushed_is_the_tip() {
    let (scratch, remote) = with_remote();
    let repository = Repository::open(&scratch.project).unwrap();
    repository.fetch("main", SOON).unwrap();
    let own = commit(&scratch.project, "not pushed");
    assert_eq!(repository.tip("main").unwrap().commit, own);
    // Where both went on, the others' work counts.
    let pushed = push_from_elsewhere(&scratch, &remote);
    repository.fetch("main", SOON).unwrap();
    assert_eq!(repository.tip("main").unwrap().commit, pushed);
}

#[test]
fn a_branch_that_only_this_repository_has() {
    let (scratch, _) = with_remote();
    scratch.git(&["branch", "own"]);
    let repository = Repository::open(&scratch.project).unwrap();
    repository.fetch("own", SOON).unwrap();
    assert_eq!(repository.tip("own").unwrap().name, "refs/heads/own");
    assert!(matches!(repository.tip("no-such"), Err(Trouble::NoSuchCommit(_))));
    scratch.git(&["remote", "remove", "origin"]);
    repository.fetch("own", SOON).unwrap();
}

#[test]
fn a_remote_that_is_gone_says_so_and_leaves_what_was_known() {
    let (scratch, remote) = with_remote();
    let repository = Repository::open(&scratch.project).unwrap();
    assert_eq!(repository.is_remote_reachable().unwrap(), Reach::Answers);
    repository.fetch("main", SOON).unwrap();
    fs::remove_dir_all(remote).unwrap();
    let error = repository.fetch("main", SOON).unwrap_err().to_string();
    assert!(error.starts_with("cannot fetch main from origin: "), "{error}");
    assert!(repository.tip("main").is_ok());
    assert!(matches!(repository.is_remote_reachable().unwrap(), Reach::Unreachable(_)));
    scratch.git(&["remote", "remove", "origin"]);
    assert_eq!(repository.is_remote_reachable().unwrap(), Reach::NoRemote);
}

#[test]
fn many_may_fetch_at_once() {
    let (scratch, remote) = with_remote();
    let pushed = push_from_elsewhere(&scratch, &remote);
    let repository = Repository::open(&scratch.project).unwrap();
    std::thread::scope(|scope| {
        let fetching: Vec<_> = (0..6).map(|_| scope.spawn(|| repository.fetch("main", SOON))).collect();
        fetching.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    });
    assert_eq!(repository.tip("main").unwrap().commit, pushed);
}

#[test]
fn a_remote_where_nothing_was_pushed_answers() {
    let scratch = Scratch::new();
    let remote = scratch.path("remote.git");
    scratch.git(&["init", "--quiet", "--bare", remote.to_str().unwrap()]);
    scratch.git(&["remote", "add", "upstream", remote.to_str().unwrap()]);
    let repository = Repository::open(&scratch.project).unwrap();
    assert_eq!(repository.remote().unwrap().as_deref(), Some("upstream"));
    assert_eq!(repository.is_remote_reachable().unwrap(), Reach::Answers);
}

/// What ssh is started with, and how it fails, decide; here it is a script.
#[test]
fn a_remote_that_wants_a_password_is_told_from_one_that_is_away() {
    let scratch = Scratch::new();
    let repository = Repository::open(&scratch.project).unwrap();
    scratch.git(&["remote", "add", "origin", "ssh://somebody@host.invalid/repository"]);
    let (script, called) = (scratch.path("fake ssh"), scratch.path("called"));
    let reach = |words: &str| {
        write(&script, format!("echo \"$@\" > {}\necho '{words}' >&2\nexit 255\n", called.display()));
        scratch.git(&["config", "core.sshCommand", &format!("sh '{}'", script.display())]);
        repository.is_remote_reachable().unwrap()
    };
    let denied = "somebody@host.invalid: Permission denied (publickey,password).";
    assert_eq!(reach(denied), Reach::NeedsPassword(denied.to_owned()));
    let warned = format!("Warning: Permanently added host.invalid to the list of known hosts.\n{denied}");
    assert_eq!(reach(&warned), Reach::NeedsPassword(denied.to_owned()));
    let away = "ssh: Could not resolve hostname host.invalid: Name or service not known";
    assert_eq!(reach(away), Reach::Unreachable(away.to_owned()));
    assert!(fs::read_to_string(&called).unwrap().contains("-oBatchMode=yes"));
}

#[test]
fn a_server_that_wants_a_password_is_not_waited_for() {
    let scratch = Scratch::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    scratch.git(&["remote", "add", "origin", &format!("http://{address}/repository")]);
    scratch.git(&["config", "http.proxy", ""]);
    let answer = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    std::thread::spawn(move || {
        let answered =
            |mut stream: std::net::TcpStream| stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(answer));
        listener.incoming().flatten().try_for_each(answered)
    });
    let repository = Repository::open(&scratch.project).unwrap();
    let reach = repository.is_remote_reachable().unwrap();
    assert!(matches!(&reach, Reach::NeedsPassword(said) if said.contains("could not read Username")), "{reach:?}");
}

#[test]
fn how_far_it_went_and_where() {
    let scratch = Scratch::new();
    let base = scratch.git(&["rev-parse", "HEAD"]);
    let worktree = scratch.path("w");
    scratch.git(&["worktree", "add", "--quiet", "-b", "job", worktree.to_str().unwrap()]);
    let repository = Repository::open(&worktree).unwrap();
    assert_eq!(repository.commits_ahead(&base, "HEAD").unwrap(), 0);
    write(&worktree.join("committed"), "");
    commit(&worktree, "one");
    write(&worktree.join("changed"), "");
    assert_eq!(repository.commits_ahead(&base, "HEAD").unwrap(), 1);
    assert_eq!(Repository::open(&scratch.project).unwrap().checked_out_at("job").unwrap(), Some(worktree));
    assert!(repository.commits_ahead("no-such", "HEAD").is_err());
}

#[test]
fn history_that_was_cut_off() {
    let (scratch, remote) = with_remote();
    push_from_elsewhere(&scratch, &remote);
    let shallow = scratch.path("shallow");
    let url = format!("file://{}", remote.display());
    scratch.git(&["clone", "--quiet", "--depth=1", &url, shallow.to_str().unwrap()]);
    let repository = Repository::open(&shallow).unwrap();
    assert!(repository.is_shallow().unwrap());
    repository.fetch("main", SOON).unwrap();
    assert_eq!(repository.default_branch().unwrap(), "main");
    assert!(repository.tip("main").is_ok());
}

#[test]
fn space_on_the_disk() {
    let scratch = Scratch::new();
    assert!(super::look::free_space(&scratch.project).unwrap() > 0);
    assert!(super::look::free_space(&scratch.path("no such")).is_err());
}
