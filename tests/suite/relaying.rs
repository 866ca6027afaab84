//! A prompt for an agent whose command line cannot carry it: pasted into a terminal of its own, between it and the person's.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::fleet::{Fleet, within, write};
use crate::harness::eventually;
use crate::terminal::Terminal;

/// What would not survive a shell, a key binding or the end of a paste; and what of it can be pasted.
const AWKWARD: &str = "-rf \"double\" 'single' `tick` $HOME\n\n\tsecond line, é 漢字 👩‍👩‍👧\r\nrm\x1b[201~ -x\x03\n/help\n";
const CLEAN: &str = "-rf \"double\" 'single' `tick` $HOME\n\n\tsecond line, é 漢字 👩‍👩‍👧\nrm -x\n/help\n";

fn script(fleet: &Fleet, steps: Value) -> Value {
    json!({ "record": fleet.given, "hooks": true, "turns": [steps] })
}

fn start(fleet: &Fleet, script: &Value, words: &[&str]) -> Terminal {
    Terminal::start(fleet.command(script).args(words))
}

fn recorded(fleet: &Fleet, name: &str) -> String {
    eventually(name, || std::fs::read_to_string(fleet.given.join(name)).ok())
}

fn has(fleet: &Fleet, name: &str) -> bool {
    fleet.given.join(name).exists()
}

fn is_gone(pid: &str) -> bool {
    within(20, || !Path::new(&format!("/proc/{pid}")).exists())
}

#[test]
fn a_prompt_is_in_the_input_box_to_the_byte_and_the_person_s_to_send() {
    let fleet = Fleet::new();
    let steps = json!([write("b.txt"), { "run": ["sh", "-c", "aio status > status"] }, { "quit": 3 }]);
    let mut terminal = start(&fleet, &script(&fleet, steps), &["cp", "--", AWKWARD]);
    assert_eq!(recorded(&fleet, "input"), CLEAN);
    assert_eq!(recorded(&fleet, "args").matches('"').count(), 2, "nothing of it is on the command line");
    terminal.shows("[Pasted text #1 +5 lines]");
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(!has(&fleet, "prompt-0001"), "it was sent");
    terminal.keys(b"and more");
    terminal.keys(b"\r");
    let (code, shown) = terminal.end();
    assert_eq!((code, recorded(&fleet, "prompt-0001")), (3, format!("{CLEAN}and more")), "{shown}");
    assert!(shown.contains("aio: of the prompt was left out: 1 × CR, 1 × end of paste, 1 × ETX"), "{shown}");
    assert!(fleet.world.project.join("b.txt").exists(), "it works here");
    let status = std::fs::read_to_string(fleet.world.project.join("status")).unwrap();
    assert!(status.contains("codex-") && status.contains("b.txt"), "{status}");
    assert!(fleet.world.claims().is_empty() && fleet.jobs().is_empty());
}

