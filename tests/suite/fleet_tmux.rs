//! tmux itself: panes, how they end, what is pasted into them, and what is said when the server is gone or stopped.
//!
//! A machine need not have tmux for the tests to pass; then they check that it is said. The proofs need it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aio::fleet::paste::{Unpasted, Unready, is_shown, paste, press_enter, sanitise};
use aio::fleet::tmux::{Pane, Seen, Start, Tmux, TmuxError, version};
use serde_json::json;

use crate::deliveries::{awkward, texts};
use crate::fake_agent::FakeAgent;
use crate::harness::{World, eventually, is_proof, run};

/// A server of this world's own; nothing of it is left.
struct Server {
    world: World,
    tmux: Tmux,
}

impl Server {
    /// `None` where there is no tmux, after a look at what is said then.
    fn new() -> Option<Server> {
        let world = World::new();
        std::fs::create_dir_all(&world.dir).unwrap();
        let tmux = Tmux::new(&world.dir).limit(Duration::from_secs(20));
        let server = Server { world, tmux };
        match version() {
            Ok(_) => Some(server),
            Err(error) => {
                if is_proof() {
                    panic!("{error}: apt-get install tmux");
                }
                eprintln!("{error}: only that this is said was tried (apt-get install tmux)");
                let refused = server.try_start("x", "cat", &[]).unwrap_err();
                assert_eq!((&refused, &*refused.to_string()), (&TmuxError::Missing, "tmux is not installed"));
                assert_eq!(server.tmux.jobs(), Err(TmuxError::Missing));
                None
            }
        }
    }

    fn try_start(&self, job: &str, program: &str, args: &[&str]) -> Result<(Pane, u32), TmuxError> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        self.start_with(job, &[], program.as_ref(), &args)
    }

    fn start_with(
        &self,
        job: &str,
        environment: &[(String, OsString)],
        program: &OsStr,
        args: &[OsString],
    ) -> Result<(Pane, u32), TmuxError> {
        let inherited: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        let folder = &self.world.project;
        self.tmux.start(&Start { job, folder, inherited: &inherited, environment, program, args })
    }

    fn start(&self, job: &str, program: &str, args: &[&str]) -> Pane {
        self.try_start(job, program, args).unwrap().0
    }

    /// An agent at its prompt.
    fn agent(&self, job: &str, script: serde_json::Value) -> (Pane, FakeAgent) {
        let agent = FakeAgent::new(&self.world, "claude", script);
        let environment = [("AIO_FAKE_AGENT".to_owned(), OsString::from(&agent.script))];
        let (pane, _) = self.start_with(job, &environment, agent.program.as_os_str(), &[]).unwrap();
        eventually("its prompt", || self.tmux.screen(&pane).unwrap().contains('❯').then_some(()));
        (pane, agent)
    }

    fn seen(&self, pane: &Pane) -> Seen {
        self.tmux.look(pane).unwrap().unwrap()
    }

    fn wait_for_end(&self, pane: &Pane) {
        eventually("its end", || self.seen(pane).has_ended.then_some(()));
    }

    fn socket(&self) -> PathBuf {
        self.world.dir.join("tmux.sock")
    }

    /// As somebody with the same socket would.
    fn by_hand(&self, words: &[&str]) -> String {
        let mut command = Command::new("tmux");
        let ran = run(command.args(["-f", "/dev/null", "-S"]).arg(self.socket()).args(words));
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.out.trim_end().to_owned()
    }

    fn pid(&self) -> i32 {
        self.by_hand(&["display-message", "-p", "#{pid}"]).parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed may have left sessions that are no job's.
        Command::new("tmux").arg("-S").arg(self.socket()).arg("kill-server").output().map(drop).unwrap_or_default();
    }
}

fn signal(pid: i32, signal: i32) {
    let (pid, signal) = (rustix::process::Pid::from_raw(pid), rustix::process::Signal::from_named_raw(signal));
    rustix::process::kill_process(pid.unwrap(), signal.unwrap()).unwrap();
}

