//! Requests to members that answer, refuse, hang, hang up, or are not there.

use std::time::Duration;

use quorate_proto::{
    cluster::{StatusRequest, cluster_client::ClusterClient},
    registry::ResponseHeader,
    status::Reason,
};
use rand::SeedableRng as _;

use super::*;
use crate::{
    Status as Report, TcpConnector,
    testing::{Deed, Members, closed_door},
};

const DEADLINE: Duration = Duration::from_secs(3);

fn caller(endpoints: impl IntoIterator<Item = DoorAddress>, deadline: Duration) -> Caller {
    Caller::new(CallerParts {
        endpoints: endpoints.into_iter().collect(),
        connector: Arc::new(TcpConnector),
        connect_timeout: Duration::from_secs(1),
        deadline,
        cluster_id: None,
        discovers: false,
        rng: SmallRng::seed_from_u64(1),
    })
}

async fn ask(caller: &Caller, purpose: Purpose) -> Result<Answer<Report>, Error> {
    let send = |channel, request| async move { ClusterClient::new(channel).status(request).await };
    caller.call(purpose, StatusRequest {}, send).await
}

#[tokio::test]
async fn a_member_that_is_not_there_is_passed_over_for_good() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    let caller = caller([closed_door(), address.clone()], DEADLINE);
    for asked in 1..=2 {
        ask(&caller, Purpose::Change).await.unwrap();
        assert_eq!(script.asked(), asked);
        assert_eq!(caller.doors.in_order(true)[0].address(), &address);
    }
}

#[tokio::test]
async fn a_member_that_did_nothing_is_passed_over_even_for_a_change() {
    for reason in [
        Reason::NoLeader,
        Reason::NoQuorum,
        Reason::NotReady,
        Reason::Stopping,
        Reason::Overloaded,
    ] {
        let mut members = Members::default();
        let (first, _) = members.start(&[Deed::Refuse(reason)]);
        let (second, script) = members.start(&[]);
        ask(&caller([first, second], DEADLINE), Purpose::Change).await.unwrap();
        assert_eq!(script.asked(), 1, "{reason}");
    }
}

#[tokio::test]
async fn a_lone_member_is_asked_again_until_it_serves() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Refuse(Reason::NoLeader), Deed::Refuse(Reason::NotReady)]);
    ask(&caller([address], DEADLINE), Purpose::Change).await.unwrap();
    assert_eq!(script.asked(), 3);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let mut members = Members::default();
    let (first, _) = members.start(&[Deed::Refuse(Reason::StaleGeneration)]);
    let (second, script) = members.start(&[]);
    let error = ask(&caller([first, second], DEADLINE), Purpose::Change)
        .await
        .unwrap_err();
    let (reason, message) = (Reason::StaleGeneration, "no".to_owned());
    assert_eq!(error, Error::Refused { reason, message });
    assert_eq!(script.asked(), 0);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_not_sent_again() {
    let mut members = Members::default();
    let lost = [
        members.start_hanging_up(),
        members.start(&[Deed::Refuse(Reason::OutcomeUnknown)]).0,
    ];
    for first in lost {
        let (second, script) = members.start(&[]);
        let error = ask(&caller([first, second], DEADLINE), Purpose::Change)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
        assert_eq!(script.asked(), 0);
    }
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_is_sent_to_the_next() {
    let mut members = Members::default();
    let first = members.start_hanging_up();
    let (second, script) = members.start(&[]);
    ask(&caller([first, second], DEADLINE), Purpose::Read).await.unwrap();
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn a_member_that_hangs_leaves_a_read_time_for_the_next() {
    let mut members = Members::default();
    let (first, _) = members.start(&[Deed::Hang]);
    let (second, script) = members.start(&[]);
    ask(&caller([first, second], Duration::from_millis(600)), Purpose::Read)
        .await
        .unwrap();
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn a_deadline_leaves_the_outcome_of_a_change_open_but_not_of_a_read() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Hang, Deed::Hang]);
    let caller = caller([address], Duration::from_millis(200));
    let error = ask(&caller, Purpose::Change).await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
    let error = ask(&caller, Purpose::Read).await.unwrap_err();
    assert!(
        matches!(&error, Error::Deadline { message } if message.contains("in time")),
        "{error}"
    );
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn a_member_is_told_how_much_time_there_is() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    ask(&caller([address], DEADLINE), Purpose::Read).await.unwrap();
    let timeouts = script.timeouts.lock().unwrap();
    let microseconds: u64 = timeouts[0].strip_suffix('u').unwrap().parse().unwrap();
    assert!((1..=3_000_000).contains(&microseconds), "{microseconds}");
}

#[tokio::test]
async fn nobody_waits_out_the_deadline_when_no_member_is_there() {
    let started = Instant::now();
    let caller = caller([closed_door(), closed_door()], Duration::from_secs(600));
    let error = ask(&caller, Purpose::Change).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_member_that_never_serves_is_given_up_at_the_deadline() {
    let mut members = Members::default();
    let (address, _) = members.start(&[Deed::Refuse(Reason::NoQuorum); 100]);
    let error = ask(&caller([address], Duration::from_millis(700)), Purpose::Change)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable { message, .. } if message.contains("NO_QUORUM")),
        "{error}"
    );
}

