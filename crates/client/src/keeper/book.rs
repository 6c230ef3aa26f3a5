//! Which leases are kept, and when each is to be renewed.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use quorate_model::{LeaseId, LeaseTtl, Renewal, limits::LEASES_PER_FRAME_MAX};
use tokio::{sync::watch, time::Instant};

use super::{Keep, Vitality};
use crate::Renewed;

/// Leases that are due within this time after the first are renewed with it: one frame instead of many.
const TOGETHER: Duration = Duration::from_millis(100);

/// The longest that one try may take: a sixth of the time to live of most leases is shorter.
const TRY_LONGEST: Duration = Duration::from_secs(5);

/// The leases that are kept.
#[derive(Debug, Default)]
pub(super) struct Book {
    leases: HashMap<LeaseId, Entry>,
    /// Those of which no renewal is under way, by the time of the next one.
    due: BTreeSet<(Instant, LeaseId)>,
}

#[derive(Debug)]
struct Entry {
    ttl: Duration,
    /// When the last renewal that was answered was asked for, or the lease.
    renewed: Instant,
    /// When it is to be renewed; absent while that is under way.
    due: Option<Instant>,
    token: u64,
    vitality: watch::Sender<Vitality>,
}

/// The leases of one frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// 1 to 10,000.
    pub(super) leases: Vec<LeaseId>,
    /// How long the answer may take: a sixth of the shortest time to live.
    pub(super) patience: Duration,
}

// === impl Book ===

impl Book {
    /// Takes a lease in. One that is there already is renewed in the name of whoever comes last.
    pub(super) fn enter(&mut self, keep: Keep) {
        let Keep {
            granted,
            asked,
            token,
            vitality,
        } = keep;
        let ttl = Duration::from(granted.ttl);
        let due = asked + advised(granted.renew_after, ttl);
        let entry = Entry {
            ttl,
            renewed: asked,
            due: Some(due),
            token,
            vitality,
        };
        if let Some(Entry { due: Some(due), .. }) = self.leases.insert(granted.lease, entry) {
            self.due.remove(&(due, granted.lease));
        }
        self.due.insert((due, granted.lease));
    }

    /// Lets a lease go, if it is kept for this one.
    pub(super) fn leave(&mut self, lease: LeaseId, token: u64) {
        if self.leases.get(&lease).is_some_and(|entry| entry.token == token) {
            self.remove(lease);
        }
    }

    /// Whether no lease is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// When the next lease is to be renewed.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Those that are to be renewed now, as many as fit a frame; none, if none is.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Batch> {
        if self.next_due()? > now {
            return None;
        }
        let mut batch = Batch {
            leases: Vec::new(),
            patience: TRY_LONGEST,
        };
        while let Some(&(due, lease)) = self.due.first()
            && due <= now + TOGETHER
            && batch.leases.len() < LEASES_PER_FRAME_MAX
        {
            self.due.pop_first();
            if let Some(entry) = self.leases.get_mut(&lease) {
                entry.due = None;
                batch.patience = batch.patience.min(entry.ttl / 6);
                batch.leases.push(lease);
            }
        }
        Some(batch)
    }

    /// Has leases be renewed now whose renewal was not answered.
    pub(super) fn put_back(&mut self, leases: &[LeaseId], now: Instant) {
        for lease in leases {
            self.plan(*lease, now);
        }
    }

    /// Takes note of what came of a renewal that was asked for at that time.
    pub(super) fn renewed(&mut self, renewed: &Renewed, asked: Instant) {
        let Some(entry) = self.leases.get_mut(&renewed.lease) else {
            return;
        };
        let vitality = match renewed.renewal {
            Renewal::Live => Vitality::Live,
            Renewal::Revived => Vitality::Revived,
            Renewal::Unknown => {
                entry.tell(Vitality::Gone);
                self.remove(renewed.lease);
                return;
            }
        };
        if let Some(ttl) = renewed.ttl.map(LeaseTtl::into) {
            entry.ttl = ttl;
        }
        entry.renewed = asked;
        entry.tell(vitality);
        let due = asked + advised(renewed.renew_after, entry.ttl);
        self.plan(renewed.lease, due);
    }

    /// Says of those that wait to be renewed whether their time is over.
    pub(super) fn note_late(&mut self, now: Instant) {
        for (_, lease) in self.due.iter().take_while(|(due, _)| *due <= now) {
            if let Some(entry) = self.leases.get(lease)
                && entry.renewed + entry.ttl <= now
            {
                entry.tell(Vitality::Late);
            }
        }
    }

    fn plan(&mut self, lease: LeaseId, due: Instant) {
        let Some(entry) = self.leases.get_mut(&lease) else {
            return;
        };
        if let Some(before) = entry.due.replace(due) {
            self.due.remove(&(before, lease));
        }
        self.due.insert((due, lease));
    }

    fn remove(&mut self, lease: LeaseId) {
        if let Some(Entry { due: Some(due), .. }) = self.leases.remove(&lease) {
            self.due.remove(&(due, lease));
        }
    }
}

