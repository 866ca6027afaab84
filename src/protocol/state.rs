//! The records of the state, as they stand in `state.json`.
//!
//! Names and meanings of the fields that the original scripts wrote are theirs; the others are ours and optional.
//! Sections are lists in file order, not maps: a key that a hand edit wrote twice is kept twice, so no claim is missed.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fleet::{Job, Project};
use super::record::{Derived, Unknown, record};
use super::text::Text;

/// The newest `schemaVersion` this code writes. A higher one is read, never written.
pub const SCHEMA_VERSION: u64 = 1;

/// One snapshot of everything that must change together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State<'a> {
    /// `schemaVersion`; 1 where it is absent.
    pub schema_version: u64,
    /// Number of the commit that wrote this state. Never repeats, not even after a reset.
    pub revision: u64,
    /// When the state was last written.
    pub updated_at: Text<'a>,
    /// Number of the last commit that the journal was told of; 0 for none.
    pub journaled: u64,
    /// Agent sessions, by id.
    pub instances: Vec<Instance<'a>>,
    /// What is held, by claim id.
    pub claims: Vec<Claim<'a>>,
    /// Who waits for what, first come first served.
    pub waiters: Vec<Waiter<'a>>,
    /// The shared memory, oldest first. Read only by who needs it.
    pub context: Section<'a, ContextEntry<'a>>,
    /// What agents are launched into, in the order of their numbers.
    pub projects: Section<'a, Project<'a>>,
    /// Agents that were launched, in the order they were asked for.
    pub jobs: Section<'a, Job<'a>>,
    /// Sections of other versions and of people, preserved.
    pub unknown: Unknown<'a>,
}

impl<'a> State<'a> {
    /// The state of a machine where nothing happened yet.
    pub fn empty() -> Self {
        State { schema_version: SCHEMA_VERSION, ..State::default() }
    }

    /// The instance of that id; of a key written twice, the last one counts, as JSON readers agree on.
    pub fn instance(&self, id: &str) -> Option<&Instance<'a>> {
        self.instances.iter().rev().find(|instance| instance.key == *id)
    }

    /// As [`State::instance`], to change it.
    pub fn instance_mut(&mut self, id: &str) -> Option<&mut Instance<'a>> {
        self.instances.iter_mut().rev().find(|instance| instance.key == *id)
    }

    /// The claim of that id.
    pub fn claim(&self, id: &str) -> Option<&Claim<'a>> {
        self.claims.iter().find(|claim| claim.key == *id)
    }

    /// The claims whose holder is `instance`.
    pub fn claims_of<'s>(&'s self, instance: &'s str) -> impl Iterator<Item = &'s Claim<'a>> {
        self.claims.iter().filter(move |claim| claim.instance_id == *instance)
    }
}

/// A list that is parsed only when asked for; until then it is the text it was.
#[derive(Clone, Debug)]
pub enum Section<'a, T> {
    /// As it stands in the file.
    Unread(&'a RawValue),
    /// Parsed, perhaps changed.
    Read(Vec<T>),
}

impl<'a, T: Clone + Deserialize<'a>> Section<'a, T> {
    /// The entries, for reading, without changing what will be written.
    ///
    /// # Errors
    /// When an entry is not an object of the expected shape.
    pub fn entries(&self) -> Result<Vec<T>, serde_json::Error> {
        match self {
            Section::Unread(raw) => serde_json::from_str(raw.get()),
            Section::Read(entries) => Ok(entries.clone()),
        }
    }

    /// The entries, to be changed.
    ///
    /// # Errors
    /// When an entry is not an object of the expected shape.
    pub fn entries_mut(&mut self) -> Result<&mut Vec<T>, serde_json::Error> {
        if let Section::Unread(raw) = self {
            *self = Section::Read(serde_json::from_str(raw.get())?);
        }
        match self {
            Section::Read(entries) => Ok(entries),
            Section::Unread(_) => unreachable!("the section was read just above"),
        }
    }
}

impl<T> Section<'_, T> {
    /// Whether nothing is in it, as far as that can be told without reading it.
    pub fn is_empty(&self) -> bool {
        matches!(self, Section::Read(entries) if entries.is_empty())
    }
}

