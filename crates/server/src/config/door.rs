//! The two doors of a node: one for clients, one for the other members.

use std::net::SocketAddr;

use quorate_model::DoorAddress;

use super::{ConfigError, layers::Layers, settings::Settings};

/// A door: where the node listens, and where others are told to find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    listen: SocketAddr,
    advertise: DoorAddress,
}

/// The doors of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doors {
    client: Door,
    peer: Door,
}

/// The keys of one door.
struct Keys {
    listen: &'static str,
    advertise: &'static str,
    example: &'static str,
}

const CLIENT: Keys = Keys {
    listen: "listen_client",
    advertise: "advertise_client",
    example: "127.0.0.1:7300 or 0.0.0.0:7300",
};
const PEER: Keys = Keys {
    listen: "listen_peer",
    advertise: "advertise_peer",
    example: "127.0.0.1:7400 or 0.0.0.0:7400",
};

// === impl Doors ===

impl Doors {
    pub(super) fn parse(settings: &Settings, layers: &Layers) -> Result<Self, ConfigError> {
        let client = Door::parse(
            &CLIENT,
            &settings.listen_client,
            settings.advertise_client.as_deref(),
            layers,
        )?;
        let peer = Door::parse(&PEER, &settings.listen_peer, settings.advertise_peer.as_deref(), layers)?;
        let same = |what: &str, one: &str, other: &str, address: String| {
            let (one, other) = (layers.describe(one), layers.describe(other));
            Err(ConfigError::Together(format!(
                "{one} and {other} are both {address}: {what}"
            )))
        };
        if client.listen == peer.listen {
            let what = "give each door a port of its own";
            return same(what, CLIENT.listen, PEER.listen, client.listen.to_string());
        }
        if client.advertise == peer.advertise {
            let what = "others must tell the doors apart";
            return same(what, CLIENT.advertise, PEER.advertise, client.advertise.to_string());
        }
        Ok(Self { client, peer })
    }

    /// The door for clients.
    pub fn client(&self) -> &Door {
        &self.client
    }

    /// The door for the other members.
    pub fn peer(&self) -> &Door {
        &self.peer
    }
}

// === impl Door ===

impl Door {
    /// Where the node listens.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where others find it.
    pub fn advertise(&self) -> &DoorAddress {
        &self.advertise
    }

    fn parse(keys: &Keys, listen: &str, advertise: Option<&str>, layers: &Layers) -> Result<Self, ConfigError> {
        let address: SocketAddr = listen.parse().map_err(|_| {
            let problem = format!("{listen:?} is not an IP address and a port; write {}", keys.example);
            layers.refuse(keys.listen, problem)
        })?;
        let reachable = DoorAddress::try_from(address)
            .map_err(|error| layers.refuse(keys.listen, format!("{listen:?}: {}", error.problem())))?;
        let advertise = match advertise {
            Some(text) => parse_address(keys.advertise, text, layers)?,
            None if address.ip().is_unspecified() => {
                return Err(layers.refuse(
                    keys.listen,
                    format!(
                        "{listen} is every address of this host, which tells nobody where to find it: set {}",
                        flag(keys.advertise)
                    ),
                ));
            }
            None => reachable,
        };
        Ok(Self {
            listen: address,
            advertise,
        })
    }
}

/// Reads the address of somebody's door, which `key` gives.
pub(super) fn parse_address(key: &str, text: &str, layers: &Layers) -> Result<DoorAddress, ConfigError> {
    let address: DoorAddress = text
        .trim()
        .parse()
        .map_err(|error: quorate_model::InvalidValue| layers.refuse(key, error.problem()))?;
    if address.host().ip().is_some_and(|ip| ip.is_unspecified()) {
        return Err(layers.refuse(
            key,
            format!("nobody can be reached at {address}: give an address of the host"),
        ));
    }
    Ok(address)
}

fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}
