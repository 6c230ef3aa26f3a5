//! Members that do what a test tells them.

use std::{
    collections::VecDeque,
    net::TcpListener,
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::Duration,
};

use quorate_model::{DoorAddress, Endpoint, InstanceSpec, SpecParts};
use quorate_proto::{
    cluster::{
        self as cluster_pb,
        cluster_server::{Cluster, ClusterServer},
        operator_server::{Operator, OperatorServer},
    },
    registry::{
        self as pb, ResponseHeader,
        leases_server::{Leases, LeasesServer},
        registry_server::{Registry, RegistryServer},
        write_batch_response::{Done, Failed, ItemOutcome, item_outcome},
    },
    status::Reason,
};
use tokio::{
    io::AsyncReadExt as _,
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap, transport::Server};

use crate::RegisterOptions;

/// What a member does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Deed {
    Answer,
    /// Answers what no version of the contract allows.
    Babble,
    Refuse(Reason),
    Hang,
}

/// What a member does with a frame of renewals.
#[derive(Clone, Copy)]
pub(crate) enum Beat {
    /// Says that the leases live.
    Live,
    /// Says that they had lapsed.
    Revived,
    /// Says that there are no such leases.
    Unknown,
    /// Says that it cannot tell.
    Fail(Reason),
    /// Says nothing.
    Ignore,
    /// Ends the stream.
    HangUp,
    /// Says that the leases live, and ends the stream as one that has been idle.
    LiveThenIdle,
    /// Ends the stream as one that has been idle, when the frame was on its way.
    Idle,
}

/// The renewals of a member.
#[derive(Default)]
pub(crate) struct Pulse {
    /// What it does with the next frames; says that all live, if nothing is told.
    pub(crate) beats: Mutex<VecDeque<Beat>>,
    /// The leases of each frame so far.
    pub(crate) frames: watch::Sender<Vec<Vec<u64>>>,
    /// How many streams are open.
    pub(crate) streams: watch::Sender<usize>,
    tasks: Mutex<JoinSet<()>>,
}

/// A member that does what it is told, request by request, and answers all others.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) deeds: Mutex<VecDeque<Deed>>,
    /// What its answers begin with.
    pub(crate) header: Arc<Mutex<ResponseHeader>>,
    /// Its renewals.
    pub(crate) pulse: Arc<Pulse>,
    /// What it did to registrations that were there, in words.
    pub(crate) changes: watch::Sender<Vec<String>>,
    /// The instance that it shows; there is none otherwise.
    pub(crate) instance: Mutex<Option<pb::Instance>>,
    /// Whom it tells of.
    pub(crate) members: Mutex<Vec<cluster_pb::Member>>,
    /// The `grpc-timeout` of each request so far.
    pub(crate) timeouts: Mutex<Vec<String>>,
    /// Each registration so far.
    pub(crate) registrations: Mutex<Vec<pb::RegisterRequest>>,
    /// Each batch so far.
    pub(crate) batches: Mutex<Vec<pb::WriteBatchRequest>>,
    /// What the items of the next batches come to, first to last; done, if nothing is told.
    pub(crate) failures: Mutex<VecDeque<Vec<Option<Reason>>>>,
    /// The incarnation of each lease that was asked for.
    pub(crate) incarnations: Mutex<Vec<u64>>,
    /// Whether it knows the leases that it is asked for.
    pub(crate) knows_leases: Mutex<bool>,
    /// Each read so far asked for an answer that fresh.
    pub(crate) consistencies: Mutex<Vec<Option<pb::Consistency>>>,
}

/// Members that run until the test is over, or until they are stopped.
#[derive(Default)]
pub(crate) struct Members {
    tasks: JoinSet<()>,
    stopping: watch::Sender<bool>,
}

// === impl Script ===

impl Script {
    /// How many requests there were so far.
    pub(crate) fn asked(&self) -> usize {
        self.timeouts.lock().unwrap().len()
    }

    /// Takes note of a change of a registration.
    fn changed(&self, change: String) {
        self.changes.send_modify(|changes| changes.push(change));
    }

