//! An agent at work, watched: by its stream, by what its hooks saw, by its process, by its screen, and by the files by which it
//! says that it is done.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGTERM};

use super::delivering::{Delivering, Words};
use super::looking::{Awaited, Screen};
use super::pausing::{end_of, note_pause};
use super::{
    AgentProcess, App, CATCH_UP, Event, HEARTBEAT, JobEnd, JobNote, Opening, Runtime, Task, catch_up, judge, note,
};
use crate::app::wall_ms;
use crate::error::Failure;
use crate::fleet::brief::{BLOCKED, DONE};
use crate::fleet::child::Ended;
use crate::fleet::files::{Witness, read_beginning};
use crate::fleet::relay::Relaying;
use crate::fleet::screen::Shows;
use crate::fleet::stream::{Limit, Progress};
use crate::protocol::op::JobTurn;

/// How often the agent is looked at.
const GLANCE: Duration = Duration::from_millis(500);
/// How long an agent that said it is done may go on, in a terminal where it never ends by itself.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// A prompt that rests so long belongs to an agent that does not work, whatever its hooks said last: who stops it in the middle
/// has no hook say so.
const IDLE: Duration = Duration::from_secs(3);
/// The same for a screen that nobody knows.
const STILL: Duration = Duration::from_secs(60);
/// After a hook said that it asks, its dialog is drawn by then.
const TO_ASK: Duration = Duration::from_secs(1);
/// Of what an agent says in a file, so much is read, in bytes.
const LONGEST_WORD: u64 = 8 << 10;
/// Why one cannot go on that says only that it cannot.
const NO_REASON: &str = "it says that it is blocked, and not why";
/// What an agent at its prompt is told when its limit has ended.
const GO_ON: &str =
    "Your usage limit has ended. Look at what is there (git status, git log), then go on with your task.";

/// What is known of a running agent.
pub(super) struct Watch<'w> {
    app: &'w App,
    task: &'w Task,
    instance: &'w str,
    pub(super) progress: Progress,
    delivering: Delivering,
    screen: Option<Screen>,
    relaying: Option<Relaying>,
    witness: Witness,
    turn: Option<JobTurn>,
    beaten: Instant,
    caught_up: Instant,
    done_since: Option<Instant>,
    is_silent: bool,
    /// A question that was answered, as the stream or the screen shows; hooks do not say.
    answered: String,
    asked_at: Instant,
    was_in_turn: bool,
    /// How many prompts it had taken when its prompt was last seen at rest: what it did with them is over, whatever its hooks say.
    rested_after: u64,
    limit: Reached,
}

/// What is known of a limit in a terminal, where the agent stays at its prompt.
#[derive(PartialEq, Eq)]
enum Reached {
    No,
    /// At that time, in milliseconds since 1970, it is told to go on.
    Until(i64),
    /// It was told to go on; these words are no news.
    Over(String),
}

