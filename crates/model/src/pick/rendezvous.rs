//! Weighted rendezvous hashing: each candidate draws a time from an exponential distribution whose rate is its
//! weight, by a hash of the key and its id, and the first one is chosen.
//!
//! The draw of a candidate depends on nothing but itself and the key. So when one comes, goes or gets another
//! weight, a key moves to it or away from it, and never between the others. Everybody has to come to the same
//! choice on every machine; hence a logarithm of our own, of operations that IEEE 754 defines to the last bit.

use std::f64::consts::{LN_2, SQRT_2};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Candidate, HashKey};

/// Bits of the fraction of a double.
const FRACTION_BITS: u32 = 52;

/// The bits of 1.0: its fraction is 0.
const ONE: u64 = 1.0_f64.to_bits();

/// The place of the one whom `key` chooses; none if there are none. Their weights are more than 0.
pub(super) fn pick<'a>(able: impl Iterator<Item = (usize, Candidate<'a>)>, key: &HashKey) -> Option<usize> {
    let seed = xxh3_64(key.as_bytes());
    let times = able.map(|(place, candidate)| {
        let hash = xxh3_64_with_seed(candidate.id.as_str().as_bytes(), seed);
        (place, exponential(hash) / f64::from(candidate.weight.get()))
    });
    let first = times.min_by(|(_, one), (_, other)| one.total_cmp(other));
    first.map(|(place, _)| place)
}

/// Takes evenly distributed bits to an exponential distribution of rate 1.
fn exponential(hash: u64) -> f64 {
    let from_1_to_2 = f64::from_bits(ONE | (hash >> (u64::BITS - FRACTION_BITS)));
    let up_to_1 = 2.0 - from_1_to_2;
    -ln(up_to_1)
}

/// The natural logarithm of a number from 2^-52 to 1, to some 15 digits.
fn ln(number: f64) -> f64 {
    let bits = number.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let below_1 = (ONE >> FRACTION_BITS) - (bits >> FRACTION_BITS);
    let mut halvings = f64::from(u16::try_from(below_1).expect("the number is not more than 1 and not tiny"));
    let mut mantissa = f64::from_bits(ONE | fraction);
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        halvings -= 1.0;
    }
    // The series of the inverse hyperbolic tangent: with |ratio| ≤ 0.172 its terms fall by a factor of 33.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let sum = (0..10_u8)
        .rev()
        .fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    2.0 * ratio * sum - halvings * LN_2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_logarithm_is_the_one_of_the_standard_library(hash: u64) {
            let number = 2.0 - f64::from_bits(ONE | (hash >> 12));
            let (ours, theirs) = (ln(number), number.ln());
            prop_assert!((ours - theirs).abs() <= 4e-16 + theirs.abs() * 1e-14, "{ours} {theirs}");
        }
    }

    #[test]
    fn the_ends_of_the_range_are_within_it() {
        assert!(exponential(0).abs() < f64::MIN_POSITIVE, "the earliest time");
        let latest = exponential(u64::MAX);
        assert!((latest - 52.0 * LN_2).abs() < 1e-12, "{latest}");
    }
}
