//! Hostile bytes: what every decoder is held against, the same way everywhere.
//!
//! A [`Fuzz`] has valid encodings, and gives a decoder those, damaged ones, splices of two, and noise. A decoder may
//! refuse whatever is not valid. It may not panic, nor allocate more than the length of what it is given warrants,
//! whatever lengths are written in there; and what it takes, it takes again when it has encoded it.
//!
//! `PROPTEST_CASES` says how many cases of each decoder there are, and `PROPTEST_RNG_SEED` repeats a run: it is in the
//! message of each failure. The allocator of a program that uses this crate counts, so that only tests may.

#![expect(clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod damage;
mod envelope;
mod frame;
mod memory;

use std::{
    cell::Cell,
    env,
    fmt::Debug,
    hash::{BuildHasher as _, RandomState},
};

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};

pub use envelope::resealed;
pub use frame::reframed;

/// Cases of each decoder, unless `PROPTEST_CASES` says otherwise: a second or two of all of them together.
const CASES: u32 = 128;

/// Makes damaged bytes pass the checks that stand before a decoder. It is given what they were made from.
pub type Repair = fn(&[u8], &[u8]) -> Vec<u8>;

/// Attacks on one decoder.
#[derive(Debug)]
pub struct Fuzz<S> {
    name: &'static str,
    valid: S,
    repair: Option<Repair>,
}

// === impl Fuzz ===

impl<S: Strategy<Value = Vec<u8>>> Fuzz<S> {
    /// Attacks on the decoder of this name, which takes what `valid` gives.
    pub fn new(name: &'static str, valid: S) -> Self {
        let repair = None;
        Self { name, valid, repair }
    }

    /// The same, where every other damage is repaired before it is given to the decoder.
    #[must_use]
    pub fn repaired(self, repair: Repair) -> Self {
        let repair = Some(repair);
        Self { repair, ..self }
    }

    /// Attacks a decoder of what we encode ourselves.
    pub fn round_trips<T: PartialEq + Debug>(self, decode: impl Fn(&[u8]) -> Option<T>, encode: impl Fn(T) -> Vec<u8>) {
        self.run(|bytes, is_valid| {
            let Some(value) = memory::limited(bytes.len(), || decode(bytes)) else {
                prop_assert!(!is_valid, "what is valid is refused");
                return Ok(false);
            };
            let encoded = memory::limited(bytes.len(), || encode(value));
            let (value, again) = (decode(bytes), decode(&encoded));
            prop_assert_eq!(again, value, "it does not take again what it took");
            Ok(true)
        });
    }

    /// Attacks a decoder of what only others encode. It tells whether it takes it.
    pub fn one_way(self, decode: impl Fn(&[u8]) -> bool) {
        self.run(|bytes, is_valid| {
            let taken = memory::limited(bytes.len(), || decode(bytes));
            prop_assert!(taken || !is_valid, "what is valid is refused");
            Ok(taken)
        });
    }

    fn run(self, check: impl Fn(&[u8], bool) -> Result<bool, TestCaseError>) {
        let Self { name, valid, repair } = self;
        let config = config();
        let seed = config.rng_seed;
        let refused = Cell::new(0_u32);
        let cases = (
            &valid,
            &valid,
            proptest::collection::vec(damage::damage(), 1..4),
            any::<bool>(),
        );
        let ran = TestRunner::new(config).run(&cases, |(one, other, damages, repairs)| {
            check(&one, true)?;
            let damaged = damages
                .iter()
                .fold(one.clone(), |bytes, damage| damage.done_to(&bytes, &other));
            let bytes = match repair {
                Some(repair) if repairs => repair(&one, &damaged),
                Some(_) | None => damaged,
            };
            if !check(&bytes, false)? {
                refused.set(refused.get() + 1);
            }
            Ok(())
        });
        if let Err(error) = ran {
            panic!("{name}: {error}\nto repeat it: {}", repeat(seed));
        }
        assert!(refused.get() > 0, "{name} takes everything");
    }
}

/// What proptest is told by its environment, with a number of cases for every day and a seed that is known.
fn config() -> Config {
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(RandomState::new().hash_one(0));
    }
    config
}

fn repeat(seed: RngSeed) -> String {
    match seed {
        RngSeed::Fixed(seed) => format!("PROPTEST_RNG_SEED={seed}"),
        RngSeed::Random => "with luck".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> impl Strategy<Value = Vec<u8>> {
        (0..20_u8).prop_flat_map(|len| {
            let text = proptest::collection::vec(any::<u8>(), usize::from(len));
            text.prop_map(move |text| [&[len], &*text].concat())
        })
    }

    /// A length, and so many bytes.
    fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
        let (len, text) = bytes.split_first()?;
        (usize::from(*len) == text.len()).then(|| bytes.to_vec())
    }

    #[test]
    fn a_decoder_that_is_right_passes() {
        Fuzz::new("right", valid()).round_trips(decode, |bytes| bytes);
        Fuzz::new("right", valid()).one_way(|bytes| decode(bytes).is_some());
    }

    #[test]
    #[should_panic(expected = "PROPTEST_RNG_SEED")]
    fn a_decoder_that_panics_is_caught() {
        Fuzz::new("panics", valid()).one_way(|bytes| bytes[1 + usize::from(bytes[0])..].is_empty());
    }

    #[test]
    #[should_panic(expected = "does not take again what it took")]
    fn a_decoder_that_drops_a_part_is_caught() {
        Fuzz::new("drops", valid()).round_trips(decode, |bytes| bytes[..bytes.len() / 2].to_vec());
    }

    #[test]
    #[should_panic(expected = "bytes were held")]
    fn a_decoder_that_believes_a_length_is_caught() {
        Fuzz::new("believes", valid()).one_way(|bytes| {
            let announced = usize::from(bytes.first().copied().unwrap_or_default());
            drop(std::hint::black_box(Vec::<u8>::with_capacity(announced << 20)));
            decode(bytes).is_some()
        });
    }
}
