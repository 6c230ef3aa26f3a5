//! How leases come to lapse, revive and expire.

use quorate_model::{
    Availability, ClusterId, Epoch, InstanceKey, Leadership, LeaseId, Liveness, LogIndex, LogTime, MemberId, Revision,
    Term,
};
use quorate_state::{Command, Effect, Event, HeldLease, Outcome, Rejection};

use super::{LAPSED, REVIVED, is_answered, lapsed, leased, passed, refused, standing};
use crate::samples::{
    LEADERSHIP, Node, batch, deregister, grant, grant_staying, held, key, lapse, register, register_living, revive,
    revoke, set_availability, through_a_snapshot,
};

#[test]
fn a_lapse_hides_and_a_revival_brings_back_what_the_lease_keeps() {
    let mut node = leased();
    assert_eq!(standing(&node, "a").liveness, Liveness::Live);
    let before = node.state.instance(&key("a")).unwrap();

    let (outcome, events) = node.apply_stamped(20_000, &lapse(&[(2, 2)]));
    assert_eq!(outcome, LAPSED);
    let [Event::Put { instance, previous }] = events.as_slice() else {
        panic!("expected one Put, found {events:?}");
    };
    assert_eq!(previous.as_ref(), Some(&before));
    let lapse_of_it = instance.lapse().copied().unwrap();
    assert_eq!(
        (lapse_of_it.revision, lapse_of_it.at),
        (Revision::new(4), LogTime::from_ms(20_000))
    );
    assert_eq!(lapse_of_it.recent_until, LogTime::from_ms(30_000), "one TTL later");
    assert_eq!(standing(&node, "a").liveness, Liveness::Lapsed);
    assert!(!is_answered(&node, "a"));
    let held = node.state.lease(LeaseId::new(2)).unwrap();
    assert_eq!((held.changed(), held.instance_count()), (Revision::new(4), 1));
    assert_eq!(node.state.lapsed_lease_count(), 1);

    let (outcome, events) = node.apply(&revive(&[(2, 4)]));
    assert_eq!((outcome, events.len()), (REVIVED, 1));
    assert!(is_answered(&node, "a"));
    let after = node.state.instance(&key("a")).unwrap();
    assert_eq!(after.generation(), before.generation());
    assert_eq!(
        (after.create_revision(), after.modify_revision()),
        (Revision::new(3), Revision::new(5))
    );
    assert_eq!((after.lapse(), node.state.lapsed_lease_count()), (None, 0));
    assert_eq!(node.state.lease(LeaseId::new(2)).unwrap().changed(), Revision::new(5));
}

#[test]
fn what_another_leadership_has_found_has_no_effect() {
    let others = [
        Leadership {
            term: Term::new(2),
            ..LEADERSHIP
        },
        Leadership {
            term: Term::new(4),
            ..LEADERSHIP
        },
        Leadership {
            leader: MemberId::try_from(2).unwrap(),
            ..LEADERSHIP
        },
        Leadership::NONE,
    ];
    for by in others {
        let mut node = leased();
        let leases = vec![(LeaseId::new(2), Revision::new(2))];
        let late = Command::LapseLeases { by, leases };
        assert_eq!(node.apply_in_vain(&late), Outcome::LeasesLapsed { count: 0 }, "{by}");
        let mut node = lapsed();
        let leases = vec![(LeaseId::new(2), Revision::new(4))];
        let late = Command::ReviveLeases { by, leases };
        assert_eq!(node.apply_in_vain(&late), Outcome::LeasesRevived { count: 0 }, "{by}");
    }
}

