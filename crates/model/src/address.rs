//! Where an instance is reached: an IP address or a host name.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use crate::{InvalidValue, limits};

/// An IPv4 or IPv6 address, or a host name (RFC 1123, kept in lower case because case has no meaning there).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(AddressKind);

/// What an [`Address`] is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A host name, valid where it comes from an [`Address`].
    Host(Arc<str>),
}

// === impl Address ===

impl Address {
    /// What it is.
    pub fn kind(&self) -> &AddressKind {
        &self.0
    }

    /// The IP address, unless this is a host name.
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.0 {
            AddressKind::Ip(ip) => Some(*ip),
            AddressKind::Host(_) => None,
        }
    }

    /// The host name, unless this is an IP address.
    pub fn host(&self) -> Option<&str> {
        match &self.0 {
            AddressKind::Ip(_) => None,
            AddressKind::Host(name) => Some(name),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self(AddressKind::Ip(ip))
    }
}

impl FromStr for Address {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if let Ok(ip) = text.parse() {
            return Ok(Self(AddressKind::Ip(ip)));
        }
        check_host(text).map_err(|problem| {
            InvalidValue::new(
                "address",
                format!("{text:?} is neither an IP address nor a host name: {problem}"),
            )
        })?;
        Ok(Self(AddressKind::Host(text.to_ascii_lowercase().into())))
    }
}

impl TryFrom<&str> for Address {
    type Error = InvalidValue;

    fn try_from(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            AddressKind::Ip(ip) => ip.fmt(f),
            AddressKind::Host(name) => f.pad(name),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Checks a host name by RFC 1123. A name whose last label is a number is refused too: it is a mistyped IPv4 address.
fn check_host(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > limits::HOST_NAME_LEN_MAX {
        return Err("a host name has at most 253 characters");
    }
    for label in text.split('.') {
        if label.is_empty() || label.len() > limits::HOST_LABEL_LEN_MAX {
            return Err("each part between dots has 1–63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("a part between dots neither starts nor ends with a hyphen");
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err("allowed are A-Z a-z 0-9 - and dots between");
        }
    }
    let last = text.rsplit('.').next().unwrap_or(text);
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the last part of a host name is not a number");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_and_host_names_parse() {
        let longest = [["a"; 63].concat().as_str(); 3].join(".") + "." + &"b".repeat(61);
        assert_eq!(longest.len(), 253);
        for (text, shown) in [
            ("10.0.0.1", "10.0.0.1"),
            ("::1", "::1"),
            ("2001:DB8::0:1", "2001:db8::1"),
            ("localhost", "localhost"),
            ("Web-1.Example.COM", "web-1.example.com"),
            ("3com.com", "3com.com"),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(Address::try_from(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let label = "a".repeat(64);
        let long = [["a"; 63].concat().as_str(); 4].join(".");
        for bad in [
            "",
            " ",
            "a b",
            "a_b",
            "a..b",
            ".a",
            "a.",
            "-a",
            "a-",
            "a:80",
            "[::1]",
            "fe80::1%eth0",
            "ä.de",
            "256.1.1.1",
            "1.2.3",
            "10.0.0.1:80",
            "http://a",
            &label,
            &long,
        ] {
            assert!(Address::try_from(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_parses_to_the_same(text in "[a-zA-Z0-9.:-]{1,20}") {
            if let Ok(address) = Address::try_from(text) {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
