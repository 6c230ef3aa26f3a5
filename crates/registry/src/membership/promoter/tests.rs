//! When a learner is promoted, and when it is better not to.

use quorate_model::{LogIndex, Term};

use super::*;
use crate::{membership::tests::member, testing::member as id};

const LAST_LOG: u64 = 1_000;

fn voter(number: u64) -> Member {
    Member {
        matched: Some(LogIndex::new(LAST_LOG)),
        ..member(number, 7400 + u16::try_from(number).unwrap(), MemberRole::Voter)
    }
}

fn learner(number: u64, matched: Option<u64>) -> Member {
    Member {
        role: MemberRole::Learner,
        matched: matched.map(LogIndex::new),
        ..voter(number)
    }
}

fn leading(members: Vec<Member>) -> Status {
    Status {
        role: Role::Leader,
        term: Term::new(1),
        leader: Some(id(1)),
        last_log: LogIndex::new(LAST_LOG),
        applied: LogIndex::new(LAST_LOG),
        members,
    }
}

#[test]
fn a_learner_that_has_caught_up_is_promoted_and_one_entry_before_that_it_is_not() {
    let with = |matched| next_step(&leading(vec![voter(1), learner(2, matched)]), false);
    assert_eq!(with(None), None);
    assert_eq!(with(Some(LAST_LOG - LAG_ENTRIES_MAX - 1)), None);
    assert_eq!(
        with(Some(LAST_LOG - LAG_ENTRIES_MAX)),
        Some(Step::PromoteOneOf(vec![id(2)]))
    );
}

#[test]
fn one_change_at_a_time_in_the_order_of_the_ids() {
    let status = leading(vec![voter(1), learner(3, Some(LAST_LOG)), learner(2, Some(LAST_LOG))]);
    assert_eq!(next_step(&status, false), Some(Step::PromoteOneOf(vec![id(2), id(3)])));
    assert_eq!(
        next_step(&status, true),
        Some(Step::FinishChange),
        "what was begun comes first"
    );
}

#[test]
fn a_read_replica_stays_a_learner() {
    let mut replica = learner(2, Some(LAST_LOG));
    replica.info.calling = Calling::Learner;
    assert_eq!(next_step(&leading(vec![voter(1), replica]), false), None);
}

#[test]
fn there_are_never_more_voters_than_allowed() {
    let members = |voters: usize| {
        let mut members: Vec<Member> = (1..).map(voter).take(voters).collect();
        members.push(learner(100, Some(LAST_LOG)));
        leading(members)
    };
    assert_eq!(next_step(&members(limits::VOTERS_MAX), false), None);
    let step = next_step(&members(limits::VOTERS_MAX - 1), false);
    assert_eq!(step, Some(Step::PromoteOneOf(vec![id(100)])));
}

#[test]
fn only_the_leader_acts() {
    let mut status = leading(vec![voter(1), learner(2, Some(LAST_LOG))]);
    for role in [Role::Follower, Role::Candidate, Role::Learner, Role::Stopped] {
        status.role = role;
        assert_eq!(next_step(&status, true), None);
    }
}

#[test]
fn a_learner_that_is_gone_is_not_promoted_and_does_not_stand_in_the_way() {
    let present = [id(1), id(2), id(5)];
    assert!(choose(&[id(1), id(2)], &[id(4)], &present).is_err());
    assert_eq!(choose(&[id(1), id(2)], &[id(4), id(5)], &present), Ok(id(5)));
}

#[test]
fn nobody_is_promoted_into_a_cluster_that_would_have_no_quorum() {
    let voters = [id(1), id(2), id(3)];
    let refused = choose(&voters, &[id(4)], &[id(1), id(4)]).unwrap_err();
    assert!(refused.contains("2 of 4"), "{refused}");
    assert_eq!(choose(&voters, &[id(4)], &[id(1), id(3), id(4)]), Ok(id(4)));
}
