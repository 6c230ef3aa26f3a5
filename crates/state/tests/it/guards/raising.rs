//! What raises a guard.

use quorate_model::{Availability, GuardCause, GuardScope, Liveness, LogTime};

use super::{Fleet, dropped, share, share_percent};
use crate::samples::{
    deregister, disabled, drop_guard, held, minimum, of_namespace, of_web, of_zone, parts, register, set_availability,
    set_override, set_settings, spec, through_a_snapshot, web, zone_out,
};

#[test]
fn the_guard_of_a_service_is_raised_in_the_entry_that_lets_more_than_15_percent_lapse() {
    let mut fleet = Fleet::of_web(40);
    // Elsewhere there is enough that it is a small share of the whole.
    fleet.add("default", "other", "", 100);
    assert_eq!(fleet.lapse(1_000, 0..6), vec![], "15 % is not more");
    assert_eq!((fleet.answered(), fleet.liveness(0)), (34, Liveness::Lapsed));
    assert_eq!(fleet.lapse(1_000, 6..7), [share(of_web())]);
    assert_eq!(fleet.answered(), 40);
    let [raised] = fleet.raised().try_into().expect("one guard");
    assert_eq!((raised.suspect, raised.leased), (7, 40));
    assert_eq!(raised.guard.raised_at, LogTime::from_ms(1_000));
    assert_eq!(raised.guard.drops_at, LogTime::from_ms(601_000), "ten minutes later");
    assert_eq!(raised.guard.revision, fleet.node.state.revision());
    assert_eq!(fleet.node.state.guards_of(&web()), [raised]);
    assert_eq!(through_a_snapshot(&fleet.node.state), fleet.node.state);
    assert_eq!(fleet.node.state.hash(), fleet.node.state.recomputed_hash());
}

#[test]
fn fewer_than_five_lapses_are_no_share() {
    let mut fleet = Fleet::of_web(6);
    assert_eq!(fleet.lapse(1_000, 0..4), vec![]);
    assert_eq!(fleet.answered(), 2);
    assert_eq!(fleet.lapse(1_000, 4..5).first(), Some(&share(of_web())));
    assert_eq!(fleet.answered(), 6);
}

#[test]
fn what_lapses_within_one_ttl_is_counted_together_and_what_lapsed_before_is_not() {
    let mut fleet = Fleet::of_web(20);
    for number in 0..4 {
        assert_eq!(fleet.lapse(1_000 + number as u64, [number]), vec![]);
    }
    // The first one is not recent any more.
    assert_eq!(fleet.lapse(11_000, [4]), vec![]);
    let raised: Vec<_> = fleet.lapse(11_000, [5]).into_iter().map(|(scope, _)| scope).collect();
    assert_eq!(raised, [of_web(), of_namespace(), GuardScope::Cluster]);
    let liveness: Vec<_> = (0..7).map(|number| fleet.liveness(number)).collect();
    let suspect = [Liveness::Suspect; 5];
    assert_eq!(
        liveness,
        [&[Liveness::Lapsed], suspect.as_slice(), &[Liveness::Live]].concat()
    );
    assert_eq!(fleet.answered(), 19);
}

#[test]
fn a_service_has_a_share_of_its_own_and_no_other_scope_has() {
    let mut fleet = Fleet::of_web(20);
    fleet.add("default", "other", "", 100);
    fleet.node.apply(&set_settings(share_percent(40), false));
    assert_eq!(fleet.lapse(1_000, 0..8), vec![]);
    assert_eq!(fleet.lapse(1_000, 8..9), [share(of_web())]);

    let mut fleet = Fleet::of_web(20);
    fleet.node.apply(&set_settings(share_percent(100), false));
    let raised = fleet.lapse(1_000, 0..5);
    assert_eq!(raised, [share(of_namespace()), share(GuardScope::Cluster)]);
}

