//! What a table keeps, tells and lets lapse.

use quorate_model::{ClusterId, Epoch, Incarnation, LogIndex, LogTime, MemberId, RemoveAfter, Term};
use quorate_state::{Command, Position, State};

use super::*;

/// Time that any lease here lives.
const TTL: Duration = Duration::from_secs(10);

/// A member with its table, its state and its clock.
struct Node {
    table: Table,
    state: State,
    now: Duration,
}

fn leadership(term: u64) -> Leadership {
    Leadership {
        term: Term::new(term),
        leader: MemberId::FIRST,
    }
}

fn told(term: u64, sequence: u64, table: &[(LeaseId, u64)]) -> Replication {
    Replication {
        leadership: leadership(term),
        sequence,
        membership_index: 0,
        table: table.to_vec(),
        completes: false,
        replaces: false,
    }
}

impl Node {
    fn new() -> Self {
        let now = Duration::from_secs(77);
        let mut node = Self {
            table: Table::new(now),
            state: State::new(),
            now,
        };
        node.apply(&Command::Found {
            cluster_id: ClusterId::new(7),
            epoch: Epoch::new(1),
        });
        node
    }

    fn apply(&mut self, command: &Command) {
        let at = Position {
            index: LogIndex::new(self.state.applied().get() + 1),
            time: LogTime::ZERO,
            leadership: leadership(1),
        };
        let before = self.state.clone();
        self.state.apply(at, command);
        for (old, new) in self.state.lease_changes(&before) {
            let id = old.or(new).unwrap().lease().id;
            self.table.follow(id, new, self.now);
        }
        self.table.followed(self.state.revision());
    }

    fn grant(&mut self) -> LeaseId {
        let ttl = LeaseTtl::try_from(TTL).unwrap();
        self.apply(&Command::GrantLease {
            owner: None,
            incarnation: Incarnation::try_from(self.state.applied().get() + 1).unwrap(),
            ttl,
            remove_after: RemoveAfter::of(ttl),
            granted_at_ms: 0,
        });
        LeaseId::new(self.state.revision().get())
    }

    fn lapse(&mut self, id: LeaseId) {
        let since = self.state.lease(id).unwrap().changed();
        self.apply(&Command::LapseLeases {
            by: leadership(1),
            leases: vec![(id, since)],
        });
    }

    /// Lets time pass tick by tick, confirmed all the time.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(250);
            self.table.tick(self.now, Some(self.now));
            while self.table.turn(self.now, 4) {}
        }
    }

    fn renew(&mut self, id: LeaseId) -> Sorted {
        let state = self.state.clone();
        self.table.renew(&state, &[id], Duration::ZERO, self.now)
    }

    fn due(&mut self) -> Vec<LeaseId> {
        self.table.take_due(self.now, 100)
    }
}

#[test]
fn a_lease_is_due_a_twentieth_after_its_ttl_and_not_before() {
    let mut node = Node::new();
    node.table.lead();
    let id = node.grant();
    node.pass(Duration::from_millis(10_250));
    assert_eq!(node.due(), []);
    node.pass(Duration::from_millis(750));
    assert_eq!(node.due(), [id]);
}

#[test]
fn a_lease_is_due_in_time_though_it_was_thought_to_be_renewed_later() {
    let mut node = Node::new();
    let id = node.grant();
    node.table.lead();
    // It was granted long before this member started and learned of it.
    node.table.learn(&vec![(id, 9_000)], false, node.now);
    node.pass(Duration::from_secs(2));
    assert_eq!(node.due(), [id]);
    // What is left over in the wheel from when it was thought to be due later does nothing.
    node.table.settle(&[id], node.now);
    node.renew(id);
    node.pass(Duration::from_secs(10));
    assert_eq!(node.due(), []);
    node.pass(Duration::from_secs(1));
    assert_eq!(node.due(), [id]);
}

#[test]
fn a_renewal_counts_from_when_it_came_in() {
    let mut node = Node::new();
    node.table.lead();
    let id = node.grant();
    node.pass(Duration::from_secs(6));
    let state = node.state.clone();
    let sorted = node.table.renew(&state, &[id], Duration::from_secs(2), node.now);
    assert_eq!((sorted.live, sorted.mark), (vec![id], 2));
    node.pass(Duration::from_secs(8));
    assert_eq!(node.due(), []);
    node.pass(Duration::from_secs(1));
    assert_eq!(node.due(), [id]);
}

