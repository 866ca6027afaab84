//! A small tree of files, and what became of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use aio::hooks::shell::Look;
use tempfile::TempDir;

/// Files in it, each with its own name as text.
pub const FILES: [&str; 12] = [
    "a",
    "b.txt",
    "c.txt",
    "sp ace",
    "it's",
    ".hidden.txt",
    "dir/d.txt",
    "dir/e",
    "src/x.rs",
    "src/y.rs",
    "src/sub/z.rs",
    "old/o.txt",
];

pub struct Tree {
    _folder: TempDir,
    root: PathBuf,
}

/// A file as far as a change of it can be seen: text, time, inode.
pub type File = (Vec<u8>, i64, i64, u64);

impl Tree {
    pub fn new() -> Tree {
        let folder = tempfile::Builder::new().prefix("aio-shell-").tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in FILES {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("{name}\n")).unwrap();
            // Long ago, so that a write within the clock's tick is seen.
            fs::File::open(&path).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
        }
        fs::create_dir(root.join("home")).unwrap();
        Tree { _folder: folder, root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every file by its path, but git's own.
    pub fn contents(&self) -> BTreeMap<String, File> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != ".git") {
                let (path, metadata) = (entry.path(), entry.metadata().unwrap());
                if metadata.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = if metadata.is_symlink() { Vec::new() } else { fs::read(&path).unwrap() };
                files.insert(text_of(&path), (text, metadata.mtime(), metadata.mtime_nsec(), metadata.ino()));
            }
        }
        files
    }
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The files that came, went, or are not what they were.
pub fn changed(before: &BTreeMap<String, File>, after: &BTreeMap<String, File>) -> Vec<String> {
    let paths = before.keys().chain(after.keys().filter(|path| !before.contains_key(*path)));
    paths.filter(|path| before.get(*path) != after.get(*path)).cloned().collect()
}

/// The file system as it is.
pub struct Disk;

impl Look for Disk {
    fn is_folder(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }

    fn exists(&self, path: &str) -> bool {
        Path::new(path).symlink_metadata().is_ok()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

/// The files as they were; folders are where files are.
pub struct Snapshot<'s>(pub &'s BTreeMap<String, File>);

impl Look for Snapshot<'_> {
    fn is_folder(&self, path: &str) -> bool {
        self.0.keys().any(|file| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }

    fn exists(&self, path: &str) -> bool {
        self.0.contains_key(path) || self.is_folder(path)
    }

    fn names(&self, _: &str) -> Vec<String> {
        unreachable!("patterns are settled on the disk")
    }
}
