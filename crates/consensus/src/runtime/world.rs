//! What a simulation puts in the place of time, chance and the scheduler of the operating system.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::{
    runtime::{Handle, Id},
    time::Instant,
};

use super::{Gate, NodeRandom};

thread_local! {
    /// By the tokio runtime that a node runs on. Empty but in a simulation, of which all nodes are on one thread.
    static WORLDS: RefCell<HashMap<Id, State>> = RefCell::default();
}

/// What a simulated node lives in. In place until it is dropped.
#[derive(Debug)]
pub struct World {
    runtime: Id,
}

/// How fast a clock goes, in millionths of how fast time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u32);

#[derive(Debug)]
struct State {
    rate: Rate,
    /// When node time and real time were the same.
    origin: Instant,
    random: SmallRng,
    gate: Gate,
}

// === impl World ===

impl World {
    /// Puts a world in place for the node that runs on the present tokio runtime: a clock that goes at `rate`, random
    /// numbers that follow from `seed`, and a `gate` behind which raft lives.
    pub fn put_in_place(rate: Rate, seed: u64, gate: Gate) -> Self {
        let runtime = Handle::current().id();
        let state = State {
            rate,
            origin: Instant::now(),
            random: SmallRng::seed_from_u64(seed),
            gate,
        };
        WORLDS.with_borrow_mut(|worlds| worlds.insert(runtime, state));
        Self { runtime }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        WORLDS.with_borrow_mut(|worlds| worlds.remove(&self.runtime));
    }
}

// === impl Rate ===

impl Rate {
    /// As fast as time passes.
    pub const TRUE: Self = Self(1_000_000);

    /// A clock that shows so many millionths of the time that has passed; at least one.
    pub fn from_millionths(millionths: u32) -> Self {
        Self(millionths.max(1))
    }

    /// What the clock shows of `time` that has passed.
    pub fn shown(self, time: Duration) -> Duration {
        let nanos = time.as_nanos().saturating_mul(u128::from(self.0)) / u128::from(Self::TRUE.0);
        within_time(nanos, time)
    }

    /// How long it takes until the clock shows that `time` has passed. Never too short by a part of a nanosecond:
    /// whoever waits for a moment would find that it has not come, and wait for no time at all, for ever.
    pub fn passing(self, time: Duration) -> Duration {
        let shown = time.as_nanos().saturating_mul(u128::from(Self::TRUE.0));
        within_time(shown.div_ceil(u128::from(self.0)), time)
    }
}

/// Raft knows times that mean "never": they stay as they are.
fn within_time(nanos: u128, time: Duration) -> Duration {
    u64::try_from(nanos).map_or(time, Duration::from_nanos)
}

/// The gate that what raft starts now lives behind.
pub(super) fn gate() -> Option<Gate> {
    here(|state| state.gate.clone())
}

/// How long the runtime has to wait for `time` to pass for the node.
pub(super) fn real(time: Duration) -> Duration {
    here(|state| state.rate.passing(time)).unwrap_or(time)
}

/// What the node takes a point in the time of the runtime for.
pub(super) fn node_instant(real: Instant) -> Instant {
    let shown = here(|state| state.origin + state.rate.shown(real - state.origin));
    shown.unwrap_or(real)
}

/// The point in the time of the runtime that the node takes for `node`.
pub(super) fn real_instant(node: Instant) -> Instant {
    let passed = here(|state| state.origin + state.rate.passing(node - state.origin));
    passed.unwrap_or(node)
}

/// Random numbers: a sequence of its own for each who asks.
pub(super) fn random() -> NodeRandom {
    let seeded = here(|state| SmallRng::seed_from_u64(state.random.random()));
    seeded.map_or_else(thread_random, NodeRandom::Seeded)
}

#[expect(clippy::disallowed_methods, reason = "what a simulation puts a seed in the place of")]
fn thread_random() -> NodeRandom {
    NodeRandom::Thread(rand::rng())
}

/// Looks into the world of the node that is running, if it is a simulated one.
fn here<T>(look: impl FnOnce(&mut State) -> T) -> Option<T> {
    WORLDS.with_borrow_mut(|worlds| {
        if worlds.is_empty() {
            return None;
        }
        let runtime = Handle::try_current().ok()?.id();
        worlds.get_mut(&runtime).map(look)
    })
}

#[cfg(test)]
mod tests {
    use openraft::{AsyncRuntime as _, Instant as _};
    use rand::Rng as _;

    use super::*;
    use crate::runtime::{NodeInstant, NodeRuntime};

    const LONG: Duration = Duration::from_secs(1_000);

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_goes_slow_waits_longer_than_it_thinks() {
        let _world = World::put_in_place(Rate::from_millionths(950_000), 1, Gate::default());
        let (began, real) = (NodeInstant::now(), Instant::now());
        NodeRuntime::sleep_until(began + LONG).await;
        assert_eq!(began.elapsed().as_secs(), LONG.as_secs());
        assert_eq!(real.elapsed().as_secs(), 1_052);
    }

    #[test]
    fn a_moment_that_was_waited_for_has_come() {
        for millionths in [950_000, 950_001, 999_999, 1_000_000, 1_000_001, 1_049_999, 1_050_000] {
            let rate = Rate::from_millionths(millionths);
            for nanos in (0..5_000).chain(1_000_000_000..1_000_001_000) {
                let time = Duration::from_nanos(nanos);
                assert!(rate.shown(rate.passing(time)) >= time, "{rate:?} {time:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_world_time_is_what_it_is() {
        let (began, real) = (NodeInstant::now(), Instant::now());
        NodeRuntime::sleep(LONG).await;
        assert_eq!(began.elapsed(), real.elapsed());
    }

    #[tokio::test]
    async fn a_seed_draws_the_same_numbers_and_each_who_asks_draws_others() {
        let draws = |seed| {
            let _world = World::put_in_place(Rate::TRUE, seed, Gate::default());
            [random().next_u64(), random().next_u64()]
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
        assert_ne!(draws(1)[0], draws(1)[1]);
    }
}
