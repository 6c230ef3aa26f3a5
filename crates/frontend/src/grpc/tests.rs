//! The edge, the routes and the health service, with doors that do as they are told.

use std::{sync::Mutex, time::Duration};

use futures::stream::BoxStream;
use prost::Message as _;
use quorate_model::limits::REQUEST_LEN_MAX;
use quorate_proto::{
    cluster as cluster_pb,
    registry::{self as pb, registry_client::RegistryClient},
    status::Reason,
};
use quorate_registry::Tasks;
use tokio::{runtime::Handle, sync::watch};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use super::*;

/// A door that answers every deregistration like this, and notes how much time each had.
#[derive(Debug, Clone, Default)]
struct Door {
    answer: Told,
    times: Arc<Mutex<Vec<Duration>>>,
    /// Whether its member was removed from the cluster.
    removed: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Told {
    #[default]
    Answer,
    Fail,
    Hang,
}

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_ms(&self) -> u64 {
        0
    }
}

fn not_told<T>() -> Result<Response<T>, Status> {
    Err(Reason::Internal.status("the door was not told what to do"))
}

/// A service of which the door answers some methods, and is not told what to say of all others.
macro_rules! door {
    ($service:ident { $($told:item)* } $($method:ident $request:ty => $response:ty;)*) => {
        #[tonic::async_trait]
        impl $service for Door {
            $($told)*

            $(async fn $method(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                not_told()
            })*
        }
    };
}

door! {
    Registry {
        async fn register(&self, _: Request<pb::RegisterRequest>) -> Result<Response<pb::RegisterResponse>, Status> {
            Ok(Response::new(pb::RegisterResponse::default()))
        }

        async fn deregister(
            &self,
            request: Request<pb::DeregisterRequest>,
        ) -> Result<Response<pb::DeregisterResponse>, Status> {
            let (_, time_left) = edge::TimeLeft::split(request);
            self.times.lock().unwrap().push(time_left);
            match self.answer {
                Told::Answer => Ok(Response::new(pb::DeregisterResponse::default())),
                Told::Fail => Err(Reason::StaleGeneration.status("generation 3 is over")),
                Told::Hang => std::future::pending().await,
            }
        }
    }
    update pb::UpdateRequest => pb::UpdateResponse;
    set_availability pb::SetAvailabilityRequest => pb::SetAvailabilityResponse;
    write_batch pb::WriteBatchRequest => pb::WriteBatchResponse;
    get_instance pb::GetInstanceRequest => pb::GetInstanceResponse;
    resolve pb::ResolveRequest => pb::ResolveResponse;
    pick pb::PickRequest => pb::PickResponse;
    list_services pb::ListServicesRequest => pb::ListServicesResponse;
    list_instances pb::ListInstancesRequest => pb::ListInstancesResponse;
    report_check pb::ReportCheckRequest => pb::ReportCheckResponse;
}

door! {
    Cluster {
        type SaveSnapshotStream = BoxStream<'static, Result<cluster_pb::SaveSnapshotResponse, Status>>;
    }
    status cluster_pb::StatusRequest => cluster_pb::StatusResponse;
    list_members cluster_pb::ListMembersRequest => cluster_pb::ListMembersResponse;
    add_member cluster_pb::AddMemberRequest => cluster_pb::AddMemberResponse;
    remove_member cluster_pb::RemoveMemberRequest => cluster_pb::RemoveMemberResponse;
    replace_member cluster_pb::ReplaceMemberRequest => cluster_pb::ReplaceMemberResponse;
    promote_member cluster_pb::PromoteMemberRequest => cluster_pb::PromoteMemberResponse;
    demote_member cluster_pb::DemoteMemberRequest => cluster_pb::DemoteMemberResponse;
    transfer_leader cluster_pb::TransferLeaderRequest => cluster_pb::TransferLeaderResponse;
    save_snapshot cluster_pb::SaveSnapshotRequest => Self::SaveSnapshotStream;
}

