//! The functions that people source, kept in the state directory's `integrations/`.

use std::fs;
use std::path::{Path, PathBuf};

use super::apply::lock;
use super::manifest::{FOLDER, write};
use crate::store::StoreError;
use crate::store::lock::Patience;

/// It tells by the name of its file whose it is.
const SHELL_HOOK: &str = include_str!("../../integrations/shell/hook.sh");
/// Those names.
const FILES: [&str; 4] = ["amp-hook.sh", "claude-hook.sh", "codex-hook.sh", "gemini-hook.sh"];

/// Writes those that are missing or say something else, and names them.
///
/// # Errors
/// When one cannot be written; it is as it was then.
pub fn install(dir: &Path, patience: Patience, stamp: &str) -> Result<Vec<PathBuf>, StoreError> {
    let differs = |path: &PathBuf| !fs::read(path).is_ok_and(|bytes| bytes == SHELL_HOOK.as_bytes());
    let paths = FILES.map(|name| dir.join(FOLDER).join(name));
    let differing: Vec<PathBuf> = paths.into_iter().filter(differs).collect();
    if !differing.is_empty() {
        let _guard = lock(dir, patience, stamp)?;
        for path in &differing {
            write(path, SHELL_HOOK.as_bytes()).map_err(StoreError::io("write", path))?;
        }
    }
    Ok(differing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_when_they_differ() {
        let dir = tempfile::tempdir().expect("a folder");
        // What another test starts has the lock, too, until it is another program.
        let patience = Patience::Until(std::time::Duration::from_secs(60));
        let install = || install(dir.path(), patience, "now").expect("room");
        let paths = install();
        assert_eq!(paths.len(), FILES.len());
        assert!(install().is_empty());
        fs::write(&paths[1], "old\n").expect("room");
        assert_eq!(install(), paths[1..2]);
        assert_eq!(fs::read_to_string(&paths[1]).expect("it is there"), SHELL_HOOK);
    }
}
