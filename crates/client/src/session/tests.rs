//! Sessions with members that lose answers, refuse, or are gone.

use std::time::Duration;

use prost::Message as _;
use quorate_model::{DoorAddress, InstanceId, ServiceName, limits};
use quorate_proto::registry as pb;

use super::*;
use crate::{
    Write,
    testing::{self, Deed, LEASE, Members, Script},
};

/// The answer to a write is lost.
const LOST: Deed = Deed::Refuse(Reason::OutcomeUnknown);

fn client(endpoints: &[&DoorAddress]) -> Client {
    let builder = Client::builder().endpoints(endpoints.iter().copied().cloned());
    builder.seed(1).discover(false).build().unwrap()
}

fn service() -> ServiceName {
    "s".parse().unwrap()
}

fn id(id: usize) -> InstanceId {
    format!("i-{id}").parse().unwrap()
}

fn options() -> SessionOptions {
    SessionOptions {
        owner: Some("pod-1".parse().unwrap()),
        ..SessionOptions::default()
    }
}

/// The keys of the registrations that reached a member: lease, sequence, and what is acknowledged.
fn keys(script: &Script) -> Vec<(u64, u64, u64)> {
    let registrations = script.registrations.lock().unwrap();
    let keys = registrations.iter().map(|request| request.key.unwrap());
    keys.map(|key| (key.lease_id, key.sequence, key.acked_below)).collect()
}

async fn register(session: &Session, number: usize) -> Result<(), Error> {
    let registered = session.register(&service(), &id(number), testing::registration()).await;
    registered.map(|_| ())
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_sent_to_others_with_the_same_key() {
    let mut members = Members::default();
    // The first deed is for the lease.
    let (first, one) = members.start(&[Deed::Answer, LOST, LOST]);
    let (second, two) = members.start(&[LOST]);
    let session = client(&[&first, &second]).open_session(options()).await.unwrap();
    assert_eq!(session.lease().get(), LEASE);
    register(&session, 1).await.unwrap();
    register(&session, 2).await.unwrap();
    assert_eq!(keys(&one), [(LEASE, 1, 1), (LEASE, 1, 1)]);
    assert_eq!(keys(&two), [(LEASE, 1, 1), (LEASE, 1, 1), (LEASE, 2, 2)]);
    let (one, two) = (one.registrations.lock().unwrap(), two.registrations.lock().unwrap());
    assert_eq!(one[0], two[0], "the same bytes");
    assert_eq!((one[0].owner.as_str(), one[0].incarnation != 0), ("pod-1", true));
}

#[tokio::test]
async fn a_lease_is_asked_for_again_as_the_same() {
    let mut members = Members::default();
    let (first, one) = members.start(&[LOST]);
    let (second, two) = members.start(&[]);
    client(&[&first, &second]).open_session(options()).await.unwrap();
    assert_eq!(*one.incarnations.lock().unwrap(), *two.incarnations.lock().unwrap());
}

#[tokio::test]
async fn a_session_whose_lease_is_gone_is_lost_for_good() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Answer, Deed::Refuse(Reason::LeaseNotFound)]);
    let session = client(&[&address]).open_session(options()).await.unwrap();
    let other = session.clone();
    for session in [&session, &other] {
        let error = register(session, 1).await.unwrap_err();
        assert!(matches!(error, Error::SessionLost { .. }), "{error}");
    }
    let outcomes = session
        .write_batch(vec![Write::deregister(service(), id(1), None)])
        .await;
    assert!(matches!(outcomes[..], [Err(Error::SessionLost { .. })]), "{outcomes:?}");
    assert_eq!(script.asked(), 2, "nothing is sent any more");
}

#[tokio::test]
async fn a_closed_session_writes_nothing() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    let session = client(&[&address]).open_session(options()).await.unwrap();
    session.close().await.unwrap();
    let error = register(&session, 1).await.unwrap_err();
    assert!(matches!(error, Error::SessionLost { .. }), "{error}");
    assert_eq!(keys(&script), []);
}

#[tokio::test]
async fn a_write_that_is_given_up_makes_room_for_those_behind_it() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Answer, Deed::Hang]);
    let session = client(&[&address]).open_session(options()).await.unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(200), register(&session, 1)).await;
    assert!(given_up.is_err());
    register(&session, 2).await.unwrap();
    assert_eq!(keys(&script), [(LEASE, 1, 1), (LEASE, 2, 2)]);
}

#[tokio::test]
async fn items_of_a_batch_that_are_not_done_are_sent_again_with_the_same_key() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    script.failures.lock().unwrap().extend([
        vec![None, Some(Reason::OutcomeUnknown), Some(Reason::NotFound)],
        vec![None, None, Some(Reason::NotFound)],
    ]);
    let session = client(&[&address]).open_session(options()).await.unwrap();
    let writes = (0..3).map(|number| Write::deregister(service(), id(number), None));
    let outcomes = session.write_batch(writes.collect()).await;
    assert_eq!(outcomes[0].as_ref().unwrap().revision.get(), 9);
    assert!(outcomes[1].is_ok(), "{outcomes:?}");
    assert_eq!(outcomes[2].as_ref().unwrap_err().reason(), Some(Reason::NotFound));
    let batches = script.batches.lock().unwrap();
    assert_eq!(batches.len(), 2);
    assert_eq!(batches[0], batches[1]);
    assert_eq!(batches[0].key.unwrap().sequence, 1);
}

