//! How jobs end whose parents, terminals or machines went away, and that what is left of them is ended and made anew.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fleet::{Fleet, within, write};
use crate::harness::{git, run};

fn pid(job: &Value, which: &str) -> String {
    job[which].as_u64().unwrap().to_string()
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success(), "kill {signal} {pid}");
    if signal == "-9" {
        assert!(within(20, || is_gone(pid)), "{pid}");
    }
}

fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
}

impl Fleet {
    /// The only job's record, once it works.
    fn at_work(&self) -> Value {
        self.job("working");
        self.world.state()["jobs"][0].clone()
    }

    /// Has the agents ignore what asks them to end.
    fn be_stubborn(&self) {
        let real = self.bin.join("real-claude");
        fs::rename(self.bin.join("claude"), &real).unwrap();
        let text = format!("#!/bin/bash\ntrap '' TERM HUP\nexec -a claude '{}' \"$@\"\n", real.display());
        fs::write(self.bin.join("claude"), text).unwrap();
        fs::set_permissions(self.bin.join("claude"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
}

#[test]
fn an_agent_that_outlives_its_parent_shares_its_ports_with_nobody() {
    let fleet = Fleet::new();
    fleet.be_stubborn();
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]);
    kill("-9", &pid(&fleet.at_work(), "parentPid"));
    fleet.job("crashed");
    fleet.launch(json!([{ "say": "Well" }]), &["l:1", "y"]);
    let jobs = fleet.world.state()["jobs"].clone();
    assert!(jobs[0]["port"] != jobs[1]["port"] && jobs[1]["port"].is_u64(), "{jobs:#}");
    assert_eq!(fleet.aio(&["cleanup"]).code, 0);
}

#[test]
fn an_agent_that_outlives_its_parent_is_ended_before_its_worktree_goes() {
    for command in ["cleanup", "stop", "remove"] {
        let fleet = Fleet::new();
        fleet.be_stubborn();
        fleet.launch(json!([write("b.txt"), { "child": 60 }, { "sleep_ms": 60_000 }]), &["l:1", "x"]);
        let job = fleet.at_work();
        assert!(within(20, || fleet.given.join("child").exists()));
        kill("-9", &pid(&job, "parentPid"));
        fleet.job("crashed");
        let (id, agent) = (job["id"].as_str().unwrap(), &job["agentPid"]);
        let words = format!("and its agent runs on (process {agent}); next: aio stop {id}, or aio cleanup");
        for args in [&["jobs"][..], &["jobs", "--running"]] {
            let shown = fleet.aio(args);
            assert!(shown.out.contains("crashed") && shown.out.contains(&words), "{shown:?}");
            assert!(!shown.out.contains("to look into one"), "{shown:?}");
        }
        let orphans = fleet.jobs()[0]["orphans"].as_array().unwrap().clone();
        assert!(orphans.contains(agent) && orphans.len() >= 2, "and what it started: {orphans:?}");
        let args = if command == "cleanup" { vec![command] } else { vec![command, id] };
        let ran = fleet.aio(&args);
        assert_eq!(ran.code, 0, "{ran:?}");
        if command != "cleanup" {
            let is_said = ran.err.contains(&format!("its agent (process {agent}) ran on, and was ended\n"));
            assert!(
                is_said && (command == "remove" || ran.out == format!("Ended: {id} (its aio process was gone)\n")),
                "{ran:?}"
            );
        }
        let record = &fleet.jobs()[0];
        assert_eq!((&record["state"], record["failure"] == ""), (&json!("crashed"), false), "{command}: {record:#}");
        let child = fs::read_to_string(fleet.given.join("child")).unwrap();
        assert!(is_gone(&pid(&job, "agentPid")) && is_gone(&child), "{command} leaves it running");
        assert_eq!(fleet.jobs()[0]["orphans"], json!([]));
        assert!(fleet.aio(&["jobs", "--running"]).out.contains("No jobs"), "{command}");
    }
}

#[test]
fn what_ran_before_a_reboot_has_crashed_and_goes_on() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "sleep_ms": 60_000 }]), &["l:1", "x"]);
    let job = fleet.at_work();
    let port = job["port"].as_u64().unwrap();
    kill("-9", &pid(&job, "parentPid"));
    kill("-9", &pid(&job, "agentPid"));
    fleet.world.edit(|state| {
        // As if these ids were somebody else's by now, who is not to be harmed.
        let job = &mut state["jobs"][0];
        job["bootId"] = "11111111-2222-3333-4444-555555555555".into();
        job["agentPid"] = std::process::id().into();
        job["parentPid"] = std::process::id().into();
    });
    fleet.job("crashed");
    let ran = fleet.launch(json!([{ "done": "x" }]), &["c:1", "y"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_ne!(fleet.world.state()["jobs"][1]["port"], port, "its worktree is still there");
    let id = job["id"].as_str().unwrap();
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    let ran = run(fleet.command(&script).args(["resume", id]));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(within(60, || fleet.jobs()[0]["state"] == "review"), "{:#?}", fleet.jobs());
    assert_eq!((&fleet.jobs()[0]["attempt"], &fleet.jobs()[0]["files"]), (&json!(2), &json!(1)));
    assert_eq!(fleet.world.state()["jobs"][0]["port"], port);
}

#[test]
fn a_worktree_that_was_half_made_is_made_anew() {
    let fleet = Fleet::new();
    let setup = "touch ready; test -e \"$HOME/quick\" || sleep 60";
    assert_eq!(fleet.aio(&["projects", "add", ".", "--setup", setup]).code, 0);
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    let mut launching = fleet.command(&script).args(["multi", "l:1", "x"]).stdout(Stdio::null()).spawn().unwrap();
    let worktree = || PathBuf::from(fleet.jobs()[0]["worktree"].as_str().unwrap());
    assert!(within(60, || !fleet.jobs().is_empty() && worktree().join("ready").exists()));
    kill("-9", &pid(&fleet.world.state()["jobs"][0], "parentPid"));
    launching.kill().unwrap();
    launching.wait().unwrap();
    fs::remove_file(worktree().join("a.txt")).unwrap();
    fs::write(fleet.world.home.join("quick"), "").unwrap();
    let id = fleet.job("crashed")["id"].as_str().unwrap().to_owned();
    let ran = run(fleet.command(&script).args(["resume", &id]));
    assert_eq!(ran.code, 0, "{ran:?}");
    let job = fleet.job("review");
    assert_eq!(job["files"], 1, "only what the setup makes: {job:#}");
    assert!(worktree().join("a.txt").exists());
}

#[test]
fn a_removal_that_was_killed_is_finished_and_says_where_the_work_is() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "done": "x" }]), &["l:1", "x"]);
    let job = fleet.job("review");
    let id = job["id"].as_str().unwrap();
    assert_eq!(fleet.aio(&["remove", id]).code, 0);
    // As if it had been killed when all was done but for the record.
    fleet.world.edit(|state| state["jobs"][0]["stage"] = "ended".into());
    assert_eq!(fleet.aio(&["remove", id]).code, 0);
    let rescue = fleet.jobs()[0]["rescue"].as_str().unwrap().to_owned();
    assert_eq!(git(&fleet.world.project, &["show", &format!("{rescue}:b.txt")]).out, "x\n");
}

