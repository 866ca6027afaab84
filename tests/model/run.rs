//! One history: each step is done by the code and by the reference, and both must agree on answer and state.

use aio::protocol::op::{ClaimRequest, NewContext, Op, Registration, ReleaseRequest, ReleaseTarget, Wait as WaitFor};
use aio::protocol::{document, evidence::CrossWorktree, evidence::ProcessKey};

use super::answer::Answer;
use super::check;
use super::expect;
use super::places::{place, worktree};
use super::reference::{Ask, Reference, View};
use super::steps::{Named, Step};
use super::world::{AGENTS, World};

const CATEGORIES: [&str; 6] = ["decision", "learning", "warning", "pattern", "handoff", "message"];
const DAY_MS: u64 = 86_400_000;

/// A wait that a command once began.
struct Asked {
    agent: usize,
    who: String,
    request: ClaimRequest,
    ask: Ask,
}

pub struct History {
    pub world: World,
    pub text: String,
    pub revision: u64,
    pub reference: Reference,
    /// Whether everybody sees the same: only then can nobody be taken for gone by mistake.
    pub alone: bool,
    /// Fields that somebody wrote by hand, by the record they are in.
    pub marks: Vec<(String, String)>,
    agents: [(Option<String>, Option<ProcessKey>); AGENTS],
    asked: Vec<Asked>,
    count: u64,
}

/// What the reference makes of it, told what `apply` answered.
type Prediction<'d> = Box<dyn FnOnce(&mut Reference, View<'_>, &Answer) -> Answer + 'd>;

/// What somebody does, ready for both sides.
pub struct Deed<'d> {
    pub agent: usize,
    pub actor: Option<String>,
    pub op: Op,
    pub predict: Prediction<'d>,
}

impl History {
    pub fn new(alone: bool, cross_worktree: CrossWorktree) -> History {
        let text = r#"{"schemaVersion":1,"instances":{},"claims":{},"context":[]}"#;
        let text = String::from_utf8(document::write(&mut document::read(text).unwrap())).unwrap();
        History {
            world: World::new(cross_worktree),
            text,
            revision: 0,
            reference: Reference::default(),
            alone,
            marks: Vec::new(),
            agents: [const { (None, None) }; AGENTS],
            asked: Vec::new(),
            count: 0,
        }
    }

