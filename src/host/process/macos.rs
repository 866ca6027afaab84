//! The process table of macOS: `sysctl(3)`, the one place that calls the system without a safe wrapper.
//!
//! `kern.proc` rather than libproc's `proc_pidinfo`: the latter refuses information on other users' processes, and a
//! `login` of root's stands above every shell in Terminal.

use super::{Lookup, Process, ProcessKey};
use std::ffi::CString;
use std::time::{SystemTime, UNIX_EPOCH};

/// `struct kinfo_proc` of <sys/sysctl.h>, the same on both 64-bit architectures. The libc crate does not have it, so
/// its fields are taken by their offsets; [`parse`] refuses an entry that does not repeat the expected id at its place.
const ENTRY_BYTES: usize = 648;
const START_SECONDS: usize = 0;
const START_MICROSECONDS: usize = 8;
const STATE: usize = 36;
const PID: usize = 40;
const NAME: std::ops::Range<usize> = 243..260;
const PARENT: usize = 560;
const TERMINAL: usize = 572;
const NO_TERMINAL: i32 = -1;

pub(super) fn look_up(pid: u32) -> Lookup {
    let Ok(number) = libc::c_int::try_from(pid) else {
        return Lookup::Gone;
    };
    match sysctl(&[libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, number]) {
        Some(entry) if entry.is_empty() => Lookup::Gone,
        Some(entry) => match parse(&entry) {
            Some((process, is_alive)) if process.key.pid == pid => {
                if is_alive {
                    Lookup::Alive(process)
                } else {
                    Lookup::Gone
                }
            }
            _ => Lookup::Unknown,
        },
        None => Lookup::Unknown,
    }
}

pub(super) fn argv(pid: u32) -> Option<Vec<String>> {
    let number = libc::c_int::try_from(pid).ok()?;
    parse_arguments(&sysctl(&[libc::CTL_KERN, libc::KERN_PROCARGS2, number])?)
}

pub(super) fn environment(pid: u32) -> Option<Vec<u8>> {
    let number = libc::c_int::try_from(pid).ok()?;
    let bytes = sysctl(&[libc::CTL_KERN, libc::KERN_PROCARGS2, number])?;
    parse_environment(&bytes).map(<[u8]>::to_vec)
}

/// There are no pid namespaces.
pub(super) fn table_is_ours() -> bool {
    true
}

/// Every living process.
pub(super) fn all() -> Vec<Process> {
    let table = sysctl(&[libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_ALL]).unwrap_or_default();
    let entries = table.chunks_exact(ENTRY_BYTES).filter_map(parse);
    entries.filter(|(_, is_alive)| *is_alive).map(|(process, _)| process).collect()
}

/// The `start` of a process that was born `age_ms` ago.
pub(super) fn start_ago(age_ms: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_micros() as u64).saturating_sub(age_ms.saturating_mul(1000))
}

/// A text among the system's variables, such as `kern.bootsessionuuid`; empty when there is none.
pub(in crate::host) fn system_text(name: &str) -> String {
    let mut mib = [0; 8];
    let mut length = mib.len();
    let Ok(name) = CString::new(name) else {
        return String::new();
    };
    // SAFETY: `name` ends in NUL, and `length` says how many elements of `mib` may be written.
    let status = unsafe { libc::sysctlnametomib(name.as_ptr(), mib.as_mut_ptr(), &mut length) };
    let bytes = if status == 0 { sysctl(&mib[..length]) } else { None };
    text(&bytes.unwrap_or_default())
}

/// The machine's own UUID, in hexadecimal; empty when it is not to be had. (`kern.uuid` would be the kernel build's.)
pub(in crate::host) fn host_uuid() -> String {
    let mut uuid = [0u8; 16];
    let patience = libc::timespec { tv_sec: 1, tv_nsec: 0 };
    // SAFETY: gethostuuid(3) writes the 16 bytes of a uuid_t, and only reads `patience`.
    let status = unsafe { libc::gethostuuid(uuid.as_mut_ptr(), &patience) };
    if status != 0 {
        return String::new();
    }
    uuid.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `CLOCK_UPTIME_RAW`: it stands still while the machine sleeps, unlike `CLOCK_MONOTONIC` here.
pub(in crate::host) fn awake_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a timespec to be written; the clock exists since macOS 10.12.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_UPTIME_RAW, &mut now) };
    assert_eq!(status, 0, "CLOCK_UPTIME_RAW is a clock of every supported macOS");
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// The value of a system variable. Its length is asked first; a table may grow before it is fetched, hence the room.
fn sysctl(mib: &[libc::c_int]) -> Option<Vec<u8>> {
    let mut needed = 0;
    call(mib, None, &mut needed)?;
    let mut value = vec![0; needed + needed / 8];
    let mut length = value.len();
    call(mib, Some(&mut value), &mut length)?;
    value.truncate(length);
    Some(value)
}

