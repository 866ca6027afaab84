//! Does a deed on both sides and compares; then what must hold whatever the reference thinks.

use aio::protocol::apply::{self, Applied};
use aio::protocol::document;
use aio::protocol::evidence::Evidence;
use aio::protocol::excerpt::{Parts, Sieve};
use aio::protocol::lease::HEARTBEAT_INTERVAL_MS;
use aio::protocol::op::{Change, ClaimRequest, Op, Outcome, Refusal, Request};
use aio::protocol::place::{Place as At, Prepared};
use aio::protocol::state::{State, Waiter};
use aio::protocol::time;

use super::answer::Answer;
use super::places::place;
use super::reference::{Hold, Reference, View};
use super::run::{Deed, History};
use super::world::World;

type Decided = Result<(Outcome, Vec<Change>, Vec<String>, String), Refusal>;

macro_rules! demand {
    ($condition:expr, $($words:tt)+) => { if !$condition { return Err(format!($($words)+)); } };
}

pub fn perform(history: &mut History, deed: Deed<'_>) -> Result<(), String> {
    let Deed { agent, actor, op, predict } = deed;
    let request = Request { actor, op };
    let full = history.world.evidence(agent, history.nonce());
    let revision = history.revision + 1;
    let decided = decide(&history.text, &request, &full, revision, true);
    demand!(decided == decide(&history.text, &request, &full, revision, false), "what is looked up is not enough");
    previews_agree(&history.text, &request, &full, revision, &decided)?;
    for we_wrote in [false, true] {
        nearby_agrees(&history.text, &request, &full, revision, &decided, we_wrote)?;
    }
    let actual = match &decided {
        Ok((outcome, ..)) => Answer::from(outcome),
        Err(refusal) => Answer::from(refusal),
    };

    let view = View { world: &history.world, agent, revision };
    let before = history.reference.clone();
    let (expected, after, changed) = expected(&before, &request, view, &actual, predict);
    demand!(actual == expected, "answered {actual:?}\ninstead of {expected:?}");
    let Ok((_, changes, archived, text)) = decided else { return Ok(()) };
    demand!(changed != changes.is_empty(), "changed: {changed}, and said to have changed: {changes:?}");
    if !changed {
        let same = as_we_write(&text) == as_we_write(&history.text);
        demand!(same && archived.is_empty(), "changed without saying so:\n{}\n{text}", history.text);
        return Ok(());
    }
    demand!(after.archived[before.archived.len()..] == archived, "archived {archived:?}");
    history.reference = after;
    history.text = text;
    history.revision = revision;
    if let Answer::Registered(id) = &actual {
        history.registered(agent, id.clone());
    }
    same_state(history)?;
    marks_survive(history)?;
    let view = View { world: &history.world, agent, revision };
    invariants(history, &before, &request, view)?;
    asking_again_changes_nothing(history, &request, &actual, &full)
}

/// As the store does it; with all evidence, or with what commands look up.
fn decide(text: &str, request: &Request, full: &Evidence, revision: u64, with_all: bool) -> Decided {
    let mut state = document::read(text).expect("what was written can be read");
    state.revision = revision;
    let looked_up = World::looked_up(full, &state, &apply::in_question(&state, request));
    let Applied { mut state, outcome, changes, archived } =
        apply::apply(state, request, if with_all { full } else { &looked_up })?;
    let text = String::from_utf8(document::write(&mut state)).expect("JSON is UTF-8");
    Ok((outcome, changes, archived.iter().map(|entry| entry.id.to_string()).collect(), text))
}

