//! Writes a record while a run goes on.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Asked, Operation, Outcome, Record, Stamp};

/// The time since some beginning: that of the machine, or that of a simulation.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Takes down what clients ask for and are told. Clones write the same record.
#[derive(Clone)]
pub struct Recorder {
    clock: Clock,
    page: Arc<Mutex<Page>>,
}

#[derive(Debug, Default)]
struct Page {
    record: Record,
    /// Moments so far.
    moments: u64,
    batches: u64,
}

/// An operation that was called and has not returned yet.
#[derive(Debug)]
#[must_use = "an operation of which nothing more is said has an unknown outcome"]
pub struct Ticket(usize);

// === impl Recorder ===

impl Recorder {
    /// An empty record, with the times of this clock.
    pub fn new(clock: Clock) -> Self {
        let page = Arc::default();
        Self { clock, page }
    }

    /// Notes that a client is about to ask. Until [`end`](Self::end) is called the outcome is unknown.
    pub fn begin(&self, client: u32, asked: Asked) -> Ticket {
        let mut page = self.page();
        let called = page.stamp(&self.clock);
        let ticket = Ticket(page.record.operations.len());
        page.record.operations.push(Operation {
            client,
            called,
            returned: None,
            asked,
            outcome: Outcome::Unknown,
        });
        ticket
    }

    /// Notes what the client was told.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used once")]
    pub fn end(&self, ticket: Ticket, outcome: Outcome) {
        let mut page = self.page();
        let returned = page.stamp(&self.clock);
        let Ticket(place) = ticket;
        let operation = &mut page.record.operations[place];
        operation.returned = Some(returned);
        operation.outcome = outcome;
    }

    /// A number for a batch that no other batch has.
    pub fn next_batch(&self) -> u64 {
        let mut page = self.page();
        page.batches += 1;
        page.batches
    }

    /// What has been taken down so far.
    pub fn record(&self) -> Record {
        self.page().record.clone()
    }

    /// How many operations have been called so far.
    pub fn count(&self) -> usize {
        self.page().record.operations.len()
    }

    /// How many writes have been acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        let page = self.page();
        let operations = page.record.operations.iter();
        operations.filter(|operation| operation.is_acknowledged()).count()
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("page", &self.page)
            .finish_non_exhaustive()
    }
}

// === impl Page ===

impl Page {
    fn stamp(&mut self, clock: &Clock) -> Stamp {
        let place = self.moments;
        self.moments += 1;
        Stamp { place, at: clock() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{About, Freshness, Read};

    #[test]
    fn moments_of_one_instant_keep_their_order_and_what_is_not_ended_is_unknown() {
        let recorder = Recorder::new(Arc::new(|| Duration::from_secs(7)));
        let asked = Asked::Read(Read {
            about: About::Instances(1),
            freshness: Freshness::Stale,
            is_final: false,
        });
        let first = recorder.begin(1, asked);
        let _second = recorder.clone().begin(2, asked);
        recorder.end(first, Outcome::NotDone);
        let record = recorder.record();
        let [first, second] = &record.operations[..] else {
            panic!("two operations: {record:?}");
        };
        assert!(first.called < second.called && Some(second.called) < first.returned);
        assert_eq!((&second.outcome, second.returned), (&Outcome::Unknown, None));
        assert_eq!((recorder.count(), recorder.acknowledged()), (2, 0));
    }
}