fn call(mib: &[libc::c_int], value: Option<&mut [u8]>, length: &mut usize) -> Option<()> {
    let mut mib = mib.to_vec(); // declared mutable, though never written
    let buffer = match value {
        Some(value) => {
            debug_assert!(*length <= value.len());
            value.as_mut_ptr().cast()
        }
        None => std::ptr::null_mut(),
    };
    // SAFETY: `mib` holds as many numbers as said; `buffer` is null (only the length is asked) or has room for `length`
    // bytes, which every caller takes from that very buffer; nothing is to be set, so the last two are null and 0.
    let status =
        unsafe { libc::sysctl(mib.as_mut_ptr(), mib.len() as libc::c_uint, buffer, length, std::ptr::null_mut(), 0) };
    (status == 0).then_some(())
}

/// One entry of `kern.proc`, and whether it lives.
fn parse(entry: &[u8]) -> Option<(Process, bool)> {
    let int = |offset: usize| Some(i32::from_ne_bytes(entry.get(offset..offset + 4)?.try_into().ok()?));
    let seconds = i64::from_ne_bytes(entry.get(START_SECONDS..START_SECONDS + 8)?.try_into().ok()?);
    let start = u64::try_from(seconds).ok()? * 1_000_000 + u64::try_from(int(START_MICROSECONDS)?).ok()?;
    let process = Process {
        key: ProcessKey { pid: u32::try_from(int(PID)?).ok()?, start },
        parent: u32::try_from(int(PARENT)?).ok()?,
        name: text(entry.get(NAME)?),
        has_terminal: int(TERMINAL)? != NO_TERMINAL,
        is_stopped: u32::from(*entry.get(STATE)?) == libc::SSTOP,
    };
    Some((process, u32::from(*entry.get(STATE)?) != libc::SZOMB))
}

/// `KERN_PROCARGS2`: the count of arguments, the path that was executed, padding, then arguments and environment.
fn count_and_words(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let count = usize::try_from(i32::from_ne_bytes(*count)).ok()?;
    let path_end = rest.iter().position(|&byte| byte == 0)?;
    let arguments = path_end + rest[path_end..].iter().position(|&byte| byte != 0)?;
    Some((count, &rest[arguments..]))
}

fn parse_arguments(bytes: &[u8]) -> Option<Vec<String>> {
    let (count, words) = count_and_words(bytes)?;
    let argv: Vec<String> = words
        .split(|&byte| byte == 0)
        .take(count)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    (!argv.is_empty()).then_some(argv)
}

fn parse_environment(bytes: &[u8]) -> Option<&[u8]> {
    let (count, words) = count_and_words(bytes)?;
    let length: usize = words.split_inclusive(|&byte| byte == 0).take(count).map(<[u8]>::len).sum();
    words.get(length..)
}

/// What stands before the first NUL.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_end_where_the_environment_begins() {
        let mut bytes = 3i32.to_ne_bytes().to_vec();
        bytes.extend_from_slice(b"/usr/bin/node\0\0\0\0node\0\0x\0HOME=/\0");
        assert_eq!(parse_arguments(&bytes).as_deref(), Some(["node", "", "x"].map(String::from).as_slice()));
        assert_eq!(parse_environment(&bytes), Some(&b"HOME=/\0"[..]));
        assert_eq!(parse_arguments(&bytes[..3]), None);
    }

    #[test]
    fn the_layout_holds_for_this_very_process() {
        let entry = sysctl(&[libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, std::process::id() as i32]);
        assert_eq!(entry.map(|entry| entry.len()), Some(ENTRY_BYTES));
    }
}
