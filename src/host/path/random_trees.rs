//! `physical` against the kernel and the C library, on random trees of directories, files and symlinks.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::{Existing, Reason, Walk, physical, spell_out, to_path};

/// Few names, so that paths meet each other often.
const NAMES: &[&[u8]] = if cfg!(target_os = "linux") {
    &[b"a", b"b", b"c", b"a b", b"\\x\n", b"\xff"]
} else {
    &[b"a", b"b", b"c", b"a b", b"\\x\n"]
};

#[test]
fn agrees_with_canonicalize_and_with_what_a_write_creates() {
    let cases: usize = number("AIO_PROOF_CASES").unwrap_or(6_000);
    let mut random = Random(number("AIO_PROOF_SEED").unwrap_or(0x2545_f491_4f6c_dd1d));
    let mut seen = Seen::default();
    for tree in 0..cases.div_ceil(100) {
        println!("tree {tree}: AIO_PROOF_SEED={}", random.0);
        let tree = Tree::grow(&mut random);
        for _ in 0..80 {
            tree.check_reading(&mut random, &mut seen);
        }
        for _ in 0..20 {
            tree.check_writing(&mut random, &mut seen);
        }
    }
    println!("{seen:?}");
    // A generator that hits only one kind of case would prove little.
    for often in [seen.existing, seen.missing, seen.refused, seen.written] {
        assert!(often * 50 > cases, "{seen:?}");
    }
}

#[derive(Debug, Default)]
struct Seen {
    existing: usize,
    missing: usize,
    refused: usize,
    written: usize,
}

struct Tree {
    dir: tempfile::TempDir,
    /// A few levels down, so that `..` has somewhere to go.
    root: PathBuf,
}

impl Tree {
    fn grow(random: &mut Random) -> Self {
        let temporary = fs::canonicalize(std::env::temp_dir()).expect("its physical name");
        let dir = tempfile::tempdir_in(temporary).expect("a temporary directory");
        let root = dir.path().join("a/b/c");
        fs::create_dir_all(&root).expect("directories");
        let tree = Self { dir, root };
        for _ in 0..30 {
            let path = tree.root.join(random.plain_path(3));
            // Links lead out of the tree too, where nothing is ours to make.
            if !physical(&tree.root, &path).is_ok_and(|found| found.path.starts_with(tree.dir.path())) {
                continue;
            }
            // Whatever cannot be made, because something else stands there, is not.
            let _made = match random.below(5) {
                0 | 1 => fs::create_dir_all(&path),
                2 => fs::write(&path, ""),
                3 => symlink(random.path(4), &path),
                _ => symlink(tree.root.join(random.path(3)), &path),
            };
        }
        tree
    }

    fn check_reading(&self, random: &mut Random, seen: &mut Seen) {
        let (base, typed) = (self.base(random), self.typed(random));
        let spelled = base.join(&typed);
        let ours = physical(&base, &typed);
        check_stepwise(&base, &typed);
        // The kernel says whether it is there, the C library what it is called.
        match fs::metadata(&spelled).and_then(|_| fs::canonicalize(&spelled)) {
            Ok(theirs) => {
                seen.existing += 1;
                let ours = ours.expect("what exists has a physical path");
                let is_dir = fs::metadata(&theirs).expect("what exists").is_dir();
                assert_eq!(ours.path.as_os_str(), theirs.as_os_str(), "{spelled:?}");
                assert_eq!(ours.existing, if is_dir { Existing::Directory } else { Existing::File }, "{spelled:?}");
            }
            Err(error) => {
                match Errno::from_io_error(&error) {
                    Some(Errno::LOOP) => {
                        assert_eq!(ours.map_err(|e| e.reason), Err(Reason::TooManyLinks), "{spelled:?}")
                    }
                    Some(Errno::NOTDIR) => {
                        assert_eq!(ours.map_err(|e| e.reason), Err(Reason::NotADirectory), "{spelled:?}");
                    }
                    _ => return self.check_missing(random, &base, &typed, seen),
                }
                seen.refused += 1;
            }
        }
        self.check_respelled(random, &base, &typed);
    }

