//! Leases, and the outcomes kept for their holders.
//!
//! Outcomes are kept in one map for all leases, so that the many that keep few cost no more than what they keep.

use std::{ops::Bound, sync::Arc};

use imbl::{OrdMap, OrdSet, ordmap::DiffItem};
use quorate_model::{
    Incarnation, InstanceId, InstanceKey, Lapse, Lease, LeaseId, LeaseKind, LogTime, NamespaceName, Owner, RequestKey,
    Revision, Sequence, ServiceName, limits,
};

use crate::{ItemOutcome, Limit, Rejection, guards::AgedTo};

/// A lease, how it stands, and its window: the sequences for which a write may still be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    lease: Arc<Lease>,
    changed: Revision,
    lapsed: Option<Lapsed>,
    window_start: Sequence,
    last_used: Revision,
    kept: usize,
    instances: usize,
}

/// How a lease stands that has lapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lapsed {
    /// Its lapse.
    pub lapse: Lapse,
    /// When it expires, unless a guard gives it more time.
    pub expires_at: LogTime,
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
    /// What they keep.
    instances: OrdSet<(LeaseId, InstanceKey)>,
    /// Those whose lapse is not aged yet, in the order in which that is done.
    recent: OrdSet<(AgedTo, LeaseId)>,
    /// Those that have lapsed.
    lapsed: OrdSet<LeaseId>,
    /// The same, by when they expire.
    expiries: OrdSet<(LogTime, LeaseId)>,
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
            changed: Revision::new(lease.id.get()),
            lease: Arc::new(lease),
            lapsed: None,
            window_start,
            last_used,
            kept: 0,
            instances: 0,
        }
    }

    /// The same as one that was granted, revived or lapsed last at `changed`.
    #[must_use]
    pub(crate) fn standing(self, changed: Revision, lapsed: Option<Lapsed>) -> Self {
        Self {
            changed,
            lapsed,
            ..self
        }
    }

    /// The revision at which it was granted, lapsed or revived last.
    pub fn changed(&self) -> Revision {
        self.changed
    }

    /// How it stands if it has lapsed; nothing, if it lives.
    pub fn lapsed(&self) -> Option<&Lapsed> {
        self.lapsed.as_ref()
    }

    /// How many instances it keeps.
    pub fn instance_count(&self) -> usize {
        self.instances
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
        let id = held.lease().id;
        let holder = holder_of(held.lease());
        // Ids are revisions: one is there already only where revisions have come to their end, or where one entry wants
        // two.
        let taken =
            self.held.contains_key(&id) || holder.as_ref().is_some_and(|known| self.holders.contains_key(known));
        if taken || self.held.len() >= self.room.leases {
            let limit = Limit::Leases;
            return Err(Rejection::LimitExceeded { limit });
        }
        if let Some(holder) = holder {
            self.holders.insert(holder, id);
        }
        if let Some(lapsed) = held.lapsed {
            self.lapsed.insert(id);
            self.expiries.insert((lapsed.expires_at, id));
        }
        self.held.insert(id, held);
        Ok(())
    }

    /// Takes a lease out, for which nothing is kept any more.
    pub(crate) fn remove(&mut self, id: LeaseId) -> Option<HeldLease> {
        let held = self.held.remove(&id)?;
        if let Some(holder) = holder_of(held.lease()) {
            self.holders.remove(&holder);
        }
        self.forget_lapse(id, held.lapsed.as_ref());
        Some(held)
    }

    /// Notes how a lease stands from `at` on, where lapses are aged up to there.
    pub(crate) fn set_standing(&mut self, id: LeaseId, at: Revision, lapsed: Option<Lapsed>, aged: AgedTo) {
        let Some(held) = self.held.get_mut(&id) else {
            return;
        };
        held.changed = at;
        let before = std::mem::replace(&mut held.lapsed, lapsed);
        self.forget_lapse(id, before.as_ref());
        if let Some(lapsed) = lapsed {
            self.note_recent(&lapsed.lapse, id, aged);
            self.lapsed.insert(id);
            self.expiries.insert((lapsed.expires_at, id));
        }
    }

    /// Gives a lease that has lapsed until then.
    pub(crate) fn postpone(&mut self, id: LeaseId, expires_at: LogTime) {
        let Some(lapsed) = self.held.get_mut(&id).and_then(|held| held.lapsed.as_mut()) else {
            return;
        };
        let before = std::mem::replace(&mut lapsed.expires_at, expires_at);
        self.expiries.remove(&(before, id));
        self.expiries.insert((expires_at, id));
    }

    fn forget_lapse(&mut self, id: LeaseId, lapsed: Option<&Lapsed>) {
        if let Some(lapsed) = lapsed {
            self.recent.remove(&(AgedTo::of(&lapsed.lapse), id));
            self.lapsed.remove(&id);
            self.expiries.remove(&(lapsed.expires_at, id));
        }
    }

    /// Notes that a lapse is to be aged, if it is recent still: at the end of time nothing is.
    pub(crate) fn note_recent(&mut self, lapse: &Lapse, id: LeaseId, aged: AgedTo) {
        if aged.is_recent(lapse) {
            self.recent.insert((AgedTo::of(lapse), id));
        }
    }

    /// The next one whose lapse is to be aged.
    pub(crate) fn next_recent(&self) -> Option<(AgedTo, LeaseId)> {
        self.recent.get_min().copied()
    }

    /// Notes that a lapse is aged.
    pub(crate) fn forget_recent(&mut self, next: (AgedTo, LeaseId)) {
        self.recent.remove(&next);
    }

    /// When the next one expires, unless it is given more time.
    pub(crate) fn next_expiry(&self) -> Option<LogTime> {
        self.expiries.get_min().map(|(at, _)| *at)
    }

    /// Those that are to expire at `now`, the oldest first.
    pub(crate) fn due(&self, now: LogTime) -> impl Iterator<Item = LeaseId> {
        let due = self.expiries.iter().take_while(move |(at, _)| *at <= now);
        due.map(|(_, id)| *id)
    }

    /// How many have lapsed.
    pub(crate) fn lapsed_len(&self) -> usize {
        self.lapsed.len()
    }

    /// Notes that a lease keeps an instance.
    pub(crate) fn attach(&mut self, id: LeaseId, key: &InstanceKey) {
        if self.instances.insert((id, key.clone())).is_none()
            && let Some(held) = self.held.get_mut(&id)
        {
            held.instances += 1;
        }
    }

    /// Notes that a lease does not keep an instance any more. Answers whether it was made for that alone.
    pub(crate) fn detach(&mut self, id: LeaseId, key: &InstanceKey) -> bool {
        let was_there = self.instances.remove(&(id, key.clone())).is_some();
        match self.held.get_mut(&id) {
            Some(held) if was_there => {
                held.instances -= 1;
                held.instances == 0 && held.lease.kind == LeaseKind::Own
            }
            Some(_) | None => false,
        }
    }

    /// What a lease keeps, in order.
    pub(crate) fn instances_of(&self, id: LeaseId) -> impl Iterator<Item = &InstanceKey> {
        let first = InstanceKey {
            namespace: NamespaceName::lowest(),
            service: ServiceName::lowest(),
            id: InstanceId::lowest(),
        };
        self.instances
            .range((Bound::Included((id, first)), Bound::Unbounded))
            .take_while(move |(lease, _)| *lease == id)
            .map(|(_, key)| key)
    }

    /// The leases behind `after` in the order of their ids.
    pub(crate) fn iter_after(&self, after: Option<LeaseId>) -> impl Iterator<Item = &HeldLease> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.held.range((start, Bound::Unbounded)).map(|(_, held)| held)
    }

    /// Those of them that have lapsed.
    pub(crate) fn iter_lapsed_after(&self, after: Option<LeaseId>) -> impl Iterator<Item = &HeldLease> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let lapsed = self.lapsed.range((start, Bound::Unbounded));
        lapsed.filter_map(|id| self.get(*id))
    }

    /// What is other in `self` than it was in `before`: the leases as they were and as they are. Costs what changed.
    pub(crate) fn changes_since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (Option<&'a HeldLease>, Option<&'a HeldLease>)> {
        before.held.diff(&self.held).map(|change| match change {
            DiffItem::Add(_, new) => (None, Some(new)),
            DiffItem::Update { old, new } => (Some(old.1), Some(new.1)),
            DiffItem::Remove(_, old) => (Some(old), None),
        })
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

    /// Of the others for which anything is kept, and of which all can be forgotten, the lease that was used the longest
    /// ago.
    pub(crate) fn idlest_but(&self, id: LeaseId) -> Option<LeaseId> {
        let mut idle = self.by_use.iter().map(|(_, idle)| *idle);
        idle.find(|idle| *idle != id && self.can_forget(*idle))
    }

    /// Whether what is kept for a lease can be forgotten. A write with the last number that there is can only be told to
    /// be too late by the lease itself being gone: not if that keeps instances.
    fn can_forget(&self, id: LeaseId) -> bool {
        self.last_kept(id) != Some(Sequence::LAST) || self.get(id).is_some_and(|held| held.instances == 0)
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

/// By what a lease that is asked for again is known. One that a registration made for itself is not asked for.
fn holder_of(lease: &Lease) -> Option<(Option<Owner>, Incarnation)> {
    match lease.kind {
        LeaseKind::Granted => Some((lease.owner.clone(), lease.incarnation)),
        LeaseKind::Own => None,
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