// === impl Entry ===

impl Entry {
    fn tell(&self, vitality: Vitality) {
        self.vitality.send_if_modified(|known| {
            let is_news = *known != vitality;
            *known = vitality;
            is_news
        });
    }
}

/// When to renew, as the member has advised: within what a holder has promised, and not so soon that it does nothing
/// else.
fn advised(renew_after: Duration, ttl: Duration) -> Duration {
    renew_after.clamp(ttl / 12, ttl / 3)
}

#[cfg(test)]
mod tests {
    use quorate_model::RemoveAfter;

    use super::*;
    use crate::LeaseGranted;

    const TTL_MS: u64 = 12_000;

    fn keep(lease: u64, token: u64, asked: Instant, renew_after_ms: u64) -> (Keep, watch::Receiver<Vitality>) {
        let ttl = LeaseTtl::from_ms(TTL_MS).unwrap();
        let (told, vitality) = watch::channel(Vitality::Live);
        let granted = LeaseGranted {
            lease: LeaseId::new(lease),
            ttl,
            remove_after: RemoveAfter::of(ttl),
            renew_after: Duration::from_millis(renew_after_ms),
        };
        let keep = Keep {
            granted,
            asked,
            token,
            vitality: told,
        };
        (keep, vitality)
    }

    fn answer(lease: u64, renewal: Renewal) -> Renewed {
        Renewed {
            lease: LeaseId::new(lease),
            renewal,
            ttl: None,
            renew_after: Duration::from_secs(3),
        }
    }

    fn ids(batch: Option<Batch>) -> Vec<u64> {
        batch.map_or_else(Vec::new, |batch| batch.leases.iter().map(|lease| lease.get()).collect())
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn leases_that_are_due_at_about_the_same_time_share_a_frame() {
        let (start, mut book) = (Instant::now(), Book::default());
        for (lease, renew_after_ms) in [(1, 3_000), (2, 3_100), (3, 3_900), (4, 0), (5, 60_000)] {
            book.enter(keep(lease, lease, start, renew_after_ms).0);
        }
        // What was advised beyond reason is put right: a twelfth of the time to live at least, a third at most.
        for (at_ms, taken) in [
            (999, vec![]),
            (1_000, vec![4]),
            (2_999, vec![]),
            (3_000, vec![1, 2]),
            (3_899, vec![]),
            (3_900, vec![3, 5]),
        ] {
            assert_eq!(ids(book.take_due(start + ms(at_ms))), taken, "{at_ms}");
        }
        assert_eq!(book.next_due(), None, "all of them are under way");
        book.put_back(&[LeaseId::new(2)], start + ms(4_000));
        book.renewed(&answer(1, Renewal::Live), start + ms(4_000));
        let batch = book.take_due(start + ms(4_000)).unwrap();
        assert_eq!((batch.patience, ids(Some(batch))), (ms(TTL_MS / 6), vec![2]));
        assert_eq!(book.next_due(), Some(start + ms(7_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_is_never_over_its_limit() {
        let (start, mut book) = (Instant::now(), Book::default());
        for lease in 1..=LEASES_PER_FRAME_MAX as u64 + 1 {
            book.enter(keep(lease, 0, start, 3_000).0);
        }
        let now = start + ms(3_000);
        assert_eq!(ids(book.take_due(now)).len(), LEASES_PER_FRAME_MAX);
        assert_eq!(ids(book.take_due(now)).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_is_told_how_it_is_with_its_lease() {
        let (start, mut book) = (Instant::now(), Book::default());
        let (kept, mut vitality) = keep(1, 1, start, 3_000);
        book.enter(kept);
        book.note_late(start + ms(TTL_MS - 1));
        assert!(!vitality.has_changed().unwrap());
        book.note_late(start + ms(TTL_MS));
        assert_eq!(*vitality.borrow_and_update(), Vitality::Late);
        for (renewal, told) in [(Renewal::Revived, Vitality::Revived), (Renewal::Live, Vitality::Live)] {
            book.renewed(&answer(1, renewal), start);
            assert_eq!(*vitality.borrow_and_update(), told);
        }
        book.renewed(&answer(1, Renewal::Live), start);
        assert!(!vitality.has_changed().unwrap(), "nothing new");
        book.renewed(&answer(1, Renewal::Unknown), start);
        assert_eq!(*vitality.borrow_and_update(), Vitality::Gone);
        assert!(book.is_empty() && book.next_due().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_kept_for_another_by_now_is_not_let_go() {
        let (start, mut book) = (Instant::now(), Book::default());
        book.enter(keep(1, 1, start, 3_000).0);
        book.enter(keep(1, 2, start, 2_000).0);
        book.leave(LeaseId::new(1), 1);
        assert_eq!(ids(book.take_due(start + ms(2_000))), [1]);
        book.leave(LeaseId::new(1), 2);
        // Its renewal is answered afterwards.
        book.renewed(&answer(1, Renewal::Live), start);
        assert!(book.is_empty() && book.next_due().is_none());
    }
}
