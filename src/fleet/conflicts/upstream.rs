//! Targets that are not as new as what was already fetched for them.

use std::path::Path;

use super::super::merge::Trouble;
use super::super::merge::git::{answer, branch_ref, git};

/// By how many commits each of these branches is behind its remote one, in words. One git process.
///
/// # Errors
/// When git cannot be asked there.
pub fn behind(repository: &Path, targets: &[String]) -> Result<Vec<String>, Trouble> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let format = "--format=%(refname:lstrip=2)%00%(upstream)%00%(upstream:track,nobracket)";
    let refs: Vec<String> = targets.iter().map(|target| branch_ref(target)).collect();
    let program = git(repository, ["for-each-ref", format]).args(&refs);
    let ran = answer(program, "see what was fetched", repository)?;
    Ok(ran.text().lines().filter_map(note).collect())
}

fn note(line: &str) -> Option<String> {
    let mut words = line.split('\0');
    let (branch, upstream) = (words.next()?, words.next()?.strip_prefix("refs/remotes/")?);
    // `ahead 2, behind 1`
    let behind = words.next()?.rsplit(", ").next()?.strip_prefix("behind ")?;
    let commits = if behind == "1" { "commit" } else { "commits" };
    Some(format!("{branch} is {behind} {commits} behind {upstream}, as last fetched"))
}

#[cfg(test)]
mod tests {
    use super::note;

    #[test]
    fn only_what_was_fetched_and_is_not_there_is_said() {
        let said = |upstream: &str, track: &str| note(&format!("main\0{upstream}\0{track}"));
        let origin = "refs/remotes/origin/main";
        assert_eq!(said(origin, "behind 3").as_deref(), Some("main is 3 commits behind origin/main, as last fetched"));
        let both = said(origin, "ahead 2, behind 1");
        assert_eq!(both.as_deref(), Some("main is 1 commit behind origin/main, as last fetched"));
        for (upstream, track) in
            [(origin, ""), (origin, "ahead 2"), (origin, "gone"), ("refs/heads/x", "behind 1"), ("", "")]
        {
            assert_eq!(said(upstream, track), None, "{upstream} {track}");
        }
    }
}