impl<T> Default for Section<'_, T> {
    fn default() -> Self {
        Section::Read(Vec::new())
    }
}

impl<'a, T: Clone + PartialEq + Deserialize<'a>> PartialEq for Section<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        matches!((self.entries(), other.entries()), (Ok(mine), Ok(theirs)) if mine == theirs)
    }
}

record! {
    /// One agent session (or a person's shell), its evidence of life and what it lost.
    pub struct Instance<'a> {
        /// Repeats the key.
        id: Text<'a> = always "id",
        /// `claude`, `codex`, …
        tool: Text<'a> = always "tool",
        /// Absolute path of the worktree or folder it works in.
        project: Text<'a> = always "project",
        /// `active`, `working` or `idle`: what it says of itself, not whether it lives.
        status: Text<'a> = always "status",
        /// What it works on, in its own words.
        current_task: Option<Text<'a>> = always "currentTask",
        /// The issue it works on.
        issue: Option<Text<'a>> = always "beadsIssue",
        /// When it first registered.
        started_at: Text<'a> = always "startedAt",
        /// Last sign of life.
        last_heartbeat: Text<'a> = always "lastHeartbeat",
        /// Ids of its claims, for readers of the original format. Derived whenever the state is written.
        claims: Derived<Vec<Text<'a>>> = always "claims",
        /// The agent's own id of this session.
        session: Text<'a> = sparse "session",
        /// Machine it runs on; see `Evidence`.
        host: Text<'a> = sparse "host",
        /// Boot of that machine.
        boot_id: Text<'a> = sparse "bootId",
        /// Namespace in which `pid` means something.
        pid_namespace: Text<'a> = sparse "pidNamespace",
        /// The agent's process; 0 when it is not known for certain.
        pid: u32 = sparse "pid",
        /// When that process started, in the unit of its system; tells a reused pid from the agent.
        process_start: u64 = sparse "processStart",
        /// The process that ran `register`, where the agent's own is unknown. Says who calls, never who lives.
        parent_pid: u32 = sparse "parentPid",
        /// When that process started.
        parent_start: u64 = sparse "parentStart",
        /// Awake time of the machine, in milliseconds since `bootId`, at the heartbeat stamped `heartbeat_stamp`.
        heartbeat_monotonic_ms: u64 = sparse "heartbeatMonotonicMs",
        /// The `lastHeartbeat` that `heartbeat_monotonic_ms` belongs to; differs once another program wrote one.
        heartbeat_stamp: Text<'a> = sparse "heartbeatStamp",
        /// Its agent calls us by itself, at every step of its work.
        hooks: bool = sparse "hooks",
        /// When the turn that it is in began; empty between turns.
        turn_since: Text<'a> = sparse "turnSince",
        /// Context entries up to this revision are no news to it.
        news_revision: u64 = sparse "newsRevision",
        /// When `cleanup` took its claims away; empty while it takes part.
        evicted_at: Text<'a> = sparse "evictedAt",
        /// What was taken from it and not yet made good.
        lost: Vec<Lost<'a>> = sparse "lost",
    }
}

record! {
    /// A lease on a place, bound to its holder's life. The place is written first, so that who asks about another place
    /// need not read on.
    pub struct Claim<'a> {
        /// `file`, `directory`, `pattern`, `task` or `resource`.
        kind: Text<'a> = always "type",
        /// Path relative to `project`, glob relative to it, or name.
        target: Text<'a> = always "target",
        /// Absolute path of the worktree the target lies in.
        project: Text<'a> = always "project",
        /// The holder.
        instance_id: Text<'a> = always "instanceId",
        /// Repeats the key.
        id: Text<'a> = always "id",
        /// `false` for readers that share. Absent means exclusive.
        exclusive: Option<bool> = always "exclusive",
        /// When it was granted.
        claimed_at: Text<'a> = always "claimedAt",
        /// Revision at which it was granted.
        fence: u64 = sparse "fence",
        /// Why, in the holder's words.
        reason: Text<'a> = sparse "reason",
        /// Git's common directory, where it is not `<project>/.git`.
        repository: Text<'a> = sparse "repository",
        /// Whether the file system there ignores case.
        folds_case: bool = sparse "foldsCase",
        /// When it lapses by itself; empty when only its holder's life bounds it.
        expires_at: Text<'a> = sparse "expiresAt",
        /// The same in awake time of the holder's boot.
        expires_monotonic_ms: u64 = sparse "expiresMonotonicMs",
        /// Taken by a hook at an edit, not asked for: it lapses some time after the turn that last touched it.
        auto: bool = sparse "auto",
    }
}

