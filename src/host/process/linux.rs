//! The process table of Linux: `/proc`.

use super::{Lookup, Process, ProcessKey};
use rustix::io::retry_on_intr;
use rustix::process::Pid;
use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::io;
use std::sync::OnceLock;

/// A stat line is some 300 bytes and never 1000: 52 numbers and a name of at most 64 bytes.
const STAT_LIMIT: usize = 2048;
const ARGV_LIMIT: usize = 4096;
/// What `sysconf(_SC_CLK_TCK)` says on every architecture that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

pub(super) fn look_up(pid: u32) -> Lookup {
    match look_up_as_shown(pid) {
        Lookup::Alive(process) => Lookup::Alive(Process { key: in_machine_time(process.key), ..process }),
        other => other,
    }
}

pub(super) fn are_clocks_shifted() -> bool {
    clock_offsets() != ClockOffsets::default()
}

pub(super) fn look_up_as_shown(pid: u32) -> Lookup {
    let mut buffer = [0; STAT_LIMIT];
    match read_at_once(&format!("/proc/{pid}/stat"), &mut buffer) {
        Ok(stat) => parse_stat(pid, stat),
        Err(error) if is_absence(&error) && !exists(pid) => Lookup::Gone,
        Err(_) => Lookup::Unknown,
    }
}

fn in_machine_time(key: ProcessKey) -> ProcessKey {
    let offset_ticks = clock_offsets().boot_ms / (1000 / TICKS_PER_SECOND.cast_signed());
    ProcessKey { start: key.start.saturating_add_signed(-offset_ticks), ..key }
}

pub(super) fn argv(pid: u32) -> Option<Vec<String>> {
    let mut buffer = [0; ARGV_LIMIT];
    let bytes = read_at_once(&format!("/proc/{pid}/cmdline"), &mut buffer).ok()?;
    let is_cut = bytes.len() == ARGV_LIMIT;
    // A process that writes a title over its arguments pads the rest with zeros.
    let end = bytes.iter().rposition(|&byte| byte != 0)? + 1;
    let mut argv: Vec<String> =
        bytes[..end].split(|&byte| byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect();
    if is_cut && argv.len() > 1 {
        argv.pop(); // half an argument could be taken for a whole one
    }
    Some(argv)
}

/// Whole: a variable may stand at any place.
pub(super) fn environment(pid: u32) -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/{pid}/environ")).ok()
}

pub(super) fn table_is_ours() -> bool {
    let own = std::process::id().to_string();
    std::fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.as_str())
}

/// Every living process that can be read.
pub(super) fn all() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| match look_up(pid) {
        Lookup::Alive(process) => Some(process),
        Lookup::Gone | Lookup::Unknown => None,
    })
    .collect()
}

/// The `start` of a process that was born `age_ms` ago.
pub(super) fn start_ago(age_ms: u64) -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let now_ms = now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000;
    let now_ms = now_ms.saturating_add_signed(-clock_offsets().boot_ms);
    now_ms.saturating_sub(age_ms) * TICKS_PER_SECOND / 1000
}

/// How much further the clocks are in this time namespace than on the machine, which is what records are dated by. Starts of
/// processes are shown shifted alike. See time_namespaces(7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::host) struct ClockOffsets {
    /// Of the clock that stands still while the machine sleeps.
    pub(in crate::host) monotonic_ms: i64,
    /// Of the clock that goes on.
    pub(in crate::host) boot_ms: i64,
}

/// No process changes its own.
pub(in crate::host) fn clock_offsets() -> ClockOffsets {
    static OFFSETS: OnceLock<ClockOffsets> = OnceLock::new();
    *OFFSETS.get_or_init(|| {
        let mut buffer = [0; 256];
        // A system without time namespaces has no such file.
        let text = read_at_once("/proc/self/timens_offsets", &mut buffer).unwrap_or_default();
        parse_offsets(&String::from_utf8_lossy(text))
    })
}

fn parse_offsets(text: &str) -> ClockOffsets {
    let offset_of = |clock: &str| {
        let words = text
            .lines()
            .map(str::split_whitespace)
            .find_map(|mut words| (words.next() == Some(clock)).then_some(words));
        let numbers: Vec<i64> = words.into_iter().flatten().filter_map(|word| word.parse().ok()).collect();
        if let [seconds, nanoseconds] = numbers[..] { seconds * 1000 + nanoseconds / 1_000_000 } else { 0 }
    };
    ClockOffsets { monotonic_ms: offset_of("monotonic"), boot_ms: offset_of("boottime") }
}

