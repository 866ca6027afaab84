//! Projects that agents are launched into, and jobs: agents that were launched, each in a worktree and branch of its own.
//!
//! A job's record says what happened to it for certain, written by the process above its agent (its parent) or by whoever
//! found that process gone. How it stands now follows from the record and from evidence, by [`standing`]; a record alone
//! never makes a dead agent run.

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Fate, Machine, ProcessKey, Recorded};
use super::id;
use super::lease::rebooted;
use super::op::{JobEnd, Refusal};
use super::record::record;
use super::text::Text;

/// How many ports a job gets for itself.
pub const PORTS_PER_JOB: u16 = 10;

record! {
    /// A project that agents are launched into. Its number is its place in the list, from 1.
    pub struct Project<'a> {
        /// Absolute path of the repository's main worktree; of one that has none, of the linked worktree it was named by.
        path: Text<'a> = always "path",
        /// By which it can be named; no other project's.
        name: Text<'a> = always "name",
        /// When it was added.
        added_at: Text<'a> = always "addedAt",
        /// A shell command that prepares a new worktree; what it needs is the person's own to say.
        setup: Text<'a> = sparse "setup",
    }
}

record! {
    /// An agent that was launched, or is to be.
    pub struct Job<'a> {
        /// By which it is named.
        id: Text<'a> = always "id",
        /// As a project's `path`. Older versions wrote the linked worktree it was launched from.
        project: Text<'a> = always "project",
        /// The profile it was launched by: an agent's name, or one of `config.toml`.
        profile: Text<'a> = always "profile",
        /// Which agent that is.
        tool: Text<'a> = always "tool",
        /// `tmux`, `headless` or `terminal`.
        runtime: Text<'a> = always "runtime",
        /// The beginning of its task.
        title: Text<'a> = always "title",
        /// The branch it works on.
        branch: Text<'a> = always "branch",
        /// The folder it works in.
        worktree: Text<'a> = always "worktree",
        /// What is known to have happened: `queued`, `running`, `ended` or `removed`.
        stage: Text<'a> = always "stage",
        /// When it was asked for.
        queued_at: Text<'a> = always "queuedAt",
        /// The launch it belongs to, shared by all that one command asked for.
        batch: Text<'a> = sparse "batch",
        /// At most so many of its batch run at once; 0 for no limit.
        max_running: u32 = sparse "maxRunning",
        /// The job that must be done before it starts.
        after: Text<'a> = sparse "after",
        /// SHA-256 of the task's bytes, in hexadecimal digits.
        task_digest: Text<'a> = sparse "taskDigest",
        /// How many bytes the task has.
        task_bytes: u64 = sparse "taskBytes",
        /// The branch its work is to come home to.
        target: Text<'a> = sparse "target",
        /// The commit its branch began at.
        base: Text<'a> = sparse "base",
        /// The first of its ports; 0 for none.
        port: u16 = sparse "port",
        /// How often it was started.
        attempt: u32 = sparse "attempt",
        /// How often it may yet be started again after a crash.
        restarts: u32 = sparse "restarts",
        /// Before it is started again after a crash, the first time; twice as long each time after. In milliseconds.
        backoff_ms: u64 = sparse "backoffMs",
        /// When it goes on by itself: it runs on, and its agent does not work until then. Why stands in `failure`.
        retry_at: Text<'a> = sparse "retryAt",
        /// When it was last started.
        started_at: Text<'a> = sparse "startedAt",
        /// When that ended.
        ended_at: Text<'a> = sparse "endedAt",
        /// How: `done`, `failed`, `crashed` or `stopped`.
        result: Text<'a> = sparse "result",
        /// The agent's exit code, where it had one.
        exit_code: Option<i32> = sparse "exitCode",
        /// The signal that ended the agent; 0 for none.
        signal: u32 = sparse "signal",
        /// Why it failed or crashed, in words; of one that runs, why it is about to be started again; of one that
        /// is queued, why it could not start.
        failure: Text<'a> = sparse "failure",
        /// What the agent said at the end.
        said: Text<'a> = sparse "said",
        /// Machine of its parent.
        host: Text<'a> = sparse "host",
        /// Boot of that machine.
        boot_id: Text<'a> = sparse "bootId",
        /// Namespace in which the process ids mean something.
        pid_namespace: Text<'a> = sparse "pidNamespace",
        /// The process that keeps this record; 0 for none.
        parent_pid: u32 = sparse "parentPid",
        /// When that process started.
        parent_start: u64 = sparse "parentStart",
        /// The agent's process; 0 while there is none.
        agent_pid: u32 = sparse "agentPid",
        /// When that process started.
        agent_start: u64 = sparse "agentStart",
        /// The instance the agent takes part as.
        instance: Text<'a> = sparse "instance",
        /// The agent's own id of its session, by which it is resumed.
        session: Text<'a> = sparse "session",
        /// The tmux pane it can be seen in.
        pane: Text<'a> = sparse "pane",
        /// What is known of its task's way to the agent: see [`Delivery`].
        delivery: Text<'a> = sparse "delivery",
        /// Since when.
        delivery_at: Text<'a> = sparse "deliveryAt",
        /// What was seen that says so, or what could not be sent as it was.
        receipt: Text<'a> = sparse "receipt",
        /// Whether the agent is in a turn, once it was in one: `working` or `waiting`.
        turn: Text<'a> = sparse "turn",
        /// Since when.
        turn_at: Text<'a> = sparse "turnAt",
        /// Who says so: `hook`, `stream`, `process` or `screen`.
        turn_witness: Text<'a> = sparse "turnWitness",
        /// What it waits for, in its own words.
        question: Text<'a> = sparse "question",
        /// Tokens that went in, cached ones included.
        input_tokens: u64 = sparse "inputTokens",
        /// Tokens that came out.
        output_tokens: u64 = sparse "outputTokens",
        /// What it cost, in millionths of a US dollar.
        cost_micros: u64 = sparse "costMicros",
        /// Where the cost is from: `reported` or `computed`; absent where it is unknown.
        cost_source: Text<'a> = sparse "costSource",
        /// The ref that keeps what was not merged when its worktree was removed.
        rescue: Text<'a> = sparse "rescue",
        /// The commit by which its work arrived.
        merged: Text<'a> = sparse "merged",
        /// When its worktree was removed.
        removed_at: Text<'a> = sparse "removedAt",
    }
}