impl<'w> Watch<'w> {
    /// Its hooks had seen that many prompts before it was started; and the screen or the relay that it may have.
    pub(super) fn new(
        app: &'w App,
        task: &'w Task,
        instance: &'w str,
        words: &Words,
        prompts: u64,
        (screen, relaying): (Option<Screen>, Option<Relaying>),
    ) -> Watch<'w> {
        Watch {
            app,
            task,
            instance,
            progress: match &*task.session {
                "" => Progress::anew(task.used.clone()),
                _ => Progress::after(task.used.clone()),
            },
            delivering: Delivering::new(words, prompts, relaying.as_ref()),
            screen,
            relaying,
            witness: Witness::default(),
            turn: None,
            beaten: Instant::now(),
            caught_up: Instant::now(),
            done_since: None,
            is_silent: false,
            answered: String::new(),
            asked_at: Instant::now(),
            was_in_turn: false,
            rested_after: 0,
            limit: Reached::No,
        }
    }

    /// Watches until the agent ends, by itself or because it is to.
    pub(super) fn until_the_end(
        &mut self,
        agent: &mut AgentProcess,
        receiver: &Receiver<Event>,
    ) -> Result<JobEnd, Failure> {
        let unknown = |error: std::io::Error| Failure::environment(format!("the agent cannot be waited for: {error}"));
        loop {
            match receiver.recv_timeout(GLANCE) {
                Ok(Event::Signal(signal @ (SIGTERM | SIGHUP))) => {
                    self.keep_screen();
                    let ended = agent.end().map_err(unknown)?;
                    return Ok(self.stopped(signal, ended));
                }
                // The terminal sends the others to the agent itself.
                Ok(Event::Signal(_)) => {}
                Ok(Event::Seen(seen)) => self.hear(seen),
                Ok(Event::Silence) => self.is_silent = true,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.look();
            if self.is_over() {
                self.keep_screen();
                let ended = agent.end().map_err(unknown)?;
                self.hear_out(receiver);
                return Ok(self.ended(if self.said(DONE).is_some() { Ended::Exited(0) } else { ended }));
            }
            if let Some(ended) = agent.ended().map_err(unknown)? {
                self.keep_screen();
                self.hear_out(receiver);
                return Ok(self.ended(ended));
            }
        }
    }

    fn keep_screen(&self) {
        if let Some(screen) = &self.screen {
            screen.keep();
        }
    }

    /// An agent whose stream goes on waits for no answer any more.
    fn hear(&mut self, seen: Vec<crate::fleet::stream::Seen>) {
        self.answered.clone_from(&self.witness.question);
        seen.into_iter().for_each(|seen| self.progress.see(seen));
    }

    /// What it said last may still be on its way; something it left running may keep its output open for ever.
    fn hear_out(&mut self, receiver: &Receiver<Event>) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.task.runtime == Runtime::Headless && !self.is_silent {
            match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Seen(seen)) => seen.into_iter().for_each(|seen| self.progress.see(seen)),
                Ok(Event::Signal(_)) => {}
                Ok(Event::Silence) | Err(_) => break,
            }
        }
        self.look_back();
    }

    /// What it did last it may have done since it was looked at.
    fn look_back(&mut self) {
        if let Some(witness) = self.task.files.witness() {
            self.take_in(witness);
        }
        if self.witness.prompts == 0
            && let Some(screen) = &mut self.screen
        {
            screen.look_back();
        }
        self.note_turn();
        if self.delivering.is_handed_over() || self.relaying.is_some() {
            let fate = self.relaying.as_ref().map(Relaying::fate);
            self.delivering.look(self.app, self.task, &self.progress, &self.witness, (None, fate.as_ref()));
        }
    }

    /// Puts the person's terminal back, and says what of the prompt did not come about in the agent's.
    pub(super) fn leave_terminal(&mut self) -> Option<String> {
        let mut relaying = self.relaying.take()?;
        relaying.end();
        relaying.shortfall()
    }

    fn look(&mut self) {
        if self.beaten.elapsed() >= HEARTBEAT {
            self.beaten = Instant::now();
            self.beat();
        }
        if self.caught_up.elapsed() >= CATCH_UP {
            self.caught_up = Instant::now();
            catch_up(self.app, self.task);
        }
        if let Some(witness) = self.task.files.witness() {
            self.take_in(witness);
        }
        self.look_at_screen();
        self.look_for_limit();
        let fate = self.relaying.as_ref().map(Relaying::fate);
        let terminal = (self.screen.as_mut(), fate.as_ref());
        self.delivering.look(self.app, self.task, &self.progress, &self.witness, terminal);
        self.note_turn();
        self.note_rest();
        let turn = self.turn_now().unwrap_or_default();
        if turn != self.turn.clone().unwrap_or_default() {
            self.turn = Some(turn.clone());
            let session = Some(self.session()).filter(|session| !session.is_empty());
            let usage = self.progress.usage(self.task.profile.prices.as_ref());
            note(self.app, self.task, JobNote { turn: Some(turn.clone()), session, usage, ..JobNote::default() });
        }
        let asks = matches!(self.shows(), Shows::Question(_)) || !self.question_by_hook().is_empty();
        let is_free = !turn.witness.is_empty() && !turn.is_working && !asks;
        let is_ready = self.screen.is_some() && is_free && !self.is_limited() && self.delivering.is_settled();
        // In a terminal, what others left for the agent is pasted when it has finished its turn.
        if is_ready && let Some(message) = Words::next_left(self.task) {
            let draft = self.screen.as_ref().and_then(Screen::draft);
            self.delivering.send(message, draft);
            if !self.delivering.is_settled() {
                // It is answered now.
                super::preparing::forget_last_word(self.task);
            }
        }
    }

    /// Notes that it was in a turn.
    fn note_turn(&mut self) {
        self.was_in_turn |= self.witness.prompts > 0 || self.screen.as_ref().is_some_and(|screen| screen.has_worked);
    }

    /// Notes that its turn is over without its hooks, as the screen shows; or that it is not after all.
    fn note_rest(&mut self) {
        match &self.screen {
            Some(screen) if screen.shows == Shows::Work => self.rested_after = 0,
            Some(screen) if is_at_rest(screen) => self.rested_after = self.witness.prompts,
            _ => {}
        }
    }

    fn take_in(&mut self, witness: Witness) {
        if witness.question != self.witness.question {
            self.answered.clear();
            self.asked_at = Instant::now();
        }
        self.witness = witness;
    }

    fn look_at_screen(&mut self) {
        let is_asked = !self.question_by_hook().is_empty();
        let is_awaited = is_asked || !self.delivering.is_settled() || !matches!(self.limit, Reached::No);
        let Some(screen) = &mut self.screen else { return };
        let before = screen.shows.clone();
        screen.look(match before {
            Shows::Question(_) => Awaited::Soon,
            _ if is_awaited => Awaited::Soon,
            // Its hooks tell.
            _ if self.witness.prompts > 0 => Awaited::Nothing,
            _ => Awaited::TurnEnd,
        });
        let was_shown = matches!(before, Shows::Question(_)) || screen.was_looked_at_since(self.asked_at + TO_ASK);
        // Its dialog was there, and is gone.
        if is_asked && was_shown && matches!(screen.shows, Shows::Work | Shows::Prompt) {
            self.answered.clone_from(&self.witness.question);
        }
    }

    /// What it asks for, by its hooks.
    fn question_by_hook(&self) -> &str {
        if self.witness.question == self.answered { "" } else { &self.witness.question }
    }

    /// The limit at which an agent in a terminal stands, and who says so.
    fn limit_now(&self) -> Option<(Limit, &'static str)> {
        let screen = self.screen.as_ref()?;
        let by_hook = self.task.profile.agent.limit(&self.witness.trouble).filter(|_| !self.witness.is_working);
        let limit = by_hook.map(|limit| (limit, "hook")).or_else(|| match &screen.shows {
            Shows::Limit(limit) if self.delivering.is_handed_over() => Some((limit.clone(), "screen")),
            _ => None,
        });
        limit.filter(|(limit, _)| !matches!(&self.limit, Reached::Over(words) if *words == limit.words))
    }

    /// An agent in a terminal stays at its prompt when it may do no more. When that ends, it is told to go on, as a person would.
    fn look_for_limit(&mut self) {
        let limit = self.limit_now().map(|(limit, _)| limit);
        match (&self.limit, limit) {
            (Reached::Until(until), Some(limit)) if wall_ms() >= *until => {
                self.limit = Reached::Over(limit.words);
                note_pause(self.app, self.task, None);
                self.delivering.send(Words::own(GO_ON.to_owned()), None);
            }
            (Reached::Until(_), Some(_)) => {}
            // A person had it go on, or it did by itself.
            (Reached::Until(_), None) => {
                self.limit = Reached::No;
                note_pause(self.app, self.task, None);
            }
            (Reached::No | Reached::Over(_), Some(limit)) => {
                if let Some(until) = end_of(&limit) {
                    self.limit = Reached::Until(until);
                    note_pause(self.app, self.task, Some((until, &limit.words)));
                }
            }
            (Reached::Over(_), None) if self.witness.is_working || self.shows() == &Shows::Work => {
                self.limit = Reached::No;
            }
            (Reached::No | Reached::Over(_), None) => {}
        }
    }

    fn is_limited(&self) -> bool {
        matches!(self.limit, Reached::Until(_))
    }

    fn shows(&self) -> &Shows {
        const UNKNOWN: &Shows = &Shows::Unknown;
        self.screen.as_ref().map_or(UNKNOWN, |screen| &screen.shows)
    }

    /// Whether it works, by whoever knows best.
    fn turn_now(&self) -> Option<JobTurn> {
        let blocked = self.blocked().unwrap_or_default();
        let by_hook = self.question_by_hook();
        let asks = |question: &str, witness: &'static str| {
            Some(JobTurn { is_working: false, witness, question: question.to_owned() })
        };
        let turn = |is_working: bool, witness: &'static str| {
            Some(JobTurn { is_working: is_working && blocked.is_empty(), witness, question: blocked.clone() })
        };
        let Some(screen) = &self.screen else {
            // Without a terminal nobody can answer, but it can be seen that it asks.
            return match self.progress.is_acknowledged || self.witness.prompts > 0 {
                _ if !by_hook.is_empty() => asks(by_hook, "hook"),
                true if self.progress.is_acknowledged => turn(true, "stream"),
                true => turn(self.witness.is_working, "hook"),
                // Whoever sits there has not told it anything yet.
                false if self.task.runtime == Runtime::Terminal && self.task.opening != Opening::Sent => {
                    turn(false, "process")
                }
                false => None,
            };
        };
        if let Some((limit, witness)) = self.limit_now() {
            return asks(&limit.words, witness);
        }
        match &screen.shows {
            Shows::Question(_) if !by_hook.is_empty() => asks(by_hook, "hook"),
            Shows::Question(question) => asks(question, "screen"),
            _ if !self.delivering.stuck().is_empty() => asks(self.delivering.stuck(), "screen"),
            _ if !by_hook.is_empty() => asks(by_hook, "hook"),
            Shows::Prompt if self.witness.is_working && is_at_rest(screen) => turn(false, "screen"),
            _ if self.witness.prompts > 0 => turn(self.witness.is_working, "hook"),
            _ if !self.delivering.is_handed_over() => None,
            Shows::Work => turn(true, "screen"),
            Shows::Prompt if screen.is_settled() && (screen.has_worked || self.delivering.is_settled()) => {
                turn(false, "screen")
            }
            Shows::Unknown if screen.rests_since() >= STILL => turn(false, "screen"),
            Shows::Unknown if screen.has_worked || self.delivering.is_settled() => turn(true, "screen"),
            _ => self.turn.clone(),
        }
    }

    /// The session in which it can go on. One that hooks tell of, and in which nothing was said yet, no agent finds again.
    fn session(&self) -> String {
        let by_hook = || if self.was_in_turn { self.witness.session.clone() } else { String::new() };
        self.progress.session.clone().filter(|id| !id.is_empty()).unwrap_or_else(by_hook)
    }

    /// Whether an agent in a terminal, which never ends by itself, said that it is done and has finished its turn. Where somebody
    /// sits, it is theirs to end.
    fn is_over(&mut self) -> bool {
        if self.task.runtime != Runtime::Tmux || self.said(DONE).is_none() {
            return false;
        }
        let since = *self.done_since.get_or_insert_with(Instant::now);
        let is_idle = self.screen.as_ref().is_some_and(|screen| screen.shows == Shows::Prompt && screen.is_settled());
        let has_finished = match self.witness.prompts {
            0 => is_idle && self.delivering.is_handed_over(),
            _ => !self.witness.is_working,
        };
        has_finished || since.elapsed() >= LAST_WORDS
    }

    /// Whether it was ever in a turn, and is in none now.
    fn turn_is_over(&self) -> bool {
        match self.task.runtime {
            Runtime::Headless => self.progress.turns_ended > 0 && self.progress.error.is_none(),
            Runtime::Tmux => self.was_in_turn && !self.is_in_turn(),
            // Who sat there knows.
            Runtime::Terminal => true,
        }
    }

    /// Whether an agent in a terminal was in a turn when it was last seen, by its hooks, or where those say nothing by its screen.
    fn is_in_turn(&self) -> bool {
        match self.witness.prompts {
            0 => self.shows() == &Shows::Work,
            prompts => self.witness.is_working && self.rested_after < prompts,
        }
    }

    /// The line in a file by which the agent says something, since this start. What is no regular file says nothing.
    fn said(&self, file: &str) -> Option<String> {
        let path = self.task.worktree.join(file);
        read_beginning(&path, LONGEST_WORD).ok().map(|bytes| super::shortened(&String::from_utf8_lossy(&bytes)))
    }

    /// Why it cannot go on, if it says so.
    fn blocked(&self) -> Option<String> {
        self.said(BLOCKED).map(|why| if why.is_empty() { NO_REASON.to_owned() } else { why })
    }

    fn ended(&self, ended: Ended) -> JobEnd {
        self.write_down_use();
        if self.said(DONE).is_some() || self.said(BLOCKED).is_some() {
            self.delivering.was_answered(self.task);
        }
        let is_sat_at = self.task.runtime == Runtime::Terminal;
        judge(ended, &self.progress, self.said(DONE), self.blocked(), (is_sat_at, self.turn_is_over()))
    }

    fn stopped(&self, signal: i32, ended: Ended) -> JobEnd {
        let (result, failure) = match signal {
            SIGHUP => ("crashed", "its terminal went away"),
            _ => ("stopped", ""),
        };
        JobEnd { result: result.to_owned(), failure: failure.to_owned(), ..self.ended(ended) }
    }

    fn write_down_use(&self) {
        let usage = self.progress.usage(self.task.profile.prices.as_ref());
        let session = Some(self.session()).filter(|session| !session.is_empty());
        note(self.app, self.task, JobNote { usage, session, ..JobNote::default() });
    }

    fn beat(&self) {
        super::beat(self.app, self.instance);
    }
}

/// Whether its prompt rests so long that nothing works behind it.
fn is_at_rest(screen: &Screen) -> bool {
    screen.shows == Shows::Prompt && screen.is_settled() && screen.rests_since() >= IDLE
}
