//! The frozen formats of values that commands, outcomes and objects are made of.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use quorate_model::{
    Address, AddressKind, Availability, Checks, Endpoint, Endpoints, Holder, Incarnation, InstanceKey, InstanceSpec,
    InvalidValue, Locality, Metadata, Port, ServiceKey, SpecParts, Tags, Weight,
};
use serde::{Deserialize, Serialize};

/// Encoded like a `String`; shared with the value that it comes from or becomes.
pub(super) type Text = Arc<str>;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyV1 {
    namespace: Text,
    service: Text,
    id: Text,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServiceKeyV1 {
    namespace: Text,
    service: Text,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SpecV1 {
    endpoints: Vec<EndpointV1>,
    version: Option<Text>,
    weight: u16,
    locality: LocalityV1,
    /// In the order of the keys.
    metadata: Vec<(Text, Text)>,
    /// In order.
    tags: Vec<Text>,
    owner: Option<Text>,
    incarnation: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EndpointV1 {
    address: AddressV1,
    port: u16,
    protocol: Option<Text>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AddressV1 {
    V4([u8; 4]),
    V6([u8; 16]),
    Host(Text),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LocalityV1 {
    region: Option<Text>,
    zone: Option<Text>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AvailabilityV1 {
    Enabled,
    Draining,
    Disabled,
}

/// Parses a text that may be absent.
pub(super) fn parse_optional<T>(text: Option<Text>) -> Result<Option<T>, InvalidValue>
where
    T: TryFrom<Text, Error = InvalidValue>,
{
    text.map(T::try_from).transpose()
}

pub(super) fn optional_text<T>(name: Option<&T>) -> Option<Text>
where
    T: Clone + Into<Text>,
{
    name.map(text)
}

/// The text of a name, shared with it.
pub(super) fn text<T: Clone + Into<Text>>(name: &T) -> Text {
    name.clone().into()
}

// === impl KeyV1 ===

impl From<&InstanceKey> for KeyV1 {
    fn from(key: &InstanceKey) -> Self {
        Self {
            namespace: text(&key.namespace),
            service: text(&key.service),
            id: text(&key.id),
        }
    }
}

impl TryFrom<KeyV1> for InstanceKey {
    type Error = InvalidValue;

    fn try_from(key: KeyV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            namespace: key.namespace.try_into()?,
            service: key.service.try_into()?,
            id: key.id.try_into()?,
        })
    }
}

// === impl ServiceKeyV1 ===

impl From<&ServiceKey> for ServiceKeyV1 {
    fn from(key: &ServiceKey) -> Self {
        Self {
            namespace: text(&key.namespace),
            service: text(&key.service),
        }
    }
}

impl TryFrom<ServiceKeyV1> for ServiceKey {
    type Error = InvalidValue;

    fn try_from(key: ServiceKeyV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            namespace: key.namespace.try_into()?,
            service: key.service.try_into()?,
        })
    }
}

// === impl SpecV1 ===

impl From<&InstanceSpec> for SpecV1 {
    fn from(spec: &InstanceSpec) -> Self {
        Self {
            endpoints: endpoints_v1(spec.endpoints()),
            version: optional_text(spec.version()),
            weight: spec.weight().get(),
            locality: spec.locality().into(),
            metadata: metadata_v1(spec.metadata()),
            tags: tags_v1(spec.tags()),
            owner: optional_text(spec.holder().owner.as_ref()),
            incarnation: spec.holder().incarnation.map(Incarnation::get),
        }
    }
}

impl SpecV1 {
    /// The spec with its checks, which are written apart from it.
    pub(super) fn parse(self, checks: Checks) -> Result<InstanceSpec, InvalidValue> {
        InstanceSpec::new(SpecParts {
            endpoints: parse_endpoints(self.endpoints)?,
            version: parse_optional(self.version)?,
            weight: Weight::new(self.weight),
            locality: self.locality.try_into()?,
            metadata: Metadata::parse(self.metadata)?,
            tags: Tags::parse(self.tags)?,
            holder: Holder {
                owner: parse_optional(self.owner)?,
                incarnation: self.incarnation.map(Incarnation::try_from).transpose()?,
            },
            checks,
        })
    }
}

pub(super) fn metadata_v1(metadata: &Metadata) -> Vec<(Text, Text)> {
    metadata.iter().map(|(key, value)| (text(key), text(value))).collect()
}

pub(super) fn tags_v1(tags: &Tags) -> Vec<Text> {
    tags.iter().map(text).collect()
}

// === impl EndpointV1 ===

pub(super) fn endpoints_v1(endpoints: &Endpoints) -> Vec<EndpointV1> {
    endpoints.iter().map(EndpointV1::from).collect()
}

pub(super) fn parse_endpoints(endpoints: Vec<EndpointV1>) -> Result<Endpoints, InvalidValue> {
    let endpoints: Result<Vec<Endpoint>, InvalidValue> = endpoints.into_iter().map(Endpoint::try_from).collect();
    endpoints?.try_into()
}

impl From<&Endpoint> for EndpointV1 {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            address: (&endpoint.address).into(),
            port: endpoint.port.get(),
            protocol: optional_text(endpoint.protocol.as_ref()),
        }
    }
}

impl TryFrom<EndpointV1> for Endpoint {
    type Error = InvalidValue;

    fn try_from(endpoint: EndpointV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            address: endpoint.address.try_into()?,
            port: Port::try_from(endpoint.port)?,
            protocol: parse_optional(endpoint.protocol)?,
        })
    }
}

// === impl AddressV1 ===

impl From<&Address> for AddressV1 {
    fn from(address: &Address) -> Self {
        match address.kind() {
            AddressKind::Ip(IpAddr::V4(ip)) => Self::V4(ip.octets()),
            AddressKind::Ip(IpAddr::V6(ip)) => Self::V6(ip.octets()),
            AddressKind::Host(name) => Self::Host(Arc::clone(name)),
        }
    }
}

impl TryFrom<AddressV1> for Address {
    type Error = InvalidValue;

    fn try_from(address: AddressV1) -> Result<Self, InvalidValue> {
        match address {
            AddressV1::V4(octets) => Ok(IpAddr::from(Ipv4Addr::from(octets)).into()),
            AddressV1::V6(octets) => Ok(IpAddr::from(Ipv6Addr::from(octets)).into()),
            AddressV1::Host(name) => name.parse(),
        }
    }
}

// === impl LocalityV1 ===

impl From<&Locality> for LocalityV1 {
    fn from(locality: &Locality) -> Self {
        Self {
            region: optional_text(locality.region.as_ref()),
            zone: optional_text(locality.zone.as_ref()),
        }
    }
}

impl TryFrom<LocalityV1> for Locality {
    type Error = InvalidValue;

    fn try_from(locality: LocalityV1) -> Result<Self, InvalidValue> {
        Ok(Self {
            region: parse_optional(locality.region)?,
            zone: parse_optional(locality.zone)?,
        })
    }
}

// === impl AvailabilityV1 ===

impl From<Availability> for AvailabilityV1 {
    fn from(availability: Availability) -> Self {
        match availability {
            Availability::Enabled => Self::Enabled,
            Availability::Draining => Self::Draining,
            Availability::Disabled => Self::Disabled,
        }
    }
}

impl From<AvailabilityV1> for Availability {
    fn from(availability: AvailabilityV1) -> Self {
        match availability {
            AvailabilityV1::Enabled => Self::Enabled,
            AvailabilityV1::Draining => Self::Draining,
            AvailabilityV1::Disabled => Self::Disabled,
        }
    }
}
