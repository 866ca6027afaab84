//! Which ports of this machine somebody listens on, so that each job gets some that nobody does.
//!
//! Found by taking each for a moment, which is what the job will do; nobody is connected to. Between the look and the job's
//! own use anybody may take one.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

/// Where somebody may listen that a job would meet. Linux reports a listener on all addresses at any of them; the others do
/// not, and are asked for all.
#[cfg(target_os = "linux")]
const ADDRESSES: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
#[cfg(not(target_os = "linux"))]
const ADDRESSES: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
];

/// What is busy is looked at so often: whoever else looks has a port for a moment, too.
const LOOKS: usize = 4;

/// The ports from `from` to `to`, both included, that cannot be listened on.
pub fn busy(from: u16, to: u16) -> Vec<u16> {
    let cannot = |port: &u16| ADDRESSES.iter().any(|address| is_busy(*address, *port));
    let mut busy: Vec<u16> = (from..=to).filter(cannot).collect();
    for _ in 1..LOOKS {
        std::thread::yield_now();
        busy.retain(cannot);
    }
    busy
}

fn is_busy(address: IpAddr, port: u16) -> bool {
    match TcpListener::bind((address, port)) {
        Ok(_) => false,
        // Without this kind of address, nobody is met there.
        Err(error) => matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

    use super::*;

    #[test]
    fn a_port_is_busy_while_somebody_listens() {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listeners: Vec<TcpListener> = (0..16).map(|_| TcpListener::bind(address).unwrap()).collect();
            let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
            assert!(ports.iter().all(|port| busy(*port, *port) == [*port]), "{address}");
            drop(listeners);
            // A process that another test is just starting has them all for a moment.
            let is_one_free = || ports.iter().any(|port| busy(*port, *port).is_empty());
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while !is_one_free() && std::time::Instant::now() < deadline {
                std::thread::yield_now();
            }
            assert!(is_one_free(), "{address}");
        }
    }

    #[test]
    fn either_kind_of_address_counts() {
        // Some machines have no IPv6.
        let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
        let port = listener.local_addr().unwrap().port();
        assert_eq!(busy(port, port), [port]);
    }

    #[test]
    fn the_last_port_is_looked_at_and_a_range_the_wrong_way_round_is_empty() {
        let listener = TcpListener::bind("127.0.0.1:65535");
        assert_eq!(busy(u16::MAX, u16::MAX), [u16::MAX]);
        drop(listener);
        assert!(busy(2, 1).is_empty());
    }
}
