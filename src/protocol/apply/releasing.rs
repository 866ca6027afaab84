//! Letting go: of one's own, and by force of another's.

use super::super::id;
use super::super::op::{Event, Outcome, Refusal, ReleaseRequest, ReleaseTarget};
use super::super::place::{Place, Prepared};
use super::super::state::Claim;
use super::Turn;
use super::claiming::{claim_change, conflict_with, grant_of};

impl Turn<'_, '_> {
    pub(super) fn release(&mut self, actor: Option<&str>, request: &ReleaseRequest) -> Result<Outcome, Refusal> {
        let ids = self.to_release(actor, request)?;
        let mut claims = Vec::new();
        for id in ids {
            let Some(claim) = self.state.claim(&id) else { continue };
            let grant = grant_of(claim, true);
            let holder = claim.instance_id.to_string();
            if actor == Some(&*holder) {
                self.state.claims.retain(|claim| claim.key != *id);
                self.note(claim_change(Event::Released, &holder, &grant));
            } else {
                let by = actor.unwrap_or("a person");
                let reason = format!("released by {by}: {}", request.reason.as_deref().unwrap_or("no reason given"));
                self.take(&id, "", &reason, Event::Released);
            }
            claims.push(grant);
        }
        self.serve_waiters();
        Ok(Outcome::Released { claims })
    }

    fn to_release(&self, actor: Option<&str>, request: &ReleaseRequest) -> Result<Vec<String>, Refusal> {
        if request.targets.is_empty() {
            let own = actor.into_iter().flat_map(|actor| self.state.claims_of(actor));
            return Ok(own.map(|claim| claim.key.to_string()).collect());
        }
        let mut ids = Vec::new();
        for target in &request.targets {
            for id in self.named(actor, target, request.force)? {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        Ok(ids)
    }

    /// The claims somebody means: first among the caller's own, then, to be refused or forced, among the others'.
    fn named(&self, actor: Option<&str>, target: &ReleaseTarget, force: bool) -> Result<Vec<String>, Refusal> {
        let places: Vec<Prepared<'_>> = target.places.iter().map(Prepared::new).collect();
        let is_own = |claim: &Claim<'_>| actor.is_some_and(|actor| claim.instance_id == *actor);
        for own in [true, false] {
            let candidates: Vec<&Claim<'_>> = self.state.claims.iter().filter(|c| is_own(c) == own).collect();
            let found = pick(&candidates, &target.word, &places)?;
            match found.first() {
                Some(claim) if !own && !force => {
                    let conflict = conflict_with(claim, 0, &self.state, self.evidence);
                    return Err(Refusal::NotYours(Box::new(conflict)));
                }
                Some(_) => return Ok(found.iter().map(|claim| claim.key.to_string()).collect()),
                None => {}
            }
        }
        Err(Refusal::Unknown { what: "claim", word: target.word.clone() })
    }
}

/// By whole id, then by place (which several readers may share; a path before a pattern, that before a name), then by an
/// end of an id.
fn pick<'c, 'a>(claims: &[&'c Claim<'a>], word: &str, places: &[Prepared<'_>]) -> Result<Vec<&'c Claim<'a>>, Refusal> {
    let fitting = |fits: &dyn Fn(&Claim<'a>) -> bool| claims.iter().copied().filter(|c| fits(c)).collect::<Vec<_>>();
    let by_id = fitting(&|claim| claim.key == *word);
    if !by_id.is_empty() {
        return Ok(by_id);
    }
    let mut by_place = places.iter().map(|place| fitting(&|claim| is_at(claim, place)));
    if let Some(found) = by_place.find(|found| !found.is_empty()) {
        return Ok(found);
    }
    let by_end = fitting(&|claim| id::is_abbreviation(&claim.key, word));
    if by_end.len() > 1 {
        let candidates = by_end.iter().map(|claim| claim.key.to_string()).collect();
        return Err(Refusal::Ambiguous { what: "claim", word: word.to_owned(), candidates });
    }
    Ok(by_end)
}

/// Whether a claim is on exactly this place. A path names a file's claim as well as a directory's.
fn is_at(claim: &Claim<'_>, place: &Prepared<'_>) -> bool {
    let mine = Prepared::new(Place { kind: place.place().kind, ..Place::from(claim) });
    let both_paths =
        |a: &str, b: &str| ["file", "directory", "dir"].contains(&a) && ["file", "directory", "dir"].contains(&b);
    let comparable = both_paths(&claim.kind, place.place().kind) || Place::from(claim).kind() == place.place().kind();
    comparable && mine.covers(place) && place.covers(&mine)
}
