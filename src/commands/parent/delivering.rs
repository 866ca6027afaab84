//! A task's way to its agent, and what proves that it arrived.
//!
//! Without a terminal it is what the agent reads, and its stream or its hooks say that it was taken. In a terminal it is
//! pasted once, when the agent's prompt is seen; its hooks say so, or nobody does: then that is what is written down, with what
//! the screen hints at. While the screen asks something, nothing is pasted and no key is pressed: Enter would answer it.
//! Within an attempt nothing is handed over twice. Another attempt, which is a person's decision or that of whoever allowed
//! restarts, begins with what nothing says was taken, and says that it may have been.

use std::time::{Duration, Instant};

use super::looking::Screen;
use super::{App, Failure, JobNote, Opening, Runtime, Task, note, preparing};
use crate::app::pause;
use crate::fleet::brief::{again, with_other_ports};
use crate::fleet::files::{Message, Receipt, Witness};
use crate::fleet::paste::{Pasted, Unpasted, Unready, is_exact, is_held, is_shown, left_out, press_enter, proof, put};
use crate::fleet::relay::{Fate, Relaying};
use crate::fleet::screen::Shows;
use crate::fleet::stream::Progress;
use crate::protocol::fleet::Delivery;

/// How long an agent may take to listen, before a person should look.
const TO_LISTEN: Duration = Duration::from_secs(60);
/// How long an agent may take to begin with what it was started with, until that is called unconfirmed.
const TO_BEGIN: Duration = Duration::from_secs(15);
/// How long it may take to take what was pasted; then Enter is pressed once more, and after as long again nobody knows. One
/// whose hooks have told of its session may then take [`TO_BEGIN`]: they will tell of this, too, on a busy machine later.
const TO_TAKE: Duration = Duration::from_secs(5);
/// How long after it began to work hooks are waited for that never told of anything.
const TO_TELL: Duration = Duration::from_secs(2);
/// Between looks for what the screen hints at, meanwhile: each asks tmux.
const TO_LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A screen that is not known rests for so long before anything is pasted.
const TO_REST: Duration = Duration::from_secs(1);
/// How long it may take to show what was pasted.
const TO_SHOW: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(100);

/// What an agent is told that goes on in its session.
const GO_ON: &str = "You were interrupted. Look at what is there (git status, git log), then go on with your task.";

/// What an agent is told.
pub(super) struct Words {
    pub(super) text: String,
    /// The message that it is, or that ends it; none of a task alone.
    pub(super) message: Option<String>,
    /// The same, while it is where it was left.
    left: Option<Message>,
    /// Whether the task stands in it.
    has_task: bool,
}

impl Words {
    /// Words that nobody sent.
    pub(super) fn own(text: String) -> Words {
        Words { text, message: None, left: None, has_task: false }
    }

    /// What an attempt begins with: the task, until the agent is known to have taken it; then the words with which somebody has
    /// it go on, or ours.
    ///
    /// # Errors
    /// When the task cannot be read.
    pub(super) fn first(task: &Task) -> Result<Words, Failure> {
        let told = Words::told_first(task);
        if preparing::knows_its_task(task) {
            let words = told.unwrap_or_else(|| Words::own(GO_ON.to_owned()));
            let text = task.moved_ports().map(|ports| with_other_ports(ports, &words.text));
            return Ok(Words { text: text.unwrap_or(words.text), ..words });
        }
        let brief = preparing::brief(task)?;
        task.files.forget_taken();
        Ok(match told {
            None => Words { has_task: !brief.is_empty(), ..Words::own(brief) },
            Some(told) => Words { text: format!("{brief}\n\n{}", told.text), has_task: true, ..told },
        })
    }

    /// The words with which somebody has it go on, as long as nothing says that it took them.
    fn told_first(task: &Task) -> Option<Words> {
        let (message, is_waiting) = task.files.told_first()?;
        match is_waiting {
            true => Words::taken(task, message),
            false => Some(Words { message: Some(message.id), ..Words::own(again(&message.text)) }),
        }
    }

    /// The next message that others left, if there is one, taken out before it is sent: rather not at all than twice.
    pub(super) fn next_message(task: &Task) -> Option<Words> {
        Words::taken(task, task.files.messages().into_iter().next()?)
    }

