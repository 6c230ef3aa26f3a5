//! Requests come back from the wire as they were, and bad ones are refused by field.

use std::num::NonZeroU64;

use proptest::prelude::*;
use quorate_model::{InstanceKey, LeaseId, LeaseTtl, SpecParts};

use super::*;
use crate::{
    convert::{InvalidField, strategies, tests::endpoint},
    registry as pb,
};

mod fuzz;
mod lease;
mod once;
mod operator;

/// Sends a request through its message and back.
fn sent<R, M>(request: R) -> R
where
    M: From<R> + TryInto<R, Error = InvalidField>,
{
    M::from(request).try_into().unwrap()
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![
        Just(Lifetime::Persistent),
        (2_000..=86_400_000_u64).prop_map(|ms| Lifetime::Ttl(LeaseTtl::from_ms(ms).unwrap())),
        (1..=u64::MAX).prop_map(|id| Lifetime::Lease(LeaseId::new(id))),
    ]
}

/// What is intended for an instance, and how long it drains if that is it.
fn intent() -> impl Strategy<Value = (Availability, Option<DrainTime>)> {
    let drain = proptest::option::of(1..=86_400_000_u64);
    (strategies::availability(), drain).prop_map(|(availability, ms)| {
        let ms = ms.filter(|_| availability == Availability::Draining);
        (availability, ms.map(|ms| DrainTime::from_ms(ms).unwrap()))
    })
}

fn register_request() -> impl Strategy<Value = Register> {
    let takeover = prop_oneof![Just(Takeover::Allowed), Just(Takeover::Forbidden)];
    (strategies::key(), strategies::spec(), takeover, lifetime()).prop_map(|(key, spec, takeover, lifetime)| Register {
        key,
        spec,
        takeover,
        lifetime,
    })
}

fn report_check() -> impl Strategy<Value = ReportCheck> {
    let named = (strategies::key(), strategies::generation(), strategies::check());
    let found = (strategies::verdict(), strategies::output());
    (named, found).prop_map(|((key, generation, check), (verdict, output))| ReportCheck {
        key,
        generation,
        check: check.name,
        verdict,
        output,
    })
}

proptest! {
    #[test]
    fn register_comes_back(request in register_request()) {
        prop_assert_eq!(sent::<_, pb::RegisterRequest>(request.clone()), request);
    }

    #[test]
    fn update_comes_back(key in strategies::key(), generation in strategies::generation(), patch in strategies::patch()) {
        let request = Update { key, generation, patch };
        prop_assert_eq!(sent::<_, pb::UpdateRequest>(request.clone()), request);
    }

    #[test]
    fn deregister_comes_back(key in strategies::key(), generation in strategies::generation()) {
        let request = Deregister { key, generation };
        prop_assert_eq!(sent::<_, pb::DeregisterRequest>(request.clone()), request);
    }

    #[test]
    fn set_availability_comes_back(
        key in strategies::key(),
        generation in strategies::generation(),
        (availability, drain) in intent(),
    ) {
        let request = SetAvailability { key, generation, availability, drain };
        prop_assert_eq!(sent::<_, pb::SetAvailabilityRequest>(request.clone()), request);
    }

    #[test]
    fn report_check_comes_back(request in report_check()) {
        prop_assert_eq!(sent::<_, pb::ReportCheckRequest>(request.clone()), request);
    }

    #[test]
    fn get_instance_comes_back(key in strategies::key(), consistency in strategies::consistency()) {
        let request = GetInstance { key, consistency };
        prop_assert_eq!(sent::<_, pb::GetInstanceRequest>(request.clone()), request);
    }

    #[test]
    fn resolve_comes_back(
        key in strategies::key(),
        filter in strategies::filter(),
        consistency in strategies::consistency(),
        page in strategies::resolve_page(),
    ) {
        let request = Resolve { service: key.service_key(), filter, consistency, page };
        prop_assert_eq!(sent::<_, pb::ResolveRequest>(request.clone()), request);
    }

    #[test]
    fn pick_comes_back(
        key in strategies::key(),
        filter in strategies::filter(),
        consistency in strategies::consistency(),
        choice in strategies::choice(),
    ) {
        let request = Pick { service: key.service_key(), filter, consistency, choice };
        prop_assert_eq!(sent::<_, pb::PickRequest>(request.clone()), request);
    }

    #[test]
    fn listings_come_back(
        key in strategies::key(),
        consistency in strategies::consistency(),
        size: usize,
        continued: bool,
    ) {
        let services = ListServices {
            namespace: key.namespace.clone(),
            consistency,
            page: Page::new(size, continued.then(|| key.service.clone())),
        };
        prop_assert_eq!(sent::<_, pb::ListServicesRequest>(services.clone()), services);
        let instances = ListInstances {
            service: key.service_key(),
            consistency,
            page: Page::new(size, continued.then_some(key.id)),
        };
        prop_assert_eq!(sent::<_, pb::ListInstancesRequest>(instances.clone()), instances);
    }
}

