//! Each policy chooses as it says: shares by a chi-square test, movement exactly, and nothing of weight 0.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
};

use proptest::{collection::btree_map, prelude::*};

use super::*;

const PICKS: u32 = 100_000;

/// A candidate that owns its names.
#[derive(Debug, Clone)]
struct Owned {
    id: InstanceId,
    weight: Weight,
    zone: Option<ZoneName>,
    region: Option<RegionName>,
}

fn owned(number: usize, weight: u16, zone: &str, region: &str) -> Owned {
    Owned {
        id: format!("i{number:05}").parse().unwrap(),
        weight: Weight::new(weight),
        zone: zone.parse().ok(),
        region: region.parse().ok(),
    }
}

/// Candidates of these weights, in the order of their ids.
fn weighing(weights: &[u16]) -> Vec<Owned> {
    let numbered = weights.iter().enumerate();
    numbered
        .map(|(number, weight)| owned(number, *weight, "", ""))
        .collect()
}

fn choose(policy: &Policy, among: &[Owned], draw: u64) -> Option<usize> {
    let candidates = among.iter().map(|it| Candidate {
        id: &it.id,
        weight: it.weight,
        zone: it.zone.as_ref(),
        region: it.region.as_ref(),
    });
    pick(policy, candidates, draw)
}

fn key(text: &str) -> Policy {
    Policy::ConsistentHash(text.as_bytes().to_vec().try_into().unwrap())
}

fn zone_first(zone: &str, region: Option<&str>) -> Policy {
    Policy::ZoneFirst {
        zone: zone.parse().unwrap(),
        region: region.map(|region| region.parse().unwrap()),
    }
}

/// Random numbers from a seed that a failure shows.
struct Draws(u64);

impl Draws {
    fn new() -> Self {
        let seed = RandomState::new().hash_one(0);
        println!("seed {seed:#x}");
        Self(seed)
    }