door! {
    Leases {
        type KeepAliveStream = BoxStream<'static, Result<pb::KeepAliveResponse, Status>>;

        async fn keep_alive(
            &self,
            _: Request<Streaming<pb::KeepAliveRequest>>,
        ) -> Result<Response<Self::KeepAliveStream>, Status> {
            not_told()
        }
    }
    renew pb::RenewRequest => pb::RenewResponse;
    list_leases pb::ListLeasesRequest => pb::ListLeasesResponse;
    grant_lease pb::GrantLeaseRequest => pb::GrantLeaseResponse;
    revoke_lease pb::RevokeLeaseRequest => pb::RevokeLeaseResponse;
    get_lease pb::GetLeaseRequest => pb::GetLeaseResponse;
}

door! {
    Operator {}
    set_override cluster_pb::SetOverrideRequest => cluster_pb::SetOverrideResponse;
    clear_override cluster_pb::ClearOverrideRequest => cluster_pb::ClearOverrideResponse;
    list_overrides cluster_pb::ListOverridesRequest => cluster_pb::ListOverridesResponse;
    set_service_settings cluster_pb::SetServiceSettingsRequest => cluster_pb::SetServiceSettingsResponse;
    get_service_settings cluster_pb::GetServiceSettingsRequest => cluster_pb::GetServiceSettingsResponse;
    list_guards cluster_pb::ListGuardsRequest => cluster_pb::ListGuardsResponse;
    raise_guard cluster_pb::RaiseGuardRequest => cluster_pb::RaiseGuardResponse;
    drop_guard cluster_pb::DropGuardRequest => cluster_pb::DropGuardResponse;
}

fn routes_to(door: &Door, limits: Limits) -> (Routes, watch::Sender<bool>) {
    let ready = watch::Sender::new(false);
    let services = Services {
        registry: door.clone(),
        leases: door.clone(),
        cluster: door.clone(),
        operator: door.clone(),
        health: health::start(&Tasks::new(Handle::current()), ready.subscribe()),
    };
    let routes = services.behind_the_edge(Arc::new(StoppedClock), limits, door.removed.subscribe());
    (routes, ready)
}

fn client_of(door: &Door, limits: Limits) -> RegistryClient<Routes> {
    RegistryClient::new(routes_to(door, limits).0)
}

/// A request that takes exactly so many bytes.
fn register_request(len: usize) -> pb::RegisterRequest {
    let mut request = pb::RegisterRequest {
        service: "s".repeat(len),
        ..Default::default()
    };
    let excess = request.encoded_len() - len;
    request.service.truncate(len - excess);
    assert_eq!(request.encoded_len(), len);
    request
}

#[tokio::test]
async fn a_request_of_exactly_the_limit_is_taken() {
    let mut client = client_of(&Door::default(), Limits::default());
    client.register(register_request(REQUEST_LEN_MAX)).await.unwrap();
}

#[tokio::test]
async fn a_request_of_one_byte_more_is_refused_with_its_size_and_the_limit() {
    let mut client = client_of(&Door::default(), Limits::default());
    let status = client
        .register(register_request(REQUEST_LEN_MAX + 1))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(Reason::of(&status), Reason::RequestTooLarge);
    let message = status.message();
    assert!(
        message.contains("1048577 bytes") && message.contains("1048576 bytes"),
        "{message}"
    );
}

#[tokio::test]
async fn a_member_that_was_removed_answers_nothing_else() {
    let door = Door::default();
    let mut client = client_of(&door, Limits::default());
    client.deregister(pb::DeregisterRequest::default()).await.unwrap();
    door.removed.send_replace(true);
    let status = client.deregister(pb::DeregisterRequest::default()).await.unwrap_err();
    assert_eq!(Reason::of(&status), Reason::Removed);
}

#[tokio::test]
async fn the_reason_that_a_handler_states_arrives_as_it_is() {
    let door = Door {
        answer: Told::Fail,
        ..Door::default()
    };
    let status = client_of(&door, Limits::default())
        .deregister(pb::DeregisterRequest::default())
        .await
        .unwrap_err();
    assert_eq!(Reason::of(&status), Reason::StaleGeneration);
    assert_eq!(
        (status.code(), status.message()),
        (Code::FailedPrecondition, "generation 3 is over")
    );
}

