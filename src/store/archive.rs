//! `archive/context-<year>-<month>.jsonl`: context entries that left the state.
//!
//! An entry is here, synced, before the state without it is written. If the commit then fails it is in both places, so
//! readers drop what they have already seen, by id.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::protocol::state::ContextEntry;

/// The folder within the state directory.
pub const FOLDER: &str = "archive";

/// Appends entries, one a line, and syncs them.
///
/// # Errors
/// When they cannot be written durably; then they must not leave the state.
pub fn append(dir: &Path, month: &str, entries: &[ContextEntry<'_>]) -> io::Result<()> {
    let mut text = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut text, entry)?;
        text.push(b'\n');
    }
    let folder = dir.join(FOLDER);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let path = folder.join(format!("context-{month}.jsonl"));
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    begin_on_a_new_line(&mut file, &mut text)?;
    file.write_all(&text)?;
    file.sync_all()?;
    File::open(&folder)?.sync_all()?;
    File::open(dir)?.sync_all()
}

/// A write that a crash cut short must not swallow the entry after it: what follows starts on a line of its own.
fn begin_on_a_new_line(file: &mut File, text: &mut Vec<u8>) -> io::Result<()> {
    if file.metadata()?.len() > 0 {
        text.insert(0, b'\n');
    }
    Ok(())
}

/// The archive's files, newest first.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(dir.join(FOLDER)).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.path()).filter(|path| is_archive(path)).collect();
    files.sort_unstable();
    files.reverse();
    files
}

fn is_archive(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("context-") && name.ends_with(".jsonl")
}

/// The whole entries of a file's text, oldest first.
pub fn parse(text: &str) -> Vec<ContextEntry<'_>> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
