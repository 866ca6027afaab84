//! Bad input: one line that names the thing, the reason and the next step; the documented code; the state untouched.

use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::harness::{Ran, World, run};

/// A world with a state, and what refuses in it.
struct Refusing {
    world: World,
    claude: String,
    codex: String,
}

impl Refusing {
    fn new() -> Refusing {
        let world = World::new();
        let (claude, codex) = (world.register("claude"), world.register("codex"));
        world.claim(&codex, "held");
        world.file("src/a.rs");
        Refusing { world, claude, codex }
    }

    fn refuses(&self, args: &[&str], code: i32, names: &[&str]) {
        let before = std::fs::read(self.world.state_path()).unwrap();
        let ran = self.world.aio_as(&self.claude, args);
        assert_plain(&ran, code, names);
        assert_eq!(ran.out, "", "{args:?}");
        assert_eq!(std::fs::read(self.world.state_path()).unwrap(), before, "{args:?}");
    }
}

fn assert_plain(ran: &Ran, code: i32, names: &[&str]) {
    let shown = ran.err.get(..400.min(ran.err.len())).unwrap_or_default();
    assert_eq!(ran.code, code, "{shown}");
    assert!(ran.err.len() < 2000, "{} bytes of message", ran.err.len());
    assert_eq!(ran.err.lines().count(), 1, "one line: {shown}");
    assert!(ran.err.starts_with("aio: ") && ran.err.contains("; next: "), "{shown}");
    assert!(!ran.err.trim_end().contains(|c: char| c.is_control()), "{shown:?}");
    for name in names {
        assert!(ran.err.contains(name), "{name:?} in {shown}");
    }
}

#[test]
fn unknown_verbs_kinds_and_options() {
    let at = Refusing::new();
    at.refuses(&["frobnicate"], 2, &["frobnicate"]);
    at.refuses(&["claim", "filee", "a"], 2, &["filee", "directory, pattern, task or resource"]);
    at.refuses(&["claim", "a", "--exclusive"], 2, &["--exclusive"]);
    at.refuses(&["context", "remember", "x"], 2, &["remember"]);
    at.refuses(&["context", "get", "gossip"], 2, &["gossip", "decision"]);
    at.refuses(&["completions", "tcl"], 2, &["tcl", "bash"]);
    at.refuses(&["check"], 2, &["PATHS"]);
    at.refuses(&["claim"], 2, &["KIND|TARGET"]);
    at.refuses(&["claim", "file"], 2, &["which file?"]);
    at.refuses(&["run"], 2, &["COMMAND"]);
    let line = format!(r"aio --as {} multi l:1 it -- '-x it'\''s' now; next: aio multi --help", at.claude);
    at.refuses(&["multi", "l:1", "it", "-x it's", "now"], 2, &["-x is no option of this; as a word: ", &line]);
    at.refuses(&["multi", "l:1", "-x", "--max", "1"], 2, &["'-x'"]);
    at.refuses(&["multi", "l:1", "-x\n", "it"], 2, &["'-x'"]);
    at.refuses(&["guard"], 2, &["PATHS"]);
}

#[test]
fn empty_and_huge_targets() {
    let at = Refusing::new();
    for verb in
        [&["claim", "file"][..], &["claim", "dir"], &["claim", "pattern"], &["claim", "task"], &["check"], &["guard"]]
    {
        at.refuses(&[verb, &[""]].concat(), 2, &["empty"]);
    }
    at.refuses(&["release", ""], 2, &["names no claim"]);
    // One argument of a megabyte is more than the kernel hands over; this is about the most it does.
    let huge = "x".repeat(120_000);
    for verb in [&["claim", "file"][..], &["claim", "pattern"], &["claim", "task"], &["check"]] {
        at.refuses(&[verb, &[&huge]].concat(), 2, &["120000 bytes"]);
    }
    at.refuses(&["release", &huge], 2, &[]);
    at.refuses(&["task", &huge], 2, &["120000 bytes"]);
    at.refuses(&["handoff", &huge], 2, &["120000 bytes"]);
    at.refuses(&["claim", "a", "--reason", &huge], 2, &["120000 bytes"]);
    at.refuses(&["task", "x", &huge], 2, &["120000 bytes"]);
    at.refuses(&["frobnicate", &huge], 2, &[]);
    at.refuses(&[&huge], 2, &[]);
    at.refuses(&["claim", &huge, "b"], 2, &[]);
    at.refuses(&["register", &huge], 2, &[]);
    at.refuses(&["register", "claude", "--session", &huge], 2, &["120000 bytes"]);
}

