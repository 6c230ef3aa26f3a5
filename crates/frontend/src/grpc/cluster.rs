//! The cluster service.

use quorate_model::LogIndex;
use quorate_proto::cluster::{self as pb, cluster_server};
use quorate_registry::{Answer, Member, MemberRole, NodeStatus, Registry, Role};
use tonic::{Request, Response, Status};

use super::answer;

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
}

#[tonic::async_trait]
impl cluster_server::Cluster for ClusterDoor {
    async fn status(&self, _: Request<pb::StatusRequest>) -> Result<Response<pb::StatusResponse>, Status> {
        Ok(Response::new(response(self.registry.status())))
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
        members: status.members.iter().map(member).collect(),
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

fn member(member: &Member) -> pb::Member {
    pb::Member {
        id: member.id.get(),
        peer_address: member.info.peer_address.to_string(),
        client_address: member.info.client_address.to_string(),
        voter: match member.role {
            MemberRole::Voter => true,
            MemberRole::Learner => false,
        },
        matched_index: member.matched.map(LogIndex::get),
    }
}