    /// Does one step on both sides.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Pass { seconds } => self.world.pass(seconds),
            Step::Suspend { seconds } => self.world.suspend(seconds),
            Step::SetBack { seconds } => self.world.set_back(seconds),
            Step::Reboot => self.world.reboot(),
            Step::Crash { agent } => self.crash(agent),
            Step::KillWait { wait } => self.kill_wait(wait),
            Step::Tool { agent, runs } => self.run_tool(agent, runs),
            Step::HandEdit { line } => self.edit_by_hand(line),
            _ => {
                self.world.pass(1);
                if let Some(deed) = self.deed(step) {
                    return check::perform(self, deed);
                }
            }
        }
        Ok(())
    }

    fn fresh(&mut self, kind: char) -> String {
        self.count += 1;
        format!("{kind}{:025}", self.count)
    }

    pub fn nonce(&self) -> u64 {
        self.count
    }

    fn actor(&self, agent: usize) -> Option<String> {
        self.agents[agent].0.clone()
    }

    /// The registered id that the code gave.
    pub fn registered(&mut self, agent: usize, id: String) {
        self.agents[agent].0 = Some(id);
    }

    fn crash(&mut self, agent: usize) {
        if let Some(process) = self.agents[agent].1.take() {
            self.world.end_process(process.pid);
        }
        for asked in self.asked.iter().filter(|asked| asked.agent == agent) {
            let process = asked.request.wait.as_ref().and_then(|wait| wait.process);
            process.iter().for_each(|process| self.world.end_process(process.pid));
        }
    }

    fn kill_wait(&mut self, wait: usize) {
        let asked = self.asked.iter().rev().nth(wait);
        if let Some(process) = asked.and_then(|asked| asked.request.wait.as_ref()?.process) {
            self.world.end_process(process.pid);
        }
    }

    /// A tool call begins with a sign of life, so it wakes nobody who was taken for gone.
    fn run_tool(&mut self, agent: usize, runs: bool) {
        let view = View { world: &self.world, agent, revision: 0 };
        let lives = self.actor(agent).is_some_and(|id| self.reference.lives(&id, view));
        if let (Some(process), true) = (self.agents[agent].1, lives || !runs) {
            self.world.run_tool(process.pid, runs);
        }
    }

    /// Somebody adds a field to the record on some line of the file.
    fn edit_by_hand(&mut self, line: usize) {
        let is_record = |text: &&str| text.starts_with("{\"id\":\"") || text.contains("\":{\"id\":\"");
        let records: Vec<String> = self.text.lines().filter(is_record).map(str::to_owned).collect();
        let Some(record) = records.get(line % records.len().max(1)) else { return };
        let (key, rest) = record.split_once("{\"id\":\"").unwrap();
        let id = rest.split('"').next().unwrap().to_owned();
        let field = self.fresh('x');
        let edited = format!("{key}{{\"{field}\": 1.50 ,\"id\":\"{rest}");
        self.text = self.text.replacen(record.as_str(), &edited, 1);
        self.marks.push((id, field));
    }

    fn process_of(&mut self, agent: usize) -> ProcessKey {
        let alive = self.agents[agent].1.filter(|process| self.world.is_alive(process.pid));
        let process = alive.unwrap_or_else(|| self.world.start_process(agent));
        self.agents[agent].1 = Some(process);
        process
    }

    fn deed<'d>(&mut self, step: &'d Step) -> Option<Deed<'d>> {
        match step {
            &Step::Register { agent, session, worktree: tree, process } => {
                let registration = Registration {
                    tool: ["claude", "codex"][agent % 2].to_owned(),
                    project: worktree(tree).to_owned(),
                    session: (session > 1).then(|| format!("s{agent}-{session}")),
                    process: process.then(|| self.process_of(agent)),
                    ..Registration::default()
                };
                let op = Op::Register(registration.clone());
                let predict = Box::new(move |r: &mut Reference, v: View<'_>, a: &Answer| {
                    expect::register(r, v, &registration, a)
                });
                Some(Deed { agent, actor: None, op, predict })
            }
            &Step::Heartbeat { agent } => self.by(agent, Op::Heartbeat, expect::heartbeat),
            &Step::Unregister { agent } => self.by(agent, Op::Unregister, expect::unregister),
            &Step::Task { agent, idle } => {
                let (task, word) = (if idle { None } else { Some("work".to_owned()) }, if idle { "" } else { "work" });
                let op = Op::SetTask { description: word.into(), issue: None };
                self.by(agent, op, move |r, _, actor| expect::task(r, actor, task))
            }
            Step::Claim { agent, .. } => {
                let (request, ask) = self.ask(step)?;
                if request.wait.is_some() {
                    let (request, ask, who) = (request.clone(), ask.clone(), ask.who.clone());
                    self.asked.push(Asked { agent: *agent, who, request, ask });
                }
                self.claim(*agent, request, ask)
            }
            &Step::AskAgain { wait } => {
                let asked = self.asked.iter().rev().nth(wait)?;
                let process = asked.request.wait.as_ref()?.process;
                if process.is_some_and(|process| !self.world.is_alive(process.pid)) {
                    return None;
                }
                self.claim(asked.agent, asked.request.clone(), asked.ask.clone())
            }
            &Step::CancelWait { agent, wait } => {
                let id = self.asked.iter().rev().nth(wait)?.request.wait.as_ref()?.id.clone();
                let op = Op::CancelWait { waiter: id.clone() };
                self.by(agent, op, move |r, v, _| expect::cancel(r, v, &id))
            }
            Step::Release { agent, of, force } => Some(self.release(*agent, of, *force)),
            &Step::ReleaseAll { agent } => self.by(agent, Op::Release(ReleaseRequest::default()), expect::release_all),
            Step::Guard { agent, places } => {
                let wanted = places.iter().map(|number| place(*number).wanted(String::new())).collect();
                self.by(*agent, Op::Guard { wanted }, move |r, v, actor| expect::guard(r, v, actor, places))
            }
            &Step::Note { agent, category, everywhere } => {
                let project = (!everywhere).then(|| worktree(category).to_owned());
                let (id, category) = (self.fresh('N'), CATEGORIES[category].to_owned());
                let new = NewContext { id, project, category, content: "x".into(), ..NewContext::default() };
                let op = Op::AddContext(new.clone());
                Some(self.perhaps(agent, op, move |r, v| expect::note(r, v, &new)))
            }
            &Step::Close { agent, note } => {
                let notes = &self.reference.notes;
                let id = notes.get(note % notes.len().max(1)).map_or("no such".to_owned(), |note| note.id.clone());
                Some(self.perhaps(agent, Op::CloseContext { id: id.clone() }, move |r, _| expect::close(r, &id)))
            }
            &Step::Prune { days } => {
                let older_than_ms = days * DAY_MS;
                let op = Op::PruneContext { older_than_ms };
                Some(self.perhaps(None, op, move |r, v| Answer::Pruned(r.prune(older_than_ms, v))))
            }
            &Step::Cleanup { agent } => Some(self.perhaps(agent, Op::Cleanup, expect::cleanup)),
            _ => None,
        }
    }

    fn by<'d>(
        &self,
        agent: usize,
        op: Op,
        predict: impl FnOnce(&mut Reference, View<'_>, &str) -> Answer + 'd,
    ) -> Option<Deed<'d>> {
        let actor = self.actor(agent)?;
        let who = actor.clone();
        let predict = Box::new(move |r: &mut Reference, v: View<'_>, _: &Answer| predict(r, v, &who));
        Some(Deed { agent, actor: Some(actor), op, predict })
    }

    /// By an agent that takes part, or by a person.
    fn perhaps<'d>(
        &self,
        agent: Option<usize>,
        op: Op,
        predict: impl FnOnce(&mut Reference, View<'_>) -> Answer + 'd,
    ) -> Deed<'d> {
        let actor = agent.and_then(|agent| self.actor(agent));
        let predict = Box::new(move |r: &mut Reference, v: View<'_>, _: &Answer| predict(r, v));
        Deed { agent: agent.unwrap_or_default(), actor, op, predict }
    }

    fn claim<'d>(&self, agent: usize, request: ClaimRequest, ask: Ask) -> Option<Deed<'d>> {
        let wait = request.wait.clone();
        let actor = Some(ask.who.clone());
        let predict =
            Box::new(move |r: &mut Reference, v: View<'_>, _: &Answer| expect::claim(r, v, &ask, wait.as_ref()));
        Some(Deed { agent, actor, op: Op::Claim(request), predict })
    }

    fn ask(&mut self, step: &Step) -> Option<(ClaimRequest, Ask)> {
        let Step::Claim { agent, places, shared, ttl_s, reason, wait_s, process } = step else { return None };
        let who = self.actor(*agent)?;
        let places: Vec<(String, usize)> = places.iter().map(|number| (self.fresh('C'), *number)).collect();
        let ttl_ms = (*ttl_s > 0).then_some(ttl_s * 1000);
        let reason = if *reason { format!("reason {ttl_s}") } else { String::new() };
        let wait = (*wait_s > 0).then(|| WaitFor {
            id: self.fresh('W'),
            process: process.then(|| self.world.start_process(*agent)),
            timeout_ms: wait_s * 1000,
            again: false,
        });
        let request = ClaimRequest {
            wanted: places.iter().map(|(id, number)| place(*number).wanted(id.clone())).collect(),
            shared: *shared,
            ttl_ms,
            reason: (!reason.is_empty()).then(|| reason.clone()),
            wait,
            ..ClaimRequest::default()
        };
        Some((request, Ask { who, places, shared: *shared, ttl_ms, reason }))
    }

    fn release<'d>(&self, agent: Option<usize>, of: &Named, force: bool) -> Deed<'d> {
        let holds = &self.reference.holds;
        let targets: Vec<ReleaseTarget> = match of {
            Named::Id(numbers) => {
                let id = |number: &usize| holds.get(number % holds.len().max(1)).map_or("no such", |hold| &hold.id);
                let end = |id: &str| id[id.len().saturating_sub(id.len() % 2 * 6 + 10)..].to_owned();
                numbers.iter().map(|number| ReleaseTarget { word: end(id(number)), places: Vec::new() }).collect()
            }
            Named::Place(number) => {
                let places = vec![place(*number).wanted(String::new())];
                vec![ReleaseTarget { word: place(*number).word().to_owned(), places }]
            }
        };
        let (named, words) = (of.clone(), targets.iter().map(|target| target.word.clone()).collect::<Vec<_>>());
        let actor = agent.and_then(|agent| self.actor(agent));
        let op = Op::Release(ReleaseRequest { targets, force, reason: None });
        let who = actor.clone();
        let predict = Box::new(move |r: &mut Reference, v: View<'_>, _: &Answer| {
            expect::release(r, v, who.as_deref(), &named, &words, force)
        });
        Deed { agent: agent.unwrap_or_default(), actor, op, predict }
    }

    /// Who asked for a wait that is still remembered.
    pub fn askers(&self) -> impl Iterator<Item = &str> {
        self.asked.iter().map(|asked| &*asked.who)
    }
}