#[tokio::test]
async fn an_item_that_may_be_done_stays_unknown_when_the_cluster_is_gone() {
    let mut members = Members::default();
    let no = Deed::Refuse(Reason::NoQuorum);
    let (address, script) = members.start(&[&[Deed::Answer, Deed::Answer][..], &[no; 100]].concat());
    let failures = vec![Some(Reason::OutcomeUnknown), Some(Reason::NoLeader), None];
    script.failures.lock().unwrap().push_back(failures);
    let builder = Client::builder().endpoints([address]).discover(false);
    let client = builder.deadline(Duration::from_millis(700)).build().unwrap();
    let session = client.open_session(options()).await.unwrap();
    let writes = (0..3).map(|number| Write::deregister(service(), id(number), None));
    let outcomes = session.write_batch(writes.collect()).await;
    assert!(matches!(outcomes[0], Err(Error::OutcomeUnknown { .. })), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(Error::Unavailable { .. })), "{outcomes:?}");
    assert!(outcomes[2].is_ok(), "{outcomes:?}");
}

#[tokio::test]
async fn an_item_that_may_be_done_is_not_said_to_be_undone_by_the_attempts_after_it() {
    for reason in [
        Reason::ReadOnly,
        Reason::NoLeader,
        Reason::DeadlineExceeded,
        Reason::LimitExceeded,
    ] {
        let mut members = Members::default();
        let (address, script) = members.start(&[]);
        let attempts = [Some(Reason::OutcomeUnknown)].into_iter().chain([Some(reason); 100]);
        let failures = attempts.map(|failure| vec![failure, None]);
        script.failures.lock().unwrap().extend(failures);
        let builder = Client::builder().endpoints([address]).discover(false);
        let client = builder.deadline(Duration::from_millis(700)).build().unwrap();
        let session = client.open_session(options()).await.unwrap();
        let writes = (0..2).map(|number| Write::deregister(service(), id(number), None));
        let outcomes = session.write_batch(writes.collect()).await;
        assert!(
            matches!(outcomes[0], Err(Error::OutcomeUnknown { .. })),
            "{reason}: {outcomes:?}"
        );
        assert!(outcomes[1].is_ok(), "{outcomes:?}");
        assert!(script.batches.lock().unwrap().len() > 1);
    }
}

#[tokio::test]
async fn an_item_whose_first_answer_was_lost_is_not_said_to_be_undone() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Answer, LOST]);
    let failures = vec![vec![Some(Reason::NoLeader), None, Some(Reason::NotFound)]; 100];
    script.failures.lock().unwrap().extend(failures);
    let builder = Client::builder().endpoints([address]).discover(false);
    let client = builder.deadline(Duration::from_millis(700)).build().unwrap();
    let session = client.open_session(options()).await.unwrap();
    let writes = (0..3).map(|number| Write::deregister(service(), id(number), None));
    let outcomes = session.write_batch(writes.collect()).await;
    assert!(matches!(outcomes[0], Err(Error::OutcomeUnknown { .. })), "{outcomes:?}");
    assert!(outcomes[1].is_ok(), "{outcomes:?}");
    assert_eq!(outcomes[2].as_ref().unwrap_err().reason(), Some(Reason::NotFound));
}

#[tokio::test]
async fn a_batch_without_a_key_is_sent_once_and_nothing_behind_it() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Answer, LOST]);
    let writes = (0..2_500).map(|number| Write::deregister(service(), id(number), None));
    let outcomes = client(&[&address]).write_batch(writes.collect()).await;
    let count = |is: fn(&Result<crate::Written, Error>) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    assert_eq!(count(Result::is_ok), 1_000);
    assert_eq!(
        count(|outcome| matches!(outcome, Err(Error::OutcomeUnknown { .. }))),
        1_000
    );
    assert_eq!(count(|outcome| matches!(outcome, Err(Error::Unavailable { .. }))), 500);
    assert_eq!(script.asked(), 2);
}

#[test]
fn no_request_of_a_batch_is_over_a_limit() {
    let address = "127.0.0.1:1".parse().unwrap();
    let note = "x".repeat(8_000);
    let write = |number| {
        let RegisterOptions { spec, .. } = testing::registration();
        let mut parts = spec.into_parts();
        parts.metadata = quorate_model::Metadata::parse([("note", note.as_str())]).unwrap();
        Write::register(service(), id(number), InstanceSpec::new(parts).unwrap().into())
    };
    let requests = client(&[&address]).split((0..300).map(write).collect());
    assert_eq!(requests.iter().map(|request| request.items.len()).sum::<usize>(), 300);
    assert_eq!(requests.len(), 3);
    for request in requests {
        let key = Some(pb::RequestKey {
            lease_id: u64::MAX,
            sequence: u64::MAX,
            acked_below: u64::MAX,
        });
        let request = pb::WriteBatchRequest { key, ..request };
        assert!(request.encoded_len() <= limits::REQUEST_LEN_MAX);
    }
    assert!(client(&[&address]).split(Vec::new()).is_empty());
}