/// While its parent comes up: what is removed is not begun any more, and what has begun is not removed.
#[test]
fn what_goes_on_and_is_removed_or_stopped_at_once_is_one_of_both() {
    let fleet = Fleet::new();
    for verb in ["remove", "remove", "remove", "stop", "stop", "stop"] {
        fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]);
        let id = fleet.job("working")["id"].as_str().unwrap().to_owned();
        let worktree = PathBuf::from(fleet.job("working")["worktree"].as_str().unwrap());
        assert_eq!(fleet.aio(&["stop", &id]).code, 0);
        let script = json!({ "hooks": true, "turns": [[{ "sleep_ms": 60_000 }]] });
        assert_eq!(run(fleet.command(&script).args(["resume", &id])).code, 0);
        let ran = fleet.aio(&[verb, &id]);
        let record = || {
            let jobs = fleet.world.state()["jobs"].clone();
            jobs.as_array().unwrap().iter().find(|job| job["id"] == *id).unwrap().clone()
        };
        if ran.code == 0 {
            let stage = if verb == "remove" { "removed" } else { "ended" };
            // A parent that came too late goes by itself, and begins nothing.
            std::thread::sleep(Duration::from_secs(1));
            assert_eq!(record()["stage"], stage, "{ran:?}");
            assert_eq!(worktree.exists(), verb == "stop", "{ran:?}");
            let lives = |which: &str| record()[which].as_u64().is_some_and(|pid| !is_gone(&pid.to_string()));
            assert!(!lives("parentPid") && !lives("agentPid"), "{:#}", record());
        } else {
            assert!(ran.code == 1 && ran.err.contains(&format!("{id} runs")), "{ran:?}");
            assert_eq!((record()["stage"].as_str(), worktree.join(".git").exists()), (Some("running"), true));
            assert_eq!(fleet.aio(&["stop", &id]).code, 0);
        }
        fleet.aio(&["remove", &id]);
    }
}

