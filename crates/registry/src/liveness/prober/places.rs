//! Places: how many probes of which kind may be under way at a time.

use std::time::Duration;

/// A probe that has taken longer than this is slow.
const SLOW: Duration = Duration::from_millis(500);

/// A probe that takes, or may take, longer than this is served by the patient places.
const PATIENT: Duration = Duration::from_secs(10);

/// How long a place is likely to be taken. Each kind may use the places up to its limit, together with those before it:
/// so the ones that do not answer leave half of the places to the others, and those of which nothing is known yet leave a
/// quarter to those that are known to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// For as long as it takes: the check says so itself.
    Patient,
    /// For long: it was the last time, or there was no answer.
    Slow,
    /// Nobody knows.
    New,
    /// For moments.
    Quick,
}

/// How the last probe of something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    /// How long it took.
    pub(super) took: Duration,
    /// Whether nothing had come when its time was over.
    pub(super) timed_out: bool,
}

/// The places that are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    taken: [usize; Kind::ALL.len()],
    places_max: usize,
}

// === impl Kind ===

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Patient, Self::Slow, Self::New, Self::Quick];

    /// The kind of a probe that may take up to `timeout`, and went like `last` if it has been made. What did not answer
    /// is slow however short its time was: else many of those could take all of the places.
    pub(super) fn of(last: Option<Last>, timeout: Duration) -> Self {
        let likely = last.map_or(timeout, |last| last.took);
        match last {
            _ if likely > PATIENT => Self::Patient,
            None => Self::New,
            Some(last) if last.timed_out || last.took > SLOW => Self::Slow,
            Some(_) => Self::Quick,
        }
    }

    /// Its place among the kinds.
    pub(super) fn index(self) -> usize {
        match self {
            Self::Patient => 0,
            Self::Slow => 1,
            Self::New => 2,
            Self::Quick => 3,
        }
    }
}

// === impl Places ===

impl Places {
    /// So many places, all free: at least as many as there are kinds.
    pub(super) fn new(places_max: usize) -> Self {
        Self {
            taken: [0; Kind::ALL.len()],
            places_max,
        }
    }

    /// Whether there is one for this kind.
    pub(super) fn has_room(&self, kind: Kind) -> bool {
        let from = kind.index();
        let mut kinds = Kind::ALL.iter().enumerate();
        kinds.all(|(index, _)| {
            let limit = self.places_max * (index + 1) / Kind::ALL.len();
            index < from || self.taken.iter().take(index + 1).sum::<usize>() < limit
        })
    }

    /// Takes one.
    pub(super) fn take(&mut self, kind: Kind) {
        self.taken[kind.index()] += 1;
    }

    /// Gives one back.
    pub(super) fn give_back(&mut self, kind: Kind) {
        self.taken[kind.index()] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the kind find room, one after the other.
    fn fill(places: &mut Places, kind: Kind) -> usize {
        let mut taken = 0;
        while places.has_room(kind) {
            places.take(kind);
            taken += 1;
        }
        taken
    }

    #[test]
    fn what_is_slow_leaves_half_of_the_places_and_what_is_new_a_quarter() {
        let mut places = Places::new(256);
        assert_eq!(fill(&mut places, Kind::Slow), 128);
        assert_eq!(fill(&mut places, Kind::New), 64);
        assert_eq!(fill(&mut places, Kind::Quick), 64);
        assert_eq!(fill(&mut places, Kind::Patient), 0, "they are taken");
        places.give_back(Kind::Slow);
        assert_eq!(fill(&mut places, Kind::Patient), 1);
    }

    #[test]
    fn the_quick_may_have_all_of_the_places() {
        assert_eq!(fill(&mut Places::new(256), Kind::Quick), 256);
        assert_eq!(fill(&mut Places::new(256), Kind::New), 192);
        assert_eq!(fill(&mut Places::new(256), Kind::Patient), 64);
    }

    #[test]
    fn a_kind_follows_from_how_long_it_took() {
        let (quick, slow, long) = (
            Duration::from_millis(500),
            Duration::from_millis(501),
            Duration::from_secs(11),
        );
        let answered = |took: Duration| Some(Last { took, timed_out: false });
        let silent = |took: Duration| Some(Last { took, timed_out: true });
        assert_eq!(Kind::of(None, slow), Kind::New);
        assert_eq!(Kind::of(None, long), Kind::Patient);
        assert_eq!(Kind::of(answered(quick), long), Kind::Quick);
        assert_eq!(Kind::of(answered(slow), long), Kind::Slow);
        assert_eq!(Kind::of(answered(long), long), Kind::Patient);
        assert_eq!(Kind::of(silent(quick), quick), Kind::Slow);
        assert_eq!(Kind::of(silent(long), long), Kind::Patient);
    }
}
