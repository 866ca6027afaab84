//! An agent's terminal, looked at from its parent: only when something was drawn, because to ask tmux costs more than all else
//! that a parent does. tmux appends what is drawn to a file, and how long that is tells.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::termios::{QueueSelector, tcflush};

use super::{App, Runtime, Task};
use crate::fleet::agents::Agent;
use crate::fleet::files::{JobFiles, open_regular};
use crate::fleet::screen::{Shows, USUAL_SIZE, has_words, is_worth_a_look, replayed};
use crate::fleet::tmux::{Pane, Tmux};

/// When nothing was drawn for so long, the screen is whole.
const WHOLE: Duration = Duration::from_millis(300);
/// Between looks at a screen that keeps changing, while something is expected of it.
const SOON: Duration = Duration::from_millis(700);
/// Between looks that are mere routine, at first: each that sees nothing new doubles it.
const AT_FIRST: Duration = Duration::from_secs(1);
/// The longest that it becomes.
const SELDOM: Duration = Duration::from_secs(30);
/// An agent that draws nothing for so long may have finished its turn.
const REST: Duration = Duration::from_millis(1200);
/// The same where its hooks would tell: a person may have stopped it in the middle.
const LONG_REST: Duration = Duration::from_secs(5);
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

/// What a screen may show next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Nothing that is not told otherwise.
    Nothing,
    /// The end of a turn, of which nothing else tells.
    TurnEnd,
    /// Something, soon.
    Soon,
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
    /// Between looks that are mere routine.
    routine: Duration,
    is_stale: bool,
    is_urgent: bool,
    /// tmux did not answer when it was last asked.
    is_unanswered: bool,
    /// Its lines and columns.
    size: (NonZeroU16, NonZeroU16),
    /// Whether its program had asked for whole pastes when what it had drawn was dropped.
    took_pastes: bool,
}

impl Screen {
    /// Of the terminal that this process runs in; none where the agent has none. What an earlier run left there goes: it would
    /// be taken for this one's.
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
            routine: Duration::ZERO,
            is_stale: true,
            is_urgent: false,
            is_unanswered: false,
            size: USUAL_SIZE,
            took_pastes: false,
        };
        if task.attempt > 1 {
            // Where tmux does not answer, the screen tells nothing for a while.
            screen.tmux.reset(&screen.pane).unwrap_or_default();
            // What the one before did not read would be typed into whatever this one asks first.
            tcflush(rustix::stdio::stdin(), QueueSelector::IFlush).unwrap_or_default();
        }
        let drawn = screen.drawn();
        let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&drawn);
        screen.is_recorded = made.is_ok() && screen.tmux.record(&screen.pane, &drawn).is_ok();
        Some(screen)
    }

    fn drawn(&self) -> PathBuf {
        self.files.drawn()
    }

    /// Looks at the screen if it may show something else by now.
    pub(super) fn look(&mut self, awaited: Awaited) {
        self.notice();
        let looked = self.looked_at.map_or(Duration::MAX, |at| at.elapsed());
        let is_due = match awaited {
            _ if !self.is_recorded || self.is_unanswered => looked >= BLIND,
            _ if !self.is_stale => false,
            Awaited::Soon => self.is_whole() || looked >= SOON,
            _ if self.is_urgent => self.is_whole() || looked >= SOON,
            Awaited::Nothing => self.rests_since() >= LONG_REST || looked >= SELDOM,
            Awaited::TurnEnd if self.rests_since() >= REST => true,
            Awaited::TurnEnd => self.is_whole() && looked >= self.routine || looked >= SELDOM,
        };
        if is_due {
            let before = self.shows.clone();
            self.look_now();
            let doubled = (self.routine * 2).clamp(AT_FIRST, SELDOM);
            self.routine = if self.shows == before { doubled } else { Duration::ZERO };
        }
    }

    /// Looks at it, whatever it costs.
    pub(super) fn look_now(&mut self) {
        (self.is_stale, self.is_urgent) = (false, false);
        let text = self.tmux.screen(&self.pane);
        self.looked_at = Some(Instant::now());
        self.is_unanswered = text.is_err();
        // What was seen before may be long gone: it counts for nothing until tmux answers.
        self.is_stale |= self.is_unanswered;
        let Ok(text) = text else { return };
        if !self.is_recorded && text != self.text {
            self.drawn_at = Instant::now();
        }
        self.shows = self.agent.shows(&text);
        self.has_worked |= self.shows == Shows::Work;
        self.text = text;
    }

    /// Looks at it once more after its program has ended. What that left there may be nothing that is known: then it showed
    /// last what it showed before.
    pub(super) fn look_back(&mut self) {
        let Ok(text) = self.tmux.clone().limit(AT_THE_END).screen(&self.pane) else { return };
        let shows = self.agent.shows(&text);
        self.has_worked |= shows == Shows::Work;
        if shows != Shows::Unknown {
            self.shows = shows;
        }
    }

    /// What stands in the agent's prompt, and was not entered.
    pub(super) fn draft(&self) -> Option<String> {
        // Where tmux does not answer, it will not paste either.
        let drawn = self.tmux.styled(&self.pane).ok()?;
        self.agent.draft(&drawn)
    }

    /// Whether its program has asked for whole pastes: before, each line of one would be an Enter. Gemini CLI shows its prompt
    /// earlier. Where it is not known what was drawn, it is taken to have.
    pub(super) fn takes_pastes(&self) -> bool {
        self.replayed().is_none_or(|screen| screen.bracketed_paste())
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
        if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdin())
            && let (Ok(rows), Ok(columns)) = (NonZeroU16::try_from(size.ws_row), NonZeroU16::try_from(size.ws_col))
        {
            self.size = (rows, columns);
        }
        let drawn = self.new_bytes(length);
        self.is_urgent |= is_worth_a_look(&self.agent.screen, self.agent.limits, &drawn);
        self.has_worked |= has_words(self.agent.screen.works, &drawn);
        (self.length, self.drawn_at, self.is_stale) = (length, Instant::now(), true);
        if length > LONGEST {
            self.took_pastes = self.takes_pastes();
            let emptied = OpenOptions::new().write(true).open(self.drawn()).and_then(|file| file.set_len(0));
            self.length = if emptied.is_ok() { 0 } else { length };
        }
    }

    fn new_bytes(&self, length: u64) -> Vec<u8> {
        let from = self.length.min(length).max(length.saturating_sub(LOOKED_THROUGH));
        let mut bytes = Vec::new();
        let read = open_regular(&self.drawn()).and_then(|mut file| {
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
        let text = text.ok().or_else(|| self.redrawn()).unwrap_or_else(|| self.text.clone());
        if !text.trim().is_empty() {
            // Without it less is known of the job's end.
            self.files.keep_screen(&text).unwrap_or_default();
        }
    }

    /// What stands there after all that was drawn.
    fn redrawn(&self) -> Option<String> {
        Some(self.replayed()?.contents()).filter(|text| !text.trim().is_empty())
    }

    /// The screen after all that was drawn, as far as that is still known.
    fn replayed(&self) -> Option<vt100::Screen> {
        let drawn = self.files.read_drawn().ok().filter(|drawn| self.is_recorded && !drawn.is_empty())?;
        Some(replayed(&drawn, self.size, self.took_pastes))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It ends with the pane at the latest.
        self.tmux.clone().limit(AT_THE_END).stop_recording(&self.pane).unwrap_or_default();
        std::fs::remove_file(self.drawn()).unwrap_or_default();
    }
}
