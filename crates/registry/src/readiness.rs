//! Whether this member serves: it has a leader that a quorum confirms, and has caught up with it.

use std::time::Duration;

use tokio::sync::watch;

/// How long a member that was ready stays so while no quorum confirms its leader: longer than an election takes,
/// so that clients do not run from one member to the other while all of them elect.
const UNCONFIRMED_MAX: Duration = Duration::from_secs(5);

/// Whether this member is ready, for whoever wants to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness {
    ready: watch::Sender<bool>,
}

// === impl Readiness ===

impl Readiness {
    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Takes note of the last moment as of which this member was fresh.
    pub(crate) fn follow(&self, fresh_as_of: Option<Duration>, now: Duration) {
        let ready = fresh_as_of.is_some_and(|as_of| now.saturating_sub(as_of) <= UNCONFIRMED_MAX);
        let changed = self
            .ready
            .send_if_modified(|before| std::mem::replace(before, ready) != ready);
        match (changed, ready) {
            (true, true) => tracing::info!("ready: caught up with the leader"),
            (true, false) => tracing::warn!(
                unconfirmed_ms = UNCONFIRMED_MAX.as_millis(),
                "not ready any more: no quorum has confirmed a leader for so long; stale reads are still answered"
            ),
            (false, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Duration = Duration::from_secs(100);

    #[test]
    fn a_member_is_ready_once_it_has_caught_up() {
        let readiness = Readiness::default();
        readiness.follow(None, T0);
        assert!(!readiness.is_ready());
        readiness.follow(Some(T0), T0);
        assert!(readiness.is_ready());
    }

    #[test]
    fn an_election_leaves_it_ready_and_a_lost_quorum_does_not() {
        let readiness = Readiness::default();
        readiness.follow(Some(T0), T0 + UNCONFIRMED_MAX);
        assert!(readiness.is_ready());
        readiness.follow(Some(T0), T0 + UNCONFIRMED_MAX + Duration::from_millis(1));
        assert!(!readiness.is_ready());
    }

    #[tokio::test]
    async fn whoever_watches_is_told_of_changes_only() {
        let readiness = Readiness::default();
        let mut watcher = readiness.subscribe();
        readiness.follow(None, T0);
        assert!(!watcher.has_changed().unwrap());
        readiness.follow(Some(T0), T0);
        assert!(*watcher.wait_for(|ready| *ready).await.unwrap());
    }
}
