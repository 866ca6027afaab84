//! A turn of the fake agent, step by step.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::hooks::Hooks;
use crate::prompt::{read, show};
use crate::record::Record;
use crate::script::Script;
use crate::stream::{self, Failed, Used};

/// Its last line while it works.
const WORKING: &str = "✻ Pondering… (esc to interrupt)";
const ERASED: &str = "\r\x1b[2K";
const CLEARED: &str = "\x1b[2J\x1b[H";

/// Whether it goes on.
pub enum Flow {
    On,
    Quit(i32),
}

pub struct Agent {
    pub script: Script,
    pub hooks: Hooks,
    pub record: Record,
    is_headless: bool,
    turns: usize,
    said: String,
    used: Used,
}

impl Agent {
    pub fn new(script: Script, hooks: Hooks, record: Record, is_headless: bool) -> Agent {
        Agent { script, hooks, record, is_headless, turns: 0, said: String::new(), used: Used::default() }
    }

    pub fn stream_begins(&self) {
        stream::begin(&self.hooks.tool, &self.hooks.session);
    }

    /// What it does with a prompt.
    pub fn turn(&mut self, prompt: &[u8]) -> Flow {
        self.record.prompt(prompt);
        if !self.script.late_receipts.is_zero() {
            self.draw(&format!("\r\n{WORKING}"));
            std::thread::sleep(self.script.late_receipts);
        }
        if !self.hooks.prompt_submitted(prompt) {
            return Flow::On;
        }
        self.record.moment("prompt");
        self.draw(&format!("\r\n{WORKING}"));
        let steps = self.script.steps(self.turns);
        self.turns += 1;
        for step in steps {
            let Some((name, value)) = self.named(&step) else { continue };
            match name {
                "limit" => {
                    return self.fail(&Failed::limit(&self.hooks.tool, value.as_u64()));
                }
                "fail" => return self.fail(&Failed::http(&self.hooks.tool, value.as_u64().unwrap())),
                "quit" => {
                    self.finish();
                    return Flow::Quit(code(value));
                }
                _ => self.step(name, value),
            }
        }
        self.finish();
        Flow::On
    }

