//! What this member knows of renewals.
//!
//! # Invariants
//! - What was kept for a leader is never older than what it told, and is forgotten with the process or the lease only.
//! - Nothing is taken from a leader once a later one has asked or told: what that one was told is all that there is.
//! - A lease that lives comes up in the wheel no later than it is due, or it is due, or its lapse is under way.

mod updates;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Unbounded},
    time::Duration,
};

use quorate_consensus::{Replicated, Replication, Table as Ages};
use quorate_model::{Leadership, LeaseId, LeaseTtl, Revision};
use quorate_state::{HeldLease, State};

use super::{lease_clock::LeaseClock, wheel::Wheel};
use updates::Updates;

/// How long a member that does not lead leaves a lease alone that looks as if it had lapsed.
const RECHECK_MS: u64 = 1_000;

/// What this member knows of renewals.
#[derive(Debug)]
pub(super) struct Table {
    clock: LeaseClock,
    slots: BTreeMap<LeaseId, Slot>,
    wheel: Wheel,
    /// Leases that look as if they had lapsed, while this member leads.
    due: Vec<LeaseId>,
    /// Leases whose lapse is under way.
    proposed: BTreeSet<LeaseId>,
    /// Leases that a leader has told of before their grant was applied here.
    early: BTreeSet<LeaseId>,
    /// Leases that were granted up to here are known, or gone.
    followed: Revision,
    /// The latest leader that has asked or told anything.
    fence: Leadership,
    /// What is told next, and by whom.
    stream: Option<(Leadership, u64)>,
    /// Whether this is all that this member has ever confirmed to a leader: not since it started, until it is told.
    complete: bool,
    /// The last membership of which a leader has told that everything from before is here.
    membership_index: u64,
    /// What is to be told to the others, while this member leads.
    updates: Option<Updates>,
}

/// What is known of one lease.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// When it was renewed last, by the lease clock.
    renewed_ms: u64,
    /// Its time to live; absent while its grant is not applied here, and while it has lapsed.
    ttl: Option<LeaseTtl>,
    /// Whether nobody has told of a renewal: the time is that at which its grant was applied here.
    is_guess: bool,
    /// When the wheel brings it up next, if it does. What it brings up at other times is left over from before.
    comes_up_ms: Option<u64>,
    phase: Phase,
}

/// How far a lease is on its way to a lapse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is known against it; or it has lapsed already.
    Calm,
    /// It is due.
    Due,
    /// Its lapse is under way.
    Proposed,
}

/// What leases are that somebody renews.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Those that live, and are renewed.
    pub(super) live: Vec<LeaseId>,
    /// The mark that a majority has to reach for these; nothing if there are none.
    pub(super) mark: u64,
    /// Those that have lapsed, and when.
    pub(super) lapsed: Vec<(LeaseId, Revision)>,
    /// Those whose lapse is under way.
    pub(super) proposed: Vec<LeaseId>,
    /// Those that are not there.
    pub(super) unknown: Vec<LeaseId>,
}

impl Sorted {
    /// Takes in what the next leases are.
    pub(super) fn join(&mut self, next: Self) {
        self.live.extend(next.live);
        self.mark = self.mark.max(next.mark);
        self.lapsed.extend(next.lapsed);
        self.proposed.extend(next.proposed);
        self.unknown.extend(next.unknown);
    }
}

/// What is known of a lease, for whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitality {
    /// How long ago it was renewed.
    pub renewed_ago: Duration,
    /// How long it lives without another renewal.
    pub remaining: Duration,
}

// === impl Table ===

impl Table {
    pub(super) fn new(now: Duration) -> Self {
        let clock = LeaseClock::new(now);
        let wheel = Wheel::new(clock.read_ms(now));
        Self {
            clock,
            slots: BTreeMap::new(),
            wheel,
            due: Vec::new(),
            proposed: BTreeSet::new(),
            early: BTreeSet::new(),
            followed: Revision::ZERO,
            fence: Leadership::NONE,
            stream: None,
            complete: false,
            membership_index: 0,
            updates: None,
        }
    }

    /// Lets time go on.
    pub(super) fn tick(&mut self, now: Duration, confirmed: Option<Duration>) {
        self.clock.tick(now, confirmed);
    }

