//! What is typed on its way to an agent, and what the agent draws on its way to the person's terminal.
//!
//! One thread, which sleeps until something comes, or it is time to look whether the prompt can be pasted. It never waits for one
//! side alone: an agent that draws and does not read is still shown, and the other way round.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, kill_current_process_group, kill_process, kill_process_group, waitid,
};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcgetwinsize, tcsetwinsize, ttyname};

use super::prompt::{Fate, Prompt, Step};
use super::settings::Raw;
use super::wake::Wake;

/// No more is read while so much waits to be written, in bytes.
const MOST_WAITING: usize = 256 << 10;
/// What an agent drew last is shown for so long at most.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// No more than this of it, in bytes: something it left may draw for ever.
const MOST_LAST_WORDS: usize = 4 << 20;
/// After so long an agent that was told to stop by a key, and could not, still reads no keys.
const TO_SUSPEND: Duration = Duration::from_millis(300);
/// Within so long this process is stopped, once it was told to be.
const TO_STOP: Duration = Duration::from_millis(500);

/// The size of the terminal that this process has.
pub(super) fn size_here() -> Winsize {
    let unknown = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    tcgetwinsize(rustix::stdio::stdout()).unwrap_or(unknown)
}

pub(super) struct Copying {
    /// Gone when the agent, and all that it started, has closed its end.
    agent_end: Option<OwnedFd>,
    agent: Option<Pid>,
    /// Gone when the person's terminal is.
    output: Option<OwnedFd>,
    to_agent: Vec<u8>,
    to_person: Vec<u8>,
    prompt: Prompt,
    size: Winsize,
    raw: Raw,
    /// When it is to be seen whether the agent waits to be continued.
    suspends_at: Option<Instant>,
    wake: Wake,
    fate: Arc<Mutex<Fate>>,
    is_over: Arc<AtomicBool>,
}

/// What is ready to be read or written.
#[derive(Default)]
struct Ready {
    wake: bool,
    keys: bool,
    output: bool,
    drawn: bool,
    agent: bool,
}

impl Copying {
    pub(super) fn new(
        agent_end: OwnedFd,
        agent: Option<Pid>,
        prompt: Prompt,
        wake: Wake,
        (fate, is_over): (Arc<Mutex<Fate>>, Arc<AtomicBool>),
    ) -> Copying {
        let size = tcgetwinsize(&agent_end).unwrap_or_else(|_| size_here());
        Copying {
            agent_end: Some(agent_end),
            agent,
            output: own_output(),
            to_agent: Vec::new(),
            to_person: Vec::new(),
            prompt,
            size,
            raw: Raw::enter(),
            suspends_at: None,
            wake,
            fate,
            is_over,
        }
    }

