//! Members that do what a test tells them.

use std::{
    collections::VecDeque,
    net::TcpListener,
    sync::{Arc, Mutex},
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
use tokio::{io::AsyncReadExt as _, sync::watch, task::JoinSet};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, metadata::MetadataMap, transport::Server};

use crate::Registration;

/// What a member does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Deed {
    Answer,
    /// Answers what no version of the contract allows.
    Babble,
    Refuse(Reason),
    Hang,
}

/// A member that does what it is told, request by request, and answers all others.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) deeds: Mutex<VecDeque<Deed>>,
    /// What its answers begin with.
    pub(crate) header: Mutex<ResponseHeader>,
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
        get_service_settings GetServiceSettingsRequest GetServiceSettingsResponse;
    }
}

#[tonic::async_trait]
impl Registry for Script {
    async fn register(&self, request: Request<pb::RegisterRequest>) -> Result<Response<pb::RegisterResponse>, Status> {
        self.registrations.lock().unwrap().push(request.get_ref().clone());
        let header = self.act(request.metadata()).await?;
        Ok(Response::new(pb::RegisterResponse {
            header,
            generation: 1,
            change: 1,
        }))
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
        update UpdateRequest UpdateResponse,
        deregister DeregisterRequest DeregisterResponse,
        set_availability SetAvailabilityRequest SetAvailabilityResponse,
        get_instance GetInstanceRequest GetInstanceResponse,
        resolve ResolveRequest ResolveResponse,
        pick PickRequest PickResponse,
        list_instances ListInstancesRequest ListInstancesResponse;
    }
}

#[tonic::async_trait]
impl Leases for Script {
    async fn grant_lease(
        &self,
        request: Request<pb::GrantLeaseRequest>,
    ) -> Result<Response<pb::GrantLeaseResponse>, Status> {
        self.incarnations.lock().unwrap().push(request.get_ref().incarnation);
        let header = self.act(request.metadata()).await?;
        Ok(Response::new(pb::GrantLeaseResponse {
            header,
            lease_id: LEASE,
            ttl_ms: 15_000,
            created: true,
        }))
    }

    async fn revoke_lease(
        &self,
        request: Request<pb::RevokeLeaseRequest>,
    ) -> Result<Response<pb::RevokeLeaseResponse>, Status> {
        assert_eq!(request.get_ref().lease_id, LEASE);
        let header = self.act(request.metadata()).await?;
        Ok(Response::new(pb::RevokeLeaseResponse { header, existed: true }))
    }

    unscripted! {
        pb:
        get_lease GetLeaseRequest GetLeaseResponse;
    }
}

/// The lease that a scripted member grants.
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
            header: Mutex::new(header(cluster)),
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
pub(crate) fn registration() -> Registration {
    let endpoint = Endpoint {
        address: "10.0.0.1".parse().unwrap(),
        port: 80_u16.try_into().unwrap(),
        protocol: None,
    };
    InstanceSpec::new(SpecParts::new(endpoint.into())).unwrap().into()
}
