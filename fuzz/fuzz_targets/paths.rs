//! Any bytes as a path, in a folder full of symlinks: resolving agrees with the kernel, is final, and spells reversibly.

#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use aio::host::path::{Existing, physical};
use aio::protocol::spelling;
use libfuzzer_sys::fuzz_target;

static ROOM: LazyLock<tempfile::TempDir> = LazyLock::new(room);

fuzz_target!(|typed: &[u8]| {
    spelling_is_reversible(typed);
    // The kernel's own folder changes under our eyes.
    if typed.windows(4).any(|window| window == b"proc") {
        return;
    }
    let base = ROOM.path();
    let typed = match typed.strip_prefix(b"/") {
        Some(rest) => [base.as_os_str().as_bytes(), b"/", rest].concat(),
        None => typed.to_vec(),
    };
    let typed = Path::new(OsStr::from_bytes(&typed));
    let kernel = std::fs::canonicalize(base.join(typed));
    let Ok(resolved) = physical(base, typed) else {
        assert!(kernel.is_err() || typed.as_os_str().is_empty(), "{typed:?} exists");
        return;
    };
    assert!(is_physical(&resolved.path), "{typed:?} became {:?}", resolved.path);
    let again = physical(Path::new("/nowhere"), &resolved.path).expect("a physical path can be resolved");
    assert_eq!(again, resolved, "{typed:?}");
    match kernel {
        Ok(path) => assert_eq!(resolved.path, path, "{typed:?}"),
        Err(_) => assert!(resolved.existing == Existing::Missing || goes_through_missing(typed), "{typed:?}"),
    }
});

fn spelling_is_reversible(bytes: &[u8]) {
    assert_eq!(spelling::decode(&spelling::encode(bytes)), bytes);
    if let Ok(text) = str::from_utf8(bytes) {
        let meant = spelling::decode(text);
        assert_eq!(spelling::decode(&spelling::encode(&meant)), meant);
    }
}

fn is_physical(path: &Path) -> bool {
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let bytes = path.as_os_str().as_bytes();
    plain
        && bytes.starts_with(b"/")
        && (bytes == b"/" || !bytes.ends_with(b"/"))
        && !bytes.windows(2).any(|w| w == b"//")
}

/// `missing/..` leads back by its letters, where the kernel sees nothing.
fn goes_through_missing(typed: &Path) -> bool {
    typed.as_os_str().as_bytes().windows(2).any(|window| window == b"..")
}

/// Files, folders and links of every sort: to both, up, dangling, in a circle, absolute, and one with odd bytes.
fn room() -> tempfile::TempDir {
    let room = tempfile::tempdir().expect("a temporary folder can be made");
    let at = |name: &str| room.path().join(name);
    std::fs::create_dir_all(at("a/b/c")).expect("folders can be made");
    std::fs::create_dir_all(room.path().join(OsStr::from_bytes(b"\xff"))).expect("folders can be made");
    std::fs::write(at("a/f"), "").expect("files can be written");
    let absolute = at("a/b");
    let links: [(&str, PathBuf); 8] = [
        ("l", "a".into()),
        ("a/u", "..".into()),
        ("a/b/d", "../missing/x".into()),
        ("o", "o".into()),
        ("p", "q".into()),
        ("q", "p/".into()),
        ("s", absolute),
        ("t", "a/f/".into()),
    ];
    for (name, target) in links {
        symlink(target, at(name)).expect("links can be made");
    }
    room
}
