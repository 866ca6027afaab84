//! Questions that change nothing: may I touch this, and what changed between two states.

use super::apply::{conflict_with, grant_of, in_line_for};
use super::evidence::{CrossWorktree, Evidence};
use super::lease::{self, Standing};
use super::op::{Conflict, Grant};
use super::place::{Place, Prepared};
use super::state::State;

/// What a check of one place finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The caller's own claims there.
    pub own: Vec<Grant>,
    /// Claims of others in force there, and those in other worktrees where the person wants them to block.
    pub held: Vec<Conflict>,
    /// Waiters of others that are in line for it.
    pub in_line: Vec<Conflict>,
    /// Claims in force on the same path of another worktree, where the person wants to be warned of them.
    pub shadows: Vec<Conflict>,
}

/// Who stands at a place.
pub fn verdict(place: &Prepared<'_>, caller: Option<&str>, state: &State<'_>, evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    let across = evidence.settings.cross_worktree;
    for claim in &state.claims {
        let at: Place<'_> = claim.into();
        let is_own = caller.is_some_and(|caller| claim.instance_id == *caller);
        let standing = || lease::standing(claim, state, evidence);
        let in_force = || standing().in_force();
        if is_own {
            // Whoever asks is alive, however old its heartbeat.
            if !matches!(standing(), Standing::Lapsed) && Prepared::new(claim).covers(place) {
                verdict.own.push(grant_of(claim, true));
            }
        } else if place.overlaps(&at) {
            if in_force() {
                verdict.held.push(conflict_with(claim, 0, state, evidence));
            }
        } else if across != CrossWorktree::Ignore && place.shadows(&at) && in_force() {
            let conflicts = if across == CrossWorktree::Block { &mut verdict.held } else { &mut verdict.shadows };
            conflicts.push(conflict_with(claim, 0, state, evidence));
        }
    }
    verdict.in_line = in_line_for(place, caller, state, evidence);
    verdict
}
