//! A task's way to its agent, and what proves that it arrived.
//!
//! Without a terminal it is what the agent reads, and its stream or its hooks say that it was taken. In a terminal it is
//! pasted once, when the agent listens; its hooks say so, or nobody does: then that is what is written down.

use std::time::{Duration, Instant};

use super::{App, JobNote, Opening, Runtime, Task, note};
use crate::fleet::files::{Message, Witness, digest};
use crate::fleet::paste::{Unpasted, Unready, paste, press_enter, screen_shows};
use crate::fleet::stream::Progress;
use crate::fleet::tmux::{Pane, Tmux};
use crate::protocol::fleet::Delivery;

/// How long an agent may take to listen.
const TO_LISTEN: Duration = Duration::from_secs(60);
/// How long an agent may take to begin with what it was started with, until that is called unconfirmed.
const TO_BEGIN: Duration = Duration::from_secs(15);
/// How long it may take to take what was pasted; then Enter is pressed once more, and after as long again nobody knows.
const TO_TAKE: Duration = Duration::from_secs(5);

/// The words that are on their way.
pub(super) struct Delivering {
    terminal: Option<(Tmux, Pane)>,
    stage: Stage,
    words: String,
    message: Option<Message>,
    begun: Instant,
    removed: String,
    prompts_before: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not handed over yet.
    Queued,
    /// Handed over at this time, and Enter pressed so often.
    Delivered(Instant, u8),
    /// Taken, or nobody knows.
    Settled,
}

impl Delivering {
    pub(super) fn new(app: &App, task: &Task, words: &str, prompts_before: u64) -> Delivering {
        let terminal = (task.runtime == Runtime::Tmux).then(|| {
            let id = app.variable("TMUX_PANE").and_then(|id| id.into_string().ok()).unwrap_or_default();
            (Tmux::new(app.store.dir()), Pane { job: task.id.clone(), id })
        });
        Delivering {
            terminal,
            stage: Stage::Queued,
            words: words.to_owned(),
            message: None,
            begun: Instant::now(),
            removed: String::new(),
            prompts_before,
        }
    }

    /// One more step, if it is time for one.
    pub(super) fn look(&mut self, app: &App, task: &Task, progress: &Progress, witness: &Witness) {
        match self.stage {
            Stage::Queued => {
                self.hand_over(app, task, witness);
                // What it was started with it may have taken long ago.
                if task.runtime == Runtime::Terminal && self.stage != Stage::Queued {
                    self.look(app, task, progress, witness);
                }
            }
            Stage::Delivered(since, enters) => self.look_for_proof(app, task, progress, witness, since, enters),
            Stage::Settled => self.next_message(task, witness),
        }
    }

    fn hand_over(&mut self, app: &App, task: &Task, witness: &Witness) {
        let Some((tmux, pane)) = &self.terminal else {
            // It was given them when it was started.
            return match task.opening {
                Opening::Sent => self.delivered(app, task),
                Opening::Prefilled => {
                    self.stage = Stage::Delivered(Instant::now(), 1);
                    self.say(
                        app,
                        task,
                        Delivery::Delivered,
                        "written, and not sent: that is for who sits there".to_owned(),
                    );
                }
                Opening::Nothing => self.stage = Stage::Settled,
            };
        };
        self.prompts_before = witness.prompts;
        match paste(tmux, pane, &self.words) {
            Ok(pasted) => {
                let removed: Vec<String> =
                    pasted.removed.iter().map(|(what, count)| format!("{count} × {what}")).collect();
                self.removed =
                    if removed.is_empty() { String::new() } else { format!("left out: {}", removed.join(", ")) };
                self.delivered(app, task);
            }
            Err(Unpasted::Nothing(Unready::Empty)) => {
                self.settle(app, task, Delivery::Unconfirmed, "there is nothing to paste")
            }
            Err(Unpasted::Nothing(_)) if self.begun.elapsed() < TO_LISTEN => {}
            Err(Unpasted::Nothing(why)) => {
                self.settle(app, task, Delivery::Queued, &format!("it was not handed over: {why}"));
            }
            Err(Unpasted::Unknown(why)) => {
                self.settle(app, task, Delivery::Unconfirmed, &format!("it may have arrived or not: {why}"));
            }
        }
    }

    fn delivered(&mut self, app: &App, task: &Task) {
        self.stage = Stage::Delivered(Instant::now(), 1);
        self.say(app, task, Delivery::Delivered, self.removed.clone());
    }

    fn look_for_proof(
        &mut self,
        app: &App,
        task: &Task,
        progress: &Progress,
        witness: &Witness,
        since: Instant,
        enters: u8,
    ) {
        if witness.prompts > self.prompts_before {
            let is_exact = witness.prompt_digest == digest(&self.words);
            let receipt = if is_exact { "hook: to the byte" } else { "hook" };
            return self.settle(app, task, Delivery::Acknowledged, receipt);
        }
        if self.terminal.is_none() {
            if progress.is_acknowledged {
                self.settle(app, task, Delivery::Acknowledged, "stream");
            }
            let is_due = task.runtime == Runtime::Terminal && task.opening == Opening::Sent && enters == 1;
            if is_due && since.elapsed() >= TO_BEGIN {
                // Not settled: it may first ask who sits there whether to begin.
                self.stage = Stage::Delivered(since, 2);
                let receipt = "it was started with it; nothing says that it took it".to_owned();
                self.say(app, task, Delivery::Unconfirmed, receipt);
            }
            return;
        }
        if since.elapsed() < TO_TAKE {
            return;
        }
        let Some((tmux, pane)) = &self.terminal else { return };
        // An Enter that was swallowed leaves the words where they were pasted. To press it again sends nothing twice.
        if enters == 1 && screen_shows(tmux, pane, &self.words).unwrap_or(false) && press_enter(tmux, pane).is_ok() {
            self.stage = Stage::Delivered(Instant::now(), 2);
            return;
        }
        self.settle(app, task, Delivery::Unconfirmed, "it was pasted; nothing says that the agent took it");
    }

    fn settle(&mut self, app: &App, task: &Task, delivery: Delivery, receipt: &str) {
        self.stage = Stage::Settled;
        let words = [receipt, &self.removed].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
        self.say(app, task, delivery, words);
    }

    fn say(&self, app: &App, task: &Task, delivery: Delivery, receipt: String) {
        note(app, task, JobNote { delivery: Some((delivery, receipt)), ..JobNote::default() });
    }

    /// In a terminal, what others left for the agent is pasted when it has finished its turn.
    fn next_message(&mut self, task: &Task, witness: &Witness) {
        if self.terminal.is_none() || witness.is_working {
            return;
        }
        let Some(message) = task.files.messages().into_iter().next() else { return };
        // Forgotten before it is sent: rather not at all than twice.
        if task.files.forget(&message).is_ok() {
            self.words = message.text.clone();
            (self.message, self.stage, self.begun) = (Some(message), Stage::Queued, Instant::now());
        }
    }
}
