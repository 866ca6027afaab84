//! `aio pr`, with programs that stand for the forges'.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::{Fleet, commit, edit, must, refuses};
use crate::harness::run;

/// Notes how it was called; logged in while `login` is there, and with a request while `open` is.
const GH: &str = r#"echo "gh $*" >>"$HOME/calls"
case "$1 $2" in
"auth status") test -e "$HOME/login" ;;
"pr list") if test -e "$HOME/open"; then echo '[{"url":"https://forge.example/pull/7"}]'; else echo '[]'; fi ;;
"pr create") cat >"$HOME/body"; touch "$HOME/open"; echo "Creating pull request"; echo https://forge.example/pull/7 ;;
*) exit 64 ;;
esac"#;

struct Proposing {
    fleet: Fleet,
    remote: PathBuf,
    worktree: PathBuf,
    programs: PathBuf,
}

impl Proposing {
    fn new() -> Proposing {
        let fleet = Fleet::new();
        let remote = fleet.world.home.join("remote.git");
        must(&fleet.world.home, &["init", "-q", "--bare", "remote.git"]);
        must(&fleet.project(), &["remote", "add", "origin", remote.to_str().unwrap()]);
        let worktree = fleet.job("claude-first0");
        edit(&worktree, "one", 1, "x");
        commit(&worktree, "the first step");
        edit(&worktree, "one", 2, "x");
        commit(&worktree, "the second step");
        fleet.edit("claude-first0", "said", json!("It is done.\nAll tests pass."));
        let programs = fleet.programs(&[("gh", GH)]);
        fs::write(fleet.world.home.join("login"), "").unwrap();
        Proposing { fleet, remote, worktree, programs }
    }

    fn pr(&self) -> crate::harness::Ran {
        self.fleet.aio_with(&self.programs, &["pr", "claude-first0"])
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.fleet.world.home.join("calls")).unwrap_or_default()
    }

    fn pushed(&self) -> String {
        must(&self.remote, &["for-each-ref", "--format=%(refname) %(objectname)"])
    }
}

#[test]
fn a_branch_is_pushed_and_a_request_opened_once() {
    let at = Proposing::new();
    let ran = at.pr();
    assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "https://forge.example/pull/7\n", ""));
    let head = must(&at.worktree, &["rev-parse", "HEAD"]);
    assert_eq!(at.pushed(), format!("refs/heads/aio/claude-first0 {head}"));
    assert_eq!(must(&at.worktree, &["rev-parse", "--abbrev-ref", "@{upstream}"]), "origin/aio/claude-first0");
    assert!(
        at.calls().contains("gh pr create --head aio/claude-first0 --base main --title Do claude-first0 --body-file -")
    );
    let body = fs::read_to_string(at.fleet.world.home.join("body")).unwrap();
    assert_eq!(body, "It is done.\nAll tests pass.\n\n## Commits\n- the first step\n- the second step\n");

    edit(&at.worktree, "one", 3, "x");
    let head = commit(&at.worktree, "more");
    fs::write(at.worktree.join("forgotten"), "x").unwrap();
    let again = at.pr();
    assert_eq!((again.code, &*again.out), (0, "https://forge.example/pull/7\n"));
    assert!(again.err.contains("open already") && again.err.contains("forgotten"), "{again:?}");
    assert_eq!(at.calls().matches("pr create").count(), 1);
    assert!(at.pushed().ends_with(&head));
}

#[test]
fn what_the_remote_has_beyond_is_never_overwritten() {
    let at = Proposing::new();
    assert_eq!(at.pr().code, 0);
    let theirs = at.pushed();
    must(&at.worktree, &["commit", "-q", "--amend", "-m", "rewritten"]);
    refuses(&at.pr(), 1, &["was not pushed", "rejected", "push -u origin aio/claude-first0"]);
    assert_eq!(at.pushed(), theirs);
}

