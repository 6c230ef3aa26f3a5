//! The cluster service.

use quorate_proto::{
    cluster::{self as pb, cluster_server},
    convert::InvalidField,
};
use quorate_registry::{Answer, LeaseStatus, MemberOutcome, MemberRequest, NodeStatus, Registry, Role};
use tonic::{Request, Response, Status};

use super::{answer, edge::TimeLeft, error};

mod members;
mod snapshot;

/// Answers what operators ask.
#[derive(Debug, Clone)]
pub(super) struct ClusterDoor {
    registry: Registry,
}

// === impl ClusterDoor ===

impl ClusterDoor {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry }
    }

    /// Has the members changed as `parse` finds it in the request.
    async fn change<M>(
        &self,
        request: Request<M>,
        parse: impl FnOnce(M) -> Result<MemberRequest, InvalidField>,
    ) -> Result<Answer<MemberOutcome>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let changed = self.registry.change_members(parse(message)?, time_left).await;
        changed.map_err(|error| error::status(&error))
    }
}

#[tonic::async_trait]
impl cluster_server::Cluster for ClusterDoor {
    async fn status(&self, _: Request<pb::StatusRequest>) -> Result<Response<pb::StatusResponse>, Status> {
        Ok(Response::new(response(self.registry.status())))
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        let (_, time_left) = TimeLeft::split(request);
        let answer = self.registry.list_members(time_left).await;
        let answer = answer.map_err(|error| error::status(&error))?;
        Ok(Response::new(members::listed(answer)))
    }

    async fn add_member(
        &self,
        request: Request<pb::AddMemberRequest>,
    ) -> Result<Response<pb::AddMemberResponse>, Status> {
        let answer = self.change(request, members::add).await?;
        Ok(Response::new(pb::AddMemberResponse {
            header: Some(answer::header(answer.header)),
            member_id: answer.value.member_id.get(),
        }))
    }

    async fn remove_member(
        &self,
        request: Request<pb::RemoveMemberRequest>,
    ) -> Result<Response<pb::RemoveMemberResponse>, Status> {
        let answer = self.change(request, members::remove).await?;
        Ok(Response::new(pb::RemoveMemberResponse {
            header: Some(answer::header(answer.header)),
            existed: answer.value.changed,
        }))
    }

    async fn replace_member(
        &self,
        request: Request<pb::ReplaceMemberRequest>,
    ) -> Result<Response<pb::ReplaceMemberResponse>, Status> {
        let answer = self.change(request, members::replace).await?;
        Ok(Response::new(pb::ReplaceMemberResponse {
            header: Some(answer::header(answer.header)),
        }))
    }

    async fn promote_member(
        &self,
        request: Request<pb::PromoteMemberRequest>,
    ) -> Result<Response<pb::PromoteMemberResponse>, Status> {
        let answer = self.change(request, members::promote).await?;
        Ok(Response::new(pb::PromoteMemberResponse {
            header: Some(answer::header(answer.header)),
        }))
    }

    async fn demote_member(
        &self,
        request: Request<pb::DemoteMemberRequest>,
    ) -> Result<Response<pb::DemoteMemberResponse>, Status> {
        let answer = self.change(request, members::demote).await?;
        Ok(Response::new(pb::DemoteMemberResponse {
            header: Some(answer::header(answer.header)),
        }))
    }

    async fn transfer_leader(
        &self,
        request: Request<pb::TransferLeaderRequest>,
    ) -> Result<Response<pb::TransferLeaderResponse>, Status> {
        let answer = self.change(request, members::transfer_leader).await?;
        Ok(Response::new(pb::TransferLeaderResponse {
            header: Some(answer::header(answer.header)),
            leader_id: answer.value.member_id.get(),
        }))
    }

    type SaveSnapshotStream = snapshot::Messages;

    async fn save_snapshot(
        &self,
        request: Request<pb::SaveSnapshotRequest>,
    ) -> Result<Response<Self::SaveSnapshotStream>, Status> {
        let (pb::SaveSnapshotRequest {}, time_left) = TimeLeft::split(request);
        let saved = self.registry.save_snapshot(time_left).await;
        let saved = saved.map_err(|error| error::status(&error))?;
        Ok(Response::new(snapshot::messages(saved)))
    }
}

fn response(answer: Answer<NodeStatus>) -> pb::StatusResponse {
    let Answer { header, value: status } = answer;
    pb::StatusResponse {
        header: Some(answer::header(header)),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        role: role(status.role).into(),
        ready: status.ready,
        last_log_index: status.last_log.get(),
        applied_index: status.applied.get(),
        state_hash: status.state_hash.to_string(),
        services: status.services as u64,
        instances: status.instances as u64,
        read_only: status.read_only.unwrap_or_default(),
        free_disk_bytes: status.free_disk_bytes,
        members: status.members.iter().map(members::member).collect(),
        leases: Some(leases(&status.leases)),
    }
}

fn leases(status: &LeaseStatus) -> pb::LeaseStatus {
    pb::LeaseStatus {
        leases: status.leases as u64,
        lapsed: status.lapsed as u64,
        armed: status.armed,
        complete: status.complete,
        renewals: status.renewals,
        uncounted_ms: answer::ms(status.uncounted),
        resets: status.resets,
    }
}

const fn role(role: Role) -> pb::Role {
    match role {
        Role::Leader => pb::Role::Leader,
        Role::Follower => pb::Role::Follower,
        Role::Candidate => pb::Role::Candidate,
        Role::Learner => pb::Role::Learner,
        Role::Stopped => pb::Role::Stopped,
    }
}
