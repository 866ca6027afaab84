//! `aio conflicts`

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Fleet, commit, edit, must, refuses};
use crate::harness::{eventually, run};

/// Two that both changed line 3 of `one`, and a third that changed something else.
fn three() -> Fleet {
    let fleet = Fleet::new();
    for (id, file) in [("claude-first0", "one"), ("codex-second", "one"), ("claude-third0", "two")] {
        let worktree = fleet.job(id);
        edit(&worktree, file, 3, id);
        commit(&worktree, id);
    }
    fleet
}

fn pairs(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let conflicts = answer["data"]["projects"][0]["conflicts"].as_array().unwrap();
    conflicts.iter().map(|conflict| (text(&conflict["ours"]), text(&conflict["theirs"]))).collect()
}

#[test]
fn what_will_not_merge_and_the_order_that_hurts_least() {
    let fleet = three();
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!(ran.answer(), (1, "1 conflict among 3 jobs"));
    let expected = "CONFLICT  claude-first0 and codex-second\n  one\nMerge in this order:\n  1. claude-third0\n  \
                    2. claude-first0  then rebase codex-second\n  3. codex-second  rebase it first\n";
    assert_eq!(ran.out.split_once('\n').unwrap().1, expected);
    let answer = fleet.json(&["conflicts"]);
    assert_eq!((&answer["code"], &answer["exit"]), (&json!("conflicts"), &json!(1)));
    assert_eq!(pairs(&answer), [("claude-first0".to_owned(), "codex-second".to_owned())]);
    assert_eq!(answer["data"]["projects"][0]["order"][1]["thenRebase"], json!(["codex-second"]));
}

#[test]
fn nothing_conflicts_with_nothing() {
    let fleet = Fleet::new();
    assert_eq!(fleet.aio(&["conflicts"]).answer(), (0, "No conflicts among 0 jobs"));
    fleet.job("claude-first0");
    assert_eq!(fleet.aio(&["conflicts"]).answer(), (0, "No conflicts among 1 job"));
    assert_eq!(fleet.json(&["conflicts"])["code"], "conflict-free");
    let queued = fleet.job("claude-queued");
    edit(&queued, "one", 0, "x");
    fleet.edit("claude-queued", "stage", json!("queued"));
    assert_eq!(fleet.aio(&["conflicts"]).answer(), (0, "No conflicts among 1 job"));
}

#[test]
fn what_is_not_committed_counts_and_is_left_alone() {
    let fleet = Fleet::new();
    let (one, two) = (fleet.job("claude-first0"), fleet.job("claude-second"));
    edit(&one, "one", 3, "staged");
    must(&one, &["add", "one"]);
    edit(&one, "two", 5, "not staged");
    fs::write(one.join("new"), "untracked").unwrap();
    fs::write(two.join("new"), "committed").unwrap();
    edit(&two, "two", 5, "committed");
    commit(&two, "both");
    let looks =
        || (must(&one, &["status", "--porcelain"]), must(&one, &["ls-files", "-s"]), must(&one, &["count-objects"]));
    let before = looks();
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("CONFLICT  claude-first0 (not committed) and claude-second\n  new\n  two\n"), "{ran:?}");
    assert_eq!(looks(), before);
}

#[test]
fn what_is_not_committed_where_they_are_to_go_is_noted() {
    let fleet = three();
    let says = || fleet.aio(&["conflicts"]).err;
    edit(&fleet.project(), "three", 3, "nobody else's");
    fs::create_dir(fleet.project().join("new")).unwrap();
    fs::write(fleet.project().join("new/own"), "x").unwrap();
    assert_eq!(says(), "");
    let third = fleet.world.dir.join("worktrees/project/claude-third0");
    fs::create_dir(third.join("new")).unwrap();
    fs::write(third.join("new/own"), "y").unwrap();
    commit(&third, "new");
    edit(&fleet.project(), "two", 3, "mine");
    let files = "claude-third0 changes new/own, two, which is not committed where main is checked out";
    assert!(says().contains(&format!("{files}, so aio merge refuses it; next: git -C ")), "{}", says());
    let refused = fleet.aio(&["merge", "claude-third0"]);
    assert!(refused.code == 1 && refused.err.contains("new/own"), "{refused:?}");
    must(&fleet.project(), &["stash", "-q", "--include-untracked"]);
    assert_eq!(says(), "");
    assert_eq!(fleet.aio(&["merge", "claude-third0"]).code, 0);
}

