//! Real child processes for the tests of this folder: started, named and cleared away.

use super::{Lookup, Process, look_up};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A child with a process group of its own that does not outlive the test, nor do its children.
pub(in crate::host) struct Group(pub(in crate::host) Child);

impl Group {
    pub(in crate::host) fn spawn(command: &mut Command) -> Group {
        Group(command.process_group(0).stdin(Stdio::null()).spawn().expect("a child starts"))
    }

    pub(in crate::host) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_raw(self.pid() as i32).expect("a pid is positive");
        // A group that is already gone needs no killing.
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        self.0.wait().ok();
    }
}

/// A folder of this test's own, removed at its end.
pub(in crate::host) struct Folder(pub(in crate::host) PathBuf);

impl Folder {
    pub(in crate::host) fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("aio-host-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Folder(path)
    }

    /// A copy of a program under another name. `cp` makes it, because a file that this process had open for writing
    /// while another test forked could not be executed (ETXTBSY).
    pub(in crate::host) fn program(&self, original: &str, name: &str) -> PathBuf {
        let copy = self.0.join(name);
        let done = Command::new("cp").arg(original).arg(&copy).status().expect("cp runs");
        assert!(done.success());
        copy
    }

    pub(in crate::host) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders can be made");
        std::fs::write(&path, text).expect("files can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Waits until `probe` answers: other processes cannot be ordered about.
pub(in crate::host) fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(in crate::host) fn alive(pid: u32) -> Process {
    match look_up(pid) {
        Lookup::Alive(process) => process,
        other => panic!("{pid} is {other:?}"),
    }
}

/// Waits until the child no longer runs our own image, and bears `name`.
pub(in crate::host) fn named(pid: u32, name: &str) -> Process {
    eventually(|| Some(alive(pid)).filter(|process| process.name == name))
}