#[test]
fn nothing_is_due_where_nobody_leads_and_it_is_looked_at_again_once_somebody_does() {
    let mut node = Node::new();
    let id = node.grant();
    node.pass(Duration::from_secs(30));
    assert!(!node.table.has_due());
    node.table.lead();
    node.pass(Duration::from_millis(1_500));
    assert_eq!(node.due(), [id]);
}

#[test]
fn who_renews_while_a_lapse_is_under_way_waits_and_the_lease_goes_on_if_it_came_to_nothing() {
    let mut node = Node::new();
    node.table.lead();
    let id = node.grant();
    node.pass(Duration::from_secs(11));
    assert_eq!(node.due(), [id]);
    assert_eq!(node.renew(id).proposed, [id]);
    node.table.settle(&[id], node.now);
    assert_eq!(node.renew(id).live, [id]);
    node.pass(Duration::from_secs(10));
    assert_eq!(node.due(), []);
}

#[test]
fn what_has_lapsed_is_told_so_and_what_is_gone_is_not_known() {
    let mut node = Node::new();
    node.table.lead();
    let (lapsed, gone) = (node.grant(), node.grant());
    node.lapse(lapsed);
    node.apply(&Command::RevokeLease { id: gone });
    assert_eq!(
        node.renew(lapsed).lapsed,
        [(lapsed, node.state.lease(lapsed).unwrap().changed())]
    );
    assert_eq!(node.renew(gone).unknown, [gone]);
    node.pass(Duration::from_secs(30));
    assert_eq!(node.due(), []);
}

#[test]
fn a_lease_that_lapses_and_lives_again_many_times_is_in_the_wheel_once() {
    let mut node = Node::new();
    let id = node.grant();
    for _ in 0..50 {
        node.lapse(id);
        let lapse = node.state.lease(id).unwrap().changed();
        node.apply(&Command::ReviveLeases {
            by: leadership(1),
            leases: vec![(id, lapse)],
        });
    }
    node.table.lead();
    node.pass(Duration::from_secs(12));
    assert_eq!(node.due(), [id]);
}

#[test]
fn a_member_keeps_what_it_is_told_in_order_and_the_newest_counts() {
    let mut node = Node::new();
    let id = node.grant();
    assert_eq!(node.table.accept(&told(3, 1, &[]), node.now), Replicated::OutOfOrder);
    assert_eq!(
        node.table.accept(&told(3, 0, &[(id, 4_000)]), node.now),
        Replicated::Kept
    );
    assert_eq!(
        node.table.accept(&told(3, 1, &[(id, 9_000)]), node.now),
        Replicated::Kept
    );
    let vitality = node.table.vitality(id, node.now).unwrap();
    assert_eq!(vitality.renewed_ago, Duration::from_secs(4));
    assert_eq!(vitality.remaining, Duration::from_secs(6));
    assert_eq!(
        node.table.accept(&told(3, 1, &[]), node.now),
        Replicated::OutOfOrder,
        "a repetition"
    );
}

#[test]
fn the_truth_replaces_what_is_known() {
    let mut node = Node::new();
    let id = node.grant();
    node.table.accept(&told(3, 0, &[(id, 1_000)]), node.now);
    let truth = Replication {
        completes: true,
        replaces: true,
        membership_index: 9,
        ..told(4, 0, &[(id, 7_000)])
    };
    assert!(!node.table.is_complete());
    node.table.accept(&truth, node.now);
    assert_eq!(
        node.table.vitality(id, node.now).unwrap().renewed_ago,
        Duration::from_secs(7)
    );
    assert!(node.table.is_complete());
    assert_eq!(node.table.membership_index(), 9);
}

#[test]
fn nothing_is_taken_from_a_leader_before_one_that_has_asked() {
    let mut node = Node::new();
    let id = node.grant();
    assert_eq!(node.table.accept(&told(3, 0, &[]), node.now), Replicated::Kept);
    assert_eq!(node.table.fence(leadership(5)), Ok(()));
    assert_eq!(
        node.table.accept(&told(3, 1, &[(id, 0)]), node.now),
        Replicated::Fenced(leadership(5))
    );
    assert_eq!(node.table.fence(leadership(4)), Err(leadership(5)));
}

