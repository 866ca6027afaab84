//! The protocol once more, naively, from the design: plain lists, nothing borrowed, nothing shared with the code.

use std::collections::BTreeSet;

use aio::protocol::evidence::{CrossWorktree, Fate, Machine};

use super::places::{Place, place};
use super::world::World;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const MOST_LOST: usize = 50;

#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub id: String,
    pub tool: String,
    pub project: String,
    pub session: String,
    pub machine: Machine,
    pub pid: u32,
    pub beat: (i64, u64),
    pub evicted: Option<i64>,
    pub lost: Vec<Loss>,
    pub task: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    pub claim: String,
    pub place: usize,
    pub to: String,
    pub told: bool,
}

/// When a lease ends: by the wall clock, and by the awake time of the boot it was granted on.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    wall_ms: i64,
    awake: Option<(Machine, u64)>,
}

impl End {
    pub fn wall_ms(&self) -> i64 {
        self.wall_ms
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    pub id: String,
    pub holder: String,
    pub place: usize,
    pub shared: bool,
    pub end: Option<End>,
    pub fence: u64,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    pub id: String,
    pub ask: Ask,
    pub end: End,
    pub machine: Machine,
    pub pid: u32,
}

/// Places asked for, with the ids the claims will have.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub who: String,
    pub places: Vec<(String, usize)>,
    pub shared: bool,
    pub ttl_ms: Option<u64>,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub id: String,
    pub project: Option<String>,
    pub category: String,
    pub wall_ms: i64,
    pub closed: bool,
}

/// What stands in the way: which place asked for, and the claim or wait.
pub type Conflicts = BTreeSet<(usize, String)>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    pub sessions: Vec<Session>,
    pub holds: Vec<Hold>,
    pub queue: Vec<Wait>,
    pub notes: Vec<Note>,
    pub archived: Vec<String>,
}

/// Who looks, and at which revision something would change.
#[derive(Clone, Copy)]
pub struct View<'w> {
    pub world: &'w World,
    pub agent: usize,
    pub revision: u64,
}

impl View<'_> {
    fn wall_age_ms(&self, then: i64) -> u64 {
        let ahead = then - self.world.wall_ms;
        if ahead > i64::try_from(DAY_MS).unwrap() { u64::MAX } else { u64::try_from(-ahead).unwrap_or(0) }
    }

    fn is_boot(&self, machine: &Machine) -> bool {
        let here = self.world.machine(self.agent);
        (&here.host, &here.boot_id) == (&machine.host, &machine.boot_id)
    }

    fn has_rebooted(&self, machine: &Machine) -> bool {
        self.world.machine(self.agent).host == machine.host && !self.is_boot(machine)
    }

    fn has_passed(&self, end: &End) -> bool {
        match &end.awake {
            Some((machine, awake_ms)) if self.is_boot(machine) => self.world.now(self.agent).awake_ms >= *awake_ms,
            _ => self.world.wall_ms >= end.wall_ms,
        }
    }

    pub fn beat_age_ms(&self, session: &Session) -> u64 {
        if self.is_boot(&session.machine) {
            return self.world.now(self.agent).awake_ms.saturating_sub(session.beat.1);
        }
        self.wall_age_ms(session.beat.0)
    }

    fn is_gone(&self, session: &Session) -> bool {
        self.world.fate(session.pid, &session.machine, self.agent) == Fate::Gone
    }

    pub fn is_live(&self, session: &Session) -> bool {
        if self.is_gone(session) || self.has_rebooted(&session.machine) {
            return false;
        }
        let limit_ms = match self.world.fate(session.pid, &session.machine, self.agent) {
            Fate::Alive { tool_call: true } => 12 * 60 * MINUTE_MS,
            Fate::Alive { tool_call: false } => 60 * MINUTE_MS,
            _ => 5 * MINUTE_MS,
        };
        self.beat_age_ms(session) < limit_ms
    }
}

