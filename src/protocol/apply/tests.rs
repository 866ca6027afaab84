//! The rules of the decider, each on a small machine of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod attending;
mod claims;
mod jobs;
mod memory;
mod queue;

use super::super::document;
use super::super::evidence::{Fate, Machine, Moment, ProcessKey, Recorded};
use super::super::op::{ClaimRequest, LostClaim, Registration, Wait};
use super::super::state::{Claim, Wanted};
use super::*;

/// A state with a clock and processes, changed by operations as a store would.
struct Desk {
    state: State<'static>,
    evidence: Evidence,
    ids: usize,
}

impl Desk {
    fn new() -> Desk {
        let machine = Machine { host: "h".to_owned(), boot_id: "b".to_owned(), pid_namespace: "1".to_owned() };
        let now = Moment { wall_ms: 1_800_000_000_000, awake_ms: 1_000_000_000 };
        Desk { state: State::empty(), evidence: Evidence { now, machine, ..Evidence::default() }, ids: 0 }
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        format!("id-{:04}", self.ids)
    }

    /// What becomes of an operation; a refusal leaves everything as it was.
    fn perform(
        &mut self,
        actor: Option<&str>,
        op: Op,
    ) -> Result<(Outcome, Vec<Change>, Vec<ContextEntry<'static>>), Refusal> {
        let mut state = self.state.clone();
        state.revision += 1;
        let request = Request { actor: actor.map(str::to_owned), op };
        let applied = apply(state, &request, &self.evidence)?;
        if !applied.changes.is_empty() {
            self.state = applied.state;
        }
        Ok((applied.outcome, applied.changes, applied.archived))
    }

    fn outcome(&mut self, actor: &str, op: Op) -> Result<Outcome, Refusal> {
        self.perform(Some(actor), op).map(|(outcome, ..)| outcome)
    }

    /// An instance whose process has the pid.
    fn register(&mut self, tool: &str, pid: u32) -> String {
        self.evidence.nonce += 1;
        let process = ProcessKey { pid, start: 1 };
        self.evidence.processes.insert(process, Fate::Alive { tool_call: false });
        let registration = Registration {
            tool: tool.to_owned(),
            project: "/p".to_owned(),
            process: Some(process),
            ..Registration::default()
        };
        match self.perform(None, Op::Register(registration)) {
            Ok((Outcome::Registered { id, .. }, ..)) => id,
            other => panic!("{other:?}"),
        }
    }

    fn kill(&mut self, id: &str) {
        let process = self.state.instance(id).unwrap().process(&self.evidence.machine).unwrap();
        self.evidence.processes.insert(process, Fate::Gone);
    }

    fn pass(&mut self, ms: u64) {
        self.evidence.now.wall_ms += i64::try_from(ms).unwrap();
        self.evidence.now.awake_ms += ms;
    }

    fn request(&mut self, targets: &[&str]) -> ClaimRequest {
        let wanted = targets.iter().map(|target| self.wanted("file", target)).collect();
        ClaimRequest { wanted, ..ClaimRequest::default() }
    }

    fn wanted(&mut self, kind: &'static str, target: &str) -> Wanted<'static> {
        Wanted {
            id: self.id().into(),
            kind: kind.into(),
            target: target.to_owned().into(),
            project: "/p".into(),
            ..Wanted::default()
        }
    }

    fn claim(&mut self, actor: &str, targets: &[&str]) -> Result<Outcome, Refusal> {
        let request = self.request(targets);
        self.outcome(actor, Op::Claim(request))
    }

    fn wait(&mut self, actor: &str, target: &str, shared: bool) -> Result<Outcome, Refusal> {
        let wait = Wait { id: self.id(), process: None, timeout_ms: 60_000, again: false };
        let request = ClaimRequest { wait: Some(wait), shared, ..self.request(&[target]) };
        self.outcome(actor, Op::Claim(request))
    }

    fn holder(&self, target: &str) -> Option<&str> {
        let claim = self.state.claims.iter().find(|claim: &&Claim<'_>| claim.target == *target);
        claim.map(|claim| &*claim.instance_id)
    }

    fn lost(&mut self, actor: &str) -> Vec<LostClaim> {
        match self.outcome(actor, Op::Heartbeat) {
            Ok(Outcome::Heartbeat { lost }) => lost,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_operation_of_nobody_is_refused() {
    let mut desk = Desk::new();
    for op in [Op::Heartbeat, Op::Unregister, Op::Claim(ClaimRequest::default())] {
        assert_eq!(desk.perform(None, op.clone()).unwrap_err(), Refusal::NotRegistered(String::new()));
        let ghost = desk.perform(Some("ghost"), op);
        assert_eq!(ghost.unwrap_err(), Refusal::NotRegistered("ghost".to_owned()));
    }
}

#[test]
fn a_heartbeat_is_stored_only_when_the_last_is_not_fresh() {
    let mut desk = Desk::new();
    let id = desk.register("claude", 1);
    let changes = |desk: &mut Desk| desk.perform(Some(&id), Op::Heartbeat).unwrap().1.len();
    desk.pass(HEARTBEAT_INTERVAL_MS - 1);
    assert_eq!(changes(&mut desk), 0);
    desk.pass(1);
    assert_eq!(changes(&mut desk), 1);
}

#[test]
fn ids_of_one_second_differ() {
    let mut desk = Desk::new();
    let ids: Vec<String> = (1..50).map(|pid| desk.register("claude", pid)).collect();
    desk.evidence.nonce = 0;
    let again = desk.register("claude", 99);
    assert!(!ids.contains(&again));
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len());
}

#[test]
fn every_state_survives_writing_and_reading() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    desk.claim(&one, &["a", "b\n\u{1b}\"\\"]).unwrap();
    desk.wait(&other, "a", false).unwrap();
    desk.kill(&one);
    desk.claim(&other, &["c"]).unwrap();
    desk.perform(None, Op::Cleanup).unwrap();
    let mut state = desk.state.clone();
    let text = String::from_utf8(document::write(&mut state)).unwrap();
    let mut read = document::read(&text).unwrap();
    assert_eq!(text, String::from_utf8(document::write(&mut read)).unwrap());
    assert_eq!(read.claims, state.claims);
    assert_eq!(read.waiters, state.waiters);
    assert!(read.instances.iter().any(|instance| !instance.lost.is_empty()), "losses are kept as well");
    let entries = state.claims.len() + state.instances.len() + state.waiters.len();
    assert!(text.lines().count() >= entries, "one entry a line");
}
