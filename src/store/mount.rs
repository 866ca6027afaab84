//! What kind of file system a directory is on, as far as durability goes.

use std::path::Path;

/// See the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A disk, as far as is known.
    Local,
    /// Gone with the next reboot.
    Memory,
    /// Somebody else's disk.
    Network,
}

/// The kind at a directory or, where it does not exist, its nearest ancestor.
#[cfg(target_os = "linux")]
pub fn kind(dir: &Path) -> Kind {
    // From Linux's include/uapi/linux/magic.h and the file systems' own sources.
    const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    const NETWORK: [u64; 7] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x0102_1997, 0x00c3_6400, 0x5346_414f];
    let existing = dir.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let Ok(answer) = rustix::fs::statfs(existing) else { return Kind::Local };
    // The type's width differs between systems; the magic numbers are 32 bits everywhere.
    let magic = u64::from(answer.f_type as u32);
    match magic {
        magic if MEMORY.contains(&magic) => Kind::Memory,
        magic if NETWORK.contains(&magic) => Kind::Network,
        _ => Kind::Local,
    }
}

/// The kind at a directory or, where it does not exist, its nearest ancestor.
#[cfg(not(target_os = "linux"))]
pub fn kind(dir: &Path) -> Kind {
    let existing = dir.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let Ok(answer) = rustix::fs::statfs(existing) else { return Kind::Local };
    let name: Vec<u8> = answer.f_fstypename.iter().take_while(|c| **c != 0).map(|c| *c as u8).collect();
    match &*name {
        b"tmpfs" | b"ramfs" => Kind::Memory,
        b"nfs" | b"smbfs" | b"afpfs" | b"webdav" => Kind::Network,
        _ => Kind::Local,
    }
}
