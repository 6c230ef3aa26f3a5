//! Endpoints: where and in which protocol an instance is spoken to.

use std::{fmt, num::NonZeroU16, str::FromStr};

use crate::{Address, InvalidValue, ProtocolName, error::check_count, limits, names::share};

/// A TCP or UDP port: 1–65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(NonZeroU16);

/// One way to reach an instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Where it listens.
    pub address: Address,
    /// The port it listens on.
    pub port: Port,
    /// What it speaks, if told.
    pub protocol: Option<ProtocolName>,
}

/// All ways to reach an instance, in the order the registrant gave: at least one, at most
/// [`limits::ENDPOINTS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoints(Box<[Endpoint]>);

// === impl Port ===

impl Port {
    /// Wraps the number.
    pub const fn new(port: NonZeroU16) -> Self {
        Self(port)
    }

    /// The number, 1–65535.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    fn refused(found: impl fmt::Display) -> InvalidValue {
        InvalidValue::new("port", format!("{found} is not one of 1–65535"))
    }
}

impl TryFrom<u32> for Port {
    type Error = InvalidValue;

    fn try_from(port: u32) -> Result<Self, InvalidValue> {
        u16::try_from(port)
            .ok()
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or_else(|| Self::refused(port))
    }
}

impl TryFrom<u16> for Port {
    type Error = InvalidValue;

    fn try_from(port: u16) -> Result<Self, InvalidValue> {
        Self::try_from(u32::from(port))
    }
}

impl FromStr for Port {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let port: u32 = text.parse().map_err(|_| Self::refused(format_args!("{text:?}")))?;
        Self::try_from(port)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Endpoint ===

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.ip() {
            Some(ip) => std::net::SocketAddr::new(ip, self.port.get()).fmt(f),
            None => write!(f, "{}:{}", self.address, self.port),
        }
    }
}

// === impl Endpoints ===

impl Endpoints {
    /// The endpoints, never none.
    pub fn as_slice(&self) -> &[Endpoint] {
        &self.0
    }

    /// Goes through the endpoints in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Endpoint> {
        self.0.iter()
    }

    /// Takes the texts of `like` in place of equal ones of its own.
    pub(crate) fn share_texts(&mut self, like: &Self) {
        for (own, other) in self.0.iter_mut().zip(like) {
            share(&mut own.address, &other.address);
            share(&mut own.protocol, &other.protocol);
        }
    }
}

impl TryFrom<Vec<Endpoint>> for Endpoints {
    type Error = InvalidValue;

    fn try_from(endpoints: Vec<Endpoint>) -> Result<Self, InvalidValue> {
        if endpoints.is_empty() {
            return Err(InvalidValue::new(
                "endpoints",
                "none given; an instance has at least one",
            ));
        }
        check_count("endpoints", endpoints.len(), limits::ENDPOINTS_MAX)?;
        Ok(Self(endpoints.into()))
    }
}

impl From<Endpoint> for Endpoints {
    fn from(endpoint: Endpoint) -> Self {
        Self(Box::new([endpoint]))
    }
}

impl<'a> IntoIterator for &'a Endpoints {
    type Item = &'a Endpoint;
    type IntoIter = std::slice::Iter<'a, Endpoint>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(address: &str, port: u32) -> Endpoint {
        Endpoint {
            address: address.parse().unwrap(),
            port: Port::try_from(port).unwrap(),
            protocol: None,
        }
    }

    #[test]
    fn ports_are_1_to_65535() {
        for port in [1_u32, 65_535] {
            assert_eq!(u32::from(Port::try_from(port).unwrap().get()), port);
        }
        for bad in [0_u32, 65_536, u32::MAX] {
            let message = Port::try_from(bad).unwrap_err().to_string();
            assert_eq!(message, format!("invalid port: {bad} is not one of 1–65535"));
        }
        for bad in ["", "0", "65536", "-1", "http", "80 "] {
            assert!(bad.parse::<Port>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_instance_has_1_to_16_endpoints() {
        for (count, fits) in [(0, false), (1, true), (16, true), (17, false)] {
            let endpoints = vec![endpoint("10.0.0.1", 80); count];
            assert_eq!(Endpoints::try_from(endpoints).is_ok(), fits, "{count}");
        }
    }

    #[test]
    fn ipv6_is_shown_in_brackets() {
        assert_eq!(endpoint("::1", 80).to_string(), "[::1]:80");
        assert_eq!(endpoint("a.example", 80).to_string(), "a.example:80");
    }
}