/// What is known of a task's way to its agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// It was not handed over yet.
    #[default]
    Queued,
    /// It was handed over.
    Delivered,
    /// The agent took it: its own hook or its stream says so.
    Acknowledged,
    /// It was handed over, and nothing says that the agent took it. It is not sent again: that might double it.
    Unconfirmed,
}

impl Delivery {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Delivery::Queued => "queued",
            Delivery::Delivered => "delivered",
            Delivery::Acknowledged => "acknowledged",
            Delivery::Unconfirmed => "unconfirmed",
        }
    }
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for its turn.
    Queued,
    /// It runs, and the agent did not take its task yet.
    Starting,
    /// The agent is in a turn.
    Working,
    /// The agent stopped in the middle, or asks something.
    WaitingForYou,
    /// It goes on by itself at a time that is known: when a usage limit ends, or some time after a crash.
    Waiting,
    /// It ended well, and nothing of it is left to look at.
    Done,
    /// It ended well; what it made is still to be looked at.
    Review,
    /// The agent gave up, or could not be started.
    Failed,
    /// The agent or the process above it vanished.
    Crashed,
    /// Somebody ended it.
    Stopped,
}

impl Standing {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Queued => "queued",
            Standing::Starting => "starting",
            Standing::Working => "working",
            Standing::WaitingForYou => "waiting for you",
            Standing::Waiting => "waiting",
            Standing::Done => "done",
            Standing::Review => "review",
            Standing::Failed => "failed",
            Standing::Crashed => "crashed",
            Standing::Stopped => "stopped",
        }
    }

    /// Whether its agent runs, or will again by itself.
    pub fn is_running(self) -> bool {
        matches!(self, Standing::Starting | Standing::Working | Standing::WaitingForYou | Standing::Waiting)
    }
}

impl Recorded for Job<'_> {
    /// Its parent.
    fn process(&self, machine: &Machine) -> Option<ProcessKey> {
        let seen = self.parent_pid != 0 && machine.sees(&self.host, &self.boot_id, &self.pid_namespace);
        seen.then_some(ProcessKey { pid: self.parent_pid, start: self.parent_start })
    }
}