#[test]
fn an_agent_that_crashed_is_not_shown_at_work_until_it_is_started_again() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "--restarts", "1", "x"]);
    let job = fleet.at_work();
    kill("-9", &pid(&job, "agentPid"));
    let crashed = fleet.job("waiting");
    assert_eq!(crashed["attempt"], 1);
    let failure = crashed["failure"].as_str().unwrap();
    assert!(failure.contains("signal 9") && crashed["retryAt"].is_string(), "{crashed:#}");
    assert_eq!(fleet.job("working")["attempt"], 2);
}

#[test]
fn a_job_outlives_the_session_that_launched_it() {
    let fleet = Fleet::new();
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "sleep_ms": 2000 }, { "done": "x" }]] });
    let aio = fleet.command(&script);
    let mut session = Command::new("setsid");
    session.args(["--wait", "sh", "-c", "aio multi l:1 x; sleep 60"]).env_clear();
    session.envs(aio.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut session = session.current_dir(&fleet.world.project).stdout(Stdio::null()).spawn().unwrap();
    let job = fleet.at_work();
    let leader = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(") ").next().unwrap().split(' ').nth(3).unwrap().to_owned()
    };
    let launcher = session.id().to_string();
    let parent = pid(&job, "parentPid");
    assert_ne!(leader(&parent), leader(&launcher));
    let ended = Command::new("pkill").args(["-9", "-s", &leader(&launcher)]).status().unwrap();
    assert!(ended.success() || session.try_wait().unwrap().is_some());
    session.wait().unwrap();
    assert_eq!(fleet.job("done")["attempt"], 1);
}

#[test]
fn a_queued_job_that_nobody_begins_is_said_and_begun() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "done": "x" }]), &["l:1", "x"]);
    fleet.job("done");
    // As if whoever launched it had been killed in the middle.
    fleet.world.edit(|state| state["jobs"][0]["stage"] = "queued".into());
    let shown = fleet.aio(&["jobs"]);
    assert!(shown.out.contains("should it not begin by itself: aio cleanup"), "{shown:?}");
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    let ran = run(fleet.command(&script).arg("cleanup"));
    assert!(ran.out.contains("Begun: claude-"), "{ran:?}");
    assert_eq!(fleet.job("done")["attempt"], 2);
}

#[test]
fn jobs_that_cannot_be_read_keep_nobody_from_sweeping_the_rest() {
    let fleet = Fleet::new();
    let [dead, other] = ["claude", "codex"].map(|tool| fleet.world.register(tool));
    fleet.world.claim(&dead, "a.txt");
    fleet.world.age(&dead, 3600);
    fleet.world.edit(|state| state["jobs"] = json!([7]));
    let ran = fleet.world.aio_as(&other, ["cleanup"]);
    assert_eq!((ran.code, fleet.world.claims().len()), (4, 0), "{ran:?}");
    assert!(ran.out.starts_with("Cleaned up: 1 instance(s), 1 claim(s)"), "{ran:?}");
    assert!(ran.err.contains("aio doctor --repair"), "{ran:?}");
    assert_eq!(fleet.world.state()["jobs"], json!([7]), "they are as they were");
    fleet.world.edit(|state| state["jobs"] = json!([]));
}

