//! Agents launched, watched, talked to and taken away: a fake agent behaves as badly as real ones do.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use aio::fleet::tmux::version;
use serde_json::{Value, json};

use crate::harness::{Ran, World, binary, git, is_proof, run};

/// A project with one commit, and fake agents on the PATH.
pub struct Fleet {
    pub world: World,
    pub bin: PathBuf,
    /// What the agents were given, and did.
    pub given: PathBuf,
}

impl Fleet {
    pub fn new() -> Fleet {
        let world = World::bare();
        let fleet = Fleet { bin: world.home.join("bin"), given: world.home.join("given"), world };
        std::fs::create_dir_all(&fleet.bin).unwrap();
        let fake = PathBuf::from(binary("aio")).with_file_name("examples").join("fake-agent");
        for name in ["claude", "codex"] {
            std::fs::copy(&fake, fleet.bin.join(name)).unwrap();
        }
        std::os::unix::fs::symlink(binary("aio"), fleet.bin.join("aio")).unwrap();
        std::fs::write(fleet.world.home.join(".gitconfig"), "[user]\nname = t\nemail = t@t\n").unwrap();
        repository(&fleet.world.project);
        fleet
    }

    pub fn command(&self, script: &Value) -> Command {
        let mut command = self.world.command("aio");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.bin.clone()].into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command.env("ANTHROPIC_API_KEY", "x").env("CODEX_API_KEY", "x").env("AIO_FAKE_AGENT", script.to_string());
        command
    }

    /// Launches agents that do this in their only turn.
    pub fn launch(&self, steps: Value, args: &[&str]) -> Ran {
        let script = json!({ "record": self.given, "hooks": true, "turns": [steps] });
        run(self.command(&script).arg("multi").args(args))
    }

    pub fn aio(&self, args: &[&str]) -> Ran {
        run(self.command(&json!({})).args(args))
    }

    pub fn jobs(&self) -> Vec<Value> {
        let ran = self.aio(&["jobs", "--all", "--json"]);
        let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        answer["data"]["jobs"].as_array().unwrap().clone()
    }

    /// The only job, once it stands so.
    pub fn job(&self, state: &str) -> Value {
        let mut seen = Value::Null;
        assert!(
            within(60, || {
                seen = self.jobs().last().cloned().unwrap_or_default();
                seen["state"] == state && (state != "working" || self.is_at_its_rest())
            }),
            "not {state}: {seen:#}\n{}",
            self.parent_log(&seen)
        );
        seen
    }

    /// Whether an agent has done what it does before it takes its time: it works before that.
    fn is_at_its_rest(&self) -> bool {
        let moments = std::fs::read_to_string(self.given.join("moments")).unwrap_or_default();
        moments.contains(" sleep_ms")
    }

    pub fn parent_log(&self, job: &Value) -> String {
        let folder = self.world.dir.join("jobs").join(job["id"].as_str().unwrap_or("none"));
        std::fs::read_to_string(folder.join("parent")).unwrap_or_default()
    }

    pub fn prompt(&self) -> String {
        std::fs::read_to_string(self.given.join("prompt-0001")).unwrap()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for job in self.jobs() {
            if matches!(
                job["state"].as_str().unwrap(),
                "queued" | "starting" | "working" | "waiting for you" | "waiting"
            ) {
                self.aio(&["stop", job["id"].as_str().unwrap()]);
            }
        }
    }
}

pub fn repository(folder: &std::path::Path) {
    std::fs::create_dir_all(folder).unwrap();
    assert_eq!(git(folder, &["init", "-q", "-b", "main"]).code, 0);
    std::fs::write(folder.join("a.txt"), "a\n").unwrap();
    assert_eq!(git(folder, &["add", "."]).code, 0);
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t"];
    assert_eq!(git(folder, &[&identity[..], &["commit", "-qm", "one"]].concat()).code, 0);
}

/// Whether what is to be tried in tmux is left out, and says so. Never in the proofs.
pub fn lacks_tmux() -> bool {
    let lacks = version().is_err() && !is_proof();
    if lacks {
        eprintln!("not tried in tmux: apt-get install tmux");
    }
    lacks
}

