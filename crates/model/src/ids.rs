//! Numbers that name or order things: one type each, so that none is taken for another.

use std::{fmt, num::NonZeroU64, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidValue;

/// Declares an id: `decimal` ids are any `u64`, `nonzero` ones any but 0, `hex` ones are `u128` of 32 hex digits.
macro_rules! id {
    (@struct $(#[$doc:meta])* $name:ident($inner:ty): $($derive:ident),*) => {
        $(#[$doc])*
        #[derive($($derive,)* Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the number.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }
        }
    };

    ($(#[$doc:meta])* decimal $name:ident) => {
        id!(@struct $(#[$doc])* $name(u64): Debug, Default);

        impl $name {
            /// The lowest value; nothing that happened carries it.
            pub const ZERO: Self = Self(0);

            /// The number.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                parse_decimal(stringify!($name), text).map(Self)
            }
        }
    };

    ($(#[$doc:meta])* nonzero $name:ident) => {
        id!(@struct $(#[$doc])* $name(NonZeroU64): Debug);

        impl $name {
            /// The number, never 0.
            pub const fn get(self) -> u64 {
                self.0.get()
            }
        }

        impl TryFrom<u64> for $name {
            type Error = InvalidValue;

            fn try_from(value: u64) -> Result<Self, InvalidValue> {
                NonZeroU64::new(value)
                    .map(Self)
                    .ok_or_else(|| InvalidValue::new(stringify!($name), "0 is not allowed; use 1 or more"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                parse_decimal(stringify!($name), text)?.try_into()
            }
        }
    };

    ($(#[$doc:meta])* hex $name:ident) => {
        id!(@struct $(#[$doc])* $name(u128):);

        impl $name {
            /// The number.
            pub const fn get(self) -> u128 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                parse_hex(stringify!($name), text).map(Self)
            }
        }
    };
}

id! {
    /// Names a cluster for ever: drawn at random when it is founded.
    hex ClusterId
}

id! {
    /// Drawn by a process that joins, so that its retries are given one member id and not several.
    hex JoinNonce
}

id! {
    /// Sums up the whole replicated state: equal on all members that applied the same entries.
    hex StateHash
}

id! {
    /// Tells the histories of a cluster apart: a restore from a backup starts a new one.
    decimal Epoch
}

id! {
    /// A term of the raft log.
    decimal Term
}

id! {
    /// A position in the raft log.
    decimal LogIndex
}

id! {
    /// A version of the catalog: the cluster's base plus the log index of the entry that made it.
    decimal Revision
}

id! {
    /// One life of a registration: the revision at which it began.
    decimal Generation
}

id! {
    /// Names a lease: the revision of its grant.
    decimal LeaseId
}

id! {
    /// Numbers the writes of a lease's holder, from 1 on.
    nonzero Sequence
}

id! {
    /// Names a member of the cluster. Counted from 1 and never given twice.
    nonzero MemberId
}

id! {
    /// Names one run of an owner's process: drawn at random when it starts.
    nonzero Incarnation
}

// === impl Revision ===

impl Revision {
    /// The revision of the log entry at `index` in a cluster whose revisions start at `base`.
    #[must_use]
    pub const fn at(base: Self, index: LogIndex) -> Self {
        Self(base.0.saturating_add(index.0))
    }

    /// The index of the log entry that has this revision there; 0 if it lies before the start.
    #[must_use]
    pub const fn index(self, base: Self) -> LogIndex {
        LogIndex(self.0.saturating_sub(base.0))
    }
}

// === impl Generation ===

impl Generation {
    /// The revision at which the registration began.
    pub const fn revision(self) -> Revision {
        Revision(self.0)
    }
}

impl From<Revision> for Generation {
    fn from(revision: Revision) -> Self {
        Self(revision.0)
    }
}

// === impl LeaseId ===

impl From<Revision> for LeaseId {
    fn from(revision: Revision) -> Self {
        Self(revision.0)
    }
}

// === impl Sequence ===

impl Sequence {
    /// The first write.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The one after which there is no other.
    pub const LAST: Self = Self(NonZeroU64::MAX);

    /// The sequence `count` before this one, or the first.
    #[must_use]
    pub const fn minus(self, count: u64) -> Self {
        match NonZeroU64::new(self.0.get().saturating_sub(count)) {
            Some(number) => Self(number),
            None => Self::FIRST,
        }
    }

    /// The one after this; the last has none but itself.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

// === impl StateHash ===

impl StateHash {
    /// The hash of a state without objects.
    pub const EMPTY: Self = Self(0);

    /// The hash of a state that has one object more.
    #[must_use]
    pub const fn plus(self, object: u128) -> Self {
        Self(self.0.wrapping_add(object))
    }

    /// The hash of a state that has one object less.
    #[must_use]
    pub const fn minus(self, object: u128) -> Self {
        Self(self.0.wrapping_sub(object))
    }
}

impl Default for StateHash {
    fn default() -> Self {
        Self::EMPTY
    }
}

// === impl MemberId ===

impl MemberId {
    /// The member that founds the cluster.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The id after this one, or nothing after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }
}

fn parse_decimal(what: &'static str, text: &str) -> Result<u64, InvalidValue> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| InvalidValue::new(what, format!("{text:?} is not a whole number from 0 to {}", u64::MAX)))
}

fn parse_hex(what: &'static str, text: &str) -> Result<u128, InvalidValue> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16)
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| InvalidValue::new(what, format!("{text:?} is not 32 hexadecimal digits")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_no_member_and_no_incarnation() {
        assert!(MemberId::try_from(0).is_err());
        assert!("0".parse::<Incarnation>().is_err());
        assert_eq!(MemberId::try_from(1).unwrap(), MemberId::FIRST);
    }

    #[test]
    fn member_ids_end() {
        assert_eq!(MemberId::FIRST.next().map(MemberId::get), Some(2));
        assert_eq!(MemberId::try_from(u64::MAX).unwrap().next(), None);
    }

    #[test]
    fn decimal_ids_read_digits_only() {
        assert_eq!("18446744073709551615".parse(), Ok(Revision::new(u64::MAX)));
        for bad in ["", "+1", "-1", " 1", "1.0", "18446744073709551616"] {
            assert!(bad.parse::<Revision>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn hex_ids_show_and_read_32_digits() {
        let id = ClusterId::new(0xAB);
        assert_eq!(id.to_string(), "000000000000000000000000000000ab");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in [
            "",
            "ab",
            "+00000000000000000000000000000ab",
            "0x0000000000000000000000000000ab",
        ] {
            assert!(bad.parse::<ClusterId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_revision_never_wraps() {
        let top = Revision::new(u64::MAX);
        assert_eq!(Revision::at(top, LogIndex::new(1)), top);
    }

    #[test]
    fn hashes_add_up_in_any_order() {
        let (one, two) = (u128::MAX - 1, u128::MAX / 2);
        let sum = StateHash::EMPTY.plus(one).plus(two);
        assert_eq!(sum, StateHash::EMPTY.plus(two).plus(one));
        assert_eq!(sum.minus(one).minus(two), StateHash::EMPTY);
    }
}
