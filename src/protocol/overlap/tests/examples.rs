//! What a reader would expect, in tables.

use super::super::{Area, Glob, GlobError, MAX_NESTING, MAX_PATTERN_BYTES, covers, fold_path, overlaps};

fn glob(text: &str) -> Glob {
    Glob::parse(text).expect("a valid pattern")
}

fn dir(path: &'static [u8]) -> Area<'static> {
    Area::Directory(path)
}

fn file(path: &'static [u8]) -> Area<'static> {
    Area::File(path)
}

fn meet(p: &str, q: &str) -> bool {
    let (p, q) = (glob(p), glob(q));
    overlaps(&Area::Pattern { base: b"/r", glob: &p }, &Area::Pattern { base: b"/r", glob: &q }, false)
}

#[test]
fn patterns_against_patterns() {
    for (p, q, expected) in [
        ("*.rs", "lib.*", true),
        ("*.rs", "*.toml", false),
        ("src/**", "**/*.rs", true),
        ("src/**", "tests/**", false),
        ("src/*", "src/*/*", false),
        ("a/**/z", "**/m/**", true),
        ("{a,b}/x", "[b-c]/?", true),
        ("{a,b}/x", "[c-d]/?", false),
        ("[!a]", "a", false),
        ("a{,b}", "a", false),
        ("a[!b]c", "a/c", true),
        ("a?c", "a/c", false),
        ("?", "é", false),
        ("??", "é", true),
        ("\\*", "[*]", true),
        ("**", "**/", true),
        ("a**", "a/b", false),
    ] {
        assert_eq!(meet(p, q), expected, "{p} and {q}");
        assert_eq!(meet(q, p), expected, "{q} and {p}");
    }
}

#[test]
fn what_is_no_path_overlaps_nothing() {
    for text in ["", "/", "a/", "/a", "a//b", "*/", ".", "..", "./a", "a/../b", "{.,..}", "a/./**", "\0", "[/]", "**/."]
    {
        let empty = glob(text);
        let pattern = Area::Pattern { base: b"/r", glob: &empty };
        assert!(!overlaps(&pattern, &pattern, false), "{text:?} has no path in common with itself");
        assert!(!overlaps(&pattern, &Area::Directory(b"/"), false), "{text:?} matches no path");
        assert!(covers(&Area::Directory(b"/x"), &pattern, false), "{text:?} lies anywhere");
    }
}

#[test]
fn files_and_directories_go_by_component() {
    for (a, b, expected) in [
        (dir(b"/a/b"), file(b"/a/b/c"), true),
        (dir(b"/a/b"), file(b"/a/b"), true),
        (dir(b"/a/b"), file(b"/a/bc"), false),
        (dir(b"/a/b"), file(b"/a"), false),
        (dir(b"/"), file(b"/"), true),
        (dir(b"/"), file(b"/a"), true),
        (dir(b"/a"), file(b"/"), false),
        (dir(b"/a"), dir(b"/a/b"), true),
        (dir(b"/a"), dir(b"/ab"), false),
        (file(b"/a"), file(b"/a"), true),
        (file(b"/a"), file(b"/b"), false),
    ] {
        assert_eq!(overlaps(&a, &b, false), expected, "{a:?} and {b:?}");
        assert_eq!(overlaps(&b, &a, false), expected, "{b:?} and {a:?}");
    }
}

#[test]
fn a_pattern_starts_below_its_base() {
    let all = glob("**");
    for (base, path, expected) in [
        (&b"/r"[..], &b"/r/a"[..], true),
        (b"/r", b"/r", false),
        (b"/r", b"/ra", false),
        (b"/", b"/a", true),
        (b"/", b"/", false),
    ] {
        let pattern = Area::Pattern { base, glob: &all };
        assert_eq!(overlaps(&pattern, &Area::File(path), false), expected, "{pattern:?} and {path:?}");
    }
}

#[test]
fn bases_may_differ() {
    let (outer, inner) = (glob("src/*/x.rs"), glob("{x,y}.rs"));
    let meets = |base: &[u8]| {
        let (a, b) = (Area::Pattern { base: b"/r", glob: &outer }, Area::Pattern { base, glob: &inner });
        overlaps(&a, &b, false)
    };
    assert!(meets(b"/r/src/any"));
    assert!(!meets(b"/r/src"));
    assert!(!meets(b"/r/src/any/more"));
    assert!(!meets(b"/other/src/any"));
}

#[test]
fn directories_cover_patterns_exactly() {
    for (text, expected) in [
        ("src/**", true),
        ("src/x", true),
        ("src", true),
        ("{src,src/**}", true),
        ("src[/]x", true),
        ("s?c/x", false),
        ("srcs/**", false),
        ("**", false),
    ] {
        let inner = glob(text);
        let pattern = Area::Pattern { base: b"/r", glob: &inner };
        assert_eq!(covers(&Area::Directory(b"/r/src"), &pattern, false), expected, "{text}");
        assert!(covers(&Area::Directory(b"/r"), &pattern, false), "{text}");
        assert!(covers(&pattern, &pattern, false), "{text}");
        assert!(!covers(&Area::Pattern { base: b"/q", glob: &inner }, &pattern, false), "{text}");
    }
}

#[test]
fn folded_patterns_meet_folded_paths() {
    for (text, path, expected) in [
        ("SRC/*.RS", "src/Main.rs", true),
        ("[A-C]x", "bX", true),
        ("[!A]x", "ax", false),
        ("É*", "e\u{301}t", true),
        ("E\u{301}", "é", true),
        ("[É][É]", "é", true),
        ("ΣΑΣ", "σας", true),
        ("STRASSE", "straße", false),
        ("I", "ı", false),
        ("\u{212A}", "k", true),
        ("\u{391}\u{301}\u{345}", "ᾴ", true),
    ] {
        let folded = fold_path(path.as_bytes());
        assert_eq!(glob(text).matches(&folded, true), expected, "{text} on {path}");
    }
    assert!(!glob("SRC").matches(b"src", false));
}

#[test]
fn a_capital_is_no_way_out_of_a_folded_directory() {
    let inner = glob("[A][/]x");
    let pattern = Area::Pattern { base: b"/", glob: &inner };
    assert!(covers(&dir(b"/a"), &pattern, true));
    assert!(!covers(&dir(b"/a"), &pattern, false));
}

#[test]
fn folding_is_idempotent_and_keeps_separators() {
    for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
        for text in [format!("{c}"), format!("x{c}\u{301}"), format!("{c}\u{345}\u{327}")] {
            let once = fold_path(text.as_bytes()).into_owned();
            assert_eq!(fold_path(&once), once, "{text:?}");
            let specials = |bytes: &[u8]| bytes.iter().filter(|&&b| matches!(b, b'/' | b'.' | 0)).count();
            assert_eq!(specials(&once), specials(text.as_bytes()), "{text:?}");
        }
    }
    assert_eq!(&*fold_path(b"/A\xff\xc3B\xc3\x89"), b"/a\xff\xc3b\xc3\xa9");
}

#[test]
fn oversized_patterns_are_refused() {
    let many = "?".repeat(200_000);
    let deep = "{".repeat(MAX_NESTING + 1) + &"}".repeat(MAX_NESTING + 1);
    for read in [Glob::read, Glob::parse] {
        assert_eq!(read(&many), Err(GlobError::TooLong(200_000)));
        assert_eq!(read(&"*a".repeat(10_000)), Err(GlobError::TooLong(20_000)));
        assert_eq!(read(&"\u{1D160}".repeat(43)), Err(GlobError::TooLong(516)), "three times as long when folded");
        assert_eq!(read(&deep), Err(GlobError::TooDeep));
        assert!(read(&deep[1..deep.len() - 1]).is_ok());
        assert!(read(&many[..MAX_PATTERN_BYTES]).is_ok());
    }
}

#[test]
fn errors_are_one_line() {
    for (text, expected) in [
        ("a[", "`[` without `]` (write `\\[` for the character)"),
        ("[z-a]", "range 'z'-'a' is the wrong way round"),
        ("[z-\n]", "range 'z'-'\\n' is the wrong way round"),
        ("a}", "`}` without `{` (write `\\}` for the character)"),
        ("{a", "`{` without `}` (write `\\{` for the character)"),
        ("a\\", "`\\` at the end (write `\\\\` for the character)"),
    ] {
        assert_eq!(Glob::parse(text).expect_err(text).to_string(), expected);
    }
}

#[test]
fn literal_prefix_ends_at_the_first_special_character() {
    for (text, prefix) in
        [("src/lib.rs", "src/lib.rs"), ("src/*.rs", "src/"), ("a\\*b?", "a*b"), ("**/a", ""), ("a/**", "a")]
    {
        assert_eq!(glob(text).literal_prefix(), prefix.as_bytes(), "{text}");
    }
}
