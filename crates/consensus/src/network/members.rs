//! What members ask of their leader on behalf of operators: to change who belongs to the cluster and who leads it.
//! And what a member that hears nothing asks of the others: whether it still belongs to it.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use quorate_model::{DoorAddress, Identity, LogIndex, MemberId};
use quorate_proto::peer as pb;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::{AskError, Connector, Links, channel, forward, wire};
use crate::{
    error::ChangeError,
    handle::Consensus,
    status::{Member, MemberRole},
    type_config::MemberInfo,
};

/// What an operator wants of the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberRequest {
    /// Room for a node that has not started yet.
    Add(MemberInfo),
    /// A member is to go.
    Remove(MemberId),
    /// A member is to go, and another one to take its place.
    Replace {
        /// The one that goes.
        old: MemberId,
        /// The one that comes.
        new: MemberId,
    },
    /// A learner is to vote.
    Promote(MemberId),
    /// A voter is to be a learner.
    Demote(MemberId),
    /// Another voter is to lead: this one, or whichever has come furthest.
    TransferLeader(Option<MemberId>),
}

/// What a request of an operator came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberOutcome {
    /// The member that it was about: the new one, or the new leader.
    pub member_id: MemberId,
    /// Whether anything changed.
    pub changed: bool,
}

/// The members as the leader sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberList {
    /// In the order of their ids.
    pub members: Vec<Member>,
    /// The leader's last entry.
    pub last_log: LogIndex,
    /// Whether a change of the voters is half done.
    pub is_changing: bool,
}

/// Does what operators want of the members. Implemented by the application, which decides.
pub trait Members: Send + Sync + 'static {
    /// Carries out `request`, if this member leads.
    fn change(
        &self,
        request: MemberRequest,
        time_left: Duration,
    ) -> BoxFuture<'static, Result<MemberOutcome, ChangeError>>;

    /// The members, if this member leads; otherwise the leader, if it is known.
    fn list(&self) -> Result<MemberList, Option<MemberId>>;

    /// Whether a quorum confirms that `member_id` was a member and is none any more. A member that does not lead
    /// asks its leader, as long as `quota` is left.
    fn is_removed(&self, member_id: MemberId, quota: u32) -> BoxFuture<'static, bool>;
}

/// Answers what the leader is asked on behalf of operators.
pub(super) struct MembersDoor {
    members: Arc<dyn Members>,
}

// === impl MembersDoor ===

impl MembersDoor {
    pub(super) fn new(members: Arc<dyn Members>) -> Self {
        Self { members }
    }
}

#[tonic::async_trait]
impl pb::members_server::Members for MembersDoor {
    async fn change(
        &self,
        request: Request<pb::ChangeMembersRequest>,
    ) -> Result<Response<pb::ChangeMembersResponse>, Status> {
        use pb::change_members_response::{Done, NotFound, Result};
        let request = request.into_inner();
        let time_left = Duration::from_millis(request.timeout_ms.into());
        let result = match self.members.change(request_from_wire(&request)?, time_left).await {
            Ok(MemberOutcome { member_id, changed }) => Result::Done(Done {
                member_id: member_id.get(),
                changed,
            }),
            Err(ChangeError::NotLeader(leader)) => Result::NotLeader(not_leader(leader)),
            Err(ChangeError::Busy(problem)) => Result::Busy(problem),
            Err(ChangeError::Refused(problem)) => Result::Refused(problem),
            Err(ChangeError::OutcomeUnknown(problem)) => Result::Unknown(problem),
            Err(ChangeError::NotFound) => Result::NotFound(NotFound {}),
        };
        Ok(Response::new(pb::ChangeMembersResponse { result: Some(result) }))
    }

    async fn list(&self, _: Request<pb::ListMembersRequest>) -> Result<Response<pb::ListMembersResponse>, Status> {
        use pb::list_members_response::Result;
        let result = match self.members.list() {
            Ok(list) => Result::Listed(list_to_wire(&list)),
            Err(leader) => Result::NotLeader(not_leader(leader)),
        };
        Ok(Response::new(pb::ListMembersResponse { result: Some(result) }))
    }
}

fn not_leader(leader: Option<MemberId>) -> pb::NotLeader {
    pb::NotLeader {
        leader_id: leader.map(MemberId::get),
    }
}

// === impl Consensus ===

impl Consensus {
    /// Has `leader`, which is another member, carry out what an operator wants.
    pub async fn request_change(
        &self,
        leader: MemberId,
        request: &MemberRequest,
        time_left: Duration,
    ) -> Result<MemberOutcome, ChangeError> {
        match self.member(leader) {
            Some(member) => self.links().change(leader, &member.info, request, time_left).await,
            None => Err(ChangeError::NotLeader(None)),
        }
    }

    /// The members as `leader`, which is another member, sees them; or whom that one takes for the leader.
    pub async fn request_list(&self, leader: MemberId, time_left: Duration) -> Result<MemberList, Option<MemberId>> {
        let member = self.member(leader).ok_or(None)?;
        self.links().list(leader, &member.info, time_left).await
    }
}

