//! What servers of this machine cost, as the operating system counts it.

use std::{
    collections::{BTreeSet, HashSet},
    net::{IpAddr, SocketAddr},
};

use procfs::{
    ProcError,
    net::{TcpState, tcp, tcp6},
    process::{FDTarget, Process, Stat, all_processes},
};
use quorate_model::DoorAddress;
use tokio::{net::lookup_host, time::Instant};

use crate::Error;

const BYTES_PER_MIB: f64 = 1_048_576.0;

/// The processor time that processes have had so far.
#[derive(Debug)]
pub(crate) struct Usage {
    at: Instant,
    ticks: u64,
}

// === impl Usage ===

impl Usage {
    /// That of these processes.
    pub(crate) fn of(pids: &[u32]) -> Result<Self, Error> {
        let mut ticks = 0;
        for &pid in pids {
            let stat = stat(pid)?;
            ticks += stat.utime + stat.stime;
        }
        Ok(Self {
            at: Instant::now(),
            ticks,
        })
    }

    /// How many processors were busy with them since `before`, on average.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(crate) fn cores_since(&self, before: &Self) -> f64 {
        let ticks = self.ticks.saturating_sub(before.ticks) as f64;
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        ticks / procfs::ticks_per_second() as f64 / seconds.max(f64::EPSILON)
    }
}

/// The memory that these processes have in use together, in MiB.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn rss_mib(pids: &[u32]) -> Result<f64, Error> {
    let mut pages = 0;
    for &pid in pids {
        pages += stat(pid)?.rss;
    }
    Ok((pages * procfs::page_size()) as f64 / BYTES_PER_MIB)
}

fn stat(pid: u32) -> Result<Stat, Error> {
    // The operating system counts up to there.
    let looked_at = i32::try_from(pid).map_err(|error| ProcError::Other(error.to_string()));
    let stat = looked_at.and_then(Process::new).and_then(|process| process.stat());
    stat.map_err(|error| Error::Process {
        pid,
        problem: error.to_string(),
    })
}

/// The processes of this machine that listen at these doors, as far as this process may know of them.
pub(crate) async fn listening_at(doors: &[DoorAddress]) -> Vec<u32> {
    let mut addresses = HashSet::new();
    for door in doors {
        if let Ok(found) = lookup_host(door.to_string()).await {
            addresses.extend(found);
        }
    }
    let sockets = sockets_at(&addresses);
    let processes = all_processes().into_iter().flatten().flatten();
    let listening = processes.filter(|process| {
        let files = process.fd().into_iter().flatten().flatten();
        let mut sockets_of = files.filter_map(|file| match file.target {
            FDTarget::Socket(inode) => Some(inode),
            FDTarget::Path(_)
            | FDTarget::Net(_)
            | FDTarget::Pipe(_)
            | FDTarget::AnonInode(_)
            | FDTarget::MemFD(_)
            | FDTarget::Other(..)
            | FDTarget::Unknown(..) => None,
        });
        sockets_of.any(|inode| sockets.contains(&inode))
    });
    listening
        .filter_map(|process| u32::try_from(process.pid).ok())
        .collect()
}

/// The inodes of the sockets that listen there.
fn sockets_at(addresses: &HashSet<SocketAddr>) -> BTreeSet<u64> {
    let entries = tcp().into_iter().chain(tcp6()).flatten();
    let listening = entries.filter(|entry| entry.state == TcpState::Listen);
    let there = listening.filter(|entry| addresses.iter().any(|address| takes(entry.local_address, *address)));
    there.map(|entry| entry.inode).collect()
}

/// Whether who connects to `address` on this machine is taken by whoever listens at `at`.
fn takes(at: SocketAddr, address: SocketAddr) -> bool {
    let any = |ip: IpAddr| ip.is_unspecified();
    at.port() == address.port() && (at.ip() == address.ip() || any(at.ip()) && address.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn this_process_can_be_looked_at_and_one_that_is_not_there_cannot() {
        let own = std::process::id();
        let before = Usage::of(&[own]).unwrap();
        assert!(Usage::of(&[own]).unwrap().cores_since(&before) >= 0.0);
        assert!(rss_mib(&[own]).unwrap() > 1.0);
        for gone in [0, u32::MAX] {
            assert!(matches!(Usage::of(&[gone]), Err(Error::Process { pid, .. }) if pid == gone));
        }
    }

    #[tokio::test]
    async fn who_listens_on_this_machine_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let door: DoorAddress = listener.local_addr().unwrap().to_string().parse().unwrap();
        assert_eq!(listening_at(std::slice::from_ref(&door)).await, [std::process::id()]);
        drop(listener);
        assert_eq!(listening_at(&[door]).await, []);
    }
}
