//! What must not be probed, whoever asks for it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use quorate_model::InvalidValue;

/// Networks that are refused unless told otherwise.
const REFUSED: &[&str] = &[
    // "This" network and the unspecified address, which is this machine on many systems.
    "0.0.0.0/8",
    "::/128",
    // This machine: what listens there only trusts whoever is on it, and an instance is seldom beside a member.
    "127.0.0.0/8",
    "::1/128",
    // Link-local: among them the addresses at which clouds hand out the secrets of a machine.
    "169.254.0.0/16",
    "fe80::/10",
    // Other addresses at which they do: Azure, Alibaba, Oracle, AWS and Google.
    "168.63.129.16/32",
    "100.100.100.200/32",
    "192.0.0.192/32",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
    // Multicast and broadcast: one probe and many answers.
    "224.0.0.0/4",
    "ff00::/8",
    "255.255.255.255/32",
];

/// Networks refused by one policy, and allowed by one: more would be a mistake, and each costs every probe a look.
const NETWORKS_MAX: usize = 256;

/// An IPv4 or IPv6 network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix_len: u8,
}

/// Which addresses are probed: all but those of some networks, and of those the ones that are allowed all the same. An
/// IPv6 address that leads to an IPv4 address counts as both: neither may be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbePolicy {
    refused: Box<[Network]>,
    allowed: Box<[Network]>,
}

// === impl Network ===

impl Network {
    /// Whether `ip` is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix_len)).unwrap_or(0);
                own.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix_len)).unwrap_or(0);
                own.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refused = |problem: &str| InvalidValue::new("network", format!("{text:?} {problem}"));
        let (address, prefix_len) = text
            .split_once('/')
            .ok_or_else(|| refused("is not an address, a slash and a number of bits"))?;
        let address: IpAddr = address
            .parse()
            .map_err(|_| refused("does not begin with an IP address"))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = prefix_len.parse().ok().filter(|len| *len <= bits);
        let prefix_len =
            prefix_len.ok_or_else(|| refused("does not end with a number of bits that the address has"))?;
        Ok(Self { address, prefix_len })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

// === impl ProbePolicy ===

impl ProbePolicy {
    /// All addresses but those in the `refused` networks.
    pub fn new(refused: Vec<Network>) -> Result<Self, InvalidValue> {
        Ok(Self {
            refused: few("refused networks", refused)?,
            allowed: Box::default(),
        })
    }

    /// The same, and those in the `allowed` networks though they are in refused ones.
    pub fn allow(self, allowed: Vec<Network>) -> Result<Self, InvalidValue> {
        let allowed = few("allowed networks", allowed)?;
        Ok(Self { allowed, ..self })
    }

    /// The networks that are refused.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        self.refused.iter()
    }

    /// The network by which `ip` must not be probed, if there is one.
    pub fn refusing(&self, ip: IpAddr) -> Option<Network> {
        let inner = match ip {
            IpAddr::V4(_) => Vec::new(),
            IpAddr::V6(ip) => embedded(ip),
        };
        let mut forms = std::iter::once(ip).chain(inner.into_iter().map(IpAddr::V4));
        forms.find_map(|ip| self.refusing_form(ip))
    }

    fn refusing_form(&self, ip: IpAddr) -> Option<Network> {
        let is_in = |network: &&Network| network.contains(ip);
        let refusing = self.refused.iter().find(is_in)?;
        self.allowed.iter().find(is_in).is_none().then_some(*refusing)
    }
}

impl Default for ProbePolicy {
    fn default() -> Self {
        let refused = REFUSED.iter().map(|network| network.parse());
        let refused: Result<Vec<Network>, InvalidValue> = refused.collect();
        Self::new(refused.expect("the networks are written correctly")).expect("there are few")
    }
}

fn few(what: &'static str, networks: Vec<Network>) -> Result<Box<[Network]>, InvalidValue> {
    if networks.len() > NETWORKS_MAX {
        let problem = format!("{} are over the limit of {NETWORKS_MAX}", networks.len());
        return Err(InvalidValue::new(what, problem));
    }
    Ok(networks.into())
}

/// The IPv4 addresses that an IPv6 address may lead to: mapped, compatible, translated (SIIT, NAT64) or tunnelled (6to4,
/// Teredo, ISATAP).
fn embedded(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let two = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        // The loopback and the unspecified address are of the form of the second kind, and lead nowhere else.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => vec![two(high, low)],
        [0x64, 0xff9b, 1, ..] => translated_here(ip),
        // Its server, and its client, of which every bit is turned over.
        [0x2001, 0, server_high, server_low, _, _, high, low] => vec![two(server_high, server_low), two(!high, !low)],
        // The mark of ISATAP, whatever the two bits before it say of how unique the address is.
        [.., mark, 0x5efe, high, low] if mark & !0x0300 == 0 => vec![two(high, low)],
        _ => Vec::new(),
    }
}

