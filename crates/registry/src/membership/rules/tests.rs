//! Which changes are made, which are not, and what is said of those.

use quorate_consensus::Role;
use quorate_model::{LogIndex, Term};

use super::*;
use crate::{membership::tests, testing::member as id};

const LAST_LOG: u64 = 1_000;
const SILENCE_MAX: Duration = Duration::from_secs(2);

fn voter(number: u64) -> Member {
    Member {
        matched: Some(LogIndex::new(LAST_LOG)),
        last_heard: Some(Duration::from_millis(100)),
        ..tests::member(number, 7400 + 2 * u16::try_from(number).unwrap(), MemberRole::Voter)
    }
}

fn learner(number: u64) -> Member {
    Member {
        role: MemberRole::Learner,
        ..voter(number)
    }
}

fn silent(member: Member) -> Member {
    Member {
        last_heard: Some(Duration::from_secs(12)),
        ..member
    }
}

/// What member 1 sees, which leads.
fn leading(members: impl IntoIterator<Item = Member>) -> Status {
    Status {
        role: Role::Leader,
        term: Term::new(1),
        leader: Some(id(1)),
        last_log: LogIndex::new(LAST_LOG),
        applied: LogIndex::new(LAST_LOG),
        members: members.into_iter().collect(),
    }
}

fn roll(status: &Status) -> Roll<'_> {
    Roll {
        status,
        leader: id(1),
        silence_max: SILENCE_MAX,
    }
}

#[track_caller]
fn says(verdict: &Verdict, parts: &[&str]) {
    let (Verdict::NotYet(said) | Verdict::Refuse(said) | Verdict::NoQuorum(said)) = verdict else {
        panic!("{verdict:?}");
    };
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
}

#[test]
fn a_voter_goes_if_the_others_are_a_quorum() {
    let status = leading((1..=3).map(voter));
    assert_eq!(
        roll(&status).remove(id(3)),
        Verdict::Make(MembershipChange::Remove(id(3)))
    );
    assert_eq!(
        roll(&status).demote(id(3)),
        Verdict::Make(MembershipChange::Demote(id(3)))
    );
}

#[test]
fn a_change_that_would_lose_the_quorum_is_refused_with_who_is_silent_and_what_to_do() {
    let status = leading([voter(1), voter(2), silent(voter(3))]);
    let roll = roll(&status);
    for verdict in [roll.remove(id(2)), roll.demote(id(2))] {
        says(
            &verdict,
            &[
                "2 of 2 voters are needed",
                "member 3 has been silent for 12.0 s",
                "remove it first",
            ],
        );
    }
    assert_eq!(roll.remove(id(3)), Verdict::Make(MembershipChange::Remove(id(3))));
}

#[test]
fn nothing_is_changed_without_a_quorum() {
    let status = leading([voter(1), silent(voter(2)), silent(voter(3)), learner(4)]);
    let roll = roll(&status);
    for verdict in [
        roll.remove(id(3)),
        roll.remove(id(4)),
        roll.promote(id(4)),
        roll.replace(id(3), id(4)),
    ] {
        assert!(matches!(verdict, Verdict::NoQuorum(_)), "{verdict:?}");
        says(&verdict, &["2 of 3 voters are needed", "member 2 has been silent"]);
    }
}

#[test]
fn the_last_voter_stays() {
    let status = leading([voter(1), learner(2)]);
    for verdict in [roll(&status).remove(id(1)), roll(&status).demote(id(1))] {
        assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
        says(&verdict, &["member 1 is the last voter"]);
    }
}

#[test]
fn the_only_voter_is_not_replaced_before_there_is_another() {
    let status = leading([voter(1), learner(2)]);
    let verdict = roll(&status).replace(id(1), id(2));
    assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
    says(&verdict, &["promote member 2 first", "then remove member 1"]);
    let status = leading([voter(1), voter(2)]);
    assert_eq!(roll(&status).replace(id(1), id(2)), Verdict::StepDown);
}

#[test]
fn a_leader_that_is_to_go_steps_down_first_and_only_if_it_may_go() {
    let status = leading((1..=3).map(voter).chain([learner(4)]));
    let roll = roll(&status);
    for verdict in [roll.remove(id(1)), roll.demote(id(1)), roll.replace(id(1), id(4))] {
        assert_eq!(verdict, Verdict::StepDown);
    }
    let status = leading([voter(1), voter(2), silent(voter(3))]);
    says(&self::roll(&status).remove(id(1)), &["2 of 2 voters are needed"]);
}

