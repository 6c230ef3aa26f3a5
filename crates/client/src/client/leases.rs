//! What the cluster knows of leases.

use quorate_model::LeaseId;
use quorate_proto::{
    registry::{self as pb, leases_client::LeasesClient},
    request::GetLease,
};

use super::Client;
use crate::{Answer, Error, LeaseState};

// === impl Client ===

impl Client {
    /// One lease, and what is kept for it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `LEASE_NOT_FOUND` if there is no such lease.
    pub async fn get_lease(&self, id: LeaseId) -> Result<Answer<LeaseState>, Error> {
        let request = |consistency| pb::GetLeaseRequest::from(GetLease { id, consistency });
        let send = |channel, request| async move { LeasesClient::new(channel).get_lease(request).await };
        self.read(request, send).await
    }
}
