//! A terminal with somebody at it: what a command shows there, and keys for it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::harness::eventually;

/// A command that has a terminal of its own; killed when dropped.
pub struct Terminal {
    child: Child,
    ours: File,
    shown: Arc<Mutex<Vec<u8>>>,
    is_over: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// A terminal of 24 lines and 100 columns, with this command in its foreground.
    pub fn start(command: &mut Command) -> Terminal {
        let (ours, theirs) = pair();
        let copy = || theirs.try_clone().unwrap();
        command.env("TERM", "xterm").stdin(copy()).stdout(copy()).stderr(copy());
        // SAFETY: between fork and exec only two system calls are made.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        // What is left of the command would keep its end open.
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, seen) = (File::from(ours.as_fd().try_clone_to_owned().unwrap()), Arc::clone(&shown));
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            let patience = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
            while !ends.load(Ordering::Relaxed) {
                if poll(&mut [PollFd::new(&reader, PollFlags::IN)], Some(&patience)) == Ok(0) {
                    continue;
                }
                // An error is how a terminal's end is told on Linux.
                let Ok(length @ 1..) = reader.read(&mut chunk) else { return };
                seen.lock().unwrap().extend(&chunk[..length]);
            }
        });
        Terminal { child, ours: File::from(ours), shown, is_over, reader: Some(reader) }
    }

    /// How it behaves.
    pub fn settings(&self) -> Termios {
        tcgetattr(&self.ours).unwrap()
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        tcsetwinsize(&self.ours, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    }

    /// As when its window is closed: it is gone, and the command, which runs on, is told so. Its exit code, 128 + n where signal n
    /// ended it.
    pub fn hang_up(mut self) -> i32 {
        self.is_over.store(true, Ordering::Relaxed);
        self.reader.take().unwrap().join().unwrap();
        self.ours = File::open("/dev/null").unwrap();
        let status = eventually("its end", || self.child.try_wait().unwrap());
        status.code().or(status.signal().map(|signal| 128 + signal)).unwrap()
    }

    /// All that was shown so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until it shows this.
    pub fn shows(&self, words: &str) {
        let mut last = String::new();
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(words, || {
                last = self.text();
                last.contains(words).then_some(())
            });
        }));
        assert!(seen.is_ok(), "it shows no {words:?}: {last}");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn keys(&mut self, keys: &[u8]) {
        self.ours.write_all(keys).unwrap();
    }

    /// Its exit code, 128 + n where signal n ended it, and all that it showed.
    pub fn end(mut self) -> (i32, String) {
        let mut status = None;
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            status = Some(eventually("its end", || self.child.try_wait().unwrap()));
        }));
        assert!(ended.is_ok(), "it does not end: {}", self.text());
        let status = status.unwrap();
        let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap();
        // The last of it may still be on its way.
        let mut length = usize::MAX;
        eventually("its last words", || {
            let before = std::mem::replace(&mut length, self.text().len());
            std::thread::sleep(std::time::Duration::from_millis(50));
            (before == length).then_some(())
        });
        (code, self.text())
    }
}

/// Both ends of a new terminal; no other child of this process inherits them.
fn pair() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (0, 0);
    let mut size = libc::winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let (name, settings) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: what is pointed to outlives the call, and the rest may be null.
    let failed = unsafe { libc::openpty(&mut ours, &mut theirs, name, settings, &raw mut size) };
    assert_eq!(failed, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: they were opened just now, and nobody else has them.
    let ends = unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
    fcntl_setfd(&ends.0, FdFlags::CLOEXEC).unwrap();
    fcntl_setfd(&ends.1, FdFlags::CLOEXEC).unwrap();
    ends
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