// === impl Links ===

impl Links {
    async fn change(
        &self,
        leader: MemberId,
        info: &MemberInfo,
        request: &MemberRequest,
        time_left: Duration,
    ) -> Result<MemberOutcome, ChangeError> {
        let mut client = self.members_client(leader.get(), info);
        let answered = timeout(time_left, client.change(request_to_wire(request, time_left))).await;
        let unknown = |problem: String| ChangeError::OutcomeUnknown(problem);
        let response = answered
            .map_err(|_| unknown(format!("leader {leader} did not answer in time")))?
            .map_err(|status| {
                if channel::never_connected(&status) {
                    // Nothing was sent: as safe to try again as if the peer had said that it does not lead.
                    return ChangeError::NotLeader(None);
                }
                unknown(format!("leader {leader}: {}", status.message()))
            })?;
        outcome_from_wire(response.into_inner())
    }

    /// An answer that cannot be had or read counts as one of a member that does not lead.
    async fn list(
        &self,
        leader: MemberId,
        info: &MemberInfo,
        time_left: Duration,
    ) -> Result<MemberList, Option<MemberId>> {
        use pb::list_members_response::Result;
        let mut client = self.members_client(leader.get(), info);
        let answered = timeout(time_left, client.list(pb::ListMembersRequest {})).await;
        let response = answered.map_err(|_| None)?.map_err(|_| None)?;
        match response.into_inner().result {
            Some(Result::Listed(list)) => list_from_wire(&list).map_err(|error| {
                tracing::warn!(%leader, %error, "the leader's list of the members is not readable");
                None
            }),
            Some(Result::NotLeader(hint)) => Err(forward::leader_hint(&hint)),
            None => Err(None),
        }
    }
}

fn outcome_from_wire(response: pb::ChangeMembersResponse) -> Result<MemberOutcome, ChangeError> {
    use pb::change_members_response::Result;
    let unknown = |problem: String| ChangeError::OutcomeUnknown(problem);
    match response.result {
        Some(Result::Done(done)) => Ok(MemberOutcome {
            member_id: done.member_id.try_into().map_err(|error| unknown(format!("{error}")))?,
            changed: done.changed,
        }),
        Some(Result::NotLeader(hint)) => Err(ChangeError::NotLeader(forward::leader_hint(&hint))),
        Some(Result::Busy(problem)) => Err(ChangeError::Busy(problem)),
        Some(Result::Refused(problem)) => Err(ChangeError::Refused(problem)),
        Some(Result::Unknown(problem)) => Err(ChangeError::OutcomeUnknown(problem)),
        Some(Result::NotFound(_)) => Err(ChangeError::NotFound),
        None => Err(unknown("an empty answer".to_owned())),
    }
}

/// Answers a process that asks whether it is a member no more. One of another cluster never was one.
pub(super) async fn is_removed(
    members: &dyn Members,
    own: Identity,
    request: &pb::RecallRequest,
) -> Result<bool, Status> {
    let cluster_id = own.cluster_id.to_string();
    if request.cluster_id != cluster_id {
        let problem = format!(
            "this is a member of cluster {cluster_id}, not of {}",
            request.cluster_id
        );
        return Err(Status::failed_precondition(problem));
    }
    Ok(members.is_removed(member_id(request.member_id)?, request.quota).await)
}

/// Asks the member at `address` whether a quorum confirms that `own` is a member no more.
pub async fn ask_whether_removed(
    connector: &Arc<dyn Connector>,
    address: &DoorAddress,
    own: Identity,
    quota: u32,
    time_left: Duration,
) -> Result<bool, AskError> {
    let request = pb::RecallRequest {
        cluster_id: own.cluster_id.to_string(),
        member_id: own.member_id.get(),
        quota,
    };
    let mut client = forward::joining_client(connector, address);
    let response = forward::ask(address, time_left, client.recall(request)).await?;
    Ok(response.removed)
}

// --- messages ---

fn request_to_wire(request: &MemberRequest, time_left: Duration) -> pb::ChangeMembersRequest {
    use pb::change_members_request::{Add, Change, Replace};
    let change = match request {
        MemberRequest::Add(info) => Change::Add(Add {
            peer_address: info.peer_address.to_string(),
            client_address: info.client_address.to_string(),
            promote: wire::calling_to_wire(info.calling).0,
        }),
        MemberRequest::Remove(id) => Change::Remove(id.get()),
        MemberRequest::Replace { old, new } => Change::Replace(Replace {
            old_id: old.get(),
            new_id: new.get(),
        }),
        MemberRequest::Promote(id) => Change::Promote(id.get()),
        MemberRequest::Demote(id) => Change::Demote(id.get()),
        MemberRequest::TransferLeader(to) => Change::TransferLeader(to.map_or(0, MemberId::get)),
    };
    pb::ChangeMembersRequest {
        change: Some(change),
        // The answer takes time too: what the leader says in the last moment should still arrive.
        timeout_ms: u32::try_from((time_left * 9 / 10).as_millis()).unwrap_or(u32::MAX),
    }
}

