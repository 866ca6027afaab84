//! An agent at work, watched: by its stream, by what its hooks saw, by its process, and by the files by which it says that it
//! is done.

use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGTERM};

use super::delivering::Delivering;
use super::{AgentProcess, App, Event, HEARTBEAT, JobEnd, JobNote, Op, Opening, Request, Runtime, Task, judge, note};
use crate::error::Failure;
use crate::fleet::brief::{BLOCKED, DONE};
use crate::fleet::child::Ended;
use crate::fleet::files::Witness;
use crate::fleet::stream::Progress;
use crate::protocol::op::JobTurn;

/// How often the agent is looked at.
const GLANCE: Duration = Duration::from_millis(500);
/// How long an agent that said it is done may go on, in a terminal where it never ends by itself.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What is known of a running agent.
pub(super) struct Watch<'w> {
    app: &'w App,
    task: &'w Task,
    instance: &'w str,
    pub(super) progress: Progress,
    delivering: Delivering,
    witness: Witness,
    turn: Option<JobTurn>,
    beaten: Instant,
    done_since: Option<Instant>,
    is_silent: bool,
}

impl<'w> Watch<'w> {
    /// Its hooks had seen that many prompts before it was started.
    pub(super) fn new(app: &'w App, task: &'w Task, instance: &'w str, words: &str, prompts: u64) -> Watch<'w> {
        Watch {
            app,
            task,
            instance,
            progress: Progress::after(task.used.clone()),
            delivering: Delivering::new(app, task, words, prompts),
            witness: Witness::default(),
            turn: None,
            beaten: Instant::now(),
            done_since: None,
            is_silent: false,
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
                    let ended = agent.end().map_err(unknown)?;
                    return Ok(self.stopped(signal, ended));
                }
                // The terminal sends the others to the agent itself.
                Ok(Event::Signal(_)) => {}
                Ok(Event::Seen(seen)) => seen.into_iter().for_each(|seen| self.progress.see(seen)),
                Ok(Event::Silence) => self.is_silent = true,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.look();
            if self.is_over() {
                let ended = agent.end().map_err(unknown)?;
                self.hear_out(receiver);
                return Ok(self.ended(if self.said(DONE).is_some() { Ended::Exited(0) } else { ended }));
            }
            if let Some(ended) = agent.ended().map_err(unknown)? {
                self.hear_out(receiver);
                return Ok(self.ended(ended));
            }
        }
    }

    /// What it said last may still be on its way; something it left running may keep its output open for ever.
    fn hear_out(&mut self, receiver: &Receiver<Event>) {
        let deadline = Instant::now() + Duration::from_secs(2);
        if self.task.runtime != Runtime::Headless || self.is_silent {
            return;
        }
        loop {
            match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Seen(seen)) => seen.into_iter().for_each(|seen| self.progress.see(seen)),
                Ok(Event::Signal(_)) => {}
                Ok(Event::Silence) | Err(_) => return,
            }
        }
    }

    fn look(&mut self) {
        if self.beaten.elapsed() >= HEARTBEAT {
            self.beaten = Instant::now();
            self.beat();
        }
        if let Some(witness) = self.task.files.witness() {
            self.witness = witness;
        }
        self.delivering.look(self.app, self.task, &self.progress, &self.witness);
        let turn = self.turn_now();
        if turn.is_some() && turn != self.turn {
            self.turn = turn.clone();
            let session = Some(self.session()).filter(|session| !session.is_empty());
            let usage = self.progress.usage(self.task.profile.prices.as_ref());
            note(self.app, self.task, JobNote { turn, session, usage, ..JobNote::default() });
        }
    }

    /// Whether it works, by whoever knows best.
    fn turn_now(&self) -> Option<JobTurn> {
        let question = self.said(BLOCKED).unwrap_or_default();
        let turn = |is_working: bool, witness: &'static str| {
            Some(JobTurn { is_working: is_working && question.is_empty(), witness, question: question.clone() })
        };
        match self.task.runtime {
            // Without a terminal it ends when its turn does, and asks nobody.
            Runtime::Headless if self.progress.is_acknowledged => turn(true, "stream"),
            Runtime::Headless => None,
            _ if self.witness.prompts > 0 => turn(self.witness.is_working, "hook"),
            // Whoever sits there has not told it anything yet.
            Runtime::Terminal if self.task.opening != Opening::Sent => turn(false, "process"),
            _ => None,
        }
    }

    fn session(&self) -> String {
        let by_stream = self.progress.session.clone().unwrap_or_default();
        if by_stream.is_empty() { self.witness.session.clone() } else { by_stream }
    }

    /// Whether an agent in a terminal, which never ends by itself, said that it is done and has finished its turn. Where somebody
    /// sits, it is theirs to end.
    fn is_over(&mut self) -> bool {
        if self.task.runtime != Runtime::Tmux || self.said(DONE).is_none() {
            return false;
        }
        let since = *self.done_since.get_or_insert_with(Instant::now);
        let has_finished = self.witness.prompts > 0 && !self.witness.is_working;
        has_finished || since.elapsed() >= LAST_WORDS
    }

    /// The line in a file by which the agent says something, since this start.
    fn said(&self, file: &str) -> Option<String> {
        let path = self.task.worktree.join(file);
        fs::read(path).ok().map(|bytes| super::shortened(&String::from_utf8_lossy(&bytes)))
    }

    fn ended(&self, ended: Ended) -> JobEnd {
        let is_terminal = self.task.runtime != Runtime::Headless;
        self.write_down_use();
        judge(ended, &self.progress, self.said(DONE), self.said(BLOCKED), is_terminal)
    }

    fn stopped(&self, signal: i32, ended: Ended) -> JobEnd {
        self.write_down_use();
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
        if let Err(failure) = self.app.transact(&Request { actor: Some(self.instance.to_owned()), op: Op::Heartbeat }) {
            self.app.warn(&format!("no heartbeat: {}", failure.message));
        }
    }
}
