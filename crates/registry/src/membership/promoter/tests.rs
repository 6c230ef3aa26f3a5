//! What the leader does by itself, and when it is better not to.

use std::time::Duration;

use quorate_consensus::{Member, MemberRole};
use quorate_model::{LogIndex, Term};

use super::*;
use crate::{
    membership::{rules::LAG_ENTRIES_MAX, tests::member},
    testing::member as id,
};

const LAST_LOG: u64 = 1_000;

fn voter(number: u64) -> Member {
    Member {
        matched: Some(LogIndex::new(LAST_LOG)),
        last_heard: Some(Duration::ZERO),
        ..member(number, 7400 + 2 * u16::try_from(number).unwrap(), MemberRole::Voter)
    }
}

fn learner(number: u64, matched: Option<u64>) -> Member {
    Member {
        role: MemberRole::Learner,
        matched: matched.map(LogIndex::new),
        ..voter(number)
    }
}

fn called(calling: Calling, mut member: Member) -> Member {
    member.info.calling = calling;
    member
}

fn gone(member: Member) -> Member {
    Member {
        last_heard: Some(Duration::from_secs(60)),
        ..member
    }
}

/// What member 1 does next, which leads these.
fn next(members: Vec<Member>, is_joint: bool) -> Option<Step> {
    let status = Status {
        role: Role::Leader,
        term: Term::new(1),
        leader: Some(id(1)),
        last_log: LogIndex::new(LAST_LOG),
        applied: LogIndex::new(LAST_LOG),
        members,
    };
    let roll = Roll {
        status: &status,
        leader: id(1),
        silence_max: Duration::from_secs(2),
    };
    next_step(&roll, is_joint)
}

fn promote(number: u64) -> Step {
    Step::Make(MembershipChange::Promote(id(number)))
}

#[test]
fn a_learner_that_has_caught_up_is_promoted_and_one_entry_before_that_it_is_not() {
    let with = |matched| next(vec![voter(1), learner(2, matched)], false);
    assert_eq!(with(None), None);
    assert_eq!(with(Some(LAST_LOG - LAG_ENTRIES_MAX - 1)), None);
    assert_eq!(with(Some(LAST_LOG - LAG_ENTRIES_MAX)), Some(promote(2)));
}

#[test]
fn what_was_begun_comes_first() {
    let members = vec![voter(1), learner(2, Some(LAST_LOG))];
    assert_eq!(next(members, true), Some(Step::Make(MembershipChange::Finish)));
}

#[test]
fn a_read_replica_stays_a_learner() {
    let replica = called(Calling::Learner, learner(2, Some(LAST_LOG)));
    assert_eq!(next(vec![voter(1), replica], false), None);
}

#[test]
fn there_are_never_more_voters_than_allowed() {
    let members = |voters: usize| {
        let mut members: Vec<Member> = (1..).map(voter).take(voters).collect();
        members.push(learner(100, Some(LAST_LOG)));
        members
    };
    assert_eq!(next(members(limits::VOTERS_MAX), false), None);
    assert_eq!(next(members(limits::VOTERS_MAX - 1), false), Some(promote(100)));
}

#[test]
fn a_learner_that_is_gone_is_not_promoted_and_does_not_stand_in_the_way() {
    let dead = || gone(learner(4, Some(LAST_LOG)));
    assert_eq!(next(vec![voter(1), voter(2), dead()], false), None);
    let alive = learner(5, Some(LAST_LOG));
    assert_eq!(next(vec![voter(1), voter(2), dead(), alive], false), Some(promote(5)));
}

#[test]
fn nobody_is_promoted_into_a_cluster_that_would_have_no_quorum() {
    let members = vec![voter(1), gone(voter(2)), learner(3, Some(LAST_LOG))];
    let Some(Step::Blocked(reason)) = next(members, false) else {
        panic!("there is no quorum");
    };
    assert!(reason.contains("2 of 2"), "{reason}");
}

#[test]
fn a_successor_takes_its_place_as_soon_as_it_has_caught_up() {
    let heir = |matched| called(Calling::Successor(id(3)), learner(4, matched));
    let with = |heir| next(vec![voter(1), voter(2), gone(voter(3)), heir], false);
    assert_eq!(with(heir(None)), None);
    let replace = MembershipChange::Replace { old: id(3), new: id(4) };
    assert_eq!(with(heir(Some(LAST_LOG))), Some(Step::Make(replace)));
}

#[test]
fn a_successor_whose_predecessor_was_removed_is_promoted_like_any_other() {
    let heir = called(Calling::Successor(id(3)), learner(4, Some(LAST_LOG)));
    assert_eq!(next(vec![voter(1), voter(2), heir], false), Some(promote(4)));
}

#[test]
fn a_successor_of_the_only_voter_is_blocked_and_that_is_said_once() {
    let heir = called(Calling::Successor(id(1)), learner(2, Some(LAST_LOG)));
    let Some(Step::Blocked(reason)) = next(vec![voter(1), heir], false) else {
        panic!("nobody can take over");
    };
    assert!(reason.contains("promote member 2 first"), "{reason}");
    let mut told = None;
    assert!(is_news(&mut told, &reason));
    assert!(!is_news(&mut told, &reason));
    assert!(is_news(&mut told, "something else"));
}
