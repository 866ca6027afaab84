//! Two areas of any kind and a path: the answer is the same both ways round, and no path that is in both was missed.

#![no_main]

use aio::protocol::overlap::{Area, Glob, covers, fold_path, overlaps};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [kinds, rest @ ..] = data else { return };
    let fields: Vec<&[u8]> = rest.splitn(5, |&byte| byte == 0).collect();
    let [base, glob, other_base, other_glob, path] = fields[..] else { return };
    let fold = kinds & 64 != 0;
    let physical = |bytes: &[u8]| physical(bytes, fold);
    let (base, other_base, path) = (physical(base), physical(other_base), physical(path));
    let (Some(glob), Some(other_glob)) = (pattern(glob), pattern(other_glob)) else { return };
    let a = area(kinds & 7, &base, &glob);
    let b = area(kinds >> 3 & 7, &other_base, &other_glob);

    let meet = overlaps(&a, &b, fold);
    assert_eq!(meet, overlaps(&b, &a, fold), "symmetric: {a:?} {b:?}");
    let (in_a, in_b) = (contains(&a, &path, fold), contains(&b, &path, fold));
    assert!(meet || !(in_a && in_b), "{path:?} is in {a:?} and in {b:?}");
    assert_eq!(in_a, overlaps(&a, &Area::File(&path), fold), "{path:?} {a:?}");
    for (outer, inner, in_outer, in_inner) in [(&a, &b, in_a, in_b), (&b, &a, in_b, in_a)] {
        if covers(outer, inner, fold) {
            assert!(in_outer || !in_inner, "{path:?} is in {inner:?} and not in {outer:?}");
        }
    }
    assert!(covers(&a, &a, fold) || matches!(a, Area::Pattern { .. }));
});

fn pattern(text: &[u8]) -> Option<Glob> {
    Glob::read(str::from_utf8(text).ok()?).ok()
}

/// A path of the universe: without what no physical path has in it.
fn physical(bytes: &[u8], fold: bool) -> Vec<u8> {
    let names = bytes.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b"." | b".."));
    let path: Vec<u8> = names.flat_map(|name| b"/".iter().chain(name)).copied().collect();
    let path = if path.is_empty() { b"/".to_vec() } else { path };
    if fold { fold_path(&path).into_owned() } else { path }
}

fn area<'a>(kind: u8, base: &'a [u8], glob: &'a Glob) -> Area<'a> {
    match kind {
        0 => Area::File(base),
        1 => Area::Directory(base),
        _ => Area::Pattern { base, glob },
    }
}

/// By definition, byte for byte.
fn contains(area: &Area<'_>, path: &[u8], fold: bool) -> bool {
    let relative = |base: &[u8]| {
        let base = base.strip_suffix(b"/").unwrap_or(base);
        path.strip_prefix(base)?.strip_prefix(b"/").filter(|rest| !rest.is_empty()).map(<[u8]>::to_vec)
    };
    match area {
        Area::File(file) => *file == path,
        Area::Directory(directory) => *directory == path || relative(directory).is_some(),
        Area::Pattern { base, glob } => relative(base).is_some_and(|rest| glob.matches(&rest, fold)),
    }
}
