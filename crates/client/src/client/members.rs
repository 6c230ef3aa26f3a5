//! Requests about the members of the cluster, for operators.
//!
//! These requests have no key: a change is sent again only if it surely was not carried out. A repetition could come
//! late, when somebody has decided otherwise since. After [`Error::OutcomeUnknown`] the list of the members tells.

use quorate_model::{DoorAddress, MemberId};
use quorate_proto::cluster::{self as pb, cluster_client::ClusterClient};

use super::Client;
use crate::{Added, Answer, Calling, Error, MemberList, Removed, Transferred, call::Purpose};

// === impl Client ===

impl Client {
    /// The members as the leader sees them: also how far each has come, and when it was last heard of.
    pub async fn list_members(&self) -> Result<Answer<MemberList>, Error> {
        let send = |channel, request| async move { ClusterClient::new(channel).list_members(request).await };
        self.caller.call(Purpose::Read, pb::ListMembersRequest {}, send).await
    }

    /// Makes room for a node that has not started yet, and answers its id: the node that joins from this peer address
    /// is that member.
    pub async fn add_member(
        &self,
        peer_address: &DoorAddress,
        client_address: &DoorAddress,
        calling: Calling,
    ) -> Result<Answer<Added>, Error> {
        let request = pb::AddMemberRequest {
            peer_address: peer_address.to_string(),
            client_address: client_address.to_string(),
            calling: pb::Calling::from(calling).into(),
        };
        let send = |channel, request| async move { ClusterClient::new(channel).add_member(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Takes a member out of the cluster, for good.
    pub async fn remove_member(&self, id: MemberId) -> Result<Answer<Removed>, Error> {
        let request = pb::RemoveMemberRequest { member_id: id.get() };
        let send = |channel, request| async move { ClusterClient::new(channel).remove_member(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Puts the member `new`, which has joined, in the place of `old`, which goes for good.
    pub async fn replace_member(&self, old: MemberId, new: MemberId) -> Result<Answer<()>, Error> {
        let request = pb::ReplaceMemberRequest {
            old_id: old.get(),
            new_id: new.get(),
        };
        let send = |channel, request| async move { ClusterClient::new(channel).replace_member(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Gives a learner a vote.
    pub async fn promote_member(&self, id: MemberId) -> Result<Answer<()>, Error> {
        let request = pb::PromoteMemberRequest { member_id: id.get() };
        let send = |channel, request| async move { ClusterClient::new(channel).promote_member(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Takes the vote of a member, which stays as a learner.
    pub async fn demote_member(&self, id: MemberId) -> Result<Answer<()>, Error> {
        let request = pb::DemoteMemberRequest { member_id: id.get() };
        let send = |channel, request| async move { ClusterClient::new(channel).demote_member(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }

    /// Has another voter lead: this one, or whichever has come furthest. Answered once it does.
    pub async fn transfer_leader(&self, to: Option<MemberId>) -> Result<Answer<Transferred>, Error> {
        let member_id = to.map_or(0, MemberId::get);
        let request = pb::TransferLeaderRequest { member_id };
        let send = |channel, request| async move { ClusterClient::new(channel).transfer_leader(request).await };
        self.caller.call(Purpose::Change, request, send).await
    }
}
