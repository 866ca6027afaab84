//! Every command that writes, with a state in which it has something to write, and what to compare afterwards.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Ran, Sleeper, World, run};
use crate::support::aio_in;

/// A world with a state in which every command finds something to do.
pub struct Stage {
    pub world: World,
    /// The state directory that each trial starts from.
    pub template: PathBuf,
    /// Holds `src/mine.rs`; its heartbeat is due.
    pub claude: String,
    /// Holds `src/theirs.rs`, and `src/lost.rs`, which was amp's.
    pub codex: String,
    /// Lost `src/lost.rs` and does not know yet.
    pub amp: String,
    /// A handoff that is open.
    pub handoff: String,
    _alive: [Sleeper; 2],
}

/// One command that writes.
pub struct Scenario {
    pub name: &'static str,
    pub args: Vec<String>,
    /// How it ends when nothing goes wrong.
    pub code: i32,
    /// What its state directory has besides the stage's.
    pub before: fn(&Path),
}

impl Stage {
    pub fn new() -> Stage {
        let world = World::new();
        let alive = [Sleeper::new(), Sleeper::new()];
        let (mut gone, mut lost) = (Sleeper::new(), Sleeper::new());
        let claude = world.register_process("claude", &alive[0].0);
        let codex = world.register_process("codex", &alive[1].0);
        let gemini = world.register_process("gemini", &gone.0);
        let amp = world.register_process("amp", &lost.0);
        let claims = [(&claude, "mine"), (&codex, "theirs"), (&gemini, "dead"), (&amp, "lost")];
        for (holder, name) in claims {
            assert_eq!(world.aio_as(holder, ["claim", &format!("src/{name}.rs")]).code, 0);
        }
        gone.kill();
        lost.kill();
        // It changed hands, is free again, and amp was told; what is left for guard is to mention it, in one commit.
        for (who, words) in [(&codex, "claim src/lost.rs"), (&codex, "release src/lost.rs"), (&amp, "heartbeat")] {
            assert_eq!(world.aio_as(who, words.split(' ')).code, 0);
        }
        let note = world.json(&claude, ["handoff", "go on from here"]);
        let handoff = note["data"]["id"].as_str().unwrap().to_owned();
        world.edit(|state| {
            // As after a reset by another program: the lock file remembers a higher revision.
            state["revision"] = json!(3);
            let heartbeat = crate::harness::seconds_ago(90);
            for instance in state["instances"].as_object_mut().unwrap().values_mut() {
                instance["lastHeartbeat"] = json!(heartbeat);
            }
        });
        let template = world.dir.clone();
        Stage { world, template, claude, codex, amp, handoff, _alive: alive }
    }

