//! Where faults strike: a cluster of three members, with all that can spoil what is between them.

use std::{collections::BTreeMap, net::SocketAddr};

use quorate_tests::{Cluster, Doors, Load, Member, Network, Proxy};
use tokio::time::Instant;

use super::kind::{Between, Ground};

/// Writers at a time: some are always in flight when something happens.
pub(super) const WRITERS: usize = 8;

/// Members of a cluster.
const MEMBERS: u64 = 3;

/// A cluster and what is around it.
pub(super) struct Field {
    // Dropped in this order: processes before the network that they are in.
    pub(super) cluster: Cluster,
    /// By the number of the member; none on other grounds than the host.
    proxies: BTreeMap<u64, Proxies>,
    network: Option<Network>,
}

/// A proxy before each door of a member.
struct Proxies {
    client: Proxy,
    peer: Proxy,
}

// === impl Field ===

impl Field {
    /// A cluster on this ground, all members of which serve, or why there can be none.
    pub(super) async fn prepare(ground: Ground) -> Result<Self, String> {
        let network = match ground {
            Ground::Host => None,
            Ground::Namespaces => Some(Network::make(MEMBERS)?),
        };
        let mut field = Self {
            cluster: Cluster::empty(),
            proxies: BTreeMap::new(),
            network,
        };
        field.add(&["--bootstrap".to_owned()]).wait_ready().await;
        for _ in 1..MEMBERS {
            let first = field.cluster.member(1).doors().peer;
            field.add(&[format!("--join={first}")]).wait_ready().await;
        }
        Ok(field)
    }

    /// Starts one more member, with these flags for how it comes to belong to the cluster.
    pub(super) fn add(&mut self, flags: &[String]) -> &Member {
        let number = self.cluster.members().len() as u64 + 1;
        if let Some(network) = &self.network {
            let (surroundings, doors) = (network.surroundings(number), network.doors(number));
            return self.cluster.add_in(surroundings, doors, flags);
        }
        let doors = self.cluster.doors(number);
        let proxies = Proxies::before(doors);
        let advertised = format!("--advertise-peer={}", proxies.peer.address());
        self.proxies.insert(number, proxies);
        self.cluster.add_at(doors, &[flags, &[advertised]].concat())
    }

    /// Leaves a member out of everything from now on, which is down.
    pub(super) fn forget(&mut self, number: u64) {
        self.cluster.forget(number);
        self.proxies.remove(&number);
    }

    /// Sets writers going, through the proxies if there are any.
    pub(super) fn load(&self, name: &str, seed: u64) -> Load {
        Load::start_with(WRITERS, seed, name, |number| {
            let door = |member: &Member| self.client_door(member);
            self.cluster.client_builder_through(number, door)
        })
    }

    /// Where clients find this member.
    pub(super) fn client_door(&self, member: &Member) -> SocketAddr {
        let proxies = self.proxies.get(&member.number());
        proxies.map_or(member.doors().client, |proxies| proxies.client.address())
    }

    /// Where clients find all members.
    pub(super) fn client_doors(&self) -> Vec<SocketAddr> {
        self.cluster.present().map(|member| self.client_door(member)).collect()
    }

    /// The proxies of all members.
    pub(super) fn proxies(&self, between: Between) -> Vec<&Proxy> {
        self.proxies.values().map(|proxies| proxies.get(between)).collect()
    }

    /// The proxy before a door of this member.
    pub(super) fn proxy(&self, between: Between, number: u64) -> &Proxy {
        let proxies = self.proxies.get(&number).expect("members on this host have proxies");
        proxies.get(between)
    }

    /// The network that the members are in.
    pub(super) fn network(&self) -> &Network {
        self.network.as_ref().expect("members are in namespaces")
    }

    /// The numbers of the members, the leader's first.
    pub(super) async fn leader_first(&self) -> Vec<u64> {
        let leader = self.cluster.leader().await.number();
        let followers = self.cluster.followers().await;
        let followers = followers.into_iter().map(Member::number);
        [leader]
            .into_iter()
            .chain(followers.filter(|number| *number != leader))
            .collect()
    }

    /// Waits until all members serve and vote, and tells how long that took.
    pub(super) async fn wait_ready(&self) -> std::time::Duration {
        let from = Instant::now();
        for member in self.cluster.members().iter().filter(|member| member.is_started()) {
            member.wait_ready().await;
        }
        from.elapsed()
    }
}

// === impl Proxies ===

impl Proxies {
    fn before(doors: Doors) -> Self {
        Self {
            client: Proxy::start(doors.client),
            peer: Proxy::start(doors.peer),
        }
    }

    fn get(&self, between: Between) -> &Proxy {
        match between {
            Between::Members => &self.peer,
            Between::Clients => &self.client,
        }
    }
}