#[test]
fn what_was_found_of_another_revision_has_no_effect() {
    let in_vain = Outcome::LeasesLapsed { count: 0 };
    let mut node = leased();
    for since in [0, 1, 3, u64::MAX] {
        assert_eq!(node.apply_in_vain(&lapse(&[(2, since)])), in_vain);
    }
    assert_eq!(node.apply_in_vain(&lapse(&[(9, 9)])), in_vain, "there is no such lease");
    assert_eq!(
        node.apply_in_vain(&revive(&[(2, 2)])),
        Outcome::LeasesRevived { count: 0 },
        "it lives"
    );

    // A lapse that was found before the last revival comes too late, as does a revival from before the last lapse.
    let mut node = lapsed();
    assert_eq!(node.apply_in_vain(&lapse(&[(2, 2)])), in_vain);
    assert_eq!(node.apply_in_vain(&lapse(&[(2, 4)])), in_vain, "it has lapsed already");
    let lapsed_at = node.state.lease(LeaseId::new(2)).unwrap().changed().get();
    node.apply(&revive(&[(2, lapsed_at)]));
    assert_eq!(node.apply_in_vain(&lapse(&[(2, 2)])), in_vain);
    let revived_at = node.state.lease(LeaseId::new(2)).unwrap().changed().get();
    assert_eq!(node.apply(&lapse(&[(2, revived_at)])).0, LAPSED);
    assert_eq!(
        node.apply_in_vain(&revive(&[(2, lapsed_at)])),
        Outcome::LeasesRevived { count: 0 }
    );
}

#[test]
fn a_lease_lapses_once_however_often_it_is_named() {
    let mut node = leased();
    let (outcome, events) = node.apply(&lapse(&[(2, 2), (9, 9), (2, 2), (2, 4)]));
    assert_eq!((outcome, events.len()), (LAPSED, 1));
    let (outcome, events) = node.apply(&revive(&[(2, 4), (2, 4), (2, 5)]));
    assert_eq!((outcome, events.len()), (REVIVED, 1));
}

