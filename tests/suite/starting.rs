//! `aio start` and its short forms: an agent in the terminal that they are typed in, here and as a job.

use std::path::Path;

use serde_json::{Value, json};

use crate::fleet::{Fleet, within, write};
use crate::harness::{eventually, git, run};
use crate::terminal::Terminal;

/// Agents that do this in their first turn, and that they are done with in the later ones.
fn script(fleet: &Fleet, steps: Value) -> Value {
    json!({ "record": fleet.given, "hooks": true, "turns": [steps, [{ "say": "Well." }]] })
}

fn start(fleet: &Fleet, steps: Value, words: &[&str]) -> Terminal {
    Terminal::start(fleet.command(&script(fleet, steps)).args(words))
}

fn recorded(fleet: &Fleet, name: &str) -> String {
    eventually(name, || std::fs::read_to_string(fleet.given.join(name)).ok())
}

fn args(fleet: &Fleet) -> Vec<String> {
    let args: Vec<String> = serde_json::from_str(&recorded(fleet, "args")).unwrap();
    args[1..].to_vec()
}

fn instances(fleet: &Fleet) -> usize {
    fleet.world.state()["instances"].as_object().unwrap().len()
}

#[test]
fn an_agent_starts_here_takes_part_and_leaves_nothing() {
    let fleet = Fleet::new();
    let steps = json!([write("b.txt"), { "run": ["sh", "-c", "aio status > status"] }, { "quit": 3 }]);
    let (code, shown) = start(&fleet, steps, &["l", "Fix 'it' $(x)\n"]).end();
    assert_eq!(code, 3, "{shown}");
    assert_eq!(recorded(&fleet, "prompt-0001"), "Fix 'it' $(x)\n", "as one argument, to the byte");
    assert_eq!(args(&fleet), ["--", "Fix 'it' $(x)\n"], "nothing is allowed to it that was not");
    assert!(fleet.world.project.join("b.txt").exists(), "it works here");
    let status = std::fs::read_to_string(fleet.world.project.join("status")).unwrap();
    assert!(status.contains("claude-") && status.contains("b.txt"), "{status}");
    assert!(fleet.world.claims().is_empty() && instances(&fleet) == 0 && fleet.jobs().is_empty());
}

#[test]
fn a_prompt_that_is_only_written_is_the_person_s_to_send() {
    let fleet = Fleet::new();
    let mut terminal = start(&fleet, json!([{ "quit": 0 }]), &["lp", "Mind"]);
    terminal.shows("❯ Mind");
    assert!(!fleet.given.join("prompt-0001").exists());
    terminal.keys(b" the gap\r");
    assert_eq!((terminal.end().0, &*recorded(&fleet, "prompt-0001")), (0, "Mind the gap"));
}

#[test]
fn without_a_prompt_there_is_the_agent_or_the_default_task() {
    let fleet = Fleet::new();
    let mut terminal = start(&fleet, json!([{ "say": "Hello." }]), &["c"]);
    terminal.shows("› ");
    assert!(args(&fleet).is_empty());
    terminal.keys(b"\x03");
    assert_eq!(terminal.end().0, 0);
    std::fs::write(
        fleet.world.dir.join("config.toml"),
        "default_task = \"Tidy up\"\n[profiles.mine]\nagent = \"claude\"\nargs = [\"--model\", \"x\"]\n",
    )
    .unwrap();
    for (words, expected) in [
        (&["lpp"][..], &["--", "Tidy up"][..]),
        (&["start", "mine", "--send"], &["--model", "x", "--", "Tidy up"]),
        (&["start", "mine", "Fix it"], &["--model", "x", "--", "Fix it"]),
    ] {
        let (code, shown) = start(&fleet, json!([{ "quit": 0 }]), words).end();
        assert_eq!((code, args(&fleet)), (0, expected.iter().map(|word| (*word).to_owned()).collect()), "{shown}");
    }
}

