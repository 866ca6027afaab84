//! Which machine this is, which boot of it, and which pid namespace we are in; and the clock that stops with it.
//!
//! Owns: the three facts that decide whether a recorded process id can be judged from here. Guarantees: what cannot be
//! found out is an empty string, and an empty string is the same as nothing, not even as another one. Does not: judge
//! any process, or keep anything between calls.

#[cfg(target_os = "macos")]
use super::process::macos;
#[cfg(target_os = "linux")]
use super::process::{linux, table_is_ours};
use crate::protocol::evidence::Machine;

/// The namespace of a machine's first process (`PROC_PID_INIT_INO` in Linux's `include/linux/proc_ns.h`).
#[cfg(target_os = "linux")]
const INITIAL_PID_NAMESPACE: &str = "4026531836";
/// macOS has one table of processes for all.
#[cfg(target_os = "macos")]
const INITIAL_PID_NAMESPACE: &str = "0";

/// Whether every process of the machine can be seen from here. In a container or a sandbox with a pid namespace of its
/// own, what stands above its first process cannot.
pub fn sees_all_processes(machine: &Machine) -> bool {
    machine.pid_namespace == INITIAL_PID_NAMESPACE
}

/// Reads four small files on Linux, makes a few system calls on macOS: call it once a command.
pub fn machine() -> Machine {
    let boot_id = boot_id();
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    Machine { host: host(&name, &machine_id(), &boot_id), boot_id, pid_namespace: pid_namespace() }
}

/// Milliseconds the machine has been awake since it was booted: never steps, and stands still while it sleeps.
pub fn awake_ms() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now_ms = now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000;
        now_ms.saturating_add_signed(-linux::clock_offsets().monotonic_ms)
    }
    #[cfg(target_os = "macos")]
    macos::awake_ms()
}

/// The machine's id decides, else the boot's: containers share the kernel's boot id, but have names and namespaces of
/// their own. With neither, the name alone would be taken for any other `localhost`.
fn host(name: &str, machine_id: &str, boot_id: &str) -> String {
    match id_start(machine_id).or_else(|| id_start(boot_id)) {
        Some(start) if !name.is_empty() => format!("{name}-{start}"),
        _ => String::new(),
    }
}

/// The first eight digits of an id; `None` for what is no id, such as systemd's `uninitialized`.
fn id_start(id: &str) -> Option<&str> {
    id.get(..8).filter(|start| start.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(target_os = "linux")]
fn machine_id() -> String {
    first_line("/etc/machine-id")
}

#[cfg(target_os = "macos")]
fn machine_id() -> String {
    macos::host_uuid()
}

/// What tells this boot from every other.
#[cfg(target_os = "linux")]
pub fn boot_id() -> String {
    first_line("/proc/sys/kernel/random/boot_id")
}

/// What tells this boot from every other.
#[cfg(target_os = "macos")]
pub fn boot_id() -> String {
    macos::system_text("kern.bootsessionuuid").to_ascii_lowercase()
}

#[cfg(target_os = "linux")]
fn pid_namespace() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let number = link.to_str().and_then(|link| link.strip_prefix("pid:[")?.strip_suffix(']'));
    number.filter(|_| table_is_ours()).unwrap_or_default().to_owned()
}

#[cfg(target_os = "macos")]
fn pid_namespace() -> String {
    INITIAL_PID_NAMESPACE.to_owned()
}

#[cfg(target_os = "linux")]
fn first_line(path: &str) -> String {
    // Longer than any id.
    let mut buffer = [0; 128];
    let text = String::from_utf8_lossy(linux::read_at_once(path, &mut buffer).unwrap_or_default());
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_stays_the_same() {
        let machine = machine();
        assert_eq!(machine, super::machine());
        assert!(machine.is_boot(&machine.host, &machine.boot_id));
        assert!(machine.pid_namespace.bytes().all(|byte| byte.is_ascii_digit()));
    }

    #[test]
    fn the_unknown_is_the_same_as_nothing() {
        let unknown = Machine::default();
        assert!(!unknown.is_host("") && !unknown.is_boot("", "") && !unknown.sees("", "", ""));
        assert!(!sees_all_processes(&unknown));
        assert!(!machine().is_host(""));
    }

    #[test]
    fn a_host_needs_a_name_and_an_id() {
        assert_eq!(host("a", "3d1219c7c4c5404a", "b5a0"), "a-3d1219c7");
        assert_eq!(host("a", "uninitialized", "b5a01234-77"), "a-b5a01234");
        assert_eq!(host("a", "", ""), "");
        assert_eq!(host("", "3d1219c7c4c5404a", ""), "");
    }

    #[test]
    fn awake_time_moves_on() {
        let before = awake_ms();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(awake_ms() > before);
    }
}
