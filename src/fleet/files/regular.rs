//! Files in folders that an agent can write to: where it works, and its job's own.
//!
//! Guarantees that whoever reads one never waits for a writer, follows no link at its end, and takes no more of it than was
//! asked for, whatever the agent put there. Does not: say what a file means.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// What one of a job's own files holds at most, in bytes: what a program can be started with is less, and a text still less.
const LONGEST: u64 = 8 << 20;

/// Opens a file for reading, if it is a regular one.
///
/// # Errors
/// When it is none, or cannot be opened.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")),
    }
}

/// The beginning of a regular file, at most so many bytes.
///
/// # Errors
/// When it is none, or cannot be read.
pub fn read_beginning(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All of a job's own file.
///
/// # Errors
/// When it is no regular file, is longer than any of ours, or cannot be read.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = read_beginning(path, LONGEST + 1)?;
    match bytes.len() as u64 > LONGEST {
        true => Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {LONGEST} bytes"))),
        false => Ok(bytes),
    }
}

/// The same, of one that holds a text.
///
/// # Errors
/// The same, and when it is no UTF-8.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_but_a_regular_file_is_read_and_no_more_than_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        symlink("/dev/zero", path("device")).unwrap();
        fs::write(path("file"), "some words").unwrap();
        symlink(path("file"), path("link")).unwrap();
        for name in ["folder", "device", "link", "nothing", "/dev/zero"] {
            assert!(open_regular(&path(name)).is_err(), "{name}");
        }
        assert_eq!(read_beginning(&path("file"), 4).unwrap(), b"some");
        assert_eq!(read_text(&path("file")).unwrap(), "some words");
        File::create(path("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path("sparse")).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
