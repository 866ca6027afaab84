//! What is known of jobs afterwards: once they were merged, removed, killed with all around them, or stopped with others.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::fleet::{Fleet, lacks_tmux, within, write};
use crate::harness::{git, run};

fn id(job: &Value) -> String {
    job["id"].as_str().unwrap().to_owned()
}

fn signal(name: &str, record: &Value, which: &str) {
    let pid = record[which].as_u64().unwrap().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success(), "kill {name} {pid}");
}

fn said(folder: &Path, args: &[&str]) {
    let ran = git(folder, args);
    assert_eq!(ran.code, 0, "{ran:?}");
}

impl Fleet {
    /// The last job's record.
    fn record(&self) -> Value {
        self.world.state()["jobs"].as_array().unwrap().last().unwrap().clone()
    }

    /// How the last job is shown, its first line and what follows it.
    fn shown(&self) -> String {
        self.aio(&["jobs", "--all"]).out
    }
}

#[test]
fn what_is_done_after_a_merge_is_to_be_reviewed() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "commit": "b" }, { "done": "x" }]), &["l:1", "x"]);
    let job = id(&fleet.job("review"));
    let branch = format!("aio/{job}");
    assert_eq!(fleet.aio(&["merge", &job]).code, 0);
    fleet.job("done");
    let more = json!([write("c.txt"), { "commit": "c" }, { "done": "x" }]);
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [more] });
    assert_eq!(run(fleet.command(&script).args(["resume", &job, "More"])).code, 0);
    assert_eq!(fleet.job("review")["commits"], 1, "{:#?}", fleet.jobs());
    assert!(fleet.shown().contains(&format!("next: aio diff {job}, aio merge {job}\n")), "{}", fleet.shown());
    assert!(fleet.aio(&["report"]).out.contains("To review"));
    assert_eq!(fleet.aio(&["merge", &job]).code, 0);
    let worktree = fleet.job("done")["worktree"].as_str().unwrap().to_owned();
    std::fs::write(Path::new(&worktree).join("later.txt"), "x").unwrap();
    fleet.job("review");
    std::fs::remove_file(Path::new(&worktree).join("later.txt")).unwrap();
    fleet.job("done");
    // What took it is thrown away; a copy of its branch is no merge; then it is elsewhere; then that is gone, too.
    said(&fleet.world.project, &["reset", "-q", "--hard", "HEAD~2"]);
    fleet.job("review");
    said(&fleet.world.project, &["branch", "-q", "copy", &branch]);
    fleet.job("review");
    said(&fleet.world.project, &["branch", "-q", "release", "main"]);
    assert_eq!(fleet.aio(&["merge", &job, "--into", "release"]).code, 0);
    fleet.job("done");
    said(&fleet.world.project, &["branch", "-q", "-D", "release"]);
    fleet.job("review");
    // Whoever merges by hand need not say so.
    said(&fleet.world.project, &["merge", "-q", "--no-edit", &branch]);
    fleet.job("done");
}

#[test]
fn what_was_merged_may_have_more_where_git_cannot_be_asked() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "commit": "b" }, write("c.txt"), { "done": "x" }]), &["l:1", "x"]);
    let record = fleet.job("review");
    let (job, worktree) = (id(&record), record["worktree"].as_str().unwrap().to_owned());
    assert_eq!(fleet.aio(&["merge", "--yes", &job]).code, 0);
    fleet.job("review");
    let next = format!("the rest is merged, this is not committed; next: aio diff {job}, aio resume {job} ");
    assert!(fleet.shown().contains(&next), "{}", fleet.shown());
    std::fs::remove_file(Path::new(&worktree).join("c.txt")).unwrap();
    fleet.job("done");
    let config = fleet.world.project.join(".git/config");
    let before = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{before}[oops\n")).unwrap();
    assert_eq!((&fleet.job("review")["files"], &fleet.jobs()[0]["merged"] == ""), (&Value::Null, false));
    assert!(
        fleet.shown().contains("git cannot be asked there, so its work is not known; next: git -C "),
        "{}",
        fleet.shown()
    );
    assert!(fleet.aio(&["report"]).out.contains("To review"));
    std::fs::write(&config, before).unwrap();
    fleet.job("done");
}

