//! What git answered about pairs of commits, kept for next time: `cache/conflicts/<repository>.jsonl`.
//!
//! A pair of commits meets the same way every time by the same attributes and under the same terms (`terms.rs`), and once they
//! change nothing of it is used; but nothing here is the truth either. A file that is not exactly what was written counts as none, and one that cannot
//! be written is gone without. Each file, and how many there are, is bounded.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::batch::{Meeting, Pair};
use crate::protocol::spelling;

/// Bytes of a file.
const LARGEST: usize = 4 << 20;
/// Files of as many repositories.
const MOST_FILES: usize = 64;
/// Raised when a line, or what git is asked, means something else than before.
const VERSION: u32 = 3;

/// The answers about one repository.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    /// On which these answers were given; without, none is kept.
    terms: Option<String>,
    kept: HashMap<Key, Meeting>,
    used: HashMap<Key, Meeting>,
    is_new: bool,
}

/// A pair, and the tree whose attributes it met by; none for those of the checkout, which are among the terms.
type Key = (Pair, Option<String>);

#[derive(Deserialize, Serialize)]
struct Head {
    version: u32,
    terms: String,
    sum: String,
}

#[derive(Deserialize, Serialize)]
struct Entry {
    ours: String,
    theirs: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes: Option<String>,
    /// Spelled as the state spells paths; none where they go together.
    files: Option<Vec<String>>,
}

impl Cache {
    /// That of a repository; nothing is known before it is said on which terms.
    pub fn of(state_directory: &Path, repository: &Path) -> Cache {
        let name = hex(&Sha256::digest(repository.as_os_str().as_bytes())[..16]);
        let path = state_directory.join("cache/conflicts").join(format!("{name}.jsonl"));
        Cache { path, terms: None, kept: HashMap::new(), used: HashMap::new(), is_new: false }
    }

    /// What was answered on these terms, as far as it can be read.
    pub fn under(&mut self, terms: Option<String>) {
        self.kept = terms.as_deref().and_then(|terms| read(&self.path, terms)).unwrap_or_default();
        self.used.clear();
        self.terms = terms;
    }

    /// What was answered by the attributes of a tree, or those of the checkout.
    pub fn get(&mut self, pair: &Pair, attributes: Option<&str>) -> Option<Meeting> {
        let key = key(pair, attributes);
        let known = self.used.get(&key).or_else(|| self.kept.get(&key))?.clone();
        self.used.insert(key, known.clone());
        Some(known)
    }

    /// Keeps an answer. What was impossible may be possible tomorrow.
    pub fn put(&mut self, pair: &Pair, attributes: Option<&str>, meeting: &Meeting) {
        if !matches!(meeting, Meeting::Impossible(_)) {
            self.used.insert(key(pair, attributes), meeting.clone());
            self.is_new = true;
        }
    }

    /// Writes down what is new; what was just used stays, and as much else as there is room for.
    pub fn save(&mut self) {
        if let Some(terms) = self.terms.as_deref().filter(|_| self.is_new) {
            // The answers are there; only next time takes longer.
            self.write(terms).unwrap_or_default();
        }
        self.is_new = false;
    }

    fn write(&self, terms: &str) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let others = self.kept.iter().filter(|(key, _)| !self.used.contains_key(*key));
        let mut body = Vec::new();
        for (key, meeting) in self.used.iter().chain(others) {
            let line = serde_json::to_vec(&entry(key, meeting))?;
            if body.len() + line.len() < LARGEST {
                body.extend(line);
                body.push(b'\n');
            }
        }
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let head = Head { version: VERSION, terms: terms.to_owned(), sum: hex(&Sha256::digest(&body)) };
        serde_json::to_writer(&mut file, &head)?;
        file.write_all(b"\n")?;
        file.write_all(&body)?;
        file.persist(&self.path).map_err(|error| error.error)?;
        forget_oldest(folder)
    }
}

fn key(pair: &Pair, attributes: Option<&str>) -> Key {
    (pair.clone(), attributes.map(str::to_owned))
}

fn entry(((ours, theirs), attributes): &Key, meeting: &Meeting) -> Entry {
    let spell = |file: &Vec<u8>| spelling::encode(file).into_owned();
    let files = match meeting {
        Meeting::Conflict(files) => Some(files.iter().map(spell).collect()),
        Meeting::Clean | Meeting::Impossible(_) => None,
    };
    Entry { ours: ours.clone(), theirs: theirs.clone(), attributes: attributes.clone(), files }
}

fn read(path: &Path, terms: &str) -> Option<HashMap<Key, Meeting>> {
    let is_small = fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() < 2 * LARGEST as u64);
    let text = is_small.then(|| fs::read_to_string(path).ok()).flatten()?;
    let (head, body) = text.split_once('\n')?;
    let head: Head = serde_json::from_str(head).ok()?;
    if head.version != VERSION || head.terms != terms || head.sum != hex(&Sha256::digest(body.as_bytes())) {
        return None;
    }
    body.lines().map(|line| Some(known(serde_json::from_str(line).ok()?))).collect()
}

