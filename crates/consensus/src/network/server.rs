//! The receiving side of the peer network.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt as _, TryStreamExt as _,
    future::{self, BoxFuture},
};
use quorate_model::{JoinNonce, MemberId};
use quorate_proto::peer as pb;
use tokio::{sync::Semaphore, time::timeout};
use tonic::{
    Request, Response, Status, Streaming,
    service::{Routes, interceptor::InterceptedService},
};

use super::{
    Applicant, MESSAGE_LEN_MAX, Members,
    identity::{self, CheckIdentity},
    members::{self, MembersDoor},
    recall::add_acknowledged,
    renewals::{Renewals, RenewalsDoor},
    wire,
};
use crate::{
    error::{ProposeError, ReadIndexError},
    handle::Consensus,
};

/// How long a leader tries to confirm a read for a follower, which gives up by itself before that.
const READ_INDEX_TIMEOUT: Duration = Duration::from_secs(5);

/// Snapshots that are received at a time. Who is refused tries again, if it still leads.
const SNAPSHOTS_RECEIVED_MAX: usize = 1;

/// How long a quorum may take to confirm that a member was removed.
const REMOVED_MAX: Duration = Duration::from_secs(1);

/// Lets processes become members. Implemented by the application, which decides.
pub trait Joining: Send + Sync + 'static {
    /// Makes `applicant` a member and answers its id; the same nonce gets the same id.
    fn admit(&self, applicant: Applicant) -> BoxFuture<'static, Result<MemberId, JoinError>>;
}

/// A process was not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Not now; the applicant asks again.
    #[error("{0}")]
    Retry(String),
    /// Not like this; somebody has to change something.
    #[error("{0}")]
    Refused(String),
}

/// What a member answers its peers, to be served at its peer door.
pub fn peer_routes(
    consensus: Consensus,
    joining: Arc<dyn Joining>,
    members: Arc<dyn Members>,
    renewals: Arc<dyn Renewals>,
) -> Routes {
    use pb::{
        forward_server::ForwardServer, joining_server::JoiningServer, members_server::MembersServer,
        raft_server::RaftServer, renewals_server::RenewalsServer,
    };
    let check = CheckIdentity::new(consensus.identity());
    let peers = Peers {
        consensus: consensus.clone(),
        receiving: Arc::new(Semaphore::new(SNAPSHOTS_RECEIVED_MAX)),
    };
    let raft = RaftServer::new(peers.clone())
        .max_decoding_message_size(MESSAGE_LEN_MAX)
        .max_encoding_message_size(MESSAGE_LEN_MAX);
    let forward = ForwardServer::new(peers);
    let change = MembersServer::new(MembersDoor::new(Arc::clone(&members)));
    let renewals = RenewalsServer::new(RenewalsDoor::new(renewals))
        .max_decoding_message_size(MESSAGE_LEN_MAX)
        .max_encoding_message_size(MESSAGE_LEN_MAX);
    let entrance = Entrance {
        consensus,
        joining,
        members,
    };
    Routes::default()
        .add_service(InterceptedService::new(raft, check.clone()))
        .add_service(InterceptedService::new(forward, check.clone()))
        .add_service(InterceptedService::new(change, check.clone()))
        .add_service(InterceptedService::new(renewals, check))
        .add_service(JoiningServer::new(entrance))
}

/// Answers members.
#[derive(Clone)]
struct Peers {
    consensus: Consensus,
    /// Room for snapshots that arrive.
    receiving: Arc<Semaphore>,
}

/// Answers processes that are no members yet, or may be none any more.
struct Entrance {
    consensus: Consensus,
    joining: Arc<dyn Joining>,
    members: Arc<dyn Members>,
}

