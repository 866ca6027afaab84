//! Whatever an agent does, its job stands as it should two seconds later: in a terminal and without, with hooks and without.
//! Nothing is said to have arrived that did not, nothing arrives twice, nothing is lost, and nobody but a person answers.
//!
//! The fake agent notes when it does what, and `aio jobs` is asked until it shows that. A machine may be too busy for two
//! seconds: then all is tried anew, three times at most. That it is shown in the end, and all else, must hold each time.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::fleet::{Fleet, lacks_tmux, within, write};
use crate::harness::{git, run};

/// How soon a job must stand as it should.
const SOON: Duration = Duration::from_secs(2);
const TRIES: usize = 3;

/// Where an agent runs, and whether its hooks tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    pub in_tmux: bool,
    pub hooks: bool,
}

pub const HEADLESS: [Manner; 2] = [Manner { in_tmux: false, hooks: true }, Manner { in_tmux: false, hooks: false }];
pub const TMUX: [Manner; 2] = [Manner { in_tmux: true, hooks: true }, Manner { in_tmux: true, hooks: false }];

/// One job of one agent.
pub struct Scene {
    pub fleet: Fleet,
    pub manner: Manner,
    launching: Child,
    late: Vec<String>,
}

impl Scene {
    pub fn launch(manner: Manner, mut script: Value, args: &[&str]) -> Scene {
        let fleet = Fleet::new();
        script["record"] = fleet.given.to_str().unwrap().into();
        script["hooks"] = manner.hooks.into();
        let runtime = if manner.in_tmux { "--tmux" } else { "--headless" };
        let mut command = fleet.command(&script);
        command.args(["multi", "l:1", runtime]).args(args).arg("Fix the parser");
        // It watches until the task was taken; what happens meanwhile is to be seen.
        let launching = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Scene { fleet, manner, launching, late: Vec::new() }
    }

    /// When the agent did that, the last time; in milliseconds since 1970.
    fn moment(&self, name: &str) -> Option<u128> {
        let text = std::fs::read_to_string(self.fleet.given.join("moments")).unwrap_or_default();
        let moments = text.lines().filter_map(|line| line.split_once(' '));
        moments.filter(|(_, named)| *named == name).filter_map(|(at, _)| at.parse().ok()).next_back()
    }

    /// The job, as soon as it stands so after the agent did that.
    pub fn stands(&mut self, moment: &str, state: &str) -> Value {
        let mut seen = (Value::Null, None);
        let is_so = within(60, || {
            let at = self.moment(moment);
            seen = (self.fleet.jobs().last().cloned().unwrap_or_default(), at);
            at.is_some() && seen.0["state"] == state
        });
        let (job, at) = seen;
        assert!(
            is_so,
            "{:?}: not {state} after {moment} ({at:?}): {job:#}\n{}",
            self.manner,
            self.fleet.parent_log(&job)
        );
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        let delay = now.saturating_sub(at.unwrap());
        println!("{:?}: {state} {delay} ms after {moment}", self.manner);
        if delay > SOON.as_millis() {
            self.late.push(format!("{:?}: {state} came {delay} ms after {moment}", self.manner));
        }
        job
    }

    /// Still so, some seconds later.
    pub fn stays(&self, state: &str) {
        let is_other = within(4, || self.fleet.jobs().last().unwrap()["state"] != state);
        assert!(!is_other, "{:?}: no more {state}: {:#}", self.manner, self.fleet.jobs().last().unwrap());
    }

    pub fn id(&self) -> String {
        self.fleet.jobs().last().unwrap()["id"].as_str().unwrap().to_owned()
    }

    pub fn tmux(&self, words: &[&str]) -> String {
        let mut command = Command::new("tmux");
        let ran = run(command.arg("-S").arg(self.fleet.world.dir.join("tmux.sock")).args(words));
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.out
    }

    /// What a person does who looks into its terminal.
    pub fn press(&self, keys: &[&str]) {
        let pane = format!("=aio-{}:", self.id());
        for key in keys {
            self.tmux(&["send-keys", "-t", &pane, key]);
        }
    }

