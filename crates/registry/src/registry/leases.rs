//! Leases: what a client process holds while it lives.

use std::time::Duration;

use quorate_model::{Consistency, Incarnation, LeaseId, LeaseTtl, Owner, RemoveAfter};
use quorate_state::{Command, HeldLease, Outcome, Rejection, State};

use super::Registry;
use crate::{Answer, Error, Granted, LeasePage, LeaseView, Page, Renewed, route::Repeat};

/// Instances that a list names of what each lease keeps.
const LISTED_INSTANCES: usize = 16;

impl Registry {
    /// Grants a lease. The same owner and incarnation are granted the same one.
    pub async fn grant_lease(
        &self,
        owner: Option<Owner>,
        incarnation: Incarnation,
        ttl: LeaseTtl,
        remove_after: RemoveAfter,
        time_left: Duration,
    ) -> Result<Answer<Granted>, Error> {
        let command = Command::GrantLease {
            owner,
            incarnation,
            ttl,
            remove_after,
            granted_at_ms: self.shared.clock.wall_ms(),
        };
        self.write(&command, Repeat::Harmless, &self.deadline(time_left), |outcome| {
            let Outcome::LeaseGranted {
                id,
                ttl,
                remove_after,
                effect,
            } = outcome
            else {
                return None;
            };
            let renew_after = self.renew_after(ttl);
            Some(Granted {
                id,
                ttl,
                remove_after,
                renew_after,
                effect,
            })
        })
        .await
    }

    /// Renews leases, and answers what came of each, in their order.
    pub async fn renew_leases(&self, leases: Vec<LeaseId>, time_left: Duration) -> Result<Answer<Vec<Renewed>>, Error> {
        let asked = leases.clone();
        let renewals = self.shared.lessor.renew(asked, &self.deadline(time_left)).await?;
        let reading = self.shared.reader.reading();
        let renewed = leases.into_iter().filter_map(|id| {
            let place = renewals.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            let ttl = reading.state.lease(id).map(|held| held.lease().ttl);
            Some(Renewed {
                id,
                renewal: renewals.get(place)?.1,
                ttl,
                renew_after: ttl.map(|ttl| self.renew_after(ttl)).unwrap_or_default(),
            })
        });
        let value = renewed.collect();
        let header = self.header(&reading);
        Ok(Answer { header, value })
    }

    /// Ends a lease with all that it keeps, and answers whether it was there.
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
    ) -> Result<Answer<LeaseView>, Error> {
        let look = |state: &State| state.lease(id).map(|held| self.lease_view(state, held, usize::MAX));
        let Answer { header, value } = self.read(consistency, time_left, look).await?;
        let value = value.ok_or(Rejection::LeaseNotFound)?;
        Ok(Answer { header, value })
    }

    /// Lists leases in the order of their ids: all, or those that have lapsed.
    pub async fn list_leases(
        &self,
        lapsed_only: bool,
        page: &Page<LeaseId>,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<LeasePage>, Error> {
        let size = page.size.clamp(1, self.shared.limits.page_size_max);
        self.read(consistency, time_left, |state| {
            let mut wanted: Box<dyn Iterator<Item = &HeldLease>> = if lapsed_only {
                Box::new(state.lapsed_leases_after(page.after))
            } else {
                Box::new(state.leases_after(page.after))
            };
            let leases: Vec<_> = wanted
                .by_ref()
                .take(size)
                .map(|held| self.lease_view(state, held, LISTED_INSTANCES))
                .collect();
            let last = leases.last().map(|view| view.held.lease().id);
            let next = wanted.next().and(last);
            LeasePage { leases, next }
        })
        .await
    }

    fn lease_view(&self, state: &State, held: &HeldLease, instances_max: usize) -> LeaseView {
        let id = held.lease().id;
        LeaseView {
            held: held.clone(),
            instances: state.lease_instances(id).take(instances_max).cloned().collect(),
            vitality: self.shared.lessor.vitality(id),
        }
    }

    /// When to renew a lease next: a third of its time to live, less up to a fifth of that at random, so that those who
    /// came together do not renew together for ever.
    fn renew_after(&self, ttl: LeaseTtl) -> Duration {
        let third_ms = ttl.as_ms() / 3;
        let off_ms = self.shared.chance.draw() % (third_ms / 5 + 1);
        Duration::from_millis(third_ms - off_ms)
    }
}
