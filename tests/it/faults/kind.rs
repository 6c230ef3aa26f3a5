//! The kinds of faults, and what each of them takes.

use quorate_tests::missing;

/// Where members are that a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ground {
    /// On this host, with a proxy before each door.
    Host,
    /// Each in a network namespace of its own.
    Namespaces,
}

/// Which member is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whom {
    Leader,
    Follower,
}

/// Between whom a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Between {
    /// Members.
    Members,
    /// Clients and members.
    Clients,
}

/// How a connection is spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spoiled {
    /// All is late, by 50 to 500 ms each way.
    Delayed,
    /// All is slow, at 20 to 100 kB a second.
    Throttled,
    /// Nothing comes through at one member, and nobody is told.
    BlackHole,
    /// Connections are reset in the middle of an answer.
    Reset,
    /// One member has closed its side, and the other side is not told.
    HalfOpen,
    /// One member takes no new connection, and those that there were are reset.
    NotAccepted,
}

/// Which packets between members are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lost {
    /// Three of ten, of all.
    Some,
    /// All that one member and the others send each other.
    Partition(Whom),
    /// All that the leader is sent.
    ToLeader,
    /// All that the leader sends.
    FromLeader,
    /// All that two members send each other: the third hears both.
    BetweenTwo,
}

/// How a wall clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Off {
    /// A year ahead from the start.
    Ahead,
    /// A year behind from the start.
    Behind,
    /// It jumps while the member runs.
    Jumps,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// SIGKILL of one member.
    Kill(Whom),
    /// SIGKILL of all members at once.
    KillAll,
    /// SIGKILL of a member again and again while it opens its data.
    KillOpening,
    /// SIGSTOP of one member for 1 to 5 s.
    Pause(Whom),
    /// SIGSTOP of two of three members for 1 to 5 s.
    PauseMajority,
    /// Connections are spoiled.
    Spoil(Between, Spoiled),
    /// Packets are lost.
    Lose(Lost),
    /// A sync of the log fails once.
    SyncFails(Whom),
    /// Each sync of the log takes 0.3 to 3 s longer.
    SyncSlow(Whom),
    /// The wall clock of a member is wrong.
    Clock(Off),
    /// A member is gone for good, and another one takes its place.
    Replace,
}

// === impl Kind ===

impl Kind {
    /// All of them, with what each is called.
    pub(super) const ALL: &[(Self, &str)] = &[
        (Self::Kill(Whom::Leader), "kill-leader"),
        (Self::Kill(Whom::Follower), "kill-follower"),
        (Self::KillAll, "kill-all"),
        (Self::KillOpening, "kill-while-opening"),
        (Self::Pause(Whom::Leader), "pause-leader"),
        (Self::Pause(Whom::Follower), "pause-follower"),
        (Self::PauseMajority, "pause-majority"),
        (Self::Spoil(Between::Members, Spoiled::Delayed), "peers-delayed"),
        (Self::Spoil(Between::Members, Spoiled::Throttled), "peers-throttled"),
        (Self::Spoil(Between::Members, Spoiled::BlackHole), "peers-black-hole"),
        (Self::Spoil(Between::Members, Spoiled::Reset), "peers-reset"),
        (Self::Spoil(Between::Members, Spoiled::HalfOpen), "peers-half-open"),
        (
            Self::Spoil(Between::Members, Spoiled::NotAccepted),
            "peers-not-accepted",
        ),
        (Self::Spoil(Between::Clients, Spoiled::Delayed), "clients-delayed"),
        (Self::Spoil(Between::Clients, Spoiled::Throttled), "clients-throttled"),
        (Self::Spoil(Between::Clients, Spoiled::BlackHole), "clients-black-hole"),
        (Self::Spoil(Between::Clients, Spoiled::Reset), "clients-reset"),
        (Self::Spoil(Between::Clients, Spoiled::HalfOpen), "clients-half-open"),
        (
            Self::Spoil(Between::Clients, Spoiled::NotAccepted),
            "clients-not-accepted",
        ),
        (Self::Lose(Lost::Some), "packet-loss"),
        (Self::Lose(Lost::Partition(Whom::Leader)), "partition-leader"),
        (Self::Lose(Lost::Partition(Whom::Follower)), "partition-follower"),
        (Self::Lose(Lost::ToLeader), "one-way-to-leader"),
        (Self::Lose(Lost::FromLeader), "one-way-from-leader"),
        (Self::Lose(Lost::BetweenTwo), "partial-partition"),
        (Self::SyncFails(Whom::Leader), "sync-fails-leader"),
        (Self::SyncFails(Whom::Follower), "sync-fails-follower"),
        (Self::SyncSlow(Whom::Leader), "sync-slow-leader"),
        (Self::SyncSlow(Whom::Follower), "sync-slow-follower"),
        (Self::Clock(Off::Ahead), "clock-ahead"),
        (Self::Clock(Off::Behind), "clock-behind"),
        (Self::Clock(Off::Jumps), "clock-jumps"),
        (Self::Replace, "replace-member"),
    ];

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(kind, _)| *kind == self);
        found.expect("every kind is listed").1
    }

    /// The kind that is called so.
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, its)| *its == name);
        found.map(|(kind, _)| *kind)
    }

    /// Where it can strike.
    pub(super) fn ground(self) -> Ground {
        match self {
            Self::Lose(_) => Ground::Namespaces,
            Self::Kill(_)
            | Self::KillAll
            | Self::KillOpening
            | Self::Pause(_)
            | Self::PauseMajority
            | Self::Spoil(..)
            | Self::SyncFails(_)
            | Self::SyncSlow(_)
            | Self::Clock(_)
            | Self::Replace => Ground::Host,
        }
    }

    /// What it needs that is not here.
    pub(super) fn missing(self) -> Option<String> {
        match self {
            Self::Lose(_) => missing(&["ip", "nft"]),
            Self::SyncFails(_) | Self::SyncSlow(_) => missing(&["strace"]),
            Self::Clock(_) => missing(&["faketime"]),
            Self::Kill(_)
            | Self::KillAll
            | Self::KillOpening
            | Self::Pause(_)
            | Self::PauseMajority
            | Self::Spoil(..)
            | Self::Replace => None,
        }
    }
}

#[test]
fn every_name_is_that_of_one_kind() {
    for (kind, name) in Kind::ALL {
        assert_eq!(kind.name(), *name);
        assert_eq!(Kind::named(name), Some(*kind), "{name}");
    }
    assert_eq!(Kind::named("nothing"), None);
}