/// The addresses that one in the network of local translators (RFC 8215) may lead to. How long their prefix is, and with
/// that where the IPv4 address begins, is known to them only, so that each place counts: behind 48, 56, 64 and 96 bits,
/// without the ninth byte, which is part of none (RFC 6052). A place at which there is nothing begins with 0.
fn translated_here(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bytes = ip.octets();
    let places = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]];
    let there = places.map(|place| Ipv4Addr::from(place.map(|at| bytes[at])));
    there.into_iter().filter(|ip| ip.octets()[0] != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(ip: &str) -> bool {
        ProbePolicy::default().refusing(ip.parse().unwrap()).is_some()
    }

    #[test]
    fn what_nobody_has_to_probe_is_refused_unless_told_otherwise() {
        for ip in [
            "169.254.169.254",
            "169.254.0.0",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
        ] {
            assert!(refused(ip), "{ip}");
        }
        for ip in [
            "10.0.0.1",
            "128.0.0.1",
            "168.63.129.17",
            "100.100.100.201",
            "192.0.0.193",
            "169.253.0.1",
            "8.8.8.8",
            "2001:db8::1",
            "fd00::1",
        ] {
            assert!(!refused(ip), "{ip}");
        }
    }

    #[test]
    fn another_way_of_writing_an_address_leads_to_the_same() {
        for ip in [
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "::ffff:127.0.0.1",
            // SIIT.
            "::ffff:0:169.254.169.254",
            // NAT64 of this place, behind 96, 64, 56 and 48 bits.
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:2:3:4:169.254.169.254",
            "64:ff9b:1:2:a9:fea9:fe00:0",
            "64:ff9b:1:2a9:fe:a9fe::",
            "64:ff9b:1:a9fe:a9:fe00::",
            // 6to4.
            "2002:a9fe:a9fe::1",
            // Teredo: the server, and the client with its bits turned over.
            "2001:0:a9fe:a9fe::f5ff:fffe",
            "2001:0:a00:1::5601:5601",
            // ISATAP, of a site and of the world.
            "2001:db8::5efe:169.254.169.254",
            "2001:db8::200:5efe:169.254.169.254",
        ] {
            assert!(refused(ip), "{ip}");
        }
        for ip in [
            "::ffff:10.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "64:ff9b:1:2:a:0:100:0",
            "64:ff9b:1:a00:0:100::",
            "2002:a00:1::1",
            "2001:0:a00:1::f5ff:fffe",
            "2001:db8::5efe:10.0.0.1",
            // Another address by any of these forms.
            "2001:1::5601:5601",
            "2001:db8::5eff:a9fe:a9fe",
            "2001:db8:0:0:400:5efe:a9fe:a9fe",
        ] {
            assert!(!refused(ip), "{ip}");
        }
    }

    #[test]
    fn a_loopback_address_is_not_taken_for_an_embedded_one() {
        // Seen as an embedded address it would be 0.0.0.1.
        let policy = ProbePolicy::new(vec!["0.0.0.0/8".parse().unwrap()]).unwrap();
        assert_eq!(policy.refusing("::1".parse().unwrap()), None);
    }

    #[test]
    fn what_is_allowed_is_probed_though_it_is_refused() {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let policy = |allowed: &[&str]| ProbePolicy::default().allow(networks(allowed)).unwrap();
        let refused = |allowed: &[&str], ip: &str| policy(allowed).refusing(ip.parse().unwrap()).is_some();
        let here = ["127.0.0.0/8", "::1/128"];
        for ip in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(!refused(&here, ip) && refused(&["127.8.0.0/16"], ip), "{ip}");
        }
        assert!(refused(&here, "169.254.169.254"));
        // Whoever allows an address does not allow all that it may lead to.
        assert!(refused(&["::/0"], "::ffff:169.254.169.254") && !refused(&["::/0"], "fe80::1"));
    }

    #[test]
    fn a_network_has_the_bits_that_it_says() {
        let contains = |network: &str, ip: &str| network.parse::<Network>().unwrap().contains(ip.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("10.1.2.3/32", "10.1.2.3") && !contains("10.1.2.3/32", "10.1.2.2"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "ff::") && !contains("::/0", "1.2.3.4"));
        assert!(contains("fc00::/7", "fdff::1") && !contains("fc00::/7", "fe00::"));
    }

    #[test]
    fn a_network_reads_its_own_words() {
        for text in ["10.0.0.0/8", "::1/128", "0.0.0.0/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        for bad in [
            "10.0.0.0",
            "10.0.0.0/33",
            "::/129",
            "a/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_policy_is_not_endless() {
        let network = "10.0.0.0/8".parse().unwrap();
        assert!(ProbePolicy::new(vec![network; 256]).is_ok());
        assert!(ProbePolicy::new(vec![network; 257]).is_err());
        assert!(ProbePolicy::default().allow(vec![network; 256]).is_ok());
        assert!(ProbePolicy::default().allow(vec![network; 257]).is_err());
    }
}
