//! One fault: it strikes, is seen to have happened, and is healed.

mod clocks;
mod disks;
mod links;
mod members;
mod network;
mod processes;

use std::time::Duration;

use quorate_tests::Load;
use rand::{RngExt as _, rngs::SmallRng};

use super::{
    field::Field,
    kind::{Kind, Whom},
};

/// Writes that have to be acknowledged before a fault, after it, and during it if a majority is left.
pub(super) const FLOOR: usize = 40;

/// How long those may take: several elections on a busy machine, and the deadlines of requests that hang.
pub(super) const FLOOR_WITHIN: Duration = Duration::from_secs(60);

/// How long a fault may take to have its effect.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// Strikes `field` with a fault while `load` writes, and heals it. Tells what was seen of it; if nothing was, this
/// fails the test.
pub(super) async fn strike(kind: Kind, field: &mut Field, load: &Load, rng: &mut SmallRng) -> String {
    match kind {
        Kind::Kill(whom) => processes::kill(field, load, pick(whom, field, rng).await).await,
        Kind::KillAll => processes::kill_all(field),
        Kind::KillOpening => processes::kill_opening(field, rng).await,
        Kind::Pause(whom) => processes::pause(field, load, whom, rng).await,
        Kind::PauseMajority => processes::pause_majority(field, load, rng).await,
        Kind::Spoil(between, spoiled) => links::spoil(field, load, between, spoiled, rng).await,
        Kind::Lose(lost) => network::lose(field, load, lost, rng).await,
        Kind::SyncFails(whom) => disks::sync_fails(field, load, pick(whom, field, rng).await).await,
        Kind::SyncSlow(whom) => disks::sync_slow(field, load, pick(whom, field, rng).await, rng).await,
        Kind::Clock(off) => clocks::off(field, load, off, rng).await,
        Kind::Replace => members::replace(field, load, rng).await,
    }
}

/// The number of the leader, or of one of the followers.
async fn pick(whom: Whom, field: &Field, rng: &mut SmallRng) -> u64 {
    let numbers = field.leader_first().await;
    match whom {
        Whom::Leader => numbers[0],
        Whom::Follower => numbers[rng.random_range(1..numbers.len())],
    }
}

/// The number of any member.
async fn any(field: &Field, rng: &mut SmallRng) -> u64 {
    let numbers = field.leader_first().await;
    numbers[rng.random_range(0..numbers.len())]
}

/// A time between these two.
fn time(rng: &mut SmallRng, min_ms: u64, max_ms: u64) -> Duration {
    Duration::from_millis(rng.random_range(min_ms..=max_ms))
}

/// How long a fault lasts that has its effect by lasting: this waits for nothing.
async fn lasts(time: Duration) {
    tokio::time::sleep(time).await;
}
