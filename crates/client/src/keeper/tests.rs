//! Leases that are kept alive through members that stay silent, cannot tell, or go away.

use std::{sync::Arc, time::Duration};

use quorate_model::{DoorAddress, LeaseTtl};
use tokio::time::Instant;

use super::*;
use crate::{
    Client, Error, Reason, Session, SessionOptions,
    testing::{self, Beat, LEASE, Members, Script, until},
};

/// The shortest time to live: all is soon.
const TTL: Duration = Duration::from_secs(2);

fn client(endpoints: &[&DoorAddress]) -> Client {
    let builder = Client::builder().endpoints(endpoints.iter().copied().cloned());
    builder.seed(1).discover(false).build().unwrap()
}

async fn open(client: &Client) -> Session {
    let options = SessionOptions {
        ttl: LeaseTtl::try_from(TTL).unwrap(),
        ..SessionOptions::default()
    };
    client.open_session(options).await.unwrap()
}

fn script(script: &Script, beats: &[Beat]) {
    script.pulse.beats.lock().unwrap().extend(beats);
}

async fn told(session: &Session, expected: Vitality) {
    let mut vitality = session.vitality().unwrap();
    let waiting = tokio::time::timeout(Duration::from_secs(20), vitality.wait_for(|known| *known == expected));
    waiting.await.expect("it is told in time").unwrap();
}

#[tokio::test]
async fn the_leases_of_all_clones_share_one_stream_and_its_frames() {
    let mut members = Members::default();
    let (address, member) = members.start(&[]);
    let client = client(&[&address]);
    let first = open(&client).await;
    let second = open(&client.clone()).await;
    let both = [LEASE, LEASE + 1];
    let is_shared = |frame: &Vec<u64>| both.iter().all(|lease| frame.contains(lease));
    member
        .pulse
        .until(|frames| frames.iter().filter(|frame| is_shared(frame)).count() >= 2)
        .await;
    assert_eq!(*member.pulse.streams.borrow(), 1);

    drop(second);
    let count = member.pulse.frames.borrow().len();
    member.pulse.until(|frames| frames.len() >= count + 3).await;
    assert_eq!(member.pulse.frames.borrow().last().unwrap(), &[LEASE]);
    told(&first, Vitality::Live).await;
}

#[tokio::test]
async fn renewing_ends_with_the_last_handle() {
    let mut members = Members::default();
    let (address, member) = members.start(&[]);
    let client = client(&[&address]);
    let session = open(&client).await;
    drop(client);
    member.pulse.until(|frames| frames.len() >= 2).await;
    drop(session);
    until(&member.pulse.streams, |streams| *streams == 0).await;
}

#[tokio::test]
async fn a_session_that_is_not_to_be_kept_is_not() {
    let mut members = Members::default();
    let (address, member) = members.start(&[]);
    let client = client(&[&address]);
    let options = SessionOptions {
        keep_alive: false,
        ttl: LeaseTtl::try_from(TTL).unwrap(),
        ..SessionOptions::default()
    };
    let alone = client.open_session(options).await.unwrap();
    assert!(alone.vitality().is_none());
    let _kept = open(&client).await;
    let frames = member.pulse.until(|frames| frames.len() >= 3).await;
    assert!(frames.iter().all(|frame| *frame == [LEASE + 1]), "{frames:?}");
    let renewed = client.renew(vec![alone.lease()]).await.unwrap();
    assert_eq!(renewed.value[0].lease, alone.lease());
}

