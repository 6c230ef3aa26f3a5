//! Routing against a scripted quorum: what is sent on, to whom, and what never is.

use super::*;
use crate::testing::{Script, applied, deadline, member};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(10);

fn not_leader(hint: Option<u64>) -> Result<Applied, ProposeError> {
    Err(ProposeError::NotLeader(hint.map(member)))
}

async fn propose(script: &Script, time_left: Duration) -> Result<Applied, Error> {
    let route = Route::new(script.clone());
    route
        .propose(Bytes::from_static(b"command"), &deadline(time_left))
        .await
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
async fn what_may_have_been_appended_is_never_sent_again() {
    let (script, _) = Script::new(Some(2));
    let unknown = ProposeError::OutcomeUnknown("no answer in time".to_owned());
    script.answer_proposals([not_leader(None), Err(unknown), Ok(applied(7))]);
    let problem = "no answer in time".to_owned();
    assert_eq!(propose(&script, LONG).await, Err(Error::OutcomeUnknown { problem }));
    assert_eq!(script.proposed_to(), [2, 2]);
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