    pub fn prompts(&self) -> usize {
        let entries = std::fs::read_dir(&self.fleet.given).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with("prompt-")).count()
    }

    /// It has its task once, whole; and what is said of that is so.
    fn has_its_task(&self, job: &Value) {
        assert_eq!(self.prompts(), 1, "{:?}: {job:#}", self.manner);
        assert!(self.fleet.prompt().contains("Fix the parser"), "{:?}", self.manner);
        let (delivery, receipt) = (job["delivery"].as_str().unwrap(), job["receipt"].as_str().unwrap());
        match (self.manner.in_tmux, self.manner.hooks) {
            (true, true) => assert_eq!((delivery, receipt), ("acknowledged", "hook: to the byte"), "{job:#}"),
            // The stream may be the first to say so.
            (false, true) => assert!(delivery == "acknowledged" && !receipt.is_empty(), "{job:#}"),
            (false, false) => assert_eq!((delivery, receipt), ("acknowledged", "stream")),
            // Handed over, or given up: a screen is no receipt.
            (true, false) => assert!(matches!(delivery, "delivered" | "unconfirmed"), "{job:#}"),
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for job in self.fleet.jobs() {
            self.fleet.aio(&["stop", job["id"].as_str().unwrap()]);
        }
        self.launching.wait().map(drop).unwrap_or_default();
        // A machine need not have tmux.
        let socket = self.fleet.world.dir.join("tmux.sock");
        Command::new("tmux").arg("-S").arg(socket).arg("kill-server").output().map(drop).unwrap_or_default();
    }
}

/// Plays a scene in each of these manners, anew where something came late.
pub fn play(manners: &[Manner], scene: impl Fn(Manner) -> Scene + Sync) {
    // Most of it is waiting, which can be done together.
    std::thread::scope(|scope| {
        for manner in manners {
            if manner.in_tmux && lacks_tmux() {
                continue;
            }
            scope.spawn(|| {
                let mut late = Vec::new();
                let is_in_time = (0..TRIES).any(|_| {
                    let played = scene(*manner);
                    late.extend(played.late.iter().cloned());
                    played.late.is_empty()
                });
                assert!(is_in_time, "{late:#?}");
            });
        }
    });
}

pub fn all() -> [Manner; 4] {
    [HEADLESS[0], HEADLESS[1], TMUX[0], TMUX[1]]
}

pub fn steps(steps: Value) -> Value {
    json!({ "turns": [steps] })
}

#[test]
fn one_that_runs_long_works() {
    play(&all(), |manner| {
        let mut scene = Scene::launch(manner, steps(json!([write("b.txt"), { "spin_ms": 60_000 }])), &[]);
        let job = scene.stands("spin_ms", "working");
        scene.has_its_task(&job);
        scene.stays("working");
        scene
    });
}

#[test]
fn one_that_prints_noise_works() {
    play(&all(), |manner| {
        let noisy = steps(json!([{ "noise": 300_000 }, { "sleep_ms": 60_000 }]));
        let mut scene = Scene::launch(manner, noisy, &[]);
        let job = scene.stands("sleep_ms", "working");
        scene.has_its_task(&job);
        scene
    });
}

#[test]
fn one_that_starts_slowly_gets_its_task_once() {
    play(&all(), |manner| {
        let mut script = steps(json!([{ "sleep_ms": 60_000 }]));
        script["slow_start_ms"] = 4000.into();
        let mut scene = Scene::launch(manner, script, &[]);
        let job = scene.stands("prompt", "working");
        scene.has_its_task(&job);
        scene
    });
}

#[test]
fn one_that_shows_its_prompt_before_it_takes_pastes_gets_its_task_once() {
    play(&TMUX, |manner| {
        let mut script = steps(json!([{ "sleep_ms": 60_000 }]));
        script["late_pastes_ms"] = 3000.into();
        let mut scene = Scene::launch(manner, script, &[]);
        let job = scene.stands("prompt", "working");
        scene.has_its_task(&job);
        scene
    });
}

#[test]
fn an_enter_that_is_swallowed_is_pressed_again() {
    play(&TMUX, |manner| {
        let mut script = steps(json!([{ "sleep_ms": 60_000 }]));
        script["swallow_enters"] = 1.into();
        let mut scene = Scene::launch(manner, script, &[]);
        let job = scene.stands("prompt", "working");
        scene.has_its_task(&job);
        scene
    });
}

