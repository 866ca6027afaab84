//! One settings file: read as it is, replaced whole.
//!
//! Guarantees: at every moment there is the old file or the new one; a link stays a link; mode and owner stay; what
//! another program wrote since we read it stays, and we are told. A file that may not be written is left alone.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::store::file::{exchange, real_path};

/// How our temporary files begin and end.
const TEMPORARY: (&str, &str) = (".aio-", ".tmp");

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Original {
    /// Where it really is, at the end of every link.
    pub(super) real: PathBuf,
    /// None where there is none.
    pub(super) bytes: Option<Vec<u8>>,
    metadata: Option<Metadata>,
}

impl Original {
    /// Reads a file.
    ///
    /// # Errors
    /// In words, when it is there and cannot be read.
    pub(super) fn read(path: &Path) -> Result<Original, String> {
        let real = real(path);
        let metadata = match fs::metadata(&real) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Err("it is no file".to_owned()),
            Err(error) if is_absent(&error) => return Ok(Original { real, bytes: None, metadata: None }),
            Err(error) => return Err(error.to_string()),
        };
        let bytes = fs::read(&real).map_err(|error| error.to_string())?;
        Ok(Original { real, bytes: Some(bytes), metadata: Some(metadata) })
    }

    /// Why it must not be replaced, if it must not.
    pub(super) fn is_kept(&self) -> Option<&'static str> {
        let metadata = self.metadata.as_ref()?;
        if metadata.mode() & 0o222 == 0 || rustix::fs::access(&self.real, rustix::fs::Access::WRITE_OK).is_err() {
            return Some("it is read-only");
        }
        (metadata.nlink() > 1).then_some("it has other names (hard links), which replacing it would cut off")
    }

    /// Puts other bytes in its place. False where another program changed it since it was read: then it stays as that left
    /// it.
    ///
    /// # Errors
    /// When it cannot be done; the file is as it was.
    pub(super) fn replace(&self, bytes: &[u8]) -> io::Result<bool> {
        let folder = self.real.parent().unwrap_or(Path::new("/"));
        // As any new file, but for what the person's mask takes away.
        let mut new = new_temporary().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
        new.write_all(bytes)?;
        if let Some(metadata) = &self.metadata {
            keep_owner(new.as_file(), metadata)?;
            new.as_file().set_permissions(Permissions::from_mode(metadata.mode() & 0o7777))?;
        }
        new.as_file().sync_all()?;
        let is_done = self.swap(new, bytes)?;
        File::open(folder)?.sync_all()?;
        Ok(is_done)
    }

    /// To look and then rename would leave a moment between the two. So the files change places, and what came out is
    /// looked at; if it is something else it goes back.
    fn swap(&self, new: tempfile::NamedTempFile, ours: &[u8]) -> io::Result<bool> {
        let Some(bytes) = &self.bytes else {
            return match new.persist_noclobber(&self.real) {
                Ok(_) => Ok(true),
                Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(failed) => Err(failed.error),
            };
        };
        match exchange(new.path(), &self.real) {
            Ok(()) => {
                let out = fs::read(new.path())?;
                if out == *bytes { Ok(true) } else { self.put_back(new.path(), out, ours).map(|()| false) }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            // Network file systems cannot exchange; there the moment remains.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
                if fs::read(&self.real)? != *bytes {
                    return Ok(false);
                }
                new.persist(&self.real).map(|_| true).map_err(|failed| failed.error)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts back what came out. Should something newer come out by that, it goes back in its turn.
    fn put_back(&self, beside: &Path, mut out: Vec<u8>, ours: &[u8]) -> io::Result<()> {
        let mut expected = ours.to_owned();
        loop {
            exchange(beside, &self.real)?;
            let newer = fs::read(beside)?;
            if newer == expected {
                return Ok(());
            }
            expected = std::mem::replace(&mut out, newer);
        }
    }

    /// Removes it. False where another program changed it since it was read.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(&self) -> io::Result<bool> {
        match fs::read(&self.real) {
            Ok(bytes) if Some(&bytes) == self.bytes.as_ref() => fs::remove_file(&self.real).map(|()| true),
            Ok(_) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Where a file really is, or will be: one name, by whatever names it is reached.
pub(super) fn real(path: &Path) -> PathBuf {
    let path = real_path(path);
    let known = path.ancestors().find_map(|folder| Some((folder.canonicalize().ok()?, folder)));
    let Some((known, folder)) = known else { return path };
    // An empty rest would end it in a slash.
    match path.strip_prefix(folder) {
        Ok(rest) if !rest.as_os_str().is_empty() => known.join(rest),
        _ => known,
    }
}

/// A temporary file of ours, private, that the next writer sweeps up should this one be killed.
pub(super) fn new_temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    builder
}

/// The folders that are missing above a file, the outermost first.
pub(super) fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<PathBuf> =
        path.ancestors().skip(1).take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// What a killed writer of ours left behind in a folder; to whoever holds our lock it belongs to nobody.
pub(super) fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let is_ours = |name: &str| name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(is_ours)).map(|entry| entry.path()).collect()
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn keep_owner(file: &File, metadata: &Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) == (metadata.uid(), metadata.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(metadata.uid()), Some(metadata.gid()))
}