    /// What has not counted so far.
    pub(super) fn uncounted(&self) -> Duration {
        self.clock.uncounted()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn membership_index(&self) -> u64 {
        self.membership_index
    }

    /// Takes note of a lease that was granted, lapsed or revived, or has gone: it is as in `held` now.
    pub(super) fn follow(&mut self, id: LeaseId, held: Option<&HeldLease>, now: Duration) {
        self.early.remove(&id);
        let Some(held) = held else {
            self.slots.remove(&id);
            self.proposed.remove(&id);
            return;
        };
        let now_ms = self.clock.read_ms(now);
        let slot = self.slots.entry(id).or_insert(Slot::new(now_ms, true));
        if held.lapsed().is_some() {
            // The wheel forgets it when it comes up.
            (slot.phase, slot.ttl) = (Phase::Calm, None);
            self.proposed.remove(&id);
            return;
        }
        let ttl = held.lease().ttl;
        if slot.ttl.replace(ttl).is_some() {
            return;
        }
        if let Some(updates) = &mut self.updates {
            (slot.renewed_ms, slot.is_guess) = (now_ms, false);
            updates.push(id);
        }
        slot.wait(id, deadline_ms(slot.renewed_ms, ttl), &mut self.wheel);
    }

    /// Notes that the table has followed all leases up to this revision. What was told of one that is not among them is
    /// forgotten: its grant and its end were in one snapshot.
    pub(super) fn followed(&mut self, revision: Revision) {
        self.followed = revision;
        let later = self.early.split_off(&LeaseId::new(revision.get().saturating_add(1)));
        for gone in std::mem::replace(&mut self.early, later) {
            self.slots.remove(&gone);
        }
    }

    /// Lets the wheel turn: looks at no more than so many leases, and answers whether it looked at as many.
    pub(super) fn turn(&mut self, now: Duration, most: usize) -> bool {
        let now_ms = self.clock.read_ms(now);
        let taken = self.wheel.take(now_ms, most);
        let is_full = taken.len() == most;
        for id in taken {
            let Some(slot) = self.slots.get_mut(&id) else {
                continue;
            };
            if slot.comes_up_ms.is_none_or(|at_ms| at_ms > now_ms) {
                continue;
            }
            slot.comes_up_ms = None;
            let (Phase::Calm, Some(ttl)) = (slot.phase, slot.ttl) else {
                continue;
            };
            let at_ms = deadline_ms(slot.renewed_ms, ttl);
            if at_ms > now_ms {
                slot.wait(id, at_ms, &mut self.wheel);
            } else if self.updates.is_some() {
                slot.phase = Phase::Due;
                self.due.push(id);
            } else {
                slot.wait(id, now_ms + RECHECK_MS, &mut self.wheel);
            }
        }
        is_full
    }

    /// Whether any lease looks as if it had lapsed.
    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Takes some that look as if they had lapsed, and still do; their lapse is under way from now on.
    pub(super) fn take_due(&mut self, now: Duration, most: usize) -> Vec<LeaseId> {
        let now_ms = self.clock.read_ms(now);
        let rest = self.due.len().saturating_sub(most);
        let candidates = self.due.split_off(rest);
        let mut taken = Vec::with_capacity(candidates.len());
        for id in candidates {
            let Some(slot) = self.slots.get_mut(&id).filter(|slot| slot.phase == Phase::Due) else {
                continue;
            };
            let at_ms = slot.ttl.map_or(now_ms, |ttl| deadline_ms(slot.renewed_ms, ttl));
            if at_ms > now_ms {
                slot.phase = Phase::Calm;
                slot.wait(id, at_ms, &mut self.wheel);
            } else {
                slot.phase = Phase::Proposed;
                self.proposed.insert(id);
                taken.push(id);
            }
        }
        taken
    }

    /// Notes that the fate of lapses is known, and applied here: those that have not lapsed are looked at again.
    pub(super) fn settle(&mut self, leases: &[LeaseId], now: Duration) {
        let now_ms = self.clock.read_ms(now);
        for id in leases {
            self.proposed.remove(id);
            if let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.phase == Phase::Proposed) {
                slot.phase = Phase::Calm;
                slot.wait(*id, now_ms, &mut self.wheel);
            }
        }
    }

