//! What we wrote into which file, and what was there before: so that it can be taken out again exactly.
//!
//! `integrations/installed.json` in the state directory has an entry a file; copies lie in `integrations/before/`, private,
//! because settings hold secrets. An entry is written before its file, so a killed writer leaves at most one that fits
//! nothing; whatever fits nothing is taken out entry by entry instead.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::protocol::spelling;

/// The folder in the state directory.
pub(super) const FOLDER: &str = "integrations";
const FILE: &str = "installed.json";
/// The copies within it.
pub(super) const COPIES: &str = "before";
const VERSION: u32 = 1;

/// All that we wrote.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    /// By where the file really is, as the state spells paths.
    files: BTreeMap<String, Entry>,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Entry {
    /// The agents that have something of us there.
    pub(super) agents: Vec<String>,
    /// The project, for a project's settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) project: Option<String>,
    /// Hashes of what we wrote: of the last text, and while it is being written of the one before.
    pub(super) wrote: Vec<String>,
    /// The copy of what was there before; none where nothing was.
    pub(super) before: Option<String>,
    /// Folders we made for it, as the state spells paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) folders: Vec<String>,
}

impl Manifest {
    /// Reads it. One that is missing or cannot be read knows nothing: then entries are taken out one by one.
    pub(super) fn load(dir: &Path) -> Manifest {
        let text = fs::read_to_string(dir.join(FOLDER).join(FILE)).unwrap_or_default();
        let known: Manifest = serde_json::from_str(&text).unwrap_or_default();
        if known.version == VERSION { known } else { Manifest { version: VERSION, ..Manifest::default() } }
    }

    /// Writes it, and removes the copies nobody needs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn save(&self, dir: &Path) -> io::Result<()> {
        let folder = dir.join(FOLDER);
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)? + "\n";
        write(&folder.join(FILE), text.as_bytes())?;
        for copy in fs::read_dir(folder.join(COPIES)).into_iter().flatten().flatten() {
            if !self.files.values().any(|entry| entry.before.as_deref() == copy.file_name().to_str()) {
                // It is in nobody's way.
                fs::remove_file(copy.path()).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// What we wrote to a file.
    pub(super) fn get(&self, path: &Path) -> Option<&Entry> {
        self.files.get(&spell(path))
    }

    /// Notes what we wrote to a file.
    pub(super) fn set(&mut self, path: &Path, entry: Entry) {
        self.files.insert(spell(path), entry);
    }

    /// Forgets a file.
    pub(super) fn forget(&mut self, path: &Path) {
        self.files.remove(&spell(path));
    }

    /// The projects that have something of us.
    pub(super) fn projects(&self) -> Vec<PathBuf> {
        let mut projects: Vec<PathBuf> =
            self.files.values().filter_map(|entry| entry.project.as_deref()).map(unspell).collect();
        projects.dedup();
        projects
    }
}

impl Entry {
    /// Whether these bytes are what we wrote.
    pub(super) fn is_ours(&self, bytes: &[u8]) -> bool {
        self.wrote.contains(&hash(bytes))
    }

    /// What was there before, unless the copy was lost. None where nothing was.
    pub(super) fn before(&self, dir: &Path) -> Option<Option<Vec<u8>>> {
        let Some(name) = &self.before else { return Some(None) };
        let bytes = fs::read(dir.join(FOLDER).join(COPIES).join(name)).ok()?;
        (copy_name(&bytes) == *name).then_some(Some(bytes))
    }
}

/// Keeps a copy, and gives its name.
///
/// # Errors
/// When it cannot be written.
pub(super) fn keep_copy(dir: &Path, bytes: &[u8]) -> io::Result<String> {
    let folder = dir.join(FOLDER).join(COPIES);
    let name = copy_name(bytes);
    if fs::read(folder.join(&name)).is_ok_and(|kept| kept == bytes) {
        return Ok(name);
    }
    write(&folder.join(&name), bytes)?;
    Ok(name)
}

/// The SHA-256 of bytes.
pub(super) fn hash(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path as the state spells it.
pub(super) fn spell(path: &Path) -> String {
    spelling::encode(path.as_os_str().as_bytes()).into_owned()
}

/// The path that is spelled so.
pub(super) fn unspell(text: &str) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(&spelling::decode(text)))
}

/// A copy's name is its content's hash, so a broken one is known.
fn copy_name(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Makes a folder that is nobody else's business.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a file of our own, private, old or new at every moment.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_private(folder)?;
    let mut new = super::file::new_temporary().tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    fs::File::open(folder)?.sync_all()
}