#[test]
fn without_a_login_a_program_or_a_remote_it_is_done_by_hand() {
    let at = Proposing::new();
    let by_hand = |reason: &str, first: &str| {
        let ran = at.pr();
        assert_eq!((ran.code, ran.err.lines().count()), (6, 1), "{ran:?}");
        let next =
            if at.programs.join("gh").exists() { "; next: run these" } else { "; next: install gh, then run these" };
        assert!(ran.err.contains(reason) && ran.err.contains(next), "{ran:?}");
        assert!(ran.first().starts_with(first) && ran.out.contains("gh pr create --head aio/claude-first0"), "{ran:?}");
        assert_eq!(at.pushed(), "", "nothing was pushed");
    };
    fs::remove_file(at.fleet.world.home.join("login")).unwrap();
    let push = format!("git -C {} push -u origin aio/claude-first0", at.worktree.display());
    by_hand("gh is not logged in", &push);
    let answer = at.fleet.json(&["pr", "claude-first0"]);
    assert_eq!((&answer["code"], &answer["exit"], &answer["ok"]), (&json!("no-forge"), &json!(6), &json!(false)));
    let next = answer["hints"][0].as_str().unwrap();
    assert!(answer["message"] == push && next.ends_with("run these by hand"), "{answer:#}");
    fs::remove_file(at.programs.join("gh")).unwrap();
    by_hand("is not", &push);
    must(&at.fleet.project(), &["remote", "set-url", "origin", "git@github.com:a/b.git"]);
    let ran = at.pr();
    assert!(ran.code == 6 && !ran.err.contains("glab"), "{ran:?}");
    must(&at.fleet.project(), &["remote", "remove", "origin"]);
    by_hand("no remote called origin", &format!("git -C {} remote add origin", at.worktree.display()));
}

#[test]
fn the_commands_by_hand_do_it() {
    let at = Proposing::new();
    fs::remove_file(at.fleet.world.home.join("login")).unwrap();
    let commands = at.pr().out;
    let path =
        std::env::join_paths([at.programs.clone(), "/usr/bin".into(), "/bin".into(), "/usr/local/bin".into()]).unwrap();
    let ran = run(at.fleet.world.command("bash").env("PATH", path).args(["-ec", &commands]));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(at.pushed().starts_with("refs/heads/aio/claude-first0 ") && at.calls().contains("gh pr create"));
}

#[test]
fn a_forge_that_would_not_says_why() {
    let at = Proposing::new();
    let broken = GH.replace("cat >\"$HOME/body\";", "echo 'Base ref must be a branch' >&2; exit 1;");
    at.fleet.programs(&[("gh", &broken)]);
    let next = format!(
        "; next: cd {} && gh pr create --head aio/claude-first0 --base main --title 'Do claude-first0' --body ''\n",
        at.worktree.display()
    );
    let says = ["cannot open a pull request", "Base ref must be a branch", "the branch was pushed", &next];
    refuses(&at.pr(), 1, &says);
    at.fleet.programs(&[("gh", &GH.replace("echo '[]'", "echo nonsense"))]);
    refuses(&at.pr(), 1, &["no JSON", "the branch was pushed"]);
}

#[test]
fn a_job_without_commits_has_nothing_to_propose() {
    let at = Proposing::new();
    at.fleet.job("claude-second");
    let ran = at.fleet.aio_with(&at.programs, &["pr", "claude-second"]);
    refuses(&ran, 1, &["claude-second has no commits that main has not"]);
    assert_eq!(at.pushed(), "");
}

#[test]
fn gitlab_is_asked_in_its_own_words() {
    let at = Proposing::new();
    let glab = r#"echo "glab $*" >>"$HOME/calls"
case "$1 $2" in
"auth status") ;;
"mr list") echo '[]' ;;
"mr create") echo "!3 made"; echo "  https://gitlab.example/a/b/-/merge_requests/3" ;;
*) exit 64 ;;
esac"#;
    fs::remove_file(at.fleet.world.home.join("login")).unwrap();
    at.fleet.programs(&[("glab", glab)]);
    let ran = at.pr();
    assert_eq!((ran.code, &*ran.out), (0, "https://gitlab.example/a/b/-/merge_requests/3\n"));
    assert!(at.calls().contains("glab mr create --yes --source-branch aio/claude-first0 --target-branch main"));
}

#[test]
fn the_forge_is_that_of_what_is_fetched() {
    let at = Proposing::new();
    at.fleet.programs(&[("glab", "echo \"glab $*\" >>\"$HOME/calls\"; exit 1")]);
    let project = at.fleet.project();
    must(&project, &["config", "url.git@gitlab.example.org:.insteadOf", "work:"]);
    must(&project, &["remote", "set-url", "origin", "work:a/b.git"]);
    must(&project, &["remote", "set-url", "--push", "origin", "git@github.com:a/b.git"]);
    let ran = at.pr();
    assert!(ran.code == 6 && ran.err.contains("glab is not logged in to gitlab.example.org"), "{ran:?}");
    assert!(ran.out.contains("glab mr create") && !at.calls().contains("gh auth"), "{ran:?}");
}