#[test]
fn what_cannot_be_started_is_one_line_and_the_next_command() {
    let fleet = Fleet::new();
    let long = fleet.world.home.join("long");
    std::fs::write(&long, "x".repeat(128 << 10)).unwrap();
    let long = long.to_str().unwrap();
    for (words, code, message, next) in [
        (&["a", "x"][..], 6, "amp is not installed", "install amp"),
        (&["cp"], 2, "there is no task", "default_task"),
        (&["lp"], 2, "there is no task", "default_task"),
        (&["lpp--"], 2, "there is no task", "default_task"),
        (&["l", " "], 2, "there is no task", "default_task"),
        (&["lpp", "-f", long], 2, "the prompt has 131072 bytes", &format!("aio multi claude:1 --tmux -f {long}")),
        (&["g", "x"], 6, "gemini is not installed", "install gemini"),
        (&["start", "vi"], 2, "no agent and no profile \"vi\"", "codex, claude"),
        (&["l--", "x", "--target", "nope"], 6, "nope", ""),
        (&["l", "x", "--target", "main"], 2, "--worktree", ""),
        (&["lx"], 2, "unrecognized subcommand 'lx'", "aio --help"),
        (&["regster"], 2, "similar subcommands exist:", "aio --help"),
    ] {
        let (ended, shown) = Terminal::start(fleet.command(&json!({})).args(words)).end();
        assert_eq!(ended, code, "{words:?}: {shown}");
        let is_one_line = shown.trim_end().lines().count() == 1 && shown.starts_with("aio: ");
        assert!(is_one_line && shown.contains(message) && shown.contains(next), "{words:?}: {shown}");
    }
    let ran = fleet.aio(&["c", "x"]);
    assert_eq!(
        (ran.code, ran.err.contains("no terminal here") && ran.err.contains("aio multi codex:1")),
        (6, true),
        "{ran:?}"
    );
    assert!(fleet.jobs().is_empty() && !fleet.given.exists());
}

#[test]
fn help_and_completions_show_the_short_forms() {
    let fleet = Fleet::new();
    let help = fleet.aio(&["--help"]).out;
    assert!(help.contains("Short forms: aio c, l, g or a") && help.contains("aio start --help"), "{help}");
    assert!(fleet.aio(&["cpp--", "--help"]).out.contains("aio cpp \"...\"  aio start codex --send"));
    assert!(fleet.aio(&["man"]).out.contains("Short forms"));
    for shell in ["bash", "zsh", "fish"] {
        let script = fleet.aio(&["completions", shell]).out;
        assert!(["cp", "l--", "gpp", "app--"].iter().all(|form| script.contains(form)), "{shell}");
    }
}

#[test]
fn in_a_worktree_it_is_a_job_that_whoever_sits_there_ends() {
    let fleet = Fleet::new();
    let steps = json!([write("b.txt"), { "commit": "One" }, { "done": "Did it" }]);
    let mut terminal = start(&fleet, steps, &["l--", "Fix it"]);
    let job = fleet.job("waiting for you");
    let id = job["id"].as_str().unwrap();
    assert_eq!(
        (&job["runtime"], &job["attach"], &job["commits"]),
        (&json!("terminal"), &json!(""), &json!(1)),
        "{job:#}"
    );
    assert_eq!((&job["delivery"], &job["receipt"]), (&json!("acknowledged"), &json!("hook: to the byte")));
    let prompt = recorded(&fleet, "prompt-0001");
    assert!(prompt.contains("Fix it") && prompt.starts_with("YOUR FIRST ACTION"), "{prompt}");
    assert!(args(&fleet).contains(&"acceptEdits".to_owned()), "on its own it need not ask");
    assert!(!fleet.world.project.join("b.txt").exists());
    for (args, next) in [(["attach", id, ""], "aio diff"), (["send", id, "x"], "aio tell claude-")] {
        let ran = fleet.aio(&args[..if args[2].is_empty() { 2 } else { 3 }]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("the terminal it was started in") && ran.err.contains(next), "{ran:?}");
    }
    terminal.keys(b"\x03");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("review") && shown.contains("1 file, 1 commit"), "{shown}");
    assert!(shown.contains(&format!("next: aio diff {id}; aio merge {id}; aio remove {id}")), "{shown}");
    assert!(fleet.world.claims().is_empty(), "what ended holds nothing");
    assert_eq!(fleet.aio(&["diff", id]).code, 0);
    let merged = fleet.aio(&["merge", id]);
    assert_eq!(merged.code, 0, "{merged:?}");
    assert!(fleet.world.project.join("b.txt").exists());
    assert_eq!(fleet.aio(&["remove", id]).code, 0);
}