#[test]
fn what_is_on_its_branch_is_to_be_reviewed_whatever_is_checked_out() {
    let fleet = Fleet::new();
    let looks_back = json!({ "run": ["git", "checkout", "-q", "--detach", "HEAD~1"] });
    fleet.launch(json!([write("b.txt"), { "commit": "b" }, looks_back, { "done": "x" }]), &["l:1", "x"]);
    let record = fleet.job("review");
    assert_eq!((&record["files"], &record["commits"]), (&json!(1), &json!(1)), "{record:#}");
    assert!(fleet.shown().contains("something else than its branch is checked out there; next: "), "{}", fleet.shown());
    let diff = fleet.aio(&["diff", &id(&record)]);
    assert!(diff.out.contains("+++ b/b.txt") && diff.err.contains("this is its branch; next: "), "{diff:?}");
    assert_eq!(fleet.aio(&["merge", &id(&record)]).code, 0);
    fleet.job("done");
    assert!(fleet.shown().contains("1 file, 1 commit, merged"), "{}", fleet.shown());
}

#[test]
fn what_is_still_to_be_looked_at_is_in_every_report() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "done": "x" }]), &["l:1", "friday"]);
    let job = id(&fleet.job("review"));
    fleet.launch(json!([{ "done": "x" }]), &["l:1", "done by then"]);
    assert!(within(20, || fleet.jobs().iter().any(|job| job["state"] == "done")));
    let old = "2026-01-02T03:04:05.678Z";
    fleet.world.edit(|state| {
        for job in state["jobs"].as_array_mut().unwrap() {
            for stamp in ["queuedAt", "startedAt", "endedAt"] {
                job[stamp] = json!(old);
            }
        }
    });
    let report = fleet.aio(&["report"]).out;
    assert!(report.starts_with("The last 24h: 0 jobs (none); from before 1 to review\n\nFrom before\n"), "{report}");
    assert!(report.contains(&format!("- {job} review in ")) && !report.contains("done by then"), "{report}");
    assert!(report.contains(&format!("next: aio diff {job}")), "{report}");
    let answer: Value = serde_json::from_str(&fleet.aio(&["report", "--json"]).out).unwrap();
    assert_eq!((&answer["data"]["jobs"], &answer["data"]["before"][0]["id"]), (&json!([]), &json!(job)), "{answer:#}");
    assert_eq!(fleet.aio(&["remove", &job]).code, 0);
    let report = fleet.aio(&["report"]).out;
    assert!(report.starts_with("The last 24h: 1 job (1 removed unmerged)\n"), "{report}");
}

#[test]
fn what_was_never_handed_over_stays_said() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]);
    let job = id(&fleet.job("working"));
    assert_eq!(fleet.aio(&["send", &job, "Mind the gap"]).out, format!("Left for {job}\n"));
    assert_eq!(fleet.aio(&["stop", &job]).code, 0);
    assert!(fleet.aio(&["report"]).out.contains(", 1 message waiting)"), "{}", fleet.aio(&["report"]).out);
    let removed = fleet.aio(&["remove", &job]);
    assert!(removed.err.contains("never handed over: \"Mind the gap\""), "{removed:?}");
    assert!(fleet.shown().contains("  1 message never handed over  "), "{}", fleet.shown());
    assert!(fleet.aio(&["report"]).out.contains(", 1 message never handed over)"), "{}", fleet.aio(&["report"]).out);
}

#[test]
fn what_is_not_committed_is_shown_whatever_its_branch_is_called() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "commit": "b" }, write("c.txt"), { "done": "x" }]), &["l:1", "x"]);
    let job = id(&fleet.job("review"));
    said(&fleet.world.project, &["branch", "-q", "-m", &format!("aio/{job}"), "mine"]);
    let diff = fleet.aio(&["diff", &job]);
    assert!(diff.code == 0 && diff.out.contains("+++ b/b.txt") && diff.out.contains("+++ b/c.txt"), "{diff:?}");
}

#[test]
fn what_did_not_begin_after_a_failure_may_begin_all_the_same() {
    let fleet = Fleet::new();
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "exit": 3 }]] });
    assert_eq!(run(fleet.command(&script).args(["multi", "--seq", "l:2", "x"])).code, 1);
    let job = id(&fleet.job("stopped"));
    assert!(fleet.shown().contains(&format!(" did not end well; next: aio resume {job}\n")), "{}", fleet.shown());
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    let resumed = run(fleet.command(&script).args(["resume", &job]));
    assert_eq!((resumed.code, resumed.out), (0, format!("Resumed: {job}\n")));
    fleet.job("done");
}