    /// Copies until it is over; the terminal is as it was when this is dropped.
    pub(super) fn until_the_end(&mut self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let Ok(ready) = self.wait() else { break };
            if ready.wake {
                self.heed_signals();
            }
            if ready.keys {
                self.read_keys();
            }
            if ready.drawn {
                self.read_drawn();
            }
            self.look_at_prompt();
            self.look_whether_suspended();
            if ready.agent || !self.to_agent.is_empty() {
                self.write_to_agent();
            }
            if ready.output || !self.to_person.is_empty() {
                self.write_to_person();
            }
        }
        self.show_the_last();
    }

    fn wait(&self) -> io::Result<Ready> {
        let stdin = rustix::stdio::stdin();
        let mut agent = PollFlags::empty();
        agent.set(PollFlags::IN, self.to_person.len() < MOST_WAITING);
        agent.set(PollFlags::OUT, !self.to_agent.is_empty());
        // What is typed for whoever comes after the agent is left to them.
        let takes_keys = self.agent_end.is_some() && self.to_agent.len() < MOST_WAITING;
        let keys = self.output.as_ref().filter(|_| takes_keys).map(|_| stdin.as_fd());
        let output = self.output.as_ref().filter(|_| !self.to_person.is_empty()).map(AsFd::as_fd);
        let agent_end = self.agent_end.as_ref().filter(|_| !agent.is_empty()).map(AsFd::as_fd);
        // A descriptor of which nothing is wanted would still tell of its end, again and again.
        let wanted: [(Option<BorrowedFd<'_>>, PollFlags); 4] = [
            (Some(self.wake.as_fd()), PollFlags::IN),
            (keys, PollFlags::IN),
            (output, PollFlags::OUT),
            (agent_end, agent),
        ];
        let is_wanted = wanted.iter().filter_map(|(fd, flags)| Some(PollFd::from_borrowed_fd((*fd)?, *flags)));
        let mut fds: Vec<PollFd<'_>> = is_wanted.collect();
        let look_at = [self.prompt.look_at(), self.suspends_at].into_iter().flatten().min();
        let timeout = look_at.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR | Errno::AGAIN) => return Ok(Ready { wake: true, ..Ready::default() }),
            Err(error) => return Err(error.into()),
        }
        let mut told = fds.iter().map(PollFd::revents);
        let [wake, keys, output, agent] =
            wanted.map(|(fd, _)| fd.and_then(|_| told.next()).unwrap_or(PollFlags::empty()));
        let reading = PollFlags::IN | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        Ok(Ready {
            wake: !wake.is_empty(),
            keys: !keys.is_empty(),
            output: !output.is_empty(),
            drawn: agent.intersects(reading),
            agent: agent.contains(PollFlags::OUT),
        })
    }

    fn heed_signals(&mut self) {
        self.wake.empty();
        if self.wake.was_continued() {
            self.raw.again();
        }
        self.pass_size_on();
        let is_stopped = self.agent.is_some_and(|agent| {
            let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
            waitid(WaitId::Pid(agent), options).is_ok_and(|status| status.is_some())
        });
        if is_stopped {
            self.stop_with_agent();
        }
    }

    /// The system tells the agent.
    fn pass_size_on(&mut self) {
        let size = size_here();
        if let Some(agent_end) = self.agent_end.as_ref().filter(|_| size != self.size) {
            // Without it the agent draws as before.
            tcsetwinsize(agent_end, size).unwrap_or_default();
            self.size = size;
            self.prompt.resized(size);
        }
    }

    /// An agent that is asked to by Ctrl-Z puts its terminal back, stops its group, and waits until that is continued. But the
    /// system does not let a group be stopped so of whose parents none is in its session.
    fn look_whether_suspended(&mut self) {
        if self.suspends_at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        self.suspends_at = None;
        if self.agent_end.as_ref().is_some_and(|agent_end| !takes_keys(agent_end)) {
            self.stop_with_agent();
        }
    }

    /// The shell gets its terminal back, until it has both go on. Where there is no shell to do so, the agent goes on at once.
    fn stop_with_agent(&mut self) {
        self.read_drawn();
        self.write_to_person();
        self.raw.leave();
        // What ignores it goes on, with the agent.
        kill_current_process_group(Signal::TSTP).unwrap_or_default();
        let deadline = Instant::now() + TO_STOP;
        while !self.wake.was_continued() && Instant::now() < deadline {
            let patience = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
            // It is looked at again at once.
            poll(&mut [PollFd::new(&self.wake, PollFlags::IN)], patience.as_ref()).map(drop).unwrap_or_default();
            self.wake.empty();
        }
        self.raw.again();
        self.pass_size_on();
        if let Some(agent) = self.agent {
            // It may have been ended meanwhile.
            kill_process_group(agent, Signal::CONT).unwrap_or_default();
        }
    }

    fn read_keys(&mut self) {
        let mut chunk = [0; 4096];
        match rustix::io::read(rustix::stdio::stdin(), &mut chunk) {
            Ok(length @ 1..) => {
                self.prompt.typed(&chunk[..length]);
                if asks_to_stop(&chunk[..length]) && self.agent_end.as_ref().is_some_and(takes_keys) {
                    self.suspends_at = Some(Instant::now() + TO_SUSPEND);
                }
                self.to_agent.extend(&chunk[..length]);
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(0) | Err(_) => self.lose_person(),
        }
    }

    fn read_drawn(&mut self) {
        let Some(agent_end) = &self.agent_end else { return };
        let mut chunk = [0; 16 << 10];
        match rustix::io::read(agent_end, &mut chunk) {
            Ok(length @ 1..) => {
                self.prompt.drawn(&chunk[..length], Instant::now());
                self.to_person.extend(&chunk[..length]);
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            // Nobody has the other end any more.
            Ok(0) | Err(_) => self.agent_end = None,
        }
    }

    fn look_at_prompt(&mut self) {
        let (agent_end, is_handed_over) = (&self.agent_end, self.to_agent.is_empty());
        let step = self.prompt.step(Instant::now(), || is_handed_over && agent_end.as_ref().is_some_and(takes_keys));
        if let Step::Type(bytes) = step {
            self.to_agent.extend(bytes);
        }
        let mut fate = self.fate.lock().unwrap_or_else(PoisonError::into_inner);
        if *fate != *self.prompt.fate() {
            fate.clone_from(self.prompt.fate());
        }
    }

    fn write_to_agent(&mut self) {
        let Some(agent_end) = &self.agent_end else { return self.to_agent.clear() };
        match write_some(agent_end, &mut self.to_agent) {
            Ok(()) => {}
            Err(_) => self.agent_end = None,
        }
    }

    fn write_to_person(&mut self) {
        let Some(output) = &self.output else { return self.to_person.clear() };
        if write_some(output, &mut self.to_person).is_err() {
            self.lose_person();
        }
    }

    /// The person's terminal is gone, and this process is told what a shell may not tell it. What the agent draws until it has
    /// ended goes nowhere.
    fn lose_person(&mut self) {
        if self.output.take().is_some() {
            kill_process(getpid(), Signal::HUP).unwrap_or_default();
        }
        self.to_person.clear();
    }

    fn show_the_last(&mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        let mut read = 0;
        loop {
            let before = self.to_person.len();
            if before < MOST_WAITING && read < MOST_LAST_WORDS {
                self.read_drawn();
            }
            read += self.to_person.len() - before;
            if self.to_person.is_empty() || Instant::now() >= deadline {
                return;
            }
            self.write_to_person();
            if let Some(output) = self.output.as_ref().filter(|_| !self.to_person.is_empty()) {
                let patience = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
                // What cannot be waited for is tried again until the deadline.
                poll(&mut [PollFd::new(output, PollFlags::OUT)], patience.as_ref()).map(drop).unwrap_or_default();
            }
        }
    }
}

/// The person's terminal once more, so that a slow one is never waited for, and nobody else's writing is changed.
fn own_output() -> Option<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened =
        ttyname(rustix::stdio::stdout(), Vec::new()).and_then(|name| rustix::fs::open(name, flags, Mode::empty()));
    opened.ok().or_else(|| rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).ok())
}

/// Whether the agent reads keys: while the system gathers lines for it, it would drop all but the first 4095 bytes of one.
fn takes_keys(agent_end: &OwnedFd) -> bool {
    tcgetattr(agent_end).is_ok_and(|modes| !modes.local_modes.contains(LocalModes::ICANON))
}

/// Whether that is Ctrl-Z, or ends with it, as terminals tell it in either way.
fn asks_to_stop(keys: &[u8]) -> bool {
    keys.ends_with(b"\x1a") || keys.ends_with(b"\x1b[122;5u")
}

/// As much as can be written without waiting.
fn write_some(fd: &OwnedFd, bytes: &mut Vec<u8>) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) | Err(Errno::AGAIN) => return Ok(()),
            Ok(length) => drop(bytes.drain(..length)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
