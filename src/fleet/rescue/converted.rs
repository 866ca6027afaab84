//! Files that do not come back as they were: git keeps them by the project's rules for line ends and filters, as it would commit
//! them. The bytes themselves are not kept instead: a filter may be there to encrypt them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Unsaved;
use super::site::Site;
use crate::fleet::git::{done, entries};

/// For reading every changed file of a worktree.
const READING: Duration = Duration::from_secs(600);

/// Those that were changed since they were committed, of which `content` brings back other bytes than there are.
pub(super) fn converted(site: &Site, committed: &str, content: &str) -> Result<Vec<PathBuf>, Unsaved> {
    let changed = changed(site, committed, content)?;
    let names: String = changed.iter().map(|(_, path)| quoted(path) + "\n").collect();
    let hash = ["hash-object", "--no-filters", "--stdin-paths"];
    let raw = match names.is_empty() {
        true => String::new(),
        false => done(site.git().args(hash).input(names).limit(READING), "read what was changed")?.text(),
    };
    let all = changed.into_iter().zip(raw.lines());
    let filtered = all.filter(|((kept, _), raw)| kept != raw).map(|((_, path), _)| path).collect();
    not_brought_back(site, content, filtered)
}

/// The new or changed files, each with the object that keeps it.
fn changed(site: &Site, committed: &str, content: &str) -> Result<Vec<(String, PathBuf)>, Unsaved> {
    let list = ["diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AMT", committed, content];
    let listed = done(site.git().args(list), "list what was changed")?;
    let (mut found, mut parts) = (Vec::new(), entries(&listed.out));
    while let (Some(what), Some(path)) = (parts.next(), parts.next()) {
        // `:MODE MODE OBJECT OBJECT HOW`
        let what = String::from_utf8_lossy(what);
        if let [_, mode, _, object, _] = what.split(' ').collect::<Vec<_>>()[..]
            && mode.starts_with("100")
        {
            found.push((object.to_owned(), PathBuf::from(OsStr::from_bytes(path))));
        }
    }
    Ok(found)
}

/// A path as git reads it in a line.
fn quoted(path: &Path) -> String {
    let byte = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        _ => format!("\\{byte:03o}"),
    };
    format!("\"{}\"", path.as_os_str().as_bytes().iter().map(byte).collect::<String>())
}

/// Filters mostly bring back what they took, as those for large files do: so git brings them back elsewhere. Where it cannot, none
/// of them is as it was.
fn not_brought_back(site: &Site, content: &str, mut filtered: Vec<PathBuf>) -> Result<Vec<PathBuf>, Unsaved> {
    if filtered.is_empty() {
        return Ok(filtered);
    }
    let place = tempfile::tempdir().map_err(|error| Unsaved::Io(PathBuf::from("a temporary folder"), error))?;
    let git = site.git().variable("GIT_INDEX_FILE", place.path().join("index"));
    done(git.clone().args(["read-tree", content]), "read a tree")?;
    let back = place.path().join("back");
    let prefix = [b"--prefix=", back.as_os_str().as_bytes(), b"/"].concat();
    let names: Vec<u8> = filtered.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
    let write = git.args(["checkout-index", "-z", "--stdin"]).arg(OsStr::from_bytes(&prefix));
    write.input(names).limit(READING).run()?;
    filtered.retain(|path| fs::read(back.join(path)).ok() != fs::read(site.worktree.join(path)).ok());
    Ok(filtered)
}
