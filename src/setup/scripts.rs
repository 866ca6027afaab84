//! Shell functions that people source from their profiles, kept in the state directory's `integrations/`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::manifest::{FOLDER, write};

/// It tells by the name of its file whose it is.
const SHELL_HOOK: &str = include_str!("../../integrations/shell/hook.sh");

/// Their names there, and what they say.
pub const SCRIPTS: &[(&str, &str)] = &[
    ("amp-hook.sh", SHELL_HOOK),
    ("claude-hook.sh", SHELL_HOOK),
    ("codex-hook.sh", SHELL_HOOK),
    ("gemini-hook.sh", SHELL_HOOK),
];

/// Writes those that are missing or say something else, and names them.
///
/// # Errors
/// When one cannot be written; it is as it was then.
pub fn install(dir: &Path, scripts: &[(&str, &str)]) -> io::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (name, text) in scripts {
        let path = dir.join(FOLDER).join(name);
        if !fs::read(&path).is_ok_and(|bytes| bytes == text.as_bytes()) {
            write(&path, text.as_bytes())?;
            written.push(path);
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_written_when_they_differ() {
        let dir = tempfile::tempdir().expect("a folder");
        let scripts = [("a.sh", "one\n"), ("b.sh", "two\n")];
        let paths: Vec<PathBuf> = ["a.sh", "b.sh"].map(|name| dir.path().join(FOLDER).join(name)).into();
        assert_eq!(install(dir.path(), &scripts).expect("room"), paths);
        assert!(install(dir.path(), &scripts).expect("room").is_empty());
        fs::write(&paths[1], "old\n").expect("room");
        assert_eq!(install(dir.path(), &scripts).expect("room"), paths[1..]);
        assert_eq!(fs::read_to_string(&paths[1]).expect("it is there"), "two\n");
    }
}
