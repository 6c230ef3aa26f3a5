//! How often each kind of fault has to have happened in a run of the storms: less fails the run.

use std::collections::BTreeMap;

use super::kind::{Ground, Kind};
use crate::tree;

/// By the name of the kind: how often each storm strikes with it, at least.
const MINIMUM: &[(&str, usize)] = &[
    ("kill-leader", 1),
    ("kill-follower", 1),
    ("kill-all", 1),
    ("kill-while-opening", 1),
    ("pause-leader", 1),
    ("pause-follower", 1),
    ("pause-majority", 1),
    ("peers-delayed", 1),
    ("peers-throttled", 1),
    ("peers-black-hole", 1),
    ("peers-reset", 1),
    ("peers-half-open", 1),
    ("peers-not-accepted", 1),
    ("clients-delayed", 1),
    ("clients-throttled", 1),
    ("clients-black-hole", 1),
    ("clients-reset", 1),
    ("clients-half-open", 1),
    ("clients-not-accepted", 1),
    ("packet-loss", 1),
    ("partition-leader", 1),
    ("partition-follower", 1),
    ("one-way-to-leader", 1),
    ("one-way-from-leader", 1),
    ("partial-partition", 1),
    ("sync-fails-leader", 1),
    ("sync-fails-follower", 1),
    ("sync-slow-leader", 1),
    ("sync-slow-follower", 1),
    ("clock-ahead", 1),
    ("clock-behind", 1),
    ("clock-jumps", 1),
    ("replace-member", 1),
];

/// Kinds of faults that have a test of their own: where it is, and what it is called.
const ELSEWHERE: &[(&str, &str, &str)] = &[(
    "full-disk",
    "tests/it/full_disk.rs",
    "a_full_disk_makes_the_cluster_read_only_and_loses_nothing",
)];

/// The kinds that strike on this ground, with how often they have to.
pub(super) fn minimum(ground: Ground) -> BTreeMap<Kind, usize> {
    let minimum = MINIMUM.iter().map(|(name, count)| {
        let kind = Kind::named(name).expect("a name of the table is that of a kind");
        (kind, *count)
    });
    minimum.filter(|(kind, _)| kind.ground() == ground).collect()
}

/// The kinds that have happened too seldom, each with why that is not enough. Those that were skipped count as
/// skipped, not as done.
pub(super) fn short(
    minimum: &BTreeMap<Kind, usize>,
    fired: &BTreeMap<Kind, usize>,
    skipped: &BTreeMap<Kind, String>,
) -> Vec<String> {
    let wanted = minimum.iter().filter(|(kind, _)| !skipped.contains_key(kind));
    let short = wanted.filter_map(|(kind, wanted)| {
        let found = fired.get(kind).copied().unwrap_or(0);
        (found < *wanted).then(|| format!("{}: {found} of {wanted}", kind.name()))
    });
    short.collect()
}

#[test]
fn every_kind_of_fault_has_its_minimum() {
    let listed = [Ground::Host, Ground::Namespaces].map(|ground| minimum(ground).len());
    assert_eq!(listed.iter().sum::<usize>(), Kind::ALL.len());
    assert_eq!(MINIMUM.len(), Kind::ALL.len());
    assert!(MINIMUM.iter().all(|(_, count)| *count > 0));
}

#[test]
fn a_kind_with_a_test_of_its_own_has_that_test() {
    for (kind, path, name) in ELSEWHERE {
        let text = tree::file(path).text;
        assert!(text.contains(&format!("async fn {name}()")), "{kind}: {path}");
    }
}

#[test]
fn a_kind_that_did_not_happen_is_missed_unless_it_was_skipped() {
    let kind = Kind::KillAll;
    let minimum = BTreeMap::from([(kind, 2)]);
    assert!(short(&minimum, &BTreeMap::from([(kind, 2)]), &BTreeMap::new()).is_empty());
    let missed = short(&minimum, &BTreeMap::from([(kind, 1)]), &BTreeMap::new());
    assert_eq!(missed, ["kill-all: 1 of 2"]);
    assert_eq!(
        short(&minimum, &BTreeMap::new(), &BTreeMap::new()),
        ["kill-all: 0 of 2"]
    );
    let skipped = BTreeMap::from([(kind, "there is no tool".to_owned())]);
    assert!(short(&minimum, &BTreeMap::new(), &skipped).is_empty());
}