    /// What a step does, unless it is to be done once and was.
    fn named<'s>(&self, step: &'s Value) -> Option<(&'s str, &'s Value)> {
        let (name, value) = step.as_object().and_then(|step| step.iter().next()).expect("a step is an object");
        if name != "once" {
            return Some((name, value));
        }
        let was_done = self.record.has("once");
        self.record.note("once", b"");
        if was_done { None } else { self.named(value) }
    }

    /// In a terminal only.
    fn draw(&self, text: &str) {
        if !self.is_headless {
            show(text.as_bytes());
        }
    }

    fn finish(&mut self) {
        self.record.moment("finished");
        self.draw(ERASED);
        self.hooks.stopped(&self.said);
        if self.is_headless {
            stream::end(&self.hooks.tool, &self.hooks.session, &self.said, &self.used, None);
        }
    }

    /// The real ones end with 1 where nobody sits, and stay where somebody does.
    fn fail(&mut self, failed: &Failed) -> Flow {
        self.record.moment("failed");
        self.hooks.failed(failed.error, &failed.message);
        if !self.is_headless {
            self.say(&failed.message);
            self.draw(ERASED);
            return Flow::On;
        }
        stream::end(&self.hooks.tool, &self.hooks.session, &self.said, &self.used, Some(failed));
        Flow::Quit(1)
    }

    fn step(&mut self, name: &str, value: &Value) {
        self.record.moment(name);
        match name {
            "say" => self.say(text(value)),
            "noise" => {
                show(&noise(value.as_u64().unwrap()));
                self.draw(&format!("\r\n{WORKING}"));
            }
            "spin_ms" => self.spin(value.as_u64().unwrap()),
            "sleep_ms" => std::thread::sleep(Duration::from_millis(value.as_u64().unwrap())),
            "ask" => self.ask(text(value)),
            "write" => self.write(Path::new(text(&value["path"])), text(&value["text"])),
            "commit" => commit(text(value)),
            "done" => signal_file("done", text(value)),
            "blocked" => signal_file("blocked", text(value)),
            "run" => self.run(value),
            "usage" => self.use_more(value),
            "child" => self.leave_a_child(value),
            "exit" => std::process::exit(code(value)),
            "signal" => die(value),
            other => panic!("{other:?} is no step"),
        }
    }

    fn say(&mut self, text: &str) {
        text.clone_into(&mut self.said);
        if self.is_headless {
            stream::say(&self.hooks.tool, &self.hooks.session, text);
        } else {
            show(format!("{ERASED}● {}\r\n{WORKING}", text.replace('\n', "\r\n")).as_bytes());
        }
    }

    /// As the real ones do while they wait for their model.
    fn spin(&self, duration_ms: u64) {
        for step in 0..duration_ms / 100 {
            self.draw(&format!("{ERASED}{}{WORKING}", ["·", "✢", "✳"][step as usize % 3]));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn ask(&mut self, question: &str) {
        self.hooks.permission_asked(question);
        if self.is_headless {
            loop {
                std::thread::park();
            }
        }
        let choices = "\r\n Do you want to proceed?\r\n ❯ 1. Yes\r\n   2. No\r\n\r\n";
        let end = if self.hooks.tool == "codex" {
            "Press enter to confirm or esc to cancel"
        } else {
            "Esc to cancel · Tab to amend"
        };
        show(format!("{CLEARED} Bash command\r\n {question}\r\n{choices} {end}").as_bytes());
        while !read().iter().any(|key| matches!(key, b'y' | b'\r')) {}
        self.record.moment("answered");
        show(format!("{CLEARED}{WORKING}").as_bytes());
    }

    fn write(&mut self, path: &Path, text: &str) {
        let path = std::env::current_dir().unwrap().join(path);
        if let Some(reason) = self.hooks.before_write(&path, text) {
            self.say(&format!("I was denied {}: {reason}", path.display()));
            return;
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        self.hooks.after_write(&path, text);
    }

    fn run(&mut self, words: &Value) {
        let words: Vec<&str> = words.as_array().unwrap().iter().map(text).collect();
        let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        self.say(String::from_utf8_lossy(&said).trim_end());
    }

    fn use_more(&mut self, more: &Value) {
        self.used.input += more["input"].as_u64().unwrap_or_default();
        self.used.output += more["output"].as_u64().unwrap_or_default();
        self.used.usd += more["usd"].as_f64().unwrap_or_default();
    }

    /// It holds the agent's stdout open, as a server does that an agent started.
    fn leave_a_child(&self, seconds: &Value) {
        let script = format!("trap '' HUP; exec sleep {}", seconds.as_u64().unwrap());
        #[expect(clippy::zombie_processes, reason = "it is to outlive this process")]
        let child = Command::new("/bin/sh").args(["-c", &script]).stdin(Stdio::null()).spawn().unwrap();
        self.record.note("child", child.id().to_string().as_bytes());
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("this step needs a text")
}

fn code(value: &Value) -> i32 {
    i32::try_from(value.as_i64().unwrap()).unwrap()
}

/// One long line: colours, a title, a screen cleared and an alternate one entered and left, halves of characters.
fn noise(length: u64) -> Vec<u8> {
    let once = b"\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[2J\x1b[?1049h\x1b[?1049l\xff\xfe\xc3\xe2\x82{\"type\":";
    once.iter().copied().cycle().take(usize::try_from(length).unwrap()).collect()
}

fn commit(message: &str) {
    for args in [&["add", "--all"][..], &["commit", "--quiet", "--allow-empty", "-m", message]] {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Agent", "-c", "user.email=agent@example.org"]).args(args);
        assert!(git.stdin(Stdio::null()).output().unwrap().status.success(), "git {args:?}");
    }
}

fn signal_file(name: &str, line: &str) {
    std::fs::create_dir_all(".aio").unwrap();
    std::fs::write(Path::new(".aio").join(name), format!("{line}\n")).unwrap();
}

fn die(value: &Value) {
    let signal = rustix::process::Signal::from_named_raw(code(value)).expect("it is a signal");
    rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
    loop {
        std::thread::park();
    }
}