#[test]
fn the_terminal_is_put_back_and_its_size_passed_on() {
    let fleet = Fleet::new();
    let steps = json!([{ "run": ["sh", "-c", "stty size < /dev/tty > size"] }, { "signal": 9 }]);
    // A shell that outlives it, to look at the terminal afterwards.
    let mut shell = Command::new("sh");
    let program = fleet.command(&script(&fleet, steps));
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(&fleet.world.project);
    let line = "read begin; aio cp 'Mind the gap'; echo ended $?; read end";
    let mut terminal = Terminal::start(shell.args(["-c", line]));
    let usual = terminal.settings();
    assert!(usual.local_modes.contains(rustix::termios::LocalModes::ICANON));
    terminal.keys(b"\n");
    terminal.shows("› Mind the gap");
    let raw = terminal.settings();
    assert!(!raw.local_modes.contains(rustix::termios::LocalModes::ICANON));
    terminal.resize(41, 97);
    std::thread::sleep(std::time::Duration::from_millis(200));
    terminal.keys(b"\r");
    terminal.shows("ended 137");
    let modes = |settings: &rustix::termios::Termios| {
        (settings.input_modes, settings.output_modes, settings.control_modes, settings.local_modes)
    };
    assert_eq!(modes(&terminal.settings()), modes(&usual));
    assert_eq!(std::fs::read_to_string(fleet.world.project.join("size")).unwrap(), "41 97\n");
    terminal.keys(b"\n");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn nothing_is_typed_at_a_question() {
    let fleet = Fleet::new();
    let mut script = script(&fleet, json!([{ "quit": 0 }]));
    script["asks_to_trust"] = true.into();
    let mut terminal = start(&fleet, &script, &["cp", "Mind"]);
    terminal.shows("Enter to confirm");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(!has(&fleet, "typed"), "{}", recorded(&fleet, "typed"));
    terminal.keys(b"\x1b[B");
    terminal.shows("❯ Yes, I trust");
    terminal.keys(b"\r");
    terminal.shows("› Mind");
    terminal.keys(b" the gap\r");
    assert_eq!((terminal.end().0, &*recorded(&fleet, "prompt-0001")), (0, "Mind the gap"));
    assert_eq!(recorded(&fleet, "typed"), "[27, 91, 66]\n[13]\n");
}

#[test]
fn a_prompt_that_was_never_written_is_told_of() {
    let fleet = Fleet::new();
    let slow = json!({ "record": fleet.given, "slow_start_ms": 3000, "turns": [[{ "quit": 0 }]] });
    let mut terminal = start(&fleet, &slow, &["cp", "Mind"]);
    recorded(&fleet, "pid");
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.keys(b"other words");
    terminal.shows("? for shortcuts");
    std::thread::sleep(std::time::Duration::from_millis(600));
    terminal.keys(b"\x03");
    let (code, shown) = terminal.end();
    assert!(code == 0 && !has(&fleet, "input"), "{shown}");
    let words = "aio: the prompt was left to you: you had begun to type there; it is in the command line that you started it with";
    assert!(shown.contains(words), "{shown}");
    let mut asking = script(&fleet, json!([]));
    asking["asks_to_trust"] = true.into();
    let mut terminal = start(&fleet, &asking, &["cp", "Mind"]);
    terminal.shows("Enter to confirm");
    terminal.keys(b"\r");
    let (code, shown) = terminal.end();
    assert!(
        code == 1 && shown.contains("aio: the prompt was not written: the agent was not seen at its own prompt"),
        "{shown}"
    );
}

#[test]
fn an_agent_without_such_a_command_line_gets_its_prompt_sent() {
    let fleet = Fleet::new();
    std::fs::copy(fleet.bin.join("codex"), fleet.bin.join("amp")).unwrap();
    for words in [&["app", "Fix it\nnow"][..], &["a", "Fix it\nnow"]] {
        let script = json!({ "record": fleet.given, "turns": [[{ "quit": 0 }]] });
        let mut command = fleet.command(&script);
        let (code, shown) = Terminal::start(command.env("AMP_API_KEY", "x").args(words)).end();
        assert_eq!((code, &*recorded(&fleet, "prompt-0001")), (0, "Fix it\nnow"), "{shown}");
        std::fs::remove_dir_all(&fleet.given).unwrap();
    }
}

#[test]
fn what_is_longer_than_a_command_line_is_pasted_whole() {
    let fleet = Fleet::new();
    let long = fleet.world.home.join("long");
    let text = (0..40_000).map(|line| format!("line {line} of it\n")).collect::<String>();
    std::fs::write(&long, &text).unwrap();
    let words = ["cp", "-f", long.to_str().unwrap()];
    let mut terminal = start(&fleet, &script(&fleet, json!([{ "quit": 0 }])), &words);
    assert!(recorded(&fleet, "input") == text, "it did not arrive whole");
    terminal.keys(b"\r");
    assert_eq!(terminal.end().0, 0);
    assert!(recorded(&fleet, "prompt-0001") == text);
}

#[test]
fn in_a_worktree_it_is_a_job_that_waits_for_the_person() {
    let fleet = Fleet::new();
    let mut terminal = start(&fleet, &script(&fleet, json!([{ "quit": 5 }])), &["cp--", "Mind\x1b"]);
    terminal.shows("› Mind");
    let job = fleet.job("waiting for you");
    assert!(within(10, || fleet.jobs()[0]["delivery"] == "delivered"), "{job:#}");
    let receipt = "written, and not sent: that is for who sits there; left out: 1 × ESC";
    let job = fleet.job("waiting for you");
    assert_eq!((&job["receipt"], &job["runtime"]), (&json!(receipt), &json!("terminal")), "{job:#}");
    terminal.keys(b" the gap\r");
    let (code, shown) = terminal.end();
    assert_eq!((code, &*recorded(&fleet, "prompt-0001")), (5, "Mind the gap"), "{shown}");
    let job = fleet.job("failed");
    assert_eq!((&job["delivery"], &job["exitCode"]), (&json!("acknowledged"), &json!(5)), "{job:#}");
    assert!(shown.contains(&format!("next: aio resume {}", job["id"].as_str().unwrap())), "{shown}");
}

#[test]
fn a_job_whose_prompt_was_not_written_says_where_it_is() {
    let fleet = Fleet::new();
    let mut asking = script(&fleet, json!([]));
    asking["asks_to_trust"] = true.into();
    let mut terminal = start(&fleet, &asking, &["cp--", "Mind"]);
    terminal.shows("Enter to confirm");
    assert_eq!(fleet.job("waiting for you")["delivery"], "queued");
    terminal.keys(b"\r");
    let (code, shown) = terminal.end();
    let id = fleet.job("failed")["id"].as_str().unwrap().to_owned();
    let file = fleet.world.dir.join("jobs").join(id).join("task");
    assert!(code == 1 && shown.contains(&format!("its own prompt; it is in {}", file.display())), "{shown}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "Mind");
}

#[test]
fn an_agent_ends_with_the_terminal_and_by_the_signals_that_aio_gets() {
    let fleet = Fleet::new();
    for words in [&["cp", "Mind"][..], &["cp--", "Mind"]] {
        let terminal = start(&fleet, &script(&fleet, json!([])), words);
        terminal.shows("› Mind");
        let agent = recorded(&fleet, "pid");
        terminal.hang_up();
        assert!(is_gone(&agent), "{words:?}: its agent runs on");
        let terminal = start(&fleet, &script(&fleet, json!([])), words);
        terminal.shows("› Mind");
        let agent = recorded(&fleet, "pid");
        assert!(Command::new("kill").arg(terminal.pid().to_string()).status().unwrap().success());
        let (code, shown) = terminal.end();
        assert_eq!(code, 128 + 15, "{words:?}: {shown}");
        assert!(is_gone(&agent), "{words:?}: its agent runs on");
        let terminal = start(&fleet, &script(&fleet, json!([])), words);
        terminal.shows("› Mind");
        let agent = recorded(&fleet, "pid");
        // As by `kill -9`.
        drop(terminal);
        assert!(is_gone(&agent), "{words:?}: its agent runs on");
    }
}

#[test]
fn who_stops_the_agent_has_the_shell_back_until_both_go_on() {
    let fleet = Fleet::new();
    let mut shell = Command::new("bash");
    let program = fleet.command(&script(&fleet, json!([{ "quit": 4 }])));
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(&fleet.world.project);
    let mut terminal = Terminal::start(shell.args(["--norc", "--noprofile", "-i"]).env("PS1", "$ "));
    terminal.keys(b"aio cp Mind\r");
    terminal.shows("› Mind");
    terminal.keys(b"\x1a");
    terminal.shows("Stopped");
    let moments = recorded(&fleet, "moments");
    assert!(moments.contains("suspended") && !moments.contains("continued"), "{moments}");
    terminal.keys(b"echo in the $((1 + 1))nd shell\r");
    terminal.shows("in the 2nd shell");
    terminal.keys(b"fg\r");
    assert!(within(20, || recorded(&fleet, "moments").contains("continued")));
    // A stop that cannot be caught.
    let agent = recorded(&fleet, "pid");
    let stops = || terminal.text().matches("Stopped").count();
    let before = stops();
    assert!(Command::new("kill").args(["-STOP", &agent]).status().unwrap().success());
    assert!(within(20, || stops() > before), "{}", terminal.text());
    terminal.keys(b"fg\r");
    assert!(within(20, || {
        let status = std::fs::read_to_string(format!("/proc/{agent}/stat")).unwrap_or_default();
        !status.contains(") T ")
    }));
    terminal.keys(b" the gap\r");
    assert_eq!(recorded(&fleet, "prompt-0001"), "Mind the gap");
    // What is typed before that is the agent's.
    let has_ended = || !std::path::Path::new(&format!("/proc/{agent}")).exists();
    assert!(within(20, || has_ended() && terminal.text().ends_with("$ ")), "{}", terminal.text());
    terminal.keys(b"echo ended $?; exit\r");
    let (_, shown) = terminal.end();
    assert!(shown.contains("ended 4"), "{shown}");
}