    /// The same, to be taken out as late as it can be: until then nobody has it.
    pub(super) fn next_left(task: &Task) -> Option<Words> {
        let message = task.files.messages().into_iter().next()?;
        Some(Words { message: Some(message.id.clone()), left: Some(message.clone()), ..Words::own(message.text) })
    }

    fn taken(task: &Task, message: Message) -> Option<Words> {
        task.files.take(&message).ok()?;
        Some(Words { message: Some(message.id), ..Words::own(message.text) })
    }
}

/// The words that are on their way.
pub(super) struct Delivering {
    stage: Stage,
    words: String,
    message: Option<String>,
    left: Option<Message>,
    has_task: bool,
    begun: Instant,
    /// They come after those that the agent was started with, on which its job's record tells.
    is_later: bool,
    /// When a message was last held back because of what stood in the prompt.
    held_at: Option<Instant>,
    removed: String,
    prompts_before: u64,
    /// When the screen was last looked at for a hint that they were taken.
    hinted_at: Option<Instant>,
    /// Why they cannot be handed over, if that takes long.
    stuck: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not handed over yet.
    Queued,
    /// Handed over at this time, and Enter pressed so often.
    Delivered(Instant, u8),
    /// Taken, as the stream says. A hook may yet say more.
    Streamed,
    /// Nobody says whether they were taken. A hook may yet do so.
    GivenUp,
    /// Taken, or not to be handed over.
    Settled,
}

impl Delivering {
    /// The relay, where there is one, has them pasted.
    pub(super) fn new(words: &Words, prompts_before: u64, relaying: Option<&Relaying>) -> Delivering {
        Delivering {
            stage: Stage::Queued,
            words: words.text.clone(),
            message: words.message.clone(),
            left: None,
            has_task: words.has_task,
            begun: Instant::now(),
            is_later: false,
            held_at: None,
            removed: relaying.map(Relaying::left_out).unwrap_or_default(),
            prompts_before,
            hinted_at: None,
            stuck: String::new(),
        }
    }