#[test]
fn a_renewal_of_a_lease_whose_grant_is_not_applied_yet_is_kept_and_one_of_a_lease_that_is_gone_is_not() {
    let mut node = Node::new();
    let gone = node.grant();
    node.apply(&Command::RevokeLease { id: gone });
    let future = LeaseId::new(node.state.revision().get() + 1);
    node.table.accept(&told(3, 0, &[(gone, 0), (future, 3_000)]), node.now);
    let (ages, next) = node.table.ages(None, 10, node.now);
    assert_eq!((ages, next), (vec![(future, 3_000)], None));
    assert_eq!(node.grant(), future);
    assert_eq!(
        node.table.vitality(future, node.now).unwrap().renewed_ago,
        Duration::from_secs(3)
    );
}

#[test]
fn a_guess_is_not_told_and_gives_way_to_what_is_told() {
    let mut node = Node::new();
    let id = node.grant();
    assert_eq!(node.table.ages(None, 10, node.now).0, []);
    node.pass(Duration::from_secs(2));
    node.table.accept(&told(3, 0, &[(id, 8_000)]), node.now);
    assert_eq!(node.table.ages(None, 10, node.now).0, [(id, 8_000)]);
}

#[test]
fn ages_come_in_parts_in_the_order_of_their_leases() {
    let mut node = Node::new();
    node.table.lead();
    let ids: Vec<LeaseId> = (0..5).map(|_| node.grant()).collect();
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let (part, next) = node.table.ages(after, 2, node.now);
        found.extend(part.into_iter().map(|(id, _)| id));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ids);
}

#[test]
fn a_reset_gives_every_lease_its_full_time() {
    let mut node = Node::new();
    let ids: Vec<LeaseId> = (0..5).map(|_| node.grant()).collect();
    node.pass(Duration::from_secs(9));
    node.table.lead();
    let mut after = None;
    loop {
        after = node.table.reset(after, 2, node.now);
        if after.is_none() {
            break;
        }
    }
    node.pass(Duration::from_secs(10));
    assert_eq!(node.due(), []);
    node.pass(Duration::from_secs(1));
    let mut due = node.due();
    due.sort_unstable();
    assert_eq!(due, ids);
}

#[test]
fn updates_tell_what_was_renewed_and_for_how_long_they_are_kept() {
    let mut node = Node::new();
    node.table.lead();
    let id = node.grant();
    node.pass(Duration::from_secs(3));
    node.renew(id);
    node.pass(Duration::from_secs(1));
    assert_eq!(node.table.updates(1, 10, node.now), Some((vec![(id, 1_000)], 2)));
    assert_eq!(node.table.end(), 2);
    node.table.stand_back(node.now);
    assert_eq!(node.table.updates(0, 10, node.now), None);
}

#[test]
fn a_leader_that_stands_back_forgets_nothing_that_was_under_way() {
    let mut node = Node::new();
    node.table.lead();
    let (due, proposed) = (node.grant(), node.grant());
    node.pass(Duration::from_secs(11));
    let taken = node.table.take_due(node.now, 1);
    assert_eq!(taken, [proposed]);
    node.table.stand_back(node.now);
    node.table.lead();
    node.pass(Duration::from_secs(1));
    let mut found = node.due();
    found.sort_unstable();
    assert_eq!(found, [due, proposed]);
}

#[test]
fn nothing_that_a_leader_renews_counts_as_noted_once_a_later_one_has_asked_it() {
    let mut node = Node::new();
    let id = node.grant();
    assert_eq!(node.renew(id).mark, u64::MAX, "nobody leads here");
    node.table.fence(leadership(3)).unwrap();
    node.table.lead();
    let mark = node.renew(id).mark;
    assert!(mark > 0);
    assert_eq!(node.table.noted_by(leadership(3)), mark);
    node.table.fence(leadership(4)).unwrap();
    assert_eq!(node.table.noted_by(leadership(3)), 0);
}

#[test]
fn a_lease_that_came_and_went_in_one_snapshot_is_forgotten() {
    let mut node = Node::new();
    let before = node.state.clone();
    let (gone, last) = (node.grant(), node.grant());
    node.apply(&Command::RevokeLease { id: gone });
    let mut behind = Table::new(node.now);
    let later = LeaseId::new(node.state.revision().get() + 1);
    behind.accept(&told(3, 0, &[(gone, 0), (last, 0), (later, 0)]), node.now);
    for (old, new) in node.state.lease_changes(&before) {
        behind.follow(old.or(new).unwrap().lease().id, new, node.now);
    }
    behind.followed(node.state.revision());
    assert_eq!(behind.ages(None, 10, node.now).0, [(last, 0), (later, 0)]);
}