    /// Every writing command, from what holds most to what holds least.
    pub fn scenarios(&self) -> Vec<Scenario> {
        let by = |id: &str, words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned());
            ["--as".to_owned(), id.to_owned()].into_iter().chain(words).collect::<Vec<_>>()
        };
        let nobody = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let scenario = |name, code, args, before| Scenario { name, args, code, before };
        let (claude, codex, amp) = (self.claude.as_str(), self.codex.as_str(), self.amp.as_str());
        vec![
            scenario("register", 0, nobody(&["register", "cursor", "--session", "new"]), nothing),
            scenario("register, first ever", 0, nobody(&["register", "cursor", "--session", "new"]), no_directory),
            scenario("heartbeat", 0, by(claude, &["heartbeat"]), nothing),
            scenario("unregister", 0, by(claude, &["unregister"]), nothing),
            scenario("task", 0, by(claude, &["task", "mend it", "bd-7"]), nothing),
            scenario("claim", 0, by(claude, &["claim", "src/new.rs"]), nothing),
            scenario("claim of three", 0, by(claude, &["claim", "file", "src/a.rs", "src/b.rs", "src/c.rs"]), nothing),
            scenario("claim, rotating the journal", 0, by(claude, &["claim", "src/new.rs"]), full_journal),
            scenario("claim of a dead one's", 0, by(claude, &["claim", "src/dead.rs"]), nothing),
            scenario("claim --wait", 1, by(claude, &["claim", "--wait", "20ms", "file", "src/theirs.rs"]), nothing),
            scenario("release", 0, by(claude, &["release", "src/mine.rs"]), nothing),
            scenario("release --force", 0, by(claude, &["release", "--force", "src/theirs.rs"]), nothing),
            scenario("context add", 0, nobody(&["context", "add", "decision", "so be it"]), nothing),
            scenario("context add, rotating", 0, nobody(&["context", "add", "decision", "so be it"]), full_context),
            scenario("context close", 0, nobody(&["context", "close", &self.handoff]), nothing),
            scenario("context prune", 0, nobody(&["context", "prune", "30"]), full_context),
            scenario("cleanup", 0, nobody(&["cleanup"]), nothing),
            scenario("guard", 1, by(amp, &["guard", "src/lost.rs"]), nothing),
            scenario("check, refreshing", 1, by(codex, &["check", "src/mine.rs"]), nothing),
            scenario("init", 0, nobody(&["init"]), nothing),
            scenario("init, first ever", 0, nobody(&["init"]), no_directory),
            scenario("doctor --repair", 0, nobody(&["doctor", "--repair"]), garbage),
        ]
    }

    /// Runs a scenario's command on a state directory.
    pub fn play(&self, scenario: &Scenario, dir: &Path) -> Ran {
        run(aio_in(&self.world, dir).args(&scenario.args))
    }

    /// A fresh copy of what the scenario starts from.
    pub fn set(&self, scenario: &Scenario, dir: &Path) {
        if dir.exists() {
            std::fs::remove_dir_all(dir).unwrap();
        }
        std::fs::create_dir(dir).unwrap();
        for entry in std::fs::read_dir(&self.template).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
        }
        (scenario.before)(dir);
    }
}

fn nothing(_: &Path) {}

fn no_directory(dir: &Path) {
    std::fs::remove_dir_all(dir).unwrap();
}

/// The next entry moves the oldest to the archive; all are old enough to be pruned.
fn full_context(dir: &Path) {
    let path = dir.join("state.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let entries = (0..200).map(|n| {
        json!({ "id": format!("01J0000000000000000000{n:04}"), "category": "learning", "content": format!("entry {n}"),
            "projectPath": null, "source": "claude", "createdAt": "2026-01-01T00:00:00Z", "instanceId": "" })
    });
    state["context"] = entries.collect();
    std::fs::write(&path, state.to_string()).unwrap();
}

fn full_journal(dir: &Path) {
    let line = format!("{}\n", json!({ "revision": 1, "at": "2026-01-01T00:00:00Z", "event": "registered" }));
    std::fs::write(dir.join("journal.jsonl"), line.repeat(2 * 1024 * 1024 / line.len() + 1)).unwrap();
}

fn garbage(dir: &Path) {
    let path = dir.join("state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 40]).unwrap();
}

/// What a state says, without what differs from run to run: numbers, times and new ids. Waits last only as long as the
/// command that waits.
pub fn meaning(text: &str) -> Option<String> {
    let mut state: Value = serde_json::from_str(text).ok()?;
    state.as_object_mut()?.remove("waiters");
    Some(plain(&state))
}

fn plain(value: &Value) -> String {
    let list = |items: &mut Vec<String>| {
        items.sort_unstable();
        items.join(",")
    };
    match value {
        Value::Number(_) => "0".to_owned(),
        Value::String(text) => plain_text(text),
        Value::Array(items) => format!("[{}]", list(&mut items.iter().map(plain).collect())),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| format!("{}:{}", plain_text(key), plain(value));
            format!("{{{}}}", list(&mut fields.iter().map(field).collect()))
        }
        other => other.to_string(),
    }
}

fn plain_text(text: &str) -> String {
    let is_ulid = text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    if is_ulid && !text.starts_with("01J0") {
        return "ULID".to_owned();
    }
    let mut parts = text.rsplitn(3, '-');
    let (nonce, seconds, tool) = (parts.next(), parts.next(), parts.next());
    match (tool, seconds, nonce) {
        (Some(tool), Some(seconds), Some(nonce)) if nonce.len() == 4 && seconds.len() == 10 => format!("{tool}-ID"),
        _ if text.len() > 18 && text.as_bytes()[4] == b'-' && text.contains('T') => "TIME".to_owned(),
        _ => text.to_owned(),
    }
}
