//! Which writes of a session are under way, by their numbers.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use quorate_model::{LeaseId, RequestKey, Sequence, limits::OUTCOME_WINDOW};
use tokio::sync::Notify;

/// The writes of a session that are under way. The cluster keeps the outcomes of the last [`OUTCOME_WINDOW`] numbers,
/// so that no two of them are further apart than that.
#[derive(Debug)]
pub(super) struct Window {
    numbers: Mutex<Numbers>,
    /// Told when the lowest one has come to its end.
    moved: Notify,
}

#[derive(Debug)]
struct Numbers {
    next: Sequence,
    under_way: BTreeSet<Sequence>,
}

/// The place of one write. It is given up when the write has come to its end or is dropped: nobody will ask for its
/// outcome again.
#[derive(Debug)]
pub(super) struct Place<'a> {
    window: &'a Window,
    sequence: Sequence,
    acked_below: Sequence,
}

// === impl Window ===

impl Default for Window {
    fn default() -> Self {
        Self {
            numbers: Mutex::new(Numbers {
                next: Sequence::FIRST,
                under_way: BTreeSet::new(),
            }),
            moved: Notify::new(),
        }
    }
}

impl Window {
    /// Takes the next number, once there is room for it.
    pub(super) async fn enter(&self) -> Place<'_> {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // From here on no move is missed.
            moved.as_mut().enable();
            if let Some(place) = self.try_enter() {
                return place;
            }
            moved.await;
        }
    }

    fn try_enter(&self) -> Option<Place<'_>> {
        let mut numbers = self.numbers();
        let sequence = numbers.next;
        let lowest = numbers.under_way.first().copied().unwrap_or(sequence);
        if sequence.get() - lowest.get() >= OUTCOME_WINDOW {
            return None;
        }
        numbers.next = sequence.next();
        numbers.under_way.insert(sequence);
        Some(Place {
            window: self,
            sequence,
            acked_below: lowest,
        })
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Place ===

impl Place<'_> {
    /// The key of the write.
    pub(super) fn key(&self, lease: LeaseId) -> RequestKey {
        RequestKey::new(lease, self.sequence, self.acked_below).expect("the lowest number under way is not above it")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut numbers = self.window.numbers();
        let was_lowest = numbers.under_way.first() == Some(&self.sequence);
        numbers.under_way.remove(&self.sequence);
        drop(numbers);
        if was_lowest {
            self.window.moved.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(place: &Place<'_>) -> (u64, u64) {
        let key = place.key(LeaseId::new(1));
        (key.sequence().get(), key.acked_below().get())
    }

    #[tokio::test]
    async fn what_is_acknowledged_follows_the_lowest_write_under_way() {
        let window = Window::default();
        let (first, second) = (window.enter().await, window.enter().await);
        assert_eq!((numbers(&first), numbers(&second)), ((1, 1), (2, 1)));
        drop(second);
        assert_eq!(numbers(&window.enter().await), (3, 1));
        drop(first);
        assert_eq!(numbers(&window.enter().await), (4, 4));
    }

    #[tokio::test]
    async fn no_two_writes_under_way_are_further_apart_than_outcomes_are_kept() {
        let window = Window::default();
        let first = window.enter().await;
        for _ in 1..OUTCOME_WINDOW {
            drop(window.enter().await);
        }
        let mut waiting = std::pin::pin!(window.enter());
        let poll = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context).is_ready()));
        assert!(!poll.await, "there is no room");
        drop(first);
        assert_eq!(numbers(&waiting.await), (OUTCOME_WINDOW + 1, OUTCOME_WINDOW + 1));
    }
}
