//! What each operation should come to, and what it should leave behind.

use aio::protocol::op::{NewContext, Registration, Wait as WaitFor};

use super::answer::{Answer, Told};
use super::places::place;
use super::reference::{Ask, Conflicts, Loss, Note, Reference, Session, View, Wait};
use super::steps::Named;

pub fn register(r: &mut Reference, view: View<'_>, asked: &Registration, actual: &Answer) -> Answer {
    r.forget_long_gone(view);
    let Answer::Registered(id) = actual else { return Answer::NotRegistered };
    let machine = view.world.machine(view.agent);
    let of_tool: Vec<&Session> = r.sessions.iter().filter(|session| session.tool == asked.tool).collect();
    let same_session = |session: &&Session| asked.session.as_ref().is_some_and(|asked| session.session == *asked);
    let same_process = |session: &&Session| {
        let pid = asked.process.is_some_and(|process| process.pid == session.pid);
        let may_be = asked.session.is_none() || session.session.is_empty();
        pid && session.machine == machine && session.project == asked.project && may_be
    };
    let mut known: Vec<String> = of_tool.iter().copied().filter(same_session).map(|s| s.id.clone()).collect();
    if known.is_empty() {
        known = of_tool.iter().copied().filter(same_process).map(|s| s.id.clone()).collect();
    }
    if known.is_empty() && r.session(id).is_none() {
        r.sessions.push(Session {
            id: id.clone(),
            tool: asked.tool.clone(),
            project: asked.project.clone(),
            session: String::new(),
            machine: machine.clone(),
            pid: 0,
            beat: (view.world.wall_ms, view.world.now(view.agent).awake_ms),
            evicted: None,
            lost: Vec::new(),
            task: None,
        });
    } else if !known.contains(id) {
        return Answer::Registered(format!("one of {known:?}"));
    }
    r.wake(id, view);
    r.beat(id, view);
    let session = r.sessions.iter_mut().find(|session| session.id == *id).expect("it was just added");
    session.project.clone_from(&asked.project);
    session.session = asked.session.clone().unwrap_or_else(|| session.session.clone());
    session.machine.pid_namespace = machine.pid_namespace;
    session.pid = asked.process.map_or(session.pid, |process| process.pid);
    session.evicted = None;
    Answer::Registered(id.clone())
}

fn told(loss: &Loss) -> Told {
    (place(loss.place).word().to_owned(), loss.to.clone())
}

fn lost_of<'r>(r: &'r mut Reference, actor: &str) -> &'r mut Vec<Loss> {
    &mut r.sessions.iter_mut().find(|session| session.id == actor).expect("it takes part").lost
}

pub fn heartbeat(r: &mut Reference, _: View<'_>, actor: &str) -> Answer {
    let news = |loss: &mut Loss| (!std::mem::replace(&mut loss.told, true)).then(|| told(loss));
    Answer::Told(lost_of(r, actor).iter_mut().filter_map(news).collect())
}

pub fn unregister(r: &mut Reference, view: View<'_>, actor: &str) -> Answer {
    let held = r.holds.len();
    r.holds.retain(|hold| hold.holder != actor);
    let released = held - r.holds.len();
    r.queue.retain(|wait| wait.ask.who != actor);
    r.sessions.retain(|session| session.id != actor);
    r.serve(view);
    Answer::Unregistered(released)
}

pub fn task(r: &mut Reference, actor: &str, task: Option<String>) -> Answer {
    r.sessions.iter_mut().filter(|session| session.id == actor).for_each(|session| session.task.clone_from(&task));
    Answer::Done
}

pub fn claim(r: &mut Reference, view: View<'_>, ask: &Ask, wait: Option<&WaitFor>) -> Answer {
    let in_line = wait.is_some_and(|wait| r.queue.iter().any(|queued| queued.id == wait.id));
    let conflicts = r.conflicts(ask, r.ahead_of(wait.map(|wait| &*wait.id)), view);
    match wait {
        _ if conflicts.is_empty() => {
            r.queue.retain(|queued| wait.is_none_or(|wait| queued.id != wait.id));
            let (ids, taken, shadows) = r.grant(ask, view);
            Answer::Claimed { ids, taken: taken.len(), shadows }
        }
        None => Answer::Held(conflicts),
        Some(_) if in_line => Answer::Waiting(conflicts),
        Some(_) if r.leads_back(r.owners(&conflicts), &ask.who, view) => Answer::Deadlock,
        Some(wait) => {
            let machine = view.world.machine(view.agent);
            let pid = wait.process.map_or(0, |process| process.pid);
            let end = r.wait_end(machine.clone(), wait.timeout_ms, view);
            r.queue.push(Wait { id: wait.id.clone(), ask: ask.clone(), end, machine, pid });
            Answer::Waiting(conflicts)
        }
    }
}

