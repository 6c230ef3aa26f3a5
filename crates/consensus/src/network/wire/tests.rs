//! What is sent is what arrives, and what cannot be meant is refused.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::*;

fn log_id(index: u64) -> LogId {
    LogId::new(LeaderId { term: 4, node_id: 2 }, index)
}

fn entry(index: u64, payload: EntryPayload<EncodedCommand, u64, MemberInfo>) -> Entry {
    Entry {
        log_id: log_id(index),
        payload,
    }
}

fn append() -> AppendEntriesRequest<TypeConfig> {
    let info = |calling| member_info("[::1]:7400", "db.example:7300", calling).unwrap();
    let successor = Calling::Successor(1.try_into().unwrap());
    let members = BTreeMap::from([
        (1, info(Calling::Voter)),
        (2, info(Calling::Learner)),
        (3, info(successor)),
    ]);
    let membership = Membership::new(vec![BTreeSet::from([1])], members).unwrap();
    let command = |stamp_ms| EncodedCommand::new(LogTime::from_ms(stamp_ms), Bytes::from_static(b"command"));
    AppendEntriesRequest {
        vote: Vote::new_committed(4, 2),
        prev_log_id: Some(log_id(6)),
        entries: vec![
            entry(7, EntryPayload::Blank),
            entry(8, EntryPayload::Normal(command(0))),
            entry(9, EntryPayload::Membership(membership)),
            entry(10, EntryPayload::Normal(command(1_000))),
        ],
        leader_commit: Some(log_id(5)),
    }
}

#[test]
fn an_append_arrives_as_it_was_sent() {
    let (sent, arrived) = (append(), append_from_wire(append_to_wire(append())).unwrap());
    assert_eq!(
        (sent.vote, sent.prev_log_id, sent.leader_commit),
        (arrived.vote, arrived.prev_log_id, arrived.leader_commit)
    );
    assert_eq!(sent.entries, arrived.entries);
}

#[test]
fn answers_arrive_as_they_were_sent() {
    let results: [StreamAppendResult<TypeConfig>; 4] = [
        Ok(None),
        Ok(Some(log_id(3))),
        Err(StreamAppendError::Conflict(log_id(3))),
        Err(StreamAppendError::HigherVote(Vote::new(9, 1))),
    ];
    for result in results {
        assert_eq!(append_result_from_wire(append_result_to_wire(&result)).unwrap(), result);
    }
    let results: [TransferLeaderResponse<TypeConfig>; 3] = [
        Ok(()),
        Err(TransferLeaderError::VoteChanged {
            expected: Vote::new_committed(1, 1),
            actual: Vote::new(2, 3),
        }),
        Err(TransferLeaderError::LogNotFlushed {
            expected: Some(log_id(3)),
            actual: None,
        }),
    ];
    for result in results {
        assert_eq!(
            transfer_result_from_wire(transfer_result_to_wire(&result)).unwrap(),
            result
        );
    }
}

#[test]
fn a_gap_between_entries_is_refused() {
    let mut request = append_to_wire(append());
    request.entries.remove(1);
    assert!(
        append_from_wire(request)
            .unwrap_err()
            .to_string()
            .contains("entry 9 does not follow")
    );
    let mut request = append_to_wire(append());
    request.previous = None;
    assert!(append_from_wire(request).is_err());
}

#[test]
fn a_message_that_lacks_a_part_is_refused() {
    let lacking: [fn(&mut pb::AppendRequest); 6] = [
        |request| request.vote = None,
        |request| request.entries[0].log_id = None,
        |request| {
            request.leader_commit = Some(pb::LogId {
                index: u64::MAX,
                ..Default::default()
            });
        },
        |request| request.entries[2].payload = Some(pb::entry::Payload::Membership(pb::Membership::default())),
        |request| request.entries[1].payload = None,
        |request| {
            request.entries[2].payload = Some(pb::entry::Payload::Membership(pb::Membership {
                configs: Vec::new(),
                members: vec![pb::membership::Member {
                    id: 1,
                    peer_address: "nowhere".to_owned(),
                    ..Default::default()
                }],
            }));
        },
    ];
    for spoil in lacking {
        let mut request = append_to_wire(append());
        spoil(&mut request);
        assert!(append_from_wire(request).is_err());
    }
    assert!(append_result_from_wire(pb::AppendResponse { result: None }).is_err());
    assert!(vote_request_from_wire(pb::VoteRequest::default()).is_err());
}