#[test]
fn a_prompt_that_is_not_sent_waits_for_the_person_in_a_worktree_too() {
    let fleet = Fleet::new();
    let mut terminal = start(&fleet, json!([{ "quit": 5 }]), &["lp--", "Mind"]);
    let job = fleet.job("waiting for you");
    assert_eq!((&job["delivery"], &job["title"]), (&json!("delivered"), &json!("Mind")), "{job:#}");
    terminal.shows("❯ Mind");
    terminal.keys(b" the gap\r");
    let (code, shown) = terminal.end();
    assert_eq!(code, 5, "{shown}");
    assert_eq!(recorded(&fleet, "prompt-0001"), "Mind the gap");
    let job = fleet.job("failed");
    assert_eq!((&job["delivery"], &job["receipt"]), (&json!("acknowledged"), &json!("hook: not to the byte")));
    assert_eq!((&job["exitCode"], &job["failure"]), (&json!(5), &json!("it ended with exit code 5")));
}

#[test]
fn an_agent_that_crashes_leaves_the_terminal_as_it_was() {
    for form in ["l", "l--"] {
        let fleet = Fleet::new();
        let script = json!({ "record": fleet.given, "hooks": true, "turns": [[{ "exit": 9 }]] });
        // A shell that outlives it, to look at the terminal afterwards.
        let mut shell = std::process::Command::new("sh");
        let program = fleet.command(&script);
        shell
            .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .current_dir(&fleet.world.project);
        let mut terminal =
            Terminal::start(shell.args(["-c", &format!("read begin; aio {form} 'Fix it'; echo ended $?; read end")]));
        let modes = |terminal: &Terminal| {
            let settings = terminal.settings();
            (settings.input_modes, settings.output_modes, settings.control_modes, settings.local_modes)
        };
        let usual = modes(&terminal);
        terminal.keys(b"\n");
        terminal.shows("ended 9");
        assert_eq!(modes(&terminal), usual, "{form}");
        terminal.keys(b"\n");
        assert_eq!(terminal.end().0, 0);
    }
}

#[test]
fn it_goes_on_in_the_same_session_and_is_retried_without_a_terminal() {
    let fleet = Fleet::new();
    let (code, shown) = start(&fleet, json!([write("b.txt"), { "quit": 1 }]), &["l--", "Fix it"]).end();
    assert_eq!(code, 1, "{shown}");
    let id = fleet.job("failed")["id"].as_str().unwrap().to_owned();
    assert!(shown.contains(&format!("next: aio diff {id}; aio resume {id}; aio remove {id}")), "{shown}");
    let ran = fleet.aio(&["resume", &id]);
    assert!(ran.code == 6 && ran.err.contains("no terminal here"), "{ran:?}");
    let mut terminal = start(&fleet, json!([{ "say": "Hello again." }]), &["resume", &id]);
    terminal.shows("❯ ");
    assert!(args(&fleet).contains(&"--resume".to_owned()), "{:?}", args(&fleet));
    assert_eq!(fleet.job("waiting for you")["attempt"], 2);
    terminal.keys(b"\x03");
    assert_eq!(terminal.end().0, 0);
    let script = script(&fleet, json!([{ "done": "x" }]));
    let ran = run(fleet.command(&script).args(["retry", &id]));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(fleet.job("done")["runtime"], "headless");
}

#[test]
fn a_job_in_a_terminal_is_stopped_from_elsewhere_and_seen_to_have_crashed() {
    let fleet = Fleet::new();
    let terminal = start(&fleet, json!([{ "sleep_ms": 60_000 }]), &["l--", "x"]);
    let id = fleet.job("working")["id"].as_str().unwrap().to_owned();
    assert_eq!(fleet.aio(&["stop", &id]).code, 0);
    assert_eq!(terminal.end().0, 128 + 15);
    fleet.job("stopped");
    let terminal = start(&fleet, json!([{ "sleep_ms": 60_000 }]), &["l--", "x"]);
    fleet.job("working");
    drop(terminal);
    fleet.job("crashed");
    let agent = fleet.world.state()["jobs"][1]["agentPid"].to_string();
    assert!(fleet.aio(&["cleanup"]).out.contains("Ended: claude-"));
    assert!(within(10, || !Path::new(&format!("/proc/{agent}")).exists()), "its agent runs on");
}

