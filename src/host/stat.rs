//! Whether a file is still what it was.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What differs as soon as a file was written, replaced, removed or created, as far as one look at it tells.
pub fn fingerprint(path: &Path) -> String {
    match std::fs::symlink_metadata(path) {
        Ok(is) => format!("{}:{}:{}:{}.{:09}", is.dev(), is.ino(), is.size(), is.mtime(), is.mtime_nsec()),
        Err(error) => format!("{:?}", error.kind()),
    }
}
