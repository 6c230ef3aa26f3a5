//! How soon writes are back when a leader is gone: the time from the fault to the first write that began after it and
//! was acknowledged.

use quorate_tests::{History, figure};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::faults::{
    field::Field,
    kind::{Ground, Kind, Lost, Whom},
    strike::{FLOOR, FLOOR_WITHIN},
};

/// Failovers of one cluster.
const BATCH: usize = 10;

/// How a leader is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failover {
    /// It was killed with SIGKILL.
    Kill,
    /// It was stopped with SIGSTOP.
    Pause,
    /// The other members do not reach it, nor it them, but clients do.
    Partition,
}

// === impl Failover ===

impl Failover {
    pub(super) const ALL: [Self; 3] = [Self::Kill, Self::Pause, Self::Partition];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Partition => "partition",
        }
    }

    fn ground(self) -> Ground {
        match self {
            Self::Kill | Self::Pause => Ground::Host,
            Self::Partition => Ground::Namespaces,
        }
    }

    /// What it needs that is not here.
    pub(super) fn missing(self) -> Option<String> {
        match self {
            Self::Kill | Self::Pause => None,
            Self::Partition => Kind::Lose(Lost::Partition(Whom::Leader)).missing(),
        }
    }

    async fn strike(self, field: &Field, leader: u64) {
        let member = field.cluster.member(leader);
        match self {
            Self::Kill => member.kill(),
            Self::Pause => member.pause_now().await,
            Self::Partition => {
                let others: Vec<u64> = (1..=3).filter(|number| *number != leader).collect();
                field.network().deafen(leader, &others);
                field.network().mute(leader, &others);
            }
        }
    }

    fn heal(self, field: &Field, leader: u64) {
        let member = field.cluster.member(leader);
        match self {
            Self::Kill => member.start(),
            Self::Pause => member.resume(),
            Self::Partition => field.network().heal(),
        }
    }
}

/// Takes the leader of a cluster away again and again, and tells how long each time no write was acknowledged.
pub(super) async fn run(failover: Failover, seed: u64) -> Value {
    let field = match Field::prepare(failover.ground()).await {
        Ok(field) => field,
        Err(problem) => return json!({ "gaps_ms": [], "skipped": problem }),
    };
    let mut rng = SmallRng::seed_from_u64(seed);
    let (mut history, mut gaps_ms) = (History::default(), Vec::new());
    for number in 0..BATCH {
        let load = field.load(&format!("{number}-"), rng.random());
        load.acknowledges(rng.random_range(FLOOR..5 * FLOOR), FLOOR_WITHIN)
            .await;
        let leader = field.cluster.leader().await.number();
        let struck = Instant::now();
        failover.strike(&field, leader).await;
        load.acknowledges(FLOOR, FLOOR_WITHIN).await;
        failover.heal(&field, leader);
        field.wait_ready().await;
        let written = load.stop().await;
        let gap = written.gap_after(struck);
        figure(format_args!(
            "{}: member {leader}, writes back after {gap:?}",
            failover.name()
        ));
        gaps_ms.push(u64::try_from(gap.as_millis()).unwrap_or(u64::MAX));
        history.append(written);
    }
    field.cluster.assert_kept(&history).await;
    let (acknowledged, _, _) = history.counts();
    json!({ "gaps_ms": gaps_ms, "operations": history.operations().len(), "acknowledged": acknowledged })
}