/// The look at a part of the state, by which a claim is refused or found held without a lock, sees what the whole shows.
fn previews_agree(
    text: &str,
    request: &Request,
    full: &Evidence,
    revision: u64,
    decided: &Decided,
) -> Result<(), String> {
    let Op::Claim(ClaimRequest { wanted, wait, .. }) = &request.op else { return Ok(()) };
    let places: Vec<Prepared<'_>> = wanted.iter().map(Prepared::new).collect();
    let concerned = |at: At<'_>| places.iter().any(|place| place.overlaps(&at) || place.shadows(&at));
    let mut sieve = Sieve::new(&places);
    sieve.pass(text);
    let excerpt = sieve.finish().expect("nothing follows the context");
    let mut state = document::read_keeping(&excerpt, |claim| concerned(At::from(claim))).expect("it was read before");
    state.revision = revision;
    let evidence = World::looked_up(full, &state, &apply::in_question(&state, request));
    match (apply::apply(state, request, &evidence), decided) {
        (Ok(seen), Ok((outcome, changes, ..))) if seen.changes.is_empty() || changes.is_empty() => {
            demand!(seen.changes == *changes && seen.outcome == *outcome, "preview: {seen:?}, really: {outcome:?}");
        }
        (Ok(seen), Err(refusal)) => demand!(wait.is_some(), "preview: {seen:?}, really: {refusal:?}"),
        (Err(seen), Err(refusal)) => {
            demand!(seen == *refusal || wait.is_some(), "preview: {seen:?}, really: {refusal:?}")
        }
        (Err(seen), Ok((outcome, ..))) => demand!(wait.is_some(), "preview: {seen:?}, really: {outcome:?}"),
        (Ok(_), Ok(_)) => {}
    }
    Ok(())
}

/// Where a claim may be decided on what is near it, it is decided alike, and what is written then is the same state.
fn nearby_agrees(
    text: &str,
    request: &Request,
    full: &Evidence,
    revision: u64,
    decided: &Decided,
    we_wrote: bool,
) -> Result<(), String> {
    let Op::Claim(ClaimRequest { wanted, .. }) = &request.op else { return Ok(()) };
    let places: Vec<Prepared<'_>> = wanted.iter().map(Prepared::new).collect();
    let Some(parts) = Parts::of(text, &places, request.actor.as_deref(), we_wrote) else { return Ok(()) };
    let mut state = document::read(&parts.near).expect("a part of what was read");
    if !apply::is_decided_nearby(&state, request, &full.machine) {
        return Ok(());
    }
    state.revision = revision;
    let evidence = World::looked_up(full, &state, &apply::in_question(&state, request));
    match (apply::apply(state, request, &evidence), decided) {
        (Err(seen), Err(refusal)) => demand!(seen == *refusal, "nearby: {seen:?}, really: {refusal:?}"),
        (Ok(seen), Ok((outcome, changes, _, text))) => {
            demand!(seen.outcome == *outcome && seen.changes == *changes, "nearby: {seen:?}, really: {outcome:?}");
            let near = String::from_utf8(document::write_among(seen.state, &parts).concat()).expect("JSON is UTF-8");
            demand!(in_any_order(&near) == in_any_order(text), "nearby:\n{near}\nreally:\n{text}");
        }
        (seen, _) => demand!(false, "nearby: {seen:?}, really: {decided:?}"),
    }
    Ok(())
}

/// What a text says, whatever the order of claims.
fn in_any_order(text: &str) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    for instance in value["instances"].as_object_mut().into_iter().flat_map(|instances| instances.values_mut()) {
        instance["claims"].as_array_mut().expect("a list").sort_by_key(ToString::to_string);
    }
    value
}