    /// Does the next deed; the header of the answer, if that is an answer.
    async fn act(&self, metadata: &MetadataMap) -> Result<Option<ResponseHeader>, Status> {
        let timeout = metadata.get("grpc-timeout").map(|text| text.to_str().unwrap());
        self.timeouts
            .lock()
            .unwrap()
            .push(timeout.unwrap_or_default().to_owned());
        let deed = self.deeds.lock().unwrap().pop_front().unwrap_or(Deed::Answer);
        match deed {
            Deed::Answer => Ok(Some(self.header.lock().unwrap().clone())),
            Deed::Babble => Ok(None),
            Deed::Refuse(reason) => Err(reason.status("no")),
            Deed::Hang => std::future::pending().await,
        }
    }
}

/// Calls that no test wants an answer to.
macro_rules! unscripted {
    ($($package:ident: $($method:ident $request:ident $response:ident),*;)*) => {
        $($(
            fn $method<'life0, 'async_trait>(
                &'life0 self,
                request: Request<$package::$request>,
            ) -> std::pin::Pin<
                Box<dyn Future<Output = Result<Response<$package::$response>, Status>> + Send + 'async_trait>,
            >
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    self.act(request.metadata()).await?;
                    Err(Status::unimplemented(""))
                })
            }
        )*)*
    };
}

#[tonic::async_trait]
impl Cluster for Script {
    type SaveSnapshotStream = tokio_stream::Empty<Result<cluster_pb::SaveSnapshotResponse, Status>>;

    async fn status(
        &self,
        request: Request<cluster_pb::StatusRequest>,
    ) -> Result<Response<cluster_pb::StatusResponse>, Status> {
        let header = self.act(request.metadata()).await?;
        Ok(Response::new(match header {
            Some(header) => cluster_pb::StatusResponse {
                header: Some(header),
                role: 1,
                ready: true,
                state_hash: "0".repeat(32),
                members: self.members.lock().unwrap().clone(),
                ..Default::default()
            },
            None => cluster_pb::StatusResponse::default(),
        }))
    }

    async fn save_snapshot(
        &self,
        _request: Request<cluster_pb::SaveSnapshotRequest>,
    ) -> Result<Response<Self::SaveSnapshotStream>, Status> {
        Err(Status::unimplemented(""))
    }

    unscripted! {
        cluster_pb:
        list_members ListMembersRequest ListMembersResponse,
        add_member AddMemberRequest AddMemberResponse,
        remove_member RemoveMemberRequest RemoveMemberResponse,
        replace_member ReplaceMemberRequest ReplaceMemberResponse,
        promote_member PromoteMemberRequest PromoteMemberResponse,
        demote_member DemoteMemberRequest DemoteMemberResponse,
        transfer_leader TransferLeaderRequest TransferLeaderResponse;
    }
}

#[tonic::async_trait]
impl Operator for Script {
    unscripted! {
        cluster_pb:
        set_override SetOverrideRequest SetOverrideResponse,
        clear_override ClearOverrideRequest ClearOverrideResponse,
        list_overrides ListOverridesRequest ListOverridesResponse,
        set_service_settings SetServiceSettingsRequest SetServiceSettingsResponse,
        get_service_settings GetServiceSettingsRequest GetServiceSettingsResponse,
        list_guards ListGuardsRequest ListGuardsResponse,
        raise_guard RaiseGuardRequest RaiseGuardResponse,
        drop_guard DropGuardRequest DropGuardResponse;
    }
}

#[tonic::async_trait]
impl Registry for Script {
    async fn register(&self, request: Request<pb::RegisterRequest>) -> Result<Response<pb::RegisterResponse>, Status> {
        self.registrations.lock().unwrap().push(request.get_ref().clone());
        let header = self.act(request.metadata()).await?;
        let asked = request.into_inner();
        self.changed(format!("register {}", asked.lease_id));
        Ok(Response::new(pb::RegisterResponse {
            header,
            // Each registration has one of its own, below which there is room for others.
            generation: 10 * self.registrations.lock().unwrap().len() as u64,
            change: 1,
            lease_id: asked.lease_id,
        }))
    }

