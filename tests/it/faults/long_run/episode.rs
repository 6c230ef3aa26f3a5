//! Some faults, one after the other, in one cluster.

use std::fmt;

use quorate_tests::checker::Report;
use rand::{SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};
use serde_json::{Value, json};

use super::EPISODE;
use crate::faults::{
    kind::{Ground, Kind},
    storm::storm,
};

/// Faults of an episode, at most: few enough that what is written does not pile up.
const FAULTS_MAX: usize = 9;

/// A part of a long run that is repeated alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Episode {
    /// The seed of the whole run.
    pub(super) base: u64,
    /// Which part of it, from 0.
    pub(super) number: u64,
}

// === impl Episode ===

impl Episode {
    pub(super) fn of(base: u64, number: u64) -> Self {
        Self { base, number }
    }

    /// Where it takes place, and what happens. All kinds happen once before any of them happens again.
    fn plan(self) -> (Ground, Vec<Kind>) {
        let decks = [Ground::Host, Ground::Namespaces].map(|ground| {
            let kinds = Kind::ALL.iter().map(|(kind, _)| *kind);
            let kinds = kinds.filter(|kind| kind.ground() == ground);
            (ground, kinds.collect::<Vec<_>>())
        });
        let parts = decks.iter().map(|(_, deck)| deck.len().div_ceil(FAULTS_MAX) as u64);
        let parts: u64 = parts.sum();
        let mut rng = SmallRng::seed_from_u64(self.base.wrapping_add(self.number / parts));
        let mut episodes = Vec::new();
        for (ground, mut deck) in decks {
            deck.shuffle(&mut rng);
            episodes.extend(deck.chunks(FAULTS_MAX).map(|kinds| (ground, kinds.to_vec())));
        }
        let index = usize::try_from(self.number % parts).expect("there are few parts");
        episodes.swap_remove(index)
    }
}

impl fmt::Display for Episode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, number } = self;
        write!(
            f,
            "episode {number}: QUORATE_TEST_SEED={base} {EPISODE}={number} cargo test -p quorate-tests --test it -- \
             --ignored faults::long_run --nocapture"
        )
    }
}

/// Lets it happen, and tells what there is to keep of it.
pub(super) async fn run(episode: Episode) -> Value {
    let (ground, kinds) = episode.plan();
    let storm = storm(ground, kinds, episode.base.wrapping_add(episode.number)).await;
    let fired = storm.fired.iter().map(|fired| {
        json!({
            "kind": fired.kind.name(),
            "effect": fired.effect,
            "operations": fired.operations,
            "acknowledged": fired.acknowledged,
            "took_ms": u64::try_from(fired.took.as_millis()).unwrap_or(u64::MAX),
        })
    });
    let skipped = storm
        .skipped
        .iter()
        .map(|(kind, problem)| json!({ "kind": kind.name(), "why": problem }));
    json!({
        "faults": fired.collect::<Vec<_>>(),
        "skipped": skipped.collect::<Vec<_>>(),
        "judged": storm.judged.as_ref().map(Report::to_json),
    })
}

#[test]
fn every_kind_happens_once_before_any_happens_again() {
    let mut all: Vec<Kind> = Kind::ALL.iter().map(|(kind, _)| *kind).collect();
    all.sort();
    for first in [0, 4, 40] {
        let episodes = (first..first + 4).map(|number| Episode::of(7, number).plan());
        let mut kinds: Vec<Kind> = episodes.flat_map(|(_, kinds)| kinds).collect();
        kinds.sort();
        assert_eq!(kinds, all);
    }
}
