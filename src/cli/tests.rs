//! What is typed, understood by a verb's own parser as by the whole one.

use super::*;

#[test]
fn words_without_options_mean_what_the_parser_says() {
    let line = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    for words in [
        &["aio", "check", "a"][..],
        &["aio", "check", "a", "b c", "check", "./-x", "ü"],
        &["aio", "claim", "a"],
        &["aio", "claim", "pattern", "src/**", "--", "x"],
        &["aio", "claim", "file", "src/a.rs", "/p"],
        &["aio", "check"],
        &["aio", "claim"],
        &["aio", "check", ""],
        &["aio", "check", "-"],
        &["aio", "check", "a", "--json"],
        &["aio", "status", "a"],
    ] {
        let args = line(words);
        let matches = tree().try_get_matches_from(&args);
        let (name, matches) = matches.as_ref().ok().and_then(|matches| matches.subcommand()).unzip();
        let parsed = name.zip(matches).map(|(name, matches)| verb_of(name, matches).expect("it was accepted"));
        if let Some(verb) = plain(&args) {
            assert_eq!(Some(format!("{verb:?}")), parsed.map(|verb| format!("{verb:?}")), "{words:?}");
        }
    }
    assert!(plain(&line(&["aio", "check", "a", "b"])).is_some() && plain(&line(&["aio", "claim", "a"])).is_some());
}

#[test]
fn options_of_every_command_may_stand_on_both_sides_of_the_verb() {
    let line = |words: &str| words.split(' ').map(OsString::from).collect::<Vec<_>>();
    for words in
        ["aio --json --as y check a --json", "aio --json check --json a --as y --json", "aio --as=y check --json a"]
    {
        let Invocation { globals, verb } = parse(line(words)).expect("it is understood");
        assert!(globals.json && globals.as_id.as_deref() == Some("y"), "{words}: {globals:?}");
        assert!(matches!(verb, Verb::Check(CheckArgs { paths, .. }) if paths == ["a"]), "{words}");
        assert!(tree().try_get_matches_from(line(words)).is_ok(), "{words}");
    }
    for words in ["aio --as x check a --as y", "aio - check a", "aio --as", "aio --frob check a"] {
        assert!(parse(line(words)).is_err(), "{words}");
    }
}