#[test]
fn the_guard_of_a_zone_is_raised_for_its_instances_in_all_services() {
    let mut fleet = Fleet::new();
    for number in 0..10 {
        let namespace = if number % 2 == 0 { "default" } else { "other" };
        fleet.add(namespace, &format!("s{number}"), "eu-1", 1);
        fleet.add(namespace, &format!("s{number}"), "eu-2", 9);
    }
    let in_eu_1: Vec<usize> = (0..10).map(|number| number * 10).collect();
    assert_eq!(fleet.lapse(1_000, in_eu_1[..4].iter().copied()), vec![]);
    assert_eq!(fleet.lapse(1_000, [in_eu_1[4]]), [share(of_zone("eu-1"))]);
    assert_eq!(fleet.liveness(in_eu_1[0]), Liveness::Suspect);
    let [raised] = fleet.raised().try_into().expect("one guard");
    assert_eq!((raised.suspect, raised.leased), (5, 10));
    // One lapses in another zone.
    fleet.lapse(1_000, [1]);
    assert_eq!(fleet.liveness(1), Liveness::Lapsed);
    let guards = fleet.node.state.guards_of(&fleet.members[0].0.service_key());
    assert_eq!(
        guards.len(),
        1,
        "an answer tells of the guard of a zone of its instances"
    );
}

#[test]
fn the_guard_of_a_namespace_is_raised_for_all_its_services() {
    let mut fleet = Fleet::new();
    for number in 0..5 {
        fleet.add("small", &format!("s{number}"), "", 4);
    }
    fleet.add("default", "web", "", 100);
    let small = GuardScope::Namespace("small".parse().expect("valid"));
    assert_eq!(fleet.lapse(1_000, [0, 4, 8, 12]), vec![]);
    assert_eq!(fleet.lapse(1_000, [16]), [share(small)]);
    fleet.lapse(1_000, [20]);
    assert_eq!(
        (fleet.liveness(0), fleet.liveness(20)),
        (Liveness::Suspect, Liveness::Lapsed)
    );
    assert_eq!(fleet.node.state.guards_of(&web()), vec![]);
}

#[test]
fn the_guard_of_the_cluster_is_raised_for_everything() {
    let mut fleet = Fleet::new();
    for namespace in ["a", "b", "c"] {
        fleet.add(namespace, "web", "", 8);
    }
    assert_eq!(fleet.lapse(1_000, [0, 1, 8, 9]), vec![]);
    assert_eq!(fleet.lapse(1_000, [16]), [share(GuardScope::Cluster)]);
    assert_eq!(fleet.liveness(0), Liveness::Suspect);
    // A service that has nothing is told of it too.
    assert_eq!(fleet.node.state.guards_of(&web()).len(), 1);
}

#[test]
fn a_lapse_that_is_too_much_for_several_scopes_raises_the_guards_of_all() {
    let mut fleet = Fleet::new();
    fleet.add("default", "web", "eu-1", 10);
    let scopes = [of_web(), of_zone("eu-1"), of_namespace(), GuardScope::Cluster];
    assert_eq!(fleet.lapse(1_000, 0..5), scopes.clone().map(share));
    assert_eq!(fleet.scopes(), scopes);
    assert_eq!(fleet.node.state.raised_guard_count(), 4);
    // What is kept in answers by several stays until the last one drops.
    for scope in &scopes {
        assert_eq!(fleet.answered(), 10);
        fleet.node.apply(&drop_guard(scope.clone()));
    }
    assert_eq!(fleet.answered(), 5);
}

#[test]
fn instances_that_no_lease_keeps_are_in_no_share() {
    let mut fleet = Fleet::of_web(10);
    for number in 0..200 {
        fleet
            .node
            .apply(&register(&format!("persistent-{number}"), held(80, "", 0)));
    }
    assert_eq!(fleet.lapse(1_000, 0..5).first(), Some(&share(of_web())));
    assert_eq!(fleet.raised()[0].leased, 10);
}

#[test]
fn no_lapse_empties_a_service_that_had_several() {
    for (count, has_guard) in [(1, false), (2, true), (3, true), (4, true)] {
        // All at once, and one after the other within one TTL.
        let (mut at_once, mut one_by_one) = (Fleet::of_web(count), Fleet::of_web(count));
        let raised = at_once.lapse(1_000, 0..count);
        let expected: Vec<_> = has_guard.then(|| (of_web(), GuardCause::Floor)).into_iter().collect();
        assert_eq!(raised, expected, "{count}");
        assert_eq!(at_once.answered(), if has_guard { count } else { 0 });
        for number in 0..count {
            let raised = one_by_one.lapse(1_000 + number as u64, [number]);
            assert_eq!(
                raised.is_empty(),
                number + 1 < count || !has_guard,
                "{number} of {count}"
            );
        }
        assert_eq!(one_by_one.answered(), if has_guard { count } else { 0 });
    }
}

