//! How lapses age: when they count no longer, and how many with one entry.

use quorate_model::{LogTime, limits};
use quorate_state::{Command, Outcome};

use super::{lapsed, passed};
use crate::guards::share_percent;
use crate::{
    canonical,
    naive::Naive,
    properties::check_views,
    samples::{
        Node, allocate, batch, deregister, drop_guard, found, grant_staying, lapse, of_web, raise_guard,
        register_living, register_with, revive, set_settings, through_a_snapshot,
    },
};

/// Leases that lapse with one entry. They keep one instance each, and one entry ages those of two: 1,200 of both.
const PER_ENTRY: u64 = 300;
const CHUNK: usize = 300;

/// A state, and what the rules say of it.
struct Both {
    node: Node,
    naive: Naive,
}

impl Both {
    /// One service of which so many leases keep an instance each, and a few more that do not lapse. It is not guarded
    /// for a share, so that what lapses in it counts while it is recent.
    fn of_web(leases: u64) -> Self {
        let mut both = Self {
            node: Node::default(),
            naive: Naive::default(),
        };
        both.apply(0, &found());
        both.apply(0, &set_settings(share_percent(100), false));
        for number in 0..leases {
            both.apply(0, &grant_staying(&format!("p{number}"), 60_000));
        }
        for (nth, ids) in (0..).zip(lease_ids(&both).chunks(CHUNK)) {
            let register = (0..)
                .zip(ids)
                .map(|(number, id)| register_with(&format!("i{nth}-{number}"), *id));
            both.apply(0, &batch(None, register.collect()));
        }
        both.apply(0, &register_living("live-1", 10_000));
        both.apply(0, &register_living("live-2", 10_000));
        both
    }

    fn apply(&mut self, ms: u64, command: &Command) -> Outcome {
        let (outcome, events) = self.node.apply_stamped(ms, command);
        let revision = self.node.state.revision().get();
        assert_eq!((outcome.clone(), events), self.naive.apply(revision, ms, command));
        outcome
    }

    /// Applies a command and looks whether all is as the rules say: also to a member that starts from a snapshot.
    fn check(&mut self, ms: u64, command: &Command) -> Outcome {
        let outcome = self.apply(ms, command);
        let state = &self.node.state;
        check_views(state, &self.naive);
        assert_eq!(state.hash(), canonical::hash(&self.naive));
        assert_eq!(through_a_snapshot(state), *state);
        outcome
    }

    /// Lets all lapse in so many entries at one moment.
    fn lapse_all(&mut self, ms: u64, entries: u64) {
        let ids = lease_ids(self);
        for chunk in ids.chunks(CHUNK).take(usize::try_from(entries).expect("few")) {
            let leases: Vec<_> = chunk.iter().map(|id| (*id, *id)).collect();
            let count = u32::try_from(leases.len()).expect("few");
            assert_eq!(self.apply(ms, &lapse(&leases)), Outcome::LeasesLapsed { count });
        }
    }

    /// How many instances of the service count, where its guard is raised.
    fn counted(&self) -> usize {
        let web = self.node.state.raised_guards().find(|raised| raised.scope == of_web());
        web.expect("it is raised").suspect
    }
}

/// The leases that are to lapse.
fn lease_ids(both: &Both) -> Vec<u64> {
    let held = both.node.state.leases_after(None);
    let granted = held.filter(|held| held.lease().owner.is_some());
    granted.map(|held| held.lease().id.get()).collect()
}

#[test]
fn lapses_age_when_they_are_due_also_where_nothing_else_is_written() {
    let mut node = lapsed();
    assert_eq!(node.state.next_due(), Some(LogTime::from_ms(30_000)), "one TTL later");
    node.apply_stamped(30_000, &Command::PassTime);
    assert_eq!(node.state.next_due(), Some(LogTime::from_ms(50_000)), "when it expires");
}