pub fn within(seconds: u64, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn write(path: &str) -> Value {
    json!({ "write": { "path": path, "text": "x\n" } })
}

#[test]
fn a_job_that_is_done_is_to_be_reviewed() {
    let fleet = Fleet::new();
    let task = "Fix 'it'\n\n $(rm -rf /) `x` \\ \t é 🦀\n";
    let usage = json!({ "usage": { "input": 100, "output": 20, "usd": 0.01 } });
    let ran = fleet.launch(
        json!([write("b.txt"), { "commit": "One" }, write("c.txt"), usage, { "done": "Did it" }]),
        &["l:1", task],
    );
    assert_eq!((ran.code, ran.out.split_whitespace().next()), (0, Some("LAUNCHED")), "{ran:?}");
    let job = fleet.job("review");
    assert_eq!((&job["files"], &job["commits"], &job["said"]), (&json!(2), &json!(1), &json!("Did it")));
    assert_eq!((&job["delivery"], &job["receipt"]), (&json!("acknowledged"), &json!("hook: to the byte")));
    assert_eq!(
        (&job["costMicros"], &job["costSource"], &job["inputTokens"]),
        (&json!(10_000), &json!("reported"), &json!(100))
    );
    assert!(fleet.prompt().contains(task), "the task arrives whole: {}", fleet.prompt());
    assert!(!fleet.world.project.join("b.txt").exists(), "it worked in a worktree of its own");
    assert!(fleet.world.claims().is_empty(), "what ended holds nothing");
}

#[test]
fn what_is_the_same_of_several_is_said_once() {
    let fleet = Fleet::new();
    // Of the same content at the same time they would be one commit.
    let own = json!({ "run": ["sh", "-c", "echo $AIO_JOB > b.txt"] });
    fleet.launch(json!([own, { "commit": "One" }, { "done": "x" }]), &["l:1", "c:1", "x"]);
    assert!(within(60, || fleet.jobs().iter().all(|job| job["state"] == "review")), "{:#?}", fleet.jobs());
    let ids: Vec<String> = fleet.jobs().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect();
    let shown = fleet.aio(&["jobs"]);
    let line = format!("{0}, {1}, each as {0}: next: aio diff {0}, aio merge {0}\n", ids[0], ids[1]);
    assert!(shown.out.contains(&line), "{shown:?}");
    assert_eq!(fleet.aio(&["merge", &ids[0]]).code, 0);
    let shown = fleet.aio(&["jobs"]);
    assert!(shown.out.contains(&format!("{0}: next: aio diff {0}, aio merge {0}\n", ids[1])), "{shown:?}");
}

/// Only its own branch is brought home: what it left elsewhere is for a person to look at.
#[test]
fn what_was_committed_to_another_branch_is_not_hidden() {
    let fleet = Fleet::new();
    let git = |args: &[&str]| json!({ "run": ([&["git"], args].concat()) });
    let (away, back) = (git(&["checkout", "-q", "-b", "mine"]), git(&["checkout", "-q", "-"]));
    fleet.launch(json!([away, write("b.txt"), { "commit": "One" }, back, { "done": "Did it" }]), &["l:1", "x"]);
    let job = fleet.job("review");
    let id = job["id"].as_str().unwrap();
    assert_eq!((&job["files"], &job["commits"]), (&json!(1), &json!(1)), "{job:#}");
    let shown = fleet.aio(&["jobs"]);
    let next = format!("some of it is on another branch than its own; next: aio diff {id}, aio merge {id}\n");
    assert!(shown.out.contains(&next), "{shown:?}");
    let shown = fleet.aio(&["diff", id]);
    let look = format!("git -C {} log -p mine --not main --", fleet.world.project.display());
    assert_eq!(shown.err, format!("aio: not shown: what {id} committed to the branch mine; next: {look}\n"));
    let looked = run(Command::new("sh").args(["-c", &look]));
    assert!(looked.code == 0 && looked.out.contains("+++ b/b.txt"), "{looked:?}");
    let refused = fleet.aio(&["merge", id]);
    assert!(refused.code == 1 && refused.err.contains(&format!("next: aio diff {id}\n")), "{refused:?}");
}

#[test]
fn nothing_is_lost_when_a_worktree_is_removed() {
    let fleet = Fleet::new();
    std::fs::write(fleet.world.project.join(".git/info/exclude"), ".env\nbuild/\n").unwrap();
    let steps = [write("b.txt"), json!({ "commit": "One" }), write("dirty.txt"), write("build/b.o"), write(".env")];
    fleet.launch(json!(steps), &["l:1", "x"]);
    let job = fleet.job("review");
    let (id, worktree) = (job["id"].as_str().unwrap(), job["worktree"].as_str().unwrap());
    let ran = fleet.aio(&["remove", id]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!PathBuf::from(worktree).exists());
    assert!(ran.err.contains(&format!("deleted with {id}, as git ignores it: .env, build/\n")), "{ran:?}");
    let (job, report) = (fleet.job("done"), fleet.aio(&["report"]));
    assert_eq!(job["deleted"], ".env, build/");
    assert!(report.out.contains("  deleted with it, as git ignores it: .env, build/\n"), "{report:?}");
    let rescue = job["rescue"].as_str().unwrap();
    assert!(fleet.aio(&["diff", id]).out.contains("+++ b/dirty.txt"), "what was kept is shown");
    for file in ["b.txt", "dirty.txt"] {
        let kept = git(&fleet.world.project, &["show", &format!("{rescue}:{file}")]);
        assert_eq!((kept.code, &*kept.out), (0, "x\n"), "{file}");
    }
    assert!(git(&fleet.world.project, &["branch", "--list", "aio/*"]).out.is_empty());
}

#[test]
fn how_an_agent_ends_is_how_its_job_stands() {
    for (steps, state, why) in [
        (json!([{ "exit": 3 }]), "failed", "exit code 3"),
        (json!([{ "limit": true }]), "failed", "limit"),
        (json!([{ "fail": 500 }]), "failed", "500"),
        (json!([{ "blocked": "no database" }]), "failed", "no database"),
        (json!([{ "say": "Well." }]), "done", ""),
        (json!([{ "noise": 300_000 }, { "done": "x" }]), "done", ""),
        (json!([{ "child": 30 }, { "done": "x" }]), "done", ""),
    ] {
        let fleet = Fleet::new();
        fleet.launch(steps.clone(), &["l:1", "x"]);
        let job = fleet.job(state);
        let failure = job["failure"].as_str().unwrap();
        assert!(failure.contains(why) && failure.is_empty() == why.is_empty(), "{steps}: {failure:?}");
        if let Ok(child) = std::fs::read_to_string(fleet.given.join("child")) {
            assert!(
                within(10, || !PathBuf::from(format!("/proc/{}", child.trim())).exists()),
                "it left {child} running"
            );
        }
    }
}

#[test]
fn an_agent_that_crashes_is_started_again_as_often_as_it_may() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "signal": 9 }]), &["l:1", "--restarts", "0", "x"]);
    let job = fleet.job("crashed");
    assert_eq!((&job["signal"], &job["attempt"]), (&json!(9), &json!(1)));
    let ran = fleet.aio(&["jobs"]);
    assert!(ran.out.contains("aio resume"), "{ran:?}");
}

