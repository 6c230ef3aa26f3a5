//! What a message cannot say is refused by the name of its field.

use proptest::prelude::*;
use quorate_model::{Availability, Consistency, Found, Health};

use super::*;
use crate::convert::strategies;

proptest! {
    #[test]
    fn an_instance_comes_back_as_it_was(found in strategies::found()) {
        let message = pb::Instance::from(&found);
        prop_assert_eq!(Found::try_from(message).unwrap(), found);
    }

    #[test]
    fn any_consistency_comes_back_as_it_was(mode in strategies::consistency()) {
        prop_assert_eq!(consistency(Some(consistency_to_wire(mode))), Ok(mode));
    }

    #[test]
    fn any_endpoints_come_back_as_they_were(endpoints in strategies::endpoints()) {
        let messages = field::endpoints_to_wire(&endpoints);
        prop_assert_eq!(field::endpoints(messages).unwrap(), endpoints);
    }
}

#[test]
fn every_word_comes_back_as_it_was() {
    for word in [Availability::Enabled, Availability::Draining, Availability::Disabled] {
        assert_eq!(availability(availability_to_wire(word).into()), Ok(word));
    }
    for word in [Health::Passing, Health::Warning, Health::Critical, Health::Unknown] {
        assert_eq!(health(health_to_wire(word).into()), Ok(word));
    }
    for word in [Include::Available, Include::All] {
        assert_eq!(include(include_to_wire(word).into()), Ok(word));
    }
}

#[test]
fn what_is_not_said_has_its_default() {
    assert_eq!(consistency(None), Ok(Consistency::Stale));
    assert_eq!(include(0), Ok(Include::Available));
    assert_eq!(weight(None), Ok(None));
}

#[test]
fn a_number_or_mode_that_is_not_known_is_refused() {
    assert_eq!(
        availability(4).unwrap_err().to_string(),
        "availability: invalid availability: 4 is not known; use ENABLED, DRAINING or DISABLED"
    );
    assert_eq!(availability(0).unwrap_err().field(), "availability");
    assert_eq!(health(99).unwrap_err().field(), "health");
    assert_eq!(include(-1).unwrap_err().field(), "include");
    assert_eq!(
        consistency(Some(pb::Consistency { mode: None })).unwrap_err().field(),
        "consistency"
    );
}

#[test]
fn a_health_that_cannot_be_shown_is_not_shown_as_another() {
    let spec = quorate_model::SpecParts::new(field::endpoints(vec![endpoint("10.0.0.1", 80)]).unwrap());
    let mut message = pb::RegisterRequest::from(crate::request::tests::register(spec));
    message.tags = vec!["a".into()];
    let mut shown = pb::Instance {
        service: message.service,
        id: message.id,
        endpoints: message.endpoints,
        availability: 1,
        health: 1,
        ..pb::Instance::default()
    };
    assert!(Found::try_from(shown.clone()).is_ok());
    shown.health = 3;
    assert_eq!(Found::try_from(shown).unwrap_err().field(), "health");
}

#[test]
fn an_error_becomes_a_refusal_that_names_field_and_rule() {
    let endpoints = vec![endpoint("10.0.0.1", 80), endpoint("10.0.0.2", 65_536)];
    let status = Status::from(field::endpoints(endpoints).unwrap_err());
    assert_eq!(Reason::of(&status), Reason::InvalidArgument);
    assert_eq!(
        status.message(),
        "endpoints[1].port: invalid port: 65536 is not one of 1–65535"
    );
}

pub(crate) fn endpoint(address: &str, port: u32) -> pb::Endpoint {
    pb::Endpoint {
        address: address.into(),
        port,
        protocol: String::new(),
    }
}
