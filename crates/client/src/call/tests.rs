//! Requests to members that answer, refuse, hang, hang up, or are not there.

use std::{collections::VecDeque, net::TcpListener, sync::Arc, time::Duration};

use quorate_proto::{
    cluster::{
        StatusRequest, StatusResponse,
        cluster_client::ClusterClient,
        cluster_server::{Cluster, ClusterServer},
    },
    registry::ResponseHeader,
    status::Reason,
};
use rand::SeedableRng as _;
use tokio::{io::AsyncReadExt as _, sync::watch, task::JoinSet};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

use super::*;
use crate::Status as Report;

const DEADLINE: Duration = Duration::from_secs(3);

/// What a member does with a request.
#[derive(Clone, Copy)]
enum Deed {
    Answer,
    /// Answers what no version of the contract allows.
    Babble,
    Refuse(Reason),
    Hang,
}

/// A member that does what it is told, request by request, and answers all others.
#[derive(Default)]
struct Script {
    cluster: u128,
    deeds: Mutex<VecDeque<Deed>>,
    /// The `grpc-timeout` of each request so far.
    asked: Mutex<Vec<String>>,
}

/// Members that run until the test is over, or until they are stopped.
#[derive(Default)]
struct Members {
    tasks: JoinSet<()>,
    stopping: watch::Sender<bool>,
}

#[tonic::async_trait]
impl Cluster for Script {
    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let timeout = request
            .metadata()
            .get("grpc-timeout")
            .map(|text| text.to_str().unwrap().to_owned());
        self.asked.lock().unwrap().push(timeout.unwrap_or_default());
        let deed = self.deeds.lock().unwrap().pop_front().unwrap_or(Deed::Answer);
        match deed {
            Deed::Answer => Ok(Response::new(report(self.cluster))),
            Deed::Babble => Ok(Response::new(StatusResponse::default())),
            Deed::Refuse(reason) => Err(reason.status("no")),
            Deed::Hang => std::future::pending().await,
        }
    }
}

impl Script {
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Members {
    fn start(&mut self, deeds: &[Deed]) -> (DoorAddress, Arc<Script>) {
        self.start_in(7, deeds)
    }

    fn start_in(&mut self, cluster: u128, deeds: &[Deed]) -> (DoorAddress, Arc<Script>) {
        let (address, listener) = listener();
        let script = Arc::new(Script {
            cluster,
            deeds: Mutex::new(deeds.iter().copied().collect()),
            ..Script::default()
        });
        let mut stopping = self.stopping.subscribe();
        let serving = Server::builder()
            .add_service(ClusterServer::from_arc(Arc::clone(&script)))
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async move {
                let _stopped = stopping.wait_for(|stopping| *stopping).await;
            });
        self.tasks.spawn(async move { serving.await.unwrap() });
        (address, script)
    }

    /// Stops them all and waits until their connections are closed.
    async fn stop(self) {
        self.stopping.send_replace(true);
        self.tasks.join_all().await;
    }

    /// A member that takes every request and breaks the connection.
    fn start_hanging_up(&mut self) -> DoorAddress {
        let (address, listener) = listener();
        self.tasks.spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                // The preface and settings of HTTP/2 have some 80 bytes; what comes behind is the request.
                let mut bytes = [0; 120];
                let _ended = connection.read_exact(&mut bytes).await;
            }
        });
        address
    }
}

fn listener() -> (DoorAddress, tokio::net::TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = DoorAddress::try_from(listener.local_addr().unwrap()).unwrap();
    (address, tokio::net::TcpListener::from_std(listener).unwrap())
}

/// A door behind which nobody listens.
fn closed_door() -> DoorAddress {
    listener().0
}

fn report(cluster: u128) -> StatusResponse {
    StatusResponse {
        header: Some(ResponseHeader {
            cluster_id: format!("{cluster:032x}"),
            member_id: 1,
            ..ResponseHeader::default()
        }),
        role: 1,
        state_hash: "0".repeat(32),
        ..StatusResponse::default()
    }
}

fn caller(endpoints: impl IntoIterator<Item = DoorAddress>, deadline: Duration) -> Caller {
    let endpoints = endpoints.into_iter().collect();
    Caller::new(
        endpoints,
        deadline,
        Duration::from_secs(1),
        None,
        SmallRng::seed_from_u64(1),
    )
}

async fn ask(caller: &Caller, purpose: Purpose) -> Result<Answer<Report>, Error> {
    let send = |channel, request| async move { ClusterClient::new(channel).status(request).await };
    caller.call(purpose, StatusRequest {}, send).await
}

#[tokio::test]
async fn a_member_that_is_not_there_is_passed_over_for_good() {
    let mut members = Members::default();
    let (address, script) = members.start(&[]);
    let caller = caller([closed_door(), address], DEADLINE);
    for asked in 1..=2 {
        ask(&caller, Purpose::Change).await.unwrap();
        assert_eq!(script.asked(), asked);
        assert_eq!(caller.preferred.load(Ordering::Relaxed), 1);
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
    let asked = script.asked.lock().unwrap();
    let microseconds: u64 = asked[0].strip_suffix('u').unwrap().parse().unwrap();
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
        matches!(&error, Error::Unavailable { message } if message.contains("NO_QUORUM")),
        "{error}"
    );
}

#[tokio::test]
async fn a_broken_connection_that_cannot_be_renewed_is_no_lost_answer() {
    let mut members = Members::default();
    let (address, _) = members.start(&[]);
    let door = Door::new(address, Duration::from_secs(1));
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
    let send = |_, _| async { Ok(Response::new(report(7))) };
    let error = caller
        .call::<_, _, Report, _, _>(Purpose::Change, request, send)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::InvalidArgument { message } if message.contains("over the limit of 1048576")),
        "{error}"
    );
}
