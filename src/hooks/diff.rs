//! The files that a unified diff names.
//!
//! Owns the reading of its headers, as `patch` and `git apply` take them. Guarantees that a line of a hunk is never taken
//! for a header: the numbers in `@@ -a,b +c,d @@` say how many lines belong to it. Does not judge whether it applies.

/// Each file that `diff` changes, once, with `strip` leading folders taken off, by its new name where it has one; both
/// names of a file that git renames. Names that git quotes are left out.
pub fn files(diff: &str, strip: usize) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    let (mut old_lines, mut new_lines) = (0_usize, 0_usize);
    let mut lines = diff.lines().peekable();
    while let Some(line) = lines.next() {
        if old_lines > 0 || new_lines > 0 {
            let (is_old, is_new) = sides(line);
            old_lines = old_lines.saturating_sub(usize::from(is_old));
            new_lines = new_lines.saturating_sub(usize::from(is_new));
        } else if let Some(counts) = hunk(line) {
            (old_lines, new_lines) = counts;
        } else if let Some(old) = line.strip_prefix("--- ")
            && let Some(new) = lines.peek().and_then(|next| next.strip_prefix("+++ "))
        {
            lines.next();
            names.extend(stripped(new, strip).or_else(|| stripped(old, strip)));
        } else if let Some(name) = line.strip_prefix("rename from ").or_else(|| line.strip_prefix("rename to ")) {
            names.extend(Some(name).filter(|name| is_plain(name)));
        }
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(*name));
    names
}

/// Whether a line of a hunk counts for the old text, and for the new one.
fn sides(line: &str) -> (bool, bool) {
    match line.as_bytes().first() {
        Some(b'-') => (true, false),
        Some(b'+') => (false, true),
        Some(b'\\') => (false, false),
        _ => (true, true),
    }
}

/// The lines that a hunk has on either side.
fn hunk(line: &str) -> Option<(usize, usize)> {
    let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let count = |range: &str| range.split_once(',').map_or(Some(1), |(_, count)| count.parse().ok());
    Some((count(old)?, count(new)?))
}

/// The name without the time behind it and without the folders in front of it.
fn stripped(name: &str, strip: usize) -> Option<&str> {
    let name = name.split('\t').next().unwrap_or_default().trim_end();
    let is_file = name != "/dev/null" && is_plain(name);
    name.splitn(strip.saturating_add(1), '/').nth(strip).filter(|name| is_file && !name.is_empty())
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('"')
}

#[cfg(test)]
mod tests {
    use super::files;

    #[test]
    fn each_file_once_by_its_new_name() {
        let diff = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\
                    --- a/dir/f.orig\t2026-01-01 00:00:00\n+++ b/dir/f\n@@ -1 +1 @@\n-1\n+2\n\\ No newline at end of file\n\
                    --- /dev/null\n+++ b/made\n@@ -0,0 +1 @@\n+x\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
                    --- a/x\n+++ b/x\n@@ -9 +9 @@\n-b\n+c\n";
        assert_eq!(files(diff, 1), ["x", "dir/f", "made", "gone"]);
        assert_eq!(files(diff, 0)[0], "b/x");
        assert_eq!(files(diff, 2), ["f"]);
    }

    #[test]
    fn lines_of_a_hunk_are_no_headers() {
        let diff = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n--- a/no\n+++ b/no\n-rename from no\n+rename to no\n same\n";
        assert_eq!(files(diff, 1), ["x"]);
    }

    #[test]
    fn renames_count_and_prose_does_not() {
        let diff = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n";
        assert_eq!(files(diff, 1), ["x", "y"]);
        for text in ["", "--- a rule\n", "--- a\nnothing", "+++ b/x", "--- \"a/\\303\"\n+++ \"b/\\303\"\n", "@@ -1 +1"]
        {
            assert!(files(text, 1).is_empty(), "{text:?}");
        }
    }
}