#[tokio::test]
async fn a_method_that_is_not_there_is_named() {
    let (routes, _) = routes_to(&Door::default(), Limits::default());
    for path in ["/quorate.registry.v1.Registry/Guess", "/quorate.guess.v1.Guess/Guess"] {
        let request = http::Request::post(path).version(http::Version::HTTP_2);
        let request = request.body(tonic::body::Body::empty()).unwrap();
        let response = tower::Service::call(&mut routes.clone(), request).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(Reason::of(&status), Reason::Unimplemented);
        assert!(status.message().contains(path), "{}", status.message());
    }
}

#[tokio::test]
async fn the_callers_time_reaches_the_handler_within_the_limits() {
    let door = Door::default();
    let mut client = client_of(&door, Limits::default());
    for stated in [None, Some(Duration::from_millis(1_500)), Some(Duration::from_secs(100))] {
        let mut request = Request::new(pb::DeregisterRequest::default());
        if let Some(time) = stated {
            request.set_timeout(time);
        }
        client.deregister(request).await.unwrap();
    }
    let expected = [10_000, 1_500, 30_000].map(Duration::from_millis);
    assert_eq!(*door.times.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_cut_off_and_its_outcome_is_unknown() {
    let door = Door {
        answer: Told::Hang,
        ..Door::default()
    };
    let started = tokio::time::Instant::now();
    let status = client_of(&door, Limits::default())
        .deregister(pb::DeregisterRequest::default())
        .await
        .unwrap_err();
    assert_eq!(Reason::of(&status), Reason::OutcomeUnknown);
    let waited = started.elapsed();
    let time = Limits::default().time_default;
    assert!(waited >= time && waited < time + Duration::from_secs(1), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn one_request_more_than_may_be_in_flight_is_turned_away_and_health_is_not() {
    let door = Door {
        answer: Told::Hang,
        ..Door::default()
    };
    let limits = Limits {
        requests_in_flight_max: 1,
        ..Limits::default()
    };
    let (routes, _ready) = routes_to(&door, limits);
    let mut client = RegistryClient::new(routes.clone());
    let mut other = client.clone();
    let hanging = client.deregister(pb::DeregisterRequest::default());
    let others = async {
        while door.times.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let status = other.register(pb::RegisterRequest::default()).await.unwrap_err();
        assert_eq!(Reason::of(&status), Reason::Overloaded);
        HealthClient::new(routes)
            .check(HealthCheckRequest::default())
            .await
            .unwrap();
    };
    tokio::select! {
        biased;
        _ = hanging => panic!("it hangs"),
        () = others => {}
    }
    let freed = other.register(pb::RegisterRequest::default()).await;
    freed.expect("the one that hung has been dropped, and its place is free");
}

#[tokio::test]
async fn health_says_whether_the_member_serves_and_each_of_its_services() {
    let (routes, ready) = routes_to(&Door::default(), Limits::default());
    let mut client = HealthClient::new(routes);
    let services = ["", "quorate.registry.v1.Registry", "quorate.cluster.v1.Cluster"];
    let check = async |client: &mut HealthClient<Routes>, service: &str| {
        let service = service.to_owned();
        let response = client.check(HealthCheckRequest { service }).await.unwrap();
        response.into_inner().status()
    };
    for service in services {
        assert_eq!(
            check(&mut client, service).await,
            ServingStatus::NotServing,
            "{service:?} at the start"
        );
    }
    for (is_ready, expected) in [(true, ServingStatus::Serving), (false, ServingStatus::NotServing)] {
        ready.send_replace(is_ready);
        for service in services {
            let followed = async {
                while check(&mut client, service).await != expected {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), followed).await.unwrap();
        }
    }
    let service = "quorate.guess.v1.Guess".to_owned();
    let status = client.check(HealthCheckRequest { service }).await.unwrap_err();
    assert_eq!(Reason::of(&status), Reason::NotFound);
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let (routes, _) = routes_to(&Door::default(), Limits::default());
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = tokio_stream::iter([request]);
    let response = ServerReflectionClient::new(routes)
        .server_reflection_info(requests)
        .await
        .unwrap();
    let answer = response.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in [
        "quorate.registry.v1.Registry",
        "quorate.cluster.v1.Cluster",
        "grpc.health.v1.Health",
    ] {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
}
