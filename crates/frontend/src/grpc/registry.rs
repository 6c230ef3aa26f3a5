//! The registry service.

use std::num::NonZeroUsize;

use quorate_model::{LeaseId, Policy};
use quorate_proto::{
    registry::{self as pb, registry_server},
    request::{
        self, Choice, Deregister, GetInstance, Keyed, ListInstances, ListServices, Pick, Register, ReportCheck,
        Resolve, SetAvailability, Update, WriteBatch,
    },
    status::Reason,
};
use quorate_registry::{InstancePage, Page, Registration, Registry, ServiceSummary, Updated};
use tonic::{Request, Response, Status};

use super::{Limits, answer, edge::TimeLeft, error::status};
use batch::Received;

mod batch;

/// Answers what is asked of the registry.
#[derive(Debug, Clone)]
pub(super) struct RegistryDoor {
    registry: Registry,
    limits: Limits,
}

// === impl RegistryDoor ===

impl RegistryDoor {
    pub(super) fn new(registry: Registry, limits: Limits) -> Self {
        Self { registry, limits }
    }
}

#[tonic::async_trait]
impl registry_server::Registry for RegistryDoor {
    async fn register(&self, request: Request<pb::RegisterRequest>) -> Result<Response<pb::RegisterResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let Keyed { write, key: once } = message.try_into()?;
        let asked = self.registry.register(registration(write), once, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::RegisterResponse {
            header: Some(answer::header(answer.header)),
            generation: answer.value.generation.get(),
            change: answer::change(answer.value.change).into(),
            lease_id: answer.value.lease.map_or(0, LeaseId::get),
        }))
    }

    async fn update(&self, request: Request<pb::UpdateRequest>) -> Result<Response<pb::UpdateResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let Keyed { write, key: once } = message.try_into()?;
        let Update { key, generation, patch } = write;
        let asked = self.registry.update(key, generation, patch, once, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        let Updated { generation, effect } = answer.value;
        Ok(Response::new(pb::UpdateResponse {
            header: Some(answer::header(answer.header)),
            generation: generation.get(),
            changed: answer::changed(effect),
        }))
    }

    async fn deregister(
        &self,
        request: Request<pb::DeregisterRequest>,
    ) -> Result<Response<pb::DeregisterResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let Keyed { write, key: once } = message.try_into()?;
        let Deregister { key, generation } = write;
        let asked = self.registry.deregister(key, generation, once, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::DeregisterResponse {
            header: Some(answer::header(answer.header)),
            existed: answer.value,
        }))
    }

    async fn set_availability(
        &self,
        request: Request<pb::SetAvailabilityRequest>,
    ) -> Result<Response<pb::SetAvailabilityResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let Keyed { write, key: once } = message.try_into()?;
        let SetAvailability {
            key,
            generation,
            availability,
            drain,
        } = write;
        let asked = self
            .registry
            .set_availability(key, availability, drain, generation, once, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        let Updated { generation, effect } = answer.value;
        Ok(Response::new(pb::SetAvailabilityResponse {
            header: Some(answer::header(answer.header)),
            generation: generation.get(),
            changed: answer::changed(effect),
        }))
    }

    async fn report_check(
        &self,
        request: Request<pb::ReportCheckRequest>,
    ) -> Result<Response<pb::ReportCheckResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let ReportCheck {
            key,
            generation,
            check,
            verdict,
            output,
        } = message.try_into()?;
        let found = (verdict, output);
        let asked = self.registry.report_check(key, generation, check, found, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::ReportCheckResponse {
            header: Some(answer::header(answer.header)),
            changed: answer::changed(answer.value.effect),
        }))
    }

    async fn write_batch(
        &self,
        request: Request<pb::WriteBatchRequest>,
    ) -> Result<Response<pb::WriteBatchResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let WriteBatch { items, key: once } = WriteBatch::try_from(message)?;
        let Received { writes, refused } = Received::from(items);
        let asked = self.registry.write_batch(writes, once, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::WriteBatchResponse {
            header: Some(answer::header(answer.header)),
            outcomes: batch::outcomes(refused, answer.value),
        }))
    }

    async fn get_instance(
        &self,
        request: Request<pb::GetInstanceRequest>,
    ) -> Result<Response<pb::GetInstanceResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let GetInstance { key, consistency } = message.try_into()?;
        let asked = self.registry.get_instance(&key, consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::GetInstanceResponse {
            header: Some(answer::header(answer.header)),
            instance: Some((&answer.value).into()),
        }))
    }

    async fn resolve(&self, request: Request<pb::ResolveRequest>) -> Result<Response<pb::ResolveResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let Resolve {
            service,
            filter,
            consistency,
            page: wanted,
        } = message.try_into()?;
        let page = Page {
            size: wanted.size().map_or(usize::MAX, NonZeroUsize::get),
            after: wanted.after().cloned(),
        };
        let asked = self.registry.resolve(&service, &filter, &page, consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        let InstancePage {
            service_known,
            instances,
            next,
            guards,
        } = answer.value;
        let (instances, next) = match wanted.size() {
            Some(_) => {
                let (instances, cut_behind) = answer::page(&instances, self.limits.page_len_max);
                (instances, cut_behind.or(next))
            }
            None => (answer::whole(&instances, self.limits.answer_len_max)?, next),
        };
        Ok(Response::new(pb::ResolveResponse {
            header: Some(answer::header(answer.header)),
            service_known,
            instances,
            next_page_token: next.map(String::from).unwrap_or_default(),
            guards: answer::guards(&guards),
        }))
    }

    async fn pick(&self, request: Request<pb::PickRequest>) -> Result<Response<pb::PickResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let Pick {
            service,
            filter,
            consistency,
            choice,
        } = message.try_into()?;
        let policy = known_policy(choice)?;
        let asked = self.registry.pick(&service, &filter, &policy, consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::PickResponse {
            header: Some(answer::header(answer.header)),
            service_known: answer.value.service_known,
            instance: answer.value.instance.as_ref().map(pb::Instance::from),
        }))
    }

    async fn list_services(
        &self,
        request: Request<pb::ListServicesRequest>,
    ) -> Result<Response<pb::ListServicesResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let ListServices {
            namespace,
            consistency,
            page,
        } = message.try_into()?;
        let page = wanted(&page);
        let asked = self.registry.list_services(&namespace, &page, consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        Ok(Response::new(pb::ListServicesResponse {
            header: Some(answer::header(answer.header)),
            services: answer.value.services.into_iter().map(summary).collect(),
            next_page_token: answer.value.next.map(String::from).unwrap_or_default(),
        }))
    }

    async fn list_instances(
        &self,
        request: Request<pb::ListInstancesRequest>,
    ) -> Result<Response<pb::ListInstancesResponse>, Status> {
        let (message, time_left) = TimeLeft::split(request);
        let ListInstances {
            service,
            consistency,
            page,
        } = message.try_into()?;
        let page = wanted(&page);
        let asked = self.registry.list_instances(&service, &page, consistency, time_left);
        let answer = asked.await.map_err(|error| status(&error))?;
        let (instances, cut_behind) = answer::page(&answer.value.instances, self.limits.page_len_max);
        let next = cut_behind.or(answer.value.next);
        Ok(Response::new(pb::ListInstancesResponse {
            header: Some(answer::header(answer.header)),
            service_known: answer.value.service_known,
            instances,
            next_page_token: next.map(String::from).unwrap_or_default(),
        }))
    }
}

fn registration(asked: Register) -> Registration {
    let Register {
        key,
        spec,
        takeover,
        lifetime,
    } = asked;
    Registration {
        key,
        spec,
        takeover,
        lifetime,
    }
}

/// Nobody reports load yet: to choose by it all the same would be a guess.
fn known_policy(choice: Choice) -> Result<Policy, Status> {
    match choice {
        Choice::By(policy) => Ok(policy),
        Choice::LeastLoad => Err(Reason::Unimplemented
            .status("instances do not report their load yet: choose by another policy, such as WEIGHTED")),
    }
}

pub(super) fn wanted<K: Clone>(page: &request::Page<K>) -> Page<K> {
    Page {
        size: page.size(),
        after: page.after().cloned(),
    }
}

fn summary(service: ServiceSummary) -> pb::ServiceSummary {
    pb::ServiceSummary {
        name: service.name.into(),
        instances: answer::count(service.instances),
        available: answer::count(service.available),
    }
}
