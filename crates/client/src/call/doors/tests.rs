//! Clients that learn who belongs to the cluster, and who leads it.

use quorate_model::ServiceName;
use quorate_proto::{cluster as cluster_pb, registry::ResponseHeader};

use super::*;
use crate::{
    Client, Error, Leader, TcpConnector,
    testing::{self, Deed, Members, Script, closed_door, header},
};

fn doors(given: &[&DoorAddress]) -> Doors {
    let locksmith = Locksmith {
        connector: Arc::new(TcpConnector),
        connect_timeout: Duration::from_secs(1),
    };
    Doors::new(given.iter().copied().cloned().collect(), true, locksmith)
}

fn address(port: u16) -> DoorAddress {
    format!("10.0.0.1:{port}").parse().unwrap()
}

fn id(id: u64) -> MemberId {
    id.try_into().unwrap()
}

fn order(doors: &Doors, for_change: bool) -> Vec<DoorAddress> {
    let doors = doors.in_order(for_change);
    doors.iter().map(|door| door.address().clone()).collect()
}

/// What member 1 answers in a term in which this one leads.
fn led_by(term: u64, leader: Option<(u64, u16)>) -> Header {
    Header {
        leader: leader.map(|(member, port)| Leader {
            id: id(member),
            address: Some(address(port)),
        }),
        term: Term::new(term),
        ..header(7).try_into().unwrap()
    }
}

#[test]
fn changes_go_to_the_leader_and_reads_to_whoever_answered_last() {
    let doors = doors(&[&address(1), &address(2), &address(3)]);
    let all = |doors: &Doors| doors.in_order(false);
    doors.answered(&all(&doors)[1], false, &led_by(2, Some((3, 3))));
    assert_eq!(order(&doors, false), [address(2), address(3), address(1)]);
    assert_eq!(order(&doors, true), [address(3), address(2), address(1)]);
    // What the leader answers to a change draws no reads to it.
    doors.answered(&doors.in_order(true)[0], true, &led_by(2, Some((3, 3))));
    assert_eq!(order(&doors, false)[0], address(2));

    // A member that lags behind still believes in the leader of an earlier term.
    doors.answered(&all(&doors)[0], false, &led_by(1, Some((1, 1))));
    assert_eq!(order(&doors, true)[0], address(3));
    doors.answered(&all(&doors)[0], false, &led_by(3, None));
    assert_eq!(order(&doors, true)[0], address(2));
    doors.answered(&all(&doors)[0], false, &led_by(3, Some((1, 1))));
    assert_eq!(order(&doors, true)[0], address(1));
    doors.failed(&doors.in_order(true)[0]);
    assert_eq!(order(&doors, true)[0], address(2), "the leader did not take a change");
}

#[test]
fn members_that_have_gone_are_dropped_and_what_was_given_stays() {
    let doors = doors(&[&address(1)]);
    doors.learn([(id(1), address(1)), (id(2), address(2)), (id(3), address(3))], true);
    assert_eq!(order(&doors, false), [address(1), address(2), address(3)]);
    // Who lags behind may not have heard of all.
    doors.learn([(id(4), address(4))], false);
    assert_eq!(order(&doors, false), [address(1), address(2), address(3), address(4)]);
    doors.learn([(id(3), address(3)), (id(4), address(4))], true);
    assert_eq!(order(&doors, false), [address(1), address(3), address(4)]);
    assert!(doors.forget(&doors.in_order(false)[1]));
    assert!(!doors.forget(&doors.in_order(false)[0]), "it was given");
    assert_eq!(order(&doors, false), [address(1), address(4)]);
}

#[test]
fn no_more_members_are_learned_than_a_cluster_has() {
    let doors = doors(&[&address(1)]);
    let members = |from: u64| (from..from + 100).map(|number| (id(number), address(u16::try_from(number).unwrap())));
    doors.learn(members(100), true);
    doors.learn(members(1_000), false);
    assert_eq!(order(&doors, false).len(), 1 + MEMBERS_MAX);
}

