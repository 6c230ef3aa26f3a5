//! How much lapses, revives and expires with one entry.

use quorate_model::{LeaseId, Lifetime, LogTime, limits};
use quorate_state::{Command, Mutation, Outcome};

use super::{LAPSED, passed};
use crate::samples::{Node, grant_staying, held, lapse, of_web, raise_guard, register_for, register_with, revive};

/// So many leases that keep one instance each, all in services of their own: of the `number`-th lease the id is
/// `2 * number + 2`.
fn apart(count: u64) -> Node {
    let mut node = Node::founded();
    for number in 0..count {
        node.apply(&grant_staying(&format!("p{number}"), 30_000));
        let lease = LeaseId::new(2 * number + 2);
        let mut register = register_for("a", held(80, "", 0), Lifetime::Lease(lease));
        if let Command::Mutate(Mutation::Register { key, .. }) = &mut register {
            key.service = format!("s{number}").parse().expect("valid");
        }
        node.apply(&register);
    }
    node
}

#[test]
fn an_entry_has_up_to_1024_events_however_much_lapses_revives_or_expires() {
    const COUNT: u64 = 1_500;
    let max = limits::EVENTS_PER_ENTRY_MAX;
    let mut node = apart(COUNT);
    let ids: Vec<u64> = (0..COUNT).map(|number| 2 * number + 2).collect();
    let mut rounds = 0;
    while node.state.lapsed_lease_count() < ids.len() {
        let live = ids
            .iter()
            .filter(|id| node.state.lease(LeaseId::new(**id)).unwrap().lapsed().is_none());
        let asked: Vec<_> = live.map(|id| (*id, *id)).collect();
        let (outcome, events) = node.apply_stamped(1_000, &lapse(&asked));
        // Each service could have its guard raised: there is room for an event of that too.
        let expected = u32::try_from(asked.len().min(511)).unwrap();
        assert_eq!(outcome, Outcome::LeasesLapsed { count: expected });
        assert!(events.len() <= max);
        rounds += 1;
    }
    assert_eq!(rounds, 3);

    let lapses: Vec<_> = ids
        .iter()
        .map(|id| (*id, node.state.lease(LeaseId::new(*id)).unwrap().changed().get()))
        .collect();
    let mut revived = Node {
        state: node.state.clone(),
    };
    let (outcome, events) = revived.apply(&revive(&lapses));
    assert_eq!(outcome, Outcome::LeasesRevived { count: 1_024 });
    assert!(events.len() <= max);
    assert_eq!(
        revived.apply(&revive(&lapses[1_024..])).0,
        Outcome::LeasesRevived { count: 476 }
    );

    // The guards go first, then what they kept for a while longer, entry by entry.
    node.apply_stamped(601_000, &Command::PassTime);
    let mut expired = vec![];
    while node.state.lease_count() > 0 {
        let (outcome, events) = node.apply_stamped(700_000, &Command::PassTime);
        assert!(events.len() <= max && outcome != passed(0), "{outcome:?}");
        expired.push(events.len());
    }
    assert_eq!(expired.iter().sum::<usize>(), ids.len());
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn a_lease_that_does_not_fit_is_left_for_the_next_entry() {
    // Four of them fit.
    let (mut node, leases) = large(5);
    assert_eq!(node.apply(&lapse(&leases)).0, Outcome::LeasesLapsed { count: 4 });
    assert_eq!(node.state.lease(LeaseId::new(leases[4].0)).unwrap().lapsed(), None);
    let (outcome, events) = node.apply(&lapse(&leases));
    assert_eq!((outcome, events.len()), (LAPSED, 250));
}

/// Leases that keep 250 instances each, all in one service.
fn large(count: usize) -> (Node, Vec<(u64, u64)>) {
    let mut node = Node::founded();
    let mut leases = vec![];
    for number in 0..count {
        let lease = node.state.revision().get() + 1;
        node.apply(&grant_staying(&format!("p{number}"), 30_000));
        leases.push((lease, lease));
        for nth in 0..250 {
            node.apply(&register_with(&format!("i{number}-{nth}"), lease));
        }
    }
    (node, leases)
}

#[test]
fn under_a_guard_an_entry_gives_more_time_to_no_more_than_1024_instances() {
    let (mut node, leases) = large(9);
    node.apply(&raise_guard(of_web(), 86_400_000));
    for four in leases.chunks(4) {
        node.apply_stamped(1_000, &lapse(four));
    }
    for _ in 0..2 {
        node.apply_stamped(11_000, &Command::PassTime);
    }
    // They have no events, of which there would be room for all.
    for count in [4, 4, 1, 0] {
        assert_eq!(node.apply_stamped(31_000, &Command::PassTime), (passed(count), vec![]));
    }
    assert_eq!(node.state.next_due(), Some(LogTime::from_ms(61_000)));
}

#[test]
fn a_list_of_what_has_lapsed_has_nothing_that_lives() {
    let mut node = Node::founded();
    for number in 0..2_000 {
        node.apply(&grant_staying(&format!("p{number}"), 30_000));
    }
    let last = node.state.revision().get();
    assert_eq!(node.apply(&lapse(&[(last, last)])).0, LAPSED);
    let listed = node.state.lapsed_leases_after(None).map(|held| held.lease().id.get());
    assert_eq!(listed.collect::<Vec<_>>(), [last]);
}
