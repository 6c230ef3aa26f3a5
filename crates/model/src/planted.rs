//! Bugs that are planted on purpose, to see that the simulation finds them.
//!
//! They exist only in a build with `--cfg quorate_planted`, and there one of them can be chosen for the life of the
//! process. Where one is, the code says so:
//!
//! ```ignore
//! #[cfg(quorate_planted)]
//! if planted::is(Planted::StaleLeaderRead) { … }
//! ```

use std::{str::FromStr, sync::OnceLock};

/// Is in every program that holds planted bugs, so that one that must not can be searched for it.
pub const MARK: &str = "this program holds planted bugs";

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Planted {
    /// Entries are acknowledged by a disk one sync before they are durable.
    AckBeforeSync,
    /// Whoever states a generation may touch any other.
    SkippedGenerationCheck,
    /// A leader confirms reads without asking whether it still leads.
    StaleLeaderRead,
    /// A member says that what it shows is fresher than it is.
    UnderstatedStaleness,
    /// The outcomes that are kept for repeated writes are left out of snapshots.
    OutcomesLeftOut,
    /// A write that is repeated is done again.
    DoubleApply,
    /// A vote is given before it is durable.
    VoteNotSynced,
    /// What is purged is gone before the log says that it begins later.
    PurgeBeforeMark,
    /// What one leader has found of leases is done in the name of another.
    LapseWithoutTermCheck,
    /// A new leader lets leases lapse by what it knows itself, without asking a majority.
    PromotionWithoutMajority,
    /// Time in which the process did not run counts for leases.
    TickGapIgnored,
    /// No guard is ever raised.
    GuardNotCommitted,
    /// A renewal is answered before a majority knows of it.
    RenewalBeforeMajority,
}

static CHOSEN: OnceLock<Planted> = OnceLock::new();

// === impl Planted ===

impl Planted {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::AckBeforeSync,
        Self::SkippedGenerationCheck,
        Self::StaleLeaderRead,
        Self::UnderstatedStaleness,
        Self::OutcomesLeftOut,
        Self::DoubleApply,
        Self::VoteNotSynced,
        Self::PurgeBeforeMark,
        Self::LapseWithoutTermCheck,
        Self::PromotionWithoutMajority,
        Self::TickGapIgnored,
        Self::GuardNotCommitted,
        Self::RenewalBeforeMajority,
    ];

    /// Its name, as it is chosen by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AckBeforeSync => "ack-before-sync",
            Self::SkippedGenerationCheck => "skipped-generation-check",
            Self::StaleLeaderRead => "stale-leader-read",
            Self::UnderstatedStaleness => "understated-staleness",
            Self::OutcomesLeftOut => "outcomes-left-out",
            Self::DoubleApply => "double-apply",
            Self::VoteNotSynced => "vote-not-synced",
            Self::PurgeBeforeMark => "purge-before-mark",
            Self::LapseWithoutTermCheck => "lapse-without-term-check",
            Self::PromotionWithoutMajority => "promotion-without-majority",
            Self::TickGapIgnored => "tick-gap-ignored",
            Self::GuardNotCommitted => "guard-not-committed",
            Self::RenewalBeforeMajority => "renewal-before-majority",
        }
    }

    /// Lets this process have the bug. The first choice stands.
    pub fn choose(self) {
        CHOSEN.get_or_init(|| self);
    }
}

impl FromStr for Planted {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|bug| bug.name() == name).copied();
        known.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|bug| bug.name()).collect();
            format!("{name:?} is no planted bug; there are {}", names.join(", "))
        })
    }
}

/// Whether this process has the bug.
pub fn is(bug: Planted) -> bool {
    // Kept by the linker wherever a bug is.
    std::hint::black_box(MARK);
    CHOSEN.get() == Some(&bug)
}
