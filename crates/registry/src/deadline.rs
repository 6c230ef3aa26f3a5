//! The moment by which a request has to be answered.

use std::{sync::Arc, time::Duration};

use quorate_model::Clock;
use tokio::time::timeout;

/// The moment by which something has to be done.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    clock: Arc<dyn Clock>,
    at: Duration,
}

/// The deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed;

// === impl Deadline ===

impl Deadline {
    /// In `time_left` from now.
    pub(crate) fn after(clock: Arc<dyn Clock>, time_left: Duration) -> Self {
        let at = clock.now().saturating_add(time_left);
        Self { clock, at }
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Result<Duration, Passed> {
        let left = self.at.saturating_sub(self.clock.now());
        if left.is_zero() { Err(Passed) } else { Ok(left) }
    }

    /// Waits for `future`, and no longer than there is time.
    pub(crate) async fn wait_for<T>(&self, future: impl Future<Output = T>) -> Result<T, Passed> {
        timeout(self.left()?, future).await.map_err(|_| Passed)
    }
}