#[test]
fn a_paste_that_is_ignored_is_said_and_not_repeated() {
    play(&TMUX, |manner| {
        let mut script = steps(json!([{ "sleep_ms": 60_000 }]));
        script["ignore_pastes"] = 1.into();
        let scene = Scene::launch(manner, script, &[]);
        let job = scene.fleet.job("waiting for you");
        let words = "it was pasted; nothing says that the agent took it";
        assert_eq!((&job["delivery"], &job["receipt"]), (&json!("unconfirmed"), &json!(words)));
        scene.stays("waiting for you");
        assert_eq!(scene.prompts(), 0);
        scene
    });
}

/// As Gemini CLI's do, on a busy machine.
#[test]
fn a_hook_that_tells_late_is_waited_for() {
    if lacks_tmux() {
        return;
    }
    let fleet = Fleet::new();
    let slow = json!({ "record": fleet.given, "hooks": true, "late_receipts_ms": 6000, "turns": [[{ "quit": 0 }]] });
    let launched = run(fleet.command(&slow).args(["multi", "--tmux", "l:1", "Fix the parser"]));
    assert_eq!((launched.code, launched.out.starts_with("LAUNCHED ")), (0, true), "{launched:?}");
    assert_eq!(fleet.job("done")["receipt"], "hook: to the byte");
}

#[test]
fn what_sets_up_an_agent_that_cannot_tell_is_named() {
    if lacks_tmux() {
        return;
    }
    let fleet = Fleet::new();
    let script = json!({ "record": fleet.given, "turns": [[{ "sleep_ms": 60_000 }]] });
    let launched = run(fleet.command(&script).args(["multi", "--tmux", "l:1", "Fix the parser"]));
    assert_eq!((launched.code, launched.out.starts_with("UNCONFIRMED ")), (1, true), "{launched:?}");
    let words =
        "claude is not set up, so no hook of it can say what it took or does; next: aio init --yes --agents claude\n";
    assert!(launched.err.ends_with(words), "{launched:?}");
    let id = fleet.jobs()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((fleet.aio(&["stop", &id]).code, fleet.aio(&["remove", &id]).code), (0, 0));
}

#[test]
fn a_question_waits_for_a_person() {
    play(&TMUX, |manner| {
        let asking = steps(json!([{ "ask": "rm -rf build" }, { "sleep_ms": 60_000 }]));
        let mut scene = Scene::launch(manner, asking, &[]);
        let job = scene.stands("ask", "waiting for you");
        let question = if manner.hooks { "Bash: rm -rf build" } else { "Do you want to proceed?" };
        let witness = if manner.hooks { "hook" } else { "screen" };
        assert_eq!((&job["question"], &job["turnWitness"]), (&json!(question), &json!(witness)), "{job:#}");
        scene.fleet.aio(&["send", &scene.id(), "Also mind the gap"]);
        scene.stays("waiting for you");
        assert_eq!((scene.moment("answered"), scene.prompts()), (None, 1), "nobody answers for a person");
        scene.press(&["y"]);
        let job = scene.stands("answered", "working");
        assert_eq!(job["question"], "");
        scene
    });
}

#[test]
fn a_question_that_nobody_can_answer_is_seen() {
    play(&HEADLESS[..1], |manner| {
        let mut scene = Scene::launch(manner, steps(json!([{ "ask": "rm -rf build" }])), &[]);
        let job = scene.stands("ask", "waiting for you");
        assert_eq!(job["question"], "Bash: rm -rf build");
        let id = scene.id();
        let next = format!("it says: Bash: rm -rf build; next: aio stop {id}, then aio resume {id} \"…\"");
        let shown = scene.fleet.aio(&["jobs"]);
        assert!(shown.out.contains(&next), "{shown:?}");
        scene
    });
}

#[test]
fn a_folder_is_trusted_by_a_person_only() {
    play(&TMUX, |manner| {
        let mut script = steps(json!([{ "sleep_ms": 60_000 }]));
        script["asks_to_trust"] = true.into();
        let mut scene = Scene::launch(manner, script, &[]);
        let job = scene.stands("trust", "waiting for you");
        let question = "Quick safety check: Is this a project you created or one you trust?";
        assert_eq!((&job["question"], &job["delivery"]), (&json!(question), &json!("queued")));
        assert_eq!(job["turnWitness"], "screen");
        scene.stays("waiting for you");
        assert!(!scene.fleet.given.join("typed").exists(), "nothing is typed into a question");
        scene.press(&["Down", "Enter"]);
        let job = scene.stands("prompt", "working");
        scene.has_its_task(&job);
        scene
    });
}