#[test]
fn a_lapsed_lease_expires_when_it_has_stayed_its_time_of_the_log_and_not_before() {
    let mut node = lapsed();
    assert_eq!(node.apply_stamped(30_000, &Command::PassTime), (passed(0), vec![]));
    assert_eq!(node.state.next_due(), Some(LogTime::from_ms(50_000)));
    assert_eq!(node.apply_stamped(49_999, &Command::PassTime), (passed(0), vec![]));
    // Nothing else makes it go, however late it is.
    node.apply_stamped(60_000, &deregister("z", None));
    assert!(node.state.instance(&key("a")).is_some());

    let (outcome, events) = node.apply(&Command::PassTime);
    assert_eq!(outcome, passed(1));
    assert!(matches!(events.as_slice(), [Event::Delete { previous }] if *previous.key() == key("a")));
    assert_eq!((node.state.lease_count(), node.state.instance_count()), (0, 0));
    assert_eq!(node.state.next_due(), None);
    assert_eq!(
        node.apply_in_vain(&revive(&[(2, 4)])),
        Outcome::LeasesRevived { count: 0 }
    );
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn a_lease_that_revives_does_not_expire() {
    let mut node = lapsed();
    node.apply(&revive(&[(2, 4)]));
    assert_eq!(node.state.next_due(), None);
    assert_eq!(node.apply_stamped(90_000, &Command::PassTime), (passed(0), vec![]));
    // Its time begins anew with the next lapse.
    node.apply(&lapse(&[(2, 5)]));
    node.apply_stamped(100_000, &Command::PassTime);
    assert_eq!(node.state.next_due(), Some(LogTime::from_ms(120_000)));
}

#[test]
fn what_is_kept_for_a_lease_goes_when_it_expires_and_not_when_it_lapses() {
    let mut node = leased();
    let write = batch(Some((2, 1)), vec![register("b", held(80, "", 0))]);
    node.apply(&write);
    node.apply_stamped(20_000, &lapse(&[(2, 2)]));
    // Whoever was away for a while still learns what came of its write.
    assert!(matches!(node.apply_in_vain(&write), Outcome::Batch(items) if items[0].is_ok()));
    node.apply_stamped(60_000, &Command::PassTime);
    assert_eq!(node.state.kept_outcome_count(), 0);
    assert_eq!(node.apply_in_vain(&write), refused(Rejection::LeaseNotFound));
    assert!(node.state.instance(&key("b")).is_some(), "it was registered to stay");
}

#[test]
fn a_lease_that_has_lapsed_is_granted_again_as_it_is() {
    let mut node = lapsed();
    let again = node.apply_in_vain(&grant_staying("pod", 30_000));
    let is_the_same = matches!(
        again,
        Outcome::LeaseGranted { id, effect: Effect::Unchanged, .. } if id == LeaseId::new(2)
    );
    assert!(is_the_same, "{again:?}");
    assert_eq!(node.state.lapsed_lease_count(), 1, "only a renewal revives it");
}

#[test]
fn a_revoked_lease_takes_with_it_what_it_keeps() {
    for mut node in [leased(), lapsed()] {
        node.apply(&register("persistent", held(80, "", 0)));
        let restored = Node {
            state: through_a_snapshot(&node.state),
        };
        for mut node in [node, restored] {
            let (outcome, events) = node.apply(&revoke(2));
            assert_eq!(outcome, Outcome::LeaseRevoked { existed: true });
            let gone: Vec<&InstanceKey> = events.iter().filter_map(Event::instance_key).collect();
            assert_eq!(gone, [&key("a")]);
            assert_eq!((node.state.lease_count(), node.state.instance_count()), (0, 1));
            assert_eq!(node.apply_in_vain(&revoke(2)), Outcome::LeaseRevoked { existed: false });
        }
    }
    // One that a registration made for itself takes that with it.
    let mut node = Node::founded();
    node.apply(&register_living("a", 10_000));
    let (outcome, events) = node.apply(&revoke(2));
    assert_eq!((outcome, events.len()), (Outcome::LeaseRevoked { existed: true }, 1));
    assert_eq!(node.state.hash(), Node::founded().state.hash());
}

#[test]
fn what_is_stated_of_a_lapsed_instance_can_change_and_does_not_revive_it() {
    let mut node = lapsed();
    node.apply(&set_availability("a", Availability::Draining, Some(3)));
    assert_eq!(standing(&node, "a").liveness, Liveness::Lapsed);
    node.apply(&revive(&[(2, 4)]));
    let standing = standing(&node, "a");
    assert_eq!(
        (standing.liveness, standing.availability),
        (Liveness::Live, Availability::Draining)
    );
}

#[test]
fn a_lapse_at_the_end_of_time_is_as_any_other() {
    let mut node = leased();
    node.apply_stamped(u64::MAX, &lapse(&[(2, 2)]));
    assert_eq!(through_a_snapshot(&node.state), node.state);
    node.apply(&revive(&[(2, 4)]));
    node.apply(&lapse(&[(2, 5)]));
    assert_eq!(through_a_snapshot(&node.state), node.state);
    assert_eq!(node.apply(&Command::PassTime).0, passed(1));
    assert_eq!(node.state.instance_count(), 0);
}

#[test]
fn only_what_changed_of_the_leases_is_told() {
    let mut node = leased();
    node.apply(&grant("idle", 1));
    let before = node.state.clone();
    assert_eq!(node.state.lease_changes(&before).count(), 0);
    node.apply_stamped(20_000, &lapse(&[(2, 2)]));
    node.apply(&grant("new", 1));
    node.apply(&revoke(4));
    let changes: Vec<_> = node.state.lease_changes(&before).collect();
    let ids = changes.iter().map(|(old, new)| {
        let id = |held: &HeldLease| held.lease().id.get();
        (old.map(id), new.map(id))
    });
    let ids: Vec<_> = ids.collect();
    assert_eq!(ids, [(Some(2), Some(2)), (Some(4), None), (None, Some(6))]);
    let (old, new) = changes[0];
    assert!(old.unwrap().lapsed().is_none() && new.unwrap().lapsed().is_some());
}

#[test]
fn a_restored_cluster_goes_on_with_its_leases() {
    let old = lapsed().state;
    let id = ClusterId::new(0xC9);
    let state = old.clone().into_restored(id, Epoch::new(7));
    let mut node = Node { state };
    assert_eq!(
        (node.state.applied(), node.state.lapsed_lease_count()),
        (LogIndex::ZERO, 1)
    );
    assert_eq!(node.state.next_due(), old.next_due());
    assert_eq!(through_a_snapshot(&node.state), node.state);
    node.state.advance(LogIndex::new(1));
    assert_eq!(node.apply(&revive(&[(2, 4)])).0, REVIVED);
    assert!(is_answered(&node, "a"));
}
