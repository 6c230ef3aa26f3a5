//! A hashed timing wheel: which leases have to be looked at when.
//!
//! After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987). A renewal does not touch it: a lease is
//! looked at when it could have lapsed first, and put back if it was renewed since.

use quorate_model::LeaseId;

/// Milliseconds of one slot.
const SLOT_MS: u64 = 250;

/// How many slots: what is further away than a minute is looked at on the way.
const SLOTS: usize = 256;

/// Leases by when they have to be looked at next.
#[derive(Debug)]
pub(super) struct Wheel {
    slots: Vec<Vec<LeaseId>>,
    /// The slot that comes next, counted from the start of time.
    next: u64,
}

// === impl Wheel ===

impl Wheel {
    /// A wheel that stands at `now_ms`.
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            slots: vec![Vec::new(); SLOTS],
            next: now_ms / SLOT_MS,
        }
    }

    /// Has a lease looked at when `at_ms` is over, or on the way there, and answers when.
    pub(super) fn insert(&mut self, lease: LeaseId, at_ms: u64) -> u64 {
        let number = self.number(at_ms);
        self.slot(number).push(lease);
        number * SLOT_MS
    }

    /// When a lease would be looked at that has to be when `at_ms` is over.
    pub(super) fn comes_up_ms(&self, at_ms: u64) -> u64 {
        self.number(at_ms) * SLOT_MS
    }

    fn number(&self, at_ms: u64) -> u64 {
        // Rounded up: not before it is time.
        at_ms.div_ceil(SLOT_MS).clamp(self.next, self.next + SLOTS as u64 - 1)
    }

    /// Takes out leases that have to be looked at by `now_ms`, at most so many.
    pub(super) fn take(&mut self, now_ms: u64, most: usize) -> Vec<LeaseId> {
        let mut taken = Vec::new();
        while self.next <= now_ms / SLOT_MS && taken.len() < most {
            let room = most - taken.len();
            let next = self.next;
            let slot = self.slot(next);
            if slot.len() <= room {
                taken.append(slot);
                self.next += 1;
            } else {
                let rest = slot.len() - room;
                taken.extend(slot.drain(rest..));
            }
        }
        taken
    }

    fn slot(&mut self, number: u64) -> &mut Vec<LeaseId> {
        let place = usize::try_from(number % SLOTS as u64).expect("it is less than the number of slots");
        &mut self.slots[place]
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};

    use super::*;

    #[test]
    fn a_lease_is_not_taken_before_its_time_and_not_long_after_it() {
        let mut wheel = Wheel::new(1_000);
        wheel.insert(LeaseId::new(7), 1_600);
        assert_eq!(wheel.take(1_600, 9), []);
        assert_eq!(wheel.take(1_749, 9), []);
        assert_eq!(wheel.take(1_750, 9), [LeaseId::new(7)]);
    }

    #[test]
    fn no_more_are_taken_than_are_asked_for_and_none_is_lost() {
        let mut wheel = Wheel::new(0);
        for id in 1..=10 {
            wheel.insert(LeaseId::new(id), 500);
        }
        let mut taken = Vec::new();
        while let batch @ [_, ..] = &*wheel.take(1_000, 4) {
            assert!(batch.len() <= 4);
            taken.extend_from_slice(batch);
        }
        taken.sort_unstable();
        assert_eq!(taken, (1..=10).map(LeaseId::new).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn every_lease_comes_up_once(
            leases in collection::vec(0_u64..200_000, 0..100),
            steps in collection::vec(1_u64..40_000, 0..40),
        ) {
            let mut wheel = Wheel::new(0);
            for (id, at_ms) in (0..).zip(&leases) {
                wheel.insert(LeaseId::new(id), *at_ms);
            }
            let mut now_ms = 0;
            let mut seen = Vec::new();
            for step in steps.into_iter().chain([400_000]) {
                now_ms += step;
                for lease in wheel.take(now_ms, usize::MAX) {
                    let at_ms = leases[usize::try_from(lease.get()).unwrap()];
                    if at_ms > now_ms {
                        wheel.insert(lease, at_ms);
                    } else {
                        seen.push(lease);
                    }
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..leases.len() as u64).map(LeaseId::new).collect::<Vec<_>>());
        }
    }
}
