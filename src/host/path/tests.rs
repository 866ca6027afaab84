//! Trees made for each question: links, missing parts, and everything that stops a walk.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{Existing, MAX_LINKS, PATH_MAX, PathError, Reason, Resolved, physical};

/// A temporary directory by its physical name (on macOS the usual one is behind a symlink).
struct Tree {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Tree {
    /// With `dir/sub/`, `dir/file`, and the symlinks given as (name, target).
    fn with_links(links: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = fs::canonicalize(dir.path()).expect("its physical name");
        fs::create_dir_all(root.join("dir/sub")).expect("directories");
        fs::write(root.join("dir/file"), "").expect("a file");
        for (name, target) in links {
            symlink(target, root.join(name)).expect("a symlink");
        }
        Self { _dir: dir, root }
    }

    fn resolve(&self, typed: &str) -> Result<Resolved, PathError> {
        physical(&self.root, Path::new(typed))
    }

    #[track_caller]
    fn expect(&self, typed: &str, path: &str, existing: Existing) {
        let path = if path.is_empty() { self.root.clone() } else { self.root.join(path) };
        // Compared as text: `Path` would overlook a slash at the end.
        let resolved = self.resolve(typed).expect("a physical path");
        assert_eq!((resolved.path.as_os_str(), resolved.existing), (path.as_os_str(), existing), "{typed:?}");
    }

