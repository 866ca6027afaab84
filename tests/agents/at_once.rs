//! Two agents at once in one repository: twenty edits each, over ten files, and every edit is still there.
//!
//! Each edit is the worst habit a model has: it reads the whole file, thinks, and writes the whole file. A rendezvous makes
//! both read the same text before either writes, so that without hooks one of the two edits is lost in every round; the
//! last test shows that it is. With hooks the second to write is refused while the first one holds the file; it then
//! does as it was told: waits for the file, reads it again, and edits it.
//!
//! What this does not show: a file that was read while it was free, changed and let go by another, and written whole
//! from memory after that. Claims do not reach back to a reading; the agents' own checks do, in some of them.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::agent::{Agent, Manner};
use crate::model::{Reply, Turn, done};
use crate::stage::Stage;

const ROUNDS: usize = 20;
const FILES: usize = 10;

/// Where two models wait for each other. One that waits in vain fails, and its agent with it.
#[derive(Default)]
struct Rendezvous {
    arrivals: Mutex<usize>,
    changed: Condvar,
}

impl Rendezvous {
    fn meet(&self) {
        let mut arrivals = self.arrivals.lock().unwrap();
        *arrivals += 1;
        let both = arrivals.next_multiple_of(2);
        self.changed.notify_all();
        let limit = Duration::from_secs(60);
        let (_arrivals, waited) = self.changed.wait_timeout_while(arrivals, limit, |now| *now < both).unwrap();
        assert!(!waited.timed_out(), "the other agent does not come");
    }
}

/// What an agent was last told to do.
#[derive(Clone, Copy)]
enum Doing {
    Nothing,
    Reading,
    Writing,
    Claiming,
    ReadingAgain,
    WritingAgain,
    Releasing,
}

struct Worker {
    agent: Agent,
    project: PathBuf,
    rendezvous: Arc<Rendezvous>,
    round: usize,
    doing: Doing,
}

impl Worker {
    fn next(&mut self, turn: &Turn) -> Reply {
        let result = turn.results.concat();
        let (doing, call) = match self.doing {
            Doing::Nothing => (Doing::Reading, self.agent.read(&self.file())),
            Doing::Reading => {
                self.rendezvous.meet();
                (Doing::Writing, self.write_after(&result))
            }
            Doing::Writing => {
                self.rendezvous.meet();
                match is_refused(&result) {
                    true => (Doing::Claiming, self.aio("claim file", "--wait 60s")),
                    false => (Doing::Releasing, self.aio("release", "")),
                }
            }
            Doing::Claiming => (Doing::ReadingAgain, self.agent.read(&self.file())),
            Doing::ReadingAgain => (Doing::WritingAgain, self.write_after(&result)),
            Doing::WritingAgain => (Doing::Releasing, self.aio("release", "")),
            Doing::Releasing if self.round + 1 == ROUNDS => return done(),
            Doing::Releasing => {
                self.round += 1;
                (Doing::Reading, self.agent.read(&self.file()))
            }
        };
        self.doing = doing;
        Reply::Call(vec![call])
    }

    fn file(&self) -> PathBuf {
        self.project.join(format!("shared-{}.txt", self.round % FILES))
    }

    fn aio(&self, verb: &str, options: &str) -> crate::model::Call {
        self.agent.shell(&format!("aio {verb} '{}' {options}", self.file().display()))
    }

    /// What it read, however the agent's tool adorned it, and a line of its own.
    fn write_after(&self, read: &str) -> crate::model::Call {
        let words = read.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let lines = words.filter(|word| word.starts_with("edit-")).map(|line| format!("{line}\n"));
        let own = format!("edit-{}-{}\n", self.agent.name(), self.round);
        self.agent.write(&self.file(), &format!("begin\n{}{own}", lines.collect::<String>()))
    }
}

/// By a hook; or by Claude Code itself, which at times looks first whether a file is as it read it.
fn is_refused(result: &str) -> bool {
    result.contains("--wait") || result.contains("modified since read")
}

/// How many of the forty edits are there in the end.
fn edits_that_remain(stage: &Stage, agents: [Agent; 2]) -> usize {
    for file in 0..FILES {
        std::fs::write(stage.path(&format!("shared-{file}.txt")), "begin\n").unwrap();
    }
    let rendezvous = Arc::new(Rendezvous::default());
    let running = agents.map(|agent| {
        let (project, rendezvous) = (stage.world.project.clone(), rendezvous.clone());
        let worker = Mutex::new(Worker { agent, project, rendezvous, round: 0, doing: Doing::Nothing });
        stage.start(agent, Manner::default(), move |turn| worker.lock().unwrap().next(turn))
    });
    for ended in running.map(crate::stage::Running::end) {
        assert_eq!(ended.ran.code, 0, "{:?}", ended.ran);
    }
    let texts: String = (0..FILES).map(|file| stage.text(&format!("shared-{file}.txt"))).collect();
    let edits =
        agents.iter().flat_map(|agent| (0..ROUNDS).map(move |round| format!("edit-{}-{round}\n", agent.name())));
    edits.filter(|edit| texts.contains(edit.as_str())).count()
}

fn lose_nothing(agents: [Agent; 2]) {
    assert_eq!(edits_that_remain(&Stage::with(&agents), agents), 2 * ROUNDS);
}

#[test]
fn codex_and_gemini_lose_no_edit() {
    lose_nothing([Agent::Codex, Agent::Gemini]);
}

#[test]
fn claude_and_opencode_lose_no_edit() {
    lose_nothing([Agent::Claude, Agent::OpenCode]);
}

#[test]
fn without_hooks_they_lose_every_other_edit() {
    let agents = [Agent::Codex, Agent::Gemini];
    assert_eq!(edits_that_remain(&Stage::unguarded(&agents), agents), ROUNDS);
}