impl Reference {
    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    fn session_mut(&mut self, id: &str) -> &mut Session {
        self.sessions.iter_mut().find(|session| session.id == id).expect("it takes part")
    }

    pub fn lives(&self, id: &str, view: View<'_>) -> bool {
        self.session(id).is_some_and(|session| view.is_live(session))
    }

    pub fn in_force(&self, hold: &Hold, view: View<'_>) -> bool {
        self.lives(&hold.holder, view) && !hold.end.as_ref().is_some_and(|end| view.has_passed(end))
    }

    pub fn still_waits(&self, wait: &Wait, view: View<'_>) -> bool {
        let gone = view.world.fate(wait.pid, &wait.machine, view.agent) == Fate::Gone;
        !gone && !view.has_rebooted(&wait.machine) && !view.has_passed(&wait.end) && self.lives(&wait.ask.who, view)
    }

    /// A command is a sign of life. One of whom nobody thought so any more starts anew: a record that says its process
    /// is gone is wrong, and its places in the queue have been passed over.
    pub fn wake(&mut self, id: &str, view: View<'_>) -> bool {
        let asleep = !self.lives(id, view) || self.session(id).is_some_and(|session| session.evicted.is_some());
        if asleep {
            self.queue.retain(|wait| wait.ask.who != id);
            let gone = self.session(id).is_some_and(|session| view.is_gone(session));
            let session = self.session_mut(id);
            session.pid = if gone { 0 } else { session.pid };
            session.evicted = None;
            self.beat(id, view);
        }
        asleep
    }

    pub fn beat(&mut self, id: &str, view: View<'_>) {
        let (machine, now) = (view.world.machine(view.agent), view.world.now(view.agent));
        let session = self.session_mut(id);
        session.beat = (now.wall_ms, now.awake_ms);
        if !view.is_boot(&session.machine) {
            (session.machine, session.pid) = (Machine { pid_namespace: String::new(), ..machine }, 0);
        }
    }

    /// How many waiters are ahead of a wait; all, for one that is not in the queue.
    pub fn ahead_of(&self, wait: Option<&str>) -> usize {
        let position = self.queue.iter().position(|queued| Some(&*queued.id) == wait);
        position.unwrap_or(self.queue.len())
    }

    pub fn conflicts(&self, ask: &Ask, ahead: usize, view: View<'_>) -> Conflicts {
        let blocks = |wanted: &Place, held: usize| {
            let shadow = view.world.cross_worktree == CrossWorktree::Block && wanted.shadows(place(held));
            wanted.overlaps(place(held)) || shadow
        };
        let mut conflicts = Conflicts::new();
        for (index, (_, number)) in ask.places.iter().enumerate() {
            let wanted = place(*number);
            if self.covering(ask, wanted, view).is_some() {
                continue;
            }
            let held = self.others_holding(ask, view).filter(|hold| blocks(wanted, hold.place));
            conflicts.extend(held.map(|hold| (index, hold.id.clone())));
            let queued = self.queue[..ahead].iter().filter(|wait| wait.ask.who != ask.who);
            let queued = queued.filter(|wait| !(ask.shared && wait.ask.shared) && self.still_waits(wait, view));
            let queued = queued.filter(|wait| wait.ask.places.iter().any(|(_, held)| blocks(wanted, *held)));
            conflicts.extend(queued.map(|wait| (index, wait.id.clone())));
        }
        conflicts
    }

