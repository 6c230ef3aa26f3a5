//! One instance instead of many.

use quorate_model::{Candidate, Filter, Found, Policy, ServiceName, pick};
use quorate_proto::{
    registry as pb,
    request::{Choice, Pick},
};

use super::{Client, registry};
use crate::{Answer, Error, Instances, Picked};

// === impl Client ===

impl Client {
    /// One of the instances that [`Client::resolve`] would answer, chosen by `policy`. Instances of weight 0 are never
    /// chosen.
    ///
    /// Each member takes turns by itself for [`Policy::RoundRobin`]. Whoever chooses often resolves once in a while, and
    /// chooses with [`pick_from`](Self::pick_from) in between.
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

    /// One of the instances of an answer, chosen here as a member would choose: none if all have weight 0, or there are
    /// none. With [`Policy::RoundRobin`] this client and its clones count together, over all services.
    ///
    /// ```no_run
    /// # use quorate_client::{Client, Error, model::{Filter, Policy, ServiceName}};
    /// # async fn example(client: Client, service: ServiceName) -> Result<(), Error> {
    /// let answer = client.resolve(&service, Filter::default()).await?;
    /// for _ in 0..10 {
    ///     if let Some(instance) = client.pick_from(&answer.value, &Policy::Weighted) {
    ///         println!("call {}", instance.key());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn pick_from<'a>(&self, instances: &'a Instances, policy: &Policy) -> Option<&'a Found> {
        let draw = match policy {
            Policy::RoundRobin => self.caller.next_turn(),
            Policy::Random | Policy::Weighted | Policy::ConsistentHash(_) | Policy::ZoneFirst { .. } => {
                self.caller.draw()
            }
        };
        let place = pick(policy, instances.instances.iter().map(Candidate::from), draw)?;
        instances.instances.get(place)
    }
}

#[cfg(test)]
mod tests {
    use quorate_model::{Availability, Generation, Instance, InstanceKey, InstanceParts, NamespaceName, Revision};

    use super::*;
    use crate::testing;

    fn found(id: &str) -> Found {
        Found::undisturbed(Instance::new(InstanceParts {
            key: InstanceKey {
                namespace: NamespaceName::default(),
                service: "s".parse().unwrap(),
                id: id.parse().unwrap(),
            },
            spec: testing::registration().spec,
            availability: Availability::Enabled,
            create_revision: Revision::new(1),
            modify_revision: Revision::new(1),
            generation: Generation::new(1),
            registered_at_ms: 0,
            lease: None,
            lapse: None,
            drains_until: None,
            checks: Box::default(),
        }))
    }

    #[test]
    fn clones_take_turns_and_keys_stay_where_they_are() {
        let instances = Instances {
            service_known: true,
            instances: vec![found("a"), found("b"), found("c")],
            guards: Vec::new(),
        };
        let builder = Client::builder().endpoints(["127.0.0.1:1".parse().unwrap()]);
        let client = builder.seed(1).build().unwrap();
        let pick = |client: &Client, policy: &Policy| {
            let picked = client.pick_from(&instances, policy).expect("there are three");
            picked.key().id.to_string()
        };
        let turns: Vec<_> = (0..6).map(|_| pick(&client.clone(), &Policy::RoundRobin)).collect();
        assert_eq!(turns, ["a", "b", "c", "a", "b", "c"]);
        let by_key = Policy::ConsistentHash(b"user-7".to_vec().try_into().unwrap());
        let first = pick(&client, &by_key);
        assert!((0..20).all(|_| pick(&client, &by_key) == first));
        let none = Instances {
            service_known: false,
            instances: Vec::new(),
            guards: Vec::new(),
        };
        assert!(client.pick_from(&none, &Policy::Random).is_none());
    }
}
