//! The reads: each waits for the barrier that its consistency asks for, and is answered from an immutable view.

use std::{sync::Arc, time::Duration};

use quorate_consensus::Status;
use quorate_model::{Consistency, Filter, Instance, InstanceId, InstanceKey, NamespaceName, ServiceKey, ServiceName};
use quorate_state::{Rejection, State};

use super::{Registry, Shared};
use crate::{Answer, Error, InstancePage, NodeStatus, Page, Resolved, ServicePage, ServiceSummary};

impl Registry {
    /// Answers one instance.
    pub async fn get_instance(
        &self,
        key: &InstanceKey,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<Arc<Instance>>, Error> {
        let answer = self.read(consistency, time_left, |state| state.instance(key)).await?;
        let Answer { header, value } = answer;
        let value = value.ok_or(Rejection::NotFound)?;
        Ok(Answer { header, value })
    }

    /// Answers the instances of a service that meet `filter`.
    pub async fn resolve(
        &self,
        key: &ServiceKey,
        filter: &Filter,
        consistency: Consistency,
        time_left: Duration,
    ) -> Result<Answer<Resolved>, Error> {
        self.read(consistency, time_left, |state| {
            let service = state.service(key);
            let all = service.iter().flat_map(|service| service.instances());
            Resolved {
                service_known: service.is_some(),
                instances: all.filter(|instance| filter.matches(instance)).cloned().collect(),
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
                available: service.instances().filter(|instance| instance.is_available()).count(),
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
        self.read(consistency, time_left, |state| {
            let service = state.service(key);
            let all = service.iter().flat_map(|service| service.instances());
            let (instances, next) = page.cut(size_max, all, |instance| &instance.key().id);
            InstancePage {
                service_known: service.is_some(),
                instances: instances.into_iter().cloned().collect(),
                next,
            }
        })
        .await
    }

    /// How this member sees itself and the cluster. Asks nobody, so that it also works without a quorum.
    pub fn status(&self) -> Answer<NodeStatus> {
        let Shared {
            consensus,
            reader,
            readiness,
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