pub fn cancel(r: &mut Reference, view: View<'_>, wait: &str) -> Answer {
    let before = r.queue.len();
    r.queue.retain(|queued| queued.id != wait);
    if r.queue.len() < before {
        r.serve(view);
    }
    Answer::Done
}

pub fn release_all(r: &mut Reference, view: View<'_>, actor: &str) -> Answer {
    let (own, others) = std::mem::take(&mut r.holds).into_iter().partition(|hold| hold.holder == actor);
    r.holds = others;
    r.serve(view);
    let own: Vec<super::reference::Hold> = own;
    Answer::Released(own.into_iter().map(|hold| hold.id).collect())
}

pub fn release(
    r: &mut Reference,
    view: View<'_>,
    actor: Option<&str>,
    named: &Named,
    words: &[String],
    force: bool,
) -> Answer {
    let mut ids: Vec<String> = Vec::new();
    for word in words {
        let means = |hold: &super::reference::Hold| match named {
            Named::Id(_) => hold.id.ends_with(word),
            Named::Place(number) => place(*number).answers_to(place(hold.place)),
        };
        let is_own = |hold: &super::reference::Hold| actor == Some(&hold.holder);
        let (own, others): (Vec<_>, Vec<_>) = r.holds.iter().filter(|hold| means(hold)).partition(|hold| is_own(hold));
        match others.first() {
            None if own.is_empty() => return Answer::Unknown,
            Some(other) if own.is_empty() && !force => return Answer::NotYours(other.id.clone()),
            _ => {}
        }
        let meant = if own.is_empty() { others } else { own };
        let new: Vec<String> = meant.iter().map(|hold| hold.id.clone()).filter(|id| !ids.contains(id)).collect();
        ids.extend(new);
    }
    for id in &ids {
        match r.holds.iter().position(|hold| hold.id == *id) {
            Some(at) if actor == Some(&*r.holds[at].holder) => drop(r.holds.remove(at)),
            _ => r.lose(id, ""),
        }
    }
    r.serve(view);
    Answer::Released(ids)
}

pub fn guard(r: &mut Reference, view: View<'_>, actor: &str, places: &[usize]) -> Answer {
    let mut held = Conflicts::new();
    for (index, number) in places.iter().enumerate() {
        let others = r.holds.iter().filter(|hold| hold.holder != actor && r.in_force(hold, view));
        let there = others.filter(|hold| place(*number).overlaps(place(hold.place)));
        held.extend(there.map(|hold| (index, hold.id.clone())));
    }
    if !held.is_empty() {
        return Answer::Held(held);
    }
    let concerns =
        |loss: &Loss| !loss.to.is_empty() && places.iter().any(|number| place(*number).overlaps(place(loss.place)));
    let (mentioned, kept): (Vec<Loss>, Vec<Loss>) = std::mem::take(lost_of(r, actor)).into_iter().partition(concerns);
    *lost_of(r, actor) = kept;
    Answer::Guarded(mentioned.iter().map(told).collect())
}

pub fn note(r: &mut Reference, view: View<'_>, new: &NewContext) -> Answer {
    r.notes.push(Note {
        id: new.id.clone(),
        project: new.project.clone(),
        category: new.category.clone(),
        wall_ms: view.world.wall_ms,
        closed: false,
    });
    r.rotate();
    Answer::Noted(new.id.clone())
}

pub fn close(r: &mut Reference, id: &str) -> Answer {
    let Some(note) = r.notes.iter_mut().find(|note| note.id == id) else { return Answer::Unknown };
    note.closed = true;
    Answer::Noted(id.to_owned())
}

pub fn cleanup(r: &mut Reference, view: View<'_>) -> Answer {
    let waiters = r.queue.len();
    let mut instances = Vec::new();
    for session in r.sessions.iter_mut().filter(|session| session.evicted.is_none() && !view.is_live(session)) {
        session.evicted = Some(view.world.wall_ms);
        instances.push(session.id.clone());
    }
    let free: Vec<String> = r.holds.iter().filter(|hold| !r.in_force(hold, view)).map(|hold| hold.id.clone()).collect();
    free.iter().for_each(|id| r.lose(id, ""));
    instances.extend(r.forget_long_gone(view));
    instances.sort();
    instances.dedup();
    r.serve(view);
    Answer::Cleaned { instances, claims: free.len(), waiters: waiters.saturating_sub(r.queue.len()) }
}