#[test]
fn a_git_that_hangs_holds_nobody_up_for_ever() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "done": "x" }]), &["l:1", "x"]);
    let id = fleet.job("review")["id"].as_str().unwrap().to_owned();
    fs::write(fleet.bin.join("git"), "#!/bin/sh\nexec sleep 600\n").unwrap();
    fs::set_permissions(fleet.bin.join("git"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let start = Instant::now();
    let commands: [&[&str]; 5] = [&["jobs"], &["remove", &id], &["merge", &id], &["cleanup"], &["report"]];
    let script = json!({});
    let started: Vec<_> = commands
        .map(|args| {
            let mut command = fleet.command(&script);
            (args, command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        })
        .into();
    for (args, child) in started {
        let ran = crate::harness::ended(child.wait_with_output().unwrap());
        let is_answer = matches!(args[0], "jobs" | "report" | "cleanup");
        assert_eq!(ran.code == 0, is_answer, "{args:?}: {ran:?}");
        let says = format!("{}{}", ran.out, ran.err);
        assert!(args[0] == "cleanup" || says.contains("git did not"), "{args:?}: {ran:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(150), "{:?}", start.elapsed());
    fs::remove_file(fleet.bin.join("git")).unwrap();
    assert_eq!(fleet.job("review")["files"], 1, "nothing was removed");
}

#[test]
fn a_section_of_jobs_that_cannot_be_read_can_be_repaired() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "done": "x" }]), &["l:1", "x"]);
    let id = fleet.job("review")["id"].as_str().unwrap().to_owned();
    fleet.world.edit(|state| state["jobs"].as_array_mut().unwrap().push(json!("no job")));
    assert_eq!(fleet.aio(&["jobs"]).code, 4);
    let doctor = fleet.aio(&["doctor"]);
    assert!(doctor.code != 0 && doctor.out.contains("its jobs cannot be read"), "{doctor:?}");
    let repaired = fleet.aio(&["doctor", "--repair"]);
    assert!(repaired.out.contains("0 projects, 1 jobs; the old file is "), "{repaired:?}");
    assert_eq!(fleet.job("review")["id"], id);
    fleet.world.edit(|state| state["jobs"][0]["stage"] = json!(7));
    let repaired = fleet.aio(&["doctor", "--repair"]);
    let lost = format!("lost jobs: no job has {}/worktrees/project/{id}; see git -C ", fleet.world.dir.display());
    assert!(repaired.out.contains("0 jobs") && repaired.out.contains(&lost), "{repaired:?}");
    assert!(fleet.aio(&["cleanup"]).err.contains(&format!("/{id} status\n")));
}

#[test]
fn what_was_removed_needs_nobody_and_its_work_is_named() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "exit": 3 }]), &["l:1", "x"]);
    let id = fleet.job("failed")["id"].as_str().unwrap().to_owned();
    assert!(fleet.aio(&["report"]).out.contains("Needs you"));
    assert_eq!(fleet.aio(&["remove", &id]).code, 0);
    let listed = fleet.aio(&["jobs"]);
    assert!(listed.out.contains("1 removed job left work in rescue refs; next: aio jobs --all"), "{listed:?}");
    let listed = fleet.aio(&["jobs", "--all"]);
    let said = format!("{id}: it ended with exit code 3; what was not merged is kept in refs/aio/rescue/");
    assert!(listed.out.contains(&said), "{listed:?}");
    let report = fleet.aio(&["report"]);
    assert!(!report.out.contains("Needs you") && !report.out.contains("aio resume"), "{report:?}");
    let resumed = fleet.aio(&["resume", &id]);
    assert!(resumed.code == 1 && resumed.err.contains(&format!("was removed; next: aio retry {id}")), "{resumed:?}");
}

#[test]
fn work_that_git_cannot_be_asked_about_is_still_to_be_looked_at() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "commit": "One" }, { "done": "x" }]), &["l:1", "x"]);
    fleet.job("review");
    let away = fleet.world.home.join("away");
    std::fs::rename(&fleet.world.project, &away).unwrap();
    let ran = run(fleet.command(&json!({})).current_dir(&fleet.world.home).args(["jobs", "--json"]));
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["data"]["jobs"][0]["state"], "review", "{answer:#}");
    std::fs::rename(away, &fleet.world.project).unwrap();
}

#[test]
fn the_environment_of_what_was_never_launched_is_forgotten() {
    let fleet = Fleet::new();
    let left = |name: &str| {
        let folder = fleet.world.dir.join("jobs").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("environment"), "KEY=secret\0").unwrap();
        fs::write(folder.join("task"), "Fix it").unwrap();
        folder
    };
    // A launch was killed an hour ago, and another is under way.
    let (old, new) = (left("claude-aaaaaa"), left("claude-bbbbbb"));
    assert_eq!(run(Command::new("touch").args(["-d", "1 hour ago"]).arg(&old)).code, 0);
    assert_eq!(fleet.aio(&["cleanup"]).code, 0);
    assert!(!old.join("environment").exists() && new.join("environment").exists());
    assert!(old.join("task").exists(), "somebody wrote that");
}
