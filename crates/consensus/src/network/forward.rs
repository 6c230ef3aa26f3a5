//! What members ask of each other besides raft: to propose a command, to confirm a read, to be let in.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use quorate_model::{ClusterId, DoorAddress, Identity, JoinNonce, LogIndex, MemberId, Revision};
use quorate_proto::peer as pb;
use quorate_state::Outcome;
use tokio::time::timeout;
use tonic::{Code, Status, transport::Channel};

use super::{
    Connector, MESSAGE_LEN_MAX, channel,
    identity::{Introduce, Introduced},
    wire,
};
use crate::{
    disk_reports::DiskReports,
    error::{ProposeError, ReadIndexError},
    type_config::{Applied, MemberInfo},
};

type ForwardClient = pb::forward_client::ForwardClient<Introduced>;
type MembersClient = pb::members_client::MembersClient<Introduced>;
type RenewalsClient = pb::renewals_client::RenewalsClient<Introduced>;

/// Connections to the peers for what clients want of them, apart from those of raft.
///
/// Holds two per member that has ever led: as many as there are members at most, for those that have left are dropped
/// whenever one is added.
pub(crate) struct Links {
    identity: Identity,
    connector: Arc<dyn Connector>,
    /// Held for a look-up, never across an await.
    channels: Mutex<BTreeMap<(u64, Lane), (DoorAddress, Channel)>>,
    belongs: Belongs,
}

/// What a connection is for: what is urgent does not wait behind what is large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    /// Writes, reads and changes of members.
    Requests,
    /// Renewals of leases.
    Renewals,
}

/// Whether a member belongs to the cluster, as far as is known here.
pub(crate) type Belongs = Box<dyn Fn(u64) -> bool + Send + Sync>;

/// A process that wants to become a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applicant {
    /// Its own random number: the same one gets the same member id, however often it asks.
    pub nonce: JoinNonce,
    /// Where it will be found.
    pub info: MemberInfo,
    /// How many more times a member that does not lead may pass the request on.
    pub quota: u32,
}

/// Why a process that is no member yet did not get an answer from a member.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody answers there, or not now: worth another try.
    #[error("{address} does not answer: {problem}")]
    Unreachable {
        /// Who was asked.
        address: DoorAddress,
        /// What happened.
        problem: String,
    },
    /// The member said no.
    #[error("{address} refuses: {problem}")]
    Refused {
        /// Who was asked.
        address: DoorAddress,
        /// The member's reason.
        problem: String,
    },
}

// === impl Links ===

impl Links {
    pub(crate) fn new(identity: Identity, connector: Arc<dyn Connector>, belongs: Belongs) -> Self {
        Self {
            identity,
            connector,
            channels: Mutex::default(),
            belongs,
        }
    }

    /// Has `leader` propose a command. It does not pass it on.
    pub(crate) async fn propose(
        &self,
        leader: u64,
        info: &MemberInfo,
        command: Bytes,
        time_left: Duration,
    ) -> Result<Applied, ProposeError> {
        let timeout_ms = u32::try_from(time_left.as_millis()).unwrap_or(u32::MAX);
        let request = pb::ProposeRequest { command, timeout_ms };
        let mut client = self.client(leader, info);
        let answered = timeout(time_left, client.propose(request)).await;
        let unknown = |problem: String| ProposeError::OutcomeUnknown(problem);
        let response = answered
            .map_err(|_| unknown(format!("leader {leader} did not answer in time")))?
            .map_err(|status| {
                if channel::never_connected(&status) {
                    // Nothing was sent: as safe to try again as if the peer had said that it does not lead.
                    return ProposeError::NotLeader(None);
                }
                unknown(format!("leader {leader}: {}", status.message()))
            })?;
        let result = response
            .into_inner()
            .result
            .ok_or_else(|| unknown("an empty answer".to_owned()))?;
        propose_result(result)
    }

    /// Asks `leader` for the index that a linearizable read has to wait for. The two tell each other whose disk is
    /// short.
    pub(crate) async fn read_index(
        &self,
        leader: u64,
        info: &MemberInfo,
        disk: &DiskReports,
        time_left: Duration,
    ) -> Result<LogIndex, ReadIndexError> {
        use pb::read_index_response::Result;
        let mut client = self.client(leader, info);
        let request = pb::ReadIndexRequest {
            short_of_disk: disk.own().unwrap_or_default(),
        };
        let answered = timeout(time_left, client.read_index(request)).await;
        let unconfirmed = |problem: &str| ReadIndexError::Unconfirmed(format!("leader {leader}: {problem}"));
        let response = answered
            .map_err(|_| unconfirmed("no answer in time"))?
            .map_err(|status| unconfirmed(status.message()))?;
        match response.into_inner().result {
            Some(Result::Confirmed(confirmed)) => {
                disk.note_leader(&confirmed.read_only);
                Ok(LogIndex::new(confirmed.log_index))
            }
            Some(Result::NotLeader(hint)) => Err(ReadIndexError::NotLeader(leader_hint(&hint))),
            Some(Result::Unconfirmed(problem)) => Err(unconfirmed(&problem)),
            None => Err(unconfirmed("an empty answer")),
        }
    }

