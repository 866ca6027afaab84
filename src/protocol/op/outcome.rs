//! What comes back from an operation.

use serde::Serialize;

use super::super::place::Kind;

/// What an operation came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Registered under this id.
    Registered {
        /// The instance.
        id: String,
        /// It was known before.
        again: bool,
    },
    /// Nothing more to say.
    Done,
    /// What the caller had lost and was not told yet.
    Heartbeat {
        /// Those claims.
        lost: Vec<LostClaim>,
    },
    /// What an agent's hook is to tell it.
    Heard {
        /// What it had lost and was not told yet.
        lost: Vec<LostClaim>,
        /// What others wrote since, oldest first.
        news: Vec<News>,
    },
    /// Left.
    Unregistered {
        /// How many claims that freed.
        released: usize,
    },
    /// Held now.
    Claimed {
        /// One for each place asked for.
        grants: Vec<Grant>,
        /// Whose claims were taken over.
        taken_over: Vec<LostClaim>,
        /// Claims on the same paths in other worktrees.
        shadows: Vec<Conflict>,
    },
    /// In the queue.
    Waiting {
        /// What is in the way now.
        conflicts: Vec<Conflict>,
    },
    /// Let go.
    Released {
        /// Those claims.
        claims: Vec<Grant>,
    },
    /// May the commit, or the edit, proceed?
    Guarded {
        /// Paths that changed hands while the caller was taken for gone; mentioned once.
        lost: Vec<LostClaim>,
    },
    /// Written down, dealt with.
    Context {
        /// The entry.
        id: String,
    },
    /// Moved to the archive.
    Pruned {
        /// How many entries.
        count: usize,
    },
    /// Swept.
    Cleaned {
        /// Instances that were evicted or forgotten.
        instances: Vec<String>,
        /// How many claims that freed.
        claims: usize,
        /// How many waits ended.
        waiters: usize,
        /// Jobs that turned out to have ended.
        jobs: Vec<String>,
        /// Jobs whose turn it is now.
        next: Vec<String>,
        /// Why the jobs could not be looked at; empty where they were.
        unread: String,
    },
    /// Remembered, forgotten, moved.
    Project {
        /// Its name.
        name: String,
    },
    /// Done; and these are the jobs whose turn it is.
    Jobs {
        /// Their ids, in order.
        next: Vec<String>,
    },
    /// It may begin.
    JobStarted {
        /// The first of its ports.
        port: u16,
        /// The how manieth start this is.
        attempt: u32,
    },
    /// It is not its turn, there are no ports for it, or it waits no more.
    JobWaits {
        /// Why.
        reason: String,
        /// Whether it waits to be begun: else somebody else began it, or it has ended.
        is_queued: bool,
    },
}

/// A claim that somebody has or had.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The claim.
    pub id: String,
    /// What kind of place.
    #[serde(rename = "type")]
    pub kind: String,
    /// The place.
    pub target: String,
    /// Its worktree.
    pub project: String,
    /// The revision at which it was granted.
    pub fence: u64,
    /// It was held already.
    pub held_before: bool,
}

/// A claim that changed hands without its holder's doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LostClaim {
    /// Who lost it.
    pub from: String,
    /// Who holds the place since; empty for nobody.
    pub to: String,
    /// What kind of place.
    #[serde(rename = "type")]
    pub kind: String,
    /// The place.
    pub target: String,
    /// Its worktree.
    pub project: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// What somebody wrote down, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct News {
    /// The entry.
    pub id: String,
    /// `message`, `handoff`, …
    pub category: String,
    /// The author's instance id, else its tool.
    pub from: String,
    /// The words.
    pub content: String,
    /// When.
    pub at: String,
    /// Milliseconds since then.
    pub age_ms: u64,
}

/// A claim, or a place in the queue, that stands in the way.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// Which of the places asked for.
    pub wanted: usize,
    /// The claim; of a waiter, the wait.
    pub claim: String,
    /// What kind of place is held.
    #[serde(rename = "type")]
    pub kind: String,
    /// The place that is held.
    pub target: String,
    /// Its worktree.
    pub project: String,
    /// The holder's instance id.
    pub holder: String,
    /// What the holder works on.
    pub task: Option<String>,
    /// Why it holds the place.
    pub reason: String,
    /// Since when.
    pub since: String,
    /// When its lease ends; empty for none.
    pub expires_at: String,
    /// Milliseconds since the holder's last sign of life.
    pub last_seen_ms: u64,
    /// It is first in line rather than holding it.
    pub waiting: bool,
}

/// Why an operation was not done. Nothing was changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Nobody of that id takes part; empty where the operation needs an instance and none is known.
    NotRegistered(String),
    /// Somebody else holds it, or is first in line.
    Held(Vec<Conflict>),
    /// Waiting would never end: each waits for the next, the last for the first.
    Deadlock(Vec<String>),
    /// Only its holder releases a claim.
    NotYours(Box<Conflict>),
    /// No claim or entry of that name.
    Unknown {
        /// What was looked for: `claim`, `context entry`.
        what: &'static str,
        /// As typed.
        word: String,
    },
    /// More than one claim or entry of that name.
    Ambiguous {
        /// What was looked for.
        what: &'static str,
        /// As typed.
        word: String,
        /// All that fit.
        candidates: Vec<String>,
    },
    /// Something else of that name is there, or in the way.
    Taken {
        /// What: `job`, `running job`.
        what: &'static str,
        /// Its name.
        word: String,
    },
    /// A section cannot be read.
    Malformed(String),
}

impl Conflict {
    /// The kind, where this version knows it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::parse(&self.kind)
    }
}