/// Has the member that is spoken to fail a frame in this way, and gives how long it takes until the other one has it.
async fn failed_over(beat: Beat) -> Duration {
    let mut members = Members::default();
    let (first, one) = members.start(&[]);
    let (second, two) = members.start(&[]);
    for member in [&one, &two] {
        script(member, &[Beat::Live, beat]);
    }
    let session = open(&client(&[&first, &second])).await;
    let failing = |member: &Arc<Script>| {
        let member = Arc::clone(member);
        async move { member.pulse.until(|frames| frames.len() >= 2).await }
    };
    let mut pair = (&one, &two);
    tokio::select! {
        _ = failing(&one) => {}
        _ = failing(&two) => pair = (&two, &one),
    }
    let failed = Instant::now();
    pair.1.pulse.until(|frames| !frames.is_empty()).await;
    let elapsed = failed.elapsed();
    told(&session, Vitality::Live).await;
    elapsed
}

#[tokio::test]
async fn a_member_that_fails_is_left_for_another_at_once() {
    for beat in [Beat::Fail(Reason::NoQuorum), Beat::HangUp] {
        let elapsed = failed_over(beat).await;
        assert!(elapsed < Duration::from_millis(500), "{elapsed:?}");
    }
}

#[tokio::test]
async fn a_stream_that_ended_idle_is_no_failure_and_another_one_goes_to_the_same_member() {
    let mut members = Members::default();
    let (first, one) = members.start(&[]);
    let (second, two) = members.start(&[]);
    for member in [&one, &two] {
        script(member, &[Beat::LiveThenIdle; 6]);
        // Ends it while a frame is on its way, too.
        script(member, &[Beat::Live, Beat::Idle, Beat::Live]);
    }
    let session = open(&client(&[&first, &second])).await;
    let all = |member: &Arc<Script>| {
        let member = Arc::clone(member);
        async move { member.pulse.until(|frames| frames.len() >= 9).await }
    };
    let silent = tokio::select! {
        _ = all(&one) => &two,
        _ = all(&two) => &one,
    };
    assert_eq!(
        *silent.pulse.frames.borrow(),
        [[0; 0]; 0],
        "nobody had a reason to go there"
    );
    told(&session, Vitality::Live).await;
}

#[tokio::test]
async fn a_member_that_calls_what_it_never_answered_idle_is_left() {
    let mut members = Members::default();
    let (first, one) = members.start(&[]);
    let (second, two) = members.start(&[]);
    for member in [&one, &two] {
        script(member, &[Beat::Idle]);
    }
    let session = open(&client(&[&first, &second])).await;
    for member in [&one, &two] {
        member.pulse.until(|frames| !frames.is_empty()).await;
    }
    told(&session, Vitality::Live).await;
}

#[tokio::test]
async fn a_member_that_stays_silent_is_left_after_a_sixth_of_the_time_to_live() {
    let elapsed = failed_over(Beat::Ignore).await;
    assert!(elapsed + Duration::from_millis(50) >= TTL / 6, "{elapsed:?}");
    assert!(elapsed < TTL / 6 + Duration::from_millis(500), "{elapsed:?}");
}

#[tokio::test]
async fn a_lease_that_nobody_renews_is_late_until_somebody_does() {
    let mut members = Members::default();
    let (address, member) = members.start(&[]);
    // Each try is given a third of a second, and the pause is half a second at most: it takes three of them at least.
    script(&member, &[Beat::Live]);
    script(&member, &[Beat::Ignore; 8]);
    script(&member, &[Beat::Revived, Beat::Live]);
    let session = open(&client(&[&address])).await;
    told(&session, Vitality::Late).await;
    told(&session, Vitality::Revived).await;
    told(&session, Vitality::Live).await;
}

#[tokio::test]
async fn a_lease_that_is_gone_ends_its_session() {
    let mut members = Members::default();
    let (address, member) = members.start(&[]);
    script(&member, &[Beat::Live, Beat::Unknown]);
    let session = open(&client(&[&address])).await;
    told(&session, Vitality::Gone).await;
    let asked = member.asked();
    let service = "s".parse().unwrap();
    let id = "i".parse().unwrap();
    let error = session
        .register(&service, &id, testing::registration())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::SessionLost { .. }), "{error}");
    assert_eq!(member.asked(), asked, "nothing is sent any more");
}
