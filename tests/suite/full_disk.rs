//! Jobs while the state cannot be written: what was done is said and shown, and written once it can be.
//!
//! Nobody need be root for that: a limit of file sizes below the state's own does to one process what a full disk does to all.
//! The proofs (`full_disk`) fill a real one.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::fleet::{Fleet, within, write};
use crate::harness::{Ran, run};
use crate::interrupting::Running;

/// Enough for a job's small files, and not for the state.
const LIMIT: u64 = 16 << 10;

/// A job at work whose parent cannot write the state, and whose agent finishes when it is told to.
struct Scene {
    fleet: Fleet,
    id: String,
    parent: Pid,
    /// Of a sequence it watches to the end.
    launching: Running,
}

impl Scene {
    fn new(args: &[&str]) -> Scene {
        let fleet = Fleet::new();
        let wait = format!("until [ -e '{}' ]; do sleep 0.05; done", fleet.world.home.join("go").display());
        let steps = json!([write("b.txt"), { "sleep_ms": 1 }, { "run": ["sh", "-c", wait] },
            { "usage": { "input": 100, "output": 20 } }, { "say": "Did it" }]);
        let script = json!({ "record": fleet.given, "hooks": true, "turns": [steps] });
        let launching = Running::start(fleet.command(&script).arg("multi").args(args).arg("x"));
        assert!(within(60, || fleet.jobs().iter().any(|job| job["state"] == "working")
            && fleet.given.join("moments").exists()));
        fleet.world.edit(|state| state["padding"] = "x".repeat(2 * usize::try_from(LIMIT).unwrap()).into());
        let job = fleet.world.state()["jobs"][0].clone();
        let parent = Pid::from_raw(job["parentPid"].as_i64().unwrap().try_into().unwrap()).unwrap();
        let scene = Scene { id: job["id"].as_str().unwrap().to_owned(), fleet, parent, launching };
        scene.limit(Some(LIMIT));
        scene
    }