#[test]
fn an_entry_ages_no_more_than_it_may_have_events() {
    let mut both = Both::of_web(5 * PER_ENTRY);
    both.lapse_all(1_000, 5);
    // The first entry after a long time. What it leaves counts on, and is not suspect by a guard of now.
    both.apply(11_000, &allocate(1));
    both.check(11_000, &raise_guard(of_web(), 20_000));
    assert_eq!(both.counted(), 300);
    assert_eq!(both.node.state.next_due(), Some(LogTime::from_ms(11_000)));
    both.check(11_000, &allocate(2));
    assert_eq!(
        (both.counted(), both.node.state.next_due()),
        (0, Some(LogTime::from_ms(31_000)))
    );
}

#[test]
fn who_passes_the_time_learns_whether_anything_is_still_to_be_aged() {
    let mut both = Both::of_web(5 * PER_ENTRY);
    both.lapse_all(1_000, 5);
    assert_eq!(
        both.check(11_000, &Command::PassTime),
        passed(600),
        "beside what any entry ages"
    );
    assert_eq!(both.check(11_000, &Command::PassTime), passed(0));
    assert!(both.node.state.next_due() > Some(LogTime::from_ms(11_000)));
}

#[test]
fn what_is_still_to_be_aged_can_live_again_or_go() {
    let mut both = Both::of_web(5 * PER_ENTRY);
    both.lapse_all(1_000, 5);
    both.check(11_000, &raise_guard(of_web(), 20_000));
    assert_eq!(both.counted(), 900);
    let last = *lease_ids(&both).last().expect("many");
    let changed = both.node.state.lapsed_lease_count();
    let lapsed_at = both.node.state.revision().get() - 1;
    assert_eq!(
        both.check(11_000, &revive(&[(last, lapsed_at)])),
        Outcome::LeasesRevived { count: 1 }
    );
    assert_eq!(
        (both.counted(), both.node.state.lapsed_lease_count()),
        (299, changed - 1)
    );
    both.check(11_000, &deregister("i4-298", None));
    assert_eq!(both.counted(), 0);
}

#[test]
fn a_guard_that_counts_what_is_still_to_be_aged_drops_all_the_same() {
    let mut both = Both::of_web(5 * PER_ENTRY);
    both.lapse_all(1_000, 5);
    both.check(11_000, &raise_guard(of_web(), 20_000));
    // What counts is out for good with the drop, aged or not.
    both.check(11_000, &drop_guard(of_web()));
    both.check(11_000, &raise_guard(of_web(), 20_000));
    assert_eq!(both.counted(), 0);
    both.check(31_000, &Command::PassTime);
    let scopes: Vec<_> = both.node.state.raised_guards().map(|raised| raised.scope).collect();
    assert!(!scopes.contains(&of_web()), "{scopes:?}");
}

#[test]
fn a_drop_is_remembered_while_anything_is_to_be_aged_that_it_took_out_of_the_count() {
    let mut both = Both::of_web(5 * PER_ENTRY);
    both.lapse_all(1_000, 5);
    both.apply(2_000, &raise_guard(of_web(), 20_000));
    both.apply(2_000, &drop_guard(of_web()));
    // The first entry in two days comes when the drop would be forgotten, and cannot age all that lapsed before it.
    let late = 2_000 + limits::REMOVE_AFTER_MS_MAX;
    both.check(late, &Command::PassTime);
    assert_eq!(both.node.state.next_due(), Some(LogTime::from_ms(11_000)));
    both.check(late, &Command::PassTime);
    both.apply(late, &raise_guard(of_web(), 20_000));
    assert_eq!(both.counted(), 0);
}

#[test]
fn lapses_at_the_end_of_time_age_entry_by_entry_too() {
    let mut both = Both::of_web(5 * PER_ENTRY);
    both.lapse_all(u64::MAX - 1, 3);
    both.check(u64::MAX, &allocate(1));
    let ids = lease_ids(&both);
    let leases: Vec<_> = ids[900..1_200].iter().map(|id| (*id, *id)).collect();
    both.check(u64::MAX, &lapse(&leases));
    both.check(u64::MAX, &raise_guard(of_web(), 20_000));
    both.check(u64::MAX, &allocate(2));
}
