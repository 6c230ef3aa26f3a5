//! What is counted of a scope.

use quorate_model::limits;

/// How many instances of a scope leases keep, and how many of these have lapsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Those that leases keep.
    pub(crate) leased: usize,
    /// Those of them whose lease has lapsed.
    pub(crate) lapsed: usize,
    /// Those of them that count: lapsed lately, or suspect where a guard is raised.
    pub(crate) counted: usize,
}

// === impl Tally ===

impl Tally {
    pub(super) fn add(&mut self, lapsed: bool, counted: bool) {
        self.leased += 1;
        self.lapsed += usize::from(lapsed);
        self.counted += usize::from(counted);
    }

    pub(super) fn remove(&mut self, lapsed: bool, counted: bool) {
        self.leased -= 1;
        self.lapsed -= usize::from(lapsed);
        self.counted -= usize::from(counted);
    }

    /// Whether so much has lapsed lately that a guard is to be raised.
    pub(crate) fn is_over(&self, share_percent: u8) -> bool {
        self.counted >= limits::GUARD_LAPSES_MIN && self.counted * 100 > self.leased * usize::from(share_percent)
    }

    /// Whether so little is suspect that a guard can be dropped: less than two thirds of what raises it, or nothing.
    pub(crate) fn is_well(&self, share_percent: u8) -> bool {
        self.counted == 0 || self.counted * 300 < self.leased * usize::from(share_percent) * 2
    }
}

/// What a default answer of a service would hold if there were no guards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// How many instances it holds.
    pub(crate) left: usize,
    /// How many more it would hold if none had lapsed that counts.
    pub(crate) fallen: usize,
}

// === impl Answer ===

impl Answer {
    /// Whether lapses have left fewer instances than `floor`, or none where there were several.
    pub(crate) fn is_below(self, floor: usize) -> bool {
        let before = self.left + self.fallen;
        let least = if before >= 2 { floor.max(1) } else { floor };
        self.fallen > 0 && self.left < least.min(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(leased: usize, lapsed: usize, counted: usize) -> Tally {
        Tally {
            leased,
            lapsed,
            counted,
        }
    }

    #[test]
    fn a_share_counts_from_five_lapses_on() {
        assert!(!tally(10, 4, 4).is_over(15));
        assert!(tally(10, 5, 5).is_over(15));
        assert!(!tally(100, 15, 15).is_over(15));
        assert!(tally(100, 16, 16).is_over(15));
        assert!(!tally(100, 40, 15).is_over(15), "what lapsed long ago does not count");
    }

    #[test]
    fn a_guard_drops_below_two_thirds_of_what_raises_it() {
        assert!(!tally(100, 10, 10).is_well(15));
        assert!(tally(100, 9, 9).is_well(15));
        assert!(tally(0, 0, 0).is_well(15));
    }

    #[test]
    fn a_service_is_not_emptied_at_once_nor_left_with_less_than_its_floor() {
        let answer = |left, fallen| Answer { left, fallen };
        assert!(answer(0, 2).is_below(0));
        assert!(!answer(1, 1).is_below(0));
        assert!(!answer(0, 1).is_below(0), "a single one may go");
        assert!(!answer(0, 0).is_below(3), "nothing has lapsed that counts");
        assert!(answer(2, 3).is_below(3));
        assert!(!answer(3, 2).is_below(3));
        assert!(answer(1, 1).is_below(3), "no answer falls further below the floor");
    }
}
