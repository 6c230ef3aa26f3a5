//! A network of one's own: a namespace for each member, on a bridge that nobody else is on, and a firewall in each.

use std::{
    fmt::Write as _,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use crate::{
    Doors, Surroundings, random,
    tools::{call, missing},
};

/// All names begin with this, then comes the id of the process that made them.
const PREFIX: &str = "quorate";

/// The ports of all members: each has an address of its own.
const CLIENT_PORT: u16 = 7_300;
const PEER_PORT: u16 = 7_400;

/// The last part of the address of this side of the bridge, and of that before the first member.
const HERE: u8 = 1;
const FIRST: u8 = 10;

/// The chains of the firewall of each member, for what it receives and what it sends.
const TABLE: &str = "
    add table inet quorate
    add chain inet quorate in { type filter hook input priority 0 ; policy accept ; }
    add chain inet quorate out { type filter hook output priority 0 ; policy accept ; }
";

/// Namespaces of members, numbered from 1, which reach each other and are reached from here. They are gone when this
/// is dropped, with their last process.
#[derive(Debug)]
pub struct Network {
    name: String,
    subnet: [u8; 3],
    members: u64,
}

// === impl Network ===

impl Network {
    /// Makes a network for so many members, or says why that is not possible: it takes root, iproute2 and nftables.
    pub fn make(members: u64) -> Result<Self, String> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        if let Some(problem) = missing(&["ip", "nft"]) {
            return Err(problem);
        }
        sweep();
        let mut rng = SmallRng::seed_from_u64(random::entropy());
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        // What has been made so far is removed if the rest cannot be.
        let network = Self {
            name: format!("{}-{number}", process::id()),
            subnet: [10, rng.random_range(128..=254), rng.random_range(0..=254)],
            members,
        };
        network.build()?;
        Ok(network)
    }

    fn build(&self) -> Result<(), String> {
        let bridge = self.bridge();
        ip(&format!("link add {bridge} type bridge"))?;
        ip(&format!("addr add {}/24 dev {bridge}", self.address_of(HERE)))?;
        ip(&format!("link set {bridge} up"))?;
        for number in 1..=self.members {
            let (space, outside) = (self.space(number), format!("q{}v{number}", self.name));
            ip(&format!("netns add {space}"))?;
            ip(&format!("link add {outside} type veth peer name eth0 netns {space}"))?;
            ip(&format!("link set {outside} master {bridge} up"))?;
            let address = self.address(number);
            ip(&format!("-n {space} addr add {address}/24 dev eth0"))?;
            ip(&format!("-n {space} link set lo up"))?;
            ip(&format!("-n {space} link set eth0 up"))?;
            self.nft(number, TABLE)?;
        }
        Ok(())
    }

    /// Where the member with this number listens.
    pub fn doors(&self, number: u64) -> Doors {
        let ip = self.address(number);
        Doors {
            client: SocketAddr::new(ip, CLIENT_PORT),
            peer: SocketAddr::new(ip, PEER_PORT),
        }
    }

    /// What the member with this number is started in.
    pub fn surroundings(&self, number: u64) -> Surroundings {
        let within = ["ip", "netns", "exec", &self.space(number)];
        Surroundings {
            within: within.map(str::to_owned).to_vec(),
            ..Surroundings::default()
        }
    }

    /// From now on `member` receives nothing from `others`.
    pub fn deafen(&self, member: u64, others: &[u64]) {
        self.drop_packets(member, others, "in ip saddr", "");
    }

    /// From now on nothing that `member` sends to `others` leaves it.
    pub fn mute(&self, member: u64, others: &[u64]) {
        self.drop_packets(member, others, "out ip daddr", "");
    }

    /// From now on each packet that `member` receives from `others` is lost with this probability.
    pub fn lose(&self, member: u64, others: &[u64], percent: u64) {
        let chance = format!("numgen random mod 100 <= {}", percent.saturating_sub(1));
        self.drop_packets(member, others, "in ip saddr", &chance);
    }

    fn drop_packets(&self, member: u64, others: &[u64], which: &str, chance: &str) {
        let rules = others.iter().fold(String::new(), |mut rules, other| {
            let address = self.address(*other);
            let _ = writeln!(rules, "add rule inet quorate {which} {address} {chance} counter drop");
            rules
        });
        self.nft(member, &rules).expect("its namespace has a firewall");
    }

    /// How many packets the firewall of `member` has dropped since it was healed last.
    pub fn dropped(&self, member: u64) -> u64 {
        let listed = self.nft(member, "list table inet quorate");
        let listed = listed.expect("its namespace has a firewall");
        // … counter packets 12 bytes 720 drop
        let counts = listed.split("counter packets ").skip(1);
        let counts = counts.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        counts.sum()
    }

    /// From now on everything passes.
    pub fn heal(&self) {
        for number in 1..=self.members {
            self.nft(number, "flush table inet quorate")
                .expect("its namespace has a firewall");
        }
    }

    fn nft(&self, member: u64, script: &str) -> Result<String, String> {
        let space = self.space(member);
        call(&["ip", "netns", "exec", &space, "nft", "-f", "-"], script)
    }

    fn address(&self, number: u64) -> IpAddr {
        let number = u8::try_from(number).expect("a small number");
        self.address_of(FIRST + number)
    }

    fn address_of(&self, last: u8) -> IpAddr {
        let [a, b, c] = self.subnet;
        Ipv4Addr::new(a, b, c, last).into()
    }

    fn space(&self, number: u64) -> String {
        format!("{PREFIX}-{}-{number}", self.name)
    }

    fn bridge(&self) -> String {
        format!("q{}", self.name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // What is not there was not made.
        for number in 1..=self.members {
            let _ = ip(&format!("netns delete {}", self.space(number)));
            let _ = ip(&format!("link delete q{}v{number}", self.name));
        }
        let _ = ip(&format!("link delete {}", self.bridge()));
    }
}

fn ip(arguments: &str) -> Result<String, String> {
    let words: Vec<&str> = ["ip"].into_iter().chain(arguments.split(' ')).collect();
    call(&words, "")
}

/// Removes what runs have left behind that were killed.
fn sweep() {
    let is_left = |process: &str| process.parse::<u32>().is_ok() && fs::metadata(format!("/proc/{process}")).is_err();
    for (directory, prefix, remove) in [
        ("/run/netns", "quorate-", "netns delete"),
        ("/sys/class/net", "q", "link delete"),
    ] {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        for name in names {
            let process = name.strip_prefix(prefix).and_then(|rest| rest.split_once('-'));
            if process.is_some_and(|(process, _)| is_left(process)) {
                let _ = ip(&format!("{remove} {name}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skip;

    /// Whether `member` gets a packet of the other one, of which the network has two.
    fn reaches(network: &Network, from: u64, to: u64) -> bool {
        let address = network.address(to);
        let space = network.space(from);
        // Nobody listens there: a refusal has come all the way, and silence has not.
        let script = format!("exec 3<>/dev/tcp/{address}/9");
        let words = ["ip", "netns", "exec", &space, "timeout", "0.5", "bash", "-c", &script];
        call(&words, "").is_err_and(|problem| problem.contains("refused"))
    }

    #[test]
    fn members_reach_each_other_unless_they_are_cut_off_and_nothing_is_left_behind() {
        let network = match Network::make(2) {
            Ok(network) => network,
            Err(problem) => return skip(&format!("no network can be made: {problem}")),
        };
        assert!(reaches(&network, 1, 2) && reaches(&network, 2, 1));
        assert_eq!(network.dropped(1) + network.dropped(2), 0);

        for cut in [Network::deafen, Network::mute] {
            cut(&network, 1, &[2]);
            assert!(!reaches(&network, 1, 2) && !reaches(&network, 2, 1));
            assert!(network.dropped(1) > 0);
            network.heal();
            assert!(reaches(&network, 1, 2) && reaches(&network, 2, 1));
        }
        network.lose(2, &[1], 100);
        assert!(!reaches(&network, 1, 2));
        assert!(network.dropped(2) > 0 && network.dropped(1) == 0);

        let (space, bridge) = (network.space(1), network.bridge());
        drop(network);
        assert!(!ip("netns list").unwrap().contains(&space));
        assert!(ip(&format!("link show {bridge}")).is_err());
    }
}