    async fn update(&self, request: Request<pb::UpdateRequest>) -> Result<Response<pb::UpdateResponse>, Status> {
        let header = self.act(request.metadata()).await?;
        let generation = request.get_ref().generation.unwrap_or_default();
        self.changed(format!("update {generation}"));
        Ok(Response::new(pb::UpdateResponse {
            header,
            generation,
            changed: true,
        }))
    }

    async fn deregister(
        &self,
        request: Request<pb::DeregisterRequest>,
    ) -> Result<Response<pb::DeregisterResponse>, Status> {
        let header = self.act(request.metadata()).await?;
        let generation = request.get_ref().generation.unwrap_or_default();
        self.changed(format!("deregister {generation}"));
        Ok(Response::new(pb::DeregisterResponse { header, existed: true }))
    }

    async fn set_availability(
        &self,
        request: Request<pb::SetAvailabilityRequest>,
    ) -> Result<Response<pb::SetAvailabilityResponse>, Status> {
        let header = self.act(request.metadata()).await?;
        let asked = request.into_inner();
        let (generation, drain_ms) = (asked.generation.unwrap_or_default(), asked.drain_ms);
        let word = asked.availability().as_str_name().trim_start_matches("AVAILABILITY_");
        self.changed(format!("{word} {generation} {drain_ms}"));
        Ok(Response::new(pb::SetAvailabilityResponse {
            header,
            generation,
            changed: true,
        }))
    }

    async fn get_instance(
        &self,
        request: Request<pb::GetInstanceRequest>,
    ) -> Result<Response<pb::GetInstanceResponse>, Status> {
        let header = self.act(request.metadata()).await?;
        match self.instance.lock().unwrap().clone() {
            Some(instance) => Ok(Response::new(pb::GetInstanceResponse {
                header,
                instance: Some(instance),
            })),
            None => Err(Reason::NotFound.status("no")),
        }
    }

    async fn list_services(
        &self,
        request: Request<pb::ListServicesRequest>,
    ) -> Result<Response<pb::ListServicesResponse>, Status> {
        self.consistencies.lock().unwrap().push(request.get_ref().consistency);
        let header = self.act(request.metadata()).await?;
        Ok(Response::new(pb::ListServicesResponse {
            header,
            ..Default::default()
        }))
    }

    async fn write_batch(
        &self,
        request: Request<pb::WriteBatchRequest>,
    ) -> Result<Response<pb::WriteBatchResponse>, Status> {
        self.batches.lock().unwrap().push(request.get_ref().clone());
        let header = self.act(request.metadata()).await?;
        let mut failures = self
            .failures
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_default()
            .into_iter();
        let outcomes = request
            .get_ref()
            .items
            .iter()
            .map(|_| outcome(failures.next().flatten()));
        Ok(Response::new(pb::WriteBatchResponse {
            header,
            outcomes: outcomes.collect(),
        }))
    }

    unscripted! {
        pb:
        report_check ReportCheckRequest ReportCheckResponse,
        resolve ResolveRequest ResolveResponse,
        pick PickRequest PickResponse,
        list_instances ListInstancesRequest ListInstancesResponse;
    }
}

#[tonic::async_trait]
impl Leases for Script {
    type KeepAliveStream = ReceiverStream<Result<pb::KeepAliveResponse, Status>>;

    async fn grant_lease(
        &self,
        request: Request<pb::GrantLeaseRequest>,
    ) -> Result<Response<pb::GrantLeaseResponse>, Status> {
        let asked = request.get_ref().clone();
        let lease_id = {
            let mut incarnations = self.incarnations.lock().unwrap();
            incarnations.push(asked.incarnation);
            LEASE + incarnations.len() as u64 - 1
        };
        let header = self.act(request.metadata()).await?;
        Ok(Response::new(pb::GrantLeaseResponse {
            header,
            lease_id,
            ttl_ms: asked.ttl_ms,
            created: true,
            remove_after_ms: asked.remove_after_ms,
            renew_after_ms: 0,
        }))
    }

