//! What an operation came to, as far as the reference can tell.

use aio::protocol::op::{Conflict, LostClaim, Outcome, Refusal};

use super::reference::Conflicts;

/// A lost place and who holds it since.
pub type Told = (String, String);

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Registered(String),
    Done,
    Told(Vec<Told>),
    Unregistered(usize),
    Claimed { ids: Vec<String>, taken: usize, shadows: Conflicts },
    Waiting(Conflicts),
    Released(Vec<String>),
    Guarded(Vec<Told>),
    Noted(String),
    Pruned(usize),
    Cleaned { instances: Vec<String>, claims: usize, waiters: usize },
    NotRegistered,
    Held(Conflicts),
    Deadlock,
    NotYours(String),
    Unknown,
}

impl Answer {
    pub fn is_refusal(&self) -> bool {
        use Answer::{Deadlock, Held, NotRegistered, NotYours, Unknown};
        matches!(self, NotRegistered | Held(_) | Deadlock | NotYours(_) | Unknown)
    }
}

impl From<&Outcome> for Answer {
    fn from(outcome: &Outcome) -> Answer {
        match outcome {
            Outcome::Registered { id, .. } => Answer::Registered(id.clone()),
            Outcome::Done => Answer::Done,
            Outcome::Heard { .. } => unreachable!("nobody in the model attends"),
            Outcome::Heartbeat { lost } => Answer::Told(told(lost)),
            Outcome::Unregistered { released } => Answer::Unregistered(*released),
            Outcome::Claimed { grants, taken_over, shadows } => Answer::Claimed {
                ids: grants.iter().map(|grant| grant.id.clone()).collect(),
                taken: taken_over.len(),
                shadows: conflicts(shadows),
            },
            Outcome::Waiting { conflicts: ahead } => Answer::Waiting(conflicts(ahead)),
            Outcome::Released { claims } => Answer::Released(claims.iter().map(|claim| claim.id.clone()).collect()),
            Outcome::Guarded { lost } => Answer::Guarded(told(lost)),
            Outcome::Context { id } => Answer::Noted(id.clone()),
            Outcome::Pruned { count } => Answer::Pruned(*count),
            Outcome::Cleaned { instances, claims, waiters, .. } => {
                let mut instances = instances.clone();
                instances.sort();
                instances.dedup();
                Answer::Cleaned { instances, claims: *claims, waiters: *waiters }
            }
            Outcome::Project { .. } | Outcome::Jobs { .. } | Outcome::JobStarted { .. } | Outcome::JobWaits { .. } => {
                unreachable!("the model launches nothing")
            }
        }
    }
}

impl From<&Refusal> for Answer {
    fn from(refusal: &Refusal) -> Answer {
        match refusal {
            Refusal::NotRegistered(_) => Answer::NotRegistered,
            Refusal::Held(held) => Answer::Held(conflicts(held)),
            Refusal::Deadlock(_) => Answer::Deadlock,
            Refusal::NotYours(conflict) => Answer::NotYours(conflict.claim.clone()),
            Refusal::Unknown { .. } | Refusal::Ambiguous { .. } | Refusal::Malformed(_) | Refusal::Taken { .. } => {
                Answer::Unknown
            }
        }
    }
}

fn conflicts(all: &[Conflict]) -> Conflicts {
    all.iter().map(|conflict| (conflict.wanted, conflict.claim.clone())).collect()
}

fn told(all: &[LostClaim]) -> Vec<Told> {
    all.iter().map(|lost| (lost.target.clone(), lost.to.clone())).collect()
}