    #[track_caller]
    fn expect_refused(&self, typed: &str, at: &str, reason: Reason) {
        let error = self.resolve(typed).expect_err("no physical path");
        assert_eq!((error.at, error.reason), (self.root.join(at), reason), "{typed:?}");
    }
}

#[test]
fn plain_spellings() {
    let tree = Tree::with_links(&[]);
    for same in ["dir/file", "./dir/file", "dir//file", "dir/./file", "dir/sub/../file", "dir/../dir/file"] {
        tree.expect(same, "dir/file", Existing::File);
    }
    for same in ["dir", "dir/", "dir//", "dir/.", "./dir/./", "dir/sub/..", "dir/sub/../"] {
        tree.expect(same, "dir", Existing::Directory);
    }
    for same in [".", "./", "dir/..", "dir/sub/../.."] {
        tree.expect(same, "", Existing::Directory);
    }
    for same in ["new", "new/", "./new", "dir/../new/."] {
        tree.expect(same, "new", Existing::Missing);
    }
    tree.expect("dir/a\nb \u{1b}[31m \\", "dir/a\nb \u{1b}[31m \\", Existing::Missing);
}

#[test]
fn the_root() {
    for root in ["/", "//", "/.", "/..", "/../..//"] {
        for base in ["/", "/nowhere"] {
            let resolved = physical(Path::new(base), Path::new(root)).expect("the root");
            assert_eq!((resolved.path.as_os_str(), resolved.existing), (OsStr::new("/"), Existing::Directory));
        }
    }
    let below = physical(Path::new("/"), Path::new("aio-no-such-name")).expect("a missing path");
    assert_eq!(below.path.as_os_str(), OsStr::new("/aio-no-such-name"));
}

#[test]
fn symlinks_to_what_exists() {
    let tree = Tree::with_links(&[
        ("to-file", "dir/file"),
        ("to-sub", "dir/sub"),
        ("slashed", "dir/sub/"),
        ("chain", "./to-sub"),
        ("to-root", "/"),
        ("dir/up", ".."),
        ("dir/sub/around", "../../to-file"),
    ]);
    symlink(tree.root.join("to-sub"), tree.root.join("absolute")).expect("a symlink");

    tree.expect("to-file", "dir/file", Existing::File);
    tree.expect("dir/sub/around", "dir/file", Existing::File);
    for same in ["to-sub", "to-sub/", "slashed", "chain", "chain/.", "absolute", "dir/up/dir/up/chain"] {
        tree.expect(same, "dir/sub", Existing::Directory);
    }
    tree.expect("absolute/new", "dir/sub/new", Existing::Missing);
    tree.expect("to-root", "/", Existing::Directory);
    // The parent of where the link leads, not of the link.
    tree.expect("to-sub/..", "dir", Existing::Directory);
    tree.expect("chain/../file", "dir/file", Existing::File);
    tree.expect("to-root/../..", "/", Existing::Directory);
}

#[test]
fn dangling_symlinks_name_what_would_be_written() {
    let tree = Tree::with_links(&[
        ("dangling", "dir/new"),
        ("deep", "no/where/../else"),
        ("twice", "dangling"),
        ("dir/back", "../dangling/x"),
        ("nowhere", "/aio-no-such-name/file"),
    ]);
    tree.expect("dangling", "dir/new", Existing::Missing);
    tree.expect("twice", "dir/new", Existing::Missing);
    tree.expect("twice/below", "dir/new/below", Existing::Missing);
    tree.expect("dir/back", "dir/new/x", Existing::Missing);
    tree.expect("deep", "no/else", Existing::Missing);
    tree.expect("nowhere", "/aio-no-such-name/file", Existing::Missing);
}

#[test]
fn the_missing_part_is_lexical_and_ends_where_dots_lead_out_of_it() {
    let tree = Tree::with_links(&[("to-sub", "dir/sub")]);
    tree.expect("a/../b", "b", Existing::Missing);
    tree.expect("a/b/../c", "a/c", Existing::Missing);
    tree.expect("a/b/../..", "", Existing::Directory);
    tree.expect("a/../dir/file", "dir/file", Existing::File);
    tree.expect("a/b/../../to-sub/new", "dir/sub/new", Existing::Missing);
    tree.expect("dir/a/../../to-sub/..", "dir", Existing::Directory);
    tree.expect("a/to-sub/..", "a", Existing::Missing);
}

#[test]
fn a_base_need_not_be_physical_and_an_absolute_path_ignores_it() {
    let tree = Tree::with_links(&[("to-sub", "dir/sub")]);
    let through_link = physical(&tree.root.join("to-sub/"), Path::new("../file"));
    assert_eq!(through_link, tree.resolve("dir/file"));
    let absolute = tree.root.join("dir/file");
    assert_eq!(physical(Path::new("/nowhere"), &absolute), tree.resolve("dir/file"));
    assert_eq!(physical(Path::new("ignored"), &absolute), tree.resolve("dir/file"));
    let relative = physical(Path::new("base"), Path::new("file")).expect_err("nothing absolute");
    assert_eq!(relative.reason, Reason::RelativeBase);
}

#[test]
fn loops_and_long_chains() {
    let tree = Tree::with_links(&[("self", "self"), ("ping", "pong"), ("pong", "ping"), ("grow", "grow/x")]);
    tree.expect_refused("self", "self", Reason::TooManyLinks);
    tree.expect_refused("ping/x", "ping", Reason::TooManyLinks);
    tree.expect_refused("grow", "grow", Reason::TooManyLinks);
    symlink("dir", tree.root.join("link-0")).expect("a symlink");
    for link in 1..=MAX_LINKS {
        symlink(format!("link-{}", link - 1), tree.root.join(format!("link-{link}"))).expect("a symlink");
    }
    tree.expect(&format!("link-{}", MAX_LINKS - 1), "dir", Existing::Directory);
    tree.expect_refused(&format!("link-{MAX_LINKS}"), "link-0", Reason::TooManyLinks);
}

#[test]
fn a_file_is_no_directory() {
    let tree = Tree::with_links(&[("to-file", "dir/file"), ("slashed", "dir/file/")]);
    for typed in ["dir/file/x", "dir/file/", "dir/file/.", "dir/file/..", "to-file/x", "to-file/", "slashed"] {
        tree.expect_refused(typed, "dir/file", Reason::NotADirectory);
    }
    let device = physical(Path::new("/"), Path::new("dev/null")).expect("a device");
    assert_eq!(device.existing, Existing::File);
}

#[test]
fn lengths() {
    let tree = Tree::with_links(&[]);
    let (longest, longer) = ("n".repeat(255), "n".repeat(256));
    for parent in ["dir", "missing"] {
        let path = format!("{parent}/{longest}");
        tree.expect(&path, &path, Existing::Missing);
        let path = format!("{parent}/{longer}");
        tree.expect_refused(&path, &path, Reason::NameTooLong);
    }
    for typed in ["./".repeat(3000), "missing/".repeat(3000), format!("/{}", "dir/../".repeat(1000))] {
        assert_eq!(tree.resolve(&typed).expect_err("too long").reason, Reason::PathTooLong);
    }
    // Short enough as typed, too long as an absolute path.
    let typed = "123456789/".repeat(PATH_MAX / 10);
    assert_eq!(tree.resolve(&typed[..typed.len() - 5]).expect_err("too long").reason, Reason::PathTooLong);
}

#[test]
fn the_empty_path_and_nul() {
    let tree = Tree::with_links(&[]);
    assert_eq!(tree.resolve("").expect_err("nothing").reason, Reason::Empty);
    for typed in ["a\0b", "\0", "/\0"] {
        assert_eq!(tree.resolve(typed).expect_err("a NUL byte").reason, Reason::Nul);
    }
    assert_eq!(physical(Path::new("/\0"), Path::new("x")).expect_err("a NUL byte").reason, Reason::Nul);
}

/// macOS refuses to create such names.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8() {
    let tree = Tree::with_links(&[]);
    let name = OsStr::from_bytes(b"caf\xe9\xff");
    fs::create_dir(tree.root.join(name)).expect("a directory");
    symlink(name, tree.root.join("link")).expect("a symlink");
    let expected = Ok(Resolved { path: tree.root.join(name), existing: Existing::Directory });
    assert_eq!(physical(&tree.root, Path::new(name)), expected);
    assert_eq!(tree.resolve("link/../link/"), expected);
}

