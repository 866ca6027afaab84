//! What a branch changed: since where, and which files by how much.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::work::{Target, own};
use super::git::common;
use super::trouble::Trouble;
use crate::protocol::spelling;

/// A file that was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Its name, spelled as the state spells paths.
    pub path: String,
    /// Its name before; empty where it had none, or the same.
    pub from: String,
    /// git's letter for what happened: `A`, `C`, `D`, `M`, `R`, `T`.
    pub status: char,
    /// How many lines were added and removed; none of what is no text.
    pub lines: Option<(u64, u64)>,
}

/// Where a branch began, as far as it is its own: what it took over from its target since is not. `base` is where it is known
/// to have begun.
///
/// # Errors
/// When git cannot be asked, or neither is known.
pub fn beginning(
    repository: &Path,
    commit: &str,
    base: Option<String>,
    target: Option<&Target>,
) -> Result<String, Trouble> {
    let failed = |why: String| Trouble::Git { what: "tell where it began", folder: repository.to_owned(), why };
    let Some(base) = base else {
        let shared = target.map(|target| common(repository, commit, &target.commit)).transpose()?.flatten();
        let why = "no commit is known that it began at, and it has none in common with its target";
        return shared.ok_or_else(|| failed(why.to_owned()));
    };
    let all =
        own(repository, &base, target, &BTreeSet::from([commit])).map_err(|trouble| failed(trouble.to_string()))?;
    Ok(all.get(commit).map_or(base, |own| own.from.clone()))
}

/// The files of `git diff --name-status -z` and `git diff --numstat -z`, which name them in the same order.
pub fn read(names: &[u8], counts: &[u8]) -> Vec<Changed> {
    let mut words = names.split(|byte| *byte == 0);
    let mut counts = counted(counts).into_iter();
    let mut changed = Vec::new();
    while let Some([letter, ..]) = words.next() {
        let status = char::from(*letter);
        let spelled = |name: Option<&[u8]>| spelling::encode(name.unwrap_or_default()).into_owned();
        let first = spelled(words.next());
        let (from, path) =
            if matches!(status, 'R' | 'C') { (first, spelled(words.next())) } else { (String::new(), first) };
        changed.push(Changed { path, from, status, lines: counts.next().flatten() });
    }
    changed
}

/// `added TAB removed TAB name`, or with an empty name and two more words where it was renamed; `-` of what is no text.
fn counted(counts: &[u8]) -> Vec<Option<(u64, u64)>> {
    let mut words = counts.split(|byte| *byte == 0);
    let mut all = Vec::new();
    while let Some(word) = words.next().filter(|word| !word.is_empty()) {
        let mut parts = word.splitn(3, |byte| *byte == b'\t');
        let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<u64>().ok();
        let (added, removed) = (number(), number());
        if parts.next().is_some_and(<[u8]>::is_empty) {
            words.nth(1);
        }
        all.push(added.zip(removed));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_counts_go_together() {
        let names = b"M\0a b\0R090\0old\0new\nline\0A\0pic\0D\0gone\0";
        let counts = [&b"1\t2\ta b"[..], b"3\t0\t", b"old", b"new\nline", b"-\t-\tpic", b"0\t7\tgone", b""].join(&0);
        let file = |status, from: &str, path: &str, lines| {
            let (path, from) = (path.to_owned(), from.to_owned());
            Changed { path, from, status, lines }
        };
        let expected = [
            file('M', "", "a b", Some((1, 2))),
            file('R', "old", "new\nline", Some((3, 0))),
            file('A', "", "pic", None),
            file('D', "", "gone", Some((0, 7))),
        ];
        assert_eq!(read(names, &counts), expected);
        assert_eq!(read(b"", b""), []);
    }
}