#[test]
fn where_they_are_to_go_may_be_checked_out_in_a_folder_that_is_gone() {
    let fleet = three();
    let before = fleet.aio(&["conflicts"]);
    let (project, elsewhere) = (fleet.project(), fleet.world.home.join("elsewhere"));
    must(&project, &["checkout", "-q", "-b", "other"]);
    must(&project, &["worktree", "add", "-q", elsewhere.to_str().unwrap(), "main"]);
    for job in ["claude-first0", "codex-second", "claude-third0"] {
        fleet.edit(job, "target", json!("main"));
    }
    assert_eq!(fleet.aio(&["conflicts"]), before);
    fs::remove_dir_all(&elsewhere).unwrap();
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!((ran.code, &ran.out), (before.code, &before.out), "{ran:?}");
    let note = format!("main is checked out in {}, which is not there", elsewhere.display());
    assert!(ran.err.contains(&note) && ran.err.contains("worktree repair FOLDER, then aio conflicts"), "{ran:?}");
}

#[test]
fn where_they_are_to_go_counts_too() {
    let fleet = three();
    edit(&fleet.project(), "two", 3, "meanwhile");
    commit(&fleet.project(), "meanwhile");
    let ran = fleet.aio(&["conflicts"]);
    assert!(ran.out.contains("CONFLICT  claude-third0 and main\n  two\n"), "{ran:?}");
    assert!(
        ran.out.contains("2. claude-third0  rebase it first\n") || ran.out.contains("3. claude-third0  rebase"),
        "{ran:?}"
    );
    let answer = fleet.json(&["conflicts"]);
    let conflicts = answer["data"]["projects"][0]["conflicts"].as_array().unwrap();
    assert!(conflicts.iter().any(|conflict| conflict["withTarget"] == true && conflict["theirs"] == "main"));
    // What has arrived is in nobody's way.
    must(&fleet.project(), &["merge", "-q", "--no-edit", "aio/claude-first0"]);
    let answer = fleet.json(&["conflicts"]);
    let expected = [("codex-second", "main"), ("claude-third0", "main")];
    assert_eq!(pairs(&answer), expected.map(|(one, other)| (one.to_owned(), other.to_owned())));
}

#[test]
fn who_holds_what_is_said() {
    let fleet = three();
    let id = fleet.world.register("claude");
    assert_eq!(fleet.world.aio_as(&id, ["claim", "one"]).code, 0);
    let worktree = fleet.world.dir.join("worktrees/project/codex-second");
    let codex = fleet.world.register("codex");
    let claimed =
        run(fleet.world.command("aio").current_dir(&worktree).args(["--as", &codex, "claim", "pattern", "o*"]));
    assert_eq!(claimed.code, 0, "{claimed:?}");
    let ran = fleet.aio(&["conflicts"]);
    let holders = ran.out.lines().find(|line| line.starts_with("  one  held by ")).unwrap_or_else(|| panic!("{ran:?}"));
    assert!(holders.contains(&id) && holders.contains(&format!("{codex} (codex-second)")), "{holders}");
}

/// A git that notes how often it was asked to merge trees.
pub(super) fn counting(fleet: &Fleet) -> std::path::PathBuf {
    let log = fleet.world.home.join("merge-tree");
    let find = "real=$(PATH=$(printf %s \"$PATH\" | cut -d: -f2-) command -v git)";
    let body = format!(
        "{find}\ncase \" $* \" in *' merge-tree '*) echo x >>'{}';; esac\nexec \"$real\" \"$@\"",
        log.display()
    );
    fleet.programs(&[("git", &body)])
}

pub(super) fn merge_trees(fleet: &Fleet) -> usize {
    fs::read_to_string(fleet.world.home.join("merge-tree")).unwrap_or_default().lines().count()
}