#[test]
fn what_may_not_be_searched_is_refused() {
    let tree = Tree::with_links(&[("link", "dir/sub/x")]);
    let mode = |mode| fs::set_permissions(tree.root.join("dir"), fs::Permissions::from_mode(mode)).expect("a mode");
    // Search without reading is all that resolving needs.
    mode(0o100);
    tree.expect("dir/file", "dir/file", Existing::File);
    mode(0o600);
    tree.expect("dir", "dir", Existing::Directory);
    tree.expect("dir/..", "", Existing::Directory);
    if rustix::process::geteuid().is_root() {
        tree.expect("dir/sub", "dir/sub", Existing::Directory);
    } else {
        tree.expect_refused("dir/sub", "dir", Reason::Denied);
        tree.expect_refused("dir/missing/x", "dir", Reason::Denied);
        tree.expect_refused("link", "dir", Reason::Denied);
    }
    mode(0o700);
}

#[test]
fn messages_name_the_path_and_the_reason() {
    let tree = Tree::with_links(&[("loop", "loop")]);
    let root = tree.root.display();
    let cases = [
        ("", "an empty path names nothing".to_owned()),
        ("dir/file/x", format!("cannot resolve dir/file/x: {root}/dir/file is not a directory")),
        ("loop", format!("cannot resolve loop: too many levels of symbolic links at {root}/loop")),
        ("a\0", "cannot resolve a\0: it contains a NUL byte".to_owned()),
    ];
    for (typed, message) in cases {
        assert_eq!(tree.resolve(typed).expect_err("no physical path").to_string(), message);
    }
    let long = tree.resolve(&"é".repeat(5000)).expect_err("too long").to_string();
    assert!(long.ends_with("…: the path is too long") && long.chars().count() < 300, "{long}");
    let bytes = physical(&tree.root, Path::new(OsStr::from_bytes(b"dir/file/\xff"))).expect_err("below a file");
    assert!(bytes.to_string().starts_with(r"cannot resolve dir/file/\xff: "), "{bytes}");
}
