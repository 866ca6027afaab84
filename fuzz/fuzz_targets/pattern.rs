//! Any text as a pattern, and any bytes as a path: our reading of it is globset's.

#![no_main]

use aio::protocol::overlap::{Glob, GlobError, fold_path};
use libfuzzer_sys::fuzz_target;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |&byte| byte == 0);
    let (text, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(text) = str::from_utf8(text) else { return };
    let glob = match (Glob::parse(text), Glob::read(text)) {
        (Ok(parsed), Ok(read)) => {
            assert_eq!(parsed, read);
            read
        }
        (Err(GlobError::Rejected(reason)), Ok(_)) => panic!("globset alone rejects {text:?}: {reason}"),
        (Err(parsed), Err(read)) => {
            assert_eq!(parsed, read);
            drop(read.to_string());
            return;
        }
        (parsed, read) => panic!("{text:?} is {parsed:?} to one and {read:?} to the other"),
    };
    let matches = glob.matches(path, false);
    if let Some(regex) = regex(text) {
        assert_eq!(matches, regex.is_match(path), "{text:?} on {path:?}");
    }
    for match_of_it in [path, glob.literal_prefix(), text.as_bytes()] {
        let starts_well = match_of_it.starts_with(glob.literal_prefix());
        assert!(starts_well || !glob.matches(match_of_it, false), "{text:?} on {match_of_it:?}");
    }
    let folded = fold_path(path);
    assert_eq!(fold_path(&folded), folded, "folding twice is folding once");
    glob.matches(&folded, true);
});

/// What globset makes of the pattern, run as globset runs it; none where it is too large for the engine.
fn regex(text: &str) -> Option<Regex> {
    let glob = globset::GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build().ok()?;
    let syntax = syntax::Config::new().utf8(false).dot_matches_new_line(true);
    let config = Regex::config().utf8_empty(false).nfa_size_limit(Some(1 << 20));
    Regex::builder().syntax(syntax).configure(config).build(glob.regex()).ok()
}