#[test]
fn a_rescue_that_was_deleted_is_not_said_to_be_there() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "done": "x" }]), &["l:1", "x"]);
    let job = id(&fleet.job("review"));
    assert_eq!(fleet.aio(&["remove", &job]).code, 0);
    let kept = format!("refs/aio/rescue/{job}/1");
    assert!(fleet.shown().contains(&format!("what was not merged is kept in {kept}; next: git ")), "{}", fleet.shown());
    said(&fleet.world.project, &["update-ref", "-d", &kept]);
    let gone = format!("what was not merged was kept in {kept}, which is not there any more\n");
    assert!(fleet.shown().contains(&gone), "{}", fleet.shown());
    let report = fleet.aio(&["report"]).out;
    assert!(!report.contains("is kept in") && report.contains(&format!("{kept} is not there any more")), "{report}");
    let merge = fleet.aio(&["merge", &job]);
    assert!(merge.err.contains(&format!("for-each-ref refs/aio/rescue/{job}\n")), "{merge:?}");
}

#[test]
fn what_was_kept_of_a_half_made_worktree_is_named() {
    let fleet = Fleet::new();
    let project = fleet.world.project.to_str().unwrap();
    let setup = "echo precious > precious; touch \"$HOME/began\"; test -e \"$HOME/quick\" || sleep 60";
    assert_eq!(fleet.aio(&["projects", "add", project, "--setup", setup]).code, 0);
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    let mut multi = fleet.command(&script).args(["multi", "l:1", "x"]).stdout(Stdio::null()).spawn().unwrap();
    assert!(within(30, || fleet.world.home.join("began").exists()));
    signal("-9", &fleet.record(), "parentPid");
    multi.wait().unwrap();
    assert_eq!(fleet.aio(&["cleanup"]).code, 0);
    std::fs::write(fleet.world.home.join("quick"), "").unwrap();
    let job = id(&fleet.job("crashed"));
    assert_eq!(run(fleet.command(&script).args(["resume", &job])).code, 0);
    assert!(within(30, || fleet.record()["stage"] == "ended"), "{:#}", fleet.record());
    let kept = format!("what its worktree held before is kept in refs/aio/rescue/{job}/1; next: git -C ");
    assert!(fleet.shown().contains(&kept), "{}", fleet.shown());
}

#[test]
fn what_begins_while_others_are_stopped_is_stopped_by_its_parent() {
    let fleet = Fleet::new();
    let stubborn = json!({ "run": ["sh", "-c", "trap '' TERM HUP INT; touch stubborn; sleep 3; sleep 3"] });
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[stubborn, { "sleep_ms": 60_000 }]] });
    assert_eq!(run(fleet.command(&script).args(["multi", "--max", "2", "l:2", "x"])).code, 0);
    let stubborn = |job: &Value| Path::new(job["worktree"].as_str().unwrap()).join("stubborn").exists();
    assert!(within(30, || fleet.jobs().iter().all(stubborn)), "{:#?}", fleet.jobs());
    // Each is begun when one of those before it has ended, which takes as long as another's end.
    let quick = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "sleep_ms": 60_000 }]] });
    assert_eq!(run(fleet.command(&quick).args(["multi", "--max", "1", "l:2", "y"])).code, 0);
    let ids: Vec<String> = fleet.jobs().iter().map(id).collect();
    assert!(within(30, || fleet.jobs()[2]["state"] == "working"), "{:#?}", fleet.jobs());
    let stopped = fleet.aio(&["stop", &ids[2], &ids[0], &ids[1], &ids[3]]);
    let lines: Vec<String> = [2, 0, 1, 3].map(|at: usize| format!("Stopped: {}", ids[at])).into();
    assert_eq!((stopped.code, stopped.out.lines().map(str::to_owned).collect::<Vec<_>>()), (0, lines), "{stopped:?}");
    assert!(fleet.jobs().iter().all(|job| job["state"] == "stopped"), "{:#?}", fleet.jobs());
}

#[test]
fn what_is_followed_ends_when_nobody_is_left() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "say": "Here I am" }, { "sleep_ms": 60_000 }]), &["l:1", "x"]);
    let job = id(&fleet.job("working"));
    let mut follows = fleet.command(&json!({})).args(["logs", "-f", &job]).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(follows.try_wait().unwrap(), None);
    for which in ["parentPid", "agentPid"] {
        signal("-9", &fleet.record(), which);
    }
    assert!(within(20, || follows.try_wait().unwrap().is_some_and(|status| status.success())));
}

#[test]
fn an_agent_that_is_gone_does_not_work_even_if_its_parent_stands_still() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]);
    fleet.job("working");
    let record = fleet.record();
    signal("-STOP", &record, "parentPid");
    let go_on = format!("its aio process is stopped, and sees to nothing; next: kill -CONT {}\n", record["parentPid"]);
    assert!(within(10, || fleet.shown().contains(&go_on)), "{}", fleet.shown());
    fleet.job("working");
    let sent = fleet.aio(&["send", record["id"].as_str().unwrap(), "Hurry"]);
    let next = format!("is stopped, and hands nothing over; next: kill -CONT {}\n", record["parentPid"]);
    assert!(sent.code == 0 && sent.err.ends_with(&next), "{sent:?}");
    signal("-9", &record, "agentPid");
    fleet.job("crashed");
    assert!(fleet.shown().contains(&format!("its agent is gone, and {go_on}")), "{}", fleet.shown());
    signal("-CONT", &record, "parentPid");
    assert!(within(30, || fleet.record()["stage"] != "running" || fleet.record()["retryAt"].is_string()));
}

