//! When a prompt is pasted into an agent's terminal, by what is drawn there and what is typed.
//!
//! Not before the agent's own prompt is seen, has asked for whole pastes and rests; never while it asks something, nor into what a
//! person has begun to type. Enter, where the prompt is to be sent, once it is shown, and never at a question.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use rustix::termios::Winsize;

use super::typing::Typing;
use crate::fleet::agents::Agent;
use crate::fleet::paste::{is_shown, sanitise};
use crate::fleet::screen::Shows;

/// When nothing was drawn for so long, the screen is whole.
const WHOLE: Duration = Duration::from_millis(300);
/// The same for a screen that nobody knows.
const TO_REST: Duration = Duration::from_secs(1);
/// How long the agent may take to show what was pasted.
const TO_SHOW: Duration = Duration::from_secs(2);
/// Enter never follows sooner: it could be read together with the paste, and be a part of it.
const APART: Duration = Duration::from_millis(150);

/// What became of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The agent was not at its prompt yet.
    Waiting,
    /// It was pasted, and not sent.
    Written,
    /// It was pasted and sent.
    Sent,
    /// It was not pasted, or not sent, because of this.
    Withheld(String),
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    Type(Vec<u8>),
}

#[derive(Clone, Copy)]
enum Stage {
    Waiting,
    Pasted(Instant),
    Settled,
}

pub(super) struct Prompt {
    agent: &'static Agent,
    text: String,
    is_sent: bool,
    screen: vt100::Parser,
    drawn_at: Instant,
    typing: Typing,
    stage: Stage,
    fate: Fate,
    look_at: Option<Instant>,
}

impl Prompt {
    /// With what of the words had to be left out.
    pub(super) fn new(
        agent: &'static Agent,
        words: &str,
        is_sent: bool,
        size: Winsize,
    ) -> (Prompt, Vec<(String, usize)>) {
        let sanitised = sanitise(words);
        let (rows, columns) = cells(size);
        let prompt = Prompt {
            agent,
            text: sanitised.text,
            is_sent,
            screen: vt100::Parser::new(rows, columns, 0),
            drawn_at: Instant::now(),
            typing: Typing::default(),
            stage: Stage::Waiting,
            fate: Fate::Waiting,
            look_at: None,
        };
        (prompt, sanitised.removed)
    }

    pub(super) fn fate(&self) -> &Fate {
        &self.fate
    }

    /// When it should be looked again, if nothing happens before.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// The agent drew this.
    pub(super) fn drawn(&mut self, bytes: &[u8], now: Instant) {
        if !self.is_settled() {
            self.screen.process(bytes);
            self.drawn_at = now;
        }
    }

    /// A person, or their terminal, typed this.
    pub(super) fn typed(&mut self, bytes: &[u8]) {
        if self.is_settled() {
            return;
        }
        self.typing.take(bytes);
        if self.typing.has_text() && self.asks().is_some() {
            // It answers that.
            self.typing.forget();
        }
    }

    pub(super) fn resized(&mut self, size: Winsize) {
        let (rows, columns) = cells(size);
        self.screen.set_size(rows, columns);
    }

    /// One more step, if it is time for one. `is_read`: whether the agent takes keys, and has all that was typed so far.
    pub(super) fn step(&mut self, now: Instant, is_read: impl FnOnce() -> bool) -> Step {
        self.look_at = None;
        match self.stage {
            Stage::Waiting => self.paste(now, is_read),
            Stage::Pasted(at) => self.enter(now, at, is_read),
            Stage::Settled => Step::Nothing,
        }
    }

    fn paste(&mut self, now: Instant, is_read: impl FnOnce() -> bool) -> Step {
        if !self.screen.screen().bracketed_paste() {
            return Step::Nothing;
        }
        let rest = match self.shows() {
            Shows::Prompt | Shows::Limit(_) => WHOLE,
            Shows::Unknown if self.agent.screen.prompt.is_empty() => TO_REST,
            Shows::Question(_) => {
                self.typing.forget();
                return Step::Nothing;
            }
            Shows::Work | Shows::Unknown => return Step::Nothing,
        };
        if self.typing.has_text() {
            return self.settle(Fate::Withheld("you had begun to type there".to_owned()));
        }
        if now < self.drawn_at + rest {
            return self.wait_until(self.drawn_at + rest);
        }
        if !is_read() {
            return self.wait_until(now + WHOLE);
        }
        if self.is_sent {
            self.stage = Stage::Pasted(now);
            self.look_at = Some(now + APART);
        } else {
            self.settle(Fate::Written);
        }
        Step::Type(format!("\x1b[200~{}\x1b[201~", self.text).into_bytes())
    }

    fn enter(&mut self, now: Instant, pasted: Instant, is_read: impl FnOnce() -> bool) -> Step {
        if self.typing.has_text() {
            return self.settle(Fate::Withheld("it was written, and you went on typing before it was sent".to_owned()));
        }
        if let Some(question) = self.asks() {
            let why = format!("it was written, and not sent because something was asked: {question}");
            return self.settle(Fate::Withheld(why));
        }
        if now < pasted + APART {
            return self.wait_until(pasted + APART);
        }
        let is_there =
            is_shown(&self.screen.screen().contents(), &self.text) && now >= self.drawn_at + APART && is_read();
        if !is_there && now < pasted + TO_SHOW {
            return self.wait_until(now + APART);
        }
        self.settle(Fate::Sent);
        Step::Type(b"\r".to_vec())
    }

    fn wait_until(&mut self, time: Instant) -> Step {
        self.look_at = Some(time);
        Step::Nothing
    }

    fn settle(&mut self, fate: Fate) -> Step {
        (self.stage, self.fate) = (Stage::Settled, fate);
        Step::Nothing
    }

    fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Settled)
    }

    fn shows(&self) -> Shows {
        self.agent.shows(&self.screen.screen().contents())
    }

    fn asks(&self) -> Option<String> {
        match self.shows() {
            Shows::Question(question) => Some(question),
            _ => None,
        }
    }
}

/// The size of a screen that is worth looking at; some terminals say that they have none.
fn cells(size: Winsize) -> (NonZeroU16, NonZeroU16) {
    const LEAST: (u16, u16) = (6, 20);
    const USUAL: (u16, u16) = (24, 80);
    let of = |count: u16, least: u16, usual: u16| match count {
        0 => usual,
        count => count.max(least),
    };
    let cells = (of(size.ws_row, LEAST.0, USUAL.0), of(size.ws_col, LEAST.1, USUAL.1));
    (NonZeroU16::new(cells.0).unwrap_or(NonZeroU16::MIN), NonZeroU16::new(cells.1).unwrap_or(NonZeroU16::MIN))
}

#[cfg(test)]
mod tests;
