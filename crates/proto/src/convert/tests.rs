//! What a message cannot say is refused by the name of its field.

use std::collections::HashMap;

use proptest::prelude::*;
use quorate_model::{Availability, Check, Consistency, Found, Health, Probe};

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

proptest! {
    #[test]
    fn any_checks_come_back_as_they_were(own in strategies::checks()) {
        prop_assert_eq!(checks(checks_to_wire(&own)).unwrap(), own);
    }
}

#[test]
fn a_check_of_which_nothing_is_said_is_the_usual_one() {
    let message = pb::Check {
        name: "a".into(),
        probe: Some(pb::check::Probe::Http(pb::check::HttpProbe::default())),
        ..pb::Check::default()
    };
    let usual = Check::new("a".parse().unwrap(), Probe::Http(Box::default()));
    assert_eq!(Check::try_from(message.clone()), Ok(usual));

    let brief = pb::Check {
        interval_ms: 1_500,
        vantage_points: 4,
        ..message
    };
    let brief = Check::try_from(brief).unwrap();
    assert_eq!(brief.pace.parts().timeout_ms, 1_500, "no longer than the interval");
    assert_eq!(brief.vantage.quorum(), 3, "a majority");
}

type Spoil = fn(&mut pb::Check, &mut pb::check::HttpProbe);

#[test]
fn every_bad_field_of_a_check_is_named() {
    let cases: [(&str, Spoil); 15] = [
        ("checks[1].name", |check, _| check.name = "a b".into()),
        ("checks[1].endpoint", |check, _| check.endpoint = 16),
        ("checks[1].interval_ms", |check, _| check.interval_ms = 999),
        ("checks[1].timeout_ms", |check, _| check.timeout_ms = 10_001),
        ("checks[1].rise", |check, _| check.rise = 11),
        ("checks[1].fall", |check, _| check.fall = 11),
        ("checks[1].vantage_points", |check, _| check.vantage_points = 8),
        ("checks[1].vantage_quorum", |check, _| check.vantage_quorum = 2),
        ("checks[1].http.path", |_, http| http.path = "/ ".into()),
        ("checks[1].http.probe", |_, http| http.path = "elsewhere".into()),
        ("checks[1].http.method", |_, http| http.method = "POST".into()),
        ("checks[1].http.headers[a]", |_, http| {
            http.headers = HashMap::from([("a".into(), "\r\n".into())]);
        }),
        ("checks[1].http.headers", |_, http| {
            http.headers = HashMap::from([("Connection".into(), String::new())]);
        }),
        ("checks[1].http.status_max", |_, http| http.status_min = 300),
        ("checks[1].http.tls.server_name", |_, http| {
            http.tls = Some(pb::check::Tls {
                server_name: "a b".into(),
                ..pb::check::Tls::default()
            });
        }),
    ];
    for (field, spoil) in cases {
        let fine = pb::Check::from(&Check::new("fine".parse().unwrap(), Probe::Reported));
        let mut spoilt = pb::Check {
            name: "a".into(),
            ..pb::Check::default()
        };
        let mut http = pb::check::HttpProbe::default();
        spoil(&mut spoilt, &mut http);
        spoilt.probe = Some(pb::check::Probe::Http(http));
        assert_eq!(checks(vec![fine, spoilt]).unwrap_err().field(), field);
    }
    let fine = pb::Check::from(&Check::new("a".parse().unwrap(), Probe::Tcp));
    let unknown = pb::Check {
        probe: None,
        ..fine.clone()
    };
    assert_eq!(Check::try_from(unknown).unwrap_err().field(), "probe");
    assert_eq!(checks(vec![fine; 2]).unwrap_err().field(), "checks");
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