#[test]
fn a_killed_parent_is_seen_and_cleaned_up() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "sleep_ms": 60_000 }]), &["l:1", "--max", "1", "x"]);
    fleet.job("working");
    let state = fleet.world.state();
    let job = &state["jobs"][0];
    let pid = |name: &str| job[name].as_u64().unwrap().to_string();
    assert!(Command::new("kill").args(["-9", &pid("parentPid")]).status().unwrap().success());
    fleet.job("crashed");
    let ran = fleet.aio(&["cleanup"]);
    assert!(ran.out.contains("Ended: claude-"), "{ran:?}");
    let agent = PathBuf::from(format!("/proc/{}", pid("agentPid")));
    assert!(within(10, || !agent.exists()), "its agent runs on");
    assert_eq!(fleet.job("crashed")["files"], 1);
    assert!(fleet.world.claims().is_empty());
}

#[test]
fn one_after_the_other_stops_at_the_first_that_fails() {
    let fleet = Fleet::new();
    let ran = fleet.launch(json!([{ "exit": 1 }]), &["l:3", "--seq", "x"]);
    let states: Vec<String> = fleet.jobs().iter().map(|job| job["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!((ran.code, states), (1, ["failed", "stopped", "stopped"].map(str::to_owned).to_vec()), "{ran:?}");
}

#[test]
fn no_more_than_may_run_at_once_and_the_rest_follow() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "sleep_ms": 700 }, { "done": "x" }]), &["l:3", "--max", "1", "x"]);
    let done = within(60, || {
        let jobs = fleet.jobs();
        let count =
            |states: &[&str]| jobs.iter().filter(|job| states.contains(&job["state"].as_str().unwrap())).count();
        assert!(count(&["working", "starting"]) <= 1, "{jobs:#?}");
        count(&["done"]) == 3
    });
    assert!(done, "{:#?}", fleet.jobs());
}

