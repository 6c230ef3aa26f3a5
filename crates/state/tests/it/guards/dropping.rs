//! What drops a guard.

use quorate_model::{GuardCause, GuardScope, Liveness, LogTime, limits};
use quorate_state::{Command, Effect, Outcome};

use super::{Fleet, dropped, share, share_percent};
use crate::samples::{
    Node, deregister, drop_guard, held, of_namespace, of_web, raise_guard, register, set_settings, through_a_snapshot,
};

#[test]
fn a_guard_drops_below_two_thirds_of_its_share() {
    let mut fleet = Fleet::of_web(100);
    assert_eq!(fleet.lapse(1_000, 0..20).len(), 3);
    assert_eq!(fleet.revive(0..10), vec![], "10 % are not below 10 %");
    assert_eq!(fleet.answered(), 100);
    assert_eq!(fleet.revive(10..11), [of_web(), of_namespace(), GuardScope::Cluster]);
    assert_eq!(fleet.answered(), 91);
    assert_eq!(fleet.scopes(), vec![]);

    // A share of its own counts here as well.
    let mut fleet = Fleet::of_web(100);
    fleet.node.apply(&set_settings(share_percent(30), false));
    fleet.lapse(1_000, 0..40);
    let back = fleet.revive(0..21);
    assert!(back.contains(&of_web()), "{back:?}");
}

#[test]
fn a_guard_drops_when_what_was_suspect_is_deregistered_or_lives_on_another_lease() {
    let mut fleet = Fleet::of_web(100);
    fleet.lapse(1_000, 0..16);
    for number in 0..6 {
        let (_, events) = fleet.node.apply(&deregister(&format!("i{number}"), None));
        assert_eq!(dropped(&events), vec![]);
    }
    // Of 94 there are 10 suspect; of 93 without one that needs no lease any more, 9.
    let (_, events) = fleet.node.apply(&register("i6", held(80, "other", 1)));
    assert_eq!(dropped(&events), [of_web(), of_namespace(), GuardScope::Cluster]);
}

#[test]
fn a_guard_drops_after_ten_minutes_of_log_time() {
    let mut fleet = Fleet::of_web(10);
    fleet.lapse(1_000, 0..5);
    assert_eq!(fleet.pass(600_999), vec![]);
    assert_eq!(fleet.scopes().len(), 3);
    // Later lapses do not make it last longer.
    fleet.lapse(600_999, [5]);
    assert_eq!(fleet.pass(601_000), [of_web(), of_namespace(), GuardScope::Cluster]);
    assert_eq!((fleet.answered(), fleet.liveness(5)), (4, Liveness::Lapsed));
}

#[test]
fn after_a_drop_by_the_operator_the_same_lapses_do_not_raise_it_again() {
    let mut fleet = Fleet::of_web(40);
    fleet.add("default", "other", "", 100);
    assert_eq!(fleet.lapse(1_000, 0..10), [share(of_web())]);
    let (outcome, events) = fleet.node.apply(&drop_guard(of_web()));
    assert_eq!((outcome, events.len()), (Outcome::GuardDropped { existed: true }, 1));
    assert_eq!((fleet.answered(), fleet.liveness(0)), (30, Liveness::Lapsed));
    assert_eq!(
        fleet.node.apply_in_vain(&drop_guard(of_web())),
        Outcome::GuardDropped { existed: false }
    );

    // Within the same TTL four more lapse: no more than that are counted.
    assert_eq!(fleet.lapse(2_000, 10..14), vec![]);
    let back = fleet.node.state.clone();
    assert_eq!(fleet.lapse(2_000, 14..15).len(), 0, "5 of 40 are not more than 15 %");
    assert_eq!(fleet.lapse(2_000, 15..17), [share(of_web())]);
    assert_eq!(
        (fleet.liveness(9), fleet.liveness(10)),
        (Liveness::Lapsed, Liveness::Suspect)
    );
    assert_eq!(fleet.raised()[0].suspect, 7);
    assert_eq!(through_a_snapshot(&back), back);
}

#[test]
fn a_guard_is_raised_by_hand_before_anything_lapses() {
    let mut fleet = Fleet::of_web(10);
    fleet.lapse(1_000, [0]);
    let (outcome, events) = fleet.node.apply_stamped(12_000, &raise_guard(of_web(), 60_000));
    let effect = Effect::Changed;
    assert_eq!((outcome, events.len()), (Outcome::GuardRaised { effect }, 1));
    let effect = Effect::Unchanged;
    assert_eq!(
        fleet.node.apply_in_vain(&raise_guard(of_web(), 60_000)),
        Outcome::GuardRaised { effect }
    );
    fleet.lapse(13_000, [1]);
    assert_eq!(
        (fleet.liveness(0), fleet.liveness(1)),
        (Liveness::Lapsed, Liveness::Suspect)
    );
    // That all is well again is no reason to drop it.
    assert_eq!(fleet.revive([1]), vec![]);
    assert_eq!(fleet.scopes(), [of_web()]);
    // Raised once more it lasts from then on, and is the same guard.
    let before = fleet.raised()[0].guard;
    fleet.node.apply_stamped(20_000, &raise_guard(of_web(), 60_000));
    let guard = fleet.raised()[0].guard;
    assert_eq!((guard.revision, guard.raised_at), (before.revision, before.raised_at));
    assert_eq!(
        (guard.cause, guard.drops_at),
        (GuardCause::Operator, LogTime::from_ms(80_000))
    );
    assert_eq!(fleet.pass(79_999), vec![]);
    assert_eq!(fleet.pass(80_000), [of_web()]);
}

#[test]
fn a_guard_that_an_operator_takes_over_drops_by_hand() {
    let mut fleet = Fleet::of_web(10);
    fleet.lapse(1_000, 0..5);
    fleet.node.apply(&raise_guard(of_web(), 86_400_000));
    assert_eq!(fleet.raised()[0].guard.cause, GuardCause::Operator);
    assert_eq!(fleet.answered(), 10, "what was suspect stays so");
    assert_eq!(fleet.revive(0..5), [of_namespace(), GuardScope::Cluster]);
    assert_eq!(fleet.scopes(), [of_web()]);
}

#[test]
fn a_drop_is_forgotten_when_it_gives_no_lease_time_any_more() {
    let mut node = Node::founded();
    node.apply_stamped(1_000, &raise_guard(of_web(), 500));
    let forgotten = |node: &Node| node.state.next_due().is_none();
    node.apply_stamped(1_500, &Command::PassTime);
    assert_eq!(node.state.raised_guard_count(), 0);
    assert_eq!(
        node.state.next_due(),
        Some(LogTime::from_ms(1_500 + limits::REMOVE_AFTER_MS_MAX))
    );
    let (_, events) = node.apply_stamped(1_500 + limits::REMOVE_AFTER_MS_MAX, &Command::PassTime);
    assert_eq!(events, vec![], "nobody is told");
    assert!(forgotten(&node));
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}
