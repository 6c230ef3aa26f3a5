//! Addresses that nobody else uses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use crate::random;

/// The port that marks an address as taken.
const CLAIM_PORT: u16 = 7_299;

/// Far more than there are tests at a time, of 16 million addresses.
const ATTEMPTS_MAX: u32 = 100;

/// An address of this host that nobody else uses while this value lives. All of its ports are free: unlike a
/// port that was found free, they stay so while a member is down.
#[derive(Debug)]
pub struct Loopback {
    ip: IpAddr,
    _claim: TcpListener,
}

// === impl Loopback ===

impl Loopback {
    /// Takes an address.
    pub fn claim() -> Self {
        let mut rng = SmallRng::seed_from_u64(random::entropy());
        let mut attempt = || {
            // Not 127.0.0.0/16, where other programs are.
            let ip = IpAddr::from(Ipv4Addr::new(
                127,
                rng.random_range(1..=254),
                rng.random_range(1..=254),
                rng.random_range(1..=254),
            ));
            TcpListener::bind((ip, CLAIM_PORT)).map(|claim| Self { ip, _claim: claim })
        };
        (1..ATTEMPTS_MAX)
            .find_map(|_| attempt().ok())
            .unwrap_or_else(|| attempt().expect("this host answers at all of 127.0.0.0/8"))
    }

    /// One of its ports.
    pub fn port(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }
}