#[test]
fn a_pane_has_its_folder_its_environment_and_its_very_arguments() {
    let Some(mut server) = Server::new() else { return };
    server.world.project = server.world.project.join("#(touch pwned) #{pane_id} #[fg=red]; $x");
    std::fs::create_dir(&server.world.project).unwrap();
    let out = server.world.home.join("out");
    let script = "pwd > \"$0\"; printf '%s|' \"$A\" \"$STALE\" \"$HOME\" \"$TERM\" \"$@\" >> \"$0.new\"; mv \"$0.new\" \"$0.args\"; cat";
    let awkward = ["a;", ";", r"a\;", "#{pane_id}", "#(touch pwned)", "$(touch pwned)", "", "-t", "é\n"];
    let args = ["-c", script, out.to_str().unwrap()].iter().chain(&awkward).map(OsString::from).collect::<Vec<_>>();
    let environment = [("A".to_owned(), OsString::from("b c\n#{pid};"))];
    let folder = &server.world.project;
    // Whoever started the server first had a variable that is nobody else's. (One word alone would go to the shell of the account.)
    let mut first = Command::new("tmux");
    first.env("STALE", "stale").args(["-f", "/dev/null", "-S"]).arg(server.socket());
    assert_eq!(run(first.args(["new-session", "-d", "-s", "mine", "cat", "-"])).code, 0);
    let (pane, pid) = server.start_with("x", &environment, "sh".as_ref(), &args).unwrap();
    assert_eq!(server.seen(&pane).pid, pid);
    let got = eventually("its arguments", || std::fs::read_to_string(out.with_extension("args")).ok());
    let home = std::env::var("HOME").unwrap();
    assert_eq!(got, format!("b c\n#{{pid}};||{home}|screen-256color|{}|", awkward.join("|")));
    assert_eq!(std::fs::read_to_string(&out).unwrap().trim_end(), folder.to_str().unwrap());
    assert!(!folder.join("pwned").exists());
    assert_eq!(server.tmux.jobs().unwrap(), ["x"], "the session that is no job's is not ours");
    server.by_hand(&["kill-session", "-t", "=mine"]);
}

#[test]
fn the_server_is_as_it_should_be_and_goes_with_its_last_session() {
    let Some(server) = Server::new() else { return };
    server.start("x", "cat", &[]);
    for (option, value) in [("remain-on-exit", "on"), ("set-titles", "off"), ("history-limit", "20000")] {
        assert_eq!(server.by_hand(&["show-options", "-gv", option]), value);
    }
    for (option, value) in [("exit-empty", "on"), ("set-clipboard", "off")] {
        assert_eq!(server.by_hand(&["show-options", "-sv", option]), value);
    }
    let pid = rustix::process::Pid::from_raw(server.pid()).unwrap();
    assert!(server.tmux.kill("x").unwrap());
    eventually("the server's end", || rustix::process::test_kill_process(pid).is_err().then_some(()));
    assert_eq!((server.tmux.jobs(), server.tmux.panes()), (Ok(Vec::new()), Ok(Vec::new())));
}

#[test]
fn only_what_has_ended_makes_room() {
    let Some(server) = Server::new() else { return };
    let (running, ended) = (server.start("a", "cat", &[]), server.start("b", "true", &[]));
    eventually("its end", || server.seen(&ended).has_ended.then_some(()));
    server.tmux.kill_ended(&running).unwrap();
    server.tmux.kill_ended(&Pane { job: "a".to_owned(), ..ended.clone() }).unwrap();
    assert_eq!(server.tmux.jobs().unwrap(), ["a", "b"]);
    server.tmux.kill_ended(&ended).unwrap();
    assert_eq!(server.tmux.jobs().unwrap(), ["a"]);
    assert_eq!(server.tmux.kill_ended(&ended), Ok(()), "another was first");
}

