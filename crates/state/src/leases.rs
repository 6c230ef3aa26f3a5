//! Leases, and the outcomes kept for their holders.
//!
//! Outcomes are kept in one map for all leases, so that the many that keep few cost no more than what they keep.

use std::{ops::Bound, sync::Arc};

use imbl::{OrdMap, OrdSet};
use quorate_model::{Incarnation, Lease, LeaseId, Owner, RequestKey, Revision, Sequence, limits};

use crate::{ItemOutcome, Limit, Rejection};

/// A lease and its window: the sequences for which a write may still be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    lease: Arc<Lease>,
    window_start: Sequence,
    last_used: Revision,
    kept: usize,
}

/// Names a kept outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeptKey {
    pub(crate) lease: LeaseId,
    pub(crate) sequence: Sequence,
    pub(crate) part: u32,
}

/// What a write came to, for when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// By what the write is known.
    pub(crate) digest: u64,
    pub(crate) outcome: ItemOutcome,
}

/// All leases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leases {
    held: OrdMap<LeaseId, HeldLease>,
    holders: OrdMap<(Option<Owner>, Incarnation), LeaseId>,
    kept: OrdMap<KeptKey, Kept>,
    /// The leases for which anything is kept, the one that was used the longest ago first.
    by_use: OrdSet<(Revision, LeaseId)>,
    room: LeaseRoom,
}

/// How many leases and kept outcomes there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseRoom {
    pub(crate) leases: usize,
    pub(crate) kept: usize,
    pub(crate) kept_per_lease: usize,
}

// === impl KeptKey ===

impl KeptKey {
    /// The place of the outcome of the item `part` of the write that `key` names.
    pub(crate) fn new(key: &RequestKey, part: u32) -> Self {
        Self {
            lease: key.lease(),
            sequence: key.sequence(),
            part,
        }
    }
}

// === impl HeldLease ===

impl HeldLease {
    /// A lease for which nothing is kept yet.
    pub(crate) fn new(lease: Lease, window_start: Sequence, last_used: Revision) -> Self {
        Self {
            lease: Arc::new(lease),
            window_start,
            last_used,
            kept: 0,
        }
    }

    /// The lease, as it was granted.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The lowest sequence that may still be asked for.
    pub fn window_start(&self) -> Sequence {
        self.window_start
    }

    /// The revision at which an outcome was last kept for it; that of its grant before.
    pub fn last_used(&self) -> Revision {
        self.last_used
    }

    /// How many outcomes are kept for it.
    pub fn kept_outcome_count(&self) -> usize {
        self.kept
    }
}

// === impl Leases ===

impl Leases {
    pub(crate) fn with_room(room: LeaseRoom) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    pub(crate) fn get(&self, id: LeaseId) -> Option<&HeldLease> {
        self.held.get(&id)
    }

