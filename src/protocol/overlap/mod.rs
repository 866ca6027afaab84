//! Decides whether two claims on paths can ever touch the same path.
//!
//! Owns the meaning of a glob pattern ([`Glob`]) and the two questions asked of claimed areas: [`overlaps`] and
//! [`covers`]. Both are decided on the languages themselves, not on samples: a pattern becomes a small automaton, and
//! two patterns overlap exactly when the product of their automata reaches a path.
//!
//! **The universe** is the absolute physical paths: `/` alone, or components each preceded by `/`. A component is one
//! or more bytes other than `/` and NUL, and is not `.` or `..`. What a pattern matches outside of it (`a//b`, `*/`,
//! `./a`, the empty text) is no path, so a pattern that matches nothing else overlaps nothing. Any byte string is
//! allowed in a component: names need not be UTF-8. No limit is put on the length of a path.
//!
//! **Folding.** With `fold`, every path handed in (targets, bases, `Glob::matches`) must already have passed through
//! [`fold_path`]; patterns are folded here. A pattern then speaks about folded paths: its literals are folded as paths
//! are, its classes take ASCII letters in either case, and its wildcards count bytes of the folded path. A letter and
//! a mark that the pattern keeps apart (`e{\u{301},x}`) do not compose. The universe stays as it is: exactness is over
//! its byte strings, a few of which (not in NFC, say) no folded path equals.
//!
//! Does not read files, resolve symlinks, or know which file system folds; nothing here depends on time or chance.

mod automaton;
mod byteset;
mod fold;
mod glob;
mod parse;
mod product;
#[cfg(test)]
mod tests;

pub use fold::fold_path;
pub use glob::{Glob, GlobError, MAX_NESTING, MAX_PATTERN_BYTES};

/// A set of absolute paths: bytes, physical, without a trailing slash; the root is `/`.
///
/// Paths outside the universe (see the module) are a caller's mistake and are only compared as bytes.
#[derive(Clone, Copy, Debug)]
pub enum Area<'a> {
    /// Exactly this path.
    File(&'a [u8]),
    /// This path and everything below it, by component: `/a/b` holds `/a/b/c` but not `/a/bc`.
    Directory(&'a [u8]),
    /// Every path that is `base`, a `/`, and a relative path that `glob` matches. Never `base` itself.
    Pattern {
        /// Where the pattern was typed, as a path of the universe.
        base: &'a [u8],
        /// What it matches below `base`.
        glob: &'a Glob,
    },
}

/// Do the two sets have a path in common? Exact, and symmetric.
///
/// Without a pattern this compares bytes and allocates nothing; with one, most pairs are told apart by their literal
/// prefixes before any automaton is built.
pub fn overlaps(a: &Area, b: &Area, fold: bool) -> bool {
    use Area::{Directory, File, Pattern};
    match (*a, *b) {
        (File(x), File(y)) => x == y,
        (File(file), Directory(dir)) | (Directory(dir), File(file)) => holds(dir, file),
        (Directory(x), Directory(y)) => holds(x, y) || holds(y, x),
        (Pattern { base, glob }, File(file)) | (File(file), Pattern { base, glob }) => {
            pattern_holds(base, glob, file, fold)
        }
        (Pattern { base, glob }, Directory(dir)) | (Directory(dir), Pattern { base, glob }) => {
            pattern_enters(base, glob, dir, fold)
        }
        (Pattern { base: x, glob: p }, Pattern { base: y, glob: q }) => patterns_meet((x, p), (y, q), fold),
    }
}

/// Is every path of `inner` also in `outer`?
///
/// Never true wrongly. Exact when `inner` is a file, or `outer` is a directory (a pattern that matches no path at all
/// lies in every directory). Otherwise it may answer false: a pattern or a directory inside a pattern is recognised
/// only as the same text below the same base, and nothing but a file is found inside a file.
pub fn covers(outer: &Area, inner: &Area, fold: bool) -> bool {
    use Area::{Directory, File, Pattern};
    match (*outer, *inner) {
        (_, File(_)) => overlaps(outer, inner, fold),
        (Directory(x), Directory(y)) => holds(x, y),
        (Directory(dir), Pattern { base, glob }) => pattern_stays_in(base, glob, dir, fold),
        (Pattern { base: x, glob: p }, Pattern { base: y, glob: q }) => x == y && p.text() == q.text(),
        (File(_) | Pattern { .. }, Directory(_)) | (File(_), Pattern { .. }) => false,
    }
}

fn pattern_holds(base: &[u8], glob: &Glob, file: &[u8], fold: bool) -> bool {
    below(base, file).is_some_and(|relative| glob.matches(relative, fold))
}

/// Is a path of the pattern `dir` itself, or below it?
fn pattern_enters(base: &[u8], glob: &Glob, dir: &[u8], fold: bool) -> bool {
    if holds(dir, base) {
        return glob.matches_some_path(fold);
    }
    below(base, dir).is_some_and(|relative| glob.enters(relative, fold))
}

/// Is every path of the pattern `dir` itself, or below it?
fn pattern_stays_in(base: &[u8], glob: &Glob, dir: &[u8], fold: bool) -> bool {
    if holds(dir, base) {
        return true;
    }
    match below(base, dir) {
        Some(relative) => glob.stays_in(relative, fold),
        None => !glob.matches_some_path(fold),
    }
}

fn patterns_meet((x, p): (&[u8], &Glob), (y, q): (&[u8], &Glob), fold: bool) -> bool {
    if x == y {
        return p.meets(b"", q, fold);
    }
    if let Some(relative) = below(x, y) {
        return p.meets(relative, q, fold);
    }
    below(y, x).is_some_and(|relative| q.meets(relative, p, fold))
}

/// Is `path` the directory `dir`, or below it?
fn holds(dir: &[u8], path: &[u8]) -> bool {
    dir == path || below(dir, path).is_some()
}

/// What leads from `dir` to `path`, if `path` is strictly below it.
fn below<'p>(dir: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
    let rest = match dir {
        b"/" => path,
        _ => path.strip_prefix(dir)?,
    };
    rest.strip_prefix(b"/").filter(|relative| !relative.is_empty())
}
