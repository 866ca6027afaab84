//! What can be asked of the state, and what comes back.

use serde::Serialize;

use super::evidence::ProcessKey;
use super::state::Wanted;

mod jobs;
mod outcome;

pub use jobs::{JobEnd, JobNote, JobStart, JobTurn, NewJob, NewProject, Pause, Usage};
pub use outcome::{Conflict, Grant, LostClaim, News, Outcome, Refusal};

/// An operation and who asks for it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The calling instance; a person at a shell may have none.
    pub actor: Option<String>,
    /// What it asks.
    pub op: Op,
}

/// Every way to change the state.
#[derive(Clone, Debug)]
pub enum Op {
    /// Take part, or take part again.
    Register(Registration),
    /// Say that one lives, and hear what one lost.
    Heartbeat,
    /// A sign of life by which an agent's hook tells where in its work the agent is, and hears what is new.
    Attend(Attendance),
    /// Leave, letting go of everything.
    Unregister,
    /// Let go of everything, to be known again should the session be resumed.
    EndSession,
    /// Say what one works on.
    SetTask {
        /// In its own words; empty for idle.
        description: String,
        /// The issue.
        issue: Option<String>,
    },
    /// Hold something, or wait for it.
    Claim(ClaimRequest),
    /// Stop waiting.
    CancelWait {
        /// The waiter's id.
        waiter: String,
    },
    /// Let go of something.
    Release(ReleaseRequest),
    /// Ask leave to commit changes to paths.
    Guard {
        /// The paths.
        wanted: Vec<Wanted<'static>>,
    },
    /// Write something down for the others.
    AddContext(NewContext),
    /// Mark a handoff or warning as dealt with.
    CloseContext {
        /// Its id, perhaps shortened.
        id: String,
    },
    /// Move old context to the archive.
    PruneContext {
        /// Age in milliseconds from which an entry is old.
        older_than_ms: u64,
    },
    /// Sweep away what stale and dead instances left.
    Cleanup,
    /// Remember a project that agents are launched into, or change what is known of it.
    AddProject(NewProject),
    /// Forget a project.
    RemoveProject {
        /// Its number, name or path.
        project: String,
    },
    /// Give a project another number.
    MoveProject {
        /// Its number, name or path.
        project: String,
        /// The number, from 1.
        to: usize,
    },
    /// Ask for jobs.
    QueueJobs(Vec<NewJob>),
    /// Begin a job, if it is its turn.
    StartJob(JobStart),
    /// Write down what was seen of a job.
    NoteJob {
        /// Its id.
        job: String,
        /// What is new.
        note: Box<JobNote>,
    },
    /// Write down how a job ended.
    EndJob {
        /// Its id.
        job: String,
        /// The start that this is the end of, as its `attempt` counts them; of one that was not begun, the last. If it was
        /// begun anew since, whoever did that ends it.
        attempt: u32,
        /// How.
        end: JobEnd,
    },
    /// Let an ended job wait for its turn again.
    RequeueJob {
        /// Its id.
        job: String,
        /// How often it may be started again after a crash.
        restarts: u32,
    },
    /// Remember that a job's worktree is gone.
    RemoveJob {
        /// Its id.
        job: String,
        /// The ref that keeps what was not merged.
        rescue: Option<String>,
        /// What was gone before, in words.
        loss: Option<String>,
    },
}

impl Op {
    /// Whether a waiting command asks again.
    pub fn is_poll(&self) -> bool {
        matches!(self, Op::Claim(ClaimRequest { wait: Some(Wait { again: true, .. }), .. }))
    }
}

/// See [`Op::Register`].
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// `claude`, `codex`, …
    pub tool: String,
    /// Absolute path of the worktree or folder.
    pub project: String,
    /// The agent's own session id.
    pub session: Option<String>,
    /// The agent's process, where it is certain.
    pub process: Option<ProcessKey>,
    /// The process that asks, where the agent's is not known.
    pub parent: Option<ProcessKey>,
    /// The instance this is about, where the caller knows it.
    pub id: Option<String>,
    /// The agent's hooks ask.
    pub hooks: bool,
}

/// See [`Op::Attend`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Where in its work the agent is.
    pub turn: Turn,
    /// Whether it can be told anything now.
    pub hears: bool,
}

