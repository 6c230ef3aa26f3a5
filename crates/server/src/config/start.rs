//! How a node without data comes to belong to a cluster.

use quorate_consensus::Calling;
use quorate_model::{DoorAddress, MemberId};

use super::{ConfigError, Doors, Place, door::parse_address, layers::Layers, settings::Settings};

/// How a node without data comes to belong to a cluster. A node that has data goes on from there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It founds a cluster, unless one of these belongs to a cluster already.
    Bootstrap {
        /// Peer doors of the nodes that are to be members, without its own.
        peers: Vec<DoorAddress>,
    },
    /// It asks members of a cluster to let it in.
    Join {
        /// Peer doors of members, without its own. Never empty.
        members: Vec<DoorAddress>,
        /// What it wants to be there.
        calling: Calling,
    },
    /// It does not: there must be data.
    Existing,
}

// === impl Start ===

impl Start {
    pub(super) fn parse(
        settings: &Settings,
        layers: &Layers,
        place: &Place,
        doors: &Doors,
    ) -> Result<Self, ConfigError> {
        let members = others("join", &settings.join, layers, doors)?;
        let peers = others("peers", &settings.peers, layers, doors)?;
        let together = |problem: String| Err(ConfigError::Together(problem));
        match (settings.bootstrap, settings.join.is_empty()) {
            (true, false) => together(format!(
                "{} and {} contradict each other: the first node founds the cluster, every other one joins it",
                layers.describe("bootstrap"),
                layers.describe("join"),
            )),
            (_, true) if settings.replace != 0 => together(format!(
                "{} needs --join: it is a member of a cluster whose place is taken",
                layers.describe("replace"),
            )),
            (true, true) if settings.learner => together(format!(
                "{} and {} contradict each other: the founder of a cluster has to vote",
                layers.describe("bootstrap"),
                layers.describe("learner"),
            )),
            (true, true) => Ok(Self::Bootstrap { peers }),
            (false, false) if settings.learner && settings.replace != 0 => together(format!(
                "{} and {} contradict each other: who takes the place of a member is what that one was",
                layers.describe("learner"),
                layers.describe("replace"),
            )),
            (false, false) if members.is_empty() => {
                Err(layers.refuse("join", "it names this node only; name members of the cluster to join"))
            }
            (false, false) => Ok(Self::Join {
                members,
                calling: calling(settings),
            }),
            (false, true) if *place == Place::Memory => together(format!(
                "{} needs --bootstrap or --join: there is no data to start from",
                layers.describe("memory"),
            )),
            (false, true) => Ok(Self::Existing),
        }
    }
}

fn calling(settings: &Settings) -> Calling {
    match MemberId::try_from(settings.replace) {
        Ok(old) => Calling::Successor(old),
        // 0: it takes nobody's place.
        Err(_) if settings.learner => Calling::Learner,
        Err(_) => Calling::Voter,
    }
}

/// The addresses that `key` gives, without the node's own: one list can serve all nodes.
fn others(key: &str, texts: &[String], layers: &Layers, doors: &Doors) -> Result<Vec<DoorAddress>, ConfigError> {
    let mut addresses = Vec::with_capacity(texts.len());
    for text in texts {
        let address = parse_address(key, text, layers)?;
        if address != *doors.peer().advertise() && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}
