//! Replaces `state.json` in a directory by its own content, as durably as aio does: lock, read, write beside, fsync,
//! rename.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

fn main() -> io::Result<()> {
    let dir = PathBuf::from(std::env::args_os().nth(1).expect("usage: writer DIRECTORY"));
    let (state, temporary) = (dir.join("state.json"), dir.join(format!(".state-{}.tmp", std::process::id())));
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(dir.join("state.lock"))?;
    lock.lock()?;
    let text = fs::read(&state)?;
    let mut file = File::create_new(&temporary)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&temporary, &state)
}
