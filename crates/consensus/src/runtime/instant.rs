//! Points in the time of a node.

use std::{
    ops::{Add, AddAssign, Sub, SubAssign},
    time::Duration,
};

use openraft::Instant;
use tokio::time;

use super::world;

/// A point in the time of a node, whose clock may go faster or slower than that of others. Comparable with points of the
/// same node only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeInstant(time::Instant);

// === impl NodeInstant ===

impl NodeInstant {
    /// When it is, by the clock of the runtime.
    pub(super) fn real(self) -> time::Instant {
        world::real_instant(self.0)
    }
}

impl Instant for NodeInstant {
    fn now() -> Self {
        Self(world::node_instant(time::Instant::now()))
    }
}

impl Add<Duration> for NodeInstant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0 + time)
    }
}

impl AddAssign<Duration> for NodeInstant {
    fn add_assign(&mut self, time: Duration) {
        self.0 += time;
    }
}

impl Sub<Duration> for NodeInstant {
    type Output = Self;

    fn sub(self, time: Duration) -> Self {
        Self(self.0 - time)
    }
}

impl Sub for NodeInstant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0 - earlier.0
    }
}

impl SubAssign<Duration> for NodeInstant {
    fn sub_assign(&mut self, time: Duration) {
        self.0 -= time;
    }
}
