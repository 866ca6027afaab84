//! The functions that people source, kept in the state directory's `integrations/`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::manifest::{FOLDER, write};

/// It tells by the name of its file whose it is.
const SHELL_HOOK: &str = include_str!("../../integrations/shell/hook.sh");
/// Those names.
const FILES: [&str; 4] = ["amp-hook.sh", "claude-hook.sh", "codex-hook.sh", "gemini-hook.sh"];

/// Writes those that are missing or say something else, and names them.
///
/// # Errors
/// When one cannot be written; it is as it was then.
pub fn install(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for path in FILES.map(|name| dir.join(FOLDER).join(name)) {
        if !fs::read(&path).is_ok_and(|bytes| bytes == SHELL_HOOK.as_bytes()) {
            write(&path, SHELL_HOOK.as_bytes())?;
            written.push(path);
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_when_they_differ() {
        let dir = tempfile::tempdir().expect("a folder");
        let paths = install(dir.path()).expect("room");
        assert_eq!(paths.len(), FILES.len());
        assert!(install(dir.path()).expect("room").is_empty());
        fs::write(&paths[1], "old\n").expect("room");
        assert_eq!(install(dir.path()).expect("room"), paths[1..2]);
        assert_eq!(fs::read_to_string(&paths[1]).expect("it is there"), SHELL_HOOK);
    }
}
