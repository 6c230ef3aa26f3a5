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

    /// Whether the guard of a service is to be raised of which `persistent` instances no lease keeps: it would be left
    /// with fewer than `floor`, or none where it had several.
    pub(crate) fn is_below(&self, persistent: usize, floor: usize) -> bool {
        let left = persistent + self.leased - self.lapsed;
        let before = left + self.counted;
        let least = if before >= 2 { floor.max(1) } else { floor };
        self.counted > 0 && left < least.min(before)
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
        assert!(tally(2, 2, 2).is_below(0, 0));
        assert!(!tally(2, 2, 1).is_below(0, 0), "the other one went long before");
        assert!(!tally(2, 1, 1).is_below(0, 0));
        assert!(!tally(1, 1, 1).is_below(0, 0), "a single one may go");
        assert!(!tally(2, 2, 2).is_below(1, 0), "one stays that no lease keeps");
        assert!(tally(5, 3, 3).is_below(0, 3));
        assert!(!tally(5, 2, 2).is_below(0, 3));
        assert!(tally(2, 1, 1).is_below(0, 3), "no answer falls further below the floor");
    }
}