#[test]
fn a_folder_that_is_not_trusted_ends_the_job() {
    play(&TMUX, |manner| {
        let mut script = steps(json!([{ "sleep_ms": 60_000 }]));
        script["asks_to_trust"] = true.into();
        let mut scene = Scene::launch(manner, script, &[]);
        scene.stands("trust", "waiting for you");
        scene.press(&["Enter"]);
        let job = scene.stands("refused", "failed");
        assert_eq!((&job["exitCode"], scene.prompts()), (&json!(1), 0));
        scene
    });
}

#[test]
fn one_that_exits_has_failed_and_its_last_words_stay() {
    play(&all(), |manner| {
        let leaving = json!([write("b.txt"), { "commit": "One" }, write("c.txt"), { "say": "I leave" }, { "exit": 3 }]);
        let mut scene = Scene::launch(manner, steps(leaving), &[]);
        let job = scene.stands("exit", "failed");
        assert_eq!((&job["exitCode"], &job["files"], &job["commits"]), (&json!(3), &json!(2), &json!(1)), "{job:#}");
        let id = scene.id();
        if manner.in_tmux {
            scene.tmux(&["kill-server"]);
        }
        let logs = scene.fleet.aio(&["logs", &id]);
        assert!(logs.out.contains("I leave"), "{manner:?}: {logs:?}");
        assert_eq!(scene.fleet.job("failed")["files"], 2);
        scene
    });
}

#[test]
fn what_a_terminal_showed_last_stays_when_that_is_killed() {
    let in_tmux: Vec<Manner> = all().into_iter().filter(|manner| manner.in_tmux).collect();
    play(&in_tmux, |manner| {
        let talking = steps(json!([{ "say": "I am here" }, write("b.txt"), { "sleep_ms": 60_000 }]));
        let scene = Scene::launch(manner, talking, &[]);
        let worktree = scene.fleet.job("working")["worktree"].as_str().unwrap().to_owned();
        assert!(within(20, || std::path::Path::new(&worktree).join("b.txt").exists()));
        // What was drawn has arrived by then, whether or not anybody has looked.
        std::thread::sleep(Duration::from_secs(2));
        scene.tmux(&["kill-server"]);
        let job = scene.fleet.job("crashed");
        assert_eq!(job["failure"], "its terminal went away", "{job:#}\n{}", scene.fleet.parent_log(&job));
        let logs = scene.fleet.aio(&["logs", &scene.id()]);
        assert!(logs.out.contains("I am here"), "{manner:?}: {logs:?}");
        scene
    });
}

#[test]
fn one_that_is_killed_has_crashed_and_goes_on_when_it_may() {
    play(&all(), |manner| {
        let dying = steps(json!([{ "once": { "signal": 9 } }, write("b.txt"), { "done": "Did it" }]));
        let mut scene = Scene::launch(manner, dying.clone(), &["--restarts", "0"]);
        let job = scene.stands("signal", "crashed");
        assert_eq!((&job["signal"], &job["attempt"]), (&json!(9), &json!(1)), "{job:#}");
        let late = std::mem::take(&mut scene.late);
        drop(scene);
        let mut scene = Scene::launch(manner, dying, &["--backoff", "4s"]);
        scene.late = late;
        let job = scene.stands("signal", "waiting");
        assert!(job["failure"].as_str().unwrap().contains("signal 9") && job["retryAt"].is_string(), "{job:#}");
        let job = scene.fleet.job("review");
        assert_eq!((&job["attempt"], &job["files"]), (&json!(2), &json!(1)), "{job:#}");
        let logs = scene.fleet.aio(&["logs", &scene.id()]);
        assert!(manner.in_tmux || logs.out.contains("--- attempt 2 ---"), "{logs:?}");
        scene
    });
}