    fn limit(&self, bytes: Option<u64>) {
        prlimit(Some(self.parent), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    }

    fn finish(&self) {
        fs::write(self.fleet.world.home.join("go"), "").unwrap();
    }

    /// A command that cannot write the state either.
    fn aio_limited(&self, args: &[&str]) -> Ran {
        let template = self.fleet.command(&json!({}));
        let mut command = Command::new("bash");
        let line = format!("trap '' XFSZ; ulimit -S -f {}; exec aio \"$@\"", LIMIT >> 10);
        command.env_clear().envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(&self.fleet.world.project).args(["-c", &line, "bash"]).args(args);
        run(&mut command)
    }

    fn record(&self) -> Value {
        self.fleet.world.state()["jobs"][0].clone()
    }

    fn shown(&self) -> (Value, String) {
        (self.fleet.jobs()[0].clone(), self.fleet.aio(&["jobs"]).out)
    }

    fn signal(&self, name: &str) {
        let pid = self.parent.to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    fn has_ended(&self) -> bool {
        is_gone(self.parent.as_raw_nonzero().get().unsigned_abs().into())
    }

    fn end_file(&self) -> PathBuf {
        self.fleet.world.dir.join("jobs").join(&self.id).join("end")
    }
}

/// Once all its threads are: while others are left, the first is a zombie, and the process runs on.
fn is_gone(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_first_gone = stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'));
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    is_first_gone && threads <= 1
}

#[test]
fn an_end_that_cannot_be_written_is_shown_and_written_as_soon_as_it_can_be() {
    let scene = Scene::new(&["l:2", "--seq"]);
    scene.finish();
    assert!(within(30, || scene.shown().0["state"] == "review"), "{:#?}", scene.shown());
    assert_eq!(scene.record()["stage"], "running", "nobody could write it");
    let shown = scene.shown().1;
    assert!(shown.contains("is tried again by itself; next: aio doctor"), "{shown}");
    let ran = scene.fleet.aio(&["merge", &scene.id]);
    let said = format!("{} has ended, which could not be written down yet; next: aio doctor", scene.id);
    assert!(ran.code == 1 && ran.err.contains(&said), "{ran:?}");
    let ran = scene.aio_limited(&["send", &scene.id, &"x".repeat(2 * usize::try_from(LIMIT).unwrap())]);
    assert!(ran.code == 6 && ran.err.contains("; next: free some space, then send it again"), "{ran:?}");
    assert!(!within(4, || scene.has_ended()), "the parent gave up: {}", scene.fleet.parent_log(&scene.record()));
    scene.limit(None);
    assert!(within(30, || scene.record()["stage"] == "ended"), "{:#}", scene.record());
    let record = scene.record();
    assert_eq!(
        (&record["result"], &record["said"], &record["inputTokens"]),
        (&json!("done"), &json!("Did it"), &json!(100))
    );
    assert!(within(10, || !scene.end_file().exists()), "its room is given back");
    assert!(
        within(60, || scene.fleet.jobs()[1]["state"] == "review"),
        "the next one begins: {:#?}",
        scene.fleet.jobs()
    );
    let ran = scene.launching.end();
    assert_eq!((ran.code, ran.out.matches("REVIEW").count()), (0, 2), "{ran:?}");
}

#[test]
fn an_end_that_was_kept_outlives_who_kept_it() {
    for (signal, command) in [("-TERM", "cleanup"), ("-KILL", "cleanup"), ("-TERM", "stop"), ("-KILL", "resume")] {
        let scene = Scene::new(&["l:1"]);
        scene.finish();
        assert!(within(30, || scene.shown().0["state"] == "review"), "{:#?}", scene.shown());
        scene.signal(signal);
        assert!(within(5, || scene.has_ended()), "{signal} does not end it");
        // Its first thread is gone before the others are; it counts as gone once all are.
        let is_said = |(job, shown): &(Value, String)| job["state"] == "review" && shown.contains("then aio cleanup");
        assert!(within(20, || is_said(&scene.shown())), "{:#?}", scene.shown());
        let id = &*scene.id;
        let ran = scene.fleet.aio(&if command == "cleanup" { vec![command] } else { vec![command, id] });
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(command != "cleanup" || ran.out.contains(&format!("Written down: how {id} ended")), "{ran:?}");
        if command != "resume" {
            assert_eq!(scene.record()["result"], "done", "{signal} {command}: {:#}", scene.record());
        }
        let journal = fs::read_to_string(scene.fleet.world.dir.join("journal.jsonl")).unwrap();
        assert!(journal.contains("\"job-ended\"") && !journal.contains("vanished"), "{signal} {command}: {journal}");
    }
}

#[test]
fn a_stop_that_cannot_be_written_says_what_it_ended() {
    for parent_is_gone in [false, true] {
        let scene = Scene::new(&["l:1"]);
        let agent = scene.record()["agentPid"].as_u64().unwrap();
        if parent_is_gone {
            scene.signal("-KILL");
            assert!(within(5, || scene.has_ended()));
        }
        let begun = Instant::now();
        let ran = scene.aio_limited(&["stop", &scene.id]);
        assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
        assert_eq!((ran.code, &*ran.out, ran.err.lines().count()), (6, "", 1), "{ran:?}");
        let words = format!("aio: {} was ended, which could not be written down: ", scene.id);
        assert!(ran.err.starts_with(&words) && ran.err.ends_with("then aio cleanup\n"), "{ran:?}");
        assert!(ran.err.contains("File too large") && !ran.err.contains("nothing was changed"), "{ran:?}");
        assert!(is_gone(agent), "it says that it ended it");
        let (job, shown) = scene.shown();
        let state = if parent_is_gone { "crashed" } else { "stopped" };
        assert!(job["state"] == state && shown.contains("then aio cleanup"), "{job:#} {shown}");
        let limited = scene.aio_limited(&["cleanup"]);
        assert_eq!((limited.code, limited.err.matches("could not be written").count()), (6, 1), "{limited:?}");
        assert_eq!(scene.fleet.aio(&["cleanup"]).code, 0);
        assert_eq!((&scene.record()["stage"], &scene.record()["result"]), (&json!("ended"), &json!(state)));
    }
}

#[test]
fn a_cleanup_that_cannot_be_written_says_what_it_ended() {
    let scene = Scene::new(&["l:1"]);
    scene.signal("-KILL");
    assert!(within(5, || scene.has_ended()));
    let ran = scene.aio_limited(&["cleanup"]);
    let words = format!("aio: what still ran of {} was ended, which could not be written down: ", scene.id);
    assert!(ran.code == 6 && ran.err.starts_with(&words) && !ran.err.contains("nothing was changed"), "{ran:?}");
    assert_eq!(scene.fleet.aio(&["cleanup"]).code, 0);
    assert_eq!(scene.record()["result"], "crashed");
}

#[test]
fn a_crash_while_nothing_can_be_written_is_told_later() {
    let scene = Scene::new(&["l:1", "--restarts", "1", "--backoff", "1s"]);
    // It crashes while nothing can be written, so it cannot be started again: that is its end.
    let agent = scene.record()["agentPid"].to_string();
    assert!(Command::new("kill").args(["-9", &agent]).status().unwrap().success());
    assert!(within(30, || scene.shown().0["state"] == "crashed"), "{:#?}", scene.shown());
    assert!(!scene.has_ended());
    scene.limit(None);
    assert!(within(30, || scene.record()["result"] == "crashed"), "{:#}", scene.record());
    assert_eq!(scene.record()["signal"], 9);
}
