//! Registrations over leases that expire, successors, and ends.

use std::time::Duration;

use quorate_model::{DoorAddress, Metadata};
use quorate_proto::registry as pb;

use super::*;
use crate::{
    Reason,
    testing::{self, Beat, Deed, LEASE, Members, Script, until},
};

const TTL: Duration = Duration::from_secs(2);

fn client(address: &DoorAddress) -> Client {
    let builder = Client::builder().endpoints([address.clone()]);
    builder.seed(1).discover(false).build().unwrap()
}

async fn open(address: &DoorAddress) -> Registration {
    let builder = client(address).registration("s".parse().unwrap(), "i".parse().unwrap(), testing::registration());
    let builder = builder.owner("pod-1".parse().unwrap()).ttl(TTL.try_into().unwrap());
    builder.open().await.unwrap()
}

fn beats(script: &Script, beats: &[Beat]) {
    script.pulse.beats.lock().unwrap().extend(beats);
}

/// An instance of this owner and generation, as a member shows it.
fn shown(owner: &str, generation: u64) -> pb::Instance {
    pb::Instance {
        namespace: "default".into(),
        service: "s".into(),
        id: "i".into(),
        endpoints: vec![pb::Endpoint {
            address: "10.0.0.1".into(),
            port: 80,
            protocol: String::new(),
        }],
        health: 1,
        availability: 1,
        owner: owner.into(),
        generation,
        ..pb::Instance::default()
    }
}

fn registered(generation: u64, lease: u64) -> RegistrationState {
    RegistrationState::Registered {
        generation: Generation::new(generation),
        lease: LeaseId::new(lease),
    }
}

/// Waits for a state.
async fn comes_to(registration: &Registration, is_so: impl FnMut(&RegistrationState) -> bool) -> RegistrationState {
    let mut state = registration.state();
    let waiting = tokio::time::timeout(Duration::from_secs(20), state.wait_for(is_so));
    waiting.await.expect("it comes to pass in time").unwrap().clone()
}

#[tokio::test]
async fn it_registers_with_its_lease_and_takes_all_of_it_back() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    let registration = open(&address).await;
    assert_eq!(*registration.state().borrow(), registered(10, LEASE));
    {
        let registrations = script.registrations.lock().unwrap();
        assert_eq!(
            (registrations[0].lease_id, registrations[0].owner.as_str()),
            (LEASE, "pod-1")
        );
        assert_eq!(registrations[0].incarnation, script.incarnations.lock().unwrap()[0]);
    }
    registration
        .drain(Some(DrainTime::from_ms(500).unwrap()))
        .await
        .unwrap();
    registration.enable().await.unwrap();
    let state = registration.state();
    registration.close().await.unwrap();
    assert_eq!(*state.borrow(), RegistrationState::Closed);
    let expected = [
        "register 5",
        "DRAINING 10 500",
        "ENABLED 10 0",
        "DRAINING 10 0",
        "deregister 10",
        "revoke 5",
    ];
    assert_eq!(*script.changes.borrow(), expected);
}

#[tokio::test]
async fn one_that_is_refused_at_first_leaves_no_lease() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Answer, Deed::Refuse(Reason::AlreadyExists)]);
    let builder = client(&address).registration("s".parse().unwrap(), "i".parse().unwrap(), testing::registration());
    let error = builder.open().await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::AlreadyExists));
    assert_eq!(*script.changes.borrow(), ["revoke 5"]);
}

#[tokio::test]
async fn when_its_lease_has_expired_it_registers_anew_what_it_was_last() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    let registration = open(&address).await;
    let metadata = Metadata::parse([("k", "v")]).unwrap();
    let patch = InstancePatch {
        metadata: Some(metadata),
        ..InstancePatch::default()
    };
    registration.update(patch).await.unwrap();
    registration.drain(None).await.unwrap();
    beats(&script, &[Beat::Unknown]);
    comes_to(&registration, |state| *state == registered(20, LEASE + 1)).await;
    let changes = until(&script.changes, |changes| changes.len() >= 5).await;
    assert_eq!(
        changes,
        [
            "register 5",
            "update 10",
            "DRAINING 10 0",
            "register 6",
            "DRAINING 20 0"
        ]
    );
    let registrations = script.registrations.lock().unwrap();
    assert_eq!(registrations[1].metadata["k"], "v");
    assert_eq!(registrations[1].owner, "pod-1");
    assert_ne!(registrations[1].incarnation, registrations[0].incarnation);
}

#[tokio::test]
async fn a_write_that_finds_the_lease_gone_is_done_after_registering_anew() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Answer, Deed::Answer, Deed::Refuse(Reason::LeaseNotFound)]);
    let registration = open(&address).await;
    let changed = registration.update(InstancePatch::default()).await.unwrap();
    assert_eq!(changed.value.generation, Generation::new(20));
    assert_eq!(*script.changes.borrow(), ["register 5", "register 6", "update 20"]);
    assert_eq!(*registration.state().borrow(), registered(20, LEASE + 1));
}

#[tokio::test]
async fn it_gives_way_to_whoever_has_registered_the_id_since() {
    let generation = Generation::new(12);
    let owner = Some("pod-2".parse().unwrap());
    for (successor, why) in [
        (shown("pod-1", 12), Lost::Superseded { generation }),
        (shown("pod-2", 12), Lost::Taken { owner }),
    ] {
        for beat in [Beat::Unknown, Beat::Revived] {
            let mut members = Members::default();
            let (address, script) = members.start(&[]);
            let registration = open(&address).await;
            *script.instance.lock().unwrap() = Some(successor.clone());
            beats(&script, &[beat]);
            let lost = RegistrationState::Lost { why: why.clone() };
            comes_to(&registration, |state| *state == lost).await;
            let error = registration.update(InstancePatch::default()).await.unwrap_err();
            assert_eq!(error.reason(), Some(Reason::StaleGeneration));
            registration.close().await.unwrap();
            assert_eq!(*script.changes.borrow(), ["register 5"], "it does nothing any more");
        }
    }
}

#[tokio::test]
async fn it_sees_that_it_was_taken_out_when_it_writes() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Answer, Deed::Answer, Deed::Refuse(Reason::NotFound)]);
    *script.knows_leases.lock().unwrap() = true;
    let registration = open(&address).await;
    let error = registration.update(InstancePatch::default()).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NotFound));
    let why = Lost::Deregistered;
    assert_eq!(*registration.state().borrow(), RegistrationState::Lost { why });
}

#[tokio::test]
async fn one_that_comes_back_in_time_goes_on_as_it_was() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    *script.instance.lock().unwrap() = Some(shown("pod-1", 10));
    beats(&script, &[Beat::Live]);
    beats(&script, &[Beat::Ignore; 8]);
    beats(&script, &[Beat::Revived]);
    let registration = open(&address).await;
    let is_late = |state: &RegistrationState| matches!(state, RegistrationState::Late { .. });
    comes_to(&registration, is_late).await;
    comes_to(&registration, |state| *state == registered(10, LEASE)).await;
    script.pulse.until(|frames| frames.len() >= 12).await;
    assert_eq!(*registration.state().borrow(), registered(10, LEASE));
}

#[tokio::test]
async fn one_that_is_dropped_is_taken_out_all_the_same() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    drop(open(&address).await);
    let changes = until(&script.changes, |changes| changes.len() >= 4).await;
    assert_eq!(changes, ["register 5", "DRAINING 10 0", "deregister 10", "revoke 5"]);
    until(&script.pulse.streams, |streams| *streams == 0).await;
}
