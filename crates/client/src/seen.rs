//! What a client has seen of the catalog, so that it never sees less afterwards.

use std::sync::{Mutex, MutexGuard, PoisonError};

use quorate_model::{Epoch, Revision};

/// The newest state that a client has seen. It only ever grows, within one epoch.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Option<State>>);

/// A state of the catalog, named for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) epoch: Epoch,
    pub(crate) revision: Revision,
}

// === impl Seen ===

impl Seen {
    /// The newest state so far; nothing, if none was seen.
    pub(crate) fn newest(&self) -> Option<State> {
        *self.lock()
    }

    /// Takes note of a state. One of another epoch says that the catalog has been restored: revisions start anew.
    pub(crate) fn observe(&self, state: State) {
        let mut newest = self.lock();
        match *newest {
            Some(known) if known.epoch == state.epoch && known.revision >= state.revision => {}
            Some(_) | None => *newest = Some(state),
        }
    }

    /// Forgets the states of `epoch`, which the cluster does not have any more.
    pub(crate) fn forget(&self, epoch: Epoch) {
        let mut newest = self.lock();
        if newest.is_some_and(|known| known.epoch == epoch) {
            *newest = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(epoch: u64, revision: u64) -> State {
        let (epoch, revision) = (Epoch::new(epoch), Revision::new(revision));
        State { epoch, revision }
    }

    #[test]
    fn what_was_seen_grows_within_an_epoch_and_starts_anew_with_the_next() {
        let seen = Seen::default();
        assert_eq!(seen.newest(), None);
        for (observed, newest) in [((1, 5), (1, 5)), ((1, 3), (1, 5)), ((1, 8), (1, 8)), ((2, 1), (2, 1))] {
            seen.observe(state(observed.0, observed.1));
            assert_eq!(seen.newest(), Some(state(newest.0, newest.1)));
        }
        seen.forget(Epoch::new(1));
        assert_eq!(seen.newest(), Some(state(2, 1)), "another epoch was meant");
        seen.forget(Epoch::new(2));
        assert_eq!(seen.newest(), None);
    }
}