#[test]
fn an_absent_weight_is_the_default_one() {
    let message = pb::RegisterRequest {
        weight: None,
        ..registration()
    };
    assert_eq!(Register::try_from(message).unwrap().spec.weight().get(), 100);
}

#[test]
fn a_page_is_never_empty_and_never_over_the_limit() {
    assert_eq!(Page::<ServiceName>::new(0, None).size(), PAGE_SIZE_MAX);
    assert_eq!(Page::<ServiceName>::new(1, None).size(), 1);
    assert_eq!(Page::<ServiceName>::new(PAGE_SIZE_MAX + 1, None).size(), PAGE_SIZE_MAX);
}

#[test]
fn only_what_is_to_drain_has_a_time_for_it_of_a_day_at_most() {
    let refused = |availability: pb::Availability, drain_ms: u64| {
        let message = pb::SetAvailabilityRequest {
            service: "payments".into(),
            id: "a".into(),
            availability: availability.into(),
            drain_ms,
            ..pb::SetAvailabilityRequest::default()
        };
        SetAvailability::try_from(message).map_err(|error| error.field().to_owned())
    };
    assert!(refused(pb::Availability::Draining, 86_400_000).is_ok());
    for (availability, drain_ms) in [
        (pb::Availability::Draining, 86_400_001),
        (pb::Availability::Enabled, 1),
        (pb::Availability::Disabled, 1),
    ] {
        assert_eq!(refused(availability, drain_ms), Err("drain_ms".to_owned()));
    }
}

type Spoil<'a> = Box<dyn Fn(&mut pb::RegisterRequest) + 'a>;

#[test]
fn every_bad_field_of_a_registration_is_named() {
    let long = "x".repeat(129);
    let cases: Vec<(&str, Spoil<'_>)> = vec![
        ("namespace", Box::new(|message| message.namespace = "a b".into())),
        ("service", Box::new(|message| message.service.clear())),
        ("service", Box::new(|message| message.service.clone_from(&long))),
        ("id", Box::new(|message| message.id = "ä".into())),
        ("version", Box::new(|message| message.version = "1 2".into())),
        ("endpoints", Box::new(|message| message.endpoints.clear())),
        (
            "endpoints",
            Box::new(|message| message.endpoints = vec![endpoint("h", 1); 17]),
        ),
        (
            "endpoints[1].address",
            Box::new(|message| message.endpoints[1].address = "a b".into()),
        ),
        ("endpoints[0].port", Box::new(|message| message.endpoints[0].port = 0)),
        (
            "endpoints[1].port",
            Box::new(|message| message.endpoints[1].port = 65_536),
        ),
        (
            "endpoints[0].protocol",
            Box::new(|message| message.endpoints[0].protocol = "/".into()),
        ),
        ("weight", Box::new(|message| message.weight = Some(65_536))),
        ("region", Box::new(|message| message.region = " ".into())),
        ("zone", Box::new(|message| message.zone.clone_from(&long))),
        (
            "metadata",
            Box::new(|message| drop(message.metadata.insert("a b".into(), String::new()))),
        ),
        (
            "metadata[k]",
            Box::new(|message| drop(message.metadata.insert("k".into(), "\u{7}".into()))),
        ),
        (
            "tags[1]",
            Box::new(|message| message.tags = vec!["fine".into(), String::new()]),
        ),
        ("owner", Box::new(|message| message.owner.clone_from(&long))),
        ("ttl_ms", Box::new(|message| message.ttl_ms = 1_999)),
        ("ttl_ms", Box::new(|message| message.ttl_ms = 86_400_001)),
        (
            "lease_id",
            Box::new(|message| (message.ttl_ms, message.lease_id) = (1, 1)),
        ),
    ];
    for (field, spoil) in cases {
        let mut message = registration();
        spoil(&mut message);
        assert_eq!(Register::try_from(message).unwrap_err().field(), field);
    }
}

