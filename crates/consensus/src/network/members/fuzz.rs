//! What members ask and tell each other on behalf of operators, held against hostile bytes.

use proptest::{collection::vec, option, prelude::*};
use prost::Message;
use quorate_fuzz::Fuzz;

use super::*;

fn id() -> impl Strategy<Value = MemberId> {
    (1..=u64::MAX).prop_map(|id| id.try_into().unwrap())
}

fn info() -> impl Strategy<Value = MemberInfo> {
    (1..=u16::MAX, any::<bool>()).prop_map(|(port, promote)| {
        let calling = wire::calling_from_wire(promote, 0);
        wire::member_info(&format!("10.0.0.1:{port}"), "db.example:7300", calling).unwrap()
    })
}

#[test]
fn requests() {
    let requests = prop_oneof![
        info().prop_map(MemberRequest::Add),
        id().prop_map(MemberRequest::Remove),
        (id(), id()).prop_map(|(old, new)| MemberRequest::Replace { old, new }),
        id().prop_map(MemberRequest::Promote),
        id().prop_map(MemberRequest::Demote),
        option::of(id()).prop_map(MemberRequest::TransferLeader),
    ];
    let encode = |request: MemberRequest| request_to_wire(&request, Duration::ZERO).encode_to_vec();
    let decode = |bytes: &[u8]| request_from_wire(&pb::ChangeMembersRequest::decode(bytes).ok()?).ok();
    Fuzz::new("request_from_wire", requests.prop_map(encode)).round_trips(decode, encode);
}

#[test]
fn lists() {
    let member = (
        id(),
        info(),
        any::<bool>(),
        option::of(any::<u64>()),
        option::of(any::<u64>()),
    );
    let member = member.prop_map(|(id, info, voter, matched, heard_ms)| Member {
        id,
        info,
        role: if voter { MemberRole::Voter } else { MemberRole::Learner },
        matched: matched.map(LogIndex::new),
        last_heard: heard_ms.map(Duration::from_millis),
    });
    let lists = (vec(member, 0..5), any::<u64>(), any::<bool>());
    let lists = lists.prop_map(|(members, last_log, is_changing)| MemberList {
        members,
        last_log: LogIndex::new(last_log),
        is_changing,
    });
    let encode = |list: MemberList| list_to_wire(&list).encode_to_vec();
    let decode = |bytes: &[u8]| list_from_wire(&pb::list_members_response::Listed::decode(bytes).ok()?).ok();
    Fuzz::new("list_from_wire, seen_from_wire", lists.prop_map(encode)).round_trips(decode, encode);
}

#[test]
fn outcomes() {
    use pb::change_members_response::{Done, Result};
    let outcomes = (id(), any::<bool>()).prop_map(|(id, changed)| {
        let member_id = id.get();
        let result = Some(Result::Done(Done { member_id, changed }));
        pb::ChangeMembersResponse { result }.encode_to_vec()
    });
    Fuzz::new("outcome_from_wire", outcomes).one_way(|bytes| {
        let message = pb::ChangeMembersResponse::decode(bytes);
        message.is_ok_and(|message| outcome_from_wire(message).is_ok())
    });
}
