//! What can be asked about projects and jobs.

use serde::{Deserialize, Serialize};

use super::super::evidence::ProcessKey;
use super::super::fleet::Delivery;

/// See [`super::Op::AddProject`].
#[derive(Clone, Debug, Default)]
pub struct NewProject {
    /// Absolute path of its worktree.
    pub path: String,
    /// By which it is to be named; none takes the folder's, or leaves it.
    pub name: Option<String>,
    /// What prepares a new worktree; none leaves it.
    pub setup: Option<String>,
    /// What it may not be called: words that mean something else where a project is named.
    pub reserved: Vec<String>,
}

/// See [`super::Op::QueueJobs`]. The fields are those of [`Job`](super::super::fleet::Job).
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "they are described there")]
pub struct NewJob {
    pub id: String,
    pub project: String,
    pub profile: String,
    pub tool: String,
    pub runtime: String,
    pub title: String,
    pub branch: String,
    pub worktree: String,
    pub batch: String,
    pub max_running: u32,
    pub after: String,
    pub task_digest: String,
    pub task_bytes: u64,
    pub target: String,
    pub restarts: u32,
    pub backoff_ms: u64,
}

/// See [`super::Op::StartJob`].
#[derive(Clone, Debug, Default)]
pub struct JobStart {
    /// Its id.
    pub job: String,
    /// The process that will keep its record.
    pub parent: ProcessKey,
    /// The first and the last port that jobs may have.
    pub ports: (u16, u16),
    /// Ports in there that somebody uses.
    pub busy_ports: Vec<u16>,
    /// What keeps its parent from beginning it, with what to do; empty where nothing does.
    pub hindrance: String,
}

/// What is new about a job; none leaves what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobNote {
    /// The agent's process.
    pub agent: Option<ProcessKey>,
    /// The instance it takes part as.
    pub instance: Option<String>,
    /// The agent's own id of its session.
    pub session: Option<String>,
    /// The tmux pane.
    pub pane: Option<String>,
    /// The commit its branch began at.
    pub base: Option<String>,
    /// The commit by which its work arrived.
    pub merged: Option<String>,
    /// What the agent said last.
    pub said: Option<String>,
    /// What is known of its task's way, and what says so.
    pub delivery: Option<(Delivery, String)>,
    /// Whether it works.
    pub turn: Option<JobTurn>,
    /// Whether it waits, to go on by itself.
    pub pause: Option<Pause>,
    /// What it used so far.
    pub usage: Option<Usage>,
    /// The ref that keeps what would be lost with its worktree.
    pub rescue: Option<String>,
}

impl JobNote {
    /// This, and what was seen later.
    #[must_use]
    pub fn then(self, later: JobNote) -> JobNote {
        JobNote {
            agent: later.agent.or(self.agent),
            instance: later.instance.or(self.instance),
            session: later.session.or(self.session),
            pane: later.pane.or(self.pane),
            base: later.base.or(self.base),
            merged: later.merged.or(self.merged),
            said: later.said.or(self.said),
            delivery: later.delivery.or(self.delivery),
            turn: later.turn.or(self.turn),
            pause: later.pause.or(self.pause),
            usage: later.usage.or(self.usage),
            rescue: later.rescue.or(self.rescue),
        }
    }
}

/// Whether a job's agent is in a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobTurn {
    /// It is.
    pub is_working: bool,
    /// `hook`, `stream`, `process` or `screen`; empty where it is in no turn after all.
    pub witness: &'static str,
    /// What it waits for.
    pub question: String,
}

/// A job that goes on by itself; empty, one that did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// When.
    pub until: String,
    /// Why it does not go on now.
    pub reason: String,
}

/// What a job used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens that went in, cached ones included.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
    /// Millionths of a US dollar, and `reported` or `computed`.
    pub cost: Option<(u64, &'static str)>,
}

/// See [`super::Op::EndJob`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobEnd {
    /// `done`, `failed`, `crashed` or `stopped`.
    pub result: String,
    /// The agent's exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended the agent; 0 for none.
    pub signal: u32,
    /// Why, in words.
    pub failure: String,
    /// What the agent said last.
    pub said: String,
}