#[test]
fn a_job_is_stopped_and_goes_on_in_the_same_session() {
    let fleet = Fleet::new();
    fleet.launch(json!([write("b.txt"), { "sleep_ms": 60_000 }]), &["l:1", "x"]);
    let id = fleet.job("working")["id"].as_str().unwrap().to_owned();
    let ran = fleet.aio(&["stop", &id[..9]]);
    assert_eq!(ran.out, format!("Stopped: {id}\n"), "{ran:?}");
    assert_eq!(fleet.job("stopped")["files"], 1, "what it did stays");
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    let ran = run(fleet.command(&script).args(["resume", &id]));
    assert_eq!(ran.out, format!("Resumed: {id}\n"), "{ran:?}");
    assert_eq!(fleet.job("review")["attempt"], 2);
    let args = std::fs::read_to_string(fleet.given.join("args")).unwrap();
    assert!(args.contains("--resume"), "{args}");
}

#[test]
fn what_an_agent_said_last_is_not_said_of_its_next_run() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "blocked": "no database" }]), &["l:1", "x"]);
    let id = fleet.job("failed")["id"].as_str().unwrap().to_owned();
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "say": "Well." }]] });
    assert_eq!(run(fleet.command(&script).args(["resume", &id])).code, 0);
    assert_eq!(fleet.job("done")["failure"], "");
    let instances = fleet.world.state()["instances"].as_object().unwrap().len();
    assert_eq!(instances, 1, "it is the same instance");
}

#[test]
fn a_message_reaches_an_agent_when_its_turn_is_over() {
    let fleet = Fleet::new();
    let turns = json!([[{ "sleep_ms": 1000 }, { "say": "one" }]]);
    let script = json!({ "record": fleet.given, "hooks": true, "turns": turns });
    assert_eq!(run(fleet.command(&script).args(["multi", "l:1", "x"])).code, 0);
    let id = fleet.job("working")["id"].as_str().unwrap().to_owned();
    let message = "Also  mind\n\n\tthe 'gap' \n";
    let ran = fleet.aio(&["send", &id, message, "--wait", "60s"]);
    // Whichever says so first.
    let said = ["stream", "hook: to the byte"].map(|witness| format!("{id}: acknowledged ({witness})\n"));
    assert!(ran.code == 0 && said.contains(&ran.out), "{ran:?}");
    fleet.job("done");
    assert_eq!(fleet.prompt(), message, "each run writes its prompts anew");
}

#[test]
fn what_was_not_taken_is_not_said_to_be() {
    let fleet = Fleet::new();
    fleet.launch(json!([{ "sleep_ms": 60_000 }]), &["l:1", "x"]);
    let id = fleet.job("working")["id"].as_str().unwrap().to_owned();
    let ran = fleet.aio(&["send", &id, "Mind the gap"]);
    assert_eq!((ran.code, ran.out), (0, format!("Left for {id}\n")));
    let ran = fleet.aio(&["send", &id, "and the step", "--wait", "300ms"]);
    assert_eq!((ran.code, ran.out), (1, format!("{id}: queued\n")), "{}", ran.err);
    let said =
        format!("left for {id}, and handed over by itself as soon as a turn is over there: do not send it again");
    assert!(ran.err.contains(&said), "{}", ran.err);
    let shown = fleet.aio(&["jobs"]);
    assert!(fleet.jobs()[0]["messagesWaiting"] == 2 && shown.out.contains("  2 messages waiting  "), "{shown:?}");
    let waiting = std::thread::scope(|scope| {
        let sending = scope.spawn(|| fleet.aio(&["send", &id, "and the door", "--wait", "60s"]));
        let inbox = fleet.world.dir.join("jobs").join(&id).join("inbox");
        assert!(within(30, || std::fs::read_dir(&inbox).unwrap().count() == 3));
        fleet.aio(&["stop", &id]);
        sending.join().unwrap()
    });
    assert_eq!(waiting.code, 1, "{waiting:?}");
    assert_eq!(waiting.out, format!("{id}: queued (the job has ended; aio resume hands it over)\n"), "{waiting:?}");
    assert!(waiting.err.ends_with(&format!("aio: not handed over to {id}; next: aio resume {id}\n")), "{waiting:?}");
    assert_eq!(fleet.job("stopped")["messagesWaiting"], 3, "they are not forgotten");
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "say": "one" }]] });
    assert_eq!(run(fleet.command(&script).args(["resume", &id])).code, 0);
    assert_eq!(fleet.job("done")["messagesWaiting"], 0);
    assert!(!fleet.aio(&["jobs"]).out.contains("waiting"));
}