fn known(Entry { ours, theirs, attributes, files }: Entry) -> (Key, Meeting) {
    let unspell = |file: &String| spelling::decode(file).into_owned();
    let meeting = files.map_or(Meeting::Clean, |files| Meeting::Conflict(files.iter().map(unspell).collect()));
    (((ours, theirs), attributes), meeting)
}

/// Repositories come and go.
fn forget_oldest(folder: &Path) -> io::Result<()> {
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for found in fs::read_dir(folder)? {
        let path = found?.path();
        // Another that forgets may have been first.
        let Ok(written) = fs::metadata(&path).and_then(|metadata| metadata.modified()) else { continue };
        files.push((written, path));
    }
    files.sort_unstable();
    let excess = files.len().saturating_sub(MOST_FILES);
    files[..excess].iter().try_for_each(|(_, path)| fs::remove_file(path))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    fn pair(ours: &str, theirs: &str) -> Pair {
        (ours.to_owned(), theirs.to_owned())
    }

    fn opened(folder: &Path, repository: &str) -> Cache {
        let mut cache = Cache::of(folder, Path::new(repository));
        cache.under(Some("terms".to_owned()));
        cache
    }

    fn filled(folder: &Path) -> PathBuf {
        let mut cache = opened(folder, "/repository");
        cache.put(&pair("a", "b"), None, &Meeting::Conflict(vec![b"caf\xe9\n".to_vec(), b"x".to_vec()]));
        cache.put(&pair("b", "c"), None, &Meeting::Clean);
        cache.put(&pair("b", "c"), Some("tree"), &Meeting::Conflict(vec![b"y".to_vec()]));
        cache.put(&pair("c", "d"), None, &Meeting::Impossible("no".to_owned()));
        cache.save();
        cache.path
    }

    #[test]
    fn answers_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        let mut cache = opened(folder.path(), "/repository");
        let files = vec![b"caf\xe9\n".to_vec(), b"x".to_vec()];
        assert_eq!(cache.get(&pair("a", "b"), None), Some(Meeting::Conflict(files)));
        assert_eq!(cache.get(&pair("b", "c"), None), Some(Meeting::Clean));
        assert_eq!(cache.get(&pair("b", "c"), Some("tree")), Some(Meeting::Conflict(vec![b"y".to_vec()])));
        assert_eq!(cache.get(&pair("b", "c"), Some("other")), None);
        assert_eq!(cache.get(&pair("b", "a"), None), None);
        assert_eq!(cache.get(&pair("c", "d"), None), None, "what was impossible is asked again");
        assert_eq!(opened(folder.path(), "/other").get(&pair("b", "c"), None), None);
    }

    #[test]
    fn other_terms_mean_no_answers() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        for terms in [Some("others".to_owned()), None] {
            let mut other = Cache::of(folder.path(), Path::new("/repository"));
            assert_eq!(other.get(&pair("b", "c"), None), None, "before they are known");
            other.under(terms.clone());
            assert_eq!(other.get(&pair("b", "c"), None), None);
            other.put(&pair("b", "c"), None, &Meeting::Conflict(Vec::new()));
            other.save();
            let known = opened(folder.path(), "/repository").get(&pair("b", "c"), None);
            assert_eq!(known, terms.is_none().then_some(Meeting::Clean));
            filled(folder.path());
        }
    }

    #[test]
    fn any_damage_means_no_answers() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for damaged in [&flipped[..], &whole[..at]] {
                fs::write(&path, damaged).unwrap();
                let mut cache = opened(folder.path(), "/repository");
                assert_eq!(cache.get(&pair("a", "b"), None), None, "at {at}");
            }
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        filled(folder.path());
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let long = vec![vec![b'x'; 100_000]];
        for round in 0..4 {
            let mut cache = opened(folder.path(), "/repository");
            for number in 0..20 {
                cache.put(&pair(&format!("{round}"), &format!("{number}")), None, &Meeting::Conflict(long.clone()));
            }
            cache.save();
            let mut cache = opened(folder.path(), "/repository");
            assert!(cache.get(&pair(&format!("{round}"), "7"), None).is_some(), "the newest are there");
            assert!(fs::metadata(&cache.path).unwrap().len() < LARGEST as u64 + 1000);
        }
        for number in 0..MOST_FILES + 5 {
            let mut cache = opened(folder.path(), &format!("/{number}"));
            cache.put(&pair("a", "b"), None, &Meeting::Clean);
            cache.save();
        }
        let count = fs::read_dir(folder.path().join("cache/conflicts")).unwrap().count();
        assert_eq!(count, MOST_FILES);
    }
}