#[test]
fn a_megabyte_on_stdin() {
    let at = Refusing::new();
    let before = at.world.state_text();
    let script = format!("head -c 1000000 /dev/zero | tr '\\0' x | aio --as {} handoff -", at.claude);
    let ran = run(at.world.shell("/bin/bash").args(["-c", &script]));
    assert_plain(&ran, 2, &["8192"]);
    assert_eq!(at.world.state_text(), before);
}

#[test]
fn control_characters_in_names() {
    let at = Refusing::new();
    for kind in ["task", "resource", "pattern"] {
        at.refuses(&["claim", kind, "a\u{1b}[31mb"], 2, &["control characters", "\\u{1b}"]);
    }
    at.refuses(&["register", "cl\u{7}aude"], 2, &["tool name"]);
    at.refuses(&["register", "claude", "--session", "a\nb"], 2, &["session"]);
    at.refuses(&["release", "no\u{1b}[2Jsuch"], 2, &["no claim"]);
    at.refuses(&["--as", "\u{1b}[31m", "heartbeat"], 2, &["--as"]);
}

#[test]
fn a_directory_as_a_file_and_the_reverse() {
    let at = Refusing::new();
    at.refuses(&["claim", "file", "src"], 2, &["src is a directory", "aio claim directory src"]);
    at.refuses(&["claim", "src"], 2, &["src is a directory"]);
    at.refuses(&["claim", "dir", "src/a.rs"], 2, &["src/a.rs is a file", "aio claim file src/a.rs"]);
    at.refuses(&["claim", "file", "src/a.rs/below"], 2, &["src/a.rs"]);
}

#[test]
fn patterns_that_cannot_be_used() {
    let at = Refusing::new();
    at.refuses(&["claim", "pattern", &"*".repeat(10_000)], 2, &["10000 bytes"]);
    at.refuses(&["claim", "pattern", &"*?".repeat(2_000)], 2, &["cannot be used"]);
    at.refuses(&["claim", "pattern", &"{a,".repeat(1_000)], 2, &["cannot be used"]);
    at.refuses(&["claim", "pattern", "[a"], 2, &["cannot be used"]);
    at.refuses(&["claim", "pattern", "*/../x"], 2, &["after a wildcard"]);
}

#[test]
fn spans_of_time_that_are_none() {
    let at = Refusing::new();
    for ttl in ["0", "0s", "-5m", "soon", "99999999999999999999h", "400d", "5"] {
        at.refuses(&["claim", "a", "--ttl", ttl], 2, &[ttl, "--ttl"]);
    }
    at.refuses(&["claim", "a", "--wait", "0s"], 2, &["--wait"]);
    at.refuses(&["claim", "a", "--wait=soon"], 2, &["soon"]);
    at.refuses(&["context", "prune", "-1"], 2, &["-1"]);
    at.refuses(&["context", "get", "--since", "ever"], 2, &["ever"]);
}

#[test]
fn ids_that_are_unknown_or_ambiguous() {
    let at = Refusing::new();
    at.refuses(&["release", "zzzzzz"], 2, &["zzzzzz", "aio status"]);
    at.refuses(&["release", "0"], 2, &["\"0\""]);
    at.refuses(&["context", "close", "zzzzzz"], 2, &["zzzzzz"]);
    let (one, other) = (at.world.claim(&at.claude, "one"), at.world.claim(&at.claude, "other"));
    let shared = &one[..one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()];
    assert!(shared.len() >= 4, "the start of the id is its time: {one} {other}");
    at.refuses(&["release", shared], 2, &[shared, &one, &other, "use more of the id"]);
}

