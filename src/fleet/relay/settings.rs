//! How the terminal behaves that this process has.

use std::sync::{Mutex, Once, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// How a terminal behaves. What a signal ended could not put it back, and shells do so then.
#[derive(Clone, Debug)]
pub struct TerminalSettings(Option<Termios>);

impl TerminalSettings {
    /// As they are, where there is a terminal.
    pub fn now() -> TerminalSettings {
        TerminalSettings(tcgetattr(rustix::stdio::stdin()).ok())
    }

    /// As they were.
    pub fn restore(&self) {
        if let Some(settings) = &self.0 {
            // It may be gone.
            tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, settings).unwrap_or_default();
        }
    }
}

/// A terminal whose every byte is passed on, until this is dropped; after a panic it is put back, too.
pub(super) struct Raw(TerminalSettings);

/// What a panic, which may end the process at once, puts back.
static BEFORE: Mutex<Option<TerminalSettings>> = Mutex::new(None);

impl Raw {
    pub(super) fn enter() -> Raw {
        static HOOKED: Once = Once::new();
        let raw = Raw(TerminalSettings::now());
        set_before(Some(raw.0.clone()));
        HOOKED.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if let Some(before) = BEFORE.try_lock().ok().and_then(|mut before| before.take()) {
                    before.restore();
                }
                usual(panic);
            }));
        });
        raw.again();
        raw
    }

    /// Once more, after somebody else had the terminal; not while others have it.
    pub(super) fn again(&self) {
        let has_it = || tcgetpgrp(rustix::stdio::stdin()).is_ok_and(|group| group == rustix::process::getpgrp());
        if let Some(mut settings) = self.0.0.clone().filter(|_| has_it()) {
            settings.make_raw();
            // Not flushed: what was typed ahead is the agent's. It may be gone.
            tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &settings).unwrap_or_default();
        }
    }

    /// As it was, until [`Raw::again`].
    pub(super) fn leave(&self) {
        self.0.restore();
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.leave();
        set_before(None);
    }
}

fn set_before(settings: Option<TerminalSettings>) {
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = settings;
}
