//! The reads: each waits for the barrier that its consistency asks for, and is answered from an immutable view.

use std::{sync::Arc, time::Duration};

use quorate_consensus::Status;
use quorate_model::{
    Candidate, Consistency, Filter, Found, Include, InstanceId, InstanceKey, NamespaceName, Policy, ServiceKey,
    ServiceName, limits, pick,
};
use quorate_state::{Rejection, Service, State};

use super::{Registry, Shared};
use crate::{Answer, Error, GuardList, InstancePage, NodeStatus, Page, Picked, ServicePage, ServiceSummary};

impl Registry {
    /// Answers one instance.
    pub async fn get_instance(
        &self,
        key: &InstanceKey,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<Found>, Error> {
        let look = |state: &State| {
            let instance = state.instance(key)?;
            let standing = state.standings(&key.service_key()).standing(&instance);
            Some(Found { instance, standing })
        };
        let Answer { header, value } = self.read(consistency, time_left, look).await?;
        let value = value.ok_or(Rejection::NotFound)?;
        Ok(Answer { header, value })
    }

    /// Answers those instances of a service that `filter` asks for: the part of them that `page` asks for, of any
    /// size.
    pub async fn resolve(
        &self,
        key: &ServiceKey,
        filter: &Filter,
        page: &Page<InstanceId>,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<InstancePage>, Error> {
        self.read(consistency, time_left, |state| {
            instances(state, key, filter, page, limits::INSTANCES_PER_SERVICE_MAX)
        })
        .await
    }

    /// Answers one of the instances of a service that `filter` asks for, chosen by `policy`.
    pub async fn pick(
        &self,
        key: &ServiceKey,
        filter: &Filter,
        policy: &Policy,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<Picked>, Error> {
        let draw = match policy {
            Policy::RoundRobin => self.shared.chance.turn(&(key, filter)),
            Policy::Random | Policy::Weighted | Policy::ConsistentHash(_) | Policy::ZoneFirst { .. } => {
                self.shared.chance.draw()
            }
        };
        self.read(consistency, time_left, |state| {
            let service = state.service(key);
            let matching: Vec<Found> = service
                .as_deref()
                .map(|service| matching(state, service, filter).collect())
                .unwrap_or_default();
            let place = pick(policy, matching.iter().map(Candidate::from), draw);
            Picked {
                service_known: service.is_some(),
                instance: place.and_then(|place| matching.into_iter().nth(place)),
            }
        })
        .await
    }

    /// Lists the services of a namespace.
    pub async fn list_services(
        &self,
        namespace: &NamespaceName,
        page: &Page<ServiceName>,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<ServicePage>, Error> {
        let size_max = self.shared.limits.page_size_max;
        self.read(consistency, time_left, |state| {
            let all = state.services(namespace);
            let (services, next) = page.cut(size_max, all, |service| &service.key().service);
            let services = services.into_iter().map(|service| ServiceSummary {
                name: service.key().service.clone(),
                instances: service.len(),
                available: matching(state, service, &Filter::default()).count(),
            });
            ServicePage {
                services: services.collect(),
                next,
            }
        })
        .await
    }

    /// Lists the instances of a service, whatever their state.
    pub async fn list_instances(
        &self,
        key: &ServiceKey,
        page: &Page<InstanceId>,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<InstancePage>, Error> {
        let size_max = self.shared.limits.page_size_max;
        let everything = Filter {
            include: Include::All,
            ..Filter::default()
        };
        self.read(consistency, time_left, |state| {
            instances(state, key, &everything, page, size_max)
        })
        .await
    }

    /// How this member sees itself and the cluster. Asks nobody, so that it also works without a quorum.
    pub fn status(&self) -> Answer<NodeStatus> {
        let Shared {
            consensus,
            reader,
            readiness,
            free_disk_bytes,
            lessor,
            ..
        } = &*self.shared;
        let reading = reader.reading();
        let state = &reading.state;
        let Status {
            role,
            last_log,
            members,
            ..
        } = consensus.status();
        let value = NodeStatus {
            role,
            ready: readiness.is_ready(),
            last_log,
            applied: state.applied(),
            state_hash: state.hash(),
            services: state.all_services().len(),
            instances: state.instance_count(),
            members,
            read_only: consensus.read_only(),
            free_disk_bytes: *free_disk_bytes.borrow(),
            leases: lessor.status(),
        };
        let header = self.header(&reading);
        Answer { header, value }
    }

    pub(super) async fn read<T>(
        &self,
        consistency: Consistency,
        time_left: Duration,
        look: impl FnOnce(&State) -> T,
    ) -> Result<Answer<T>, Error> {
        let deadline = self.deadline(time_left);
        let reading = self.shared.reader.read(consistency, &deadline).await?;
        let value = look(&reading.state);
        let header = self.header(&reading);
        Ok(Answer { header, value })
    }
}

/// The part that `page` asks for of the instances that `filter` asks for.
fn instances(
    state: &State,
    key: &ServiceKey,
    filter: &Filter,
    page: &Page<InstanceId>,
    size_max: usize,
) -> InstancePage {
    let Some(service) = state.service(key) else {
        return InstancePage::default();
    };
    let (instances, next) = page.cut(size_max, matching(state, &service, filter), |found| &found.key().id);
    InstancePage {
        service_known: true,
        instances,
        next,
        guards: GuardList {
            guards: state.guards_of(key),
            now: state.log_time(),
        },
    }
}

/// The instances of a service that `filter` asks for, as they stand.
fn matching(state: &State, service: &Service, filter: &Filter) -> impl Iterator<Item = Found> {
    let standings = state.standings(service.key());
    service.instances().filter_map(move |instance| {
        let standing = standings.standing(instance);
        filter.matches(instance, &standing).then(|| Found {
            instance: Arc::clone(instance),
            standing,
        })
    })
}
