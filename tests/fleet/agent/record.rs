//! The folder in which the fake agent leaves what it was given. A file in it is whole as soon as it is there.

use std::cell::Cell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A folder, or nothing to be left.
#[derive(Clone)]
pub struct Record {
    folder: Option<PathBuf>,
    prompts: Rc<Cell<u32>>,
}

impl Record {
    pub fn new(folder: Option<&Path>) -> Record {
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).unwrap();
        }
        Record { folder: folder.map(Path::to_owned), prompts: Rc::default() }
    }

    /// The exact bytes of the next prompt.
    pub fn prompt(&self, bytes: &[u8]) {
        self.prompts.set(self.prompts.get() + 1);
        self.note(&format!("prompt-{:04}", self.prompts.get()), bytes);
    }

    pub fn note(&self, name: &str, bytes: &[u8]) {
        let Some(folder) = &self.folder else { return };
        // Agents may share a folder.
        let unfinished = folder.join(format!(".{name}-{}", std::process::id()));
        std::fs::write(&unfinished, bytes).unwrap();
        std::fs::rename(unfinished, folder.join(name)).unwrap();
    }

    /// That it does this now, with the time in milliseconds since 1970.
    pub fn moment(&self, name: &str) {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        self.line("moments", &format!("{now} {name}"));
    }

    /// Whether that was noted, by this process or an earlier one.
    pub fn has(&self, name: &str) -> bool {
        self.folder.as_ref().is_some_and(|folder| folder.join(name).exists())
    }

    /// One more line.
    pub fn line(&self, name: &str, line: &str) {
        let Some(folder) = &self.folder else { return };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(folder.join(name)).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