#[test]
fn neighbours_names_are_not_taken_for_each_other() {
    let Some(server) = Server::new() else { return };
    let alpha = server.start("claude-alpha", "sh", &["-c", "echo alpha; cat"]);
    assert!(!server.tmux.kill("claude-a").unwrap(), "there is only claude-alpha");
    let short = server.start("claude-a", "sh", &["-c", "echo short; cat"]);
    assert!(matches!(server.try_start("claude-a", "cat", &[]), Err(TmuxError::Taken(_))), "there is one already");
    eventually("its screen", || server.tmux.screen(&short).unwrap().contains("short").then_some(()));
    assert_eq!(server.tmux.look(&Pane { job: "claude-a".to_owned(), ..alpha.clone() }).unwrap(), None);
    assert!(server.tmux.kill("claude-a").unwrap());
    assert_eq!(
        (server.tmux.look(&short).unwrap(), server.tmux.jobs().unwrap()),
        (None, vec!["claude-alpha".to_owned()])
    );
    assert!(matches!(server.tmux.screen(&short), Err(TmuxError::Gone(_))));
    for job in ["a.b", "a:b", "", "=a", "#{pid}", "a b"] {
        assert!(matches!(server.try_start(job, "cat", &[]), Err(TmuxError::Failed(_))), "{job:?}");
    }
}

#[test]
fn that_a_program_ended_is_seen_afterwards() {
    let Some(server) = Server::new() else { return };
    // What a program wrote just before its end tmux may not have read when it hears of the end, and then never reads.
    let (script, heard) = (
        r#"seq 100; echo the last words; until [ -e "$0" ]; do sleep 0.05; done; exit 7"#,
        server.world.home.join("heard"),
    );
    let failed = server.start("failed", "sh", &["-c", script, heard.to_str().unwrap()]);
    let killed = server.start("killed", "sh", &["-c", "kill -9 $$"]);
    let missing = server.start("missing", "/no/such/program", &[]);
    let running = server.start("running", "cat", &[]);
    eventually("its words", || server.tmux.screen(&failed).unwrap().contains("the last words").then_some(()));
    std::fs::write(&heard, "").unwrap();
    [&failed, &killed, &missing].iter().for_each(|pane| server.wait_for_end(pane));
    assert!(!server.seen(&running).has_ended);
    let tail = server.tmux.tail(&failed, 70).unwrap();
    assert!(tail.contains("the last words") && tail.lines().count() <= 70, "{tail}");
    assert!(tail.contains("\n50\n"), "what rolled off the screen is there: {tail}");
    assert!(matches!(paste(&server.tmux, &failed, "x"), Err(Unpasted::Nothing(Unready::Ended))));
}

#[test]
fn what_a_person_types_shows_the_job() {
    let (Some(server), Some(person)) = (Server::new(), Server::new()) else { return };
    let pane = server.start("claude-a", "sh", &["-c", "echo this is it; cat"]);
    let command = server.tmux.attach_command("claude-a");
    let terminal = person.start("terminal", "sh", &["-c", &format!("unset TMUX; {command}; cat")]);
    eventually("the job", || person.tmux.screen(&terminal).unwrap().contains("this is it").then_some(()));
    assert!(server.seen(&pane).is_attached);
}

#[test]
fn a_directory_with_a_long_path_has_a_server_too() {
    let Some(server) = Server::new() else { return };
    let [deep, other] = ["deep", "other"].map(|end| Tmux::new(&server.world.dir.join("long".repeat(40)).join(end)));
    let args = [OsString::from("60")];
    let (folder, program) = (&*server.world.project, OsStr::new("sleep"));
    let start = Start { job: "x", folder, inherited: &[], environment: &[], program, args: &args };
    let (pane, _) = deep.start(&start).unwrap();
    assert_eq!((deep.jobs().unwrap(), other.jobs().unwrap()), (vec!["x".to_owned()], Vec::new()));
    assert!(!deep.look(&pane).unwrap().unwrap().has_ended);
    assert!(deep.kill("x").unwrap());
    let command = deep.attach_command("x");
    let name = command.split(' ').nth(2).unwrap();
    // tmux leaves the socket.
    let folder = std::env::var("TMUX_TMPDIR").unwrap_or("/tmp".to_owned());
    let socket = format!("{folder}/tmux-{}/{name}", rustix::process::getuid().as_raw());
    std::fs::remove_file(socket).unwrap();
    let gone = Start { folder: &server.world.project.join("gone"), ..start };
    assert!(deep.start(&gone).unwrap_err().to_string().ends_with("/gone is no folder"));
}

