//! What a file held at a moment, and whether it still does.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::retry_on_intr;

use super::StoreError;
use super::lock::Guard;

/// How long a text that is no state may be one that another program is just writing.
pub(super) const TORN_READ_PATIENCE: Duration = Duration::from_millis(250);
/// A file changed so lately may change again without a new time stamp, on file systems with coarse ones.
const COARSE_TIMESTAMP: Duration = Duration::from_millis(50);
/// How much of a file is in memory at once where not all of it need be, in bytes.
pub(super) const CHUNK: usize = 16 * 1024;

/// A text, with the stamp its file had when it was read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// None where there was no file.
    stamp: Option<Stamp>,
    text: Option<String>,
    /// Whether the file may change again without a new stamp, since it was so new.
    is_fresh: bool,
    /// Whether one of our writers left it so, and nobody touched it since.
    pub(super) is_ours: bool,
}

impl Reading {
    /// Reads the file, into the space of an earlier reading.
    pub(super) fn of(path: &Path, earlier: Reading) -> Result<Reading, StoreError> {
        let stamp = Stamp::at(path);
        let is_fresh = stamp.as_ref().is_some_and(Stamp::is_fresh);
        let text = read_text(path, earlier.text.unwrap_or_default().into_bytes())?;
        Ok(Reading { stamp, text, is_fresh, is_ours: false })
    }

    /// This reading if it is of the file as it is, or another one, under the lock. Waits a moment where another program is
    /// writing.
    pub(super) fn settled(mut self, path: &Path, guard: &Guard) -> Result<Reading, StoreError> {
        let start = Instant::now();
        if self.stamp.is_none() || Stamp::at(path) != self.stamp {
            self = Reading::of(path, self)?;
        }
        loop {
            let parses = || serde_json::from_str::<serde::de::IgnoredAny>(self.text()).is_ok();
            let settled = Stamp::at(path) == self.stamp;
            if settled && (start.elapsed() > TORN_READ_PATIENCE || !looks_torn(self.text()) || parses()) {
                self.is_ours = self.stamp.as_ref().is_some_and(|stamp| guard.is_left(&stamp.mark()));
                return Ok(self);
            }
            if !settled && start.elapsed() > TORN_READ_PATIENCE * 8 {
                let error = io::Error::other("another program keeps rewriting it");
                return Err(StoreError::Io { action: "read", path: path.to_owned(), error });
            }
            std::thread::sleep(Duration::from_millis(1));
            self = Reading::of(path, self)?;
        }
    }

    /// Whether the file at `path`, which may have been renamed since, is the one that was read. Two writes within one tick
    /// of a coarse clock leave one stamp, so what was fresh is compared by content; ours are dated by no such clock.
    pub(super) fn still_holds(&self, path: &Path) -> bool {
        let (Some(stamp), Some(now)) = (&self.stamp, Stamp::at(path)) else { return false };
        // A rename changes the time of the last change.
        let same = Stamp { changed: stamp.changed, ..now } == *stamp;
        same && (self.is_ours || !self.is_fresh || has_content(path, self.text().as_bytes()).unwrap_or(false))
    }

    /// The text. A missing file reads as a state without entries; an existing one that is empty does not.
    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or("{}")
    }

    /// The stamp, unless there was no file.
    pub(super) fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    /// That its text is no state.
    pub(super) fn unreadable(&self, path: &Path, error: &serde_json::Error) -> StoreError {
        let reason = if self.text().trim().is_empty() { "it is empty".to_owned() } else { error.to_string() };
        StoreError::Unreadable { path: path.to_owned(), reason }
    }
}

/// Whether a text does not end as a whole object does: a writer may be in the middle of it.
fn looks_torn(text: &str) -> bool {
    !text.trim_end().ends_with('}')
}

/// Opens a file for reading, if it is one, without waiting for the writer of a pipe. None where there is nothing.
pub(super) fn open(path: &Path) -> Result<Option<(File, Metadata)>, StoreError> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let file = match File::options().read(true).custom_flags(flags.cast_signed()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::Io { action: "read", path: path.to_owned(), error }),
    };
    let metadata = file.metadata().map_err(StoreError::io("read", path))?;
    if !(metadata.is_file() || metadata.is_dir()) {
        return Err(StoreError::Unreadable { path: path.to_owned(), reason: "it is not a regular file".to_owned() });
    }
    Ok(Some((file, metadata)))
}

/// The text, or none when there is no file.
fn read_text(path: &Path, mut bytes: Vec<u8>) -> Result<Option<String>, StoreError> {
    let Some((mut file, metadata)) = open(path)? else { return Ok(None) };
    bytes.clear();
    bytes.reserve(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.read_to_end(&mut bytes).map_err(StoreError::io("read", path))?;
    let text = String::from_utf8(bytes).map_err(|error| StoreError::Unreadable {
        path: path.to_owned(),
        reason: format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()),
    })?;
    Ok(Some(text))
}

/// What tells one content of a file from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    pub(super) mode: u32,
}

impl Stamp {
    pub(super) fn at(path: &Path) -> Option<Stamp> {
        fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata))
    }

    pub(super) fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            mode: metadata.mode(),
        }
    }

    /// What tells it from whatever is written to that file later, or put in its place.
    pub(super) fn mark(&self) -> String {
        let Stamp { inode, size, modified: (seconds, nanoseconds), .. } = self;
        format!("{inode} {size} {seconds}.{nanoseconds:09}")
    }

    /// Whether the file was changed so lately that the next change may leave the same stamp.
    fn is_fresh(&self) -> bool {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let modified = Duration::new(self.modified.0.try_into().unwrap_or(0), self.modified.1.try_into().unwrap_or(0));
        since_epoch.saturating_sub(modified) < COARSE_TIMESTAMP
    }
}

/// Whether a file contains exactly this.
fn has_content(path: &Path, mut expected: &[u8]) -> io::Result<bool> {
    let file = File::open(path)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = retry_on_intr(|| rustix::io::read(&file, &mut buffer[..]))?;
        match expected.strip_prefix(&buffer[..length]) {
            Some(rest) if length > 0 => expected = rest,
            rest => return Ok(rest.is_some_and(<[u8]>::is_empty)),
        }
    }
}
