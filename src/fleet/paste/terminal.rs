//! The terminal of a pane, looked at from outside: how its program reads, and whether it has read.
//!
//! Nothing is read from it nor written to it.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::termios::LocalModes;

/// The program has read everything when nothing was left for so long: tmux hands over 4 KB at a time.
const QUIET: Duration = Duration::from_millis(120);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(15);

/// A terminal's device, or nothing where it cannot be opened.
pub(super) struct Terminal(Option<OwnedFd>);

impl Terminal {
    pub(super) fn open(device: &Path) -> Terminal {
        let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Terminal(rustix::fs::open(device, flags, Mode::empty()).ok())
    }

    /// Whether the system still gathers lines for the program: no agent's prompt does that. It would drop all but the
    /// first 4095 bytes of a line.
    pub(super) fn reads_lines(&self) -> bool {
        let modes = self.0.as_ref().and_then(|device| rustix::termios::tcgetattr(device).ok());
        modes.is_some_and(|modes| modes.local_modes.contains(LocalModes::ICANON))
    }

    /// Waits until the program has read what was pasted, so that it does not read Enter as the paste's last byte. Whether
    /// it was seen to.
    pub(super) fn settle(&self) -> bool {
        let start = Instant::now();
        let mut quiet_since = start;
        while start.elapsed() < PATIENCE {
            std::thread::sleep(LOOK);
            let left = self.0.as_ref().map(rustix::io::ioctl_fionread);
            if matches!(left, Some(Ok(1..))) {
                quiet_since = Instant::now();
            } else if quiet_since.elapsed() >= QUIET {
                return matches!(left, Some(Ok(0)));
            }
        }
        false
    }
}
