//! The functions that people source, kept in the state directory's `integrations/`.

use std::fs;
use std::path::{Path, PathBuf};

use super::apply::lock;
use super::manifest::{FOLDER, write};
use super::shell_hooks::{TOOLS, file_name, text};
use crate::store::StoreError;
use crate::store::lock::Patience;

/// Writes those that are missing or say something else, and names them.
///
/// # Errors
/// When one cannot be written; it is as it was then.
pub fn install(dir: &Path, patience: Patience, stamp: &str) -> Result<Vec<PathBuf>, StoreError> {
    let folder = dir.join(FOLDER);
    let differs =
        |tool: &&str| !fs::read(folder.join(file_name(tool))).is_ok_and(|bytes| bytes == text(tool).as_bytes());
    let differing: Vec<&str> = TOOLS.into_iter().filter(|tool| differs(tool)).collect();
    if differing.is_empty() {
        return Ok(Vec::new());
    }
    let _guard = lock(dir, patience, stamp)?;
    let install = |tool: &str| {
        let path = folder.join(file_name(tool));
        write(&path, text(tool).as_bytes()).map_err(StoreError::io("write", &path))?;
        Ok(path)
    };
    differing.into_iter().map(install).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_when_they_differ() {
        let dir = tempfile::tempdir().expect("a folder");
        let install = || install(dir.path(), Patience::None, "now").expect("room");
        let paths = install();
        assert_eq!(paths.len(), TOOLS.len());
        assert!(install().is_empty());
        fs::write(&paths[1], "old\n").expect("room");
        assert_eq!(install(), paths[1..2]);
        assert_eq!(fs::read_to_string(&paths[1]).expect("it is there"), text(TOOLS[1]));
    }
}