/// Where in its work an agent is. A turn is what it does between a person's words and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// In a turn.
    #[default]
    GoesOn,
    /// At the start of one.
    Begins {
        /// What it is about, should the instance have no task yet.
        task: Option<String>,
    },
    /// At the end of one.
    Ends,
}

/// See [`Op::Claim`].
#[derive(Clone, Debug, Default)]
pub struct ClaimRequest {
    /// The places; all are granted or none.
    pub wanted: Vec<Wanted<'static>>,
    /// Readers' claims, which share.
    pub shared: bool,
    /// Lease in milliseconds.
    pub ttl_ms: Option<u64>,
    /// Why.
    pub reason: Option<String>,
    /// Whether to queue when they are not free.
    pub wait: Option<Wait>,
    /// A hook asks, at an edit: the claims lapse by themselves, and what was lost is to be read again first.
    pub auto: bool,
    /// Places that nobody else may hold either, without a claim on them.
    pub clear: Vec<Wanted<'static>>,
}

impl ClaimRequest {
    /// Every place it is about. [`Conflict::wanted`] counts them.
    pub fn places(&self) -> impl Iterator<Item = &Wanted<'static>> {
        self.wanted.iter().chain(&self.clear)
    }
}

/// How to wait.
#[derive(Clone, Debug, Default)]
pub struct Wait {
    /// Names the wait; asking again under the same name keeps the place in the queue.
    pub id: String,
    /// The waiting command.
    pub process: Option<ProcessKey>,
    /// For how long, in milliseconds.
    pub timeout_ms: u64,
    /// The waiting command asks again. That proves that it runs, not that its agent does.
    pub again: bool,
}

/// See [`Op::Release`].
#[derive(Clone, Debug, Default)]
pub struct ReleaseRequest {
    /// What to let go of; empty for everything of the caller's.
    pub targets: Vec<ReleaseTarget>,
    /// Also what is not the caller's.
    pub force: bool,
    /// Why; goes to the holder when forced.
    pub reason: Option<String>,
}

/// A claim as somebody names it.
#[derive(Clone, Debug, Default)]
pub struct ReleaseTarget {
    /// As typed: an id, an end of one, or a name.
    pub word: String,
    /// What it would be as a path or pattern.
    pub places: Vec<Wanted<'static>>,
}

/// See [`Op::AddContext`].
#[derive(Clone, Debug, Default)]
pub struct NewContext {
    /// A new id.
    pub id: String,
    /// The project it concerns; none for all.
    pub project: Option<String>,
    /// One of [`super::context::CATEGORIES`].
    pub category: String,
    /// The words.
    pub content: String,
    /// Who says it when no instance does.
    pub source: String,
    /// Addressee.
    pub to: Option<String>,
}

/// What happened to the state, for the journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What.
    pub event: Event,
    /// To whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The claim, wait or context entry concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Kind of the place concerned.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The place concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The project concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The other party.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What can happen to the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Event {
    #[default]
    Heartbeat,
    Registered,
    Revived,
    Unregistered,
    Evicted,
    Forgotten,
    TaskSet,
    Claimed,
    Renewed,
    Released,
    TakenOver,
    Lapsed,
    Waiting,
    WaitEnded,
    Warned,
    ContextAdded,
    ContextClosed,
    ContextPruned,
    ProjectAdded,
    ProjectRemoved,
    ProjectMoved,
    JobQueued,
    JobStarted,
    JobNoted,
    JobEnded,
    JobRemoved,
    /// A hook let something pass that it could not judge. No commit: its line has revision 0.
    HookPassed,
}

impl Event {
    /// What must survive a power failure once acknowledged: what people and agents wrote down.
    pub fn is_durable(self) -> bool {
        use Event::{ContextAdded, ContextClosed, ContextPruned, JobEnded, JobQueued, JobRemoved, JobStarted};
        use Event::{ProjectAdded, ProjectMoved, ProjectRemoved};
        let is_memory = matches!(self, ContextAdded | ContextClosed | ContextPruned);
        let is_job = matches!(self, JobQueued | JobStarted | JobEnded | JobRemoved);
        is_memory || is_job || matches!(self, ProjectAdded | ProjectMoved | ProjectRemoved)
    }

    /// Bare heartbeats would drown everything else.
    pub fn is_journaled(self) -> bool {
        self != Event::Heartbeat
    }
}
