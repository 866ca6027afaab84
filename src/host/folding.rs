//! Whether the file system takes `README` and `readme` for one name.
//!
//! Answers for one directory, as ext4 and its like decide directory by directory. A wrong yes would now and then
//! refuse a file that differs from a held one in case alone; a wrong no would let two agents write one file: so what
//! folds in most set-ups counts as folding. An error counts as not folding.
//!
//! Does not fold anything (the protocol does), and does not speak of Unicode normalisation: macOS's own file systems
//! normalise even where they keep cases apart; on Linux only what folds case normalises. Does not look at network
//! file systems whose server may fold in secret (NFS), at XFS made with `ascii-ci`, or at overlays over folding layers.

use std::path::Path;

/// Whether names in the nearest directory at or around a path, which must be physical and need not exist, are compared
/// without regard to case.
pub fn folds_case(path: &Path) -> bool {
    path.ancestors().find_map(platform::folds_case).unwrap_or(false)
}

#[cfg(target_os = "macos")]
mod platform {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    /// None where nothing is.
    pub(super) fn folds_case(path: &Path) -> Option<bool> {
        let path = CString::new(path.as_os_str().as_bytes()).ok()?;
        // SAFETY: `path` is a NUL-terminated string that outlives the call, and pathconf keeps no pointer to it.
        #[expect(unsafe_code, reason = "neither std nor rustix offers pathconf")]
        let case_sensitive = unsafe { libc::pathconf(path.as_ptr(), libc::_PC_CASE_SENSITIVE) };
        (case_sensitive >= 0).then_some(case_sensitive == 0)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod platform {
    pub(super) fn folds_case(_path: &std::path::Path) -> Option<bool> {
        Some(false)
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::ffi::{OsStr, OsString};
    use std::iter;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use rustix::fd::OwnedFd;
    use rustix::fs::{Mode, OFlags, fstatfs, ioctl_getflags, lstat, open, statfs};
    use rustix::io::Errno;

    /// `FS_CASEFOLD_FL` of linux/fs.h.
    const CASEFOLD_FLAG: u32 = 0x4000_0000;
    /// So many entries are looked through for a letter: one system call's worth.
    const PROBED_ENTRIES: usize = 64;

    /// How the file systems of one type answer the question.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Answer {
        Folds,
        /// Each directory has a flag.
        Flag,
        /// It hands on somebody else's file system, or has a setting nobody can ask for: try it out.
        Probe,
        KeepsApart,
    }

    /// By the magic numbers of linux/magic.h, statfs(2) and the drivers' own sources.
    pub(super) fn answer_of(file_system: u32) -> Answer {
        match file_system {
            // vfat, exfat, ntfs, ntfs3, hfs, hfs+; smb, cifs and smb2, whose servers nearly all fold.
            0x4d44 | 0x2011_bab0 | 0x5346_544e | 0x7366_746e | 0x4244 | 0x482b => Answer::Folds,
            0x517b | 0xff53_4d42 | 0xfe53_4d42 => Answer::Folds,
            // ext2 to ext4, f2fs, tmpfs, bcachefs.
            0xef53 | 0xf2f5_2010 | 0x0102_1994 | 0xca45_1a4e => Answer::Flag,
            // FUSE and virtiofs (Docker on a Mac), 9p (Windows drives in WSL), VirtualBox, VMware, ZFS.
            0x6573_5546 | 0x0102_1997 | 0x786f_4256 | 0xbacb_acbc | 0x2fc1_2fc1 => Answer::Probe,
            _ => Answer::KeepsApart,
        }
    }

    /// None where no directory is.
    pub(super) fn folds_case(path: &Path) -> Option<bool> {
        let opened = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let file_system = match &opened {
            Ok(dir) => fstatfs(dir),
            Err(Errno::NOENT | Errno::NOTDIR) => return None,
            Err(_) => statfs(path),
        };
        let Ok(file_system) = file_system else { return Some(false) };
        // The field's width and sign differ from machine to machine; the magic numbers have 32 bits.
        Some(match answer_of(file_system.f_type as u32) {
            Answer::Folds => true,
            Answer::Flag => opened.is_ok_and(|dir| has_casefold_flag(&dir)),
            Answer::Probe => names_fold(path),
            Answer::KeepsApart => false,
        })
    }

    fn has_casefold_flag(dir: &OwnedFd) -> bool {
        ioctl_getflags(dir).is_ok_and(|flags| flags.bits() & CASEFOLD_FLAG != 0)
    }

    /// Whether a name here is also found in the opposite case. A directory without a letter in it is judged by its own
    /// name, one level up: an empty mount point counts as not folding, until it has its first file.
    pub(super) fn names_fold(dir: &Path) -> bool {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().take(PROBED_ENTRIES);
        let mut candidates = entries.map(|entry| entry.path()).chain(iter::once(dir.to_path_buf()));
        let Some((path, twin)) = candidates.find_map(|path| opposite_case(&path).map(|twin| (path, twin))) else {
            return false;
        };
        match (lstat(&path), lstat(&twin)) {
            (Ok(a), Ok(b)) => (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino),
            _ => false,
        }
    }

    /// The path with the case of the letters of its last name turned round, if it has any.
    fn opposite_case(path: &Path) -> Option<PathBuf> {
        let name = path.file_name().map(OsStr::as_bytes)?;
        let turn = |byte: &u8| if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { *byte };
        let turned: Vec<u8> = name.iter().map(turn).collect();
        (turned != name).then(|| path.with_file_name(OsString::from_vec(turned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_what_happens_on_disk() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dir.path().join("Readme"), "").expect("a file");
        assert_eq!(folds_case(dir.path()), dir.path().join("rEADME").exists());
    }

    #[test]
    fn what_cannot_be_asked_does_not_fold() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(folds_case(&dir.path().join("missing/too")), folds_case(dir.path()));
        assert!(!folds_case(Path::new("nul\0")));
    }

    #[cfg(target_os = "linux")]
    mod linux {
        use super::super::platform::{Answer, answer_of, names_fold};

        #[test]
        fn each_family_has_its_answer() {
            let cases = [
                (0x4d44, Answer::Folds),
                (0xff53_4d42, Answer::Folds),
                (0xef53, Answer::Flag),
                (0x0102_1994, Answer::Flag),
                (0x0102_1997, Answer::Probe),
                (0x9123_683e, Answer::KeepsApart),
            ];
            for (magic, answer) in cases {
                assert_eq!(answer_of(magic), answer, "{magic:#x}");
            }
        }

        #[test]
        fn a_probe_sees_one_file_under_two_cases_as_folding() {
            let dir = tempfile::tempdir().expect("a temporary directory");
            std::fs::write(dir.path().join("42"), "").expect("a file without letters");
            assert!(!names_fold(dir.path()), "judged by its own name");
            std::fs::write(dir.path().join("name-é"), "").expect("a file");
            assert!(!names_fold(dir.path()));
            // As near as one comes to a folding file system on one that does not fold.
            std::fs::hard_link(dir.path().join("name-é"), dir.path().join("NAME-é")).expect("a second name");
            assert!(names_fold(dir.path()));
            std::fs::remove_file(dir.path().join("NAME-é")).expect("removed");
            std::fs::write(dir.path().join("NAME-é"), "").expect("another file");
            assert!(!names_fold(dir.path()));
        }
    }
}
