//! Waking when the state changes, without asking all the time.
//!
//! The directory is watched, because the file is replaced. Where nothing can be watched (some network file systems) the
//! caller's own time limit is all there is.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::file::STATE;

/// Watches one state directory.
#[derive(Debug)]
pub struct Changes {
    receiver: Receiver<()>,
    sender: Sender<()>,
    _watcher: Option<RecommendedWatcher>,
}

impl Changes {
    /// Begins to watch. What happens from now on is not missed.
    pub fn of(dir: &Path) -> Changes {
        let (sender, receiver) = mpsc::channel();
        let changed = sender.clone();
        let concerns = |event: &notify::Event| {
            !event.kind.is_access() && event.paths.iter().any(|path| path.file_name() == Some(OsStr::new(STATE)))
        };
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| concerns(&event)) {
                // Nobody listens any more once the command ends.
                changed.send(()).unwrap_or_default();
            }
        });
        let watcher = watcher.and_then(|mut watcher| {
            watcher.watch(dir, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        Changes { receiver, sender, _watcher: watcher.ok() }
    }

    /// What ends a wait early.
    pub fn waker(&self) -> Sender<()> {
        self.sender.clone()
    }

    /// Returns when the state may have changed, or after `limit`.
    pub fn wait(&self, limit: Duration) {
        // Nothing came in time: then it is time to look.
        self.receiver.recv_timeout(limit).unwrap_or_default();
        while self.receiver.try_recv().is_ok() {}
    }
}
