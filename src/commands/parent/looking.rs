//! An agent's terminal, looked at from its parent: only when something was drawn, because to ask tmux costs more than all else
//! that a parent does. tmux appends what is drawn to a file, and how long that is tells.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{App, Runtime, Task};
use crate::fleet::agents::Agent;
use crate::fleet::files::JobFiles;
use crate::fleet::screen::{Shows, has_words, is_worth_a_look};
use crate::fleet::tmux::{Pane, Tmux};

/// When nothing was drawn for so long, the screen is whole.
const WHOLE: Duration = Duration::from_millis(300);
/// Between looks at a screen that keeps changing, while something is expected of it.
const SOON: Duration = Duration::from_millis(700);
/// The same, while nothing is.
const SELDOM: Duration = Duration::from_secs(10);
/// Between looks where nothing tells that something was drawn.
const BLIND: Duration = Duration::from_secs(2);
/// What was drawn is dropped when it has become so long, in bytes.
const LONGEST: u64 = 1 << 20;
/// Of what is new, only so much is looked through, in bytes.
const LOOKED_THROUGH: u64 = 64 << 10;
/// What each last question may take: whoever ends the job waits for it.
const AT_THE_END: Duration = Duration::from_secs(2);
/// Lines that are kept at the end.
const KEPT: usize = 200;

/// The pane that this process runs in.
fn own_pane(app: &App, task: &Task) -> Pane {
    let id = app.variable("TMUX_PANE").and_then(|id| id.into_string().ok()).unwrap_or_default();
    Pane { job: task.id.clone(), id }
}

/// Takes away what an earlier run of the agent left on the screen: it would be taken for this one's.
pub(super) fn clear(app: &App, task: &Task) {
    if task.runtime == Runtime::Tmux && task.attempt > 1 {
        // Then the screen tells nothing for a while.
        Tmux::new(app.store.dir()).reset(&own_pane(app, task)).unwrap_or_default();
    }
}

/// What is known of the screen.
pub(super) struct Screen {
    pub(super) tmux: Tmux,
    pub(super) pane: Pane,
    /// What it showed when it was last looked at.
    pub(super) shows: Shows,
    /// The same, as it stood there.
    pub(super) text: String,
    /// Whether the agent was seen to work since [`Screen::forget_work`].
    pub(super) has_worked: bool,
    agent: &'static Agent,
    files: JobFiles,
    is_recorded: bool,
    length: u64,
    drawn_at: Instant,
    looked_at: Option<Instant>,
    is_stale: bool,
    is_urgent: bool,
}

impl Screen {
    /// Of the terminal that this process runs in; none where the agent has none.
    pub(super) fn of(app: &App, task: &Task) -> Option<Screen> {
        if task.runtime != Runtime::Tmux {
            return None;
        }
        let mut screen = Screen {
            tmux: Tmux::new(app.store.dir()),
            pane: own_pane(app, task),
            shows: Shows::default(),
            text: String::new(),
            has_worked: false,
            agent: task.profile.agent,
            files: task.files.clone(),
            is_recorded: false,
            length: 0,
            drawn_at: Instant::now(),
            looked_at: None,
            is_stale: true,
            is_urgent: false,
        };
        let drawn = screen.drawn();
        let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&drawn);
        screen.is_recorded = made.is_ok() && screen.tmux.record(&screen.pane, &drawn).is_ok();
        Some(screen)
    }

    fn drawn(&self) -> PathBuf {
        self.files.drawn()
    }

    /// Looks at the screen if it may show something else by now. `is_awaited`: something is expected of it.
    pub(super) fn look(&mut self, is_awaited: bool) {
        self.notice();
        let looked = self.looked_at.map_or(Duration::MAX, |at| at.elapsed());
        let patience = if is_awaited || self.is_urgent { SOON } else { SELDOM };
        let is_due = match self.is_recorded {
            true => self.is_stale && (self.is_whole() || looked >= patience),
            false => looked >= BLIND,
        };
        if is_due {
            self.look_now();
        }
    }

    /// Looks at it, whatever it costs.
    pub(super) fn look_now(&mut self) {
        (self.looked_at, self.is_stale, self.is_urgent) = (Some(Instant::now()), false, false);
        // A tmux that does not answer is asked again when something is drawn.
        let Ok(text) = self.tmux.screen(&self.pane) else { return };
        if !self.is_recorded && text != self.text {
            self.drawn_at = Instant::now();
        }
        self.shows = self.agent.shows(&text);
        self.has_worked |= self.shows == Shows::Work;
        self.text = text;
    }

    /// From now on, only what it does anew counts.
    pub(super) fn forget_work(&mut self) {
        self.notice();
        self.has_worked = false;
    }

    /// For how long nothing was drawn.
    pub(super) fn rests_since(&self) -> Duration {
        self.drawn_at.elapsed()
    }

    /// Whether it shows what it showed when it was last looked at, and nothing is being drawn.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_stale && self.is_whole()
    }

    /// Whether it was looked at after that.
    pub(super) fn was_looked_at_since(&self, time: Instant) -> bool {
        self.looked_at.is_some_and(|at| at > time)
    }

    fn is_whole(&self) -> bool {
        self.drawn_at.elapsed() >= WHOLE
    }

    /// Takes in what was drawn since.
    fn notice(&mut self) {
        let length = self.drawn().metadata().map_or(0, |metadata| metadata.len());
        if length == self.length {
            return;
        }
        let drawn = self.new_bytes(length);
        self.is_urgent |= is_worth_a_look(&self.agent.screen, self.agent.limits, &drawn);
        self.has_worked |= has_words(self.agent.screen.works, &drawn);
        (self.length, self.drawn_at, self.is_stale) = (length, Instant::now(), true);
        if length > LONGEST {
            let emptied = OpenOptions::new().write(true).open(self.drawn()).and_then(|file| file.set_len(0));
            self.length = if emptied.is_ok() { 0 } else { length };
        }
    }

    fn new_bytes(&self, length: u64) -> Vec<u8> {
        let from = self.length.min(length).max(length.saturating_sub(LOOKED_THROUGH));
        let mut bytes = Vec::new();
        let read = File::open(self.drawn()).and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            file.take(LOOKED_THROUGH).read_to_end(&mut bytes)
        });
        // Then the screen tells, a little later.
        read.map(drop).unwrap_or_default();
        bytes
    }

    /// Keeps the last lines, for when the terminal is gone; where it is gone already, what was last seen there.
    pub(super) fn keep(&self) {
        let text = self.tmux.clone().limit(AT_THE_END).tail(&self.pane, KEPT);
        let text = text.unwrap_or_else(|_| self.text.clone());
        if !text.trim().is_empty() {
            // Without it less is known of the job's end.
            self.files.keep_screen(&text).unwrap_or_default();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It ends with the pane at the latest.
        self.tmux.clone().limit(AT_THE_END).stop_recording(&self.pane).unwrap_or_default();
        std::fs::remove_file(self.drawn()).unwrap_or_default();
    }
}
