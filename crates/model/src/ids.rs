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
