//! Leases at the edges of their limits.

use quorate_model::{LeaseTtl, RemoveAfter};

use super::*;
use crate::Mutated;

fn lease(id: u64) -> HeldLease {
    let lease = Lease {
        id: LeaseId::new(id),
        owner: None,
        incarnation: id.try_into().unwrap(),
        ttl: LeaseTtl::default(),
        remove_after: RemoveAfter::of(LeaseTtl::default()),
        kind: LeaseKind::Granted,
        granted_at_ms: 0,
    };
    HeldLease::new(lease, Sequence::FIRST, Revision::new(id))
}

fn key(lease: u64, sequence: u64, part: u32) -> KeptKey {
    KeptKey {
        lease: LeaseId::new(lease),
        sequence: sequence.try_into().unwrap(),
        part,
    }
}

fn kept() -> Kept {
    Kept {
        digest: 7,
        outcome: Ok(Mutated::Deregistered { existed: true }),
    }
}

fn over(limit: Limit) -> Result<(), Rejection> {
    Err(Rejection::LimitExceeded { limit })
}

/// Keeps one more if there is room.
fn keep(leases: &mut Leases, key: KeptKey) -> Result<(), Rejection> {
    leases.check_room(key.lease)?;
    assert!(leases.keep(key, kept()));
    Ok(())
}

#[test]
fn a_new_state_has_room_for_a_million_leases() {
    assert_eq!(Leases::default().room.leases, 1_048_576);
}

#[test]
fn leases_end_at_the_limit_of_the_cluster() {
    let mut leases = Leases::with_room(LeaseRoom {
        leases: 2,
        ..LeaseRoom::default()
    });
    assert_eq!(leases.insert(lease(1)), Ok(()));
    assert_eq!(leases.insert(lease(2)), Ok(()));
    assert_eq!(leases.insert(lease(3)), over(Limit::Leases));
    assert!(leases.remove(LeaseId::new(1)).is_some());
    assert_eq!(leases.insert(lease(3)), Ok(()));
    assert_eq!(leases.len(), 2);
}

#[test]
fn an_id_or_a_holder_has_one_lease() {
    let mut leases = Leases::default();
    assert_eq!(leases.insert(lease(1)), Ok(()));
    assert_eq!(leases.insert(lease(1)), over(Limit::Leases));
    let mut other_id = Lease::clone(lease(1).lease());
    other_id.id = LeaseId::new(2);
    assert_eq!(
        leases.insert(HeldLease::new(other_id, Sequence::FIRST, Revision::new(2))),
        over(Limit::Leases)
    );
}

#[test]
fn outcomes_end_at_the_limit_of_the_lease_and_of_the_cluster() {
    let mut leases = Leases::with_room(LeaseRoom {
        kept: 3,
        kept_per_lease: 2,
        ..LeaseRoom::default()
    });
    leases.insert(lease(1)).unwrap();
    leases.insert(lease(2)).unwrap();
    assert_eq!(keep(&mut leases, key(1, 1, 0)), Ok(()));
    assert_eq!(keep(&mut leases, key(1, 1, 1)), Ok(()));
    assert_eq!(keep(&mut leases, key(1, 2, 0)), over(Limit::KeptOutcomesPerLease));
    assert_eq!(keep(&mut leases, key(2, 1, 0)), Ok(()));
    assert_eq!(keep(&mut leases, key(2, 2, 0)), over(Limit::KeptOutcomes));

    assert_eq!(leases.forget(&key(1, 1, 0)), Some(kept()));
    assert_eq!(keep(&mut leases, key(2, 2, 0)), Ok(()));
    assert_eq!(leases.get(LeaseId::new(1)).unwrap().kept_outcome_count(), 1);
    assert_eq!(leases.kept_len(), 3);
}

#[test]
fn nothing_is_kept_without_a_lease_twice_or_below_the_window() {
    let mut leases = Leases::default();
    assert!(!leases.keep(key(1, 1, 0), kept()));
    leases.insert(lease(1)).unwrap();
    assert!(leases.keep(key(1, 1, 0), kept()));
    assert!(!leases.keep(key(1, 1, 0), kept()));
    leases.move_window(LeaseId::new(1), 5.try_into().unwrap());
    assert!(!leases.keep(key(1, 4, 0), kept()));
    assert!(leases.keep(key(1, 5, 0), kept()));
}

#[test]
fn what_is_kept_of_a_lease_ends_where_the_next_one_begins() {
    let mut leases = Leases::default();
    for id in 1..4 {
        leases.insert(lease(id)).unwrap();
        leases.keep(key(id, 1, 0), kept());
        leases.keep(key(id, 1, u32::MAX), kept());
        leases.keep(key(id, u64::MAX, 0), kept());
    }
    let below = |end: Option<u64>| leases.kept_below(LeaseId::new(2), end.map(|end| end.try_into().unwrap()));
    assert_eq!(below(None), [key(2, 1, 0), key(2, 1, u32::MAX), key(2, u64::MAX, 0)]);
    assert_eq!(below(Some(2)), [key(2, 1, 0), key(2, 1, u32::MAX)]);
    assert_eq!(below(Some(1)), []);
}

#[test]
fn the_lease_that_was_used_the_longest_ago_is_known_while_anything_is_kept_for_it() {
    let mut leases = Leases::default();
    for id in 1..4 {
        leases.insert(lease(id)).unwrap();
    }
    let idlest_but = |leases: &Leases, id| leases.idlest_but(LeaseId::new(id)).map(LeaseId::get);
    assert_eq!(idlest_but(&leases, 3), None);
    // Ids are revisions: the lower one was granted, and that is used, the longer ago.
    assert!(leases.keep(key(2, 1, 0), kept()));
    assert!(leases.keep(key(1, 7, 0), kept()));
    assert!(leases.keep(key(1, 3, 9), kept()));
    assert_eq!((idlest_but(&leases, 3), idlest_but(&leases, 1)), (Some(1), Some(2)));

    leases.note_use(LeaseId::new(1), Revision::new(9));
    leases.note_use(LeaseId::new(3), Revision::new(1));
    assert_eq!((idlest_but(&leases, 3), idlest_but(&leases, 2)), (Some(2), Some(1)));
    let last_kept = |leases: &Leases, id| leases.last_kept(LeaseId::new(id)).map(Sequence::get);
    assert_eq!((last_kept(&leases, 1), last_kept(&leases, 3)), (Some(7), None));

    leases.forget(&key(1, 7, 0)).unwrap();
    assert_eq!((last_kept(&leases, 1), idlest_but(&leases, 2)), (Some(3), Some(1)));
    leases.forget(&key(1, 3, 9)).unwrap();
    assert_eq!((last_kept(&leases, 1), idlest_but(&leases, 2)), (None, None));
}