#[test]
fn a_learner_votes_when_it_is_there_and_has_caught_up_to_the_last_entries() {
    let at = |matched: Option<u64>| Member {
        matched: matched.map(LogIndex::new),
        ..learner(2)
    };
    let promote = |member| roll(&leading([voter(1), member])).promote(id(2));
    let make = Verdict::Make(MembershipChange::Promote(id(2)));
    assert_eq!(promote(at(Some(LAST_LOG - LAG_ENTRIES_MAX))), make);
    says(
        &promote(at(Some(LAST_LOG - LAG_ENTRIES_MAX - 1))),
        &["index 899 of 1000"],
    );
    says(&promote(at(None)), &["nothing of the log"]);
    says(&promote(silent(at(Some(LAST_LOG)))), &["silent for 12.0 s"]);
    assert_eq!(promote(voter(2)), Verdict::IsSo);
}

#[test]
fn silence_counts_only_beyond_its_limit() {
    let heard = |last_heard| {
        let second = Member {
            last_heard: Some(last_heard),
            ..voter(2)
        };
        roll(&leading([voter(1), second, voter(3)])).remove(id(3))
    };
    assert!(matches!(heard(SILENCE_MAX), Verdict::Make(_)));
    assert!(matches!(
        heard(SILENCE_MAX + Duration::from_millis(1)),
        Verdict::NotYet(_)
    ));
}

#[test]
fn there_are_never_more_voters_than_allowed_but_one_can_take_the_place_of_another() {
    let most = limits::VOTERS_MAX as u64;
    let status = leading((1..=most).map(voter).chain([learner(100)]));
    says(&roll(&status).promote(id(100)), &["7 voters", "member replace"]);
    let replace = MembershipChange::Replace {
        old: id(2),
        new: id(100),
    };
    assert_eq!(roll(&status).replace(id(2), id(100)), Verdict::Make(replace));
}

#[test]
fn a_member_takes_the_place_of_a_dead_one_when_it_has_caught_up() {
    let late = Member {
        matched: None,
        ..learner(4)
    };
    let with = |heir: Member| {
        let (status, heir_id) = (leading([voter(1), voter(2), silent(voter(3)), heir.clone()]), heir.id);
        roll(&status).replace(id(3), heir_id)
    };
    let replace = MembershipChange::Replace { old: id(3), new: id(4) };
    assert_eq!(with(learner(4)), Verdict::Make(replace));
    assert_eq!(with(voter(4)), Verdict::Make(replace), "one that votes already, too");
    says(&with(late), &["member 4 has not caught up"]);
    says(&with(silent(learner(4))), &["member 4 has been silent"]);
    let status = leading([voter(1)]);
    says(&roll(&status).replace(id(1), id(1)), &["its own place"]);
}

#[test]
fn a_learner_that_is_demoted_again_stays_what_it_is() {
    let mut replica = learner(2);
    let to_be_promoted = leading([voter(1), replica.clone()]);
    let demote = Verdict::Make(MembershipChange::Demote(id(2)));
    assert_eq!(roll(&to_be_promoted).demote(id(2)), demote);
    replica.info.calling = Calling::Learner;
    let status = leading([voter(1), replica]);
    assert_eq!(roll(&status).demote(id(2)), Verdict::IsSo);
}

#[test]
fn who_is_not_there_is_not_found() {
    let status = leading([voter(1)]);
    let (roll, nobody) = (roll(&status), Verdict::NotFound(id(9)));
    assert_eq!(roll.remove(id(9)), nobody);
    assert_eq!(roll.promote(id(9)), nobody);
    assert_eq!(roll.demote(id(9)), nobody);
    assert_eq!(roll.replace(id(1), id(9)), nobody);
    assert_eq!(roll.replace(id(9), id(1)), Verdict::IsSo, "it is done already");
    let status = leading([voter(1), learner(2)]);
    assert_eq!(self::roll(&status).replace(id(9), id(2)), nobody);
    assert_eq!(roll.cannot_lead(id(9)), Some(nobody));
}

#[test]
fn a_voter_leads_that_is_there_and_has_the_log() {
    let status = leading([voter(1), voter(2), silent(voter(3)), learner(4)]);
    let roll = roll(&status);
    assert_eq!(roll.cannot_lead(id(2)), None);
    says(&roll.cannot_lead(id(3)).unwrap(), &["silent"]);
    says(&roll.cannot_lead(id(4)).unwrap(), &["promote it first"]);
}
