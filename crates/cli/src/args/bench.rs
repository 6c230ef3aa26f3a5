//! Flags of `bench`.

use std::time::Duration;

use clap::{Args, Subcommand, builder::RangedU64ValueParser};
use quorate_bench::{HoldPlan, LEASES_MAX, Peer};
use quorate_model::{DoorAddress, LeaseTtl};

use super::lease_ttl;
use crate::failure::Failure;

/// Longest that leases are held: a day. Whoever asks for more has mistaken the unit.
const SECONDS_MAX: i64 = 86_400;

/// See [`Verb::Bench`](super::Verb::Bench).
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) verb: BenchVerb,
}

/// What is to be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchVerb {
    /// Hold many leases at once, and tell what that costs and whether any of them lapses.
    ///
    /// They are granted by and renewed at the members behind all --endpoints, each every third of its time to live, and
    /// ended afterwards.
    Hold(HoldArgs),
}

/// See [`BenchVerb::Hold`].
#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    /// How many leases.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = lease_count())]
    leases: usize,
    /// How long each lives without being renewed.
    #[arg(long, value_parser = lease_ttl, value_name = "TIME", default_value = "15s")]
    ttl: LeaseTtl,
    /// For how many seconds they are held while it is measured.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=SECONDS_MAX))]
    seconds: u32,
    /// Register an instance with each lease.
    #[arg(long)]
    register: bool,
    /// The process of a server on this machine, whose cost is to be measured; may be repeated.
    ///
    /// By default those are measured that listen at the endpoints.
    #[arg(long = "pid", value_name = "PID", value_delimiter = ',')]
    pids: Vec<u32>,
    /// Measure a cluster of etcd instead, by the same program and in the same way: its endpoints.
    #[arg(long, value_name = "ADDR,…", value_delimiter = ',')]
    etcd: Vec<DoorAddress>,
    /// Double the leases until some lapse or are renewed late.
    #[arg(long)]
    pub(crate) find_max: bool,
    /// The most leases that are tried.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000_000,
        value_parser = lease_count(),
        requires = "find_max"
    )]
    pub(crate) most: usize,
}

// === impl HoldArgs ===

impl HoldArgs {
    /// What is to be held, at `endpoints` of Quorate unless they are those of a peer.
    pub(crate) fn plan(&self, endpoints: Vec<DoorAddress>) -> HoldPlan {
        let (peer, endpoints) = if self.etcd.is_empty() {
            (Peer::Quorate, endpoints)
        } else {
            (Peer::Etcd, self.etcd.clone())
        };
        HoldPlan {
            peer,
            endpoints,
            leases: self.leases,
            ttl: self.ttl,
            time: Duration::from_secs(self.seconds.into()),
            register: self.register,
            pids: self.pids.clone(),
        }
    }

    /// Refuses flags that contradict each other.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.find_max && self.most < self.leases {
            return Err(Failure::Usage(format!(
                "--most {} is below the {} leases to begin with; give more, or fewer --leases",
                self.most, self.leases
            )));
        }
        Ok(())
    }

    /// Whether a peer is measured.
    pub(crate) fn is_of_a_peer(&self) -> bool {
        !self.etcd.is_empty()
    }
}

fn lease_count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=LEASES_MAX as u64)
}