#[test]
fn an_instance_that_lapses_long_after_the_others_is_no_fault_of_the_network() {
    let mut fleet = Fleet::of_web(2);
    fleet.lapse(1_000, [0]);
    assert_eq!(fleet.lapse(11_000, [1]), vec![]);
    assert_eq!(fleet.answered(), 0);
}

#[test]
fn a_service_that_keeps_something_without_a_lease_is_not_emptied() {
    let mut fleet = Fleet::of_web(2);
    fleet.node.apply(&register("persistent", held(80, "", 0)));
    assert_eq!(fleet.lapse(1_000, 0..2), vec![]);
    assert_eq!(fleet.answered(), 1);
}

#[test]
fn what_is_not_to_be_used_is_nothing_that_is_left() {
    // A service that is drained for its successor: what lives of it is in no answer.
    for taken_out in [
        set_availability("persistent", Availability::Draining, None),
        set_availability("persistent", Availability::Disabled, None),
        set_override(disabled("persistent"), 0),
        set_override(zone_out(None, "eu-1"), 0),
    ] {
        let mut fleet = Fleet::of_web(2);
        let mut zoned = parts(80);
        zoned.locality.zone = "eu-1".parse().ok();
        fleet.node.apply(&register("persistent", spec(zoned)));
        fleet.node.apply(&taken_out);
        assert_eq!(fleet.answered(), 2);
        assert_eq!(
            fleet.lapse(1_000, 0..2),
            [(of_web(), GuardCause::Floor)],
            "{taken_out:?}"
        );
        assert_eq!(fleet.answered(), 2);
    }
    // One that could not be used before is no loss.
    let mut fleet = Fleet::of_web(2);
    fleet.node.apply(&set_availability("i0", Availability::Disabled, None));
    assert_eq!(fleet.lapse(1_000, 0..2), vec![]);
}

#[test]
fn a_service_keeps_its_protected_minimum() {
    let mut fleet = Fleet::of_web(5);
    fleet.node.apply(&set_settings(minimum(4), false));
    assert_eq!(fleet.lapse(1_000, [0]), vec![]);
    assert_eq!(fleet.lapse(1_000, [1]), [(of_web(), GuardCause::Floor)]);
    assert_eq!(fleet.answered(), 5);

    // Also where what lapsed before is out for long.
    let mut fleet = Fleet::of_web(5);
    fleet.node.apply(&set_settings(minimum(4), false));
    fleet.lapse(1_000, [0]);
    assert_eq!(fleet.lapse(21_000, [1]), [(of_web(), GuardCause::Floor)]);
    assert_eq!((fleet.answered(), fleet.liveness(0)), (4, Liveness::Lapsed));

    // Even a single one.
    let mut fleet = Fleet::of_web(1);
    fleet.node.apply(&set_settings(minimum(1), false));
    assert_eq!(fleet.lapse(1_000, [0]), [(of_web(), GuardCause::Floor)]);
    assert_eq!(fleet.answered(), 1);
}

#[test]
fn a_guard_that_a_service_needs_does_not_drop_because_its_share_is_small() {
    // All but two have gone one by one, long ago.
    let mut fleet = Fleet::of_web(40);
    for number in 0..38 {
        assert_eq!(fleet.lapse(20_000 * number as u64, [number]), vec![]);
    }
    assert_eq!(fleet.answered(), 2);
    assert_eq!(fleet.lapse(900_000, 38..40), [(of_web(), GuardCause::Floor)]);
    let patch = set_availability("i3", Availability::Draining, None);
    assert_eq!(dropped(&fleet.node.apply(&patch).1), vec![]);
    assert_eq!(dropped(&fleet.node.apply(&deregister("i4", None)).1), vec![]);
    assert_eq!(fleet.answered(), 2);
    // Once one is back, the other one is out.
    assert_eq!(fleet.revive([39]), [of_web()]);
    assert_eq!(fleet.answered(), 1);

    // The same of a protected minimum, where the guard was raised for the share.
    let mut fleet = Fleet::of_web(100);
    fleet.node.apply(&set_settings(minimum(95), false));
    let raised = fleet.lapse(1_000, 0..20);
    assert_eq!(raised[0], share(of_web()));
    let back = fleet.revive(0..14);
    assert_eq!(back, [of_namespace(), GuardScope::Cluster], "94 live");
    assert_eq!(fleet.answered(), 100);
    assert_eq!(fleet.revive([14]), [of_web()]);
    assert_eq!(fleet.answered(), 95);
}
