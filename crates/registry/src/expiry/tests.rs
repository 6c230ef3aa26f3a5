//! When the keeper acts, against a scripted quorum.

use quorate_model::{ExpiresAfter, NamespaceName, OverrideSpec, OverrideTarget};
use tokio::{runtime::Handle, time::Instant};

use super::*;
use crate::testing::{Script, applied, member};

/// A quorum at log time 0 with an override that is to go 10 s later.
fn with_override(leader: u64) -> Script {
    with_override_for(leader, 10_000)
}

fn with_override_for(leader: u64, expires_after_ms: u64) -> Script {
    let (script, _) = Script::new(Some(leader));
    script.found(1);
    let target = OverrideTarget::ZoneOut {
        namespace: NamespaceName::default(),
        service: None,
        zone: "a".parse().unwrap(),
    };
    let set = Command::SetOverride {
        spec: OverrideSpec::new(target, None, "it burns".parse().unwrap()).unwrap(),
        expires_after: Some(ExpiresAfter::from_ms(expires_after_ms).unwrap()),
        set_at_ms: 0,
    };
    script.apply(2, &set);
    assert!(script.view().next_due().is_some());
    script
}

fn start_on(script: &Script) -> Tasks {
    let tasks = Tasks::new(Handle::current());
    start(member(1), script.clone(), &tasks);
    tasks
}

/// How many entries the keeper proposes within `time`.
async fn proposals_within(script: &Script, time: Duration) -> usize {
    let before = script.proposed().len();
    sleep(time).await;
    script.proposed().len() - before
}

#[tokio::test(start_paused = true)]
async fn an_override_goes_when_the_log_time_has_passed_its_expiry_and_not_before() {
    let script = with_override(1);
    script.set_log_time(9_999);
    let _tasks = start_on(&script);
    assert_eq!(proposals_within(&script, Duration::from_secs(60)).await, 0);

    script.set_log_time(10_000);
    script.answer_proposals([Ok(applied(3))]);
    let started = Instant::now();
    while script.proposed().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    assert!(started.elapsed() <= LOOK_EVERY + Duration::from_millis(1));
    assert_eq!(script.proposed()[0], Command::PassTime.encode().unwrap());
    script.apply(3, &Command::PassTime);
    assert_eq!(proposals_within(&script, Duration::from_secs(60)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn while_an_override_waits_no_more_than_a_minute_goes_unwritten() {
    let script = with_override_for(1, 3_600_000);
    let _tasks = start_on(&script);
    script.set_log_time(60_000);
    assert_eq!(proposals_within(&script, Duration::from_secs(60)).await, 0);

    script.set_log_time(60_001);
    assert!(proposals_within(&script, 2 * LOOK_EVERY).await > 0);
    script.apply(3, &Command::PassTime);
    assert!(script.view().next_due().is_some(), "it waits on");
    assert_eq!(proposals_within(&script, Duration::from_secs(60)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn while_nothing_waits_no_time_is_written() {
    let (script, _) = Script::new(Some(1));
    script.found(1);
    script.set_log_time(3_600_000);
    let _tasks = start_on(&script);
    assert_eq!(proposals_within(&script, Duration::from_secs(60)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_lead_leaves_it_to_the_leader() {
    let script = with_override(2);
    script.set_log_time(20_000);
    let _tasks = start_on(&script);
    assert_eq!(proposals_within(&script, Duration::from_secs(60)).await, 0);
    script.set_leader(Some(1));
    assert!(proposals_within(&script, 2 * LOOK_EVERY).await > 0);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_at_the_next_look() {
    let script = with_override(1);
    script.set_log_time(20_000);
    let _tasks = start_on(&script);
    let time = 4 * LOOK_EVERY + LOOK_EVERY / 2;
    assert_eq!(proposals_within(&script, time).await, 4);
}
