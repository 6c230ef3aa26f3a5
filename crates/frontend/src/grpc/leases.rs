//! The lease service.

use quorate_model::{Lease, Owner};
use quorate_proto::{
    registry::{self as pb, leases_server},
    request::{GetLease, GrantLease, RevokeLease},
};
use quorate_registry::Registry;
use quorate_state::HeldLease;
use tonic::{Request, Response, Status};

use super::{answer, edge::TimeLeft, error::status};

/// Answers what is asked about leases.
#[derive(Debug, Clone)]
pub(super) struct LeasesDoor {
    registry: Registry,
}

// === impl LeasesDoor ===

impl LeasesDoor {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry }
    }
}

#[tonic::async_trait]
impl leases_server::Leases for LeasesDoor {
    async fn grant_lease(
        &self,
        request: Request<pb::GrantLeaseRequest>,
    ) -> Result<Response<pb::GrantLeaseResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let GrantLease {
            owner,
            incarnation,
            ttl,
        } = message.try_into()?;
        let asked = self.registry.grant_lease(owner, incarnation, ttl, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::GrantLeaseResponse {
            header: Some(answer::header(answer.header)),
            lease_id: answer.value.id.get(),
            ttl_ms: answer.value.ttl.as_ms(),
            created: answer::changed(answer.value.effect),
        }))
    }

    async fn revoke_lease(
        &self,
        request: Request<pb::RevokeLeaseRequest>,
    ) -> Result<Response<pb::RevokeLeaseResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let RevokeLease { id } = message.try_into()?;
        let asked = self.registry.revoke_lease(id, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::RevokeLeaseResponse {
            header: Some(answer::header(answer.header)),
            existed: answer.value,
        }))
    }

    async fn get_lease(&self, request: Request<pb::GetLeaseRequest>) -> Result<Response<pb::GetLeaseResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let GetLease { id, consistency } = message.try_into()?;
        let asked = self.registry.get_lease(id, consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::GetLeaseResponse {
            header: Some(answer::header(answer.header)),
            lease: Some(lease(&answer.value)),
        }))
    }
}

fn lease(held: &HeldLease) -> pb::Lease {
    let Lease {
        id,
        owner,
        incarnation,
        ttl,
        granted_at_ms,
    } = held.lease();
    pb::Lease {
        id: id.get(),
        owner: owner.as_ref().map(Owner::to_string).unwrap_or_default(),
        incarnation: incarnation.get(),
        ttl_ms: ttl.as_ms(),
        granted_at_ms: *granted_at_ms,
        window_start: held.window_start().get(),
        outcomes: held.kept_outcome_count() as u64,
    }
}