#[test]
fn what_belongs_to_another() {
    let at = Refusing::new();
    at.refuses(&["release", "held"], 1, &[&at.codex, "held"]);
}

#[test]
fn nobody_and_anybody() {
    let at = Refusing::new();
    at.refuses(&["--as", "claude-1-0000", "heartbeat"], 2, &["--as"]);
    let before = at.world.state_text();
    for args in [&["claim", "a"][..], &["heartbeat"], &["task", "x"], &["release", "all"]] {
        let unknown = at.world.aio([&["--as", "claude-1-0000"], args].concat());
        assert_plain(&unknown, 3, &["claude-1-0000", "aio register"]);
    }
    assert_plain(&at.world.detached("aio claim a"), 3, &["not registered", "aio register"]);
    let both =
        at.world.detached("aio register droid --session 1 2>/dev/null; aio register goose 2>/dev/null; aio claim a");
    assert_eq!(both.code, 3, "{both:?}");
    assert_ne!(at.world.state_text(), before, "the two did register");
}

#[test]
fn processes_and_projects_that_are_not_there() {
    let at = Refusing::new();
    at.refuses(&["register", "claude", "--pid", "4194305"], 2, &["4194305"]);
    at.refuses(&["register", "claude", "--pid", "0"], 2, &["0"]);
    at.refuses(&["register", "claude", "--pid", "-3"], 2, &["-3"]);
    at.refuses(&["register", "claude", "/no/such/folder"], 6, &["/no/such/folder"]);
    at.refuses(&["claim", "a", "--project", "/no/such/folder"], 6, &["/no/such/folder"]);
    at.refuses(&["context", "list", "--project", "/no/such/folder"], 6, &["/no/such/folder"]);
}

#[test]
fn no_home_and_a_directory_that_is_a_file() {
    let world = World::new();
    for home in [None, Some(""), Some("relative")] {
        let mut command = world.command("aio");
        match home {
            Some(home) => command.env("HOME", home),
            None => command.env_remove("HOME"),
        };
        assert_plain(&run(command.arg("status")), 6, &["HOME", "AIO_DIR"]);
    }
    std::fs::write(&world.dir, "a file").unwrap();
    for args in [&["status"][..], &["check", "a"], &["register", "claude"], &["init"], &["cleanup"]] {
        assert_plain(&world.aio(args), 6, &[world.dir.to_str().unwrap()]);
    }
    assert_eq!(std::fs::read_to_string(&world.dir).unwrap(), "a file");
    let elsewhere = world.home.join("own");
    assert_eq!(run(world.command("aio").env("AIO_DIR", &elsewhere).args(["register", "claude"])).code, 0);
    assert!(elsewhere.join("state.json").exists());
}

#[test]
fn settings_that_cannot_be_read() {
    let world = World::new();
    let path = world.dir.join("config.toml");
    std::fs::create_dir_all(&path).unwrap();
    assert_plain(&world.aio(["check", "a"]), 6, &["config.toml", "cannot be read"]);
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, b"cross_worktree = \"block\xff\"\n").unwrap();
    assert_plain(&world.aio(["check", "a"]), 6, &["config.toml", "cannot be read"]);
}

/// The exit code says what became of it, though nobody can read the answer.
#[test]
fn answers_that_cannot_be_written() {
    let world = World::new();
    let (claude, codex) = (world.register("claude"), world.register("codex"));
    let into_full = |id: &str, args: &[&str]| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = world.command("aio").args(["--as", id]).args(args).stdout(full).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for (id, args, code) in [
        (&claude, &["claim", "a"][..], 0),
        (&claude, &["context", "add", "learning", "x"], 0),
        (&codex, &["claim", "a"], 1),
        (&codex, &["--json", "claim", "a"], 1),
        (&codex, &["status"], 6),
        (&claude, &["release", "all"], 0),
    ] {
        let (exit, said) = into_full(id, args);
        assert!(exit == code && said.contains("the answer cannot be written: "), "{args:?}: {exit} {said}");
    }
    assert!(world.state()["claims"].as_object().unwrap().is_empty());

    // Nor does a note that nobody reads take the answer away.
    let (read, write) = std::io::pipe().unwrap();
    drop(read);
    let lost = world.register("amp");
    world.claim(&lost, "b");
    world.edit(|state| state["instances"][&lost]["bootId"] = "another".into());
    let output = world.command("aio").args(["--as", &claude, "claim", "b"]).stderr(write).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("Claimed: "));
}

