//! Which of several remotes is asked, and what is said of a branch that one has no more.

use super::*;

/// The project's remote has called its branch `trunk`, as a host does whose default branch is renamed.
fn renamed() -> (Scratch, PathBuf) {
    let (scratch, remote) = with_remote();
    scratch.git(&["fetch", "--quiet", "origin"]);
    scratch.git(&["remote", "set-head", "origin", "main"]);
    said(&remote, &["branch", "--move", "main", "trunk"]);
    assert_eq!(said(&remote, &["symbolic-ref", "HEAD"]), "refs/heads/trunk");
    (scratch, remote)
}

/// What is launched asks this way.
fn looked_at(repository: &Repository) -> Result<usize, Trouble> {
    let repository = repository.clone();
    repository.is_remote_reachable()?;
    let branch = repository.default_branch()?;
    repository.tip(&branch)?;
    repository.left_out(&branch)
}

#[test]
fn a_default_branch_that_the_remote_renamed_is_not_begun_at() {
    let (scratch, remote) = renamed();
    push_from_elsewhere(&scratch, &remote);
    let repository = Repository::open(&scratch.project).unwrap();
    let gone = "origin has no branch main any more";
    let trouble = looked_at(&repository).unwrap_err();
    assert_eq!(trouble.to_string(), "the default branch of origin is trunk, of which nothing is known here");
    // One that was queued before begins at what is known, and it is said.
    assert_eq!(repository.fetch("main", SOON).unwrap_err().to_string(), gone);
    assert!(repository.tip("main").is_ok());
    let next = trouble.next();
    assert!(Program::new("sh").args(["-c", &*next]).run().unwrap().is_good(), "{next}");
    assert_eq!(looked_at(&repository).unwrap(), 0);
    assert_eq!(heard_default(&repository).unwrap(), "trunk");
}

fn heard_default(repository: &Repository) -> Result<String, Trouble> {
    let repository = repository.clone();
    repository.is_remote_reachable()?;
    repository.default_branch()
}

/// Where a repository was made here and pushed, git remembers nothing; where it was cloned, what was so then.
#[test]
fn the_remote_says_which_branch_is_the_default_one() {
    let (scratch, remote) = with_remote();
    scratch.git(&["branch", "develop"]);
    scratch.git(&["push", "--quiet", "origin", "develop"]);
    said(&remote, &["symbolic-ref", "HEAD", "refs/heads/develop"]);
    let repository = Repository::open(&scratch.project).unwrap();
    assert_eq!(heard_default(&repository).unwrap(), "develop");
    scratch.git(&["switch", "--quiet", "-c", "feature"]);
    scratch.git(&["branch", "--quiet", "-D", "main", "develop"]);
    scratch.git(&["remote", "set-head", "origin", "develop"]);
    assert_eq!(heard_default(&repository).unwrap(), "develop", "it is known as the remote's");
    said(&remote, &["branch", "newer", "develop"]);
    said(&remote, &["symbolic-ref", "HEAD", "refs/heads/newer"]);
    let trouble = heard_default(&repository).unwrap_err();
    assert!(matches!(&trouble, Trouble::NotHere { branch, .. } if branch == "newer"), "{trouble}");
    scratch.git(&["fetch", "--quiet", "origin"]);
    assert_eq!(heard_default(&repository).unwrap(), "newer", "whatever git remembers");
    // Nobody can be asked.
    std::fs::remove_dir_all(&remote).unwrap();
    assert_eq!(heard_default(&repository).unwrap(), "develop");
}

#[test]
fn a_remote_that_has_no_default_branch_any_more() {
    let (scratch, remote) = renamed();
    said(&remote, &["symbolic-ref", "HEAD", "refs/heads/main"]);
    let repository = Repository::open(&scratch.project).unwrap();
    let trouble = looked_at(&repository).unwrap_err();
    assert_eq!(trouble.to_string(), "origin has no branch main any more");
    let next = trouble.next();
    assert!(Program::new("sh").args(["-c", &*next]).run().unwrap().is_good(), "{next}");
    // It is this repository's own by then.
    assert_eq!((repository.default_branch().unwrap().as_str(), looked_at(&repository).unwrap()), ("main", 0));
}

