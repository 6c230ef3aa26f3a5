//! Where a member is reached: by clients at one door, by its peers at the other.

use std::{fmt, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Address, InvalidValue, Port};

/// The address of a member's door: `host:port`, or `[address]:port` for IPv6.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DoorAddress {
    host: Address,
    port: Port,
}

// === impl DoorAddress ===

impl DoorAddress {
    /// The door at `host` and `port`.
    pub fn new(host: Address, port: Port) -> Self {
        Self { host, port }
    }

    /// Where the member runs.
    pub fn host(&self) -> &Address {
        &self.host
    }

    /// The port of the door.
    pub fn port(&self) -> Port {
        self.port
    }
}

impl TryFrom<SocketAddr> for DoorAddress {
    type Error = InvalidValue;

    fn try_from(address: SocketAddr) -> Result<Self, InvalidValue> {
        Ok(Self::new(address.ip().into(), address.port().try_into()?))
    }
}

impl FromStr for DoorAddress {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refused = |problem: &str| InvalidValue::new("door address", format!("{text:?} {problem}"));
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| refused("has no port; write it as host:port"))?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => inner,
            None if host.contains(':') => return Err(refused("is not host:port; put an IPv6 address in brackets")),
            None => host,
        };
        let explained = |error: InvalidValue| refused(&format!("is not host:port: {}", error.problem()));
        Ok(Self::new(
            host.parse().map_err(explained)?,
            port.parse().map_err(explained)?,
        ))
    }
}

impl TryFrom<String> for DoorAddress {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<DoorAddress> for String {
    fn from(address: DoorAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for DoorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.ip() {
            Some(ip) => SocketAddr::new(ip, self.port.get()).fmt(f),
            None => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["127.0.0.1:7300", "[::1]:7400", "node-1.example.com:1"] {
            assert_eq!(text.parse::<DoorAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_door_is_refused_with_the_reason() {
        for (text, reason) in [
            ("127.0.0.1", "has no port"),
            ("::1:7300", "brackets"),
            ("host:0", "1–65535"),
            ("host:65536", "1–65535"),
            (":7300", "it is empty"),
            ("", "has no port"),
        ] {
            let message = text.parse::<DoorAddress>().unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }
}
