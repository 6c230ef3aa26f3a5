//! Translates between raft's types and the messages of `peer.v1`.
//!
//! Commands are carried as the bytes they are. What a peer leaves out although raft needs it is a
//! [`Malformed`] message, never a panic.

use std::collections::{BTreeMap, BTreeSet};

use openraft::{
    EntryPayload,
    alias::{LogIdOf, VoteOf},
    raft::{
        AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderError, TransferLeaderRequest,
        TransferLeaderResponse, VoteRequest, VoteResponse,
    },
};
use quorate_model::LogTime;
use quorate_model::MemberId;
use quorate_proto::peer as pb;

use crate::type_config::{Calling, EncodedCommand, Entry, LeaderId, LogId, MemberInfo, Membership, TypeConfig, Vote};

/// A message of a peer that lacks something or contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed peer message: {0}")]
pub(crate) struct Malformed(String);

impl Malformed {
    pub(crate) fn new(problem: &str) -> Self {
        Self(problem.to_owned())
    }
}

impl From<Malformed> for tonic::Status {
    fn from(error: Malformed) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

fn required<T>(what: &str, value: Option<T>) -> Result<T, Malformed> {
    value.ok_or_else(|| Malformed(format!("{what} is missing")))
}

// --- votes and log ids ---

pub(crate) fn vote_to_wire(vote: &VoteOf<TypeConfig>) -> pb::Vote {
    pb::Vote {
        term: vote.leader_id.term,
        member_id: vote.leader_id.node_id,
        committed: vote.committed,
    }
}

pub(crate) fn vote_from_wire(vote: Option<pb::Vote>) -> Result<Vote, Malformed> {
    let vote = required("vote", vote)?;
    Ok(if vote.committed {
        Vote::new_committed(vote.term, vote.member_id)
    } else {
        Vote::new(vote.term, vote.member_id)
    })
}

pub(crate) fn log_id_to_wire(log_id: &LogIdOf<TypeConfig>) -> pb::LogId {
    pb::LogId {
        term: log_id.leader_id.term,
        member_id: log_id.leader_id.node_id,
        index: log_id.index,
    }
}

/// Raft counts on from an index: the highest ones would overflow.
const INDEX_MAX: u64 = u64::MAX >> 1;

pub(crate) fn log_id_from_wire(log_id: pb::LogId) -> Result<LogId, Malformed> {
    if log_id.index > INDEX_MAX {
        return Err(Malformed(format!(
            "index {} is over the limit of {INDEX_MAX}",
            log_id.index
        )));
    }
    let leader_id = LeaderId {
        term: log_id.term,
        node_id: log_id.member_id,
    };
    Ok(LogId::new(leader_id, log_id.index))
}

fn optional_log_id(log_id: Option<&LogId>) -> Option<pb::LogId> {
    log_id.map(log_id_to_wire)
}

// --- entries and membership ---

fn entry_to_wire(entry: Entry) -> pb::Entry {
    let payload = match entry.payload {
        EntryPayload::Blank => pb::entry::Payload::Blank(pb::entry::Blank {}),
        EntryPayload::Normal(command) if command.stamp() == LogTime::ZERO => {
            pb::entry::Payload::Command(command.into_bytes())
        }
        EntryPayload::Normal(command) => pb::entry::Payload::StampedCommand(pb::entry::StampedCommand {
            stamp_ms: command.stamp().as_ms(),
            command: command.into_bytes(),
        }),
        EntryPayload::Membership(membership) => pb::entry::Payload::Membership(membership_to_wire(&membership)),
    };
    pb::Entry {
        log_id: Some(log_id_to_wire(&entry.log_id)),
        payload: Some(payload),
    }
}

fn entry_from_wire(entry: pb::Entry) -> Result<Entry, Malformed> {
    let log_id = log_id_from_wire(required("log_id of an entry", entry.log_id)?)?;
    let payload = match required("payload of an entry", entry.payload)? {
        pb::entry::Payload::Blank(_) => EntryPayload::Blank,
        pb::entry::Payload::Command(bytes) => EntryPayload::Normal(EncodedCommand::new(LogTime::ZERO, bytes)),
        pb::entry::Payload::StampedCommand(stamped) => {
            let stamp = LogTime::from_ms(stamped.stamp_ms);
            EntryPayload::Normal(EncodedCommand::new(stamp, stamped.command))
        }
        pb::entry::Payload::Membership(membership) => EntryPayload::Membership(membership_from_wire(membership)?),
    };
    Ok(Entry { log_id, payload })
}

pub(crate) fn membership_to_wire(membership: &Membership) -> pb::Membership {
    let configs = membership.get_joint_config().iter();
    pb::Membership {
        configs: configs
            .map(|ids| pb::membership::Voters {
                ids: ids.iter().copied().collect(),
            })
            .collect(),
        members: membership.nodes().map(|(id, info)| member_to_wire(*id, info)).collect(),
    }
}

pub(crate) fn membership_from_wire(membership: pb::Membership) -> Result<Membership, Malformed> {
    let configs: Vec<BTreeSet<u64>> = membership
        .configs
        .into_iter()
        .map(|voters| voters.ids.into_iter().collect())
        .collect();
    let members: BTreeMap<u64, MemberInfo> = membership
        .members
        .iter()
        .map(member_from_wire)
        .collect::<Result<_, _>>()?;
    // Without voters every set of members would be a quorum.
    if configs.is_empty() || configs.iter().any(BTreeSet::is_empty) {
        return Err(Malformed("a membership without voters".to_owned()));
    }
    Membership::new(configs, members).map_err(|error| Malformed(format!("membership: {error}")))
}

pub(crate) fn member_to_wire(id: u64, info: &MemberInfo) -> pb::membership::Member {
    let (promote, replaces) = calling_to_wire(info.calling);
    pb::membership::Member {
        id,
        peer_address: info.peer_address.to_string(),
        client_address: info.client_address.to_string(),
        promote,
        replaces,
    }
}

pub(crate) fn member_from_wire(member: &pb::membership::Member) -> Result<(u64, MemberInfo), Malformed> {
    let calling = calling_from_wire(member.promote, member.replaces);
    Ok((
        member.id,
        member_info(&member.peer_address, &member.client_address, calling)?,
    ))
}

/// What is known of a member, from the fields that say it wherever a message does.
pub(crate) fn member_info(peer_address: &str, client_address: &str, calling: Calling) -> Result<MemberInfo, Malformed> {
    let parsed = |text: &str| text.parse().map_err(|error| Malformed(format!("{error}")));
    Ok(MemberInfo {
        peer_address: parsed(peer_address)?,
        client_address: parsed(client_address)?,
        calling,
    })
}

/// Whether a member is to be promoted, and whom it replaces. One that replaces another is promoted when it does.
pub(crate) fn calling_to_wire(calling: Calling) -> (bool, u64) {
    match calling {
        Calling::Voter => (true, 0),
        Calling::Learner => (false, 0),
        Calling::Successor(of) => (true, of.get()),
    }
}

pub(crate) fn calling_from_wire(promote: bool, replaces: u64) -> Calling {
    match MemberId::try_from(replaces) {
        Ok(of) => Calling::Successor(of),
        // 0: it replaces nobody.
        Err(_) if promote => Calling::Voter,
        Err(_) => Calling::Learner,
    }
}

// --- append ---

pub(crate) fn append_to_wire(request: AppendEntriesRequest<TypeConfig>) -> pb::AppendRequest {
    pb::AppendRequest {
        vote: Some(vote_to_wire(&request.vote)),
        previous: optional_log_id(request.prev_log_id.as_ref()),
        entries: request.entries.into_iter().map(entry_to_wire).collect(),
        leader_commit: optional_log_id(request.leader_commit.as_ref()),
    }
}

pub(crate) fn append_from_wire(request: pb::AppendRequest) -> Result<AppendEntriesRequest<TypeConfig>, Malformed> {
    let previous = request.previous.map(log_id_from_wire).transpose()?;
    let entries = request
        .entries
        .into_iter()
        .map(entry_from_wire)
        .collect::<Result<Vec<_>, _>>()?;
    // Raft counts on consecutive entries: a gap would be stored as if it were none.
    let first = previous.as_ref().map_or(0, |previous| previous.index + 1);
    if let Some((_, entry)) = (first..)
        .zip(&entries)
        .find(|(index, entry)| entry.log_id.index != *index)
    {
        return Err(Malformed(format!(
            "entry {} does not follow its predecessor",
            entry.log_id.index
        )));
    }
    Ok(AppendEntriesRequest {
        vote: vote_from_wire(request.vote)?,
        prev_log_id: previous,
        entries,
        leader_commit: request.leader_commit.map(log_id_from_wire).transpose()?,
    })
}

pub(crate) fn append_result_to_wire(result: &StreamAppendResult<TypeConfig>) -> pb::AppendResponse {
    use pb::append_response::{Matched, Result};
    let result = match result {
        Ok(matched) => Result::Matched(Matched {
            log_id: optional_log_id(matched.as_ref()),
        }),
        Err(StreamAppendError::Conflict(log_id)) => Result::Conflict(log_id_to_wire(log_id)),
        Err(StreamAppendError::HigherVote(vote)) => Result::HigherVote(vote_to_wire(vote)),
    };
    pb::AppendResponse { result: Some(result) }
}

pub(crate) fn append_result_from_wire(
    response: pb::AppendResponse,
) -> Result<StreamAppendResult<TypeConfig>, Malformed> {
    use pb::append_response::Result;
    Ok(match required("result of an append", response.result)? {
        Result::Matched(matched) => Ok(matched.log_id.map(log_id_from_wire).transpose()?),
        Result::Conflict(log_id) => Err(StreamAppendError::Conflict(log_id_from_wire(log_id)?)),
        Result::HigherVote(vote) => Err(StreamAppendError::HigherVote(vote_from_wire(Some(vote))?)),
    })
}

// --- votes asked and given ---

pub(crate) fn vote_request_to_wire(request: &VoteRequest<TypeConfig>) -> pb::VoteRequest {
    pb::VoteRequest {
        vote: Some(vote_to_wire(&request.vote)),
        last_log_id: optional_log_id(request.last_log_id.as_ref()),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn vote_request_from_wire(request: pb::VoteRequest) -> Result<VoteRequest<TypeConfig>, Malformed> {
    let last_log_id = request.last_log_id.map(log_id_from_wire).transpose()?;
    let mut parsed = VoteRequest::new(vote_from_wire(request.vote)?, last_log_id);
    parsed.leadership_transfer = request.leadership_transfer;
    Ok(parsed)
}

pub(crate) fn vote_response_to_wire(response: &VoteResponse<TypeConfig>) -> pb::VoteResponse {
    pb::VoteResponse {
        vote: Some(vote_to_wire(&response.vote)),
        granted: response.vote_granted,
        last_log_id: optional_log_id(response.last_log_id.as_ref()),
    }
}

pub(crate) fn vote_response_from_wire(response: pb::VoteResponse) -> Result<VoteResponse<TypeConfig>, Malformed> {
    let last_log_id = response.last_log_id.map(log_id_from_wire).transpose()?;
    Ok(VoteResponse::new(
        vote_from_wire(response.vote)?,
        last_log_id,
        response.granted,
    ))
}

// --- leadership transfer ---

pub(crate) fn transfer_to_wire(request: &TransferLeaderRequest<TypeConfig>) -> pb::TransferLeaderRequest {
    pb::TransferLeaderRequest {
        from: Some(vote_to_wire(request.from_leader())),
        to: *request.to_node_id(),
        last_log_id: optional_log_id(request.last_log_id()),
    }
}

pub(crate) fn transfer_from_wire(
    request: pb::TransferLeaderRequest,
) -> Result<TransferLeaderRequest<TypeConfig>, Malformed> {
    let last_log_id = request.last_log_id.map(log_id_from_wire).transpose()?;
    Ok(TransferLeaderRequest::new(
        vote_from_wire(request.from)?,
        request.to,
        last_log_id,
    ))
}

pub(crate) fn transfer_result_to_wire(result: &TransferLeaderResponse<TypeConfig>) -> pb::TransferLeaderResponse {
    use pb::transfer_leader_response::{Accepted, NotFlushed, Result, VoteChanged};
    let result = match result {
        Ok(()) => Result::Accepted(Accepted {}),
        Err(TransferLeaderError::VoteChanged { expected, actual }) => Result::VoteChanged(VoteChanged {
            expected: Some(vote_to_wire(expected)),
            actual: Some(vote_to_wire(actual)),
        }),
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => Result::NotFlushed(NotFlushed {
            expected: optional_log_id(expected.as_ref()),
            actual: optional_log_id(actual.as_ref()),
        }),
    };
    pb::TransferLeaderResponse { result: Some(result) }
}

pub(crate) fn transfer_result_from_wire(
    response: pb::TransferLeaderResponse,
) -> Result<TransferLeaderResponse<TypeConfig>, Malformed> {
    use pb::transfer_leader_response::Result;
    Ok(match required("result of a transfer", response.result)? {
        Result::Accepted(_) => Ok(()),
        Result::VoteChanged(votes) => Err(TransferLeaderError::VoteChanged {
            expected: vote_from_wire(votes.expected)?,
            actual: vote_from_wire(votes.actual)?,
        }),
        Result::NotFlushed(logs) => Err(TransferLeaderError::LogNotFlushed {
            expected: logs.expected.map(log_id_from_wire).transpose()?,
            actual: logs.actual.map(log_id_from_wire).transpose()?,
        }),
    })
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
