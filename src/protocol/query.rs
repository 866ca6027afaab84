//! Questions that change nothing: may I touch this, and what changed between two states.

use super::apply::conflict_with;
use super::evidence::{CrossWorktree, Evidence};
use super::lease;
use super::op::{Conflict, Grant};
use super::place::{Place, Prepared};
use super::state::State;

/// What a check of one place finds.
#[derive(Clone, Debug, PartialEq)]
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
    let mut verdict = Verdict { own: Vec::new(), held: Vec::new(), in_line: Vec::new(), shadows: Vec::new() };
    let across = evidence.settings.cross_worktree;
    for claim in &state.claims {
        let at: Place<'_> = claim.into();
        let in_force = || lease::standing(claim, state, evidence).in_force();
        let is_own = caller.is_some_and(|caller| claim.instance_id == *caller);
        if place.overlaps(&at) {
            match is_own {
                true if in_force() => verdict.own.push(super::apply::grant_of(claim, true)),
                false if in_force() => verdict.held.push(conflict_with(claim, 0, state, evidence)),
                _ => {}
            }
        } else if !is_own && across != CrossWorktree::Ignore && place.shadows(&at) && in_force() {
            let conflicts = if across == CrossWorktree::Block { &mut verdict.held } else { &mut verdict.shadows };
            conflicts.push(conflict_with(claim, 0, state, evidence));
        }
    }
    verdict.in_line = super::apply::in_line_for(place, caller, state, evidence);
    verdict
}
