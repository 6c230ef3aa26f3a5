//! Checks: how the members find out whether an instance works, and what they have found.

mod assigned;
mod pace;
mod probe;
mod state;
mod vantage;

use std::sync::Arc;

use crate::{CheckName, Endpoints, InvalidValue, error::check_count, limits};

pub use assigned::assigned;
pub use pace::{Pace, PaceParts};
pub use probe::{GrpcProbe, HttpMethod, HttpProbe, HttpProbeParts, Probe, ProbeHeaders, StatusRange, Tls};
pub use state::{CheckState, Verdict, worst_of};
pub use vantage::Vantage;

/// The place of an endpoint in the list of its instance, from 0 on: less than [`limits::ENDPOINTS_MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointPlace(u8);

/// One way in which an instance is checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Check {
    /// Its name, unique within the instance.
    pub name: CheckName,
    /// Which endpoint is checked.
    pub endpoint: EndpointPlace,
    /// What is done.
    pub probe: Probe,
    /// How often, and how soon it changes its mind.
    pub pace: Pace,
    /// How many members look, and how many of them have to agree.
    pub vantage: Vantage,
}

/// The checks of an instance, in the order that the registrant gave: at most [`limits::CHECKS_MAX`], each with a
/// name of its own. Cheap to clone: the instances of a service are checked alike, and share what says how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Checks(Option<Arc<[Check]>>);

// === impl EndpointPlace ===

impl EndpointPlace {
    /// The number, from 0 on.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u32> for EndpointPlace {
    type Error = InvalidValue;

    fn try_from(place: u32) -> Result<Self, InvalidValue> {
        let place_max = limits::ENDPOINTS_MAX - 1;
        u8::try_from(place)
            .ok()
            .filter(|place| usize::from(*place) <= place_max)
            .map(Self)
            .ok_or_else(|| InvalidValue::new("endpoint of a check", format!("{place} is not one of 0–{place_max}")))
    }
}

// === impl Check ===

impl Check {
    /// A check of the first endpoint at the usual pace, by one member.
    #[must_use]
    pub fn new(name: CheckName, probe: Probe) -> Self {
        Self {
            name,
            endpoint: EndpointPlace::default(),
            probe,
            pace: Pace::default(),
            vantage: Vantage::default(),
        }
    }

    /// Whether the `other` looks at the same thing in the same way, however often: what one has found is so for both.
    pub fn finds_the_same(&self, other: &Self) -> bool {
        (&self.name, self.endpoint, &self.probe) == (&other.name, other.endpoint, &other.probe)
    }

    /// Bytes that it takes when encoded, rounded up: fixed for ever, see [`crate::InstanceSpec::encoded_len`].
    pub fn encoded_len(&self) -> usize {
        FIXED_LEN + self.name.as_str().len() + self.probe.encoded_len()
    }
}

/// Endpoint, kind of the probe, pace, vantage, and the lengths of the texts.
const FIXED_LEN: usize = 64;

// === impl Checks ===

impl Checks {
    /// The checks.
    pub fn as_slice(&self) -> &[Check] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Goes through the checks in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Check> {
        self.as_slice().iter()
    }

    /// The check of this name, if there is one.
    pub fn get(&self, name: &CheckName) -> Option<&Check> {
        self.iter().find(|check| check.name == *name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Refuses a check of an endpoint that is not there.
    pub fn fit(&self, endpoints: &Endpoints) -> Result<(), InvalidValue> {
        let count = endpoints.as_slice().len();
        match self.iter().find(|check| usize::from(check.endpoint.get()) >= count) {
            None => Ok(()),
            Some(Check { name, endpoint, .. }) => {
                let place = endpoint.get();
                let problem = format!("{name} checks the endpoint at place {place}, and there are {count}, from 0 on");
                Err(InvalidValue::new("checks", problem))
            }
        }
    }
}

impl TryFrom<Vec<Check>> for Checks {
    type Error = InvalidValue;

    fn try_from(checks: Vec<Check>) -> Result<Self, InvalidValue> {
        check_count("checks", checks.len(), limits::CHECKS_MAX)?;
        for (place, check) in checks.iter().enumerate() {
            if checks.iter().take(place).any(|other| other.name == check.name) {
                let problem = format!("the name {} is given twice", check.name);
                return Err(InvalidValue::new("checks", problem));
            }
        }
        Ok(Self((!checks.is_empty()).then(|| checks.into())))
    }
}

impl<'a> IntoIterator for &'a Checks {
    type Item = &'a Check;
    type IntoIter = std::slice::Iter<'a, Check>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;

    fn check(name: &str, endpoint: u32) -> Check {
        Check {
            endpoint: endpoint.try_into().unwrap(),
            ..Check::new(name.parse().unwrap(), Probe::Tcp)
        }
    }

    fn endpoints(count: usize) -> Endpoints {
        let endpoint = Endpoint {
            address: "10.0.0.1".parse().unwrap(),
            port: "80".parse().unwrap(),
            protocol: None,
        };
        vec![endpoint; count].try_into().unwrap()
    }

    #[test]
    fn an_instance_has_up_to_8_checks() {
        let many = |count| (0..count).map(|number| check(&format!("c{number}"), 0));
        let checks = |count| Checks::try_from(many(count).collect::<Vec<_>>());
        assert!(checks(0).unwrap().is_empty());
        assert_eq!(checks(8).unwrap().len(), 8);
        assert!(checks(9).is_err());
    }

    #[test]
    fn a_name_is_given_once() {
        assert!(Checks::try_from(vec![check("a", 0), check("b", 0)]).is_ok());
        let twice = Checks::try_from(vec![check("a", 0), check("b", 0), check("a", 1)]);
        let message = twice.unwrap_err().to_string();
        assert_eq!(message, "invalid checks: the name a is given twice");
    }

    #[test]
    fn a_check_is_found_by_its_name() {
        let checks = Checks::try_from(vec![check("a", 0), check("b", 1)]).unwrap();
        assert_eq!(checks.get(&"b".parse().unwrap()), Some(&check("b", 1)));
        assert_eq!(checks.get(&"c".parse().unwrap()), None);
    }

    #[test]
    fn only_an_endpoint_that_is_there_is_checked() {
        let checks = Checks::try_from(vec![check("a", 0), check("b", 2)]).unwrap();
        assert!(checks.fit(&endpoints(3)).is_ok());
        assert!(checks.fit(&endpoints(2)).is_err());
        assert!(Checks::default().fit(&endpoints(1)).is_ok());
        assert_eq!(EndpointPlace::try_from(15).map(EndpointPlace::get), Ok(15));
        for place in [16, 256, u32::MAX] {
            assert!(EndpointPlace::try_from(place).is_err(), "{place}");
        }
    }
}