/// Whatever stands in the lock file, the next writer makes it one again.
#[test]
fn a_lock_file_full_of_something_else() {
    let world = World::new();
    let claude = world.register("claude");
    let lock = world.dir.join("state.lock");
    let largest = format!("{:<255}\n", r#"{"pid":1,"since":"","revision":18446744073709551615}"#);
    for (number, junk) in [vec![0xa5; 5000], largest.into_bytes()].into_iter().enumerate() {
        std::fs::write(&lock, junk).unwrap();
        world.claim(&claude, &format!("a{number}"));
        let record: Value = serde_json::from_slice(&std::fs::read(&lock).unwrap()).unwrap();
        let revision = world.state()["revision"].as_u64().unwrap();
        assert!(record["revision"] == revision && revision == 2 + number as u64, "{record}");
    }
    world.write_state("{}");
    world.register("codex");
    assert_eq!(world.state()["revision"], 4);
    world.write_state(r#"{"revision":18446744073709551615,"instances":{"#);
    assert_eq!(world.aio(["doctor", "--repair"]).code, 0);
    assert_eq!(world.state()["revision"], 5);
}

/// Nobody waits for what will never be written into it.
#[test]
fn a_pipe_in_the_states_place() {
    let world = World::new();
    std::fs::create_dir_all(&world.dir).unwrap();
    let made = std::process::Command::new("mkfifo").arg(world.state_path()).status().unwrap();
    assert!(made.success());
    for args in [&["check", "a"][..], &["claim", "a"], &["status"], &["register", "claude"]] {
        let ran = world.aio(args);
        assert!(ran.code == 4 && ran.err.contains("not a regular file"), "{args:?}: {ran:?}");
    }
    let ran = world.aio(["doctor", "--repair"]);
    assert!(ran.code != 0 && ran.out.contains("not a regular file"), "{ran:?}");
}

#[test]
fn settings_that_cannot_be_understood() {
    let at = Refusing::new();
    for (line, name) in [("cross_worktree = 'maybe'", "maybe"), ("quiet_limit = 'long'", "quiet_limit"), ("= =", "")] {
        std::fs::write(at.world.dir.join("config.toml"), line).unwrap();
        at.refuses(&["claim", "a"], 6, &["config.toml", name]);
    }
}

#[test]
fn a_lock_somebody_keeps() {
    let at = Refusing::new();
    std::fs::write(at.world.dir.join("config.toml"), "lock_timeout = '50ms'").unwrap();
    let lock = std::fs::File::open(at.world.dir.join("state.lock")).unwrap();
    lock.lock().unwrap();
    at.refuses(&["claim", "a"], 5, &["state.lock", "try again"]);
    assert_eq!(at.world.aio_as(&at.claude, ["check", "a"]).code, 0, "readers need no lock");
    assert_eq!(at.world.json(&at.claude, ["claim", "a"])["retryable"], true);
    lock.unlock().unwrap();
    assert_eq!(at.world.aio_as(&at.claude, ["claim", "a"]).code, 0);
}

#[test]
fn a_name_that_is_not_utf8_where_one_must_be() {
    let at = Refusing::new();
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
    for kind in ["task", "pattern"] {
        let ran = run(at.world.command("aio").args(["--as", &at.claude, "claim", kind]).arg(odd));
        assert_plain(&ran, 2, &["UTF-8"]);
    }
}