    /// The lease of this run of this owner.
    pub(crate) fn held_by(&self, owner: Option<&Owner>, incarnation: Incarnation) -> Option<&HeldLease> {
        let id = self.holders.get(&(owner.cloned(), incarnation))?;
        self.held.get(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn kept_len(&self) -> usize {
        self.kept.len()
    }

    /// Puts a new lease in its place; refused if there is no room, or the id or the holder has one already.
    pub(crate) fn insert(&mut self, held: HeldLease) -> Result<(), Rejection> {
        let Lease {
            id, owner, incarnation, ..
        } = held.lease();
        let (id, holder) = (*id, (owner.clone(), *incarnation));
        // Ids are revisions: one is there already only where revisions have come to their end.
        let taken = self.held.contains_key(&id) || self.holders.contains_key(&holder);
        if taken || self.held.len() >= self.room.leases {
            let limit = Limit::Leases;
            return Err(Rejection::LimitExceeded { limit });
        }
        self.holders.insert(holder, id);
        self.held.insert(id, held);
        Ok(())
    }

    /// Takes a lease out, for which nothing is kept any more.
    pub(crate) fn remove(&mut self, id: LeaseId) -> Option<HeldLease> {
        let held = self.held.remove(&id)?;
        let Lease { owner, incarnation, .. } = held.lease();
        self.holders.remove(&(owner.clone(), *incarnation));
        Some(held)
    }

    /// The lease of a write, unless there is none or the write may not be asked for any more.
    pub(crate) fn admit(&self, key: &RequestKey) -> Result<&HeldLease, Rejection> {
        let held = self.get(key.lease()).ok_or(Rejection::LeaseNotFound)?;
        let window_start = held.window_start;
        if key.sequence() < window_start {
            return Err(Rejection::SequenceTooOld { window_start });
        }
        Ok(held)
    }

    /// Moves where a lease's window starts; never back.
    pub(crate) fn move_window(&mut self, id: LeaseId, start: Sequence) {
        if let Some(held) = self.held.get_mut(&id) {
            held.window_start = held.window_start.max(start);
        }
    }

    /// Notes that an outcome is kept for a lease at this revision.
    pub(crate) fn note_use(&mut self, id: LeaseId, at: Revision) {
        let Some(held) = self.held.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut held.last_used, at);
        if self.by_use.remove(&(before, id)).is_some() {
            self.by_use.insert((at, id));
        }
    }

    /// Of the others for which anything is kept, the lease that was used the longest ago.
    pub(crate) fn idlest_but(&self, id: LeaseId) -> Option<LeaseId> {
        self.by_use.iter().map(|(_, idle)| *idle).find(|idle| *idle != id)
    }

    pub(crate) fn kept(&self, key: &KeptKey) -> Option<&Kept> {
        self.kept.get(key)
    }

    /// Refuses one more outcome for a lease when there is no room for it.
    pub(crate) fn check_room(&self, id: LeaseId) -> Result<(), Rejection> {
        let held = self.get(id).map_or(0, HeldLease::kept_outcome_count);
        let limit = if held >= self.room.kept_per_lease {
            Limit::KeptOutcomesPerLease
        } else if self.kept.len() >= self.room.kept {
            Limit::KeptOutcomes
        } else {
            return Ok(());
        };
        Err(Rejection::LimitExceeded { limit })
    }

    /// Keeps an outcome; false if its lease is not there, it is outside of the window, or it is kept already.
    pub(crate) fn keep(&mut self, key: KeptKey, kept: Kept) -> bool {
        let Some(held) = self.held.get(&key.lease) else {
            return false;
        };
        if key.sequence < held.window_start || self.kept.contains_key(&key) {
            return false;
        }
        self.by_use.insert((held.last_used, key.lease));
        self.kept.insert(key, kept);
        if let Some(held) = self.held.get_mut(&key.lease) {
            held.kept += 1;
        }
        true
    }

    /// The names of what is kept for a lease below `end`; all of it, if that is absent.
    pub(crate) fn kept_below(&self, id: LeaseId, end: Option<Sequence>) -> Vec<KeptKey> {
        let lowest = |sequence| KeptKey {
            lease: id,
            sequence,
            part: 0,
        };
        let end = end.map_or(Bound::Unbounded, |end| Bound::Excluded(lowest(end)));
        self.kept
            .range((Bound::Included(lowest(Sequence::FIRST)), end))
            .map(|(key, _)| *key)
            .take_while(|key| key.lease == id)
            .collect()
    }

    /// The highest sequence for which anything is kept for a lease.
    pub(crate) fn last_kept(&self, id: LeaseId) -> Option<Sequence> {
        let last = KeptKey {
            lease: id,
            sequence: Sequence::LAST,
            part: u32::MAX,
        };
        let (key, _) = self.kept.get_prev(&last)?;
        (key.lease == id).then_some(key.sequence)
    }

    /// Forgets a kept outcome.
    pub(crate) fn forget(&mut self, key: &KeptKey) -> Option<Kept> {
        let kept = self.kept.remove(key)?;
        if let Some(held) = self.held.get_mut(&key.lease) {
            held.kept -= 1;
            if held.kept == 0 {
                self.by_use.remove(&(held.last_used, key.lease));
            }
        }
        Some(kept)
    }

    /// The leases in the order of their ids, for whoever goes through a view without borrowing it.
    pub(crate) fn into_leases(self) -> impl Iterator<Item = HeldLease> + Send {
        self.held.into_iter().map(|(_, held)| held)
    }

    /// What is kept, in order.
    pub(crate) fn into_kept(self) -> impl Iterator<Item = (KeptKey, Kept)> + Send {
        self.kept.into_iter()
    }
}

// === impl LeaseRoom ===

impl Default for LeaseRoom {
    fn default() -> Self {
        Self {
            leases: limits::LEASES_MAX,
            kept: limits::KEPT_OUTCOMES_MAX,
            kept_per_lease: limits::KEPT_OUTCOMES_PER_LEASE_MAX,
        }
    }
}

#[cfg(test)]
mod tests;
