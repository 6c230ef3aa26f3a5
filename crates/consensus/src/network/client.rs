//! The sending side of raft: one client per peer and purpose.

use std::{fmt, io, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _, TryStreamExt as _, future, stream};
use openraft::{
    OptionalSend,
    base::{BoxFuture, BoxStream},
    errors::{RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{RPCOption, RaftNetworkFactory, RaftNetworkV2},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError, StreamAppendResult,
        TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
    },
};
use quorate_model::Identity;
use quorate_proto::peer as pb;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::{
    Connector, MESSAGE_LEN_MAX, channel,
    identity::{Introduce, Introduced},
    in_flight::InFlight,
    wire,
};
use crate::{
    memory::{Acknowledged, PeerMemory},
    snapshot::{Snapshot, SnapshotData},
    type_config::{LeaderId, MemberInfo, TypeConfig, Vote},
};

/// How long a request of a replication stream may stay unanswered. A follower answers after its disk has
/// synced, so this bounds the slowest disk that is still waited for; the entries are sent again afterwards.
const REPLICATION_STALL_LIMIT: Duration = Duration::from_secs(5);

type RaftClient = pb::raft_client::RaftClient<Introduced>;

/// Makes the clients that raft asks for, one for each peer and purpose, so that a snapshot or a slow disk
/// never delays a heartbeat.
#[derive(Debug, Clone)]
pub(crate) struct PeerNetwork {
    identity: Identity,
    connector: Arc<dyn Connector>,
    memory: PeerMemory,
    heartbeat_stall_limit: Duration,
}

/// Raft's client of one peer, for one purpose.
///
/// It notes what the peer acknowledges, and has nothing to do any more with one that has lost some of it.
pub(crate) struct PeerClient {
    target: u64,
    client: RaftClient,
    memory: PeerMemory,
    stall_limit: Duration,
    reports: Reports,
}

/// A peer that is refused.
#[derive(Debug, thiserror::Error)]
#[error("member {0} has lost log entries that it had acknowledged")]
struct EntriesLost(u64);

/// Whether a client tells the operator that its peer is gone or back. One per peer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reports {
    Nothing,
    /// The last that was told: whether the peer answers. A peer is taken to answer until it does not.
    Reachability(bool),
}

// === impl PeerNetwork ===

impl PeerNetwork {
    /// A network in which this member is `identity`. A heartbeat that is not answered within
    /// `heartbeat_stall_limit` is given up.
    pub(crate) fn new(
        identity: Identity,
        connector: Arc<dyn Connector>,
        memory: PeerMemory,
        heartbeat_stall_limit: Duration,
    ) -> Self {
        Self {
            identity,
            connector,
            memory,
            heartbeat_stall_limit,
        }
    }

    fn client(&self, target: u64, info: &MemberInfo, stall_limit: Duration, reports: Reports) -> PeerClient {
        let channel = channel::open(&self.connector, &info.peer_address);
        let client = RaftClient::new(Introduced::new(channel, Introduce::new(self.identity, target)))
            .max_decoding_message_size(MESSAGE_LEN_MAX)
            .max_encoding_message_size(MESSAGE_LEN_MAX);
        PeerClient {
            target,
            client,
            memory: self.memory.clone(),
            stall_limit,
            reports,
        }
    }
}

impl RaftNetworkFactory<TypeConfig> for PeerNetwork {
    type Network = PeerClient;

    async fn new_client(&mut self, target: u64, info: &MemberInfo) -> PeerClient {
        self.client(target, info, REPLICATION_STALL_LIMIT, Reports::Nothing)
    }

    async fn new_heartbeat_client(&mut self, target: u64, info: &MemberInfo) -> PeerClient {
        self.client(target, info, self.heartbeat_stall_limit, Reports::Reachability(true))
    }
}

// === impl PeerClient ===