fn expected(
    before: &Reference,
    request: &Request,
    view: View<'_>,
    actual: &Answer,
    predict: impl FnOnce(&mut Reference, View<'_>, &Answer) -> Answer,
) -> (Answer, Reference, bool) {
    let mut after = before.clone();
    let actor = request.actor.as_deref();
    let Some(session) = actor.map_or(Some(None), |id| before.session(id).map(Some)) else {
        return (Answer::NotRegistered, after, false);
    };
    let woke = actor.is_some_and(|id| after.wake(id, view));
    let awake = after.clone();
    let answer = predict(&mut after, view, actual);
    if answer.is_refusal() {
        return (answer, before.clone(), false);
    }
    let beat_is_due = session.is_some_and(|session| {
        let asked = matches!(request.op, Op::Heartbeat) || matches!(answer, Answer::Waiting(_));
        asked && view.beat_age_ms(session) >= HEARTBEAT_INTERVAL_MS || session.evicted.is_some()
    });
    let always = matches!(request.op, Op::Register(_) | Op::SetTask { .. } | Op::CloseContext { .. });
    let changed = woke || beat_is_due || always || after != awake;
    if let Some(id) = actor.filter(|id| changed && after.session(id).is_some()) {
        after.beat(id, view);
        after.sessions.iter_mut().filter(|session| session.id == id).for_each(|session| session.evicted = None);
    }
    (answer, after, changed)
}

/// Every record in our own spelling, without what says when the state was written.
fn as_we_write(text: &str) -> String {
    let mut state = document::read(text).expect("it was read before");
    state.context.entries_mut().expect("nobody broke the context");
    let mut state = State { revision: 0, updated_at: "".into(), ..state };
    String::from_utf8(document::write(&mut state)).expect("JSON is UTF-8")
}

/// The state as it was written is what the reference has in mind, and reading it loses nothing.
fn same_state(history: &History) -> Result<(), String> {
    let mut state = document::read(&history.text).map_err(|error| error.to_string())?;
    let again = document::write(&mut state);
    demand!(again == history.text.as_bytes(), "written, read and written it is another");
    let reference = &history.reference;
    let holds: Vec<String> = reference.holds.iter().map(|hold| shown_hold(hold, &state)).collect();
    let claims: Vec<String> = state
        .claims
        .iter()
        .map(|claim| {
            format!(
                "{} {} {} {} {} {}",
                claim.key,
                claim.instance_id,
                claim.is_shared(),
                claim.fence,
                claim.reason,
                claim.expires_at
            )
        })
        .collect();
    demand!(holds == claims, "claims {claims:#?}\ninstead of {holds:#?}");
    let placed = reference.holds.iter().zip(&state.claims);
    for (hold, claim) in placed {
        demand!(
            place(hold.place).is(&claim.kind, &claim.target, &claim.project),
            "{claim:?} is not what was asked for"
        );
    }
    let queue: Vec<(&str, &str)> = reference.queue.iter().map(|wait| (&*wait.id, &*wait.ask.who)).collect();
    let waiters: Vec<(&str, &str)> = state.waiters.iter().map(|wait| (&*wait.id, &*wait.instance_id)).collect();
    demand!(queue == waiters, "waiters {waiters:?}\ninstead of {queue:?}");
    same_sessions(reference, &state)?;
    same_notes(reference, &state)
}

fn shown_hold(hold: &Hold, state: &State<'_>) -> String {
    let end = hold.end.as_ref().map_or(String::new(), |end| time::stamp(end.wall_ms()));
    assert!(hold.fence <= state.revision);
    format!("{} {} {} {} {} {end}", hold.id, hold.holder, hold.shared, hold.fence, hold.reason)
}

fn same_sessions(reference: &Reference, state: &State<'_>) -> Result<(), String> {
    let sessions: Vec<String> = reference
        .sessions
        .iter()
        .map(|session| {
            let lost: Vec<_> = session.lost.iter().map(|loss| (&*loss.claim, &*loss.to, loss.told)).collect();
            let evicted = session.evicted.map(time::stamp).unwrap_or_default();
            format!(
                "{} {} {:?} {} {} {} {evicted} {lost:?}",
                session.id,
                session.project,
                session.task.as_deref(),
                session.pid,
                session.machine.boot_id,
                time::stamp(session.beat.0)
            )
        })
        .collect();
    let instances: Vec<String> = state
        .instances
        .iter()
        .map(|instance| {
            let lost: Vec<_> = instance.lost.iter().map(|lost| (&*lost.id, &*lost.to, lost.told)).collect();
            format!(
                "{} {} {:?} {} {} {} {} {lost:?}",
                instance.key,
                instance.project,
                instance.current_task.as_deref(),
                instance.pid,
                instance.boot_id,
                instance.last_heartbeat,
                instance.evicted_at
            )
        })
        .collect();
    demand!(sessions == instances, "instances {instances:#?}\ninstead of {sessions:#?}");
    Ok(())
}

fn same_notes(reference: &Reference, state: &State<'_>) -> Result<(), String> {
    let entries = state.context.entries().map_err(|error| error.to_string())?;
    let notes: Vec<(&str, bool)> = reference.notes.iter().map(|note| (&*note.id, note.closed)).collect();
    let kept: Vec<(&str, bool)> = entries.iter().map(|entry| (&*entry.id, !entry.closed_at.is_empty())).collect();
    demand!(notes == kept, "notes {kept:?}\ninstead of {notes:?}");
    let protected =
        notes.iter().zip(&reference.notes).filter(|(_, note)| matches!(&*note.category, "handoff" | "warning"));
    demand!(notes.len() <= 200.max(protected.count()), "{} notes are kept", notes.len());
    Ok(())
}

/// What somebody wrote by hand stays as long as the record it is in.
fn marks_survive(history: &mut History) -> Result<(), String> {
    let state = document::read(&history.text).map_err(|error| error.to_string())?;
    let unknown = |id: &str| {
        let claim = state.claims.iter().find(|claim| claim.key == *id).map(|claim| &claim.unknown);
        // A wait that was given up and begun anew in one step is another record under the same id.
        let same = |waiter: &&Waiter<'_>| waiter.id == *id && waiter.since != *state.updated_at;
        let waiter = || state.waiters.iter().find(same).map(|waiter| &waiter.unknown);
        claim.or_else(|| state.instance(id).map(|instance| &instance.unknown)).or_else(waiter)
    };
    history.marks.retain(|(id, _)| unknown(id).is_some());
    for (id, field) in &history.marks {
        let mut fields = unknown(id).into_iter().flat_map(|unknown| unknown.iter());
        demand!(fields.any(|(key, value)| key == field && value.get() == "1.50"), "{field} of {id} was lost");
    }
    Ok(())
}

fn invariants(history: &History, before: &Reference, request: &Request, view: View<'_>) -> Result<(), String> {
    let now = &history.reference;
    for (index, hold) in now.holds.iter().enumerate() {
        for other in &now.holds[index + 1..] {
            let apart = hold.holder == other.holder || hold.shared && other.shared;
            demand!(apart || !place(hold.place).overlaps(place(other.place)), "two hold one place: {hold:?} {other:?}");
        }
    }
    for hold in before.holds.iter().filter(|hold| before.in_force(hold, view)) {
        let kept = now.holds.iter().any(|other| (&other.id, &other.holder) == (&hold.id, &hold.holder));
        let own =
            request.actor.as_deref() == Some(&*hold.holder) && matches!(request.op, Op::Release(_) | Op::Unregister);
        let forced = matches!(&request.op, Op::Release(release) if release.force);
        demand!(kept || own || forced, "a living holder was robbed of {hold:?}");
    }
    if history.alone {
        for who in history.askers() {
            demand!(!now.leads_back(now.waits_for(who, view), who, view), "{who} waits for itself");
        }
    }
    if matches!(request.op, Op::Release(_) | Op::Unregister | Op::Cleanup) {
        for (position, wait) in now.queue.iter().enumerate() {
            let free = now.still_waits(wait, view) && now.conflicts(&wait.ask, position, view).is_empty();
            demand!(!free, "nobody is in the way of {wait:?}");
        }
    }
    Ok(())
}

/// Claiming what one holds gives the same claims and writes nothing.
fn asking_again_changes_nothing(
    history: &History,
    request: &Request,
    actual: &Answer,
    full: &Evidence,
) -> Result<(), String> {
    let (Op::Claim(claim), Answer::Claimed { ids, .. }) = (&request.op, actual) else { return Ok(()) };
    if claim.ttl_ms.is_some() {
        return Ok(());
    }
    let wanted = claim.wanted.iter().cloned().map(|wanted| aio::protocol::state::Wanted { id: "X".into(), ..wanted });
    let again = ClaimRequest { wanted: wanted.collect(), wait: None, ..claim.clone() };
    let again = Request { op: Op::Claim(again), ..request.clone() };
    match decide(&history.text, &again, full, history.revision + 1, false) {
        Ok((outcome, changes, ..)) => {
            let Answer::Claimed { ids: same, .. } = Answer::from(&outcome) else { return Err(format!("{outcome:?}")) };
            demand!(
                same == *ids && changes.is_empty(),
                "asking again gave {same:?} and {changes:?} instead of {ids:?}"
            );
            Ok(())
        }
        Err(refusal) => Err(format!("asking again was refused: {refusal:?}")),
    }
}
