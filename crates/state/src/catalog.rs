//! The catalog: services and their instances, in persistent maps.
//!
//! A write copies the path to what it changes and shares the rest: O(log n), also in a service of 10,000
//! instances, and whatever views readers hold.

use std::{ops::Bound, sync::Arc};

use imbl::{OrdMap, ordmap::DiffItem};
use quorate_model::{Instance, InstanceId, InstanceKey, NamespaceName, ServiceKey, ServiceName, limits};

use crate::{Limit, Rejection};

/// A service and its instances at one revision: never empty, never changing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    key: ServiceKey,
    instances: OrdMap<InstanceId, Arc<Instance>>,
}

/// All services. One without instances is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Catalog {
    services: OrdMap<ServiceKey, Arc<Service>>,
    instance_count: usize,
    room: Room,
}

/// How many instances there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) per_service: usize,
    pub(crate) per_cluster: usize,
}

// === impl Service ===

impl Service {
    fn new(key: ServiceKey) -> Self {
        Self {
            key,
            instances: OrdMap::new(),
        }
    }

    /// What it is found by.
    pub fn key(&self) -> &ServiceKey {
        &self.key
    }

    /// The instance with this id, if there is one.
    pub fn get(&self, id: &InstanceId) -> Option<&Arc<Instance>> {
        self.instances.get(id)
    }

    /// Goes through the instances in the order of their ids.
    pub fn instances(&self) -> impl ExactSizeIterator<Item = &Arc<Instance>> {
        self.instances.values()
    }

    /// The instances, for whoever goes through a view without borrowing it.
    pub(crate) fn into_instances(self: Arc<Self>) -> impl Iterator<Item = Arc<Instance>> + Send {
        let instances = self.instances.clone();
        instances.into_iter().map(|(_, instance)| instance)
    }

    /// How many instances there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a service without instances is not there")]
    pub fn len(&self) -> usize {
        self.instances.len()
    }
}

// === impl Catalog ===

impl Catalog {
    #[cfg(test)]
    pub(crate) fn with_room(room: Room) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    pub(crate) fn service(&self, key: &ServiceKey) -> Option<&Arc<Service>> {
        self.services.get(key)
    }

    pub(crate) fn instance(&self, key: &InstanceKey) -> Option<&Arc<Instance>> {
        self.service(&key.service_key())?.get(&key.id)
    }

    /// An instance that is probably much like the one at `key`: itself, or else the first of its service.
    pub(crate) fn resembling(&self, key: &InstanceKey) -> Option<&Arc<Instance>> {
        let instances = &self.service(&key.service_key())?.instances;
        instances
            .get(&key.id)
            .or_else(|| instances.get_min().map(|(_, instance)| instance))
    }

    pub(crate) fn services(&self) -> impl ExactSizeIterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// The services, for whoever goes through a view without borrowing it.
    pub(crate) fn into_services(self) -> impl Iterator<Item = Arc<Service>> + Send {
        self.services.into_iter().map(|(_, service)| service)
    }

    /// The services of `namespace`, in the order of their names.
    pub(crate) fn services_in<'a>(&'a self, namespace: &'a NamespaceName) -> impl Iterator<Item = &'a Arc<Service>> {
        let first = ServiceKey {
            namespace: namespace.clone(),
            service: ServiceName::lowest(),
        };
        self.services
            .range((Bound::Included(first), Bound::Unbounded))
            .map(|(_, service)| service)
            .take_while(move |service| service.key.namespace == *namespace)
    }