    /// Renews what lives of `leases`, as of `age` ago, and says what the others are. This member leads, and `state` is
    /// what it has applied.
    pub(super) fn renew(&mut self, state: &State, leases: &[LeaseId], age: Duration, now: Duration) -> Sorted {
        let renewed_ms = self.clock.read_ms(now).saturating_sub(as_ms(age));
        let mut sorted = Sorted::default();
        for id in leases {
            match state.lease(*id) {
                None => sorted.unknown.push(*id),
                Some(held) => match held.lapsed() {
                    Some(lapsed) => sorted.lapsed.push((*id, lapsed.lapse.revision)),
                    None => self.renew_live(held, renewed_ms, now, &mut sorted),
                },
            }
        }
        // Where nothing is written down, no majority ever notes it.
        sorted.mark = self.updates.as_ref().map_or(u64::MAX, Updates::end);
        sorted
    }

    fn renew_live(&mut self, held: &HeldLease, renewed_ms: u64, now: Duration, sorted: &mut Sorted) {
        let id = held.lease().id;
        if self.slots.get(&id).is_none_or(|slot| slot.ttl.is_none()) {
            self.follow(id, Some(held), now);
        }
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        if slot.phase == Phase::Proposed {
            sorted.proposed.push(id);
            return;
        }
        slot.renewed_ms = slot.renewed_ms.max(renewed_ms);
        slot.is_guess = false;
        sorted.live.push(id);
        if let Some(updates) = &mut self.updates {
            updates.push(id);
        }
    }

    /// What is known of a lease that lives.
    pub(super) fn vitality(&self, id: LeaseId, now: Duration) -> Option<Vitality> {
        let slot = self.slots.get(&id)?;
        let (ttl, now_ms) = (slot.ttl?, self.clock.read_ms(now));
        let age_ms = now_ms.saturating_sub(slot.renewed_ms);
        Some(Vitality {
            renewed_ago: Duration::from_millis(age_ms),
            remaining: Duration::from_millis(ttl.as_ms().saturating_sub(age_ms)),
        })
    }

    // --- as a follower ---

    /// Takes note of what a leader tells.
    pub(super) fn accept(&mut self, told: &Replication, now: Duration) -> Replicated {
        if told.leadership < self.fence {
            return Replicated::Fenced(self.fence);
        }
        self.fence = told.leadership;
        let follows = self.stream == Some((told.leadership, told.sequence));
        if !follows && told.sequence != 0 {
            return Replicated::OutOfOrder;
        }
        self.stream = Some((told.leadership, told.sequence + 1));
        self.learn(&told.table, told.replaces, now);
        self.complete |= told.completes;
        self.membership_index = self.membership_index.max(told.membership_index);
        Replicated::Kept
    }

    /// Takes note of ages: the newest renewal counts, or what is told, where that is the truth.
    pub(super) fn learn(&mut self, ages: &Ages, replaces: bool, now: Duration) {
        let now_ms = self.clock.read_ms(now);
        for (id, age_ms) in ages {
            let renewed_ms = now_ms.saturating_sub(*age_ms);
            // Its end is applied here already: it is never heard of again.
            if id.get() <= self.followed.get() && !self.slots.contains_key(id) {
                continue;
            }
            let slot = self.slots.entry(*id).or_insert_with(|| {
                self.early.insert(*id);
                Slot::new(renewed_ms, false)
            });
            slot.renewed_ms = if replaces || slot.is_guess {
                renewed_ms
            } else {
                slot.renewed_ms.max(renewed_ms)
            };
            slot.is_guess = false;
            // It may be due sooner than was thought.
            if let (Phase::Calm, Some(ttl)) = (slot.phase, slot.ttl) {
                slot.wait(*id, deadline_ms(slot.renewed_ms, ttl), &mut self.wheel);
            }
        }
    }

    /// Takes nothing more from leaders before `by`; or answers the later one that has spoken already.
    pub(super) fn fence(&mut self, by: Leadership) -> Result<(), Leadership> {
        if by < self.fence {
            return Err(self.fence);
        }
        self.fence = by;
        Ok(())
    }