#[test]
fn what_would_go_wrong_is_said_before_anything_is_launched() {
    let fleet = Fleet::new();
    let refused = |args: &[&str], code: i32, words: &str| {
        let ran = fleet.aio(args);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.contains(words) && ran.err.lines().count() == 1, "{args:?}: {ran:?}");
    };
    refused(&["multi", "l:1"], 2, "there is no task");
    refused(&["multi", "l:1", " \n"], 2, "there is no task");
    refused(&["multi", "Fix it"], 2, "no agents");
    refused(&["multi", "l:0", "x"], 2, "number of agents");
    refused(&["multi", "g:1", "x"], 6, "gemini is not installed");
    refused(&["multi", "/no/such", "l:1", "x"], 6, "no such folder");
    refused(
        &["multi", "l:1", "x", "--target", "nope"],
        6,
        "has no branch \"nope\"; nothing was launched; next: git -C ",
    );
    refused(&["all", "l:1", "x"], 2, "no projects yet");
    refused(&["logs", "nope"], 2, "no job \"nope\"");
    refused(&["remove", "nope"], 2, "no job \"nope\"");
    let empty = fleet.world.home.join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    assert_eq!(git(&empty, &["init", "-q"]).code, 0);
    refused(&["multi", empty.to_str().unwrap(), "l:1", "x"], 6, "no commits");
    let bare = fleet.world.home.join("bare.git");
    assert_eq!(git(&empty, &["init", "-q", "--bare", bare.to_str().unwrap()]).code, 0);
    refused(
        &["multi", bare.to_str().unwrap(), "l:1", "x"],
        6,
        "is a bare repository, without a worktree; next: git -C ",
    );
    assert!(fleet.jobs().is_empty());
}

#[test]
fn all_projects_or_none() {
    let fleet = Fleet::new();
    let other = fleet.world.home.join("other");
    repository(&other);
    assert_eq!(fleet.aio(&["projects", "add", ".", other.to_str().unwrap()]).code, 0);
    let taken = fleet.aio(&["projects", "add", other.to_str().unwrap(), "--name", "project"]);
    assert_eq!((taken.code, taken.err.ends_with("; next: aio projects\n")), (1, true), "{taken:?}");
    let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "done": "x" }]] });
    let all = |args: &[&str]| run(fleet.command(&script).args(["all", "l:1", "x"]).args(args));
    std::fs::rename(&other, fleet.world.home.join("away")).unwrap();
    let ran = all(&[]);
    assert_eq!((ran.code, fleet.jobs().len()), (6, 0), "{ran:?}");
    assert!(ran.err.contains("nothing was launched"), "{ran:?}");
    let ran = all(&["--keep-going"]);
    assert!(ran.out.contains("SKIPPED") && ran.out.contains("LAUNCHED"), "{ran:?}");
    let ran = all(&["--keep-going", "--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["data"]["skipped"][0]["project"], "other", "{ran:?}");
    std::fs::rename(fleet.world.home.join("away"), &other).unwrap();
    let no_gemini = run(fleet.command(&script).args(["all", "g:1", "l:1", "x"]));
    assert!(no_gemini.code == 6 && no_gemini.err.contains("gemini is not installed"), "{no_gemini:?}");
    let ran = run(fleet.command(&script).args(["all", "g:1", "l:1", "x", "--keep-going"]));
    let count = |word: &str| ran.out.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!((ran.code, count("SKIPPED      gemini: "), count("LAUNCHED")), (1, 1, 2), "{ran:?}");
    let ran = run(fleet.command(&script).args(["all", "g:1", "x", "--keep-going"]));
    assert_eq!((ran.code, ran.err), (no_gemini.code, no_gemini.err));
    let ran = all(&[]);
    assert_eq!((ran.code, ran.out.matches("LAUNCHED").count()), (0, 2), "{ran:?}");
    assert!(within(60, || fleet.jobs().iter().all(|job| job["state"] == "done")), "{:#?}", fleet.jobs());
    let report = fleet.aio(&["report", "--markdown"]);
    assert!(report.out.starts_with("# The last 24h: 6 jobs (6 done)"), "{}", report.out);
}
