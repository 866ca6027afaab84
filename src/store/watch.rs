//! Waking when the state changes, without asking all the time.
//!
//! The directory is watched, because the file is replaced. Where nothing can be watched (some network file systems) the
//! caller's own time limit is all there is.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::file::STATE;

/// Watches one state directory.
#[derive(Debug)]
pub struct Changes {
    receiver: Receiver<()>,
    _watcher: Option<RecommendedWatcher>,
}

impl Changes {
    /// Begins to watch. What happens from now on is not missed.
    pub fn of(dir: &Path) -> Changes {
        let (sender, receiver) = mpsc::channel();
        let concerns = |event: &notify::Event| {
            !event.kind.is_access() && event.paths.iter().any(|path| path.file_name() == Some(OsStr::new(STATE)))
        };
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| concerns(&event)) {
                // Nobody listens any more once the command ends.
                sender.send(()).unwrap_or_default();
            }
        });
        let watcher = watcher.and_then(|mut watcher| {
            watcher.watch(dir, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        Changes { receiver, _watcher: watcher.ok() }
    }

    /// Returns when the state may have changed, or after `limit`.
    pub fn wait(&self, limit: Duration) {
        if self.receiver.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Disconnected) {
            std::thread::sleep(limit);
        }
        while self.receiver.try_recv().is_ok() {}
    }
}