    fn client(&self, target: u64, info: &MemberInfo) -> ForwardClient {
        let introduce = Introduce::new(self.identity, target);
        ForwardClient::new(Introduced::new(
            self.channel(target, Lane::Requests, &info.peer_address),
            introduce,
        ))
        .max_decoding_message_size(MESSAGE_LEN_MAX)
    }

    pub(super) fn members_client(&self, target: u64, info: &MemberInfo) -> MembersClient {
        let introduce = Introduce::new(self.identity, target);
        MembersClient::new(Introduced::new(
            self.channel(target, Lane::Requests, &info.peer_address),
            introduce,
        ))
    }

    pub(super) fn renewals_client(&self, target: u64, info: &MemberInfo) -> RenewalsClient {
        let introduce = Introduce::new(self.identity, target);
        RenewalsClient::new(Introduced::new(
            self.channel(target, Lane::Renewals, &info.peer_address),
            introduce,
        ))
        .max_decoding_message_size(MESSAGE_LEN_MAX)
        .max_encoding_message_size(MESSAGE_LEN_MAX)
    }

    fn channel(&self, target: u64, lane: Lane, address: &DoorAddress) -> Channel {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        match channels.get(&(target, lane)) {
            Some((known, channel)) if known == address => channel.clone(),
            _ => {
                let channel = channel::open(&self.connector, address);
                channels.retain(|(id, _), _| (self.belongs)(*id));
                channels.insert((target, lane), (address.clone(), channel.clone()));
                channel
            }
        }
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

fn propose_result(result: pb::propose_response::Result) -> Result<Applied, ProposeError> {
    use pb::propose_response::Result;
    match result {
        Result::Applied(applied) => {
            let outcome = Outcome::decode(&applied.outcome)
                .map_err(|error| ProposeError::OutcomeUnknown(format!("the outcome is not readable: {error}")))?;
            Ok(Applied {
                revision: Revision::new(applied.revision),
                outcome,
            })
        }
        Result::NotLeader(hint) => Err(ProposeError::NotLeader(leader_hint(&hint))),
        Result::Refused(problem) => Err(ProposeError::Refused(problem)),
        Result::Unknown(problem) => Err(ProposeError::OutcomeUnknown(problem)),
        Result::TimedOut(_) => Err(ProposeError::TimedOut),
        Result::ReadOnly(reason) => Err(ProposeError::ReadOnly(reason)),
    }
}

pub(super) fn leader_hint(hint: &pb::NotLeader) -> Option<MemberId> {
    hint.leader_id.and_then(|id| id.try_into().ok())
}

/// Asks who answers at `address`.
pub async fn identify(
    connector: &Arc<dyn Connector>,
    address: &DoorAddress,
    time_left: Duration,
) -> Result<Identity, AskError> {
    let mut client = joining_client(connector, address);
    let response = ask(address, time_left, client.identify(pb::IdentifyRequest {})).await?;
    identity(address, &response.cluster_id, response.member_id)
}

/// Asks the member at `address` to let `applicant` in, and answers who it is from now on.
pub async fn request_join(
    connector: &Arc<dyn Connector>,
    address: &DoorAddress,
    applicant: &Applicant,
    time_left: Duration,
) -> Result<Identity, AskError> {
    let mut client = joining_client(connector, address);
    let response = ask(address, time_left, client.join(join_request(applicant))).await?;
    identity(address, &response.cluster_id, response.member_id)
}

pub(super) fn join_request(applicant: &Applicant) -> pb::JoinRequest {
    let (promote, replaces) = wire::calling_to_wire(applicant.info.calling);
    pb::JoinRequest {
        nonce: Bytes::copy_from_slice(&applicant.nonce.get().to_be_bytes()),
        peer_address: applicant.info.peer_address.to_string(),
        client_address: applicant.info.client_address.to_string(),
        promote,
        replaces,
        quota: applicant.quota,
    }
}

pub(super) fn joining_client(
    connector: &Arc<dyn Connector>,
    address: &DoorAddress,
) -> pb::joining_client::JoiningClient<Channel> {
    pb::joining_client::JoiningClient::new(channel::open(connector, address))
}

pub(super) async fn ask<T>(
    address: &DoorAddress,
    time_left: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, AskError> {
    let unreachable = |problem: String| AskError::Unreachable {
        address: address.clone(),
        problem,
    };
    let answered = timeout(time_left, call)
        .await
        .map_err(|_| unreachable("no answer in time".to_owned()))?;
    answered.map(tonic::Response::into_inner).map_err(|status| {
        let refused = |problem: &str| AskError::Refused {
            address: address.clone(),
            problem: problem.to_owned(),
        };
        if matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument) {
            return refused(status.message());
        }
        if status.code() == Code::Unimplemented {
            return refused("it is not the peer door of a member; a client door, perhaps");
        }
        unreachable(channel::describe(&status))
    })
}

fn identity(address: &DoorAddress, cluster_id: &str, member_id: u64) -> Result<Identity, AskError> {
    let refused = |problem: String| AskError::Unreachable {
        address: address.clone(),
        problem,
    };
    let cluster_id: ClusterId = cluster_id.parse().map_err(|error| refused(format!("{error}")))?;
    let member_id: MemberId = member_id.try_into().map_err(|error| refused(format!("{error}")))?;
    Ok(Identity { cluster_id, member_id })
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures::future::{self, BoxFuture};
    use proptest::prelude::*;
    use prost::Message as _;
    use quorate_fuzz::Fuzz;

    use super::*;
    use crate::network::BoxIo;

    /// Reaches nobody.
    #[derive(Debug)]
    struct Nowhere;

    impl Connector for Nowhere {
        fn connect(&self, _: DoorAddress) -> BoxFuture<'static, io::Result<BoxIo>> {
            Box::pin(future::ready(Err(io::ErrorKind::ConnectionRefused.into())))
        }
    }

    #[tokio::test]
    async fn links_to_members_that_have_left_are_dropped_when_one_is_added() {
        let identity = Identity {
            cluster_id: ClusterId::new(7),
            member_id: MemberId::FIRST,
        };
        let members = Arc::new(Mutex::new(vec![2, 3]));
        let known = Arc::clone(&members);
        let belongs = Box::new(move |id| known.lock().unwrap().contains(&id));
        let links = Links::new(identity, Arc::new(Nowhere), belongs);
        let address = "127.0.0.1:7400".parse().unwrap();
        let linked = || -> Vec<u64> { links.channels.lock().unwrap().keys().map(|(id, _)| *id).collect() };
        for id in [2, 3] {
            links.channel(id, Lane::Requests, &address);
        }
        assert_eq!(linked(), [2, 3]);
        *members.lock().unwrap() = vec![3, 4];
        links.channel(3, Lane::Requests, &address);
        assert_eq!(linked(), [2, 3], "nothing is added");
        links.channel(4, Lane::Requests, &address);
        assert_eq!(linked(), [3, 4]);
    }

    #[test]
    fn hostile_answers_of_a_leader_are_refused() {
        use pb::propose_response::{Applied, Result};
        let outcomes = [Outcome::Founded, Outcome::MemberAllocated(MemberId::FIRST)];
        let applied = (any::<u64>(), proptest::sample::select(outcomes.to_vec())).prop_map(|(revision, outcome)| {
            let outcome = outcome.encode().unwrap();
            let result = Some(Result::Applied(Applied { outcome, revision }));
            pb::ProposeResponse { result }.encode_to_vec()
        });
        Fuzz::new("propose_result", applied).one_way(|bytes| {
            let result = pb::ProposeResponse::decode(bytes).ok().and_then(|answer| answer.result);
            result.is_some_and(|result| propose_result(result).is_ok())
        });
    }

    #[test]
    fn hostile_names_of_members_are_refused() {
        let address = "127.0.0.1:7400".parse().unwrap();
        let admitted = (any::<u128>(), 1..=u64::MAX).prop_map(|(cluster, member_id)| {
            let cluster_id = ClusterId::new(cluster).to_string();
            pb::JoinResponse { cluster_id, member_id }.encode_to_vec()
        });
        Fuzz::new("identity", admitted).round_trips(
            |bytes| {
                let answer = pb::JoinResponse::decode(bytes).ok()?;
                identity(&address, &answer.cluster_id, answer.member_id).ok()
            },
            |identity| {
                let (cluster_id, member_id) = (identity.cluster_id.to_string(), identity.member_id.get());
                pb::JoinResponse { cluster_id, member_id }.encode_to_vec()
            },
        );
    }
}
