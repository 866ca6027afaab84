//! How a job's run ended, kept beside the state while it cannot be written there.
//!
//! The room for it is taken while there is some: on a full disk what is there already can still be written over. It decides
//! nothing about a job that runs or has ended; of one whose parent is gone it says what only that parent knew.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{JobFiles, read};
use crate::protocol::op::JobEnd;

const NAME: &str = "end";
/// What an end takes at most, in bytes: its words are cut before.
const ROOM: usize = 8 << 10;

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Of which run.
    attempt: u32,
    end: JobEnd,
}

impl JobFiles {
    /// Takes the room that an end needs.
    ///
    /// # Errors
    /// When there is none.
    pub fn reserve_end(&self) -> io::Result<()> {
        self.write_end(Vec::new())
    }

    /// Keeps how a run ended.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_end(&self, attempt: u32, end: &JobEnd) -> io::Result<()> {
        self.write_end(serde_json::to_vec(&Kept { attempt, end: end.clone() })?)
    }

    /// How that run ended, where it was kept.
    pub fn kept_end(&self, attempt: u32) -> Option<JobEnd> {
        let kept: Kept = serde_json::from_slice(&read(&self.end_path()).ok()?).ok()?;
        (kept.attempt == attempt).then_some(kept.end)
    }

    /// Gives the room back: the state has it.
    pub fn forget_end(&self) {
        // It may not be there.
        fs::remove_file(self.end_path()).unwrap_or_default();
    }

    /// Over what is there, and as long as that: nothing new is asked of the disk.
    fn write_end(&self, mut text: Vec<u8>) -> io::Result<()> {
        text.resize(text.len().max(ROOM), b' ');
        let path = self.end_path();
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.write_all(&text)?;
        file.sync_data()
    }

    fn end_path(&self) -> PathBuf {
        self.folder.join(NAME)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_kept_where_there_was_room_and_is_that_of_its_run() {
        let dir = tempfile::tempdir().unwrap();
        let files = JobFiles::of(dir.path(), "x");
        files.keep_task("x").unwrap();
        files.reserve_end().unwrap();
        let length = || fs::metadata(files.end_path()).unwrap().len();
        let reserved = length();
        assert_eq!(files.kept_end(0), None, "nothing was kept");
        // The longest there is, every character of it written as six.
        let words = "\u{1}".repeat(500);
        let end = JobEnd { result: "done".to_owned(), failure: words.clone(), said: words, ..JobEnd::default() };
        files.keep_end(2, &end).unwrap();
        assert_eq!((files.kept_end(2), files.kept_end(1), length()), (Some(end), None, reserved));
        files.reserve_end().unwrap();
        assert_eq!(files.kept_end(2), None, "another run begins");
        files.forget_end();
        assert!(!files.end_path().exists());
    }
}