#[test]
fn one_process_for_all_and_none_for_what_is_known() {
    let fleet = three();
    let programs = counting(&fleet);
    let first = fleet.aio_with(&programs, &["conflicts"]);
    assert_eq!((first.code, merge_trees(&fleet)), (1, 1));
    assert_eq!(fleet.aio_with(&programs, &["conflicts"]), first);
    assert_eq!(merge_trees(&fleet), 1, "all of it is known");
    let cache = fs::read_dir(fleet.world.dir.join("cache/conflicts")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&cache).unwrap();
    for damage in ["", "{}", &text[..text.len() / 2], &text.replace("\"one\"", "\"two\"")] {
        let before = merge_trees(&fleet);
        fs::write(&cache, damage).unwrap();
        assert_eq!(fleet.aio_with(&programs, &["conflicts"]), first, "{damage}");
        assert_eq!(merge_trees(&fleet), before + 1, "{damage}");
    }
    edit(&fleet.world.dir.join("worktrees/project/claude-third0"), "one", 3, "third");
    let changed = fleet.aio_with(&programs, &["conflicts"]);
    assert_eq!(changed.answer(), (1, "3 conflicts among 3 jobs"));
}

#[test]
fn a_git_that_is_too_old_is_said() {
    let fleet = three();
    let find = "real=$(PATH=$(printf %s \"$PATH\" | cut -d: -f2-) command -v git)";
    let old = "case \" $* \" in *' merge-tree '*) echo usage: >&2; exit 129;; *' version '*) echo git version 2.34.1; exit;; esac";
    let programs = fleet.programs(&[("git", &format!("{find}\n{old}\nexec \"$real\" \"$@\""))]);
    refuses(&fleet.aio_with(&programs, &["conflicts"]), 6, &["git version 2.34.1", "2.39"]);
    refuses(&fleet.aio_with(&programs, &["merge", "claude-first0"]), 6, &["2.34.1"]);
}

/// A merge driver is somebody's program; here it takes git with it.
#[test]
fn a_pair_that_git_dies_of_does_not_hide_the_others() {
    let fleet = three();
    for (id, number) in [("amp-fourth", 3), ("amp-fifth0", 9)] {
        let worktree = fleet.job(id);
        edit(&worktree, "three", number, id);
        commit(&worktree, id);
    }
    fs::write(fleet.project().join(".gitattributes"), "three merge=deadly\n").unwrap();
    must(&fleet.project(), &["config", "merge.deadly.driver", "kill -9 $PPID"]);
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!(ran.answer(), (1, "1 conflict among 5 jobs"), "{ran:?}");
    assert!(ran.out.contains("CONFLICT  claude-first0 and codex-second\n  one\n"), "{ran:?}");
    assert_eq!(ran.err, "aio: amp-fourth and amp-fifth0 cannot be compared: it ended with -9\n");
    assert_eq!(must(&fleet.project(), &["status", "--porcelain"]), "?? .gitattributes", "nothing is left lying about");
}

#[test]
fn what_is_gone_is_noted_and_the_rest_is_compared() {
    let fleet = three();
    let lost = fleet.job("claude-fourth");
    edit(&lost, "one", 3, "fourth");
    commit(&lost, "fourth");
    fs::remove_dir_all(&lost).unwrap();
    let gone = fleet.job("claude-fifth0");
    must(&fleet.project(), &["worktree", "remove", gone.to_str().unwrap()]);
    must(&fleet.project(), &["branch", "-D", "aio/claude-fifth0"]);
    let strange = fleet.job("claude-sixth0");
    fleet.edit("claude-sixth0", "target", json!("nowhere"));
    edit(&strange, "three", 1, "sixth");
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!(ran.answer(), (1, "3 conflicts among 5 jobs"), "{ran:?}");
    for name in ["the worktree of claude-fourth is not there", "claude-fifth0 has no branch", "no branch \"nowhere\""] {
        assert!(ran.err.contains(name), "{name}: {ran:?}");
    }
}

#[test]
fn from_wherever_and_for_whichever_project() {
    let fleet = three();
    let other = fleet.world.home.join("other");
    fleet.begin(&other);
    assert_eq!(fleet.aio(&["projects", "add", other.to_str().unwrap()]).code, 0);
    for id in ["amp-aaaaaa", "amp-bbbbbb"] {
        let worktree = fleet.job_in(&other, id);
        edit(&worktree, "two", 1, id);
    }
    let within = |folder: &Path, args: &[&str]| run(fleet.world.command("aio").current_dir(folder).args(args));
    let one = within(&fleet.world.dir.join("worktrees/project/codex-second"), &["conflicts"]);
    assert_eq!(one.answer(), (1, "1 conflict among 3 jobs"));
    assert_eq!(within(&other, &["conflicts"]).answer(), (1, "1 conflict among 2 jobs"));
    assert_eq!(fleet.aio(&["conflicts", "2"]).answer(), (1, "1 conflict among 2 jobs"));
    let all = fleet.aio(&["conflicts", "--all"]);
    assert_eq!(all.answer(), (1, "2 conflicts among 5 jobs"));
    assert!(all.out.contains(&format!("\n\n{}\nCONFLICT", other.display())), "{all:?}");
    refuses(&fleet.aio(&["conflicts", "third"]), 2, &["third", "aio projects"]);
    fs::remove_dir_all(&other).unwrap();
    refuses(&fleet.aio(&["conflicts", "2"]), 6, &["other"]);
    let all = fleet.aio(&["conflicts", "--all"]);
    assert_eq!(all.answer(), (1, "1 conflict among 3 jobs; not looked at: 1 project"));
    assert!(all.err.contains("other"), "{all:?}");
    refuses(&within(&fleet.world.home, &["conflicts"]), 6, &["is in no git repository", "aio conflicts --all"]);
}

