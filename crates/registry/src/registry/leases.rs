//! Leases: what a client process holds while it lives.

use std::time::Duration;

use quorate_model::{Consistency, Incarnation, LeaseId, LeaseTtl, Owner};
use quorate_state::{Command, HeldLease, Outcome, Rejection};

use super::Registry;
use crate::{Answer, Error, Granted, route::Repeat};

impl Registry {
    /// Grants a lease. The same owner and incarnation are granted the same one.
    pub async fn grant_lease(
        &self,
        owner: Option<Owner>,
        incarnation: Incarnation,
        ttl: LeaseTtl,
        time_left: Duration,
    ) -> Result<Answer<Granted>, Error> {
        let command = Command::GrantLease {
            owner,
            incarnation,
            ttl,
            granted_at_ms: self.shared.clock.wall_ms(),
        };
        self.write(&command, Repeat::Harmless, &self.deadline(time_left), |outcome| {
            let Outcome::LeaseGranted { id, ttl, effect } = outcome else {
                return None;
            };
            Some(Granted { id, ttl, effect })
        })
        .await
    }

    /// Ends a lease, and answers whether it was there.
    pub async fn revoke_lease(&self, id: LeaseId, time_left: Duration) -> Result<Answer<bool>, Error> {
        let command = Command::RevokeLease { id };
        self.write(&command, Repeat::Harmful, &self.deadline(time_left), |outcome| {
            let Outcome::LeaseRevoked { existed } = outcome else {
                return None;
            };
            Some(existed)
        })
        .await
    }

    /// Answers one lease.
    pub async fn get_lease(
        &self,
        id: LeaseId,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<HeldLease>, Error> {
        let look = |state: &quorate_state::State| state.lease(id).cloned();
        let Answer { header, value } = self.read(consistency, time_left, look).await?;
        let value = value.ok_or(Rejection::LeaseNotFound)?;
        Ok(Answer { header, value })
    }
}
