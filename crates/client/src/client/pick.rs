//! The request that has a member choose an instance.

use quorate_model::{Filter, Policy, ServiceName};
use quorate_proto::{
    registry as pb,
    request::{Choice, Pick},
};

use super::{Client, registry};
use crate::{Answer, Error, Picked};

// === impl Client ===

impl Client {
    /// One of the instances that [`Client::resolve`] would answer, chosen by `policy`. Instances of weight 0 are never
    /// chosen.
    ///
    /// Each member takes turns by itself for [`Policy::RoundRobin`].
    pub async fn pick(&self, service: &ServiceName, filter: Filter, policy: Policy) -> Result<Answer<Picked>, Error> {
        let request = |consistency| {
            pb::PickRequest::from(Pick {
                service: self.service_key(service),
                filter: filter.clone(),
                consistency,
                choice: Choice::By(policy.clone()),
            })
        };
        let send = |channel, request| async move { registry(channel).pick(request).await };
        self.read(request, send).await
    }
}