#[test]
fn a_watch_prints_what_changes() {
    let fleet = Fleet::new();
    let (one, two) = (fleet.job("claude-first0"), fleet.job("claude-second"));
    edit(&one, "one", 3, "first");
    let mut command = fleet.world.command("aio");
    let out = fleet.world.home.join("watched");
    command.args(["conflicts", "--watch"]).stdout(fs::File::create(&out).unwrap());
    let mut watch = crate::harness::Sleeper(command.spawn().unwrap());
    let lines = |count: usize| {
        eventually("a line", || {
            let text = fs::read_to_string(&out).unwrap();
            (text.lines().count() >= count).then_some(text)
        })
    };
    edit(&two, "one", 3, "second");
    let pair = "claude-first0 (not committed) and claude-second (not committed)";
    assert_eq!(lines(1), format!("CONFLICT  {pair}: one\n"));
    edit(&two, "one", 3, "line 3");
    assert_eq!(lines(2), format!("CONFLICT  {pair}: one\nCLEAR  {pair}\n"));
    watch.kill();
}

#[test]
fn a_conflict_that_nobody_resolved_yet_is_one() {
    let fleet = Fleet::new();
    let worktree = fleet.job("claude-first0");
    edit(&worktree, "one", 3, "ours");
    commit(&worktree, "ours");
    edit(&fleet.project(), "one", 3, "theirs");
    commit(&fleet.project(), "theirs");
    assert_ne!(crate::harness::git(&worktree, &["merge", "-q", "main"]).code, 0);
    let before = must(&worktree, &["ls-files", "-s"]);
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!(ran.answer(), (1, "1 conflict among 1 job"), "{ran:?}");
    assert!(ran.out.contains("CONFLICT  claude-first0 (not committed) and main\n  one\n"), "{ran:?}");
    assert!(ran.err.contains("claude-first0 has conflicts in its worktree that nobody resolved yet"), "{ran:?}");
    assert_eq!(must(&worktree, &["ls-files", "-s"]), before);
    // In a rebase something else than the branch is checked out; it is one all the same.
    must(&worktree, &["merge", "--abort"]);
    assert_ne!(crate::harness::git(&worktree, &["rebase", "-q", "main"]).code, 0);
    assert_eq!(fleet.aio(&["conflicts"]).answer(), (1, "1 conflict among 1 job"));
    edit(&worktree, "one", 3, "both");
    must(&worktree, &["add", "one"]);
    must(&worktree, &["-c", "core.editor=true", "rebase", "--continue"]);
    assert_eq!(fleet.aio(&["conflicts"]).answer(), (0, "No conflicts among 1 job"));
}

#[test]
fn histories_that_do_not_meet_are_in_conflict() {
    let fleet = three();
    let worktree = fleet.job("claude-fourth");
    must(&worktree, &["checkout", "-q", "--orphan", "fresh"]);
    commit(&worktree, "elsewhere");
    must(&worktree, &["branch", "-f", "aio/claude-fourth", "fresh"]);
    must(&worktree, &["checkout", "-q", "aio/claude-fourth"]);
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!(ran.answer(), (1, "2 conflicts among 4 jobs"), "{ran:?}");
    assert!(ran.out.contains("CONFLICT  claude-fourth and main\n  (no history in common)\n"), "{ran:?}");
    let answer = fleet.json(&["conflicts"]);
    let conflicts = answer["data"]["projects"][0]["conflicts"].as_array().unwrap();
    let unrelated: Vec<&Value> = conflicts.iter().filter(|conflict| conflict["unrelated"] == true).collect();
    assert!(unrelated.len() == 1 && unrelated[0]["ours"] == "claude-fourth", "{answer}");
}

