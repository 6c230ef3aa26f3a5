//! What a seed decides before anything runs.

use std::time::Duration;

use quorate_consensus::runtime::Rate;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};

use crate::fault::Kind;

/// How long faults go on: each has begun by then that could.
pub(crate) const STORM: Duration = Duration::from_secs(16);

/// Before the first fault and after the last one clients have the cluster for themselves for so long.
pub(crate) const CALM: Duration = Duration::from_secs(1);

/// Faults of one run.
const FAULTS: usize = 14;

/// How many hosts there are beyond the first members, for those that come later.
pub(crate) const SPARES: usize = 3;

/// One run in so many has a relay.
const RELAYED_ONE_IN: u32 = 3;

/// Clocks go wrong by at most so many millionths: the bound that the design assumes.
const SKEW_MAX: u32 = 50_000;

/// What a run is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What all else follows from.
    pub(crate) seed: u64,
    /// Voters at the beginning.
    pub(crate) members: usize,
    /// Clients that load the cluster.
    pub(crate) clients: u32,
    /// How long a client rests between two operations, on average.
    pub(crate) pace: Duration,
    /// How fast the clock of each host goes.
    pub(crate) rates: Vec<Rate>,
    /// How long a message takes, at most.
    pub(crate) latency_max: Duration,
    /// How long a sync takes on each host.
    pub(crate) sync_times: Vec<Duration>,
    /// Entries that stay in the log behind a snapshot.
    pub(crate) keep_entries: u64,
    /// How long leases live without being renewed.
    pub(crate) ttl: Duration,
    /// Whether requests go through a relay, which costs half of the speed.
    pub(crate) is_relayed: bool,
    /// What breaks, and when after the load has begun.
    pub(crate) faults: Vec<Planned>,
}

/// A fault that is to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    /// When.
    pub(crate) at: Duration,
    /// What.
    pub(crate) kind: Kind,
}

// === impl Plan ===

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let members = *[3, 3, 3, 3, 5, 5, 5, 7]
            .get(rng.random_range(0..8))
            .expect("one of eight");
        let hosts = members + SPARES;
        let is_relayed = rng.random_range(0..RELAYED_ONE_IN) == 0;
        Self {
            seed,
            members,
            clients: rng.random_range(4..=7),
            pace: Duration::from_millis(rng.random_range(10..=40)),
            rates: (0..hosts).map(|_| draw_rate(&mut rng)).collect(),
            latency_max: Duration::from_millis(rng.random_range(2..=12)),
            sync_times: (0..hosts)
                .map(|_| Duration::from_millis(rng.random_range(1..=6)))
                .collect(),
            keep_entries: rng.random_range(0..=60),
            is_relayed,
            faults: draw_faults(&mut rng, is_relayed),
            ttl: Duration::from_millis(rng.random_range(2_000..=5_000)),
        }
    }
}

/// Clocks at the ends of what is allowed are more telling than those in the middle.
fn draw_rate(rng: &mut SmallRng) -> Rate {
    let skew = match rng.random_range(0..4) {
        0 => SKEW_MAX,
        1 => 0,
        _ => rng.random_range(0..=SKEW_MAX),
    };
    let true_rate = 1_000_000;
    Rate::from_millionths(if rng.random() {
        true_rate + skew
    } else {
        true_rate - skew
    })
}

/// Kinds in a random order, each at most once more than any other: what is rare in one run is not so in many.
fn draw_faults(rng: &mut SmallRng, is_relayed: bool) -> Vec<Planned> {
    let mut kinds = Kind::ALL.to_vec();
    kinds.retain(|kind| is_relayed || !kind.is_of_relay());
    kinds.shuffle(rng);
    // Where there is a relay, it is not for nothing.
    kinds.sort_by_key(|kind| !kind.is_of_relay());
    let mut faults: Vec<Planned> = kinds
        .into_iter()
        .cycle()
        .take(FAULTS)
        .map(|kind| {
            let at = rng.random_range(CALM.as_millis()..STORM.as_millis());
            let at = Duration::from_millis(u64::try_from(at).expect("a few seconds"));
            Planned { at, kind }
        })
        .collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}
