//! Routing against a scripted quorum: what is sent on, to whom, and what never is.

use super::*;
use crate::testing::{Script, applied, deadline, member};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(10);

fn not_leader(hint: Option<u64>) -> Result<Applied, ProposeError> {
    Err(ProposeError::NotLeader(hint.map(member)))
}

fn unknown() -> Result<Applied, ProposeError> {
    Err(ProposeError::OutcomeUnknown("no answer in time".to_owned()))
}

fn outcome_unknown() -> Result<Applied, Error> {
    Err(super::outcome_unknown("no answer in time".to_owned()))
}

async fn propose(script: &Script, time_left: Duration) -> Result<Applied, Error> {
    propose_so(script, Repeat::Harmful, time_left).await
}

async fn propose_so(script: &Script, repeat: Repeat, time_left: Duration) -> Result<Applied, Error> {
    let route = Route::new(script.clone());
    let command = Bytes::from_static(b"command");
    route.propose(command, repeat, &deadline(time_left)).await
}

#[tokio::test(start_paused = true)]
async fn a_command_goes_to_the_leader() {
    let (script, _) = Script::new(Some(2));
    script.answer_proposals([Ok(applied(7))]);
    assert_eq!(propose(&script, LONG).await, Ok(applied(7)));
    assert_eq!(script.proposed_to(), [2]);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_names_who_does() {
    let (script, _) = Script::new(Some(2));
    script.answer_proposals([not_leader(Some(3)), Ok(applied(7))]);
    assert_eq!(propose(&script, LONG).await, Ok(applied(7)));
    assert_eq!(script.proposed_to(), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_followed_once_and_then_looked_up_anew() {
    let (script, _) = Script::new(Some(2));
    script.answer_proposals([not_leader(Some(3)), not_leader(None), Ok(applied(7))]);
    assert_eq!(propose(&script, LONG).await, Ok(applied(7)));
    assert_eq!(script.proposed_to(), [2, 3, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_command_waits_for_a_leader_to_be_elected() {
    let (script, _) = Script::new(None);
    script.answer_proposals([Ok(applied(7))]);
    let elected = async {
        tokio::time::sleep(LONG / 2).await;
        assert_eq!(script.proposed_to(), [0_u64; 0]);
        script.set_leader(Some(1));
    };
    let (answer, ()) = tokio::join!(propose(&script, LONG), elected);
    assert_eq!(answer, Ok(applied(7)));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_appended_and_would_take_effect_twice_is_never_sent_again() {
    let (script, _) = Script::new(Some(2));
    script.answer_proposals([not_leader(None), unknown(), Ok(applied(7))]);
    assert_eq!(propose(&script, LONG).await, outcome_unknown());
    assert_eq!(script.proposed_to(), [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_takes_effect_once_is_sent_again_with_the_same_bytes_to_whoever_leads() {
    let (script, _) = Script::new(Some(2));
    script.answer_proposals([unknown(), not_leader(Some(3)), unknown(), Ok(applied(7))]);
    assert_eq!(propose_so(&script, Repeat::Harmless, LONG).await, Ok(applied(7)));
    assert_eq!(script.proposed_to(), [2, 2, 3, 2]);
    assert!(script.proposed().iter().all(|command| command == "command"));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_appended_is_not_said_to_be_undone_by_a_later_refusal() {
    let refusals = [
        Err(ProposeError::Refused("it is older".to_owned())),
        Err(ProposeError::TimedOut),
        Err(ProposeError::ReadOnly("the disk is full".to_owned())),
    ];
    for refusal in refusals {
        let (script, _) = Script::new(Some(2));
        script.answer_proposals([unknown(), refusal]);
        assert_eq!(propose_so(&script, Repeat::Harmless, LONG).await, outcome_unknown());
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_appended_is_not_said_to_be_undone_by_what_is_forgotten() {
    let rejected = |rejection| Outcome::Rejected(rejection);
    let item = |rejection| Outcome::Batch(vec![Err(rejection)]);
    let over = |limit| Rejection::LimitExceeded { limit };
    let window_start = 9_u64.try_into().unwrap();
    for (outcome, is_last_word) in [
        (rejected(Rejection::LeaseNotFound), false),
        (rejected(Rejection::SequenceTooOld { window_start }), false),
        (rejected(over(Limit::Leases)), false),
        (item(over(Limit::KeptOutcomes)), false),
        (item(over(Limit::KeptOutcomesPerLease)), false),
        (item(over(Limit::InstancesPerService)), true),
        (item(Rejection::NotFound), true),
        (Outcome::Batch(vec![]), true),
    ] {
        let applied = Applied { outcome, ..applied(7) };
        let (script, _) = Script::new(Some(2));
        script.answer_proposals([unknown(), Ok(applied.clone())]);
        let found = propose_so(&script, Repeat::Harmless, LONG).await;
        let expected = if is_last_word {
            Ok(applied.clone())
        } else {
            outcome_unknown()
        };
        assert_eq!(found, expected);

        // Where nothing was appended before, it is an answer like any other.
        let (script, _) = Script::new(Some(2));
        script.answer_proposals([not_leader(None), Ok(applied.clone())]);
        assert_eq!(propose_so(&script, Repeat::Harmless, LONG).await, Ok(applied));
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_appended_stays_unknown_when_time_is_over() {
    let (script, _) = Script::new(Some(2));
    script.answer_proposals([unknown()]);
    assert_eq!(propose_so(&script, Repeat::Harmless, LONG).await, outcome_unknown());

    let (script, _) = Script::new(Some(2));
    script.answer_proposals([unknown()]);
    let vanishes = async { script.set_leader(None) };
    let (answer, ()) = tokio::join!(propose_so(&script, Repeat::Harmless, LONG), vanishes);
    assert_eq!(answer, outcome_unknown());
}

#[tokio::test(start_paused = true)]
async fn that_the_cluster_does_not_grow_is_an_answer() {
    let (script, _) = Script::new(Some(2));
    let reason = "the disk is full".to_owned();
    script.answer_proposals([Err(ProposeError::ReadOnly(reason.clone())), Ok(applied(7))]);
    assert_eq!(propose(&script, LONG).await, Err(Error::ReadOnly { reason }));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_answer() {
    let (script, _) = Script::new(Some(2));
    script.answer_proposals([Err(ProposeError::Refused("it is older".to_owned())), Ok(applied(7))]);
    let problem = "it is older".to_owned();
    assert_eq!(propose(&script, LONG).await, Err(Error::Refused { problem }));
    assert_eq!(script.proposed_to(), [2]);
}

#[tokio::test(start_paused = true)]
async fn without_a_leader_until_the_deadline_nothing_is_done() {
    let (script, _) = Script::new(None);
    let started = tokio::time::Instant::now();
    assert_eq!(propose(&script, LONG).await, Err(Error::NoLeader));
    assert!(started.elapsed() >= LONG);
    assert_eq!(script.proposed_to(), [0_u64; 0]);
}

#[tokio::test(start_paused = true)]
async fn tries_end_with_the_deadline_and_are_bounded_by_their_pauses() {
    let (script, _) = Script::new(Some(2));
    assert_eq!(propose(&script, Duration::from_secs(1)).await, Err(Error::NoLeader));
    let tries = script.proposed_to().len();
    assert!((20..=30).contains(&tries), "{tries} tries in a second");
}
