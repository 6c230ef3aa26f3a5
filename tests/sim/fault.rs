//! What can break in a simulated cluster.

use std::time::Duration;

use crate::operator::Receipt;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A process is killed; what it had written but not synced survives.
    Kill,
    /// A machine loses its power, and with it what was not synced.
    PowerLoss,
    /// All machines lose their power at once.
    PowerLossOfAll,
    /// A machine loses its power in the middle of a sync: some of what was to be synced is there, and some is not.
    TornWrite,
    /// A sync fails: the node has to end.
    FailingDisk,
    /// Syncs take a long time.
    SlowDisk,
    /// A disk has no room.
    FullDisk,
    /// A process does not run for a while, and does not know it.
    Pause,
    /// Most processes do not.
    PauseOfMost,
    /// Nothing runs for a while, members and holders of leases alike, as when the machines that all are on are suspended.
    Suspension,
    /// A member is cut off from the others; what was under way is lost.
    Isolation,
    /// A member is cut off from the others; what was under way arrives when it is over.
    HeldLinks,
    /// A member does not hear the others, who hear it.
    Deafness,
    /// A member is not heard by the others, whom it hears.
    Muteness,
    /// Two members do not reach each other, while all others reach both.
    BrokenLink,
    /// A client reaches no member but one.
    CutOffClient,
    /// Messages of one member take long, each another time.
    SlowLinks,
    /// Some requests between members arrive late, in another order.
    LateRequests,
    /// Some requests between members, and some of clients, arrive twice, the second time late.
    RepeatedRequests,
    /// A member is not told of renewals, though it follows the log, and is to lead then.
    UntoldRenewals,
    /// The leader is told to hand over.
    Transfer,
    /// A node is stopped in good order.
    Stop,
    /// A member dies for good, and another node takes its place.
    Replacement,
    /// A node joins as a learner, and is removed again.
    Learner,
    /// A voter is made a learner, and a voter again.
    Demotion,
    /// A member is away until the log that it misses is gone: it needs a snapshot.
    FarBehind,
    /// Most of those who hold leases fall silent at once, and speak again.
    ZoneLoss,
}

/// A fault that has struck and is not over.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) kind: Kind,
    /// The hosts that it keeps from working.
    pub(crate) hosts: Vec<usize>,
    /// When it is over, by the time of the simulation; as soon as its end has come about by itself, if absent.
    pub(crate) until: Option<Duration>,
    pub(crate) end: End,
}

/// How a fault ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The hosts are started again.
    Start,
    /// The processes run again, and holders of leases if they did not.
    Resume,
    /// Each link is whole again: from the first host to the second, and back.
    Repair(Vec<(String, String)>),
    /// What was held arrives.
    Release(Vec<(String, String)>),
    /// Messages are as fast as before.
    Hasten(Vec<(String, String)>),
    /// Syncs take as long as before.
    FastDisk,
    /// There is room again.
    FreeDisk,
    /// The node has failed: what was not synced is partly gone, and it is started again.
    Failed {
        /// Whether a part of what was not synced survives.
        torn: bool,
        /// When any sync is made to fail: what it was to fail at has not come.
        patience: Duration,
    },
    /// Requests arrive as they are sent.
    LeaveRequests,
    /// Those who hold leases speak again.
    Speak,
    /// The member that was not told of renewals is to lead.
    Lead,
    /// It is told of them again.
    Tell,
    /// The operator has done what it was to do.
    Done(Receipt),
    /// The node has stopped, and is started again.
    Stopped,
    /// The host `by` is a voter.
    Replaced { by: usize },
    /// The leader's log begins behind the end of the host's, which is started again.
    LogGone,
    /// The learner on this host has been seen, and is to be removed.
    LearnerSeen { host: usize },
}

// === impl Kind ===

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 27] = [
        Self::Kill,
        Self::PowerLoss,
        Self::PowerLossOfAll,
        Self::TornWrite,
        Self::FailingDisk,
        Self::SlowDisk,
        Self::FullDisk,
        Self::Pause,
        Self::PauseOfMost,
        Self::Suspension,
        Self::Isolation,
        Self::HeldLinks,
        Self::Deafness,
        Self::Muteness,
        Self::BrokenLink,
        Self::CutOffClient,
        Self::SlowLinks,
        Self::LateRequests,
        Self::RepeatedRequests,
        Self::UntoldRenewals,
        Self::Transfer,
        Self::Stop,
        Self::Replacement,
        Self::Learner,
        Self::Demotion,
        Self::FarBehind,
        Self::ZoneLoss,
    ];

    /// Whether it takes a relay.
    pub(crate) const fn is_of_relay(self) -> bool {
        matches!(self, Self::LateRequests | Self::RepeatedRequests | Self::UntoldRenewals)
    }

    /// Whether it lasts until the cluster has come to something: it must leave a quorum.
    pub(crate) const fn is_open_ended(self) -> bool {
        matches!(
            self,
            Self::TornWrite
                | Self::FailingDisk
                | Self::FullDisk
                | Self::Stop
                | Self::Replacement
                | Self::Learner
                | Self::Demotion
                | Self::FarBehind
        )
    }

    /// Its name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::PowerLoss => "power-loss",
            Self::PowerLossOfAll => "power-loss-of-all",
            Self::TornWrite => "torn-write",
            Self::FailingDisk => "failing-disk",
            Self::SlowDisk => "slow-disk",
            Self::FullDisk => "full-disk",
            Self::Pause => "pause",
            Self::PauseOfMost => "pause-of-most",
            Self::Suspension => "suspension",
            Self::Isolation => "isolation",
            Self::HeldLinks => "held-links",
            Self::Deafness => "deafness",
            Self::Muteness => "muteness",
            Self::BrokenLink => "broken-link",
            Self::CutOffClient => "cut-off-client",
            Self::SlowLinks => "slow-links",
            Self::LateRequests => "late-requests",
            Self::RepeatedRequests => "repeated-requests",
            Self::UntoldRenewals => "untold-renewals",
            Self::Transfer => "transfer",
            Self::Stop => "stop",
            Self::Replacement => "replacement",
            Self::Learner => "learner",
            Self::Demotion => "demotion",
            Self::FarBehind => "far-behind",
            Self::ZoneLoss => "zone-loss",
        }
    }

    /// How often it has to have fired in each 50 runs, at least: the committed table that a set of runs is held against.
    pub(crate) const fn least_in_fifty(self) -> u64 {
        match self {
            // These wait for others to be over, or for what takes its time.
            Self::Replacement | Self::Learner | Self::Demotion | Self::FarBehind => 12,
            // These take a relay, which one run in three has.
            Self::LateRequests | Self::RepeatedRequests | Self::UntoldRenewals => 8,
            Self::Kill
            | Self::PowerLoss
            | Self::PowerLossOfAll
            | Self::TornWrite
            | Self::FailingDisk
            | Self::SlowDisk
            | Self::FullDisk
            | Self::Pause
            | Self::PauseOfMost
            | Self::Suspension
            | Self::Isolation
            | Self::HeldLinks
            | Self::Deafness
            | Self::Muteness
            | Self::BrokenLink
            | Self::CutOffClient
            | Self::SlowLinks
            | Self::Transfer
            | Self::ZoneLoss
            | Self::Stop => 15,
        }
    }
}