    fn others_holding<'s>(&'s self, ask: &'s Ask, view: View<'s>) -> impl Iterator<Item = &'s Hold> {
        let others = self.holds.iter().filter(|hold| hold.holder != ask.who && !(ask.shared && hold.shared));
        others.filter(move |hold| self.in_force(hold, view))
    }

    /// The own claim that already gives what is asked for.
    fn covering(&self, ask: &Ask, wanted: &Place, view: View<'_>) -> Option<usize> {
        let enough = |hold: &Hold| hold.holder == ask.who && (ask.shared || !hold.shared);
        let same = |hold: &Hold| enough(hold) && place(hold.place).is_same(wanted) && self.in_force(hold, view);
        let lasting = |hold: &Hold| ask.ttl_ms.is_none() && hold.end.is_none();
        let broader = |hold: &Hold| enough(hold) && lasting(hold) && place(hold.place).covers(wanted);
        self.holds.iter().position(same).or_else(|| self.holds.iter().position(broader))
    }

    /// Gives all that is asked for. Returns the claims' ids, what was taken over, and what is held in other worktrees.
    pub fn grant(&mut self, ask: &Ask, view: View<'_>) -> (Vec<String>, Vec<String>, Conflicts) {
        let (mut granted, mut taken, mut shadows) = (Vec::new(), Vec::new(), Conflicts::new());
        for (index, (id, number)) in ask.places.iter().enumerate() {
            let wanted = place(*number);
            let end = ask.ttl_ms.map(|ttl_ms| self.end(&ask.who, ttl_ms, view));
            if let Some(own) = self.covering(ask, wanted, view) {
                let own = &mut self.holds[own];
                own.end = end.or(own.end.take());
                own.reason = if ask.reason.is_empty() { own.reason.clone() } else { ask.reason.clone() };
                granted.push(own.id.clone());
                continue;
            }
            let in_the_way = |hold: &Hold| {
                hold.holder != ask.who && !(ask.shared && hold.shared) && place(hold.place).overlaps(wanted)
            };
            for hold in self.holds.clone().into_iter().filter(in_the_way) {
                taken.push(hold.id.clone());
                self.lose(&hold.id, &ask.who);
            }
            if view.world.cross_worktree == CrossWorktree::Warn {
                let shadowing = self.others_holding(ask, view).filter(|hold| place(hold.place).shadows(wanted));
                shadows.extend(shadowing.map(|hold| (index, hold.id.clone())));
            }
            self.settle(&ask.who, wanted);
            let before = self.holds.iter().position(|hold| hold.holder == ask.who && place(hold.place).is_same(wanted));
            let before = before.map(|position| self.holds.remove(position));
            let id = before.map_or(id.clone(), |hold| hold.id);
            granted.push(id.clone());
            let (holder, place, reason) = (ask.who.clone(), *number, ask.reason.clone());
            self.holds.push(Hold { id, holder, place, shared: ask.shared, end, fence: view.revision, reason });
        }
        (granted, taken, shadows)
    }

    fn settle(&mut self, holder: &str, wanted: &Place) {
        for session in &mut self.sessions {
            let own = session.id == holder;
            session.lost.retain(|loss| !(own && loss.to.is_empty() && wanted.covers(place(loss.place))));
            let others = session.lost.iter_mut().filter(|loss| !own && loss.to.is_empty());
            others.filter(|loss| wanted.overlaps(place(loss.place))).for_each(|loss| holder.clone_into(&mut loss.to));
        }
    }

    /// A lease counts in its holder's awake time, where whoever grants it knows that.
    pub fn end(&self, who: &str, ttl_ms: u64, view: View<'_>) -> End {
        let machine = self.session(who).map(|session| session.machine.clone()).unwrap_or_default();
        let now = view.world.now(view.agent);
        let awake = view.is_boot(&machine).then(|| (machine, now.awake_ms + ttl_ms));
        End { wall_ms: now.wall_ms + i64::try_from(ttl_ms).unwrap(), awake }
    }

    pub fn lose(&mut self, claim: &str, to: &str) {
        let position = self.holds.iter().position(|hold| hold.id == claim).expect("it is held");
        let Hold { id, holder, place, .. } = self.holds.remove(position);
        let lost = &mut self.session_mut(&holder).lost;
        lost.push(Loss { claim: id, place, to: to.to_owned(), told: false });
        lost.drain(..lost.len().saturating_sub(MOST_LOST));
    }

    /// The first in line first; who waits no more is dropped.
    pub fn serve(&mut self, view: View<'_>) {
        let mut position = 0;
        while position < self.queue.len() {
            let wait = self.queue[position].clone();
            if !self.still_waits(&wait, view) {
                self.queue.remove(position);
            } else if self.conflicts(&wait.ask, position, view).is_empty() {
                self.queue.remove(position);
                self.grant(&wait.ask, view);
            } else {
                position += 1;
            }
        }
    }

    /// Whom an instance waits for.
    pub fn waits_for(&self, who: &str, view: View<'_>) -> BTreeSet<String> {
        let waits =
            self.queue.iter().enumerate().filter(|(_, wait)| wait.ask.who == who && self.still_waits(wait, view));
        waits.flat_map(|(position, wait)| self.owners(&self.conflicts(&wait.ask, position, view))).collect()
    }

    pub fn owners(&self, conflicts: &Conflicts) -> BTreeSet<String> {
        let owner = |id: &String| {
            let holder = self.holds.iter().find(|hold| hold.id == *id).map(|hold| hold.holder.clone());
            holder.or_else(|| self.queue.iter().find(|wait| wait.id == *id).map(|wait| wait.ask.who.clone()))
        };
        conflicts.iter().filter_map(|(_, id)| owner(id)).collect()
    }

    /// Whether whoever waits for these would, in the end, wait for `who`.
    pub fn leads_back(&self, from: BTreeSet<String>, who: &str, view: View<'_>) -> bool {
        let (mut open, mut seen) = (from, BTreeSet::new());
        while let Some(next) = open.pop_first() {
            if next == who {
                return true;
            }
            if seen.insert(next.clone()) {
                open.extend(self.waits_for(&next, view));
            }
        }
        false
    }

    pub fn forget_long_gone(&mut self, view: View<'_>) -> Vec<String> {
        let age_ms = |session: &Session| view.wall_age_ms(session.evicted.unwrap_or(session.beat.0));
        let old = |session: &Session| (7 * DAY_MS..u64::MAX).contains(&age_ms(session));
        let is_gone = |session: &Session| session.evicted.is_some() || !view.is_live(session);
        let gone = self.sessions.iter().filter(|session| old(session) && is_gone(session));
        let gone: Vec<String> = gone.map(|session| session.id.clone()).collect();
        self.sessions.retain(|session| !gone.contains(&session.id));
        self.holds.retain(|hold| !gone.contains(&hold.holder));
        gone
    }

    /// Keeps the newest 200 notes, and of each project the newest 20 handoffs and 20 warnings.
    pub fn rotate(&mut self) {
        while self.notes.len() > 200 {
            let newer_alike = |at: usize, note: &Note| {
                let alike = |other: &&Note| (&other.project, &other.category) == (&note.project, &note.category);
                self.notes[at + 1..].iter().filter(alike).count()
            };
            let is_kept =
                |at: usize, note: &Note| matches!(&*note.category, "handoff" | "warning") && newer_alike(at, note) < 20;
            let oldest = self.notes.iter().enumerate().position(|(at, note)| !is_kept(at, note));
            let Some(oldest) = oldest else { return };
            let note = self.notes.remove(oldest);
            self.archived.push(note.id);
        }
    }

    pub fn prune(&mut self, older_than_ms: u64, view: View<'_>) -> usize {
        let (old, kept): (Vec<Note>, Vec<Note>) = std::mem::take(&mut self.notes)
            .into_iter()
            .partition(|note| (older_than_ms..u64::MAX).contains(&view.wall_age_ms(note.wall_ms)));
        self.notes = kept;
        self.archived.extend(old.iter().map(|note| note.id.clone()));
        old.len()
    }
}

impl Reference {
    /// A wait counts in the awake time of the machine its command runs on.
    pub fn wait_end(&self, machine: Machine, timeout_ms: u64, view: View<'_>) -> End {
        let now = view.world.now(view.agent);
        let wall_ms = now.wall_ms + i64::try_from(timeout_ms).unwrap();
        End { wall_ms, awake: Some((machine, now.awake_ms + timeout_ms)) }
    }
}
