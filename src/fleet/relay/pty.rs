//! Both ends of a new terminal: ours, and the one that an agent gets.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Winsize, isatty, tcgetattr, tcsetattr, tcsetwinsize};

pub(super) struct Pty {
    ours: OwnedFd,
    theirs: OwnedFd,
}

impl Pty {
    /// One of that size, with the settings of the terminal that this process has. Ours never blocks.
    pub(super) fn open(size: Winsize) -> io::Result<Pty> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        fcntl_setfd(&ours, FdFlags::CLOEXEC)?;
        fcntl_setfl(&ours, fcntl_getfl(&ours)? | OFlags::NONBLOCK)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new())?;
        let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        if let Ok(settings) = tcgetattr(rustix::stdio::stdin()) {
            tcsetattr(&theirs, OptionalActions::Now, &settings)?;
        }
        tcsetwinsize(&ours, size)?;
        Ok(Pty { ours, theirs })
    }

    /// Has a program lead a session whose terminal this is. Complaints that go elsewhere still go there.
    pub(super) fn attach(&self, command: &mut Command) -> io::Result<()> {
        command.stdin(self.theirs.try_clone()?).stdout(self.theirs.try_clone()?);
        if isatty(rustix::stdio::stderr()) {
            command.stderr(self.theirs.try_clone()?);
        }
        lead_session(command);
        Ok(())
    }

    /// Ours alone: the other end is the agent's, and closed when nothing of it is left.
    pub(super) fn into_ours(self) -> OwnedFd {
        self.ours
    }
}

#[expect(unsafe_code, reason = "std offers no other way to have a child lead a session with a terminal")]
fn lead_session(command: &mut Command) {
    let lead = || {
        rustix::process::setsid()?;
        rustix::process::ioctl_tiocsctty(rustix::stdio::stdin().as_fd())?;
        Ok(())
    };
    // SAFETY: between fork and exec two system calls are made, and nothing is allocated or locked.
    unsafe {
        command.pre_exec(lead);
    }
}