    /// Nothing to compare with, so the answer must at least be consistent with itself.
    fn check_missing(&self, random: &mut Random, base: &Path, typed: &Path, seen: &mut Seen) {
        seen.missing += 1;
        if let Ok(ours) = physical(base, typed) {
            assert_eq!(physical(Path::new("/"), &ours.path), Ok(ours.clone()), "{base:?} {typed:?}");
            if ours.existing == Existing::Missing {
                assert!(!ours.path.exists(), "{base:?} {typed:?}");
            }
        }
        self.check_respelled(random, base, typed);
    }

    /// Doubled slashes and dots change nothing. Behind a file they are refused like any other step.
    fn check_respelled(&self, random: &mut Random, base: &Path, typed: &Path) {
        let respelled = random.respell(typed);
        let (ours, theirs) = (physical(base, typed), physical(base, &respelled));
        assert_eq!(ours.map_err(|e| e.reason), theirs.map_err(|e| e.reason), "{base:?} {typed:?} {respelled:?}");
    }

    /// What was foretold is what comes to be when the file is written through the path as it was typed.
    fn check_writing(&self, random: &mut Random, seen: &mut Seen) {
        let typed = self.root.join(random.path(6));
        let Ok(foretold) = physical(&self.root, &typed) else { return };
        // `..` and links may lead out of the tree, where nothing is ours to write.
        let Some(parent) = typed.parent().filter(|_| foretold.path.starts_with(&self.root)) else { return };
        if fs::create_dir_all(parent).is_ok() && fs::write(&typed, "").is_ok() {
            seen.written += 1;
            let written = fs::canonicalize(&typed).expect("the file just written");
            assert_eq!(foretold.path.as_os_str(), written.as_os_str(), "{typed:?}");
        }
    }

    fn base(&self, random: &mut Random) -> PathBuf {
        match random.below(3) {
            0 => self.root.join(random.path(3)),
            _ => self.root.clone(),
        }
    }

    fn typed(&self, random: &mut Random) -> PathBuf {
        match random.below(4) {
            0 => self.root.join(random.path(6)),
            _ => random.path(8),
        }
    }
}

/// The stride is a short cut and nothing else.
fn check_stepwise(base: &Path, typed: &Path) {
    let mut walk = Walk::from_root(spell_out(base, typed).expect("something to walk"));
    let stepwise = walk.finish().map(|()| (to_path(&walk.path), walk.here));
    let striding = physical(base, typed);
    assert_eq!(striding.map(|r| (r.path, r.existing)).map_err(|e| e.reason), stepwise, "{base:?} {typed:?}");
}

fn number<N: std::str::FromStr>(name: &str) -> Option<N> {
    std::env::var(name).ok()?.parse().ok()
}

/// xorshift64*, so that a seed printed on one machine means the same on another.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn name(&mut self) -> &'static [u8] {
        NAMES[self.below(NAMES.len())]
    }

    /// Names only, up to `longest` of them.
    fn plain_path(&mut self, longest: usize) -> PathBuf {
        let names: Vec<&[u8]> = (0..=self.below(longest)).map(|_| self.name()).collect();
        joined(&names)
    }

    /// Names, `.`, `..` and nothing at all between slashes, the end included; never empty, never absolute.
    fn path(&mut self, longest: usize) -> PathBuf {
        let first = if self.below(4) == 0 { b".." } else { self.name() };
        let mut components = vec![first];
        for _ in 0..self.below(longest) {
            components.push(match self.below(10) {
                0 | 1 => b"..",
                2 => b".",
                3 => b"",
                _ => self.name(),
            });
        }
        joined(&components)
    }

    /// Another way to type the same path.
    fn respell(&mut self, typed: &Path) -> PathBuf {
        let mut respelled = Vec::new();
        for &byte in typed.as_os_str().as_bytes() {
            respelled.push(byte);
            if byte == b'/' {
                let more: &[u8] = [&b""[..], b"/", b"./", b".//./"][self.below(4)];
                respelled.extend_from_slice(more);
            }
        }
        PathBuf::from(OsStr::from_bytes(&respelled))
    }
}

fn joined(components: &[&[u8]]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&components.join(&b'/')))
}
