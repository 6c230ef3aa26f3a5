//! What a leader has to tell the others: which leases were renewed, in the order in which they were.

use std::collections::{BTreeSet, VecDeque};

use quorate_model::LeaseId;

/// Most renewals that are written down. Who has not been told of one that is older is told everything anew.
const KEPT_MAX: usize = 1 << 20;

/// Renewals in their order, each with a number.
#[derive(Debug, Default)]
pub(super) struct Updates {
    leases: VecDeque<LeaseId>,
    /// The number of the first one.
    start: u64,
}

// === impl Updates ===

impl Updates {
    pub(super) fn push(&mut self, lease: LeaseId) {
        if self.leases.len() >= KEPT_MAX {
            self.leases.pop_front();
            self.start += 1;
        }
        self.leases.push_back(lease);
    }

    /// The number that the next one gets.
    pub(super) fn end(&self) -> u64 {
        self.start + self.leases.len() as u64
    }

    /// The leases of the numbers from `from` on, at most so many, each once and in the order of their ids, and the number
    /// behind them. Nothing if they are not all there.
    pub(super) fn since(&self, from: u64, most: usize) -> Option<(BTreeSet<LeaseId>, u64)> {
        let skipped = usize::try_from(from.checked_sub(self.start)?).ok()?;
        let count = self.leases.len().checked_sub(skipped)?.min(most);
        let leases = self.leases.range(skipped..skipped + count).copied().collect();
        Some((leases, from + count as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_told_once_and_what_is_gone_is_said_to_be() {
        let mut updates = Updates::default();
        for id in [5, 3, 5] {
            updates.push(LeaseId::new(id));
        }
        let told = |ids: &[u64], next| Some((ids.iter().map(|id| LeaseId::new(*id)).collect(), next));
        assert_eq!(updates.since(0, 9), told(&[3, 5], 3));
        assert_eq!(updates.since(1, 1), told(&[3], 2));
        assert_eq!(updates.since(3, 9), told(&[], 3));
        assert_eq!(updates.since(4, 9), None);
        updates.start = 2;
        assert_eq!(updates.since(1, 9), None);
        assert_eq!(updates.end(), 5);
    }
}