#[test]
fn what_a_terminal_showed_last_outlives_all_that_showed_it() {
    if lacks_tmux() {
        return;
    }
    let fleet = Fleet::new();
    fleet.launch(json!([{ "say": "My last words" }, { "sleep_ms": 60_000 }]), &["--tmux", "l:1", "x"]);
    let job = id(&fleet.job("working"));
    let tmux = |args: &[&str]| run(Command::new("tmux").arg("-S").arg(fleet.world.dir.join("tmux.sock")).args(args));
    let drawn = fleet.world.dir.join("jobs").join(&job).join("drawn");
    assert!(within(20, || std::fs::read_to_string(&drawn).is_ok_and(|drawn| drawn.contains("My last words"))));
    let server = json!({ "pid": tmux(&["display-message", "-p", "#{pid}"]).out.trim().parse::<u64>().unwrap() });
    // The parent first: it would keep what stands there.
    signal("-9", &fleet.record(), "parentPid");
    signal("-9", &fleet.record(), "agentPid");
    signal("-9", &server, "pid");
    std::fs::remove_file(fleet.world.dir.join("tmux.sock")).unwrap();
    fleet.job("crashed");
    let logs = || fleet.aio(&["logs", &job]);
    assert!(logs().out.contains("My last words"), "{:?}", logs());
    assert_eq!(fleet.aio(&["cleanup"]).code, 0);
    assert_eq!(logs().out.matches("My last words").count(), 1, "{:?}", logs());
}

#[test]
fn work_that_somebody_took_away_is_not_done() {
    let fleet = Fleet::new();
    let look = |removed: bool| {
        let shown = fleet.aio(&["jobs", "--all"]).out;
        let report = fleet.aio(&["report"]).out;
        assert!(shown.contains("so what it did is not known"), "{shown}");
        assert!(report.contains("so what it did is not known") && !report.contains("Done"), "{report}");
        assert!(report.contains(if removed { "Removed unmerged" } else { "To review" }), "{report}");
    };
    fleet.launch(json!([write("b.txt"), { "done": "Wrote it" }]), &["l:1", "x"]);
    let job = fleet.job("review");
    std::fs::remove_dir_all(job["worktree"].as_str().unwrap()).unwrap();
    fleet.job("review");
    look(false);
    let ran = fleet.aio(&["remove", &id(&job)]);
    assert!(ran.code == 0 && ran.err.contains("; nothing of it was kept"), "{ran:?}");
    look(true);
    let merge = fleet.aio(&["merge", &id(&job)]);
    assert!(merge.code == 1 && merge.err.contains("was removed, and nothing of it was kept"), "{merge:?}");
    // The same of what was committed, once its branch is gone, too.
    fleet.launch(json!([write("b.txt"), { "commit": "b" }, { "done": "Wrote it" }]), &["l:1", "x"]);
    assert!(within(30, || fleet.jobs()[1]["state"] == "review"), "{:#?}", fleet.jobs());
    let job = fleet.jobs()[1].clone();
    said(&fleet.world.project, &["worktree", "remove", "--force", job["worktree"].as_str().unwrap()]);
    said(&fleet.world.project, &["branch", "-q", "-D", job["branch"].as_str().unwrap()]);
    let ran = fleet.aio(&["remove", &id(&job)]);
    assert!(ran.code == 0 && ran.err.contains("its worktree and its branch are gone"), "{ran:?}");
    assert_eq!(fleet.jobs()[1]["state"], "failed", "{:#?}", fleet.jobs());
    look(true);
}

#[test]
fn an_agent_that_dies_while_the_state_is_locked_is_not_said_to_work() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "--restarts", "0", "x"]);
    fleet.job("working");
    let record = fleet.record();
    let lock = std::fs::File::options().append(true).open(fleet.world.dir.join("state.lock")).unwrap();
    lock.lock().unwrap();
    signal("-9", &record, "agentPid");
    assert!(within(6, || fleet.jobs()[0]["state"] == "crashed"), "{:#?}", fleet.jobs());
    assert!(fleet.shown().contains("is tried again by itself; next: aio doctor"), "{}", fleet.shown());
    drop(lock);
    assert!(within(60, || fleet.record()["stage"] == "ended"), "{:#}", fleet.record());
    fleet.job("crashed");
}

