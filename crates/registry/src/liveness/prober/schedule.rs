//! The schedule: what is due when, and what of it may begin.

use std::{collections::BTreeSet, time::Duration};

use super::places::{Kind, Places};

/// Names a target while it is on the list. None is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TargetId(pub(super) u64);

/// When a target is due, and which places it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    /// By the clock of the member.
    pub(super) at: Duration,
    pub(super) kind: Kind,
}

/// What is due when. As large as the list of targets is.
#[derive(Debug)]
pub(super) struct Schedule {
    /// What is not due yet.
    waiting: BTreeSet<(Due, TargetId)>,
    /// What is due and has found no place yet, of each kind by when it was due.
    ready: [BTreeSet<(Due, TargetId)>; Kind::ALL.len()],
    places: Places,
}

// === impl Schedule ===

impl Schedule {
    pub(super) fn new(places: Places) -> Self {
        Self {
            waiting: BTreeSet::new(),
            ready: Default::default(),
            places,
        }
    }

    /// Puts a target down.
    pub(super) fn put(&mut self, due: Due, id: TargetId) {
        self.waiting.insert((due, id));
    }

    /// Strikes out a target that was put down with `due` and has not begun.
    pub(super) fn strike(&mut self, due: Due, id: TargetId) {
        if !self.waiting.remove(&(due, id)) {
            self.ready[due.kind.index()].remove(&(due, id));
        }
    }

    /// The target that has been due for the longest, among those that there is a place for: it has that place until
    /// [`Schedule::ended`].
    pub(super) fn begin(&mut self, now: Duration) -> Option<(Due, TargetId)> {
        while let Some((due, id)) = self.waiting.pop_first() {
            if due.at > now {
                self.waiting.insert((due, id));
                break;
            }
            self.ready[due.kind.index()].insert((due, id));
        }
        let fitting = Kind::ALL.into_iter().filter(|kind| self.places.has_room(*kind));
        let oldest = fitting
            .filter_map(|kind| self.ready[kind.index()].first().copied())
            .min();
        let (due, id) = oldest?;
        self.ready[due.kind.index()].remove(&(due, id));
        self.places.take(due.kind);
        Some((due, id))
    }

    /// Gives back the place of a target that had begun as this kind.
    pub(super) fn ended(&mut self, kind: Kind) {
        self.places.give_back(kind);
    }

    /// When the next target is due that is not due yet.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        self.waiting.first().map(|(due, _)| due.at)
    }

    /// How many targets wait, for their time or for a place.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.ready.iter().map(BTreeSet::len).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(at_ms: u64, kind: Kind) -> Due {
        let at = Duration::from_millis(at_ms);
        Due { at, kind }
    }

    fn schedule(places_max: usize) -> Schedule {
        Schedule::new(Places::new(places_max))
    }

    fn begun(schedule: &mut Schedule, now_ms: u64) -> Vec<u64> {
        let now = Duration::from_millis(now_ms);
        std::iter::from_fn(|| schedule.begin(now).map(|(_, TargetId(id))| id)).collect()
    }

    #[test]
    fn what_is_due_begins_in_order() {
        let mut schedule = schedule(16);
        schedule.put(due(30, Kind::Quick), TargetId(1));
        schedule.put(due(10, Kind::Quick), TargetId(2));
        schedule.put(due(20, Kind::New), TargetId(3));
        assert_eq!(begun(&mut schedule, 9), []);
        assert_eq!(schedule.wakes_at(), Some(Duration::from_millis(10)));
        assert_eq!(begun(&mut schedule, 20), [2, 3]);
        assert_eq!(begun(&mut schedule, 30), [1]);
        assert_eq!((schedule.wakes_at(), schedule.len()), (None, 0));
    }

    #[test]
    fn what_finds_no_place_waits_and_others_pass_it() {
        let mut schedule = schedule(4);
        for id in 0..4 {
            schedule.put(due(id, Kind::Slow), TargetId(id));
        }
        schedule.put(due(9, Kind::Quick), TargetId(9));
        assert_eq!(begun(&mut schedule, 9), [0, 1, 9]);
        schedule.ended(Kind::Slow);
        assert_eq!(begun(&mut schedule, 9), [2]);
        assert_eq!(schedule.wakes_at(), None, "it waits for a place and not for a time");
    }

    #[test]
    fn what_is_struck_out_does_not_begin() {
        let mut schedule = schedule(4);
        for id in 0..5 {
            schedule.put(due(id, Kind::Slow), TargetId(id));
        }
        assert_eq!(begun(&mut schedule, 3), [0, 1]);
        schedule.strike(due(2, Kind::Slow), TargetId(2));
        schedule.strike(due(4, Kind::Slow), TargetId(4));
        schedule.ended(Kind::Slow);
        schedule.ended(Kind::Slow);
        assert_eq!(begun(&mut schedule, 9), [3]);
    }
}