#[test]
fn a_report_says_what_was_found() {
    let message = pb::ReportCheckRequest {
        service: "web".into(),
        id: "a".into(),
        check: "alive".into(),
        health: pb::Health::Passing.into(),
        ..pb::ReportCheckRequest::default()
    };
    assert!(ReportCheck::try_from(message.clone()).is_ok());
    for health in [pb::Health::Unknown.into(), 4] {
        let nothing = pb::ReportCheckRequest {
            health,
            ..message.clone()
        };
        assert_eq!(ReportCheck::try_from(nothing).unwrap_err().field(), "health");
    }
    let long = pb::ReportCheckRequest {
        output: "x".repeat(257),
        ..message
    };
    assert_eq!(ReportCheck::try_from(long).unwrap_err().field(), "output");
}

#[test]
fn a_bad_field_within_a_patch_is_named_by_its_path() {
    let locality = pb::update_request::Locality {
        region: String::new(),
        zone: "/".into(),
    };
    let message = pb::UpdateRequest {
        locality: Some(locality),
        ..update()
    };
    assert_eq!(Update::try_from(message).unwrap_err().field(), "locality.zone");
    let endpoints = pb::update_request::EndpointList {
        endpoints: vec![endpoint("h", 0)],
    };
    let message = pb::UpdateRequest {
        endpoints: Some(endpoints),
        ..update()
    };
    assert_eq!(
        Update::try_from(message).unwrap_err().field(),
        "endpoints.endpoints[0].port"
    );
}

#[test]
fn an_empty_list_of_endpoints_is_no_patch() {
    let message = pb::UpdateRequest {
        endpoints: Some(pb::update_request::EndpointList::default()),
        ..update()
    };
    assert_eq!(Update::try_from(message).unwrap_err().field(), "endpoints.endpoints");
}

#[test]
fn what_the_policy_of_a_pick_does_not_look_at_is_refused() {
    use pb::PickPolicy::{ConsistentHash, Random, Unspecified, Weighted, ZoneFirst};
    let among = pb::ResolveRequest {
        service: "payments".into(),
        ..pb::ResolveRequest::default()
    };
    let pick = |policy: pb::PickPolicy, key: &[u8], zone: &str, region: &str| pb::PickRequest {
        among: Some(among.clone()),
        policy: policy.into(),
        hash_key: key.to_vec(),
        caller_zone: zone.into(),
        caller_region: region.into(),
    };
    let field = |message: pb::PickRequest| Pick::try_from(message).unwrap_err().field().to_owned();
    assert_eq!(field(pick(Random, b"k", "", "")), "hash_key");
    assert_eq!(field(pick(ZoneFirst, b"k", "z", "")), "hash_key");
    assert_eq!(field(pick(ConsistentHash, b"", "", "")), "hash_key");
    assert_eq!(field(pick(ConsistentHash, &[7; 1_025], "", "")), "hash_key");
    assert_eq!(field(pick(Weighted, b"", "z", "")), "caller_zone");
    assert_eq!(field(pick(ZoneFirst, b"", "", "eu")), "caller_zone");
    assert_eq!(field(pick(Weighted, b"", "", "eu")), "caller_region");
    let unspecified = Pick::try_from(pick(Unspecified, b"", "", "")).unwrap();
    assert_eq!(unspecified.choice, Choice::By(Policy::Random));
    let unknown = pb::PickRequest {
        policy: 99,
        ..pick(Random, b"", "", "")
    };
    assert_eq!(field(unknown), "policy");
    let nothing = pb::PickRequest::default();
    assert_eq!(field(nothing), "among");
    let mut paged = pick(Random, b"", "", "");
    paged.among.as_mut().unwrap().page_token = "a".into();
    assert_eq!(field(paged), "among.page_size");
}

pub(crate) fn register(parts: SpecParts) -> Register {
    let (namespace, service, id) = ("default", "payments", "a");
    Register {
        key: InstanceKey {
            namespace: namespace.try_into().unwrap(),
            service: service.try_into().unwrap(),
            id: id.try_into().unwrap(),
        },
        spec: InstanceSpec::new(parts).unwrap(),
        takeover: Takeover::Forbidden,
        lifetime: Lifetime::Persistent,
    }
}

fn registration() -> pb::RegisterRequest {
    pb::RegisterRequest {
        service: "payments".into(),
        id: "a".into(),
        endpoints: vec![endpoint("10.0.0.1", 80), endpoint("host.example", 81)],
        ..pb::RegisterRequest::default()
    }
}

fn update() -> pb::UpdateRequest {
    pb::UpdateRequest {
        service: "payments".into(),
        id: "a".into(),
        ..pb::UpdateRequest::default()
    }
}