    /// The services that have changed, as they are now.
    pub(crate) fn changes_since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a ServiceKey, Option<&'a Arc<Service>>)> {
        before.services.diff(&self.services).map(|change| match change {
            DiffItem::Add(key, new) | DiffItem::Update { new: (key, new), .. } => (key, Some(new)),
            DiffItem::Remove(key, _) => (key, None),
        })
    }

    pub(crate) fn instance_count(&self) -> usize {
        self.instance_count
    }

    /// Refuses one more instance at `key` when there is no room for it.
    pub(crate) fn check_room(&self, key: &InstanceKey) -> Result<(), Rejection> {
        let service_len = self.service(&key.service_key()).map_or(0, |service| service.len());
        let limit = if service_len >= self.room.per_service {
            Limit::InstancesPerService
        } else if self.instance_count >= self.room.per_cluster {
            Limit::InstancesPerCluster
        } else {
            return Ok(());
        };
        Err(Rejection::LimitExceeded { limit })
    }

    /// Puts an instance in its place and gives back the one that it replaces.
    pub(crate) fn put(&mut self, instance: Arc<Instance>) -> Option<Arc<Instance>> {
        let key = instance.key().service_key();
        let service = self
            .services
            .entry(key.clone())
            .or_insert_with(|| Arc::new(Service::new(key)));
        let id = instance.key().id.clone();
        let previous = Arc::make_mut(service).instances.insert(id, instance);
        if previous.is_none() {
            self.instance_count += 1;
        }
        previous
    }

    /// Takes an instance out, and its service with it if it was the last one.
    pub(crate) fn remove(&mut self, key: &InstanceKey) -> Option<Arc<Instance>> {
        let service_key = key.service_key();
        // Looked up first, because a mutable look-up copies the path even if there is nothing to remove.
        self.service(&service_key)?.get(&key.id)?;
        let service = Arc::make_mut(self.services.get_mut(&service_key)?);
        let removed = service.instances.remove(&key.id)?;
        if service.instances.is_empty() {
            self.services.remove(&service_key);
        }
        self.instance_count -= 1;
        Some(removed)
    }
}

// === impl Room ===

impl Default for Room {
    fn default() -> Self {
        Self {
            per_service: limits::INSTANCES_PER_SERVICE_MAX,
            per_cluster: limits::INSTANCES_PER_CLUSTER_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use quorate_model::{
        Availability, Endpoint, Endpoints, Generation, InstanceParts, InstanceSpec, Revision, SpecParts,
    };

    use super::*;

    fn instance(service: &str, id: &str) -> Arc<Instance> {
        let endpoint = Endpoint {
            address: "10.0.0.1".parse().unwrap(),
            port: "80".parse().unwrap(),
            protocol: None,
        };
        Arc::new(Instance::new(InstanceParts {
            key: InstanceKey {
                namespace: NamespaceName::default(),
                service: service.parse().unwrap(),
                id: id.parse().unwrap(),
            },
            spec: InstanceSpec::new(SpecParts::new(Endpoints::from(endpoint))).unwrap(),
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
    fn a_new_state_has_room_for_a_million_instances() {
        assert_eq!(Catalog::default().room.per_cluster, 1_000_000);
    }

    #[test]
    fn room_ends_at_the_limit_of_the_service_and_of_the_cluster() {
        let mut catalog = Catalog::with_room(Room {
            per_service: 2,
            per_cluster: 3,
        });
        let over = |limit| Err(Rejection::LimitExceeded { limit });
        let mut put = |service, id| {
            let instance = instance(service, id);
            let room = catalog.check_room(instance.key());
            if room.is_ok() {
                assert_eq!(catalog.put(instance), None);
            }
            room
        };
        assert_eq!(put("web", "a"), Ok(()));
        assert_eq!(put("web", "b"), Ok(()));
        assert_eq!(put("web", "c"), over(Limit::InstancesPerService));
        assert_eq!(put("api", "a"), Ok(()));
        assert_eq!(put("api", "b"), over(Limit::InstancesPerCluster));
        assert_eq!(put("new", "a"), over(Limit::InstancesPerCluster));

        assert!(catalog.remove(instance("web", "a").key()).is_some());
        assert_eq!(catalog.check_room(instance("new", "a").key()), Ok(()));
    }

    #[test]
    fn removing_what_is_not_there_copies_nothing() {
        let mut catalog = Catalog::default();
        catalog.put(instance("web", "a"));
        let view = catalog.clone();
        assert_eq!(catalog.remove(instance("web", "b").key()), None);
        assert_eq!(catalog.remove(instance("api", "a").key()), None);
        let service = instance("web", "a").key().service_key();
        let (one, other) = (catalog.service(&service).unwrap(), view.service(&service).unwrap());
        assert!(Arc::ptr_eq(one, other));
        assert_eq!(catalog.instance_count(), 1);
    }
}
