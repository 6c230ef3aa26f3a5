//! Seeds of random tests.

use std::hash::{BuildHasher as _, RandomState};

/// Repeats a run.
const SEED: &str = "QUORATE_TEST_SEED";

/// The seed of a random test: printed, and taken from `QUORATE_TEST_SEED` if that is set.
pub fn seed() -> u64 {
    let seed = match std::env::var(SEED) {
        Ok(given) => given.parse().expect("QUORATE_TEST_SEED is a number"),
        Err(_) => entropy(),
    };
    crate::figure(format_args!("seed {seed} (to repeat it: {SEED}={seed})"));
    seed
}

/// A number that is another one each time.
pub(crate) fn entropy() -> u64 {
    RandomState::new().hash_one(0)
}
