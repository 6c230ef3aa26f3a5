//! The bytes of raft's own values, held against hostile ones.

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
};
use quorate_fuzz::Fuzz;

use super::*;
use crate::type_config::{Calling, MemberInfo, Membership, StoredMembership};

fn log_id() -> impl Strategy<Value = LogId> {
    any::<(u64, u64, u64)>().prop_map(|(term, node_id, index)| LogId::new(LeaderId { term, node_id }, index))
}

fn membership() -> impl Strategy<Value = Membership> {
    let calling = prop_oneof![
        Just(Calling::Voter),
        Just(Calling::Learner),
        Just(Calling::Successor(9.try_into().unwrap())),
    ];
    let info = (1..=u16::MAX, calling).prop_map(|(port, calling)| MemberInfo {
        peer_address: format!("10.0.0.1:{port}").parse().unwrap(),
        client_address: "db.example:7300".parse().unwrap(),
        calling,
    });
    btree_map(any::<u64>(), info, 1..5).prop_map(|members| {
        let voters = members.keys().copied().collect();
        Membership::new(vec![voters], members).unwrap()
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    let command = (any::<u64>(), vec(any::<u8>(), 0..60))
        .prop_map(|(ms, bytes)| EncodedCommand::new(LogTime::from_ms(ms), bytes.into()));
    let payload = prop_oneof![
        Just(EntryPayload::Blank),
        command.prop_map(EntryPayload::Normal),
        membership().prop_map(EntryPayload::Membership),
    ];
    (log_id(), payload).prop_map(|(log_id, payload)| Entry { log_id, payload })
}

#[test]
fn an_entry() {
    let encode = |entry: (LogId, _)| {
        let (log_id, payload) = entry;
        Codec::encode_entry(&Entry { log_id, payload }).unwrap().to_vec()
    };
    let valid = entry().prop_map(move |entry| encode((entry.log_id, entry.payload)));
    let decode = |bytes: &[u8]| {
        let entry = Codec::decode_entry(Bytes::copy_from_slice(bytes)).ok()?;
        Some((entry.log_id, entry.payload))
    };
    Fuzz::new("decode_entry", valid).round_trips(decode, encode);
}

#[test]
fn a_log_id_and_a_vote() {
    let encode = |log_id: LogId| Codec::encode_log_id(&log_id).unwrap().to_vec();
    let decode = |bytes: &[u8]| Codec::decode_log_id(bytes).ok();
    Fuzz::new("decode_log_id", log_id().prop_map(encode)).round_trips(decode, encode);

    let vote = any::<(u64, u64, bool)>().prop_map(|(term, node_id, committed)| Vote {
        leader_id: LeaderId { term, node_id },
        committed,
    });
    let encode = |vote: Vote| Codec::encode_vote(&vote).unwrap().to_vec();
    let decode = |bytes: &[u8]| Codec::decode_vote(bytes).ok();
    Fuzz::new("decode_vote", vote.prop_map(encode)).round_trips(decode, encode);
}

#[test]
fn a_membership() {
    let stored = (option::of(log_id()), membership());
    let stored = stored.prop_map(|(log_id, membership)| StoredMembership::new(log_id, membership));
    let encode = |stored: StoredMembership| encode_membership(&stored).unwrap();
    let decode = |bytes: &[u8]| decode_membership(bytes).ok();
    Fuzz::new("decode_membership", stored.prop_map(encode)).round_trips(decode, encode);
}
