//! The canonical bytes of objects written out by hand, so that the state hash has a second opinion.

use std::net::IpAddr;

use quorate_model::{AddressKind, Availability, Endpoint, InstanceParts, StateHash};
use xxhash_rust::xxh3::xxh3_128;

use crate::naive::Naive;

/// The hash of everything that the naive model knows, summed up from nothing.
pub(crate) fn hash(naive: &Naive) -> StateHash {
    let Some((id, epoch)) = naive.founded else {
        return StateHash::EMPTY;
    };
    let cluster = Canonical::of(0)
        .number(id.get())
        .number(epoch.get())
        .number(0_u64)
        .number(naive.last_member);
    let nonces = naive
        .nonces
        .iter()
        .map(|(member, nonce)| Canonical::of(1).number(*member).number(*nonce));
    let instances = naive.instances.iter().map(instance);
    std::iter::once(cluster)
        .chain(nonces)
        .chain(instances)
        .fold(StateHash::EMPTY, |sum, object| sum.plus(xxh3_128(&object.0)))
}

fn instance(instance: &InstanceParts) -> Canonical {
    let (key, spec) = (&instance.key, &instance.spec);
    let mut bytes = Canonical::of(2)
        .text(key.namespace.as_str())
        .text(key.service.as_str())
        .text(key.id.as_str())
        .number(spec.endpoints().as_slice().len() as u64);
    for each in spec.endpoints() {
        bytes = endpoint(bytes, each);
    }
    bytes = bytes
        .optional(spec.version(), |bytes, version| bytes.text(version.as_str()))
        .number(spec.weight().get())
        .optional(spec.locality().region.as_ref(), |bytes, region| {
            bytes.text(region.as_str())
        })
        .optional(spec.locality().zone.as_ref(), |bytes, zone| bytes.text(zone.as_str()))
        .number(spec.metadata().len() as u64);
    for (key, value) in spec.metadata() {
        bytes = bytes.text(key.as_str()).text(value.as_str());
    }
    bytes = bytes.number(spec.tags().len() as u64);
    for tag in spec.tags() {
        bytes = bytes.text(tag.as_str());
    }
    let availability = match instance.availability {
        Availability::Enabled => 0_u64,
        Availability::Draining => 1,
        Availability::Disabled => 2,
    };
    bytes
        .optional(spec.holder().owner.as_ref(), |bytes, owner| bytes.text(owner.as_str()))
        .optional(spec.holder().incarnation, |bytes, incarnation| {
            bytes.number(incarnation.get())
        })
        .number(availability)
        .number(instance.create_revision.get())
        .number(instance.modify_revision.get())
        .number(instance.generation.get())
        .number(instance.registered_at_ms)
}

fn endpoint(bytes: Canonical, endpoint: &Endpoint) -> Canonical {
    let bytes = match endpoint.address.kind() {
        AddressKind::Ip(IpAddr::V4(ip)) => bytes.number(0_u64).raw(&ip.octets()),
        AddressKind::Ip(IpAddr::V6(ip)) => bytes.number(1_u64).raw(&ip.octets()),
        AddressKind::Host(name) => bytes.number(2_u64).text(name),
    };
    bytes
        .number(endpoint.port.get())
        .optional(endpoint.protocol.as_ref(), |bytes, protocol| {
            bytes.text(protocol.as_str())
        })
}

struct Canonical(Vec<u8>);

impl Canonical {
    fn of(kind: u64) -> Self {
        Self(Vec::new()).number(kind)
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// One byte up to 250, else a marker of the width and as many bytes, the lowest first.
    fn number(self, value: impl Into<u128>) -> Self {
        let value: u128 = value.into();
        let (marker, width) = match value {
            0..=250 => return self.raw(&value.to_le_bytes()[..1]),
            251..=0xFFFF => (251, 2),
            0x1_0000..=0xFFFF_FFFF => (252, 4),
            0x1_0000_0000..=0xFFFF_FFFF_FFFF_FFFF => (253, 8),
            _ => (254, 16),
        };
        self.raw(&[marker]).raw(&value.to_le_bytes()[..width])
    }

    fn text(self, text: &str) -> Self {
        self.number(text.len() as u64).raw(text.as_bytes())
    }

    fn optional<T>(self, value: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            None => self.raw(&[0]),
            Some(value) => write(self.raw(&[1]), value),
        }
    }
}
