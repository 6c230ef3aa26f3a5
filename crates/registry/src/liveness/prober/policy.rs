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
    // Link-local: among them the addresses at which clouds hand out the secrets of a machine.
    "169.254.0.0/16",
    "fe80::/10",
    "fd00:ec2::254/128",
    // Multicast and broadcast: one probe and many answers.
    "224.0.0.0/4",
    "ff00::/8",
    "255.255.255.255/32",
];

/// Networks refused by one policy: more would be a mistake, and each costs every probe a look.
const NETWORKS_MAX: usize = 256;

/// An IPv4 or IPv6 network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix_len: u8,
}

/// Which addresses are probed: all but those of some networks. An IPv4 address that is written as an IPv6 address counts
/// as what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbePolicy {
    refused: Box<[Network]>,
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
        if refused.len() > NETWORKS_MAX {
            let problem = format!("{} are over the limit of {NETWORKS_MAX}", refused.len());
            return Err(InvalidValue::new("refused networks", problem));
        }
        Ok(Self {
            refused: refused.into(),
        })
    }

    /// The networks that are refused.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        self.refused.iter()
    }

    /// The network by which `ip` must not be probed, if there is one.
    pub fn refusing(&self, ip: IpAddr) -> Option<Network> {
        let refuses = |ip: IpAddr| self.refused.iter().find(|network| network.contains(ip)).copied();
        let inner = match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => embedded(ip).map(IpAddr::V4),
        };
        refuses(ip).or_else(|| inner.and_then(refuses))
    }
}

impl Default for ProbePolicy {
    fn default() -> Self {
        let refused = REFUSED.iter().map(|network| network.parse());
        let refused: Result<Vec<Network>, InvalidValue> = refused.collect();
        Self::new(refused.expect("the networks are written correctly")).expect("there are few")
    }
}

/// The IPv4 address that an IPv6 address leads to, if it does: mapped, compatible, translated (NAT64) or tunnelled
/// (6to4).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let low = || Ipv4Addr::from_bits(u32::try_from(ip.to_bits() & u128::from(u32::MAX)).unwrap_or_default());
    match ip.segments() {
        // The loopback and the unspecified address are of the form of the second kind, and lead nowhere else.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(low()),
        [0x2002, high, low, ..] => Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        _ => None,
    }
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
            "fd00:ec2::254",
        ] {
            assert!(refused(ip), "{ip}");
        }
        for ip in [
            "10.0.0.1",
            "127.0.0.1",
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
            "2002:a9fe:a9fe::1",
        ] {
            assert!(refused(ip), "{ip}");
        }
        assert!(!refused("::ffff:10.0.0.1"));
    }

    #[test]
    fn a_loopback_address_is_not_taken_for_an_embedded_one() {
        // Seen as an embedded address it would be 0.0.0.1, which is refused.
        assert!(!refused("::1"));
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
    }
}
