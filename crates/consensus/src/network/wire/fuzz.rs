//! Every message of a peer, held against hostile bytes: a peer may be damaged, of another version, or none.

use proptest::{collection::vec, option, prelude::*};
use prost::Message;
use quorate_fuzz::Fuzz;

use super::*;

/// Attacks what makes of `M` what raft takes, and back.
fn fuzz<M: Message + Default + PartialEq + std::fmt::Debug>(
    name: &'static str,
    messages: impl Strategy<Value = M>,
    there_and_back: impl Fn(M) -> Result<M, Malformed>,
) {
    let valid = messages.prop_map(|message| message.encode_to_vec());
    let decode = |bytes: &[u8]| there_and_back(M::decode(bytes).ok()?).ok();
    Fuzz::new(name, valid).round_trips(decode, |message| message.encode_to_vec());
}

fn vote() -> impl Strategy<Value = pb::Vote> {
    any::<(u64, u64, bool)>().prop_map(|(term, member_id, committed)| pb::Vote {
        term,
        member_id,
        committed,
    })
}

fn log_id() -> impl Strategy<Value = pb::LogId> {
    (any::<(u64, u64)>(), 0..INDEX_MAX).prop_map(|((term, member_id), index)| pb::LogId { term, member_id, index })
}

pub(in crate::network) fn member() -> impl Strategy<Value = pb::membership::Member> {
    (any::<u64>(), 1..=u16::MAX, any::<bool>(), 0..3_u64).prop_map(|(id, port, promote, replaces)| {
        let (promote, replaces) = calling_to_wire(calling_from_wire(promote, replaces));
        pb::membership::Member {
            id,
            peer_address: format!("10.0.0.1:{port}"),
            client_address: "db.example:7300".to_owned(),
            promote,
            replaces,
        }
    })
}

fn membership() -> impl Strategy<Value = pb::Membership> {
    vec(member(), 1..5).prop_map(|mut members| {
        members.sort_by_key(|member| member.id);
        members.dedup_by_key(|member| member.id);
        let ids = members.iter().map(|member| member.id).collect();
        let configs = vec![pb::membership::Voters { ids }];
        pb::Membership { configs, members }
    })
}

fn payload() -> impl Strategy<Value = pb::entry::Payload> {
    use pb::entry::{Blank, Payload, StampedCommand};
    let command = || vec(any::<u8>(), 0..60).prop_map(bytes::Bytes::from);
    prop_oneof![
        Just(Payload::Blank(Blank {})),
        command().prop_map(Payload::Command),
        (1..u64::MAX, command())
            .prop_map(|(stamp_ms, command)| Payload::StampedCommand(StampedCommand { stamp_ms, command })),
        membership().prop_map(Payload::Membership),
    ]
}

#[test]
fn appends() {
    use pb::append_response::{Matched, Result};
    let appends = (vote(), log_id(), vec(payload(), 0..5), option::of(log_id()));
    let appends = appends.prop_map(|(vote, previous, payloads, leader_commit)| {
        let entries = (previous.index + 1..).zip(payloads).map(|(index, payload)| pb::Entry {
            log_id: Some(pb::LogId { index, ..previous }),
            payload: Some(payload),
        });
        pb::AppendRequest {
            vote: Some(vote),
            entries: entries.collect(),
            previous: Some(previous),
            leader_commit,
        }
    });
    fuzz("append_from_wire", appends, |message| {
        append_from_wire(message).map(append_to_wire)
    });

    let results = prop_oneof![
        option::of(log_id()).prop_map(|log_id| Result::Matched(Matched { log_id })),
        log_id().prop_map(Result::Conflict),
        vote().prop_map(Result::HigherVote),
    ];
    let responses = results.prop_map(|result| pb::AppendResponse { result: Some(result) });
    fuzz("append_result_from_wire", responses, |message| {
        append_result_from_wire(message).map(|result| append_result_to_wire(&result))
    });
}

#[test]
fn votes() {
    let requests = (vote(), option::of(log_id()), any::<bool>());
    let requests = requests.prop_map(|(vote, last_log_id, leadership_transfer)| pb::VoteRequest {
        vote: Some(vote),
        last_log_id,
        leadership_transfer,
    });
    fuzz("vote_request_from_wire", requests, |message| {
        vote_request_from_wire(message).map(|request| vote_request_to_wire(&request))
    });
    let responses = (vote(), option::of(log_id()), any::<bool>());
    let responses = responses.prop_map(|(vote, last_log_id, granted)| pb::VoteResponse {
        vote: Some(vote),
        granted,
        last_log_id,
    });
    fuzz("vote_response_from_wire", responses, |message| {
        vote_response_from_wire(message).map(|response| vote_response_to_wire(&response))
    });
    fuzz("vote_from_wire", vote(), |vote| {
        Ok(vote_to_wire(&vote_from_wire(Some(vote))?))
    });
    fuzz("log_id_from_wire", log_id(), |log_id| {
        Ok(log_id_to_wire(&log_id_from_wire(log_id)?))
    });
}

#[test]
fn memberships() {
    fuzz("membership_from_wire", membership(), |membership| {
        Ok(membership_to_wire(&membership_from_wire(membership)?))
    });
    fuzz("member_from_wire", member(), |member| {
        let (id, info) = member_from_wire(&member)?;
        Ok(member_to_wire(id, &info))
    });
}

#[test]
fn transfers() {
    use pb::transfer_leader_response::{Accepted, NotFlushed, Result, VoteChanged};
    let requests = (vote(), any::<u64>(), option::of(log_id()));
    let requests = requests.prop_map(|(from, to, last_log_id)| pb::TransferLeaderRequest {
        from: Some(from),
        to,
        last_log_id,
    });
    fuzz("transfer_from_wire", requests, |message| {
        transfer_from_wire(message).map(|request| transfer_to_wire(&request))
    });
    let results = prop_oneof![
        Just(Result::Accepted(Accepted {})),
        (vote(), vote()).prop_map(|(expected, actual)| Result::VoteChanged(VoteChanged {
            expected: Some(expected),
            actual: Some(actual),
        })),
        (option::of(log_id()), option::of(log_id()))
            .prop_map(|(expected, actual)| Result::NotFlushed(NotFlushed { expected, actual })),
    ];
    let responses = results.prop_map(|result| pb::TransferLeaderResponse { result: Some(result) });
    fuzz("transfer_result_from_wire", responses, |message| {
        transfer_result_from_wire(message).map(|result| transfer_result_to_wire(&result))
    });
}
