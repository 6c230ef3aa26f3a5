//! What picks are decided by: random numbers from the seed of the node, and whose turn it is.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Questions whose turn is remembered: some hundred KiB. Beyond that one is forgotten for each that comes, and
/// goes on at random when it comes again.
const TURNS_MAX: usize = 16_384;

/// The step between the states of the generator: the golden ratio, as by splitmix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What picks are decided by.
#[derive(Debug)]
pub(crate) struct Chance {
    /// The state of the generator.
    state: AtomicU64,
    /// The next turn of each question, by its hash: questions of the same hash would take turns together.
    turns: Mutex<BTreeMap<u64, u64>>,
    turns_max: usize,
}

// === impl Chance ===

impl Chance {
    /// Random numbers that follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: AtomicU64::new(seed),
            turns: Mutex::default(),
            turns_max: TURNS_MAX,
        }
    }

    /// A random number, by splitmix64: each caller takes a step of its own, and nobody waits.
    pub(crate) fn draw(&self) -> u64 {
        let mut bits = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A random time shorter than `span`; none, if that is none.
    pub(crate) fn within(&self, span: Duration) -> Duration {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.draw().checked_rem(nanos).unwrap_or(0))
    }

    /// A number that is one more each time for the same `question`, which begins anywhere.
    ///
    /// Each question has turns of its own: if two shared them and came by turns, each would see every other number,
    /// and half of the instances.
    pub(crate) fn turn(&self, question: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        question.hash(&mut hasher);
        let question = hasher.finish();
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= self.turns_max && !turns.contains_key(&question) {
            // Whichever is next in the order of hashes: as good as any.
            let next = turns.range(question..).next().or_else(|| turns.iter().next());
            if let Some(next) = next.map(|(question, _)| *question) {
                turns.remove(&next);
            }
        }
        match turns.entry(question) {
            Entry::Occupied(mut turn) => {
                let next = turn.get().wrapping_add(1);
                turn.insert(next);
                next
            }
            Entry::Vacant(turn) => *turn.insert(self.draw()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_numbers() {
        let draws = |seed| {
            let chance = Chance::new(seed);
            [chance.draw(), chance.draw()]
        };
        // The first numbers of the published generator for the seed 0.
        assert_eq!(draws(0), [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn each_question_has_turns_of_its_own() {
        let chance = Chance::new(7);
        let (first, other) = (chance.turn(&"a"), chance.turn(&"b"));
        for turn in 1..10 {
            assert_eq!(chance.turn(&"a"), first.wrapping_add(turn));
            assert_eq!(chance.turn(&"b"), other.wrapping_add(turn));
        }
    }

    #[test]
    fn so_many_turns_are_remembered_and_no_more() {
        let chance = Chance {
            turns_max: 3,
            ..Chance::new(7)
        };
        for question in 0..100 {
            chance.turn(&question);
            assert!(chance.turns.lock().unwrap().len() <= 3);
        }
        let last = chance.turn(&99);
        assert_eq!(chance.turn(&99), last.wrapping_add(1), "the newest is not forgotten");
    }
}
