//! Guards where there are too many of them.

use quorate_model::{Availability, GuardCause, GuardScope, limits};
use quorate_state::{Limit, Outcome, Rejection};

use super::{Fleet, dropped, service};
use crate::samples::{drop_guard, of_web, of_zone, raise_guard, set_availability, through_a_snapshot, web};

/// A node on which guards of so many services that have no instances were raised by hand.
fn guarded(count: usize) -> Fleet {
    let mut fleet = Fleet::new();
    for number in 0..count {
        fleet
            .node
            .apply(&raise_guard(service(&format!("s{number}")), 86_400_000));
    }
    fleet
}

#[test]
fn up_to_10_000_guards_are_remembered() {
    let mut fleet = guarded(limits::GUARDS_MAX);
    let limit = Limit::Guards;
    let over = Outcome::Rejected(Rejection::LimitExceeded { limit });
    for scope in [of_web(), of_zone("eu-1"), GuardScope::Cluster] {
        assert_eq!(fleet.node.apply_in_vain(&raise_guard(scope, 1)), over);
    }
    // Those that are there can still change, also once they are dropped.
    for command in [
        raise_guard(service("s7"), 1),
        drop_guard(service("s7")),
        raise_guard(service("s7"), 1),
    ] {
        assert_ne!(fleet.node.apply(&command).0, over);
    }
    assert_eq!(fleet.node.state.raised_guard_count(), limits::GUARDS_MAX);
    assert_eq!(through_a_snapshot(&fleet.node.state), fleet.node.state);
}

#[test]
fn where_no_guard_has_room_any_more_the_cluster_is_guarded() {
    let mut fleet = guarded(limits::GUARDS_MAX);
    fleet.add("default", "web", "", 2);
    fleet.add("default", "large", "", 100);
    assert_eq!(fleet.lapse(1_000, 0..2), [(GuardScope::Cluster, GuardCause::Floor)]);
    assert_eq!(fleet.answered(), 2);
    assert_eq!(through_a_snapshot(&fleet.node.state), fleet.node.state);
    // It stands for others, so that it does not drop because of how little is suspect of the whole.
    let (_, events) = fleet.node.apply(&set_availability("i1", Availability::Draining, None));
    assert_eq!(dropped(&events), vec![]);
    fleet.node.apply(&set_availability("i1", Availability::Enabled, None));
    assert_eq!(fleet.revive([0]), vec![]);
    assert_eq!(fleet.answered(), 2);
    assert_eq!(fleet.revive([1]), [GuardScope::Cluster]);
}

#[test]
fn a_guard_that_is_remembered_is_raised_again_for_its_own_scope() {
    let mut fleet = guarded(limits::GUARDS_MAX - 1);
    fleet.add("default", "web", "", 2);
    fleet.node.apply(&raise_guard(of_web(), 1));
    fleet.node.apply(&drop_guard(of_web()));
    assert_eq!(fleet.lapse(1_000, 0..2), [(of_web(), GuardCause::Floor)]);
}

#[test]
fn what_guards_a_service_is_found_among_all_that_there_may_be() {
    let mut fleet = guarded(limits::GUARDS_MAX - 2);
    fleet.add("default", "web", "eu-1", 2);
    for scope in [of_web(), of_zone("eu-1")] {
        fleet.node.apply(&raise_guard(scope, 86_400_000));
    }
    assert_eq!(fleet.node.state.guards_of(&web()).len(), 2);
}
