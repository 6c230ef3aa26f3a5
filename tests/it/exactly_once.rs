//! A write with a key takes effect once, however often it is sent, through whomever, and whatever happens in between.

use std::{fmt::Debug, time::Duration};

use prost::Message;
use quorate_client::Client;
use quorate_model::{Consistency, Found, Incarnation};
use quorate_proto::registry::{
    self as pb, leases_client::LeasesClient, registry_client::RegistryClient, write_batch_request as batch,
};
use quorate_tests::{Cluster, Load, Member, READY_WITHIN, SETTLED_WITHIN, ensure, eventually, figure, seed, service};
use tokio::time::Instant;
use tonic::{Code, Request, Status, transport::Channel};

use crate::{exactly_once::write::Write, wire};

mod random;
mod write;

/// A snapshot every hundred entries, and next to nothing left of the log behind it.
const OFTEN: &str = "snapshot_every_entries = 100\nlog_keep_entries = 10\n";

/// What a write came to, without who answered: the same for each repetition.
type Came = Result<String, (Code, String)>;

/// The service of these tests.
const SERVICE: &str = "once";

/// How often a member falls behind before it has to have been given a snapshot: a busy machine takes its time to
/// write one and to cut the log, and until then the log is enough.
const FALLS_BEHIND_MAX: usize = 5;

