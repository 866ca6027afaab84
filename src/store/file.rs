//! `state.json`: read without a lock, replaced whole under one.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, IoSlice, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::{Duration, SystemTime};

use super::lock::{Guard, Patience};
use super::reading::{CHUNK, Reading, Stamp, TORN_READ_PATIENCE, open};
use super::{StoreError, archive, journal};
use crate::protocol::apply::Applied;
use crate::protocol::excerpt::{Parts, Sieve};
use crate::protocol::op::{Change, Outcome, Refusal};
use crate::protocol::place::Prepared;
use crate::protocol::state::{Claim, SCHEMA_VERSION, State};
use crate::protocol::{document, excerpt};

/// The state's file.
pub const STATE: &str = "state.json";
/// The lock's file.
pub const LOCK: &str = "state.lock";
/// How our temporary files begin and end. Under the lock, one that is there belongs to nobody.
const TEMPORARY: (&str, &str) = (".state-", ".tmp");
/// How often we start over when another program keeps writing between our read and our rename.
const MOST_ATTEMPTS: usize = 100;

/// The files of one state directory.
#[derive(Clone, Debug)]
pub struct FileStore {
    dir: PathBuf,
    lock_timeout: Duration,
}

/// What a change is about, where the claims elsewhere need not be read for it.
pub struct Focus<'f> {
    /// The places.
    pub places: &'f [Prepared<'f>],
    /// The instance that asks. Of the others only those matter that hold claims around the places.
    pub actor: Option<&'f str>,
    /// Whether what is around them is really enough.
    pub suffices: &'f dyn Fn(&State<'_>) -> bool,
}

/// A committed, or unneeded, change.
#[derive(Debug)]
pub struct Committed {
    /// What to tell the caller.
    pub outcome: Outcome,
    /// What happened; empty when nothing was written.
    pub changes: Vec<Change>,
    /// What could not be done on the side.
    pub warning: Option<String>,
}

