//! The lease service.

mod keep_alive;

use std::sync::Arc;

use quorate_model::{InstanceKey, Lease, LeaseId, LeaseKind, LeaseTtl, Owner, Renewal};
use quorate_proto::{
    registry::{self as pb, leases_server},
    request::{GetLease, GrantLease, ListLeases, Renew, RevokeLease},
};
use quorate_registry::{LeaseView, Registry, Renewed};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{Limits, answer, edge::TimeLeft, error::status, registry::wanted};
use keep_alive::KeepAliveStreams;

pub use keep_alive::ClientConnection;

/// Answers what is asked about leases.
#[derive(Debug, Clone)]
pub(super) struct LeasesDoor {
    registry: Registry,
    streams: KeepAliveStreams,
}

// === impl LeasesDoor ===

impl LeasesDoor {
    /// A door whose streams end when `stopping` is cancelled.
    pub(super) fn new(registry: Registry, limits: Limits, stopping: CancellationToken) -> Self {
        let streams = KeepAliveStreams::new(limits, Arc::clone(registry.clock()), stopping);
        Self { registry, streams }
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
            remove_after,
        } = message.try_into()?;
        let asked = self
            .registry
            .grant_lease(owner, incarnation, ttl, remove_after, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::GrantLeaseResponse {
            header: Some(answer::header(answer.header)),
            lease_id: answer.value.id.get(),
            ttl_ms: answer.value.ttl.as_ms(),
            created: answer::changed(answer.value.effect),
            remove_after_ms: answer.value.remove_after.as_ms(),
            renew_after_ms: answer::ms(answer.value.renew_after),
        }))
    }

    type KeepAliveStream = keep_alive::Answers;

    async fn keep_alive(
        &self,
        request: Request<Streaming<pb::KeepAliveRequest>>,
    ) -> Result<Response<Self::KeepAliveStream>, Status> {
        let connection = request.extensions().get::<ClientConnection>().cloned();
        let (frames, _) = TimeLeft::split(request);
        let registry = self.registry.clone();
        let answer = move |frame| keep_alive::answer_frame(registry.clone(), frame);
        let answers = self.streams.open(connection.as_ref(), frames, answer)?;
        Ok(Response::new(answers))
    }

    async fn renew(&self, request: Request<pb::RenewRequest>) -> Result<Response<pb::RenewResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let Renew { leases } = message.try_into()?;
        let asked = self.registry.renew_leases(leases.into_vec(), time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::RenewResponse {
            header: Some(answer::header(answer.header)),
            renewed: answer.value.into_iter().map(renewed).collect(),
        }))
    }

    async fn list_leases(
        &self,
        request: Request<pb::ListLeasesRequest>,
    ) -> Result<Response<pb::ListLeasesResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let ListLeases {
            lapsed_only,
            consistency,
            page,
        } = message.try_into()?;
        let page = wanted(&page);
        let asked = self.registry.list_leases(lapsed_only, &page, consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::ListLeasesResponse {
            header: Some(answer::header(answer.header)),
            leases: answer.value.leases.iter().map(lease).collect(),
            next_page_token: answer.value.next.as_ref().map(LeaseId::to_string).unwrap_or_default(),
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

fn lease(view: &LeaseView) -> pb::Lease {
    let LeaseView {
        held,
        instances,
        vitality,
    } = view;
    let lapsed = held.lapsed().is_some();
    let Lease {
        id,
        owner,
        incarnation,
        ttl,
        remove_after,
        kind,
        granted_at_ms,
    } = held.lease();
    let remaining_ms = vitality.map(|vitality| answer::ms(vitality.remaining));
    pb::Lease {
        id: id.get(),
        owner: owner.as_ref().map(Owner::to_string).unwrap_or_default(),
        incarnation: incarnation.get(),
        ttl_ms: ttl.as_ms(),
        granted_at_ms: *granted_at_ms,
        window_start: held.window_start().get(),
        outcomes: held.kept_outcome_count() as u64,
        remove_after_ms: remove_after.as_ms(),
        lapsed,
        changed_revision: held.changed().get(),
        instances: instances.iter().map(kept).collect(),
        renewed_ago_ms: vitality.map(|vitality| answer::ms(vitality.renewed_ago)),
        remaining_ms: if lapsed { Some(0) } else { remaining_ms },
        own: *kind == LeaseKind::Own,
    }
}

fn kept(key: &InstanceKey) -> pb::lease::Kept {
    pb::lease::Kept {
        namespace: key.namespace.to_string(),
        service: key.service.to_string(),
        id: key.id.to_string(),
    }
}

fn renewed(renewed: Renewed) -> pb::Renewed {
    let state = match renewed.renewal {
        Renewal::Live => pb::RenewalState::Live,
        Renewal::Revived => pb::RenewalState::Revived,
        Renewal::Unknown => pb::RenewalState::Unknown,
    };
    pb::Renewed {
        lease_id: renewed.id.get(),
        state: state.into(),
        ttl_ms: renewed.ttl.map_or(0, LeaseTtl::as_ms),
        renew_after_ms: answer::ms(renewed.renew_after),
    }
}