/// One `read` fetches a file of `/proc`, or any of a line, whole, up to the buffer's length.
pub(in crate::host) fn read_at_once<'a>(path: &str, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let file = File::open(path)?;
    let length = retry_on_intr(|| rustix::io::read(&file, &mut *buffer))?;
    Ok(&buffer[..length])
}

/// ESRCH: it died between the opening and the reading.
fn is_absence(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Asked when `/proc` has no entry, which alone proves nothing: `hidepid` hides other people's processes, and `/proc`
/// may not be mounted at all.
fn exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

fn parse_stat(pid: u32, stat: &[u8]) -> Lookup {
    match parse_fields(pid, stat) {
        Some((process, true)) => Lookup::Alive(process),
        Some((_, false)) => Lookup::Gone,
        None => Lookup::Unknown,
    }
}

/// The process, and whether it lives. See proc_pid_stat(5) for the fields.
fn parse_fields(pid: u32, stat: &[u8]) -> Option<(Process, bool)> {
    // The name may hold anything, also parentheses and line feeds; no later field holds a parenthesis.
    let open = stat.iter().position(|&byte| byte == b'(')?;
    let close = stat.iter().rposition(|&byte| byte == b')')?;
    let name = stat.get(open + 1..close)?;
    if number(stat[..open].trim_ascii())? != u64::from(pid) {
        return None;
    }
    let fields: Vec<&[u8]> = stat[close + 1..].trim_ascii().split(|&byte| byte == b' ').take(20).collect();
    // The state, first after the name, is field 3.
    let field = |number: usize| fields.get(number - 3).copied();
    let threads = number(field(20)?)?;
    let process = Process {
        key: ProcessKey { pid, start: number(field(22)?)? },
        parent: u32::try_from(number(field(4)?)?).ok()?,
        name: String::from_utf8_lossy(name).into_owned(),
        has_terminal: field(7)? != b"0",
        is_stopped: field(3)? == b"T",
    };
    Some((process, is_alive(field(3)?, threads)))
}

/// A process whose first thread has exited while others run on shows as a zombie, too.
fn is_alive(state: &[u8], threads: u64) -> bool {
    match state {
        b"X" | b"x" => false,
        b"Z" => threads > 1,
        _ => true,
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(name: &str, state: &str, threads: u32) -> String {
        format!("42 ({name}) {state} 7 42 42 34816 42 4194304 1 0 0 0 0 0 0 0 20 0 {threads} 0 1234 5 6\n")
    }

    #[test]
    fn fields_are_found_behind_any_name() {
        for name in ["sh", "a b", ") S 1 2", "((", "x\ny)", ""] {
            let Lookup::Alive(process) = parse_stat(42, stat(name, "S", 1).as_bytes()) else {
                panic!("{name:?} was not understood");
            };
            assert_eq!(process.key, ProcessKey { pid: 42, start: 1234 });
            assert_eq!((process.parent, process.name.as_str(), process.has_terminal), (7, name, true));
            assert!(!process.is_stopped);
        }
    }

    #[test]
    fn the_dead_are_gone_unless_threads_run_on() {
        assert_eq!(parse_stat(42, stat("x", "Z", 1).as_bytes()), Lookup::Gone);
        assert_eq!(parse_stat(42, stat("x", "X", 0).as_bytes()), Lookup::Gone);
        assert!(matches!(parse_stat(42, stat("x", "Z", 3).as_bytes()), Lookup::Alive(_)));
        assert!(matches!(parse_stat(42, stat("x", "T", 1).as_bytes()), Lookup::Alive(_)));
    }

    #[test]
    fn what_is_not_understood_is_unknown() {
        for text in
            ["", "42", "42 (x", "42 x) S", ")42(", "42 (x) S 7", "41 (x) S 7 1 1 0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 9"]
        {
            assert_eq!(parse_stat(42, text.as_bytes()), Lookup::Unknown, "{text:?}");
        }
    }

    #[test]
    fn clock_offsets_are_read_as_the_kernel_writes_them() {
        let text = "monotonic       10800         0\nboottime           -5 250000000\n";
        assert_eq!(parse_offsets(text), ClockOffsets { monotonic_ms: 10_800_000, boot_ms: -4_750 });
        assert_eq!(parse_offsets(""), ClockOffsets::default());
    }

    #[test]
    fn starts_grow_towards_now() {
        assert!(start_ago(1000) < start_ago(0));
        assert_eq!(start_ago(u64::MAX), 0);
    }
}
