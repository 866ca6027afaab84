//! What a digest of the prompt that an agent's own hook saw proves of the words that were sent.

use super::sanitise;
use crate::fleet::files::digest;

/// How exactly words arrived, by the digest that the agent's hook left. Of what was pasted, all that could be pasted counts:
/// what was left out is said beside it.
pub fn proof(words: &str, is_pasted: bool, seen: &str) -> &'static str {
    let sent = if is_pasted { sanitise(words).text } else { words.to_owned() };
    if digest(&sent) == seen {
        "hook: to the byte"
    } else if is_pasted && digest(&sent.replace('\t', "    ")) == seen {
        // So does Claude Code's prompt.
        "hook: to the byte, with spaces for tabs"
    } else if seen.is_empty() {
        "hook"
    } else {
        "hook: not to the byte"
    }
}

/// Whether that proof is one of the very words.
pub fn is_exact(proof: &str) -> bool {
    proof.starts_with("hook: to the byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_pasted_counts() {
        for (words, is_pasted, seen, receipt) in [
            ("a\tb\n", true, "a\tb\n", "hook: to the byte"),
            ("a\u{1b}\tb", true, "a\tb", "hook: to the byte"),
            ("a\u{1b}\tb", true, "a    b", "hook: to the byte, with spaces for tabs"),
            ("a\u{1b}b", false, "a\u{1b}b", "hook: to the byte"),
            ("a\u{1b}b", false, "ab", "hook: not to the byte"),
            ("a\tb", false, "a    b", "hook: not to the byte"),
            ("ab", true, "a b", "hook: not to the byte"),
        ] {
            assert_eq!(proof(words, is_pasted, &digest(seen)), receipt, "{words:?} {seen:?}");
        }
        assert_eq!(proof("ab", true, ""), "hook");
        assert!(is_exact("hook: to the byte, with spaces for tabs") && !is_exact("hook: not to the byte"));
    }
}