fn request_from_wire(request: &pb::ChangeMembersRequest) -> Result<MemberRequest, Status> {
    use pb::change_members_request::Change;
    let change = request.change.as_ref();
    let change = change.ok_or_else(|| Status::invalid_argument("it is not said what to change"))?;
    Ok(match change {
        Change::Add(add) => {
            let calling = wire::calling_from_wire(add.promote, 0);
            MemberRequest::Add(wire::member_info(&add.peer_address, &add.client_address, calling)?)
        }
        Change::Remove(id) => MemberRequest::Remove(member_id(*id)?),
        Change::Replace(replace) => MemberRequest::Replace {
            old: member_id(replace.old_id)?,
            new: member_id(replace.new_id)?,
        },
        Change::Promote(id) => MemberRequest::Promote(member_id(*id)?),
        Change::Demote(id) => MemberRequest::Demote(member_id(*id)?),
        Change::TransferLeader(0) => MemberRequest::TransferLeader(None),
        Change::TransferLeader(to) => MemberRequest::TransferLeader(Some(member_id(*to)?)),
    })
}

fn member_id(id: u64) -> Result<MemberId, Status> {
    id.try_into()
        .map_err(|error| Status::invalid_argument(format!("{error}")))
}

fn list_to_wire(list: &MemberList) -> pb::list_members_response::Listed {
    pb::list_members_response::Listed {
        members: list.members.iter().map(seen_to_wire).collect(),
        last_log_index: list.last_log.get(),
        changing: list.is_changing,
    }
}

fn seen_to_wire(member: &Member) -> pb::list_members_response::Seen {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    pb::list_members_response::Seen {
        member: Some(wire::member_to_wire(member.id.get(), &member.info)),
        voter: match member.role {
            MemberRole::Voter => true,
            MemberRole::Learner => false,
        },
        matched_index: member.matched.map(LogIndex::get),
        last_heard_ms: member.last_heard.map(ms),
    }
}

fn list_from_wire(list: &pb::list_members_response::Listed) -> Result<MemberList, Status> {
    Ok(MemberList {
        members: list.members.iter().map(seen_from_wire).collect::<Result<_, _>>()?,
        last_log: LogIndex::new(list.last_log_index),
        is_changing: list.changing,
    })
}

fn seen_from_wire(seen: &pb::list_members_response::Seen) -> Result<Member, Status> {
    let member = seen.member.as_ref();
    let member = member.ok_or_else(|| Status::invalid_argument("it is not said who it is"))?;
    let (id, info) = wire::member_from_wire(member)?;
    Ok(Member {
        id: member_id(id)?,
        info,
        role: if seen.voter {
            MemberRole::Voter
        } else {
            MemberRole::Learner
        },
        matched: seen.matched_index.map(LogIndex::new),
        last_heard: seen.last_heard_ms.map(Duration::from_millis),
    })
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::type_config::Calling;

    fn id(id: u64) -> MemberId {
        id.try_into().unwrap()
    }

    fn info(calling: Calling) -> MemberInfo {
        wire::member_info("[::1]:7400", "db.example:7300", calling).unwrap()
    }

    #[test]
    fn what_is_wanted_arrives_as_it_was_sent() {
        let requests = [
            MemberRequest::Add(info(Calling::Voter)),
            MemberRequest::Add(info(Calling::Learner)),
            MemberRequest::Remove(id(1)),
            MemberRequest::Replace { old: id(1), new: id(2) },
            MemberRequest::Promote(id(3)),
            MemberRequest::Demote(id(4)),
            MemberRequest::TransferLeader(Some(id(5))),
            MemberRequest::TransferLeader(None),
        ];
        for request in requests {
            let sent = request_to_wire(&request, Duration::from_secs(1));
            assert_eq!(sent.timeout_ms, 900);
            assert_eq!(request_from_wire(&sent).unwrap(), request);
        }
    }

    #[test]
    fn a_request_that_names_nobody_is_refused() {
        use pb::change_members_request::{Change, Replace};
        let replace = Replace { old_id: 1, new_id: 0 };
        for change in [None, Some(Change::Remove(0)), Some(Change::Replace(replace))] {
            let request = pb::ChangeMembersRequest { change, timeout_ms: 1 };
            assert!(request_from_wire(&request).is_err(), "{request:?}");
        }
    }

    #[test]
    fn members_arrive_as_they_were_seen() {
        let member = |number, role, last_heard| Member {
            id: id(number),
            info: info(Calling::Successor(id(1))),
            role,
            matched: Some(LogIndex::new(7)),
            last_heard,
        };
        let list = MemberList {
            members: vec![
                member(2, MemberRole::Voter, None),
                member(3, MemberRole::Learner, Some(Duration::from_millis(5))),
            ],
            last_log: LogIndex::new(9),
            is_changing: true,
        };
        assert_eq!(list_from_wire(&list_to_wire(&list)).unwrap(), list);
    }
}
