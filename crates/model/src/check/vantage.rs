//! From how many places a check is made.

use std::num::NonZeroU8;

use crate::{InvalidValue, limits};

/// How many members look, and how many of these have to find a check critical to make it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Vantage {
    points: NonZeroU8,
    quorum: NonZeroU8,
}

// === impl Vantage ===

impl Vantage {
    /// `points` members of whom `quorum` have to agree: a majority of them, if absent.
    pub fn new(points: u32, quorum: Option<u32>) -> Result<Self, InvalidValue> {
        let points = within("vantage_points", points, limits::CHECK_VANTAGE_POINTS_MAX)?;
        let majority = u32::from(points.get()) / 2 + 1;
        let quorum = within("vantage_quorum", quorum.unwrap_or(majority), points.get())?;
        Ok(Self { points, quorum })
    }

    /// How many members look, if there are as many: at least 1.
    pub fn points(self) -> u8 {
        self.points.get()
    }

    /// How many of them have to find it critical: at least 1.
    pub fn quorum(self) -> u8 {
        self.quorum.get()
    }
}

impl Default for Vantage {
    fn default() -> Self {
        Self {
            points: NonZeroU8::MIN,
            quorum: NonZeroU8::MIN,
        }
    }
}

fn within(what: &'static str, number: u32, max: u8) -> Result<NonZeroU8, InvalidValue> {
    u8::try_from(number)
        .ok()
        .filter(|number| *number <= max)
        .and_then(NonZeroU8::new)
        .ok_or_else(|| InvalidValue::new(what, format!("{number} is not one of 1–{max}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_member_looks_unless_told_otherwise() {
        assert_eq!(Vantage::new(1, None), Ok(Vantage::default()));
        assert_eq!((Vantage::default().points(), Vantage::default().quorum()), (1, 1));
    }

    #[test]
    fn a_majority_has_to_agree_unless_told_otherwise() {
        for (points, majority) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)] {
            assert_eq!(Vantage::new(points, None).unwrap().quorum(), majority);
        }
    }

    #[test]
    fn at_most_7_look_and_no_more_agree_than_look() {
        assert!(Vantage::new(7, Some(7)).is_ok() && Vantage::new(7, Some(1)).is_ok());
        for (points, quorum) in [(0, None), (8, None), (257, None), (3, Some(4)), (3, Some(0))] {
            assert!(Vantage::new(points, quorum).is_err(), "{points} {quorum:?}");
        }
    }
}