#[test]
fn a_worktree_that_is_in_the_making_is_nothing_to_speak_of() {
    let fleet = three();
    let young = fleet.job("claude-young0");
    must(&fleet.project(), &["worktree", "remove", young.to_str().unwrap()]);
    must(&fleet.project(), &["branch", "-q", "-D", "aio/claude-young0"]);
    fleet.edit("claude-young0", "stage", json!("running"));
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!((ran.code, ran.first(), &*ran.err), (1, "1 conflict among 3 jobs", ""));
    fleet.edit("claude-young0", "stage", json!("ended"));
    assert!(fleet.aio(&["conflicts"]).err.contains("claude-young0 has no branch"));
}

#[test]
fn what_decides_a_merge_besides_the_commits_is_asked_again() {
    let fleet = Fleet::new();
    let project = fleet.project();
    fs::create_dir(project.join("folder")).unwrap();
    fs::write(project.join("folder/file"), "x\n").unwrap();
    commit(&project, "folder");
    let (one, two) = (fleet.job("claude-first0"), fleet.job("claude-second"));
    must(&one, &["mv", "folder", "renamed"]);
    commit(&one, "renamed");
    fs::write(two.join("folder/new"), "new\n").unwrap();
    commit(&two, "new");
    let says = |answer: (i32, &str)| assert_eq!(fleet.aio(&["conflicts"]).answer(), answer);
    must(&project, &["config", "merge.directoryRenames", "false"]);
    says((0, "No conflicts among 2 jobs"));
    must(&project, &["config", "--unset", "merge.directoryRenames"]);
    says((1, "1 conflict among 2 jobs"));
    must(&project, &["config", "merge.directoryRenames", "false"]);
    says((0, "No conflicts among 2 jobs"));
    let merged = fleet.aio(&["merge", "claude-first0", "claude-second"]);
    assert_eq!(merged.code, 0, "{merged:?}");
}

#[test]
fn attributes_that_nobody_committed_count_as_they_are_now() {
    let fleet = three();
    let says = |answer: (i32, &str)| assert_eq!(fleet.aio(&["conflicts"]).answer(), answer);
    says((1, "1 conflict among 3 jobs"));
    fs::write(fleet.project().join(".gitattributes"), "one merge=theirs\n").unwrap();
    must(&fleet.project(), &["config", "merge.theirs.driver", "true"]);
    says((0, "No conflicts among 3 jobs"));
    must(&fleet.project(), &["config", "--unset", "merge.theirs.driver"]);
    says((1, "1 conflict among 3 jobs"));
}

#[test]
fn a_target_that_is_behind_what_was_fetched_is_noted() {
    let fleet = three();
    let project = fleet.project();
    let origin = fleet.world.home.join("origin.git");
    must(&project, &["clone", "-q", "--bare", ".", origin.to_str().unwrap()]);
    must(&project, &["remote", "add", "origin", origin.to_str().unwrap()]);
    edit(&project, "three", 3, "elsewhere");
    commit(&project, "elsewhere");
    must(&project, &["push", "-q", "-u", "origin", "main"]);
    assert_eq!(fleet.aio(&["conflicts"]).err, "");
    must(&project, &["reset", "-q", "--hard", "HEAD^"]);
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!((ran.code, &*ran.err), (1, "aio: main is 1 commit behind origin/main, as last fetched\n"));
}

#[test]
fn a_branch_without_a_commit_stands_in_nobodys_way() {
    let fleet = three();
    let worktree = fleet.job("claude-fourth");
    must(&worktree, &["checkout", "-q", "--orphan", "fresh"]);
    fs::write(worktree.join("new"), "x\n").unwrap();
    let ran = fleet.aio(&["conflicts"]);
    assert_eq!(ran.answer(), (1, "1 conflict among 4 jobs"), "{ran:?}");
    assert_eq!(ran.err, "aio: claude-fourth has something else checked out than its branch, which was compared\n");
    let diff = fleet.aio(&["diff", "claude-fourth", "--stat"]);
    assert!(diff.code == 0 && diff.err.is_empty() && diff.out.contains("1 file changed, 1 insertion(+)"), "{diff:?}");
    assert!(fleet.aio(&["jobs"]).out.contains("1 file, 0 commits"));
}