/// What ignores being asked to end is ended, and that does not keep the job from being told of.
#[test]
fn one_that_is_killed_has_crashed_whatever_it_left_running() {
    play(&all(), |manner| {
        let stays = "setsid sh -c 'trap : TERM HUP INT; while :; do sleep 0.3; done' >&- 2>&- <&- & sleep 1";
        let dying = steps(json!([{ "run": ["sh", "-c", stays] }, { "signal": 9 }]));
        let mut scene = Scene::launch(manner, dying, &["--restarts", "0"]);
        scene.stands("signal", "crashed");
        scene
    });
}

#[test]
fn one_that_finishes_without_saying_so() {
    play(&all(), |manner| {
        let mut scene = Scene::launch(manner, steps(json!([write("dirty.txt"), { "say": "Well." }])), &[]);
        let state = if manner.in_tmux { "waiting for you" } else { "review" };
        let job = scene.stands("finished", state);
        assert_eq!(job["files"], 1, "{job:#}");
        scene.has_its_task(&job);
        scene.stays(state);
        scene
    });
}

#[test]
fn one_that_says_that_it_is_done() {
    play(&all(), |manner| {
        let doing = json!([write("b.txt"), { "commit": "One" }, write("dirty.txt"), { "done": "Did it" }]);
        let mut scene = Scene::launch(manner, steps(doing), &[]);
        let job = scene.stands("finished", "review");
        assert_eq!((&job["said"], &job["files"], &job["commits"]), (&json!("Did it"), &json!(2), &json!(1)));
        let worktree = std::path::PathBuf::from(job["worktree"].as_str().unwrap());
        assert_eq!(std::fs::read_to_string(worktree.join("dirty.txt")).unwrap(), "x\n");
        assert!(git(&worktree, &["log", "--format=%s"]).out.starts_with("One"));
        assert!(scene.fleet.world.claims().is_empty(), "what ended holds nothing");
        scene
    });
}

#[test]
fn a_limit_whose_end_is_not_told_is_named() {
    play(&all(), |manner| {
        let mut scene = Scene::launch(manner, steps(json!([{ "limit": true }])), &[]);
        let words = "You've hit your session limit. It resets 5:10pm (Europe/Paris)";
        let job = scene.stands("failed", if manner.in_tmux { "waiting for you" } else { "failed" });
        assert_eq!(job[if manner.in_tmux { "question" } else { "failure" }], words, "{job:#}");
        let shown = scene.fleet.aio(&["jobs"]);
        let next = if manner.in_tmux { "aio send" } else { "aio resume" };
        assert!(shown.out.contains(next), "{shown:?}");
        scene
    });
}

#[test]
fn a_limit_whose_end_is_told_is_waited_for() {
    play(&all(), |manner| {
        let limited = json!([{ "once": { "limit": 6 } }, write("b.txt"), { "done": "Did it" }]);
        let mut scene = Scene::launch(manner, steps(limited), &[]);
        let job = scene.stands("failed", "waiting");
        assert_eq!(job["failure"], "You've hit your session limit. Try again in 6 seconds.");
        let shown = scene.fleet.aio(&["jobs"]);
        assert!(shown.out.contains("waiting until ") && shown.out.contains(" UTC"), "{shown:?}");
        let job = scene.fleet.job("review");
        let attempt = if manner.in_tmux { 1 } else { 2 };
        assert_eq!((&job["said"], &job["failure"], &job["attempt"]), (&json!("Did it"), &json!(""), &json!(attempt)));
        scene
    });
}

#[test]
fn a_job_that_waits_is_stopped_at_once() {
    play(&all(), |manner| {
        let mut scene = Scene::launch(manner, steps(json!([write("b.txt"), { "limit": 3600 }])), &[]);
        scene.stands("failed", "waiting");
        let instance = scene.fleet.world.state()["jobs"][0]["instance"].as_str().unwrap().to_owned();
        let alive = scene.fleet.world.state()["instances"][&instance]["pid"].as_u64().unwrap();
        assert!(std::path::Path::new(&format!("/proc/{alive}")).exists(), "{manner:?}: it holds what it held");
        let ran = scene.fleet.aio(&["multi", "l:1", "Another"]);
        assert!(ran.code == 6 && ran.err.contains("claude is at its usage limit until "), "{ran:?}");
        let ran = scene.fleet.aio(&["stop", &scene.id()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let job = scene.fleet.job("stopped");
        assert_eq!((&job["files"], &job["retryAt"]), (&json!(1), &Value::Null));
        scene
    });
}
