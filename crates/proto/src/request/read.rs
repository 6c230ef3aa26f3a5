//! Requests that read the catalog.

use std::num::NonZeroUsize;

use quorate_model::{Filter, InvalidValue, Port, Selectors, ServiceKey};

use crate::{
    convert::{
        self, InvalidField,
        field::{self, Field as _, nonzero, optional, optional_to_wire, text},
    },
    registry as pb,
    request::{GetInstance, ListInstances, ListServices, Page, Resolve, ResolvePage, write::key},
};

// === impl GetInstance ===

impl TryFrom<pb::GetInstanceRequest> for GetInstance {
    type Error = InvalidField;

    fn try_from(message: pb::GetInstanceRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            key: key(message.namespace, message.service, message.id)?,
            consistency: convert::consistency(message.consistency)?,
        })
    }
}

impl From<GetInstance> for pb::GetInstanceRequest {
    fn from(request: GetInstance) -> Self {
        Self {
            namespace: request.key.namespace.into(),
            service: request.key.service.into(),
            id: request.key.id.into(),
            consistency: Some(convert::consistency_to_wire(request.consistency)),
        }
    }
}

// === impl Resolve ===

impl TryFrom<pb::ResolveRequest> for Resolve {
    type Error = InvalidField;

    fn try_from(message: pb::ResolveRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            service: service_key(message.namespace, message.service)?,
            consistency: convert::consistency(message.consistency)?,
            filter: Filter {
                version: optional("version", message.version)?,
                address: optional("address", message.address)?,
                port: nonzero("port", message.port)?,
                protocol: optional("protocol", message.protocol)?,
                tags: field::tags(message.tags)?,
                metadata: Selectors::parse(&message.selectors).field("selectors")?,
                zone: optional("zone", message.zone)?,
                include: convert::include(message.include)?,
                health: convert::health_set(&message.health)?,
                availability: convert::availability_set(&message.availability)?,
            },
            page: ResolvePage::new(entries(message.page_size), optional("page_token", message.page_token)?),
        })
    }
}

impl From<Resolve> for pb::ResolveRequest {
    fn from(request: Resolve) -> Self {
        let Resolve {
            service,
            filter,
            consistency,
            page,
        } = request;
        let health = filter.health.iter().map(convert::health_to_wire);
        let availability = filter.availability.iter().map(convert::availability_to_wire);
        let size = page.size().map_or(0, NonZeroUsize::get);
        Self {
            namespace: service.namespace.into(),
            service: service.service.into(),
            version: optional_to_wire(filter.version.as_ref()),
            tags: field::tags_to_wire(&filter.tags),
            selectors: filter.metadata.as_slice().iter().map(ToString::to_string).collect(),
            zone: optional_to_wire(filter.zone.as_ref()),
            address: optional_to_wire(filter.address.as_ref()),
            port: filter.port.map_or(0, Port::get).into(),
            protocol: optional_to_wire(filter.protocol.as_ref()),
            include: convert::include_to_wire(filter.include).into(),
            consistency: Some(convert::consistency_to_wire(consistency)),
            health: health.map(Into::into).collect(),
            availability: availability.map(Into::into).collect(),
            page_size: u32::try_from(size).expect("no service has so many instances"),
            page_token: optional_to_wire(page.after()),
        }
    }
}

// === impl ListServices ===

impl TryFrom<pb::ListServicesRequest> for ListServices {
    type Error = InvalidField;

    fn try_from(message: pb::ListServicesRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            namespace: field::namespace(message.namespace)?,
            consistency: convert::consistency(message.consistency)?,
            page: page(message.page_size, message.page_token)?,
        })
    }
}

impl From<ListServices> for pb::ListServicesRequest {
    fn from(request: ListServices) -> Self {
        Self {
            namespace: request.namespace.into(),
            consistency: Some(convert::consistency_to_wire(request.consistency)),
            page_size: page_size_to_wire(&request.page),
            page_token: optional_to_wire(request.page.after()),
        }
    }
}

// === impl ListInstances ===

impl TryFrom<pb::ListInstancesRequest> for ListInstances {
    type Error = InvalidField;

    fn try_from(message: pb::ListInstancesRequest) -> Result<Self, InvalidField> {
        Ok(Self {
            service: service_key(message.namespace, message.service)?,
            consistency: convert::consistency(message.consistency)?,
            page: page(message.page_size, message.page_token)?,
        })
    }
}

impl From<ListInstances> for pb::ListInstancesRequest {
    fn from(request: ListInstances) -> Self {
        Self {
            namespace: request.service.namespace.into(),
            service: request.service.service.into(),
            consistency: Some(convert::consistency_to_wire(request.consistency)),
            page_size: page_size_to_wire(&request.page),
            page_token: optional_to_wire(request.page.after()),
        }
    }
}

pub(super) fn service_key(namespace: String, service: String) -> Result<ServiceKey, InvalidField> {
    Ok(ServiceKey {
        namespace: field::namespace(namespace)?,
        service: text("service", service)?,
    })
}

fn page<K>(size: u32, token: String) -> Result<Page<K>, InvalidField>
where
    K: TryFrom<String, Error = InvalidValue>,
{
    Ok(Page::new(entries(size), optional("page_token", token)?))
}

/// A size that does not fit is larger than the largest page anyway.
pub(super) fn entries(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

pub(super) fn page_size_to_wire<K>(page: &Page<K>) -> u32 {
    u32::try_from(page.size()).expect("a page is never larger than PAGE_SIZE_MAX")
}
