//! Faults of all kinds, one after the other, in an order that a seed decides.

use std::collections::BTreeMap;

use quorate_tests::{History, checker::Report, figure, seed, skip};
use rand::{SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};

use super::{
    coverage,
    field::Field,
    kind::{Ground, Kind},
    round::{Fired, Past, round},
    witnesses::Witnesses,
};

/// What came of a storm.
#[derive(Default)]
pub(super) struct Storm {
    pub(super) fired: Vec<Fired>,
    /// Kinds that need something that is not here, and what.
    pub(super) skipped: BTreeMap<Kind, String>,
    /// What the witnesses of it were told, if it took place.
    pub(super) judged: Option<Report>,
}

#[tokio::test]
async fn nothing_is_lost_in_a_storm_of_processes_and_disks() {
    of(
        Ground::Host,
        "nothing_is_lost_in_a_storm_of_processes_and_disks",
        |kind| !matches!(kind, Kind::Spoil(..)),
    )
    .await;
}

#[tokio::test]
async fn nothing_is_lost_in_a_storm_of_connections() {
    of(Ground::Host, "nothing_is_lost_in_a_storm_of_connections", |kind| {
        matches!(kind, Kind::Spoil(..))
    })
    .await;
}

#[tokio::test]
async fn nothing_is_lost_in_a_storm_of_networks() {
    of(Ground::Namespaces, "nothing_is_lost_in_a_storm_of_networks", |_| true).await;
}

/// Strikes as often as the table says with each kind of fault of this ground that is wanted, and fails unless each of
/// them has happened so often.
async fn of(ground: Ground, test: &str, is_wanted: impl Fn(Kind) -> bool) {
    let seed = seed();
    figure(format_args!(
        "to repeat this storm: QUORATE_TEST_SEED={seed} cargo test -p quorate-tests --test it faults::storm::{test}"
    ));
    let mut minimum = coverage::minimum(ground);
    minimum.retain(|kind, _| is_wanted(*kind));
    let kinds = minimum.iter().flat_map(|(kind, count)| vec![*kind; *count]);
    let storm = storm(ground, kinds.collect(), seed).await;
    for (kind, problem) in &storm.skipped {
        skip(&format!("{}: {problem}", kind.name()));
    }
    let fired = storm.count();
    let operations: usize = storm.fired.iter().map(|fired| fired.operations).sum();
    let counts = fired.iter().map(|(kind, count)| format!("{} {count}", kind.name()));
    figure(format_args!(
        "{} faults happened ({}), {} kinds skipped, {operations} writes",
        storm.fired.len(),
        counts.collect::<Vec<_>>().join(", "),
        storm.skipped.len()
    ));
    let short = coverage::short(&minimum, &fired, &storm.skipped);
    assert!(short.is_empty(), "kinds that did not happen often enough: {short:?}");
}

/// Strikes a cluster of its own with all of these in an order that `seed` decides.
pub(super) async fn storm(ground: Ground, kinds: Vec<Kind>, seed: u64) -> Storm {
    let mut storm = Storm::default();
    let (mut possible, missing): (Vec<Kind>, Vec<Kind>) = kinds.into_iter().partition(|kind| kind.missing().is_none());
    for kind in missing {
        storm.skipped.insert(kind, kind.missing().unwrap_or_default());
    }
    if possible.is_empty() {
        return storm;
    }
    let mut field = match Field::prepare(ground).await {
        Ok(field) => field,
        Err(problem) => {
            let skipped = possible.into_iter().map(|kind| (kind, problem.clone()));
            storm.skipped.extend(skipped);
            return storm;
        }
    };
    let mut rng = SmallRng::seed_from_u64(seed);
    possible.shuffle(&mut rng);
    let mut past = Past {
        history: History::default(),
        witnesses: Witnesses::new(seed),
    };
    for (number, kind) in possible.into_iter().enumerate() {
        let fired = round(kind, number, &mut field, &mut past, &mut rng).await;
        figure(format_args!(
            "{}: {}; {} of {} writes acknowledged, all checked after {:?}",
            kind.name(),
            fired.effect,
            fired.acknowledged,
            fired.operations,
            fired.took
        ));
        storm.fired.push(fired);
    }
    let judged = past.witnesses.judge(&field).await;
    figure(format_args!("judged: {judged}"));
    storm.judged = Some(judged);
    storm
}

// === impl Storm ===

impl Storm {
    /// How often each kind has happened.
    pub(super) fn count(&self) -> BTreeMap<Kind, usize> {
        let mut count = BTreeMap::new();
        for fired in &self.fired {
            *count.entry(fired.kind).or_default() += 1;
        }
        count
    }
}