impl fmt::Debug for PeerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerClient")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl PeerClient {
    /// Waits for the answer of a single call, at most for the time that raft gives it.
    async fn unary<T, E>(
        &self,
        option: &RPCOption,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
        parse: impl FnOnce(T) -> Result<E, wire::Malformed>,
    ) -> Result<E, RPCError<TypeConfig>> {
        self.check_trusted()?;
        let answered = timeout(option.hard_ttl(), call).await.map_err(|_| self.stalled())?;
        let response = answered.map_err(|status| unreachable(&status))?;
        Ok(parse(response.into_inner()).map_err(|error| unreachable(&error))?)
    }

    /// Sends requests as they come, and gives the answers in the same order.
    ///
    /// Connects when there is a first request. Raft backs off from a dead peer by holding its requests back:
    /// to connect before that would be to knock without pause.
    async fn exchange<S>(
        &mut self,
        mut input: S,
    ) -> Result<impl Stream<Item = Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>, RPCError<TypeConfig>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        let answers = match input.next().await {
            Some(first) => {
                // All requests of a stream are of one leadership.
                let leadership = first.vote.leader_id;
                Some(self.open(leadership, stream::iter([first]).chain(input)).await?)
            }
            None => None,
        };
        Ok(stream::try_unfold(answers, |answers| async move {
            let Some(mut answers) = answers else { return Ok(None) };
            Ok(answers.next().await?.map(|answer| (answer, Some(answers))))
        }))
    }

    async fn open<S>(&mut self, leadership: LeaderId, requests: S) -> Result<Answers<'_>, RPCError<TypeConfig>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        self.check_trusted()?;
        let in_flight = Arc::new(InFlight::default());
        let sent = Arc::clone(&in_flight);
        let requests = requests.map(move |request| {
            sent.note(&request);
            wire::append_to_wire(request)
        });
        let opened = match timeout(self.stall_limit, self.client.append(requests)).await {
            Ok(opened) => opened,
            Err(_) => Err(Status::deadline_exceeded("it does not answer in time")),
        };
        self.report(opened.as_ref().err());
        let response = opened.map_err(|status| unreachable(&status))?;
        Ok(Answers {
            peer: self,
            leadership,
            responses: response.into_inner(),
            in_flight,
        })
    }

    fn report(&mut self, problem: Option<&Status>) {
        let Reports::Reachability(answers) = &mut self.reports else {
            return;
        };
        match (std::mem::replace(answers, problem.is_none()), problem) {
            (true, Some(status)) => {
                tracing::warn!(
                    member = self.target,
                    problem = channel::describe(status),
                    "a member does not answer"
                );
            }
            (false, None) => tracing::info!(member = self.target, "a member answers again"),
            (true, None) | (false, Some(_)) => {}
        }
    }

    fn check_trusted(&self) -> Result<(), Unreachable<TypeConfig>> {
        if self.memory.has_lost(self.target) {
            return Err(unreachable(&EntriesLost(self.target)));
        }
        Ok(())
    }

    /// An answer to a request for a vote, if it counts: see [`PeerMemory::note_grant`].
    fn counted(
        &self,
        before: Option<Acknowledged>,
        response: VoteResponse<TypeConfig>,
        following: Option<u64>,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let counts = |last| self.memory.note_grant(self.target, before, last, following);
        if response.vote_granted && !counts(response.last_log_id) {
            return Err(unreachable(&EntriesLost(self.target)).into());
        }
        Ok(response)
    }

    fn stalled(&self) -> Unreachable<TypeConfig> {
        let message = format!("member {} does not answer", self.target);
        unreachable(&io::Error::new(io::ErrorKind::TimedOut, message))
    }
}

/// Raft backs off from an unreachable peer, and retries at once what failed otherwise: failures here are
/// of the kind that do not go away at once.
fn unreachable<E: std::error::Error + 'static>(error: &E) -> Unreachable<TypeConfig> {
    Unreachable::new(error)
}

