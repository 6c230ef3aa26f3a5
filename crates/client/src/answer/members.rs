//! What the cluster answers about its members.

use quorate_model::{LogIndex, MemberId};
use quorate_proto::{
    cluster as pb,
    convert::{Field as _, InvalidField},
};

use super::{Answer, Member, parse};

/// The members as the leader sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberList {
    /// In the order of their ids.
    pub members: Vec<Member>,
    /// The leader's last log index.
    pub last_log_index: LogIndex,
    /// Whether a change of the voters is half done; the leader finishes it.
    pub changing: bool,
}

/// What a member is meant to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Calling {
    /// A voter, as soon as it has caught up.
    #[default]
    Voter,
    /// A learner: a replica that serves reads and never votes.
    Learner,
}

/// What adding a member came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// The id that is kept for it.
    pub member_id: MemberId,
}

/// What removing a member came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Whether it was there when the request that was answered came.
    pub existed: bool,
}

/// What handing leadership over came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transferred {
    /// Who leads now.
    pub leader_id: MemberId,
}

// === impl Calling ===

impl Calling {
    /// The word for it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Voter => "voter",
            Self::Learner => "learner",
        }
    }

    pub(super) fn parse(number: i32) -> Result<Self, InvalidField> {
        match pb::Calling::try_from(number) {
            // A member that is older than the field does not state it.
            Ok(pb::Calling::Unspecified | pb::Calling::Voter) => Ok(Self::Voter),
            Ok(pb::Calling::Learner) => Ok(Self::Learner),
            Err(_) => Err(parse::unknown("calling", number)),
        }
    }
}

impl From<Calling> for pb::Calling {
    fn from(calling: Calling) -> Self {
        match calling {
            Calling::Voter => Self::Voter,
            Calling::Learner => Self::Learner,
        }
    }
}

impl TryFrom<pb::ListMembersResponse> for Answer<MemberList> {
    type Error = InvalidField;

    fn try_from(message: pb::ListMembersResponse) -> Result<Self, InvalidField> {
        let value = MemberList {
            members: parse::list("members", message.members)?,
            last_log_index: LogIndex::new(message.last_log_index),
            changing: message.changing,
        };
        Self::new(message.header, value)
    }
}

impl TryFrom<pb::AddMemberResponse> for Answer<Added> {
    type Error = InvalidField;

    fn try_from(message: pb::AddMemberResponse) -> Result<Self, InvalidField> {
        let member_id = message.member_id.try_into().field("member_id")?;
        Self::new(message.header, Added { member_id })
    }
}

impl TryFrom<pb::RemoveMemberResponse> for Answer<Removed> {
    type Error = InvalidField;

    fn try_from(message: pb::RemoveMemberResponse) -> Result<Self, InvalidField> {
        let existed = message.existed;
        Self::new(message.header, Removed { existed })
    }
}

impl TryFrom<pb::ReplaceMemberResponse> for Answer<()> {
    type Error = InvalidField;

    fn try_from(message: pb::ReplaceMemberResponse) -> Result<Self, InvalidField> {
        Self::new(message.header, ())
    }
}

impl TryFrom<pb::PromoteMemberResponse> for Answer<()> {
    type Error = InvalidField;

    fn try_from(message: pb::PromoteMemberResponse) -> Result<Self, InvalidField> {
        Self::new(message.header, ())
    }
}

impl TryFrom<pb::DemoteMemberResponse> for Answer<()> {
    type Error = InvalidField;

    fn try_from(message: pb::DemoteMemberResponse) -> Result<Self, InvalidField> {
        Self::new(message.header, ())
    }
}

impl TryFrom<pb::TransferLeaderResponse> for Answer<Transferred> {
    type Error = InvalidField;

    fn try_from(message: pb::TransferLeaderResponse) -> Result<Self, InvalidField> {
        let leader_id = message.leader_id.try_into().field("leader_id")?;
        Self::new(message.header, Transferred { leader_id })
    }
}