fn unavailable(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

// === impl Peers ===

#[tonic::async_trait]
impl pb::raft_server::Raft for Peers {
    type AppendStream = Pin<Box<dyn Stream<Item = Result<pb::AppendResponse, Status>> + Send>>;

    async fn append(
        &self,
        request: Request<Streaming<pb::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        // A broken or malformed request ends the stream; the leader notices and starts another.
        let requests = request
            .into_inner()
            .map(|request| Ok(wire::append_from_wire(request?)?));
        let requests = requests.inspect_err(|status: &Status| tracing::debug!(%status, "a replication stream broke"));
        let requests = requests.take_while(|request| future::ready(request.is_ok()));
        let requests = requests.filter_map(|request| future::ready(request.ok()));
        let results = self.consensus.raft().stream_append(requests);
        let responses = results.map(|result| result.as_ref().map(wire::append_result_to_wire).map_err(unavailable));
        Ok(Response::new(responses.boxed()))
    }

    async fn vote(&self, request: Request<pb::VoteRequest>) -> Result<Response<pb::VoteResponse>, Status> {
        let request = wire::vote_request_from_wire(request.into_inner())?;
        let response = self.consensus.raft().vote(request).await.map_err(unavailable)?;
        Ok(Response::new(wire::vote_response_to_wire(&response)))
    }

    async fn pre_vote(&self, request: Request<pb::VoteRequest>) -> Result<Response<pb::VoteResponse>, Status> {
        let request = wire::vote_request_from_wire(request.into_inner())?;
        let response = self.consensus.raft().pre_vote(request).await.map_err(unavailable)?;
        Ok(Response::new(wire::vote_response_to_wire(&response)))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<pb::InstallSnapshotRequest>>,
    ) -> Result<Response<pb::InstallSnapshotResponse>, Status> {
        // Each is decoded while it arrives: two would take twice the memory, and only one can be of use.
        let receiving = self.receiving.try_acquire();
        let _receiving = receiving.map_err(|_| Status::unavailable("another snapshot is being received"))?;
        let mut parts = request.into_inner();
        let Some(pb::install_snapshot_request::Part::Header(header)) = next_part(&mut parts).await? else {
            return Err(Status::invalid_argument("a snapshot begins with its header"));
        };
        let vote = wire::vote_from_wire(header.vote)?;
        let mut receiver = self.consensus.snapshots().receive();
        let mut chunk_count = 0;
        while let Some(part) = next_part(&mut parts).await? {
            let pb::install_snapshot_request::Part::Chunk(chunk) = part else {
                return Err(Status::invalid_argument("a snapshot has one header"));
            };
            receiver
                .push(chunk)
                .await
                .map_err(|error| Status::data_loss(error.to_string()))?;
            chunk_count += 1;
        }
        if chunk_count != header.chunk_count {
            let expected = header.chunk_count;
            return Err(Status::data_loss(format!("{chunk_count} of {expected} chunks arrived")));
        }
        let snapshot = receiver
            .finish(self.consensus.identity().cluster_id, &vote)
            .map_err(|error| Status::data_loss(error.to_string()))?;
        let installed = self.consensus.raft().install_full_snapshot(vote, snapshot).await;
        let response = installed.map_err(unavailable)?;
        Ok(Response::new(pb::InstallSnapshotResponse {
            vote: Some(wire::vote_to_wire(&response.vote)),
        }))
    }

    async fn transfer_leader(
        &self,
        request: Request<pb::TransferLeaderRequest>,
    ) -> Result<Response<pb::TransferLeaderResponse>, Status> {
        let request = wire::transfer_from_wire(request.into_inner())?;
        let result = self
            .consensus
            .raft()
            .handle_transfer_leader(request)
            .await
            .map_err(unavailable)?;
        Ok(Response::new(wire::transfer_result_to_wire(&result)))
    }
}

async fn next_part(
    parts: &mut Streaming<pb::InstallSnapshotRequest>,
) -> Result<Option<pb::install_snapshot_request::Part>, Status> {
    match parts.message().await? {
        Some(message) => {
            let empty = || Status::invalid_argument("an empty part of a snapshot");
            message.part.map(Some).ok_or_else(empty)
        }
        None => Ok(None),
    }
}

#[tonic::async_trait]
impl pb::forward_server::Forward for Peers {
    async fn propose(&self, request: Request<pb::ProposeRequest>) -> Result<Response<pb::ProposeResponse>, Status> {
        use pb::propose_response::{Applied, Result, TimedOut};
        let request = request.into_inner();
        let time_left = Duration::from_millis(request.timeout_ms.into());
        let result = match self.consensus.propose_here(request.command, time_left).await {
            Ok(applied) => {
                // The command took effect: that its outcome cannot be told leaves the caller in the dark.
                match applied.outcome.encode() {
                    Ok(outcome) => Result::Applied(Applied {
                        outcome,
                        revision: applied.revision.get(),
                    }),
                    Err(error) => Result::Unknown(format!("its outcome cannot be told: {error}")),
                }
            }
            Err(ProposeError::NotLeader(leader)) => Result::NotLeader(not_leader(leader)),
            Err(ProposeError::Refused(problem)) => Result::Refused(problem),
            Err(ProposeError::OutcomeUnknown(problem)) => Result::Unknown(problem),
            Err(ProposeError::TimedOut) => Result::TimedOut(TimedOut {}),
            Err(ProposeError::ReadOnly(reason)) => Result::ReadOnly(reason),
        };
        Ok(Response::new(pb::ProposeResponse { result: Some(result) }))
    }

    async fn read_index(
        &self,
        request: Request<pb::ReadIndexRequest>,
    ) -> Result<Response<pb::ReadIndexResponse>, Status> {
        use pb::read_index_response::{Confirmed, Result};
        if let Some(sender) = identity::sender(request.metadata()) {
            self.consensus
                .note_disk_report(sender, &request.get_ref().short_of_disk);
        }
        let result = match self.consensus.read_index_here(READ_INDEX_TIMEOUT).await {
            Ok(index) => Result::Confirmed(Confirmed {
                log_index: index.get(),
                read_only: self.consensus.read_only().unwrap_or_default(),
            }),
            Err(ReadIndexError::NotLeader(leader)) => Result::NotLeader(not_leader(leader)),
            Err(ReadIndexError::Unconfirmed(problem)) => Result::Unconfirmed(problem),
        };
        Ok(Response::new(pb::ReadIndexResponse { result: Some(result) }))
    }
}

fn not_leader(leader: Option<MemberId>) -> pb::NotLeader {
    pb::NotLeader {
        leader_id: leader.map(MemberId::get),
    }
}

// === impl Entrance ===

#[tonic::async_trait]
impl pb::joining_server::Joining for Entrance {
    async fn identify(&self, _request: Request<pb::IdentifyRequest>) -> Result<Response<pb::IdentifyResponse>, Status> {
        let identity = self.consensus.identity();
        let cluster_id = identity.cluster_id.to_string();
        Ok(Response::new(pb::IdentifyResponse {
            cluster_id,
            member_id: identity.member_id.get(),
        }))
    }

    async fn join(&self, request: Request<pb::JoinRequest>) -> Result<Response<pb::JoinResponse>, Status> {
        let applicant = applicant(&request.into_inner())?;
        let member_id = self.joining.admit(applicant).await.map_err(|error| match &error {
            JoinError::Retry(problem) => Status::unavailable(problem),
            JoinError::Refused(problem) => Status::failed_precondition(problem),
        })?;
        let cluster_id = self.consensus.identity().cluster_id.to_string();
        Ok(Response::new(pb::JoinResponse {
            cluster_id,
            member_id: member_id.get(),
        }))
    }

    async fn recall(&self, request: Request<pb::RecallRequest>) -> Result<Response<pb::RecallResponse>, Status> {
        let request = request.into_inner();
        // What is remembered must not wait for a quorum, which may not exist before the asker is back.
        let removed = members::is_removed(&*self.members, self.consensus.identity(), &request);
        let removed = timeout(REMOVED_MAX, removed).await.unwrap_or(Ok(false))?;
        let mut response = pb::RecallResponse {
            removed,
            ..pb::RecallResponse::default()
        };
        add_acknowledged(&mut response, self.consensus.memory(), request.member_id);
        Ok(Response::new(response))
    }
}

fn applicant(request: &pb::JoinRequest) -> Result<Applicant, Status> {
    let nonce = <[u8; 16]>::try_from(request.nonce.as_ref())
        .map_err(|_| Status::invalid_argument("the nonce of a join has 16 bytes"))?;
    let calling = wire::calling_from_wire(request.promote, request.replaces);
    let info = wire::member_info(&request.peer_address, &request.client_address, calling)?;
    Ok(Applicant {
        nonce: JoinNonce::new(u128::from_be_bytes(nonce)),
        info,
        quota: request.quota,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;
    use quorate_fuzz::Fuzz;

    use super::*;
    use crate::network::forward::join_request;

    #[test]
    fn hostile_applicants_are_refused() {
        let applicants = (any::<u128>(), 1..=u16::MAX, any::<bool>(), 0..3_u64, any::<u32>());
        let applicants = applicants.prop_map(|(nonce, port, promote, replaces, quota)| {
            let calling = wire::calling_from_wire(promote, replaces);
            Applicant {
                nonce: JoinNonce::new(nonce),
                info: wire::member_info(&format!("10.0.0.1:{port}"), "db.example:7300", calling).unwrap(),
                quota,
            }
        });
        let encode = |asking: Applicant| join_request(&asking).encode_to_vec();
        Fuzz::new("applicant", applicants.prop_map(encode))
            .round_trips(|bytes| applicant(&pb::JoinRequest::decode(bytes).ok()?).ok(), encode);
    }
}
