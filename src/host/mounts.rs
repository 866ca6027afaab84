//! What is mounted in a folder: it lies elsewhere, and would be deleted with the folder all the same.
//!
//! Told by the table of mounts where the system has one for this process. Elsewhere by the device that each folder is on, which
//! does not tell a folder that is mounted from its own device. What cannot be read is not known to be one.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Which field of a line of the table is the mount point (proc_pid_mountinfo(5)).
const POINT: usize = 4;

/// What was mounted last of all that is at or below a folder: the one to be unmounted first.
pub fn below(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    match table() {
        Some(table) => in_table(&table, &folder),
        None => by_device(&folder),
    }
}

fn table() -> Option<Vec<u8>> {
    #[cfg(test)]
    if let Some(table) = testing::table() {
        return Some(table);
    }
    match cfg!(target_os = "linux") {
        true => fs::read("/proc/self/mountinfo").ok(),
        false => None,
    }
}

fn in_table(table: &[u8], folder: &Path) -> Option<PathBuf> {
    let points = table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(POINT));
    points.map(unescaped).rfind(|point| point.starts_with(folder))
}

/// White space and the backslash stand there as `\` and three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::with_capacity(field.len()), field);
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| first == b'\\');
        let code = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    OsString::from_vec(bytes).into()
}

fn by_device(folder: &Path) -> Option<PathBuf> {
    let device = |path: &Path| fs::symlink_metadata(path).ok().map(|found| found.dev());
    let own = device(folder)?;
    if folder.parent().and_then(device).is_some_and(|around| around != own) {
        return Some(folder.to_owned());
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for inner in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
        {
            if device(&inner).is_some_and(|device| device != own) {
                return Some(inner);
            }
            folders.push(inner);
        }
    }
    None
}

/// A table of a test's own: to mount takes rights that tests have not everywhere.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use std::cell::RefCell;
    use std::os::unix::ffi::OsStrExt;

    thread_local! {
        static TABLE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
    }

    pub(super) fn table() -> Option<Vec<u8>> {
        TABLE.with_borrow(Clone::clone)
    }

    /// Has this thread find that mounted, as Linux would say it, and nothing else.
    pub(crate) fn mounted(points: &[&Path]) {
        let line = |point: &&Path| {
            let escaped = point.as_os_str().as_bytes().iter().flat_map(|byte| match byte {
                b' ' | b'\\' | b'\n' | b'\t' => format!("\\{byte:03o}").into_bytes(),
                _ => vec![*byte],
            });
            let escaped: Vec<u8> = escaped.collect();
            [b"83 28 253:1 /root/of\\040it ", &*escaped, b" rw,relatime shared:1 - ext4 /dev/vda1 rw\n"].concat()
        };
        TABLE.set(Some(points.iter().flat_map(line).collect()));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

    use super::*;

    const TABLE: &[u8] = b"\
22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /home/a\\040b/w/data rw master:2 - tmpfs tmpfs rw
24 22 0:22 / /home/a\\040b/w2 rw - tmpfs tmpfs rw
25 23 0:23 / /home/a\\040b/w/data/\\134\\011\\012\xff rw - tmpfs tmp\\040fs rw
26 22 0:24 / /on\\x40e\\77 rw - tmpfs tmpfs rw
";

    #[test]
    fn what_the_table_has_at_or_below_a_folder() {
        let found = |folder: &str| in_table(TABLE, Path::new(folder));
        let last = OsString::from_vec(b"/home/a b/w/data/\\\t\n\xff".to_vec());
        assert_eq!(found("/home/a b/w"), Some(PathBuf::from(last)));
        assert_eq!(found("/home/a b/w2"), Some("/home/a b/w2".into()));
        assert_eq!(found("/home/a b/w2/below"), None);
        assert_eq!(found("/home/a"), None);
        // What is no such escape stands for itself.
        assert_eq!(found("/on\\x40e\\77"), Some("/on\\x40e\\77".into()));
        assert_eq!(in_table(b"", Path::new("/")), None);
        assert_eq!(in_table(b"1 2 3\n\n", Path::new("/")), None);
    }

    #[test]
    fn what_is_on_the_device_of_its_folder_is_not_told_for_mounted() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("deep/er")).unwrap();
        assert_eq!(by_device(&folder.path().join("deep")), None);
        // Everywhere on a device of its own.
        assert_eq!(by_device(Path::new("/dev")), Some("/dev".into()));
        assert_eq!(below(&folder.path().join("not there")), None);
    }
}
