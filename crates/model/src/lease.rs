//! Leases: what a client process holds, and the keys by which its writes take effect once.

use std::{fmt, time::Duration};

use crate::{Incarnation, InvalidValue, LeaseId, LogTime, Owner, Revision, Sequence, limits};

/// How long a lease lives without being renewed: 2 s to 24 h, 15 s unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseTtl(u64);

/// How long a lease stays when it has lapsed, in the time of the cluster: 1 s to 48 h, twice its time to live unless told
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoveAfter(u64);

/// What the renewal of a lease came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Renewal {
    /// It lives, for its time to live from the moment of the request on at least.
    Live,
    /// It had lapsed, and lives again with all that it keeps.
    Revived,
    /// There is no such lease, or none any more.
    Unknown,
}

/// A lease, as it was granted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Its id: the revision of its grant.
    pub id: LeaseId,
    /// Who holds it, if told.
    pub owner: Option<Owner>,
    /// Which run of the owner.
    pub incarnation: Incarnation,
    /// How long it lives without being renewed.
    pub ttl: LeaseTtl,
    /// How long it stays when it has lapsed.
    pub remove_after: RemoveAfter,
    /// Whose it is.
    pub kind: LeaseKind,
    /// Wall-clock milliseconds since the Unix epoch when it was granted; for display only.
    pub granted_at_ms: u64,
}

/// Whose a lease is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum LeaseKind {
    /// A process's, which asked for it: it may keep several registrations.
    #[default]
    Granted,
    /// A registration's own, made with it: it goes with it.
    Own,
}

/// What keeps a registration from going away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// Nothing has to: it stays until it is taken out.
    #[default]
    Persistent,
    /// A lease of its own, with this time to live.
    Ttl(LeaseTtl),
    /// A lease that others may share.
    Lease(LeaseId),
}

/// That a lease was not renewed in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lapse {
    /// The revision at which that was written down.
    pub revision: Revision,
    /// The log time then.
    pub at: LogTime,
    /// Until when it counts as recent: one TTL later.
    pub recent_until: LogTime,
}

/// What makes a write take effect once, however often it is sent: a repetition is answered with the first outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestKey {
    lease: LeaseId,
    sequence: Sequence,
    acked_below: Sequence,
}

// === impl LeaseTtl ===

impl LeaseTtl {
    /// Takes milliseconds.
    pub fn from_ms(ms: u64) -> Result<Self, InvalidValue> {
        let (min, max) = (limits::LEASE_TTL_MS_MIN, limits::LEASE_TTL_MS_MAX);
        if (min..=max).contains(&ms) {
            return Ok(Self(ms));
        }
        let problem = format!("{ms} ms is not one of {min}–{max}");
        Err(InvalidValue::new("time to live", problem))
    }

    /// The milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.0
    }
}

impl Default for LeaseTtl {
    fn default() -> Self {
        Self(limits::LEASE_TTL_MS_DEFAULT)
    }
}

impl TryFrom<Duration> for LeaseTtl {
    type Error = InvalidValue;