impl Job<'_> {
    /// Whether its parent vanished without writing down how it ended.
    pub fn is_orphaned(&self, evidence: &Evidence) -> bool {
        let is_gone = || evidence.fate(self) == Fate::Gone || rebooted(&self.host, &self.boot_id, &evidence.machine);
        self.stage == *"running" && is_gone()
    }

    /// Whether it takes up one of the places of its batch.
    pub fn occupies(&self, evidence: &Evidence) -> bool {
        self.stage == *"running" && !self.is_orphaned(evidence)
    }

    /// Whether its ports are its own: an agent that runs on although its parent is gone still listens there.
    pub fn has_ports(&self, evidence: &Evidence) -> bool {
        let agent = || self.agent(&evidence.machine).and_then(|key| evidence.processes.get(&key));
        self.occupies(evidence) || (self.stage == *"running" && agent().is_some_and(|fate| *fate != Fate::Gone))
    }

    /// The process of its agent, if it can be seen from there.
    pub fn agent(&self, machine: &Machine) -> Option<ProcessKey> {
        let is_seen = self.agent_pid != 0 && machine.sees(&self.host, &self.boot_id, &self.pid_namespace);
        is_seen.then_some(ProcessKey { pid: self.agent_pid, start: self.agent_start })
    }

    /// Is as it stands once its run has ended so.
    pub fn take_end(&mut self, end: &JobEnd, at: String) {
        self.stage = "ended".into();
        self.ended_at = at.into();
        self.result = end.result.clone().into();
        self.exit_code = end.exit_code;
        self.signal = end.signal;
        self.failure = end.failure.clone().into();
        if !end.said.is_empty() {
            self.said = end.said.clone().into();
        }
        (self.turn, self.turn_at, self.turn_witness, self.question, self.retry_at) = Default::default();
    }

    /// Whether it ended as it should.
    pub fn is_done(&self) -> bool {
        matches!(&*self.stage, "ended" | "removed") && self.result == *"done"
    }
}

/// How a job stands. `has_work` says whether its worktree or branch holds what is not merged.
pub fn standing(job: &Job<'_>, has_work: bool, evidence: &Evidence) -> Standing {
    match (&*job.stage, &*job.result) {
        ("queued", _) => Standing::Queued,
        ("running", _) if job.is_orphaned(evidence) => Standing::Crashed,
        ("running", _) if !job.retry_at.is_empty() => Standing::Waiting,
        ("running", _) if job.delivery != *Delivery::Acknowledged.name() && job.turn.is_empty() => Standing::Starting,
        ("running", _) if job.turn == *"waiting" => Standing::WaitingForYou,
        ("running", _) => Standing::Working,
        (_, "failed") => Standing::Failed,
        (_, "crashed") => Standing::Crashed,
        (_, "stopped") => Standing::Stopped,
        ("ended", _) if has_work => Standing::Review,
        _ => Standing::Done,
    }
}

/// The project that somebody names by its number, name or path.
///
/// # Errors
/// When there is none.
pub fn find_project<'p, 'a>(projects: &'p [Project<'a>], word: &str) -> Result<&'p Project<'a>, Refusal> {
    let path = word.trim_end_matches('/');
    let by_number = word.parse::<usize>().ok().and_then(|number| projects.get(number.checked_sub(1)?));
    let by_name = || projects.iter().find(|project| project.name == *word);
    let by_path = || projects.iter().find(|project| project.path.trim_end_matches('/') == path);
    let found = by_number.or_else(by_name).or_else(by_path);
    found.ok_or_else(|| Refusal::Unknown { what: "project", word: word.to_owned() })
}

/// The job that somebody names by its id or a beginning of it; what was removed only by the whole id.
///
/// # Errors
/// When there is none, or more than one.
pub fn find_job<'j, 'a>(jobs: &'j [Job<'a>], word: &str) -> Result<&'j Job<'a>, Refusal> {
    if let Some(exact) = jobs.iter().find(|job| job.id == *word) {
        return Ok(exact);
    }
    let fits = |job: &&Job<'_>| !word.is_empty() && job.id.starts_with(word) && job.stage != *"removed";
    let found: Vec<&Job<'_>> = jobs.iter().filter(fits).collect();
    match *found {
        [job] => Ok(job),
        [] => Err(Refusal::Unknown { what: "job", word: word.to_owned() }),
        _ => Err(Refusal::Ambiguous {
            what: "job",
            word: word.to_owned(),
            candidates: found.iter().map(|job| job.id.to_string()).collect(),
        }),
    }
}

/// What no project may be called: it means all of them.
pub const EVERY: &str = "all";

/// Whether no project may be called that, for these words or [`EVERY`].
pub fn is_reserved(name: &str, words: &[String]) -> bool {
    name == EVERY || words.iter().any(|word| word == name)
}

/// A name for a project that none of the others has and that means nothing else, from its folder's.
pub fn free_name(projects: &[Project<'_>], reserved: &[String], wanted: &str) -> String {
    let plain = id::tool_name(wanted).unwrap_or_else(|| "project".to_owned());
    let is_taken = |name: &str| is_reserved(name, reserved) || projects.iter().any(|project| project.name == *name);
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    let mut names = [plain.clone()].into_iter().chain(numbered);
    names.find(|name| !is_taken(name)).unwrap_or(plain)
}