    /// By splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// How often each was chosen in [`PICKS`] picks.
fn tally(among: &[Owned], mut policy: impl FnMut(u32) -> Policy) -> Vec<u32> {
    let mut draws = Draws::new();
    let mut chosen = vec![0; among.len()];
    for number in 0..PICKS {
        chosen[choose(&policy(number), among, draws.next()).unwrap()] += 1;
    }
    chosen
}

/// Fails unless the counts are such as shares in proportion to `weights` give. The statistic of a right choice is
/// over the bound once in some 10^9 runs, by the approximation of Wilson and Hilferty with six standard deviations.
fn assert_shares(chosen: &[u32], weights: &[u16]) {
    let total: f64 = weights.iter().copied().map(f64::from).sum();
    let picks = f64::from(chosen.iter().sum::<u32>());
    let (mut statistic, mut classes) = (0.0, 0_u32);
    for (count, weight) in chosen.iter().zip(weights) {
        if *weight == 0 {
            assert_eq!(*count, 0, "one of weight 0 was chosen");
            continue;
        }
        let expected = picks * f64::from(*weight) / total;
        assert!(expected >= 5.0, "too few picks for the approximation");
        statistic += (f64::from(*count) - expected).powi(2) / expected;
        classes += 1;
    }
    let freedom = f64::from(classes - 1);
    let spread = 2.0 / (9.0 * freedom);
    let bound = freedom * (1.0 - spread + 6.0 * spread.sqrt()).powi(3);
    assert!(statistic <= bound, "chi-square {statistic} over {bound}: {chosen:?}");
}

#[test]
fn random_gives_each_the_same_share_whatever_its_weight() {
    let weights = [1, 100, 7, 65_535, 100, 3, 100, 0, 9];
    let equal = weights.map(|weight| weight.min(1));
    assert_shares(&tally(&weighing(&weights), |_| Policy::Random), &equal);
}

#[test]
fn weighted_gives_each_a_share_by_its_weight() {
    for weights in [&[100, 100, 100][..], &[1, 2, 3, 4, 0, 90], &[1, 999]] {
        assert_shares(&tally(&weighing(weights), |_| Policy::Weighted), weights);
    }
}

#[test]
fn a_hash_gives_each_a_share_of_the_keys_by_its_weight() {
    for weights in [&[100, 100, 100][..], &[1, 2, 3, 4, 0, 90], &[65_535, 655]] {
        let chosen = tally(&weighing(weights), |number| key(&format!("session-{number}")));
        assert_shares(&chosen, weights);
    }
}

#[test]
fn zone_first_gives_those_in_the_zone_a_share_by_their_weight() {
    let among = [
        owned(0, 10, "a", "eu"),
        owned(1, 30, "b", "eu"),
        owned(2, 20, "a", "eu"),
        owned(3, 70, "c", "us"),
    ];
    let chosen = tally(&among, |_| zone_first("a", Some("eu")));
    assert_shares(&chosen, &[10, 0, 20, 0]);
}

#[test]
fn zone_first_spills_over_to_the_region_and_then_to_all() {
    let mut among = vec![
        owned(0, 10, "a", "eu"),
        owned(1, 30, "b", "eu"),
        owned(2, 20, "c", "eu"),
        owned(3, 70, "d", "us"),
    ];
    // Nobody is left who may be chosen in the zone, then none in the region.
    among[0].weight = Weight::new(0);
    assert_shares(&tally(&among, |_| zone_first("a", Some("eu"))), &[0, 30, 20, 0]);
    assert_shares(&tally(&among, |_| zone_first("a", None)), &[0, 30, 20, 70]);
    assert_shares(&tally(&among, |_| zone_first("a", Some("asia"))), &[0, 30, 20, 70]);
    among[1].weight = Weight::new(0);
    among[2].weight = Weight::new(0);
    assert_eq!(choose(&zone_first("a", Some("eu")), &among, 0), Some(3));
}

#[test]
fn one_without_a_region_is_in_no_region() {
    let among = [owned(0, 1, "x", ""), owned(1, 1, "y", "eu")];
    for draw in [0, u64::MAX] {
        assert_eq!(choose(&zone_first("a", Some("eu")), &among, draw), Some(1));
    }
}

#[test]
fn round_robin_takes_each_in_turn_and_leaves_out_weight_0() {
    let among = weighing(&[5, 0, 1, 100]);
    let chosen: Vec<_> = (7..13)
        .map(|turn| choose(&Policy::RoundRobin, &among, turn).unwrap())
        .collect();
    assert_eq!(chosen, [2, 3, 0, 2, 3, 0]);
}

#[test]
fn all_draws_choose_somebody_and_nobody_chooses_none() {
    let policies = [
        Policy::Random,
        Policy::RoundRobin,
        Policy::Weighted,
        key("k"),
        zone_first("a", Some("eu")),
    ];
    for policy in policies {
        for draw in [0, 1, u64::MAX / 2, u64::MAX] {
            assert_eq!(choose(&policy, &[], draw), None);
            assert_eq!(choose(&policy, &weighing(&[0, 0]), draw), None);
            assert_eq!(
                choose(&policy, &weighing(&[0, 1, 0]), draw),
                Some(1),
                "{policy:?} {draw}"
            );
            assert!(choose(&policy, &weighing(&vec![65_535; 10_000]), draw).is_some());
        }
    }
}

#[test]
fn what_a_key_chooses_is_fixed_for_ever() {
    // Members and clients of different versions have to agree.
    let among = weighing(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let chosen: Vec<_> = (0..12)
        .map(|number| choose(&key(&format!("key-{number}")), &among, 0).unwrap())
        .collect();
    assert_eq!(chosen, [7, 2, 2, 3, 4, 5, 5, 6, 5, 1, 4, 6]);
}

#[test]
fn a_hash_key_has_1_to_1024_bytes() {
    for (len, fits) in [(0, false), (1, true), (1_024, true), (1_025, false)] {
        assert_eq!(HashKey::try_from(vec![7; len]).is_ok(), fits, "{len}");
    }
}

proptest! {
    /// What a key chooses moves only to what comes or grows, and only away from what goes or shrinks.
    #[test]
    fn no_key_moves_between_those_that_stay_as_they_are(
        weights in btree_map(0..60_usize, 0..200_u16, 1..30),
        changed in 0..60_usize,
        weight in 0..200_u16,
    ) {
        let build = |weights: &BTreeMap<usize, u16>| -> Vec<Owned> {
            weights.iter().map(|(number, weight)| owned(*number, *weight, "", "")).collect()
        };
        let before = build(&weights);
        let mut later = weights.clone();
        let old = later.insert(changed, weight).unwrap_or(0);
        let after = build(&later);
        let id = |among: &[Owned], place: Option<usize>| place.map(|place| among[place].id.clone());
        let changed = owned(changed, 0, "", "").id;
        for number in 0..200 {
            let policy = key(&number.to_string());
            let from = id(&before, choose(&policy, &before, 0));
            let to = id(&after, choose(&policy, &after, 0));
            if from != to {
                let mover = if weight > old { &to } else { &from };
                prop_assert_eq!(mover.as_ref(), Some(&changed), "{:?} to {:?}", &from, &to);
            }
        }
    }
}

#[test]
fn one_that_comes_takes_its_share_of_the_keys_and_gives_it_back_when_it_goes() {
    let nine = weighing(&[100; 9]);
    let ten = weighing(&[100; 10]);
    let moved = (0..PICKS).filter(|number| {
        let policy = key(&number.to_string());
        choose(&policy, &nine, 0) != choose(&policy, &ten, 0)
    });
    let moved = u32::try_from(moved.count()).unwrap();
    assert_shares(&[moved, PICKS - moved], &[1, 9]);
}
