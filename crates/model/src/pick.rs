//! How one instance is chosen among several: the same code for members and for clients that choose by themselves.

mod rendezvous;

use crate::{Found, InstanceId, InvalidValue, RegionName, Weight, ZoneName, limits};

/// How one instance is chosen among several. Those of weight 0 are never chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Each is as likely as the others.
    #[default]
    Random,
    /// One after the other.
    RoundRobin,
    /// Each is as likely as its weight is large.
    Weighted,
    /// The same key chooses the same one while it is there, in proportion to the weights.
    ///
    /// When one comes, goes or gets another weight, no key moves between the others.
    ConsistentHash(HashKey),
    /// By weight among those in the caller's zone; if there is none, in its region; if there is none, among all.
    ZoneFirst {
        /// Where the caller is.
        zone: ZoneName,
        /// The region that it is in, if that is known.
        region: Option<RegionName>,
    },
}

/// What an instance is chosen by again and again: 1–[`limits::HASH_KEY_LEN_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HashKey(Box<[u8]>);

/// An instance that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: &'a InstanceId,
    /// Its share of the load.
    pub weight: Weight,
    /// The zone that it is in.
    pub zone: Option<&'a ZoneName>,
    /// The region that it is in.
    pub region: Option<&'a RegionName>,
}

/// Chooses one of `candidates`, which come in the order of their ids, and answers its place among them; none if
/// there is none whose weight is more than 0.
///
/// The `draw` is what chance decides by: a counter that goes up by one each time for [`Policy::RoundRobin`], a
/// random number of 64 bits for the others; [`Policy::ConsistentHash`] does not look at it.
///
/// Goes through the candidates at most four times, and allocates nothing.
pub fn pick<'a>(policy: &Policy, candidates: impl Iterator<Item = Candidate<'a>> + Clone, draw: u64) -> Option<usize> {
    let able = candidates
        .enumerate()
        .filter(|(_, candidate)| candidate.weight.get() > 0);
    match policy {
        Policy::Random => {
            let nth = scaled(draw, count(able.clone())?);
            nth_of(able, nth)
        }
        Policy::RoundRobin => {
            let nth = draw % count(able.clone())?;
            nth_of(able, nth)
        }
        Policy::Weighted => weighted(able, draw),
        Policy::ConsistentHash(key) => rendezvous::pick(able, key),
        Policy::ZoneFirst { zone, region } => {
            let in_zone = able.clone().filter(|(_, candidate)| candidate.zone == Some(zone));
            let in_region = able
                .clone()
                .filter(|(_, candidate)| region.is_some() && candidate.region == region.as_ref());
            weighted(in_zone, draw)
                .or_else(|| weighted(in_region, draw))
                .or_else(|| weighted(able, draw))
        }
    }
}

/// How many there are; none if there are none.
fn count(able: impl Iterator) -> Option<u64> {
    let count = able.fold(0, |count: u64, _| count + 1);
    (count > 0).then_some(count)
}

/// The place of the `nth` one.
fn nth_of<'a>(mut able: impl Iterator<Item = (usize, Candidate<'a>)>, nth: u64) -> Option<usize> {
    let nth = usize::try_from(nth).expect("it is less than their number");
    able.nth(nth).map(|(place, _)| place)
}

/// Each is as likely as its weight is large: they are laid end to end, and `draw` is a point on the line.
fn weighted<'a>(able: impl Iterator<Item = (usize, Candidate<'a>)> + Clone, draw: u64) -> Option<usize> {
    let total: u64 = able.clone().map(|(_, candidate)| width(candidate)).sum();
    let mut point = scaled(draw, total);
    for (place, candidate) in able {
        let width = width(candidate);
        if point < width {
            return Some(place);
        }
        point -= width;
    }
    None
}

fn width(candidate: Candidate<'_>) -> u64 {
    candidate.weight.get().into()
}

/// A number below `end` in proportion to `draw`: each is as likely as the others, to one part in 2^64 / `end`.
/// 0 if `end` is.
fn scaled(draw: u64, end: u64) -> u64 {
    let product = u128::from(draw) * u128::from(end);
    u64::try_from(product >> 64).expect("half of the bits of the product are gone")
}

// === impl HashKey ===

impl HashKey {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<Vec<u8>> for HashKey {
    type Error = InvalidValue;

    fn try_from(bytes: Vec<u8>) -> Result<Self, InvalidValue> {
        let (len, max) = (bytes.len(), limits::HASH_KEY_LEN_MAX);
        if (1..=max).contains(&len) {
            return Ok(Self(bytes.into()));
        }
        let problem = format!("it is {len} bytes long; allowed are 1–{max}");
        Err(InvalidValue::new("hash key", problem))
    }
}

// === impl Candidate ===

impl<'a> From<&'a Found> for Candidate<'a> {
    fn from(found: &'a Found) -> Self {
        let locality = found.spec().locality();
        Self {
            id: &found.key().id,
            weight: found.weight(),
            zone: locality.zone.as_ref(),
            region: locality.region.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests;
