//! `calls/`: what agents' hooks note down before a tool call, to compare it with afterwards.
//!
//! Not part of the truth: without these files nothing is decided otherwise, only some changes go unnoticed. So they are small,
//! written without a sync, never waited for, and a failure to read or write one is no failure.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The folder's name in the state directory.
pub const FOLDER: &str = "calls";

/// One instance's notes. Names of calls are the agents' own; whatever could lead out of the folder is dropped from them.
#[derive(Debug)]
pub struct Calls {
    folder: PathBuf,
    instance: String,
}

impl Calls {
    /// Those of an instance.
    pub fn of(dir: &Path, instance: &str) -> Calls {
        Calls { folder: dir.join(FOLDER), instance: plain(instance) }
    }

    /// Notes something down about a call, in place of what was noted before.
    pub fn note<T: Serialize>(&self, call: &str, value: &T) {
        let written = || -> std::io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let mut options = fs::OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(self.path(call))?;
            file.write_all(&serde_json::to_vec(value)?)
        };
        // Then a change may go unnoticed.
        written().unwrap_or_default();
    }

    /// What was noted about a call.
    pub fn read<T: DeserializeOwned>(&self, call: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.path(call)).ok()?).ok()
    }

    /// Forgets a call.
    pub fn forget(&self, call: &str) {
        // It may never have been noted.
        fs::remove_file(self.path(call)).unwrap_or_default();
    }

    /// The calls that something is noted about.
    pub fn names(&self) -> Vec<String> {
        let prefix = format!("{}.", self.instance);
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter_map(|name| Some(name.strip_prefix(&prefix)?.to_owned())).collect()
    }

    /// Forgets all of them.
    pub fn forget_all(&self) {
        self.names().iter().for_each(|call| self.forget(call));
    }

    /// Forgets what instances noted that do not take part any more.
    pub fn sweep(dir: &Path, takes_part: impl Fn(&str) -> bool) {
        for entry in fs::read_dir(dir.join(FOLDER)).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            if !name.split_once('.').is_some_and(|(instance, _)| takes_part(instance)) {
                // The next sweep tries again.
                fs::remove_file(entry.path()).unwrap_or_default();
            }
        }
    }

    fn path(&self, call: &str) -> PathBuf {
        self.folder.join(format!("{}.{}", self.instance, plain(call)))
    }
}

fn plain(name: &str) -> String {
    /// File systems take 255 bytes.
    const LONGEST: usize = 100;
    name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(LONGEST).collect()
}