#[tokio::test]
async fn a_repetition_of_each_write_has_one_effect_through_any_member_leader_and_snapshot() {
    let cluster = Cluster::start_with(3, OFTEN).await;
    let lease_id = grant(cluster.member(1), 7).await.lease_id;
    let writes = each_write(lease_id);
    let mut first = Vec::new();
    for write in &writes {
        first.push(acknowledged(&cluster, write).await);
    }
    let left = left_behind(&cluster).await;

    // Through other members.
    for member in cluster.members() {
        assert_eq!(repeated(member, &writes).await, first);
    }
    assert_eq!(left_behind(&cluster).await, left);

    // Across leaders.
    for _ in 0..2 {
        let leader = cluster.leader().await;
        leader.kill();
        let other = cluster.leader().await;
        assert_eq!(repeated(other, &writes).await, first);
        leader.start();
        leader.wait_ready().await;
        assert_eq!(repeated(leader, &writes).await, first);
    }
    assert_eq!(left_behind(&cluster).await, left);

    // After a snapshot was installed: by the member that then leads.
    let behind = cluster.followers().await[0];
    for _ in 0..FALLS_BEHIND_MAX {
        behind.kill();
        let load = Load::start(&cluster, 4, seed());
        load.acknowledges(400, SETTLED_WITHIN).await;
        load.stop().await;
        behind.start();
        behind.wait_ready().await;
        if behind.log().contains("installed a snapshot") {
            break;
        }
    }
    assert!(behind.log().contains("installed a snapshot"), "{}", behind.log());
    lead(&cluster, behind).await;
    for member in cluster.members() {
        assert_eq!(repeated(member, &writes).await, first);
    }
    assert_eq!(left_behind(&cluster).await, left);
    cluster.converge(SETTLED_WITHIN).await;
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_takes_effect_once_when_it_is_sent_again() {
    let cluster = Cluster::start(3).await;
    let lease_id = grant(cluster.member(1), 7).await.lease_id;
    let mut unanswered = 0;
    for (place, write) in each_write(lease_id).iter().enumerate() {
        let leader = cluster.leader().await;
        let follower = cluster.followers().await[place % 2];
        // The leader takes the write, and does not live to answer it; or hangs until it is deposed.
        leader.pause();
        let lost = send(follower, write, Duration::from_millis(300)).await;
        unanswered += usize::from(lost.is_err());
        let other = cluster
            .members()
            .iter()
            .find(|member| ![leader.number(), follower.number()].contains(&member.number()));
        let other = other.expect("a third member");
        let second = eventually(SETTLED_WITHIN, "the write is answered", async || {
            definite(send(other, write, Duration::from_secs(5)).await)
        })
        .await;
        leader.resume();
        leader.wait_ready().await;
        let left = left_behind(&cluster).await;
        for member in cluster.members() {
            assert_eq!(
                repeated(member, std::slice::from_ref(write)).await,
                std::slice::from_ref(&second)
            );
        }
        assert_eq!(left_behind(&cluster).await, left, "{write:?}");
    }
    figure(format_args!("{unanswered} writes were not answered at first"));
    assert!(unanswered > 0, "nothing was lost, so that nothing was tested");
    cluster.converge(SETTLED_WITHIN).await;
}

#[tokio::test]
async fn a_lease_is_granted_once_for_each_run_of_its_owner() {
    let cluster = Cluster::start(3).await;
    let first = grant(cluster.member(1), 7).await;
    assert!(first.created);
    for member in cluster.members() {
        let again = grant(member, 7).await;
        assert_eq!((again.lease_id, again.created), (first.lease_id, false));
    }
    let leader = cluster.leader().await;
    leader.kill();
    let again = grant(cluster.leader().await, 7).await;
    assert_eq!((again.lease_id, again.created), (first.lease_id, false));
    leader.start();

    let other = grant(cluster.leader().await, 8).await;
    assert!(other.created && other.lease_id != first.lease_id);
}

#[tokio::test]
async fn a_lease_shows_what_is_kept_for_it_and_takes_it_along() {
    let cluster = Cluster::start(1).await;
    let member = cluster.member(1);
    let lease_id = grant(member, 7).await.lease_id;
    for sequence in 1..=5 {
        let write = Write::register(key(lease_id, sequence, 1), "a", sequence);
        assert!(send(member, &write, READY_WITHIN).await.is_ok());
    }
    let lease = client(&cluster)
        .get_lease(lease_id.to_string().parse().unwrap())
        .await
        .unwrap()
        .value;
    assert_eq!((lease.outcomes, lease.window_start.get()), (5, 1));
    assert_eq!(lease.lease.incarnation, Incarnation::try_from(7).unwrap());

    // What will not be asked for again is forgotten.
    let write = Write::register(key(lease_id, 6, 5), "a", 6);
    assert!(send(member, &write, READY_WITHIN).await.is_ok());
    let lease = client(&cluster)
        .get_lease(lease_id.to_string().parse().unwrap())
        .await
        .unwrap()
        .value;
    assert_eq!((lease.outcomes, lease.window_start.get()), (2, 5));

    let revoked = leases(member)
        .await
        .revoke_lease(pb::RevokeLeaseRequest { lease_id })
        .await;
    assert!(revoked.unwrap().into_inner().existed);
    let refused = send(member, &write, READY_WITHIN).await.unwrap_err();
    assert_eq!(refused, (Code::NotFound, "LEASE_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_key_that_cannot_be_honoured_is_refused_and_nothing_is_done() {
    let cluster = Cluster::start(1).await;
    let member = cluster.member(1);
    let lease_id = grant(member, 7).await.lease_id;
    let refusal = async |write: Write| send(member, &write, READY_WITHIN).await.unwrap_err().1;

    let unknown_lease = Write::register(key(lease_id + 1, 1, 1), "a", 1);
    assert_eq!(refusal(unknown_lease).await, "LEASE_NOT_FOUND");

    let late = Write::register(key(lease_id, 2_000, 1), "a", 1);
    assert!(send(member, &late, READY_WITHIN).await.is_ok());
    let forgotten = Write::register(key(lease_id, 976, 1), "b", 1);
    assert_eq!(refusal(forgotten).await, "SEQUENCE_TOO_OLD");
    let oldest = Write::register(key(lease_id, 977, 1), "c", 1);
    assert!(send(member, &oldest, READY_WITHIN).await.is_ok());

    let other = Write::register(key(lease_id, 2_000, 1), "d", 1);
    assert_eq!(refusal(other).await, "KEY_REUSED");

    let found = left_behind(&cluster).await;
    let ids: Vec<&str> = found.iter().map(|found| found.key().id.as_str()).collect();
    assert_eq!(ids, ["a", "c"]);
}

#[tokio::test]
async fn a_batch_has_an_outcome_for_each_item_and_each_item_takes_effect_once() {
    let cluster = Cluster::start(3).await;
    let follower = cluster.followers().await[0];
    let lease_id = grant(follower, 7).await.lease_id;
    // Enough for many log entries, with some that are none and some that come to nothing.
    let item = |number: u64| match number {
        13 => batch::Item::default(),
        77 => Write::update(None, "nobody", 1).into_item(),
        _ => Write::register(None, &format!("i-{number:03}"), number)
            .padded(200)
            .into_item(),
    };
    let message = pb::WriteBatchRequest {
        items: (0..1_000).map(item).collect(),
        key: key(lease_id, 1, 1),
    };
    let mut registry = wire::registry(follower).await;
    let started = Instant::now();
    let answer = registry.write_batch(message.clone()).await.unwrap().into_inner();
    let took = started.elapsed();
    let words: Vec<&str> = answer.outcomes.iter().map(word).collect();
    assert_eq!(
        (words.len(), words[13], words[77]),
        (1_000, "INVALID_ARGUMENT", "NOT_FOUND")
    );
    assert_eq!(words.iter().filter(|word| **word == "done").count(), 998);
    let mut revisions: Vec<u64> = answer.outcomes.iter().filter_map(revision).collect();
    revisions.sort_unstable();
    assert_eq!(answer.header.map(|header| header.revision), revisions.last().copied());
    revisions.dedup();
    figure(format_args!(
        "1,000 items in {} log entries in {took:?}",
        revisions.len()
    ));
    assert!(revisions.len() > 1, "it fits one entry: {revisions:?}");

    let left = left_behind(&cluster).await;
    for member in cluster.members() {
        let mut registry = wire::registry(member).await;
        let again = registry.write_batch(message.clone()).await.unwrap().into_inner();
        assert_eq!(again.outcomes, answer.outcomes);
    }
    assert_eq!(left_behind(&cluster).await, left);

    // A key of which the lease is gone is the failure of the whole request.
    let gone = pb::WriteBatchRequest {
        key: key(lease_id + 1, 1, 1),
        ..message
    };
    let refused = registry.write_batch(gone).await.unwrap_err();
    assert_eq!(wire::reason(&refused), "LEASE_NOT_FOUND");
}

#[tokio::test]
async fn items_of_one_instance_take_effect_in_their_order() {
    let cluster = Cluster::start(3).await;
    let follower = cluster.followers().await[0];
    let mut items = Vec::new();
    for number in 0..50 {
        items.push(Write::register(None, "a", number).into_item());
        items.push(Write::register(None, "b", number).into_item());
        if number % 10 == 9 && number != 49 {
            items.push(Write::deregister(None, "a").into_item());
        }
    }
    let mut registry = wire::registry(follower).await;
    let message = pb::WriteBatchRequest { items, key: None };
    let started = Instant::now();
    let answer = registry.write_batch(message).await.unwrap().into_inner();
    figure(format_args!(
        "104 items of two instances, one after the other, in {:?}",
        started.elapsed()
    ));
    assert!(answer.outcomes.iter().all(|outcome| word(outcome) == "done"));
    let found = left_behind(&cluster).await;
    let values: Vec<_> = found.iter().map(write::value).collect();
    assert_eq!(values, [49, 49]);
    // Each registration after a removal began a new generation, and only the last one is there.
    assert!(found[0].generation() > found[1].generation());
}

/// One write of each kind, in an order in which each has something to do.
fn each_write(lease_id: u64) -> Vec<Write> {
    let key = |sequence| key(lease_id, sequence, 1);
    let batch = vec![
        Write::register(None, "c", 6).into_item(),
        Write::update(None, "a", 7).into_item(),
        Write::update(None, "nobody", 7).into_item(),
        Write::deregister(None, "c").into_item(),
    ];
    vec![
        Write::register(key(1), "a", 1),
        Write::register(key(2), "b", 2),
        Write::update(key(3), "a", 3),
        Write::set_availability(key(4), "a", pb::Availability::Draining),
        Write::deregister(key(5), "b"),
        Write::Batch(pb::WriteBatchRequest {
            items: batch,
            key: key(6),
        }),
        // What is refused stays refused, though it could be done later.
        Write::update(key(7), "d", 8),
        Write::register(key(8), "d", 9),
    ]
}

/// A key, as messages carry it.
#[expect(clippy::unnecessary_wraps, reason = "messages may do without")]
fn key(lease_id: u64, sequence: u64, acked_below: u64) -> Option<pb::RequestKey> {
    Some(pb::RequestKey {
        lease_id,
        sequence,
        acked_below,
    })
}

async fn leases(member: &Member) -> LeasesClient<Channel> {
    LeasesClient::new(wire::channel(member).await)
}

/// The lease of this run of nobody in particular.
async fn grant(member: &Member, incarnation: u64) -> pb::GrantLeaseResponse {
    let request = pb::GrantLeaseRequest {
        incarnation,
        ..pb::GrantLeaseRequest::default()
    };
    eventually(READY_WITHIN, "a lease is granted", async || {
        let granted = leases(member).await.grant_lease(request.clone()).await;
        granted.map(tonic::Response::into_inner)
    })
    .await
}

/// Sends a write through `member` and gives it so much time.
async fn send(member: &Member, write: &Write, time: Duration) -> Came {
    // It may be down.
    let door = format!("http://{}", member.doors().client);
    let channel = Channel::from_shared(door).expect("an address is a URI").connect_lazy();
    let mut registry = RegistryClient::new(channel);
    let answer = match write.clone() {
        Write::Register(message) => shown(registry.register(within(time, message)).await, |answer| {
            answer.header.take()
        }),
        Write::Update(message) => shown(registry.update(within(time, message)).await, |answer| {
            answer.header.take()
        }),
        Write::Deregister(message) => shown(registry.deregister(within(time, message)).await, |answer| {
            answer.header.take()
        }),
        Write::SetAvailability(message) => shown(registry.set_availability(within(time, message)).await, |answer| {
            answer.header.take()
        }),
        Write::Batch(message) => shown(registry.write_batch(within(time, message)).await, |answer| {
            // The revision of an item that is gone is that of the entry that found it so.
            answer.outcomes.iter_mut().for_each(write::forget_revision_if_gone);
            answer.header.take()
        }),
    };
    answer.map_err(|status| (status.code(), wire::reason(&status).to_owned()))
}

fn within<M: Message>(time: Duration, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(time);
    request
}

fn shown<M: Debug>(
    answer: Result<tonic::Response<M>, Status>,
    take_header: impl FnOnce(&mut M) -> Option<pb::ResponseHeader>,
) -> Result<String, Status> {
    let mut message = answer?.into_inner();
    take_header(&mut message);
    Ok(format!("{message:?}"))
}

/// An answer that says what came of a write: done, or refused by what is there.
fn definite(came: Came) -> Result<Came, String> {
    match &came {
        Ok(_) => Ok(came),
        Err((_, reason)) if write::is_refusal(reason) => Ok(came),
        Err((_, reason)) => Err(reason.clone()),
    }
}

/// What came of a write, sent through one member after the other until one can tell.
async fn acknowledged(cluster: &Cluster, write: &Write) -> Came {
    let mut members = cluster.members().iter().cycle();
    eventually(SETTLED_WITHIN, "a write is answered", async || {
        let member = members.next().expect("a cycle has no end");
        definite(send(member, write, Duration::from_secs(2)).await)
    })
    .await
}

/// What comes of these writes when they are sent once more, through `member`.
async fn repeated(member: &Member, writes: &[Write]) -> Vec<Came> {
    let mut came = Vec::new();
    for write in writes {
        let again = eventually(SETTLED_WITHIN, "a repetition is answered", async || {
            definite(send(member, write, Duration::from_secs(2)).await)
        })
        .await;
        came.push(again);
    }
    came
}

/// Everything that there is of the service, with the revisions at which it changed.
async fn left_behind(cluster: &Cluster) -> Vec<Found> {
    let client = client(cluster);
    eventually(READY_WITHIN, "the instances are listed", async || {
        let answer = client.list_instances(&service(SERVICE)).await?;
        Ok::<_, quorate_client::Error>(answer.value.instances)
    })
    .await
}

fn client(cluster: &Cluster) -> Client {
    cluster.client().with_consistency(Consistency::Linearizable)
}

/// Has `member` lead.
async fn lead(cluster: &Cluster, member: &Member) {
    eventually(SETTLED_WITHIN, "the member leads", async || {
        if cluster.leader().await.number() == member.number() {
            return Ok(());
        }
        let moved = cluster.client().transfer_leader(Some(member.id())).await;
        let moved = moved.map_err(|error| error.to_string())?;
        ensure(moved.value.leader_id == member.id(), format!("{moved:?}"))
    })
    .await;
}

fn word(outcome: &pb::write_batch_response::ItemOutcome) -> &str {
    use pb::write_batch_response::item_outcome::Outcome;
    match outcome.outcome.as_ref().expect("an outcome") {
        Outcome::Done(_) => "done",
        Outcome::Failed(failed) => &failed.reason,
    }
}

fn revision(outcome: &pb::write_batch_response::ItemOutcome) -> Option<u64> {
    use pb::write_batch_response::item_outcome::Outcome;
    match outcome.outcome.as_ref()? {
        Outcome::Done(done) => Some(done.revision),
        Outcome::Failed(_) => None,
    }
}