#[test]
fn a_branch_that_is_not_the_default_one_may_be_gone_too() {
    let (scratch, remote) = with_remote();
    scratch.git(&["branch", "feature"]);
    scratch.git(&["push", "--quiet", "origin", "feature"]);
    let repository = Repository::open(&scratch.project).unwrap();
    assert_eq!(
        (repository.is_remote_reachable().unwrap(), repository.left_out("feature").unwrap()),
        (Reach::Answers, 0)
    );
    said(&remote, &["branch", "--quiet", "-D", "feature"]);
    let trouble = repository.left_out("feature").unwrap_err();
    assert_eq!(trouble.to_string(), "origin has no branch feature any more; its default branch is main");
}

#[test]
fn a_branch_comes_from_the_remote_that_is_set_up_for_it() {
    let (scratch, fork) = with_remote();
    let upstream = scratch.path("upstream.git");
    scratch.git(&["clone", "--quiet", "--bare", fork.to_str().unwrap(), upstream.to_str().unwrap()]);
    scratch.git(&["remote", "add", "upstream", upstream.to_str().unwrap()]);
    scratch.git(&["config", "branch.main.remote", "upstream"]);
    scratch.git(&["config", "branch.main.merge", "refs/heads/main"]);
    let pushed = push_from_elsewhere(&scratch, &upstream);
    let repository = Repository::open(&scratch.project).unwrap();
    assert_eq!(repository.remote().unwrap().as_deref(), Some("upstream"));
    repository.fetch("main", SOON).unwrap();
    let tip = repository.tip("main").unwrap();
    assert_eq!((&*tip.commit, &*tip.name), (&*pushed, "refs/remotes/upstream/main"));
    // And that is the one that has to answer.
    fs::remove_dir_all(fork).unwrap();
    assert_eq!(repository.is_remote_reachable().unwrap(), Reach::Answers);
}

#[test]
fn several_remotes_of_which_none_is_meant_are_named() {
    let (scratch, remote) = with_remote();
    scratch.git(&["remote", "rename", "origin", "lab"]);
    scratch.git(&["remote", "add", "hub", remote.to_str().unwrap()]);
    let pushed = push_from_elsewhere(&scratch, &remote);
    let repository = Repository::open(&scratch.project).unwrap();
    assert_eq!(repository.remote().unwrap(), None, "none of them was ever asked");
    scratch.git(&["fetch", "--quiet", "lab"]);
    assert_eq!(repository.remote().unwrap().as_deref(), Some("lab"), "the only one that is known to have it");
    scratch.git(&["fetch", "--quiet", "hub"]);
    let trouble = looked_at(&repository).unwrap_err();
    let words = "nothing says from which remote main comes; hub, lab had it, and none is called origin";
    assert_eq!(trouble.to_string(), words);
    let next = trouble.next();
    let (follow, own) = next.split_once(", or another remote; where it is at none, ").unwrap();
    assert!(Program::new("sh").args(["-c", follow]).run().unwrap().is_good(), "{follow}");
    assert_eq!(looked_at(&repository).unwrap(), 0);
    repository.fetch("main", SOON).unwrap();
    assert_eq!(repository.tip("main").unwrap().commit, pushed);
    assert!(Program::new("sh").args(["-c", own]).run().unwrap().is_good(), "{own}");
    assert_eq!((looked_at(&repository).unwrap(), repository.remote().unwrap()), (0, None));
    // What was never seen at any is nobody's but ours.
    scratch.git(&["branch", "local"]);
    assert_eq!(repository.left_out("local").unwrap(), 0);
}