    fn try_from(ttl: Duration) -> Result<Self, InvalidValue> {
        Self::from_ms(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<LeaseTtl> for Duration {
    fn from(ttl: LeaseTtl) -> Self {
        Self::from_millis(ttl.0)
    }
}

impl fmt::Display for LeaseTtl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

// === impl RemoveAfter ===

impl RemoveAfter {
    /// Twice the time to live: what is asked for by whoever does not say.
    #[must_use]
    pub const fn of(ttl: LeaseTtl) -> Self {
        Self(2 * ttl.0)
    }

    /// Takes milliseconds.
    pub fn from_ms(ms: u64) -> Result<Self, InvalidValue> {
        let (min, max) = (limits::REMOVE_AFTER_MS_MIN, limits::REMOVE_AFTER_MS_MAX);
        if (min..=max).contains(&ms) {
            return Ok(Self(ms));
        }
        let problem = format!("{ms} ms is not one of {min}–{max}");
        Err(InvalidValue::new("time that a lapsed lease stays", problem))
    }

    /// The milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.0
    }
}

impl TryFrom<Duration> for RemoveAfter {
    type Error = InvalidValue;

    fn try_from(time: Duration) -> Result<Self, InvalidValue> {
        Self::from_ms(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for RemoveAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

// === impl Renewal ===

impl Renewal {
    /// The word for it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Revived => "revived",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

// === impl RequestKey ===

impl RequestKey {
    /// The key of the write that its lease has numbered `sequence`, and whose holder will not repeat those below
    /// `acked_below`; refused if that would be this one itself.
    pub fn new(lease: LeaseId, sequence: Sequence, acked_below: Sequence) -> Result<Self, InvalidValue> {
        if acked_below > sequence {
            let problem = format!("acknowledged below {acked_below}, which is above its own sequence {sequence}");
            return Err(InvalidValue::new("request key", problem));
        }
        Ok(Self {
            lease,
            sequence,
            acked_below,
        })
    }

    /// The lease of whoever writes.
    pub fn lease(&self) -> LeaseId {
        self.lease
    }

    /// The number of the write among those of the lease.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The writes below this number will not be repeated.
    pub fn acked_below(&self) -> Sequence {
        self.acked_below
    }

    /// The lowest sequence that may still be asked for once this write has come.
    #[must_use]
    pub fn window_start(&self) -> Sequence {
        let lowest = self.sequence.minus(limits::OUTCOME_WINDOW - 1);
        lowest.max(self.acked_below)
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {} of lease {}", self.sequence, self.lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(number: u64) -> Sequence {
        number.try_into().unwrap()
    }

    fn key(number: u64, acked_below: u64) -> Result<RequestKey, InvalidValue> {
        RequestKey::new(LeaseId::new(7), sequence(number), sequence(acked_below))
    }

    #[test]
    fn a_lease_lives_2_seconds_to_a_day() {
        for (ms, fits) in [(1_999, false), (2_000, true), (86_400_000, true), (86_400_001, false)] {
            assert_eq!(LeaseTtl::from_ms(ms).is_ok(), fits, "{ms}");
        }
        assert_eq!(LeaseTtl::default().as_ms(), 15_000);
        assert_eq!(Duration::from(LeaseTtl::default()), Duration::from_secs(15));
        assert!(LeaseTtl::try_from(Duration::MAX).is_err());
    }

    #[test]
    fn a_lapsed_lease_stays_a_second_to_two_days_and_twice_its_time_to_live_unless_told() {
        for (ms, fits) in [(999, false), (1_000, true), (172_800_000, true), (172_800_001, false)] {
            assert_eq!(RemoveAfter::from_ms(ms).is_ok(), fits, "{ms}");
        }
        for ttl_ms in [limits::LEASE_TTL_MS_MIN, limits::LEASE_TTL_MS_MAX] {
            let twice = RemoveAfter::of(LeaseTtl::from_ms(ttl_ms).unwrap());
            assert_eq!(RemoveAfter::from_ms(2 * ttl_ms), Ok(twice));
        }
        assert!(RemoveAfter::try_from(Duration::MAX).is_err());
    }

    #[test]
    fn a_write_is_not_acknowledged_before_it_is_done() {
        assert!(key(5, 5).is_ok());
        assert!(key(5, 6).is_err());
    }

    #[test]
    fn the_window_ends_with_the_write_and_is_1024_long() {
        for (number, acked_below, start) in [
            (1, 1, 1),
            (1_024, 1, 1),
            (1_025, 1, 2),
            (2_000, 1_500, 1_500),
            (u64::MAX, 1, u64::MAX - 1_023),
        ] {
            assert_eq!(
                key(number, acked_below).unwrap().window_start(),
                sequence(start),
                "{number}"
            );
        }
    }
}
