//! Random values of the model, for the round trips.

use std::{collections::BTreeMap, num::NonZeroU64};

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
};
use quorate_model::{
    Address, Availability, Consistency, Endpoint, Endpoints, Filter, Generation, Holder, Incarnation, Include,
    Instance, InstanceKey, InstanceParts, InstancePatch, InstanceSpec, InvalidValue, Locality, Metadata, Patch, Port,
    Revision, Selectors, SpecParts, Tags, Weight,
};

/// A text of the model, drawn by a pattern.
fn text<T>(pattern: &'static str) -> impl Strategy<Value = T>
where
    T: TryFrom<String, Error = InvalidValue> + std::fmt::Debug + Clone,
{
    proptest::string::string_regex(pattern)
        .unwrap()
        .prop_map(|text| T::try_from(text).unwrap())
}

fn name<T>() -> impl Strategy<Value = T>
where
    T: TryFrom<String, Error = InvalidValue> + std::fmt::Debug + Clone,
{
    text("[A-Za-z0-9._-]{1,40}")
}

pub(crate) fn key() -> impl Strategy<Value = InstanceKey> {
    (name(), name(), name()).prop_map(|(namespace, service, id)| InstanceKey { namespace, service, id })
}

fn address() -> impl Strategy<Value = Address> {
    let host = "[a-z][a-z0-9]{0,10}(\\.[a-z][a-z0-9]{0,10}){0,3}";
    prop_oneof![any::<std::net::IpAddr>().prop_map(Address::from), text::<Address>(host)]
}

fn port() -> impl Strategy<Value = Port> {
    (1..=u16::MAX).prop_map(|port| Port::try_from(port).unwrap())
}

pub(crate) fn endpoints() -> impl Strategy<Value = Endpoints> {
    let endpoint = (address(), port(), option::of(name()));
    let endpoint = endpoint.prop_map(|(address, port, protocol)| Endpoint {
        address,
        port,
        protocol,
    });
    vec(endpoint, 1..=16).prop_map(|list| Endpoints::try_from(list).unwrap())
}

fn locality() -> impl Strategy<Value = Locality> {
    (option::of(name()), option::of(name())).prop_map(|(region, zone)| Locality { region, zone })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    btree_map(text("[A-Za-z0-9._/:-]{1,30}"), text("[^\\p{Cc}]{0,20}"), 0..8)
        .prop_map(|entries: BTreeMap<_, _>| Metadata::try_from(entries).unwrap())
}

fn tags() -> impl Strategy<Value = Tags> {
    vec("[^\\p{Cc}]{1,20}", 0..8).prop_map(|tags| Tags::parse(tags).unwrap())
}

fn holder() -> impl Strategy<Value = Holder> {
    let incarnation = any::<NonZeroU64>().prop_map(Incarnation::new);
    (option::of(text("[^\\p{Cc}]{1,10}")), option::of(incarnation))
        .prop_map(|(owner, incarnation)| Holder { owner, incarnation })
}

pub(crate) fn spec() -> impl Strategy<Value = InstanceSpec> {
    let version = option::of(text("[!-~]{1,20}"));
    let parts = (
        endpoints(),
        version,
        any::<u16>(),
        locality(),
        metadata(),
        tags(),
        holder(),
    );
    parts.prop_map(|(endpoints, version, weight, locality, metadata, tags, holder)| {
        let weight = Weight::new(weight);
        InstanceSpec::new(SpecParts {
            endpoints,
            version,
            weight,
            locality,
            metadata,
            tags,
            holder,
        })
        .unwrap()
    })
}

pub(crate) fn availability() -> impl Strategy<Value = Availability> {
    prop_oneof![
        Just(Availability::Enabled),
        Just(Availability::Draining),
        Just(Availability::Disabled)
    ]
}

pub(crate) fn generation() -> impl Strategy<Value = Option<Generation>> {
    option::of(any::<u64>().prop_map(Generation::new))
}

pub(crate) fn consistency() -> impl Strategy<Value = Consistency> {
    prop_oneof![Just(Consistency::Stale), Just(Consistency::Linearizable)]
}

pub(crate) fn instance() -> impl Strategy<Value = Instance> {
    (key(), spec(), availability(), any::<[u64; 4]>()).prop_map(|(key, spec, availability, numbers)| {
        Instance::new(InstanceParts {
            key,
            spec,
            availability,
            create_revision: Revision::new(numbers[0]),
            modify_revision: Revision::new(numbers[1]),
            generation: Generation::new(numbers[2]),
            registered_at_ms: numbers[3],
        })
    })
}

pub(crate) fn patch() -> impl Strategy<Value = InstancePatch> {
    let version = prop_oneof![
        Just(Patch::Keep),
        Just(Patch::Clear),
        text("[!-~]{1,20}").prop_map(Patch::Set)
    ];
    let weight = option::of(any::<u16>().prop_map(Weight::new));
    let (endpoints, locality) = (option::of(endpoints()), option::of(locality()));
    let parts = (
        endpoints,
        version,
        weight,
        locality,
        option::of(metadata()),
        option::of(tags()),
    );
    parts.prop_map(|(endpoints, version, weight, locality, metadata, tags)| InstancePatch {
        endpoints,
        version,
        weight,
        locality,
        metadata,
        tags,
    })
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let version = option::of(prop_oneof![
        Just(">=1.2.3, <2.0.0".to_owned()),
        Just("^1".to_owned()),
        "[0-9a-z]{1,8}"
    ]);
    let selectors = vec("(!?[a-z]{1,5}|[a-z]{1,5}!?=[a-z=!]{0,5})", 0..4);
    let endpoint = (option::of(address()), option::of(port()), option::of(name()));
    let include = prop_oneof![Just(Include::Available), Just(Include::All)];
    (version, endpoint, tags(), selectors, option::of(name()), include).prop_map(
        |(version, (address, port, protocol), tags, selectors, zone, include)| Filter {
            version: version.map(|text| text.parse().unwrap()),
            address,
            port,
            protocol,
            tags,
            metadata: Selectors::parse(selectors).unwrap(),
            zone,
            include,
        },
    )
}