#[test]
fn nothing_says_that_it_took_its_task_until_something_does() {
    let fleet = Fleet::new();
    let slow = json!({ "record": fleet.given, "hooks": true, "slow_start_ms": 20_000, "turns": [[{ "quit": 0 }]] });
    let terminal = Terminal::start(fleet.command(&slow).args(["l--", "x"]));
    let deliveries = || fleet.jobs()[0]["delivery"].as_str().unwrap().to_owned();
    fleet.job("starting");
    assert!(within(40, || deliveries() == "unconfirmed"), "{:#?}", fleet.jobs());
    assert!(fleet.aio(&["jobs"]).out.contains("nothing says that it took it; next: look at its terminal"));
    assert!(within(60, || deliveries() == "acknowledged"), "{:#?}", fleet.jobs());
    assert_eq!((terminal.end().0, fleet.prompt().matches("YOUR FIRST ACTION").count()), (0, 1));
}

#[test]
fn a_terminal_that_a_killed_agent_left_raw_is_put_right() {
    let fleet = Fleet::new();
    let (code, shown) = start(&fleet, json!([{ "signal": 9 }]), &["l--", "x"]).end();
    assert_eq!(code, 128 + 9, "{shown}");
    let id = fleet.job("crashed")["id"].as_str().unwrap().to_owned();
    assert!(shown.ends_with(&format!("next: aio resume {id}; aio remove {id}\r\n")), "{shown:?}");
    assert_eq!(fleet.jobs()[0]["attempt"], 1, "whoever sits there starts it again, or not");
}

#[test]
fn an_agent_needs_no_repository_here_and_one_for_a_worktree() {
    let fleet = Fleet::new();
    let script = script(&fleet, json!([{ "quit": 0 }]));
    let (code, shown) = Terminal::start(fleet.command(&script).args(["l", "x"]).current_dir(&fleet.world.home)).end();
    assert_eq!(code, 0, "{shown}");
    let (code, shown) = Terminal::start(fleet.command(&script).args(["l--", "x"]).current_dir(&fleet.world.home)).end();
    assert_eq!(code, 6, "{shown}");
    assert!(shown.trim_end().lines().count() == 1 && shown.contains("; next: "), "{shown}");
    let (code, shown) = Terminal::start(fleet.command(&script).args(["l--", "x", "--target", "nope"])).end();
    assert!(code == 6 && shown.contains("nope"), "{shown}");
    assert!(fleet.jobs().is_empty());
}

#[test]
fn before_its_agent_runs_ctrl_c_is_for_aio() {
    let fleet = Fleet::new();
    assert_eq!(fleet.aio(&["projects", "add", ".", "--setup", "echo $$ > ../pid; sleep 600"]).code, 0);
    let mut terminal = start(&fleet, json!([]), &["l--", "x"]);
    terminal.shows("setup");
    let folder = fleet.world.dir.join("worktrees/project");
    let pid =
        eventually("the setup", || std::fs::read_to_string(folder.join("pid")).ok().filter(|pid| pid.ends_with('\n')));
    terminal.keys(b"\x03");
    let (code, shown) = terminal.end();
    assert_eq!(code, 130, "{shown}");
    let id = fleet.job("stopped")["id"].as_str().unwrap().to_owned();
    assert!(shown.contains(&format!("Interrupted: {id} was not started; next: aio remove {id}")), "{shown}");
    assert!(within(10, || !Path::new(&format!("/proc/{}", pid.trim())).exists()), "the setup runs on");
    assert_eq!(fleet.aio(&["remove", &id]).code, 0);
    assert!(git(&fleet.world.project, &["branch", "--list", "aio/*"]).out.is_empty());
    assert!(!fleet.given.join("args").exists(), "no agent was started");
    assert_eq!(fleet.aio(&["projects", "add", ".", "--setup", "echo no database; exit 3"]).code, 0);
    let (code, shown) = start(&fleet, json!([]), &["l--", "x"]).end();
    assert_eq!(code, 6, "{shown}");
    assert!(shown.contains("was not started: the setup command failed: no database"), "{shown}");
    assert!(shown.contains("next: aio logs claude-"), "{shown}");
}