impl FileStore {
    /// The store in `dir`, which need not exist yet.
    pub fn new(dir: PathBuf, lock_timeout: Duration) -> Self {
        FileStore { dir, lock_timeout }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The state's path.
    pub fn state_path(&self) -> PathBuf {
        self.dir.join(STATE)
    }

    /// The lock's path.
    pub fn lock_path(&self) -> PathBuf {
        self.dir.join(LOCK)
    }

    /// Reads the text, without a lock, and gives back what `parse` makes of it. Tries again for a moment where another
    /// program may just be writing the file in place. No file reads as an object without entries.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when it stays no state.
    pub fn read_parsed<T>(&self, mut parse: impl FnMut(&str) -> Result<T, serde_json::Error>) -> Result<T, StoreError> {
        let path = self.state_path();
        let start = std::time::Instant::now();
        loop {
            let reading = Reading::of(&path, Reading::default())?;
            match parse(reading.text()) {
                Ok(parsed) => return Ok(parsed),
                Err(_) if start.elapsed() < TORN_READ_PATIENCE => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return Err(reading.unreadable(&path, &error)),
            }
        }
    }

    /// As [`FileStore::read_parsed`], of a state of which only the claims that concern `places` are kept. Such a state
    /// answers questions; it must never be written.
    ///
    /// # Errors
    /// As [`FileStore::read_parsed`].
    pub fn read_around<T>(
        &self,
        places: &[Prepared<'_>],
        mut answer: impl FnMut(State<'_>) -> T,
    ) -> Result<T, StoreError> {
        let concerns = |claim: &Claim<'_>| excerpt::concerns(claim, places);
        if let Some(text) = self.excerpt(Sieve::new(places))
            && let Ok(state) = document::read_keeping(&text, concerns)
        {
            return Ok(answer(state));
        }
        self.read_parsed(|text| Ok(answer(document::read_keeping(text, concerns)?)))
    }

    /// As [`FileStore::read_around`], of a state without claims.
    ///
    /// # Errors
    /// As [`FileStore::read_parsed`].
    pub fn read_but_claims<T>(&self, mut answer: impl FnMut(State<'_>) -> T) -> Result<T, StoreError> {
        if let Some(text) = self.excerpt(Sieve::but_claims())
            && let Ok(state) = document::read_keeping(&text, |_| false)
        {
            return Ok(answer(state));
        }
        self.read_parsed(|text| Ok(answer(document::read_keeping(text, |_| false)?)))
    }

    /// What a sieve leaves of the text, where it can be had without the rest. Whatever prevents it, reading the whole tells.
    fn excerpt(&self, mut sieve: Sieve<'_>) -> Option<String> {
        let (mut file, _) = open(&self.state_path()).ok()??;
        let mut buffer = vec![0; CHUNK];
        let mut filled = 0;
        loop {
            let length = file.read(&mut buffer[filled..]).ok()?;
            filled += length;
            let whole = match buffer[..filled].iter().rposition(|byte| *byte == b'\n') {
                _ if length == 0 => filled,
                Some(last) => last + 1,
                None => {
                    buffer.resize(2 * buffer.len(), 0);
                    continue;
                }
            };
            sieve.pass(str::from_utf8(&buffer[..whole]).ok()?);
            if length == 0 {
                return sieve.finish();
            }
            buffer.copy_within(whole..filled, 0);
            filled -= whole;
        }
    }

    /// Changes the state: under the lock, `decide` makes a new one of the one that is there, and that takes its place.
    /// `decide` may run more than once, on newer states. With a `focus` it may be given only the claims around that.
    ///
    /// # Errors
    /// Whatever kept it from being done; then nothing was changed.
    pub fn transact(
        &self,
        patience: Patience,
        at: &str,
        focus: Option<Focus<'_>>,
        mut decide: impl for<'s> FnMut(State<'s>) -> Result<Applied<'s>, Refusal>,
    ) -> Result<Committed, StoreError> {
        let path = real_path(&self.state_path());
        // Where nobody else is writing, this is what the lock finds; and else there is at least room for it.
        let mut reading = Reading::of(&path, Reading::default()).unwrap_or_default();
        let mut guard = self.lock(patience, at)?;
        for _ in 0..MOST_ATTEMPTS {
            reading = reading.settled(&path, &guard)?;
            let (text, focus) = (reading.text(), focus.as_ref());
            let parts = focus.and_then(|focus| Parts::of(text, focus.places, focus.actor, reading.is_ours));
            let near = parts.as_ref().and_then(|parts| document::read(&parts.near).ok());
            let near = near.zip(focus).filter(|(state, focus)| (focus.suffices)(state));
            let parts = parts.as_ref().filter(|_| near.is_some());
            let mut state = match near {
                Some((state, _)) => state,
                None => document::read(text).map_err(|error| reading.unreadable(&path, &error))?,
            };
            if state.schema_version > SCHEMA_VERSION {
                return Err(StoreError::Newer { path, version: state.schema_version });
            }
            state.schema_version = SCHEMA_VERSION;
            let revision = guard.next_revision(state.revision);
            state.revision = revision;
            let Applied { mut state, outcome, changes, archived } = decide(state)?;
            if changes.is_empty() {
                return Ok(Committed { outcome, changes, warning: None });
            }
            if !archived.is_empty() {
                let month = at.get(..7).unwrap_or("0000-00");
                archive::append(&self.dir, month, &archived)
                    .map_err(StoreError::io("write", &self.dir.join(archive::FOLDER)))?;
            }
            let journaled = state.journaled;
            if changes.iter().any(|change| change.event.is_journaled()) {
                state.journaled = revision;
            }
            let written = match parts {
                Some(parts) => document::write_among(state, parts),
                None => vec![document::write(&mut state).into()],
            };
            let temporary = Temporary::write(&path, &written, reading.stamp())?;
            guard.use_revision(revision, temporary.mark())?;
            // While it is open its space is not given back, which takes a while and may as well happen after the lock.
            let old = File::open(&path);
            if !temporary.replace_what_was_read(&path, &reading)? {
                // Also where the stamp is the same, there is another text.
                reading = Reading::default();
                continue;
            }
            if changes.iter().any(|change| change.event.is_durable()) {
                sync_directory(&path)?;
            }
            let appended = journal::append(&self.dir, revision, journaled, at, &changes);
            let warning = appended.err().map(|error| format!("the journal was not written: {error}"));
            drop(guard);
            drop(old);
            return Ok(Committed { outcome, changes, warning });
        }
        let error = io::Error::other("another program keeps rewriting it");
        Err(StoreError::Io { action: "replace", path, error })
    }

    /// Takes the lock without changing anything: for who must look at the files undisturbed.
    ///
    /// # Errors
    /// As [`Guard::acquire`], and when the directory cannot be used.
    pub fn lock(&self, patience: Patience, at: &str) -> Result<Guard, StoreError> {
        prepare_directory(&self.dir)?;
        fail_beyond_size_limit();
        let patience = match patience {
            Patience::None => Patience::None,
            Patience::Until(limit) => Patience::Until(limit.min(self.lock_timeout)),
        };
        let guard = Guard::acquire(&self.lock_path(), patience, at.to_owned())?;
        sweep_temporaries(&real_path(&self.state_path()));
        Ok(guard)
    }

    /// Puts a text in the state's place, whatever is there. For repair; everything else goes through
    /// [`FileStore::transact`].
    ///
    /// # Errors
    /// When it cannot be written; the old file is as it was then.
    pub fn replace(&self, _guard: &Guard, text: &[u8]) -> Result<(), StoreError> {
        let path = real_path(&self.state_path());
        Temporary::write(&path, &[text.into()], Stamp::at(&path).as_ref())?.replace(&path)?;
        sync_directory(&path)
    }

    /// Writes as much as another state may take, and takes it away again.
    ///
    /// # Errors
    /// When there is no room for it, or it cannot be written there.
    pub fn try_room(&self) -> io::Result<()> {
        let path = real_path(&self.state_path());
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len()) + 2 * CHUNK as u64;
        io::copy(&mut io::repeat(b' ').take(length), &mut new_temporary(&path)?)?;
        Ok(())
    }

    /// How long a writer waits for the lock.
    pub fn patience(&self) -> Patience {
        Patience::Until(self.lock_timeout)
    }
}

/// A new content beside the old one, gone again unless it took its place.
struct Temporary {
    file: tempfile::NamedTempFile,
    /// The time it is to say it was modified at.
    modified: SystemTime,
}

impl Temporary {
    fn write(path: &Path, text: &[Cow<'_, [u8]>], replaces: Option<&Stamp>) -> Result<Temporary, StoreError> {
        let failed = || StoreError::io("write", path);
        let mut file = new_temporary(path).map_err(StoreError::io("write beside", path))?;
        write_all(file.as_file_mut(), text).map_err(failed())?;
        if let Some(stamp) = replaces.filter(|stamp| stamp.mode & 0o777 != 0o600) {
            let mode = fs::Permissions::from_mode(stamp.mode & 0o777);
            file.as_file().set_permissions(mode).map_err(failed())?;
        }
        let modified = SystemTime::now();
        // Where it cannot be set, it is not found there later.
        file.as_file().set_modified(modified).unwrap_or_default();
        file.as_file().sync_all().map_err(failed())?;
        Ok(Temporary { file, modified })
    }

    /// The mark it will have in its place; none where the file system does not keep times exactly. The system itself dates
    /// what is written by a clock that ticks slowly, and so never as this is dated.
    fn mark(&self) -> String {
        let metadata = self.file.as_file().metadata().ok();
        let exact = metadata.filter(|metadata| metadata.modified().is_ok_and(|modified| modified == self.modified));
        exact.map(|metadata| Stamp::of(&metadata).mark()).unwrap_or_default()
    }

    /// Takes the place of what was read, unless another program wrote something else there by now: then that stays, and
    /// the answer is `false`.
    ///
    /// To look and then rename would leave a moment between the two. So the files change places, and what came out is
    /// looked at; if it is something else it goes back. For that moment readers saw ours, which is about to come again.
    fn replace_what_was_read(self, path: &Path, read: &Reading) -> Result<bool, StoreError> {
        if Stamp::at(path).as_ref() != read.stamp() {
            return Ok(false);
        }
        if read.stamp().is_none() {
            return self.create(path);
        }
        match exchange(self.file.path(), path) {
            Ok(()) if read.still_holds(self.file.path()) => Ok(true),
            Ok(()) => exchange(self.file.path(), path).map(|()| false).map_err(StoreError::io("restore", path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            // Network file systems cannot exchange; there the moment remains.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
                if read.still_holds(path) { self.replace(path).map(|()| true) } else { Ok(false) }
            }
            Err(error) => Err(StoreError::io("replace", path)(error)),
        }
    }

    /// Takes a place where nothing is.
    fn create(self, path: &Path) -> Result<bool, StoreError> {
        match self.file.persist_noclobber(path) {
            Ok(_) => Ok(true),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(failed) => Err(StoreError::io("create", path)(failed.error)),
        }
    }

    fn replace(self, path: &Path) -> Result<(), StoreError> {
        let renamed = self.file.persist(path);
        renamed.map(drop).map_err(|failed| StoreError::Io {
            action: "replace",
            path: path.to_owned(),
            error: failed.error,
        })
    }
}

fn new_temporary(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    tempfile::Builder::new().prefix(TEMPORARY.0).suffix(TEMPORARY.1).tempfile_in(dir)
}

/// Writes the pieces one after the other, many at a time: a file system puts a long write in larger pieces in memory.
fn write_all(file: &mut File, pieces: &[Cow<'_, [u8]>]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Lets two files change places, at once.
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

/// Where the state really is: a link to it (dotfiles) is written through and stays a link, also where it leads to nothing yet.
pub fn real_path(path: &Path) -> PathBuf {
    let Ok(target) = fs::read_link(path) else { return path.to_owned() };
    fs::canonicalize(path).unwrap_or_else(|_| path.parent().unwrap_or(Path::new("/")).join(target))
}

fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync", dir))
}

/// What a killed writer left behind. Not being able to look is no reason not to write.
fn sweep_temporaries(path: &Path) {
    let dir = path.parent().unwrap_or(Path::new("/"));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if is_temporary(&entry.file_name()) {
            // The next writer tries again.
            fs::remove_file(entry.path()).unwrap_or_default();
        }
    }
}

/// Whether a name is that of one of our temporary files.
pub fn is_temporary(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1))
}

/// A write beyond the limit of file sizes (`ulimit -f`) sends a signal that kills by default, which would leave the
/// temporary file; once the signal is caught, the write fails like any other.
fn fail_beyond_size_limit() {
    static CAUGHT: Once = Once::new();
    CAUGHT.call_once(|| {
        let caught = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
        // Where it cannot be caught, such a write ends this process, as it would any other.
        caught.map(drop).unwrap_or_default();
    });
}

/// Makes the directory, private, or sees that it is ours to use.
fn prepare_directory(dir: &Path) -> Result<(), StoreError> {
    let unusable = |reason: &str| StoreError::Directory { path: dir.to_owned(), reason: reason.to_owned() };
    match fs::metadata(dir) {
        Ok(metadata) if !metadata.is_dir() => Err(unusable("it is not a directory")),
        Ok(metadata) if metadata.uid() != rustix::process::geteuid().as_raw() => {
            Err(unusable("it belongs to another user"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            use std::os::unix::fs::DirBuilderExt;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(StoreError::io("create", dir))
        }
        Err(error) => Err(StoreError::Io { action: "open", path: dir.to_owned(), error }),
    }
}
