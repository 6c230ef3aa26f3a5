//! The members: what operators want, out of their requests, and how they are shown.

use std::time::Duration;

use quorate_model::{InvalidValue, LogIndex, MemberId};
use quorate_proto::{
    cluster as pb,
    convert::{Field as _, InvalidField},
};
use quorate_registry::{Answer, Calling, Member, MemberInfo, MemberList, MemberRequest, MemberRole};

use crate::grpc::answer;

pub(super) fn add(message: pb::AddMemberRequest) -> Result<MemberRequest, InvalidField> {
    let pb::AddMemberRequest {
        peer_address,
        client_address,
        calling: number,
    } = message;
    Ok(MemberRequest::Add(MemberInfo {
        peer_address: peer_address.parse().field("peer_address")?,
        client_address: client_address.parse().field("client_address")?,
        calling: calling(number)?,
    }))
}

pub(super) fn remove(message: pb::RemoveMemberRequest) -> Result<MemberRequest, InvalidField> {
    Ok(MemberRequest::Remove(id("member_id", message.member_id)?))
}

pub(super) fn replace(message: pb::ReplaceMemberRequest) -> Result<MemberRequest, InvalidField> {
    Ok(MemberRequest::Replace {
        old: id("old_id", message.old_id)?,
        new: id("new_id", message.new_id)?,
    })
}

pub(super) fn promote(message: pb::PromoteMemberRequest) -> Result<MemberRequest, InvalidField> {
    Ok(MemberRequest::Promote(id("member_id", message.member_id)?))
}

pub(super) fn demote(message: pb::DemoteMemberRequest) -> Result<MemberRequest, InvalidField> {
    Ok(MemberRequest::Demote(id("member_id", message.member_id)?))
}

pub(super) fn transfer_leader(message: pb::TransferLeaderRequest) -> Result<MemberRequest, InvalidField> {
    // 0 means whichever has come furthest.
    let to = message.member_id;
    let to = if to == 0 { None } else { Some(id("member_id", to)?) };
    Ok(MemberRequest::TransferLeader(to))
}

fn id(field: &str, id: u64) -> Result<MemberId, InvalidField> {
    id.try_into().field(field)
}

/// What a member is meant to be; a voter if nothing is said.
fn calling(number: i32) -> Result<Calling, InvalidField> {
    match pb::Calling::try_from(number) {
        Ok(pb::Calling::Unspecified | pb::Calling::Voter) => Ok(Calling::Voter),
        Ok(pb::Calling::Learner) => Ok(Calling::Learner),
        Err(_) => Err(InvalidField::new(
            "calling",
            InvalidValue::new("calling", format!("{number} is not known; use VOTER or LEARNER")),
        )),
    }
}

pub(super) fn listed(answer: Answer<MemberList>) -> pb::ListMembersResponse {
    let Answer { header, value: list } = answer;
    pb::ListMembersResponse {
        header: Some(answer::header(header)),
        members: list.members.iter().map(member).collect(),
        last_log_index: list.last_log.get(),
        changing: list.is_changing,
    }
}

pub(super) fn member(member: &Member) -> pb::Member {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let calling = match member.info.calling {
        // A successor votes as soon as it has caught up, too.
        Calling::Voter | Calling::Successor(_) => pb::Calling::Voter,
        Calling::Learner => pb::Calling::Learner,
    };
    pb::Member {
        id: member.id.get(),
        peer_address: member.info.peer_address.to_string(),
        client_address: member.info.client_address.to_string(),
        voter: match member.role {
            MemberRole::Voter => true,
            MemberRole::Learner => false,
        },
        matched_index: member.matched.map(LogIndex::get),
        last_heard_ms: member.last_heard.map(ms),
        calling: calling.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_names_nobody_is_refused_by_its_field() {
        let nobody = pb::RemoveMemberRequest { member_id: 0 };
        assert_eq!(remove(nobody).unwrap_err().field(), "member_id");
        let half = pb::ReplaceMemberRequest { old_id: 1, new_id: 0 };
        assert_eq!(replace(half).unwrap_err().field(), "new_id");
        let anybody = pb::TransferLeaderRequest { member_id: 0 };
        assert_eq!(transfer_leader(anybody).unwrap(), MemberRequest::TransferLeader(None));
    }

    #[test]
    fn a_member_is_added_as_a_voter_unless_it_is_said_otherwise() {
        let added = |calling| {
            let message = pb::AddMemberRequest {
                peer_address: "10.0.0.1:7400".to_owned(),
                client_address: "10.0.0.1:7300".to_owned(),
                calling,
            };
            add(message).map(|request| {
                let MemberRequest::Add(info) = request else {
                    panic!("{request:?}");
                };
                info.calling
            })
        };
        assert_eq!(added(0).unwrap(), Calling::Voter);
        assert_eq!(added(pb::Calling::Learner.into()).unwrap(), Calling::Learner);
        assert_eq!(added(7).unwrap_err().field(), "calling");
    }
}
