//! What the fake agent is told to do: JSON in `AIO_FAKE_AGENT`, or in the file that it names.
//!
//! ```json
//! {"record": "/tmp/x", "hooks": true, "turns": [[{"say": "Well"}, {"commit": "One"}, {"done": "Did it"}]]}
//! ```
//! `record`: a folder for what it was given, each prompt in a file `prompt-0001`, its input box after a paste in `input`. `hooks`: whether it runs aio's hooks.
//! `slow_start_ms`: how long it takes until it reads keys. `late_pastes_ms`: how long it shows its prompt before it does, as
//! Gemini CLI. `late_receipts_ms`: how long it works, to look at, before its hooks hear of a prompt. `keeps_typed`: whether it
//! reads what was typed before it did. `swallow_enters`, `ignore_pastes`: how many. `starts_late`: whether
//! it works at its start when it swallows one, as Gemini CLI, that resumes a session on a busy machine, at its hooks. `turns`: the steps of
//! each turn; the last are also those of all later turns. `asks_to_trust`: whether it asks that first, in a terminal, as Claude Code
//! does: with the answer that ends it chosen. When it does what is left in `moments`. A step is one of:
//!
//! | step | what |
//! |---|---|
//! | `{"say": text}` | says it |
//! | `{"noise": bytes}` | prints escape sequences, bytes that are no UTF-8, and no line break at the end |
//! | `{"sleep_ms": n}` | takes its time |
//! | `{"spin_ms": n}` | takes its time, and draws all the while |
//! | `{"once": step}` | does it the first time only, whichever process of it does |
//! | `{"ask": question}` | asks for a permission and waits: for `y` or Enter, or without a terminal for ever |
//! | `{"write": {"path": p, "text": t}}` | writes a file, if the hooks let it |
//! | `{"commit": message}` | commits all there is |
//! | `{"done": line}`, `{"blocked": line}` | writes it to `.aio/done`, `.aio/blocked` |
//! | `{"run": [program, argument…]}` | runs it, and says what it said |
//! | `{"usage": {"input": n, "output": n, "usd": x}}` | has used so much more |
//! | `{"child": seconds}` | leaves a process behind, its id in `child` |
//! | `{"limit": true}`, `{"fail": status}` | ends its turn as the real ones do at a usage limit, or at such an HTTP error |
//! | `{"limit": seconds}` | the same, and says in how many seconds it ends |
//! | `{"quit": code}` | ends, and says so to its hooks |
//! | `{"exit": code}`, `{"signal": n}` | is gone at once |

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// What it is told. Nothing by default: it then answers each prompt.
pub struct Script {
    pub record: Option<PathBuf>,
    pub hooks: bool,
    pub slow_start: Duration,
    pub late_pastes: Duration,
    pub late_receipts: Duration,
    pub keeps_typed: bool,
    pub swallow_enters: u64,
    pub starts_late: bool,
    pub ignore_pastes: u64,
    pub asks_to_trust: bool,
    turns: Vec<Vec<Value>>,
}

impl Script {
    pub fn load() -> Script {
        let given = std::env::var("AIO_FAKE_AGENT").unwrap_or_default();
        let text = match &*given {
            "" => "{}".to_owned(),
            inline if inline.starts_with('{') => inline.to_owned(),
            path => std::fs::read_to_string(path).expect("the script can be read"),
        };
        Script::parse(&serde_json::from_str(&text).expect("the script is JSON"))
    }

    fn parse(value: &Value) -> Script {
        let known = [
            "record",
            "hooks",
            "slow_start_ms",
            "late_pastes_ms",
            "late_receipts_ms",
            "keeps_typed",
            "swallow_enters",
            "starts_late",
            "ignore_pastes",
            "asks_to_trust",
            "turns",
        ];
        for name in value.as_object().expect("the script is an object").keys() {
            assert!(known.contains(&&**name), "{name:?} is nothing that a script says");
        }
        let number = |name: &str| value[name].as_u64().unwrap_or_default();
        let turns = value["turns"].as_array().cloned().unwrap_or_default();
        Script {
            record: value["record"].as_str().map(PathBuf::from),
            hooks: value["hooks"].as_bool().unwrap_or_default(),
            slow_start: Duration::from_millis(number("slow_start_ms")),
            late_pastes: Duration::from_millis(number("late_pastes_ms")),
            late_receipts: Duration::from_millis(number("late_receipts_ms")),
            keeps_typed: value["keeps_typed"].as_bool().unwrap_or_default(),
            swallow_enters: number("swallow_enters"),
            starts_late: value["starts_late"].as_bool().unwrap_or_default(),
            ignore_pastes: number("ignore_pastes"),
            asks_to_trust: value["asks_to_trust"].as_bool().unwrap_or_default(),
            turns: turns.iter().map(|steps| steps.as_array().expect("a turn is a list").clone()).collect(),
        }
    }

    /// The steps of a turn, counted from 0.
    pub fn steps(&self, turn: usize) -> Vec<Value> {
        let usual = || vec![serde_json::json!({ "say": "Understood." })];
        self.turns.get(turn).or(self.turns.last()).cloned().unwrap_or_else(usual)
    }
}
