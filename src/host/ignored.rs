//! Whether git would ignore a file: what is built or downloaded is nobody's work.
//!
//! As gitignore(5): the `.gitignore` nearest to the file decides, then those above, then the repository's `info/exclude`. The
//! user's own list is not asked, because it stands in git's configuration. Nothing is run.

use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::repository::Worktree;

/// Whether git ignores the file at `path`, which lies below the worktree.
pub fn is_ignored(path: &Path, worktree: &Worktree) -> bool {
    let folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&worktree.root));
    let lists = folders.map(|folder| list(folder, &folder.join(".gitignore")));
    let exclude = std::iter::once_with(|| list(&worktree.root, &worktree.common_dir.join("info/exclude")));
    let mut verdicts = lists.chain(exclude).flatten().map(|list| verdict(&list, path));
    verdicts.find_map(|verdict| verdict).unwrap_or(false)
}

/// A list that is not there, or cannot be read, ignores nothing.
fn list(root: &Path, file: &Path) -> Option<Gitignore> {
    if !file.is_file() {
        return None;
    }
    let mut builder = GitignoreBuilder::new(root);
    // Lines that are no patterns are passed over, as git does.
    builder.add(file);
    builder.build().ok()
}

fn verdict(list: &Gitignore, path: &Path) -> Option<bool> {
    match list.matched_path_or_any_parents(path, false) {
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
        Match::None => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

    use super::*;

    #[test]
    fn the_nearest_list_decides() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let worktree = Worktree { root: root.clone(), common_dir: root.join(".git") };
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), text).unwrap();
        };
        write(".gitignore", "/target/\n*.log\n[\n");
        write("src/.gitignore", "!kept.log\ngenerated.rs\n");
        write(".git/info/exclude", "notes.txt\n");
        for (path, expected) in [
            ("src/a.rs", false),
            ("target/debug/a", true),
            ("src/target/a", false),
            ("a.log", true),
            ("src/x.log", true),
            ("src/kept.log", false),
            ("src/generated.rs", true),
            ("generated.rs", false),
            ("deep/notes.txt", true),
        ] {
            assert_eq!(is_ignored(&root.join(path), &worktree), expected, "{path}");
        }
    }
}