/// A client that knows this member only, and has not asked it yet.
fn client(endpoint: &DoorAddress) -> Client {
    Client::builder().endpoints([endpoint.clone()]).seed(1).build().unwrap()
}

/// Has the member tell that these belong to the cluster, and who leads.
fn tell(script: &Script, members: &[(u64, &DoorAddress)], leader: (u64, &DoorAddress)) {
    let members = members.iter().map(|(id, address)| cluster_pb::Member {
        id: *id,
        peer_address: "10.0.0.1:7400".into(),
        client_address: address.to_string(),
        voter: true,
        ..Default::default()
    });
    *script.members.lock().unwrap() = members.collect();
    *script.header.lock().unwrap() = ResponseHeader {
        leader_id: leader.0,
        leader_address: leader.1.to_string(),
        ..header(7)
    };
}

async fn register(client: &Client) -> Result<(), Error> {
    let service: ServiceName = "s".parse().unwrap();
    let registered = client
        .register(&service, &"i".parse().unwrap(), testing::registration())
        .await;
    registered.map(|_| ())
}

#[tokio::test]
async fn a_client_that_knows_one_member_goes_to_the_leader_and_follows_the_cluster() {
    let (mut old, mut new) = (Members::default(), Members::default());
    let (first, script) = old.start(&[]);
    let (second, leader) = new.start(&[]);
    let members = [(1, &first), (2, &second)];
    tell(&script, &members, (2, &second));
    tell(&leader, &members, (2, &second));

    let client = client(&first);
    client.list_services().await.unwrap();
    assert_eq!((script.asked(), leader.asked()), (2, 0), "it also asks for the members");
    register(&client).await.unwrap();
    assert_eq!(leader.registrations.lock().unwrap().len(), 1);
    old.stop().await;
    for _ in 0..3 {
        client.list_services().await.unwrap();
        register(&client).await.unwrap();
    }
}

#[tokio::test]
async fn without_discovery_only_the_endpoints_are_asked() {
    let mut members = Members::default();
    let (first, script) = members.start(&[]);
    let (second, other) = members.start(&[]);
    tell(&script, &[(1, &first), (2, &second)], (2, &second));
    let builder = Client::builder().endpoints([first]).discover(false);
    let client = builder.build().unwrap();
    client.list_services().await.unwrap();
    register(&client).await.unwrap();
    assert_eq!((script.asked(), other.asked()), (2, 0));
}

#[tokio::test]
async fn a_leader_that_cannot_be_reached_is_passed_over() {
    let mut members = Members::default();
    let (first, script) = members.start(&[]);
    let nowhere = closed_door();
    tell(&script, &[(1, &first), (2, &nowhere)], (2, &nowhere));
    let client = client(&first);
    for _ in 0..3 {
        register(&client).await.unwrap();
    }
    assert_eq!(script.registrations.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_door_that_another_cluster_has_taken_over_is_forgotten() {
    let mut members = Members::default();
    let (first, script) = members.start(&[Deed::Answer, Deed::Answer, Deed::Refuse(crate::Reason::Stopping)]);
    let (second, foreign) = members.start_in(8, &[]);
    tell(&script, &[(1, &first), (2, &second)], (1, &first));
    let client = client(&first);
    client.list_services().await.unwrap();
    client.list_services().await.unwrap();
    assert_eq!(foreign.asked(), 1);
    client.list_services().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_members_are_asked_for_now_and_then() {
    let doors = doors(&[&address(1)]);
    assert!(doors.claim_refresh(), "nobody is known yet");
    assert!(!doors.claim_refresh(), "somebody else does it");
    tokio::time::advance(REFRESH_INTERVAL).await;
    assert!(doors.claim_refresh());
    // An answer names somebody who is not known.
    doors.answered(&doors.in_order(false)[0], false, &led_by(1, Some((9, 9))));
    assert!(!doors.claim_refresh(), "not again at once");
    tokio::time::advance(REFRESH_PAUSE).await;
    assert!(doors.claim_refresh());
}