#[tokio::test]
async fn a_broken_connection_that_cannot_be_renewed_is_no_lost_answer() {
    let mut members = Members::default();
    let (address, _) = members.start(&[]);
    let door = Door::new(
        address,
        Locksmith {
            connector: Arc::new(TcpConnector),
            connect_timeout: Duration::from_secs(1),
        },
    );
    let send = |channel, request| async move { ClusterClient::new(channel).status(request).await };
    door.ask(&StatusRequest {}, &send, DEADLINE).await.unwrap();
    members.stop().await;

    let until = Instant::now() + Duration::from_secs(10);
    loop {
        assert!(Instant::now() < until, "the connection never broke");
        match door.ask(&StatusRequest {}, &send, DEADLINE).await {
            Err(Failure::Unreachable { .. }) => return,
            // The client has not heard yet that the member is gone.
            Ok(_) | Err(Failure::Lost { .. }) => {}
            Err(failure) => panic!("{failure:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_from_another_cluster_is_not_taken() {
    let mut members = Members::default();
    let (first, _) = members.start_in(7, &[Deed::Answer, Deed::Refuse(Reason::Stopping)]);
    let (second, _) = members.start_in(8, &[]);
    let caller = caller([first, second.clone()], DEADLINE);
    ask(&caller, Purpose::Read).await.unwrap();
    let error = ask(&caller, Purpose::Read).await.unwrap_err();
    let (expected, found) = (ClusterId::new(7), ClusterId::new(8));
    let endpoint = second.to_string();
    assert_eq!(
        error,
        Error::WrongCluster {
            endpoint,
            expected,
            found
        }
    );
    // The next request is not for it, but for the member that answered well.
    ask(&caller, Purpose::Read).await.unwrap();
}

#[tokio::test]
async fn a_change_whose_answer_is_wrong_may_have_taken_effect() {
    let mut members = Members::default();
    let (ours, _) = members.start_in(
        7,
        &[Deed::Answer, Deed::Babble, Deed::Babble, Deed::Refuse(Reason::Stopping)],
    );
    let (other, _) = members.start_in(8, &[]);
    let caller = caller([ours, other], DEADLINE);
    ask(&caller, Purpose::Change).await.unwrap();

    let error = ask(&caller, Purpose::Read).await.unwrap_err();
    assert!(matches!(error, Error::BadAnswer { .. }), "{error}");
    for problem in ["does not understand", "belongs to cluster"] {
        let error = ask(&caller, Purpose::Change).await.unwrap_err();
        assert!(
            matches!(&error, Error::OutcomeUnknown { message } if message.contains(problem)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_not_sent() {
    let caller = caller([closed_door()], DEADLINE);
    let request = ResponseHeader {
        leader_address: "x".repeat(limits::REQUEST_LEN_MAX),
        ..ResponseHeader::default()
    };
    let send = |_, _| async { Err(Status::unknown("not sent")) };
    let error = caller
        .call::<_, quorate_proto::cluster::StatusResponse, Report, _, _>(Purpose::Change, request, send)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::InvalidArgument { message } if message.contains("over the limit of 1048576")),
        "{error}"
    );
}

#[tokio::test]
async fn a_repeatable_change_whose_answer_is_lost_is_sent_to_the_next() {
    let mut members = Members::default();
    let lost = [
        members.start_hanging_up(),
        members.start(&[Deed::Refuse(Reason::OutcomeUnknown)]).0,
        members.start(&[Deed::Hang]).0,
    ];
    for first in lost {
        let (second, script) = members.start(&[]);
        let caller = caller([first, second], DEADLINE);
        ask(&caller, Purpose::Repeatable).await.unwrap();
        assert_eq!(script.asked(), 1);
        // Whoever hangs is not asked first again.
        ask(&caller, Purpose::Change).await.unwrap();
        assert_eq!(script.asked(), 2);
    }
}

#[tokio::test]
async fn what_was_lost_once_is_unknown_unless_the_catalog_says_that_it_refused_it() {
    let lost = Deed::Refuse(Reason::OutcomeUnknown);
    for (reason, is_known) in [
        (Reason::StaleGeneration, true),
        (Reason::LimitExceeded, false),
        (Reason::Internal, false),
        (Reason::NoQuorum, false),
    ] {
        let mut members = Members::default();
        let mut deeds = vec![Deed::Refuse(reason); 100];
        deeds.insert(0, lost);
        let (address, _) = members.start(&deeds);
        let caller = caller([address], Duration::from_millis(700));
        let error = ask(&caller, Purpose::Repeatable).await.unwrap_err();
        let is_refused = matches!(error, Error::Refused { reason: found, .. } if found == reason);
        let is_unknown = matches!(error, Error::OutcomeUnknown { .. });
        assert_eq!((is_refused, is_unknown), (is_known, !is_known), "{error}");
    }
}

/// Leads to one member, whatever address is asked for.
#[derive(Debug)]
struct Detour(DoorAddress);

impl Connector for Detour {
    fn connect(&self, _address: &DoorAddress) -> crate::Connecting {
        TcpConnector.connect(&self.0)
    }
}

#[tokio::test]
async fn connections_are_made_by_the_connector_that_is_given() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    let client = crate::Client::builder()
        .endpoints(["quorate.example:1".parse().unwrap()])
        .connector(Arc::new(Detour(address)))
        .discover(false)
        .build()
        .unwrap();
    client.status().await.unwrap();
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn a_member_is_left_alone_for_as_long_as_it_asks() {
    let mut members = Members::default();
    let (address, script) = members.start(&[Deed::Refuse(Reason::NoQuorum)]);
    let started = Instant::now();
    ask(&caller([address], DEADLINE), Purpose::Read).await.unwrap();
    let wait = Reason::NoQuorum.row().retry_after_ms.expect("the table says how long");
    assert!(started.elapsed() >= Duration::from_millis(wait.into()));
    assert_eq!(script.asked(), 2);
}