record! {
    /// A place in the queue for one or more claims, all of which are granted together.
    pub struct Waiter<'a> {
        /// Names the wait.
        id: Text<'a> = always "id",
        /// Who waits.
        instance_id: Text<'a> = always "instanceId",
        /// Since when.
        since: Text<'a> = always "since",
        /// When the wait gives up.
        expires_at: Text<'a> = always "expiresAt",
        /// The same in awake time of its boot.
        expires_monotonic_ms: u64 = sparse "expiresMonotonicMs",
        /// Machine of the waiting command.
        host: Text<'a> = sparse "host",
        /// Boot of that machine.
        boot_id: Text<'a> = sparse "bootId",
        /// Namespace in which `pid` means something.
        pid_namespace: Text<'a> = sparse "pidNamespace",
        /// Process of the waiting command.
        pid: u32 = sparse "pid",
        /// When that process started.
        process_start: u64 = sparse "processStart",
        /// `false` for readers that share.
        exclusive: Option<bool> = sparse "exclusive",
        /// Lease of the claims once granted, in milliseconds; 0 for none.
        ttl_ms: u64 = sparse "ttlMs",
        /// Why, in the waiter's words.
        reason: Text<'a> = sparse "reason",
        /// What it waits for.
        claims: Vec<Wanted<'a>> = always "claims",
    }
}

record! {
    /// A place somebody asks for, with the id that the claim will have.
    pub struct Wanted<'a> {
        /// Id of the claim to be.
        id: Text<'a> = always "id",
        /// As in a claim.
        kind: Text<'a> = always "type",
        /// As in a claim.
        target: Text<'a> = always "target",
        /// As in a claim.
        project: Text<'a> = always "project",
        /// As in a claim.
        repository: Text<'a> = sparse "repository",
        /// As in a claim.
        folds_case: bool = sparse "foldsCase",
    }
}

record! {
    /// A claim that was taken from its holder.
    pub struct Lost<'a> {
        /// Id of the claim it was.
        id: Text<'a> = always "id",
        /// As in a claim.
        kind: Text<'a> = always "type",
        /// As in a claim.
        target: Text<'a> = always "target",
        /// As in a claim.
        project: Text<'a> = always "project",
        /// As in a claim.
        repository: Text<'a> = sparse "repository",
        /// As in a claim.
        folds_case: bool = sparse "foldsCase",
        /// The fence the claim had.
        fence: u64 = always "fence",
        /// Who held the place since; empty while nobody did.
        to: Text<'a> = always "to",
        /// Revision at which it was taken.
        revision: u64 = always "revision",
        /// When it was taken.
        at: Text<'a> = always "at",
        /// Why: the holder was stale or dead, its lease ended, or somebody forced it.
        reason: Text<'a> = always "reason",
        /// Whether its holder has been told.
        told: bool = sparse "told",
    }
}

record! {
    /// Something an agent wrote down for the others.
    pub struct ContextEntry<'a> {
        /// Names the entry.
        id: Text<'a> = always "id",
        /// Absolute project path; absent for entries that concern all.
        project: Option<Text<'a>> = always "project",
        /// `decision`, `learning`, `warning`, `pattern`, `handoff` or `message`.
        category: Text<'a> = always "category",
        /// The words.
        content: Text<'a> = always "content",
        /// Tool of the author.
        source: Text<'a> = always "source",
        /// When.
        created_at: Text<'a> = always "createdAt",
        /// Instance of the author.
        instance_id: Text<'a> = sparse "instanceId",
        /// Addressee: an instance, a tool or `all`.
        to: Text<'a> = sparse "to",
        /// Revision at which it was written; tells whom it is news to.
        revision: u64 = sparse "revision",
        /// When a handoff or warning was dealt with.
        closed_at: Text<'a> = sparse "closedAt",
        /// Who dealt with it.
        closed_by: Text<'a> = sparse "closedBy",
    }
}