    /// Whether the agent has them, as far as can be known.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Streamed | Stage::GivenUp | Stage::Settled)
    }

    /// Whether they were handed over.
    pub(super) fn is_handed_over(&self) -> bool {
        self.stage != Stage::Queued
    }

    /// Why a person should look; empty where nobody need.
    pub(super) fn stuck(&self) -> &str {
        &self.stuck
    }

    /// Other words, to be pasted as these were; not while a draft stands in the prompt, which may be those that came before.
    pub(super) fn send(&mut self, words: Words, draft: Option<String>) {
        if let Some(draft) = draft {
            self.held_at = Some(Instant::now());
            return self.hold("a message", &draft);
        }
        // Was that what came before, its hook is about to say so.
        if self.held_at.is_some_and(|at| at.elapsed() < TO_TELL) {
            return;
        }
        (self.is_later, self.has_task, self.held_at) = (true, words.has_task, None);
        (self.words, self.message, self.left) = (words.text, words.message, words.left);
        (self.stage, self.begun) = (Stage::Queued, Instant::now());
    }

    /// One more step, if it is time for one.
    pub(super) fn look(
        &mut self,
        app: &App,
        task: &Task,
        progress: &Progress,
        witness: &Witness,
        (screen, fate): (Option<&mut Screen>, Option<&Fate>),
    ) {
        if self.stage == Stage::Queued && task.runtime != Runtime::Tmux {
            match fate {
                Some(Fate::Waiting) => {}
                Some(Fate::Withheld(why)) => self.give_up(app, task, why),
                // What it was given when it was started it may have taken long ago.
                Some(Fate::Written | Fate::Sent) | None => self.was_given(app, task),
            }
        }
        let is_taken = self.is_handed_over() && witness.prompts > self.prompts_before;
        match (self.stage, screen) {
            (Stage::Settled, _) => {}
            _ if is_taken => {
                let receipt = proof(&self.words, task.is_pasted(), &witness.prompt_digest);
                match self.stage == Stage::GivenUp && !is_exact(receipt) {
                    // It took something since, perhaps what a person typed.
                    true => self.stage = Stage::Settled,
                    false => self.settle(app, task, Delivery::Acknowledged, receipt),
                }
            }
            (Stage::Delivered(..), None) if progress.is_acknowledged => {
                self.settle(app, task, Delivery::Acknowledged, "stream");
                self.stage = Stage::Streamed;
            }
            (Stage::Queued, Some(screen)) => self.hand_over(app, task, witness, screen),
            (Stage::Delivered(since, enters), Some(screen)) => {
                self.look_for_signs(app, task, witness, screen, (since, enters));
            }
            (Stage::Delivered(since, _), None) if task.runtime == Runtime::Terminal && since.elapsed() >= TO_BEGIN => {
                // It may first ask who sits there whether to begin.
                if task.opening == Opening::Sent {
                    let how = if task.is_pasted() { "it was pasted" } else { "it was started with it" };
                    self.give_up(app, task, &format!("{how}; nothing says that it took it"));
                }
            }
            (Stage::Queued | Stage::Delivered(..), None) | (Stage::Streamed | Stage::GivenUp, _) => {}
        }
    }

    /// It got them when it was started, or a little later from the relay.
    fn was_given(&mut self, app: &App, task: &Task) {
        self.stage = Stage::Delivered(Instant::now(), 1);
        match task.opening {
            Opening::Sent => self.say(app, task, Delivery::Delivered, self.with_removed("")),
            Opening::Prefilled => {
                let receipt = self.with_removed("written, and not sent: that is for who sits there");
                self.say(app, task, Delivery::Delivered, receipt);
            }
            Opening::Nothing => self.stage = Stage::Settled,
        }
    }

    fn hand_over(&mut self, app: &App, task: &Task, witness: &Witness, screen: &mut Screen) {
        if matches!(screen.shows, Shows::Question(_) | Shows::Work) {
            // A person has all the time they want, and so has an agent that works.
            (self.begun, self.stuck) = (Instant::now(), String::new());
            return;
        }
        if !listens(task, witness, screen) {
            return self.wait(|| "its screen shows no prompt that is known".to_owned());
        }
        // What was seen may be over by now.
        screen.look_now();
        if !listens(task, witness, screen) {
            return;
        }
        if !screen.takes_pastes() {
            return self.wait(|| "its program has not asked for whole pastes".to_owned());
        }
        if let Some(draft) = screen.draft() {
            return self.hold(self.what(), &draft);
        }
        if let Some(message) = self.left.take()
            && let Err(error) = task.files.take(&message)
        {
            self.left = Some(message);
            return self.wait(|| format!("it cannot be taken out of where it was left: {error}"));
        }
        match put(&screen.tmux, &screen.pane, &self.words) {
            Ok(pasted) => self.enter(app, task, witness, screen, &pasted),
            Err(Unpasted::Nothing(Unready::Empty)) => {
                self.settle(app, task, Delivery::Unconfirmed, "there is nothing to paste");
            }
            Err(Unpasted::Nothing(why)) => self.wait(|| why.to_string()),
            Err(Unpasted::Unknown(why)) => {
                self.give_up(app, task, &format!("it may have arrived or not: {why}"));
            }
        }
    }

    /// Nothing was pasted, and it is tried again; a person is told when it takes long.
    fn wait(&mut self, why: impl FnOnce() -> String) {
        if self.begun.elapsed() >= TO_LISTEN && self.stuck.is_empty() {
            self.stuck = format!("{} was not handed over: {}", self.what(), why());
        }
    }

    /// What a person has begun to type, or what was pasted and never entered, would become one with what is pasted now.
    fn hold(&mut self, what: &str, draft: &str) {
        self.stuck = format!("{what} was not handed over: its prompt holds words that were not entered: {draft}");
    }

    fn what(&self) -> &'static str {
        if self.is_later { "a message" } else { "its task" }
    }

    /// Presses Enter, unless something is asked since.
    fn enter(&mut self, app: &App, task: &Task, witness: &Witness, screen: &mut Screen, pasted: &Pasted) {
        self.removed = left_out(&pasted.removed);
        self.prompts_before = witness.prompts;
        self.see(screen);
        if let Shows::Question(question) = &screen.shows {
            let why = format!("it was pasted and not entered, because the screen asks: {question}");
            return self.give_up(app, task, &why);
        }
        screen.forget_work();
        match press_enter(&screen.tmux, &screen.pane) {
            Ok(()) => {
                (self.stage, self.stuck) = (Stage::Delivered(Instant::now(), 1), String::new());
                self.say(app, task, Delivery::Delivered, self.removed.clone());
            }
            Err(why) => self.give_up(app, task, &format!("it was pasted, and perhaps not entered: {why}")),
        }
    }

    /// Waits until the words are seen: to some agents an Enter that comes along with them is one of their lines.
    fn see(&self, screen: &mut Screen) {
        let deadline = Instant::now() + TO_SHOW;
        screen.look_now();
        while Instant::now() < deadline && !is_shown(&screen.text, &self.words) {
            pause(LOOK);
            screen.look_now();
        }
    }

    /// No hook told yet. The screen may hint at it; it proves nothing.
    fn look_for_signs(
        &mut self,
        app: &App,
        task: &Task,
        witness: &Witness,
        screen: &mut Screen,
        (since, enters): (Instant, u8),
    ) {
        let is_early = since.elapsed() < TO_TELL || !screen.has_worked && since.elapsed() < TO_TAKE;
        if is_early || self.hinted_at.is_some_and(|at| at.elapsed() < TO_LOOK_AGAIN) {
            return;
        }
        self.hinted_at = Some(Instant::now());
        screen.look_now();
        // An Enter that was swallowed leaves the words where they were pasted. To press it again sends nothing twice.
        let is_draft = || screen.draft().is_some_and(|draft| is_shown(&draft, &self.words));
        // It may have been at work only at its own start.
        let is_left =
            is_held(&screen.text) || is_shown(&screen.text, &self.words) && (!screen.has_worked || is_draft());
        let takes_keys = matches!(screen.shows, Shows::Prompt | Shows::Unknown);
        if enters == 1 && is_left && takes_keys && press_enter(&screen.tmux, &screen.pane).is_ok() {
            screen.forget_work();
            self.stage = Stage::Delivered(Instant::now(), 2);
            return;
        }
        let (why, patience) = match screen.has_worked && !is_left {
            true => ("screen: it began to work; no hook says that it has all of it", TO_TELL),
            false => ("it was pasted; nothing says that the agent took it", TO_TAKE),
        };
        if since.elapsed() >= if witness.session.is_empty() { patience } else { TO_BEGIN } {
            self.give_up(app, task, why);
        }
    }

    fn give_up(&mut self, app: &App, task: &Task, why: &str) {
        self.settle(app, task, Delivery::Unconfirmed, why);
        self.stage = Stage::GivenUp;
    }

    fn settle(&mut self, app: &App, task: &Task, delivery: Delivery, receipt: &str) {
        (self.stage, self.stuck) = (Stage::Settled, String::new());
        self.say(app, task, delivery, self.with_removed(receipt));
    }

    fn with_removed(&self, receipt: &str) -> String {
        [receipt, &self.removed].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
    }

    fn say(&self, app: &App, task: &Task, delivery: Delivery, receipt: String) {
        if let Some(message) = &self.message {
            let receipt = Receipt { delivery, words: receipt.clone() };
            // Without it, whoever waits for it hears that nothing is known.
            task.files.note_receipt(message, &receipt).unwrap_or_default();
        }
        if delivery == Delivery::Acknowledged {
            self.note_taken(task);
        }
        if self.is_later {
            return;
        }
        note(app, task, JobNote { delivery: Some((delivery, receipt)), ..JobNote::default() });
    }

    /// The agent ended with a last word, which it was asked for in those that were handed over: so it took them, whether or not
    /// anything else says so.
    pub(super) fn was_answered(&self, task: &Task) {
        if self.is_handed_over() {
            self.note_taken(task);
        }
    }

    /// The next attempt need not begin with them.
    fn note_taken(&self, task: &Task) {
        if let Some(message) = &self.message {
            task.files.forget_first(message);
        }
        if self.has_task {
            // Otherwise it is given its task once more, and told that it may have it.
            task.files.note_taken().unwrap_or_default();
        }
    }
}

/// Whether the agent is at a prompt that takes what is pasted. Where its screen is not known, its hooks say that it has begun,
/// after all that it asks first; or no screen of that agent is known at all.
fn listens(task: &Task, witness: &Witness, screen: &Screen) -> bool {
    match screen.shows {
        Shows::Prompt | Shows::Limit(_) => screen.is_settled(),
        Shows::Question(_) | Shows::Work => false,
        Shows::Unknown => {
            let has_begun = !witness.session.is_empty() || task.profile.agent.screen.prompt.is_empty();
            has_begun && screen.is_settled() && screen.rests_since() >= TO_REST
        }
    }
}
