//! `journal.jsonl`: a line per committed change, for people and for `aio log`.
//!
//! Best effort. The state never needs it; a failed append is a warning, a torn line is skipped by readers. Each line
//! names the commit before it that should have lines, so a gap shows.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::protocol::op::Change;

/// The current file; the one before it has `.1` in front of its ending.
pub const FILE: &str = "journal.jsonl";
/// The file before the current one.
pub const PREVIOUS: &str = "journal.1.jsonl";
/// Size in bytes from which the file is put aside.
const ROTATE_BYTES: u64 = 2 * 1024 * 1024;

/// One line.
#[derive(Debug, Serialize)]
pub struct Line<'c> {
    /// The commit it belongs to.
    pub revision: u64,
    /// The commit before it that has lines here; where that is not the line before, some are missing.
    pub after: u64,
    /// When.
    pub at: &'c str,
    /// What happened.
    #[serde(flatten)]
    pub change: &'c Change,
}

/// A line as it is read back; `text` is the whole of it.
#[derive(Debug, Deserialize)]
pub struct ReadLine {
    /// The commit it belongs to.
    pub revision: u64,
    /// The commit before it that has lines here.
    #[serde(default)]
    pub after: u64,
    /// When.
    pub at: String,
    /// What happened.
    pub event: String,
    /// To whom.
    #[serde(default)]
    pub instance: Option<String>,
    /// The claim, wait or context entry concerned.
    #[serde(default)]
    pub id: Option<String>,
    /// Kind of the place concerned.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// The place concerned.
    #[serde(default)]
    pub target: Option<String>,
    /// The other party.
    #[serde(default)]
    pub other: Option<String>,
    /// In words.
    #[serde(default)]
    pub note: Option<String>,
}

/// Appends the changes of one commit. Called under the lock.
///
/// # Errors
/// When the file cannot be written; the commit stands all the same.
pub fn append(dir: &Path, revision: u64, after: u64, at: &str, changes: &[Change]) -> io::Result<()> {
    let mut text = Vec::new();
    for change in changes.iter().filter(|change| change.event.is_journaled()) {
        serde_json::to_writer(&mut text, &Line { revision, after, at, change })?;
        text.push(b'\n');
    }
    if text.is_empty() {
        return Ok(());
    }
    let path = dir.join(FILE);
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
    if file.metadata()?.len() >= ROTATE_BYTES {
        fs::rename(&path, dir.join(PREVIOUS))?;
        file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
    }
    file.write_all(&text)
}

/// Appends what happened outside of any commit, without the lock: a single small write.
///
/// # Errors
/// When the file cannot be written.
pub fn note(dir: &Path, at: &str, change: &Change) -> io::Result<()> {
    let mut text = serde_json::to_vec(&Line { revision: 0, after: 0, at, change })?;
    text.push(b'\n');
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    OpenOptions::new().append(true).create(true).mode(0o600).open(dir.join(FILE))?.write_all(&text)
}

/// Bytes in the current file; changes whenever something is appended or put aside.
pub fn size(dir: &Path) -> u64 {
    fs::metadata(dir.join(FILE)).map_or(0, |metadata| metadata.len())
}

/// The lines of the current and the previous file, oldest first, as raw JSON with their reading. Torn lines are skipped.
pub fn read(dir: &Path) -> Vec<(Box<RawValue>, ReadLine)> {
    let text = [PREVIOUS, FILE].map(|name| fs::read(dir.join(name)).unwrap_or_default()).concat();
    parse(&text)
}

/// The whole lines of a piece of journal.
pub fn parse(text: &[u8]) -> Vec<(Box<RawValue>, ReadLine)> {
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    lines.filter_map(|line| Some((serde_json::from_str(line).ok()?, serde_json::from_str(line).ok()?))).collect()
}
