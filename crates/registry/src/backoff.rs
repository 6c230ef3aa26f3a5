//! Pauses between tries: each twice as long as the one before, up to a limit.

use std::time::Duration;

use tokio::time::sleep;

/// Pauses that grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    first: Duration,
    next: Duration,
    max: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// Pauses from `first` to `max`.
    pub(crate) const fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            next: first,
            max,
        }
    }

    /// Between two tries of a request to find the leader: less than an election takes, so that the request is
    /// there when the new leader is, and enough for one not to be in the way of it.
    pub(crate) const fn of_request() -> Self {
        Self::new(Duration::from_millis(5), Duration::from_millis(50))
    }

    /// How long to pause this time.
    pub(crate) fn advance(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        pause
    }

    /// Pauses.
    pub(crate) async fn pause(&mut self) {
        sleep(self.advance()).await;
    }

    /// Begins again with the shortest pause.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_begin_again_after_a_success() {
        let mut backoff = Backoff::of_request();
        let pauses: Vec<_> = (0..6).map(|_| backoff.advance().as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 50, 50]);
        backoff.reset();
        assert_eq!(backoff.advance().as_millis(), 5);
    }
}