    async fn keep_alive(
        &self,
        request: Request<Streaming<pb::KeepAliveRequest>>,
    ) -> Result<Response<Self::KeepAliveStream>, Status> {
        let (header, pulse) = (Arc::clone(&self.header), Arc::clone(&self.pulse));
        let (answers, stream) = mpsc::channel(8);
        let mut frames = request.into_inner();
        self.pulse.streams.send_modify(|streams| *streams += 1);
        self.pulse.tasks.lock().unwrap().spawn(async move {
            while let Ok(Some(frame)) = frames.message().await {
                let header = header.lock().unwrap().clone();
                let (said, flow) = pulse.answer(&frame, &header);
                for one in said {
                    // Whoever has gone does not hear it.
                    let _ = answers.send(one).await;
                }
                if flow.is_break() || answers.is_closed() {
                    break;
                }
            }
            pulse.streams.send_modify(|streams| *streams -= 1);
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn renew(&self, request: Request<pb::RenewRequest>) -> Result<Response<pb::RenewResponse>, Status> {
        let header = self.act(request.metadata()).await?;
        let renewed = request.get_ref().lease_ids.iter().map(|lease| renewed(*lease, 1));
        Ok(Response::new(pb::RenewResponse {
            header,
            renewed: renewed.collect(),
        }))
    }

    async fn revoke_lease(
        &self,
        request: Request<pb::RevokeLeaseRequest>,
    ) -> Result<Response<pb::RevokeLeaseResponse>, Status> {
        let header = self.act(request.metadata()).await?;
        self.changed(format!("revoke {}", request.get_ref().lease_id));
        Ok(Response::new(pb::RevokeLeaseResponse { header, existed: true }))
    }

    async fn get_lease(&self, request: Request<pb::GetLeaseRequest>) -> Result<Response<pb::GetLeaseResponse>, Status> {
        let header = self.act(request.metadata()).await?;
        if !*self.knows_leases.lock().unwrap() {
            return Err(Reason::LeaseNotFound.status("no"));
        }
        let lease = pb::Lease {
            id: request.get_ref().lease_id,
            incarnation: 1,
            ttl_ms: 15_000,
            remove_after_ms: 30_000,
            window_start: 1,
            ..pb::Lease::default()
        };
        Ok(Response::new(pb::GetLeaseResponse {
            header,
            lease: Some(lease),
        }))
    }

    unscripted! {
        pb:
        list_leases ListLeasesRequest ListLeasesResponse;
    }
}

// === impl Pulse ===

impl Pulse {
    /// What is said to a frame, and whether the stream goes on.
    fn answer(
        &self,
        frame: &pb::KeepAliveRequest,
        header: &ResponseHeader,
    ) -> (Vec<Result<pb::KeepAliveResponse, Status>>, ControlFlow<()>) {
        let beat = self.beats.lock().unwrap().pop_front().unwrap_or(Beat::Live);
        self.frames.send_modify(|frames| frames.push(frame.lease_ids.clone()));
        let says = |state, failure: &str| {
            let renewed = frame.lease_ids.iter().map(|lease| renewed(*lease, state));
            Ok(pb::KeepAliveResponse {
                header: Some(header.clone()),
                frame: frame.frame,
                renewed: renewed.filter(|_| failure.is_empty()).collect(),
                failure: failure.to_owned(),
            })
        };
        let idle = || Err(Reason::Idle.status("nothing has come for a while"));
        match beat {
            Beat::Live => (vec![says(1, "")], ControlFlow::Continue(())),
            Beat::Revived => (vec![says(2, "")], ControlFlow::Continue(())),
            Beat::Unknown => (vec![says(3, "")], ControlFlow::Continue(())),
            Beat::Fail(reason) => (vec![says(0, reason.word())], ControlFlow::Continue(())),
            Beat::Ignore => (Vec::new(), ControlFlow::Continue(())),
            Beat::HangUp => (Vec::new(), ControlFlow::Break(())),
            Beat::LiveThenIdle => (vec![says(1, ""), idle()], ControlFlow::Break(())),
            Beat::Idle => (vec![idle()], ControlFlow::Break(())),
        }
    }

    /// Waits until this is so of the frames.
    pub(crate) async fn until(&self, is_so: impl FnMut(&Vec<Vec<u64>>) -> bool) -> Vec<Vec<u64>> {
        until(&self.frames, is_so).await
    }
}

/// Waits until this is so of what is told, and fails if it does not come to pass.
pub(crate) async fn until<T: Clone>(told: &watch::Sender<T>, is_so: impl FnMut(&T) -> bool) -> T {
    let mut told = told.subscribe();
    let waiting = tokio::time::timeout(Duration::from_secs(20), told.wait_for(is_so));
    waiting.await.expect("it comes to pass in time").unwrap().clone()
}

fn renewed(lease_id: u64, state: i32) -> pb::Renewed {
    pb::Renewed {
        lease_id,
        state,
        ttl_ms: 0,
        // As soon as a holder does it.
        renew_after_ms: 0,
    }
}

/// The first lease that a scripted member grants; the others are those behind it.
pub(crate) const LEASE: u64 = 5;

// === impl Members ===

impl Members {
    /// Starts a member of cluster 7 that does these deeds first.
    pub(crate) fn start(&mut self, deeds: &[Deed]) -> (DoorAddress, Arc<Script>) {
        self.start_in(7, deeds)
    }

    pub(crate) fn start_in(&mut self, cluster: u128, deeds: &[Deed]) -> (DoorAddress, Arc<Script>) {
        let (address, listener) = listener();
        let script = Arc::new(Script {
            header: Arc::new(Mutex::new(header(cluster))),
            deeds: Mutex::new(deeds.iter().copied().collect()),
            ..Script::default()
        });
        let mut stopping = self.stopping.subscribe();
        let serving = Server::builder()
            .add_service(ClusterServer::from_arc(Arc::clone(&script)))
            .add_service(OperatorServer::from_arc(Arc::clone(&script)))
            .add_service(RegistryServer::from_arc(Arc::clone(&script)))
            .add_service(LeasesServer::from_arc(Arc::clone(&script)))
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async move {
                let _stopped = stopping.wait_for(|stopping| *stopping).await;
            });
        self.tasks.spawn(async move { serving.await.unwrap() });
        (address, script)
    }

    /// Stops them all and waits until their connections are closed.
    pub(crate) async fn stop(self) {
        self.stopping.send_replace(true);
        self.tasks.join_all().await;
    }

    /// A member that takes every request and breaks the connection.
    pub(crate) fn start_hanging_up(&mut self) -> DoorAddress {
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

/// What an answer of the first member of a cluster begins with.
pub(crate) fn header(cluster: u128) -> ResponseHeader {
    ResponseHeader {
        cluster_id: format!("{cluster:032x}"),
        member_id: 1,
        ..ResponseHeader::default()
    }
}

/// A door behind which nobody listens.
pub(crate) fn closed_door() -> DoorAddress {
    listener().0
}

fn listener() -> (DoorAddress, tokio::net::TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = DoorAddress::try_from(listener.local_addr().unwrap()).unwrap();
    (address, tokio::net::TcpListener::from_std(listener).unwrap())
}

/// What an item of a batch came to: done, unless it failed for a reason.
fn outcome(failure: Option<Reason>) -> ItemOutcome {
    let outcome = match failure {
        None => item_outcome::Outcome::Done(Done {
            revision: 9,
            ..Default::default()
        }),
        Some(reason) => item_outcome::Outcome::Failed(Failed {
            reason: reason.word().to_owned(),
            message: "no".to_owned(),
        }),
    };
    ItemOutcome { outcome: Some(outcome) }
}

/// A registration of no particular content.
pub(crate) fn registration() -> RegisterOptions {
    let endpoint = Endpoint {
        address: "10.0.0.1".parse().unwrap(),
        port: 80_u16.try_into().unwrap(),
        protocol: None,
    };
    InstanceSpec::new(SpecParts::new(endpoint.into())).unwrap().into()
}