#[test]
fn what_was_merged_is_said_to_be() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "commit": "b" }, { "done": "x" }]), &["l:1", "x"]);
    let job = id(&fleet.job("review"));
    assert_eq!(fleet.aio(&["merge", &job]).code, 0);
    assert!(fleet.shown().contains("1 file, 1 commit, merged"), "{}", fleet.shown());
    assert_eq!(fleet.aio(&["remove", &job]).code, 0);
    let report = fleet.aio(&["report"]).out;
    assert!(report.contains("(merged, "), "{report}");
}

#[test]
fn what_is_removed_is_merged_if_a_branch_still_has_it() {
    let fleet = Fleet::new();
    let project = &fleet.world.project;
    said(project, &["branch", "-q", "-m", "main", "real"]);
    said(project, &["symbolic-ref", "refs/heads/main", "refs/heads/real"]);
    let commits = |end: Value| json!([write("b.txt"), { "commit": "b" }, end]);
    let shown = |state: &str| -> (String, String) {
        let removed = fleet.aio(&["remove", &id(&fleet.job(state))]);
        assert_eq!(removed.code, 0, "{removed:?}");
        let report = fleet.aio(&["report"]).out;
        fleet.world.edit(|state| state["jobs"] = json!([]));
        (removed.out, report)
    };
    // By aio, and by hand; one that did well, and one that did not.
    fleet.launch(commits(json!({ "done": "x" })), &["l:1", "--target", "main", "x"]);
    let job = id(&fleet.job("review"));
    assert_eq!(fleet.aio(&["merge", &job]).code, 0);
    assert_eq!(shown("done").0, format!("Removed: {job}\n"));
    fleet.launch(commits(json!({ "exit": 3 })), &["l:1", "--restarts", "0", "--target", "main", "x"]);
    let job = id(&fleet.job("failed"));
    said(project, &["merge", "-q", "--no-edit", &format!("aio/{job}")]);
    let (removed, report) = shown("failed");
    assert_eq!(removed, format!("Removed: {job}\n"));
    assert!(report.contains("(merged, ") && !report.contains("Removed unmerged"), "{report}");
    // Into another than it was for.
    said(project, &["branch", "-q", "dev"]);
    fleet.launch(commits(json!({ "done": "x" })), &["l:1", "--target", "real", "x"]);
    let job = id(&fleet.job("review"));
    assert_eq!(fleet.aio(&["merge", "--into", "dev", &job]).code, 0);
    let (removed, report) = shown("done");
    assert_eq!(removed, format!("Removed: {job}; what real has not is kept in refs/aio/rescue/{job}/1\n"));
    assert!(report.contains("(merged, ") && report.contains("what real has not is kept in"), "{report}");
    // What the target threw away again is not.
    fleet.launch(commits(json!({ "done": "x" })), &["l:1", "--target", "real", "x"]);
    let job = id(&fleet.job("review"));
    assert_eq!(fleet.aio(&["merge", &job]).code, 0);
    said(project, &["reset", "-q", "--hard", "HEAD~1"]);
    let (removed, report) = shown("review");
    assert_eq!(removed, format!("Removed: {job}; what was not merged is kept in refs/aio/rescue/{job}/1\n"));
    assert!(report.contains("Removed unmerged") && !report.contains("(merged, "), "{report}");
}

#[test]
fn what_was_used_before_is_not_forgotten_when_a_job_goes_on() {
    let fleet = Fleet::new();
    let spent = |input: u64, usd: f64, end: Value| {
        let usage = json!({ "usage": { "input": input, "output": 10, "usd": usd } });
        json!({ "record": fleet.given, "hooks": true, "turns": [[usage, end]] })
    };
    let done = json!({ "done": "x" });
    assert_eq!(run(fleet.command(&spent(1000, 5.0, done.clone())).args(["multi", "l:1", "x"])).code, 0);
    let job = id(&fleet.job("done"));
    let resumed = |script: &Value, state: &str| {
        assert_eq!(run(fleet.command(script).args(["resume", &job, "More"])).code, 0);
        let job = fleet.job(state);
        json!([job["inputTokens"], job["costMicros"], job["costSource"]])
    };
    assert_eq!(resumed(&spent(100, 0.3, done), "done"), json!([1100, 5_300_000, "reported"]));
    let dies = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "exit": 3 }]] });
    assert_eq!(resumed(&dies, "failed"), json!([1100, 5_300_000, "reported"]));
}