    /// The ages of leases behind `after`, at most so many of them, and behind which the next ones are. A guess is as good
    /// as any where everything is known.
    pub(super) fn ages(&self, after: Option<LeaseId>, most: usize, now: Duration) -> (Ages, Option<LeaseId>) {
        let now_ms = self.clock.read_ms(now);
        let start = after.map_or(Unbounded, Excluded);
        let slots = self.slots.range((start, Unbounded)).take(most);
        let mut last = None;
        let mut count = 0;
        let known = slots.inspect(|(id, _)| {
            last = Some(**id);
            count += 1;
        });
        let known = known.filter(|(_, slot)| self.complete || !slot.is_guess);
        let ages: Ages = known
            .map(|(id, slot)| (*id, now_ms.saturating_sub(slot.renewed_ms)))
            .collect();
        (ages, last.filter(|_| count == most))
    }

    // --- as the leader ---

    /// Begins to lead: from now on it is written down what is renewed.
    pub(super) fn lead(&mut self) {
        self.updates = Some(Updates::default());
    }

    /// Leads no more.
    pub(super) fn stand_back(&mut self, now: Duration) {
        let now_ms = self.clock.read_ms(now);
        self.updates = None;
        let due = std::mem::take(&mut self.due).into_iter();
        for id in due.chain(std::mem::take(&mut self.proposed)) {
            if let Some(slot) = self.slots.get_mut(&id).filter(|slot| slot.phase != Phase::Calm) {
                slot.phase = Phase::Calm;
                slot.wait(id, now_ms, &mut self.wheel);
            }
        }
    }

    /// Gives leases behind `after`, at most so many, their full time from now on, and says behind which the next are.
    pub(super) fn reset(&mut self, after: Option<LeaseId>, most: usize, now: Duration) -> Option<LeaseId> {
        let now_ms = self.clock.read_ms(now);
        let start = after.map_or(Unbounded, Excluded);
        let mut last = None;
        let mut count = 0;
        for (id, slot) in self.slots.range_mut((start, Unbounded)).take(most) {
            (slot.renewed_ms, slot.is_guess) = (now_ms, false);
            last = Some(*id);
            count += 1;
        }
        last.filter(|_| count == most)
    }

    /// Notes that everything is known here, as of the membership at `membership_index`. What nobody knew anything of
    /// counts from when its grant was applied here.
    pub(super) fn complete(&mut self, membership_index: u64) {
        self.complete = true;
        self.membership_index = self.membership_index.max(membership_index);
    }

    /// Where what is written down ends.
    pub(super) fn end(&self) -> u64 {
        self.updates.as_ref().map_or(0, Updates::end)
    }

    /// How far this member, which leads, has noted what it wrote down itself: nothing of it counts once a later leader has
    /// asked, which would not hear of the rest.
    pub(super) fn noted_by(&self, tenure: Leadership) -> u64 {
        if self.fence > tenure { 0 } else { self.end() }
    }

    /// The ages of what was written down from `from` on, at most so much, and where the rest begins; nothing if that is
    /// not written down any more.
    pub(super) fn updates(&self, from: u64, most: usize, now: Duration) -> Option<(Ages, u64)> {
        let now_ms = self.clock.read_ms(now);
        let (ids, next) = self.updates.as_ref()?.since(from, most)?;
        let age = |id: LeaseId| Some((id, now_ms.saturating_sub(self.slots.get(&id)?.renewed_ms)));
        Some((ids.into_iter().filter_map(age).collect(), next))
    }
}

// === impl Slot ===

impl Slot {
    fn new(renewed_ms: u64, is_guess: bool) -> Self {
        Self {
            renewed_ms,
            ttl: None,
            is_guess,
            comes_up_ms: None,
            phase: Phase::Calm,
        }
    }

    /// Has the wheel bring the lease up then, unless it does before.
    fn wait(&mut self, id: LeaseId, at_ms: u64, wheel: &mut Wheel) {
        if self
            .comes_up_ms
            .is_none_or(|comes_up_ms| comes_up_ms > wheel.comes_up_ms(at_ms))
        {
            self.comes_up_ms = Some(wheel.insert(id, at_ms));
        }
    }
}

/// When a lease has lapsed that was renewed at `renewed_ms`: a twentieth later than its TTL, because clocks may differ
/// in rate by so much.
fn deadline_ms(renewed_ms: u64, ttl: LeaseTtl) -> u64 {
    renewed_ms.saturating_add((ttl.as_ms() * 21).div_ceil(20))
}

fn as_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
