//! What wakes whoever copies between two terminals: signals, and the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};
use signal_hook::SigId;
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGWINCH};

/// Readable when something happened.
pub(super) struct Wake {
    pipe: OwnedFd,
    was_continued: Arc<AtomicBool>,
}

/// Listens to the signals as long as it lives.
pub(super) struct Waker {
    pipe: OwnedFd,
    signals: Vec<SigId>,
}

impl Wake {
    pub(super) fn new() -> io::Result<(Wake, Waker)> {
        let (ours, theirs) = rustix::pipe::pipe()?;
        for end in [&ours, &theirs] {
            fcntl_setfd(end, FdFlags::CLOEXEC)?;
            fcntl_setfl(end, fcntl_getfl(end)? | OFlags::NONBLOCK)?;
        }
        let wake = Wake { pipe: ours, was_continued: Arc::default() };
        let mut waker = Waker { pipe: theirs, signals: Vec::new() };
        // First what is looked at, then what has it looked at.
        waker.signals.push(signal_hook::flag::register(SIGCONT, Arc::clone(&wake.was_continued))?);
        for signal in [SIGWINCH, SIGCHLD, SIGCONT] {
            waker.signals.push(signal_hook::low_level::pipe::register(signal, waker.pipe.try_clone()?)?);
        }
        Ok((wake, waker))
    }

    /// Until something happens again.
    pub(super) fn empty(&self) {
        let mut bytes = [0; 64];
        while rustix::io::read(&self.pipe, &mut bytes).is_ok_and(|length| length > 0) {}
    }

    /// Whether this process was stopped, and continued since this was asked last.
    pub(super) fn was_continued(&self) -> bool {
        self.was_continued.swap(false, Ordering::Relaxed)
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Waker {
    pub(super) fn wake(&self) {
        // A full pipe wakes it, too.
        rustix::io::write(&self.pipe, &[0]).map(drop).unwrap_or_default();
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.signals.drain(..).for_each(|id| {
            signal_hook::low_level::unregister(id);
        });
    }
}
