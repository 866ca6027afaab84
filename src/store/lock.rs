//! The writers' lock: `state.lock`, held for milliseconds, never deleted.
//!
//! `flock` on a file of its own, since the state itself is replaced. The file says who holds it and which revision was
//! the last, so that a revision never repeats even if the state is reset. The lock is advisory: it does not keep out an
//! editor or the original scripts, and the store looks again before it replaces anything. Where locking is not
//! supported we refuse; we never go on unlocked. The kernel lets go when the holder dies, and a child never inherits it,
//! because the descriptor is closed on exec.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};
use serde::{Deserialize, Serialize};

use super::StoreError;

/// How long the lock file is.
const RECORD_BYTES: usize = 256;

/// What the lock file says. Advice for people, except for the revision and the mark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// Who took the lock last.
    pub pid: u32,
    /// When.
    pub since: String,
    /// The highest revision ever handed out.
    #[serde(default)]
    pub revision: u64,
    /// What tells the state that the last writer left from anything that is written there later. Empty where nothing does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
}

/// The lock was not had in time.
#[derive(Debug)]
pub struct Busy {
    /// The lock file.
    pub path: PathBuf,
    /// How long we waited.
    pub waited: Duration,
    /// What its holder wrote into it, if anything.
    pub holder: Option<LockRecord>,
}

/// How long to wait for the lock.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /// Not at all.
    None,
    /// So long.
    Until(Duration),
}

/// The lock, while it is held. Dropping it lets go.
#[derive(Debug)]
pub struct Guard {
    file: File,
    path: PathBuf,
    record: LockRecord,
}

impl Guard {
    /// Takes the lock, creating its file when there is none.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when somebody else keeps it; [`StoreError::Io`] when this place cannot be locked.
    pub fn acquire(path: &Path, patience: Patience, since: String) -> Result<Guard, StoreError> {
        let start = Instant::now();
        loop {
            let file = open(path).map_err(StoreError::io("open", path))?;
            let file = lock(file, path, patience, start)?;
            if is_still_at(&file, path) {
                return Guard::enter(file, path, since);
            }
        }
    }

    fn enter(mut file: File, path: &Path, since: String) -> Result<Guard, StoreError> {
        let text = read_text(&mut file).map_err(StoreError::io("read", path))?;
        let last = parse_record(&text).unwrap_or_default();
        let record = LockRecord { pid: std::process::id(), since, ..last };
        let mut guard = Guard { file, path: path.to_owned(), record };
        if text.len() > RECORD_BYTES {
            guard.file.set_len(RECORD_BYTES as u64).map_err(StoreError::io("write", path))?;
        }
        guard.write().map_err(StoreError::io("write", path))?;
        Ok(guard)
    }

    /// The revision of the next commit on a state: higher than its own, and than every one handed out as far as this file
    /// knows. Numbers from 2^53 on, which not every program that reads JSON tells apart, were written by no one who counts.
    pub fn next_revision(&self, revision: u64) -> u64 {
        let believable = [revision, self.record.revision].into_iter().filter(|revision| *revision < 1 << 53);
        believable.max().unwrap_or(0) + 1
    }

    /// Whether a state with this mark is the one that the last writer left.
    pub fn is_left(&self, mark: &str) -> bool {
        !mark.is_empty() && self.record.state == mark
    }

    /// Hands out a revision: from here on it is used up, committed or not. The state to come will have this mark.
    ///
    /// # Errors
    /// When the lock file cannot be written.
    pub fn use_revision(&mut self, revision: u64, mark: String) -> Result<(), StoreError> {
        self.record.revision = revision;
        self.record.state = mark;
        self.write().map_err(StoreError::io("write", &self.path))
    }

    /// One write at a fixed length, padded, so that a reader never sees half of it and a full disk never needs room.
    fn write(&mut self) -> io::Result<()> {
        let record = serde_json::to_string(&self.record).map_err(io::Error::other)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(format!("{record:<0$}\n", RECORD_BYTES - 1).as_bytes())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Without contention one system call. With it, a thread waits in the kernel's queue, which is fair, while this one
/// watches the deadline; polling would be neither. A thread still waiting at the deadline ends with the process.
fn lock(file: File, path: &Path, patience: Patience, start: Instant) -> Result<File, StoreError> {
    let error = match FileExt::try_lock(&file) {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => None,
        Err(TryLockError::Error(error)) => Some(error),
    };
    if let Some(error) = error {
        return Err(StoreError::Io { action: "lock", path: path.to_owned(), error });
    }
    let Patience::Until(limit) = patience else { return Err(busy(path, start)) };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let result = retry_interrupted(|| FileExt::lock(&file)).map(|()| file);
        // When nobody receives any more, the deadline has passed; dropping the file lets the lock go.
        drop(sender.send(result));
    });
    match receiver.recv_timeout(limit.saturating_sub(start.elapsed())) {
        Ok(result) => result.map_err(StoreError::io("lock", path)),
        Err(_) => Err(busy(path, start)),
    }
}

fn retry_interrupted(mut action: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match action() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn busy(path: &Path, start: Instant) -> StoreError {
    let text = File::open(path).and_then(|mut file| read_text(&mut file));
    let holder = text.ok().and_then(|text| parse_record(&text));
    StoreError::Busy(Busy { path: path.to_owned(), waited: start.elapsed(), holder })
}

/// Somebody may have deleted or replaced the file while we waited; then our lock is on a file nobody else locks.
fn is_still_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: &std::fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), std::fs::metadata(path)), (Ok(ref held), Ok(ref there)) if identity(held) == identity(there))
}

/// Bytes that are no text are no record either; only a file that cannot be read is an error.
fn read_text(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(4096).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse_record(text: &str) -> Option<LockRecord> {
    serde_json::from_str(text.trim()).ok()
}