impl RaftNetworkV2<TypeConfig> for PeerClient {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let mut responses = self.stream_append(Box::pin(stream::iter([request])), option).await?;
        match responses.next().await {
            Some(result) => result.map(AppendEntriesResponse::from),
            None => Err(unreachable(&io::Error::from(io::ErrorKind::UnexpectedEof)).into()),
        }
    }

    fn stream_append<S>(
        &mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        '_,
        Result<BoxStream<'_, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>, RPCError<TypeConfig>>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(future::ok(stream::once(self.exchange(input)).try_flatten().boxed()))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let before = self.memory.recall(self.target);
        let mut client = self.client.clone();
        let call = client.vote(wire::vote_request_to_wire(&request));
        let response = self.unary(&option, call, wire::vote_response_from_wire).await?;
        // Its vote is the one that it was asked for by now, and does not say whom it followed before.
        self.counted(before, response, None)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let before = self.memory.recall(self.target);
        let mut client = self.client.clone();
        let call = client.pre_vote(wire::vote_request_to_wire(&request));
        let response = self.unary(&option, call, wire::vote_response_from_wire).await?;
        // A vote that is not committed is for no leader: a mere candidate has nobody remove anything.
        let following = response.vote.committed.then_some(response.vote.leader_id.term);
        self.counted(before, response, following)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let (leadership, last_log_id) = (vote.leader_id, snapshot.meta.last_log_id);
        let header = pb::install_snapshot_request::Part::Header(pb::install_snapshot_request::SnapshotHeader {
            vote: Some(wire::vote_to_wire(&vote)),
            chunk_count: snapshot.snapshot.chunk_count(),
        });
        // A chunk that cannot be read ends the stream early; the receiver counts chunks and refuses.
        let chunks = snapshot.snapshot.into_chunks();
        let chunks = chunks.inspect_err(|error| tracing::error!(%error, "a snapshot cannot be read to be sent"));
        let chunks = chunks
            .take_while(|chunk| future::ready(chunk.is_ok()))
            .filter_map(|chunk| future::ready(chunk.ok().map(pb::install_snapshot_request::Part::Chunk)));
        let parts = stream::iter([header])
            .chain(chunks)
            .map(|part| pb::InstallSnapshotRequest { part: Some(part) });
        let mut client = self.client.clone();
        let call = self.unary(&option, client.install_snapshot(parts), |response| {
            wire::vote_from_wire(response.vote)
        });
        let answered = tokio::select! {
            biased;
            closed = cancel => return Err(closed.into()),
            answered = call => answered?,
        };
        if let Some(log_id) = last_log_id.filter(|_| answered == vote) {
            self.memory.note(self.target, leadership, log_id);
        }
        Ok(SnapshotResponse::new(answered))
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let mut client = self.client.clone();
        let call = client.transfer_leader(wire::transfer_to_wire(&request));
        self.unary(&option, call, wire::transfer_result_from_wire).await
    }
}

/// The answers to a replication stream, in the order of its requests.
struct Answers<'a> {
    peer: &'a PeerClient,
    leadership: LeaderId,
    responses: Streaming<pb::AppendResponse>,
    in_flight: Arc<InFlight>,
}

// === impl Answers ===

impl Answers<'_> {
    /// The next answer. Waits for ever while nothing is owed, and no longer than the stall limit otherwise.
    async fn next(&mut self) -> Result<Option<StreamAppendResult<TypeConfig>>, RPCError<TypeConfig>> {
        loop {
            let response = match timeout(self.peer.stall_limit, self.responses.message()).await {
                Ok(answered) => answered.map_err(|status| unreachable(&status))?,
                Err(_) if self.in_flight.is_empty() => continue,
                Err(_) => return Err(self.peer.stalled().into()),
            };
            let Some(response) = response else { return Ok(None) };
            let result = wire::append_result_from_wire(response).map_err(|error| unreachable(&error))?;
            self.remember(&result);
            if !self.in_flight.is_withheld(&result) {
                return Ok(Some(result));
            }
        }
    }

    /// Raft gets to know of a conflict in any case: what the peer had acknowledged then counts no more.
    fn remember(&self, result: &StreamAppendResult<TypeConfig>) {
        let (memory, target) = (&self.peer.memory, self.peer.target);
        match result {
            Ok(Some(log_id)) => memory.note(target, self.leadership, *log_id),
            Err(StreamAppendError::Conflict(at)) => memory.note_conflict(target, self.leadership, at.index),
            Ok(None) | Err(StreamAppendError::HigherVote(_)) => {}
        }
    }
}
