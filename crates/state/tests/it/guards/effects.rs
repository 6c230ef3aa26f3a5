//! What a guard does while it is raised.

use quorate_model::{Availability, ClusterId, Epoch, GuardScope, InstancePatch, Liveness, LogIndex};
use quorate_state::{Command, Mutation};

use super::{Fleet, service};
use crate::samples::{
    clear_override, deregister, disabled, drop_guard, held, key, of_namespace, of_web, of_zone, parts, raise_guard,
    register, register_with, revoke, set_availability, set_override, through_a_snapshot, update,
};

#[test]
fn what_lapses_later_under_a_guard_is_suspect_too_and_what_lapsed_before_its_window_is_not() {
    let mut fleet = Fleet::of_web(20);
    fleet.lapse(1_000, [0]);
    fleet.lapse(11_000, 1..6);
    assert_eq!(fleet.liveness(0), Liveness::Lapsed, "one TTL and more before");
    fleet.lapse(300_000, [6]);
    assert_eq!(fleet.liveness(6), Liveness::Suspect);
    assert_eq!(fleet.raised()[0].suspect, 6);
    // What is suspect stays so for as long as the guard is raised, and is out when it drops.
    assert_eq!(fleet.liveness(1), Liveness::Suspect);
    fleet.node.state = through_a_snapshot(&fleet.node.state);
    assert_eq!(fleet.answered(), 19);
    assert_eq!(fleet.pass(611_000), [of_web(), of_namespace(), GuardScope::Cluster]);
    assert_eq!(fleet.answered(), 13);
}

#[test]
fn what_is_suspect_can_be_turned_off_and_taken_over() {
    let mut fleet = Fleet::of_web(10);
    fleet.lapse(1_000, 0..5);
    fleet.node.apply(&set_availability("i0", Availability::Disabled, None));
    assert_eq!(fleet.answered(), 9);
    fleet.node.apply(&set_override(disabled("i1"), 0));
    assert_eq!(fleet.answered(), 8);
    fleet.node.apply(&clear_override(disabled("i1")));
    fleet.node.apply(&register("i2", held(81, "other", 1)));
    assert_eq!(fleet.liveness(2), Liveness::Persistent);
    assert_eq!(fleet.answered(), 9);
}

#[test]
fn explicit_deregistration_is_always_honoured() {
    let mut fleet = Fleet::of_web(5);
    fleet.lapse(1_000, 0..5);
    assert_eq!(fleet.answered(), 5);
    fleet.node.apply(&deregister("i0", None));
    assert_eq!(fleet.answered(), 4);
    fleet.node.apply(&revoke(fleet.members[1].1));
    assert_eq!(fleet.answered(), 3);
    for number in 2..5 {
        fleet.node.apply(&deregister(&format!("i{number}"), None));
    }
    assert_eq!(
        (fleet.answered(), fleet.scopes()),
        (0, vec![]),
        "nothing is left to guard"
    );
    assert_eq!(fleet.node.state.hash(), fleet.node.state.recomputed_hash());
}

#[test]
fn nothing_expires_under_a_guard_and_the_time_to_stay_begins_anew_when_it_drops() {
    let mut fleet = Fleet::of_web(10);
    fleet.lapse(1_000, [0]);
    fleet.lapse(11_000, 1..6);
    let there = |fleet: &Fleet| fleet.node.state.instance_count();
    for ms in [31_000, 41_000, 71_000, 200_000, 600_000] {
        fleet.pass(ms);
        assert_eq!(there(&fleet), 10, "at {ms}");
    }
    assert_eq!(fleet.pass(611_000).len(), 3);
    // It dropped at 611 s: what has lapsed stays for 30 s from then on, whether it was suspect or out before.
    fleet.pass(640_999);
    assert_eq!((there(&fleet), fleet.answered()), (10, 4));
    fleet.pass(641_000);
    assert_eq!(there(&fleet), 4);
    assert_eq!(fleet.node.state.hash(), fleet.node.state.recomputed_hash());
}

#[test]
fn what_lapses_after_a_drop_expires_in_its_own_time() {
    let mut fleet = Fleet::of_web(40);
    fleet.lapse(1_000, 0..7);
    for scope in fleet.scopes() {
        fleet.node.apply_stamped(2_000, &drop_guard(scope));
    }
    fleet.lapse(20_000, [7]);
    fleet.pass(32_000);
    assert_eq!(fleet.node.state.instance_count(), 33, "30 s after the drop");
    fleet.pass(49_999);
    assert_eq!(fleet.node.state.instance_count(), 33);
    fleet.pass(50_000);
    assert_eq!(fleet.node.state.instance_count(), 32);
}

#[test]
fn a_lease_whose_instances_are_under_different_guards_stays_until_the_last_one_drops() {
    let mut fleet = Fleet::of_web(1);
    let lease = fleet.members[0].1;
    let mut elsewhere = register_with("far", lease);
    if let Command::Mutate(Mutation::Register { key, .. }) = &mut elsewhere {
        key.service = "far".parse().expect("valid");
    }
    fleet.node.apply(&elsewhere);
    fleet.node.apply_stamped(1_000, &raise_guard(of_web(), 100_000));
    fleet.node.apply(&raise_guard(service("far"), 200_000));
    fleet.lapse(1_000, [0]);
    fleet.pass(101_000);
    fleet.pass(160_000);
    assert_eq!(fleet.node.state.instance_count(), 2);
    fleet.pass(201_000);
    fleet.pass(230_999);
    assert_eq!(fleet.node.state.instance_count(), 2);
    fleet.pass(231_000);
    assert_eq!(fleet.node.state.instance_count(), 0);
}

#[test]
fn a_guard_outlives_a_snapshot_and_a_restore() {
    let mut fleet = Fleet::of_web(10);
    fleet.lapse(1_000, 0..5);
    let old = fleet.node.state.clone();
    let restored = old.clone().into_restored(ClusterId::new(0xC9), Epoch::new(7));
    for state in [through_a_snapshot(&old), restored] {
        assert_eq!(state.hash(), state.recomputed_hash());
        fleet.node.state = state;
        assert_eq!((fleet.answered(), fleet.scopes().len()), (10, 3));
        fleet.node.state.advance(LogIndex::new(100));
        assert_eq!(fleet.revive(0..5).len(), 3);
    }
}

#[test]
fn an_instance_that_changes_its_zone_is_counted_where_it_is() {
    let mut fleet = Fleet::new();
    fleet.add("default", "web", "eu-1", 10);
    fleet.lapse(1_000, 0..5);
    let suspect = |fleet: &Fleet, zone: &str| {
        let raised = fleet.raised().into_iter().find(|raised| raised.scope == of_zone(zone));
        raised.map(|raised| (raised.suspect, raised.leased))
    };
    assert_eq!(suspect(&fleet, "eu-1"), Some((5, 10)));
    let mut locality = parts(80).locality;
    locality.zone = "eu-2".parse().ok();
    let patch = InstancePatch {
        locality: Some(locality),
        ..InstancePatch::default()
    };
    fleet.node.apply(&update("i0", None, patch));
    assert_eq!(suspect(&fleet, "eu-1"), Some((4, 9)));
    assert_eq!(suspect(&fleet, "eu-2"), None);
    assert_eq!(fleet.liveness(0), Liveness::Suspect, "by the guard of the service");
    assert_eq!(through_a_snapshot(&fleet.node.state), fleet.node.state);
    assert!(fleet.node.state.instance(&key("i0")).is_some());
}