#[test]
fn every_paste_arrives_once_and_exactly() {
    let Some(server) = Server::new() else { return };
    let (pane, agent) = server.agent("claude-a", json!({}));
    let start = Instant::now();
    for number in 0..texts() {
        let text = awkward(number);
        let pasted = paste(&server.tmux, &pane, &text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let expected = sanitise(&text);
        assert!(agent.prompt(number + 1) == expected.text.as_bytes(), "{number}: {text:?}");
        assert_eq!((pasted.removed, pasted.was_read), (expected.removed, true), "{number}");
    }
    println!("{} pastes in {:?}", texts(), start.elapsed());
    assert_eq!(agent.prompts(), texts(), "none came twice");
    assert_eq!(server.by_hand(&["list-buffers"]), "");
    assert_eq!(paste(&server.tmux, &pane, "\x1b\x03"), Err(Unpasted::Nothing(Unready::Empty)));
}

#[test]
fn a_pane_that_somebody_scrolls_in_is_put_back_first() {
    let Some(server) = Server::new() else { return };
    let (pane, agent) = server.agent("claude-a", json!({}));
    for (before, mode) in ["copy-mode", "choose-tree", "clock-mode"].into_iter().enumerate() {
        server.by_hand(&[mode, "-t", &pane.id]);
        assert!(server.seen(&pane).is_in_mode, "{mode}");
        paste(&server.tmux, &pane, mode).unwrap();
        assert_eq!((agent.prompt(before + 1), agent.prompts()), (mode.as_bytes().to_vec(), before + 1));
        assert!(!server.seen(&pane).is_in_mode, "{mode}");
    }
}

#[test]
fn a_program_that_does_not_read_keys_gets_nothing() {
    let Some(server) = Server::new() else { return };
    let pane = server.start("x", "cat", &[]);
    assert_eq!(paste(&server.tmux, &pane, "Fix it"), Err(Unpasted::Nothing(Unready::ReadsLines)));
    let slow = FakeAgent::new(&server.world, "claude", json!({ "slow_start_ms": 300 }));
    let environment = [("AIO_FAKE_AGENT".to_owned(), OsString::from(&slow.script))];
    let (pane, _) = server.start_with("slow", &environment, slow.program.as_os_str(), &[]).unwrap();
    // Nothing was sent, so it may be tried again until it is ready.
    eventually("its start", || paste(&server.tmux, &pane, "Fix it").ok());
    assert_eq!((slow.prompt(1), slow.prompts()), (b"Fix it".to_vec(), 1));
}

#[test]
fn an_enter_that_was_swallowed_and_a_paste_that_was_ignored_show() {
    let Some(server) = Server::new() else { return };
    let shows = |pane: &Pane| is_shown(&server.tmux.screen(pane).unwrap(), "Fix the parser");
    let (pane, agent) = server.agent("swallows", json!({ "swallow_enters": 1 }));
    assert!(!shows(&pane));
    paste(&server.tmux, &pane, "Fix the parser").unwrap();
    assert!(shows(&pane));
    assert_eq!(agent.prompts(), 0);
    press_enter(&server.tmux, &pane).unwrap();
    assert_eq!((agent.prompt(1), agent.prompts()), (b"Fix the parser".to_vec(), 1));

    let (pane, agent) = server.agent("ignores", json!({ "ignore_pastes": 1 }));
    assert!(paste(&server.tmux, &pane, "Fix the parser").unwrap().was_read);
    assert!(!shows(&pane));
    assert_eq!(agent.prompts(), 0);
}

#[test]
fn an_agent_that_does_not_read_is_said() {
    let Some(server) = Server::new() else { return };
    // A stopped one would not do: tmux lets it go on.
    let (pane, agent) = server.agent("claude-a", json!({ "turns": [[{ "sleep_ms": 7000 }], []] }));
    assert!(paste(&server.tmux, &pane, "Take your time").unwrap().was_read);
    agent.prompt(1);
    assert!(!paste(&server.tmux, &pane, "Fix it").unwrap().was_read);
    // It reads the Enter with the paste, and takes it for a part of it; another one is no second paste.
    eventually("its prompt", || {
        press_enter(&server.tmux, &pane).unwrap();
        (agent.prompts() > 1).then_some(())
    });
    assert_eq!((String::from_utf8(agent.prompt(2)).unwrap().trim_end(), agent.prompts()), ("Fix it", 2));
}

#[test]
fn a_killed_server_is_said_and_another_can_be_started() {
    let Some(server) = Server::new() else { return };
    let (pane, _) = server.agent("claude-a", json!({}));
    let pid = server.pid();
    signal(pid, 9);
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    eventually("its end", || rustix::process::test_kill_process(pid).is_err().then_some(()));
    assert!(server.socket().exists(), "its socket is left");
    gone(&server, &pane);
    std::fs::remove_file(server.socket()).unwrap();
    gone(&server, &pane);
    let again = server.start("claude-a", "cat", &[]);
    assert_eq!(server.tmux.jobs().unwrap(), ["claude-a"]);
    assert!(!server.seen(&again).has_ended);
}

fn gone(server: &Server, pane: &Pane) {
    assert_eq!(
        (server.tmux.jobs(), server.tmux.look(pane), server.tmux.kill("claude-a")),
        (Ok(Vec::new()), Ok(None), Ok(false))
    );
    assert!(matches!(server.tmux.screen(pane), Err(TmuxError::Gone(_))));
    let error = paste(&server.tmux, pane, "Fix it").unwrap_err();
    assert_eq!(error.to_string(), "nothing was pasted: not in tmux any more: pane %0 of claude-a");
}

#[test]
fn a_stopped_server_is_said_within_the_limit() {
    let Some(server) = Server::new() else { return };
    let (pane, agent) = server.agent("claude-a", json!({}));
    let (pid, limit) = (server.pid(), Duration::from_millis(300));
    let tmux = server.tmux.clone().limit(limit);
    signal(pid, 19);
    let start = Instant::now();
    let answers =
        [tmux.jobs().map(drop), tmux.look(&pane).map(drop), tmux.screen(&pane).map(drop), tmux.kill("x").map(drop)];
    let pasted = paste(&tmux, &pane, "Fix it");
    let (folder, program) = (Path::new("/"), OsStr::new("cat"));
    let other = Start { job: "b", folder, inherited: &[], environment: &[], program, args: &[] };
    let started = tmux.start(&other).map(drop);
    let took = start.elapsed();
    signal(pid, 18);
    assert_eq!(answers, [(); 4].map(|()| Err(TmuxError::Hung(limit))));
    assert_eq!(pasted, Err(Unpasted::Nothing(Unready::Tmux(TmuxError::Hung(limit)))));
    assert_eq!(started, Err(TmuxError::Hung(limit)));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(TmuxError::Hung(limit).to_string(), "the tmux server did not answer within 300ms");
    paste(&server.tmux, &pane, "Fix it now").unwrap();
    assert_eq!((agent.prompt(1), agent.prompts()), (b"Fix it now".to_vec(), 1));
    assert_eq!(server.tmux.jobs().unwrap(), ["claude-a"], "what was not done in time is not done later");
}
