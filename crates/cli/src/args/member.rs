//! Flags of `member` and `transfer-leader`.

use std::time::Duration;

use clap::{Args, Subcommand};
use quorate_client::Calling;
use quorate_model::{DoorAddress, MemberId};

use super::duration;

/// See [`ClientVerb::Member`](super::ClientVerb::Member).
#[derive(Debug, Args)]
pub(crate) struct MemberArgs {
    #[command(subcommand)]
    pub(crate) verb: MemberVerb,
}

/// What is wanted of the members.
#[derive(Debug, Subcommand)]
pub(crate) enum MemberVerb {
    /// List the members as the leader sees them.
    List,
    /// Make room for a node that has not started yet, and print its id.
    ///
    /// The node that then joins from this peer address is that member. A node that joins without having been added
    /// adds itself: this is for those who want to know the id before.
    Add(AddArgs),
    /// Take a member out, for good. It learns of it, and its process ends.
    ///
    /// Exits with 3 if it was not there.
    Remove(NamedArgs),
    /// Put a member that has joined in the place of another one, which goes for good: in one change.
    Replace(ReplaceArgs),
    /// Give a learner a vote, for good.
    Promote(PromoteArgs),
    /// Take the vote of a member, which stays as a learner.
    Demote(NamedArgs),
}

/// See [`MemberVerb::Add`].
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Where the other members will reach it: a host and a port.
    #[arg(long, value_name = "ADDR")]
    pub(crate) peer_address: DoorAddress,
    /// Where clients will reach it: a host and a port.
    #[arg(long, value_name = "ADDR")]
    pub(crate) client_address: DoorAddress,
    /// It is to be a read replica that never votes.
    #[arg(long)]
    learner: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// Names a member.
#[derive(Debug, Args)]
pub(crate) struct NamedArgs {
    /// The id of the member.
    pub(crate) id: MemberId,
}

/// See [`MemberVerb::Replace`].
#[derive(Debug, Args)]
pub(crate) struct ReplaceArgs {
    /// The id of the member that goes.
    pub(crate) old: MemberId,
    /// The id of the member that takes its place.
    pub(crate) new: MemberId,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// See [`MemberVerb::Promote`].
#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    /// The id of the member.
    pub(crate) id: MemberId,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// Whether to wait for a member to be there and to catch up.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Wait until the member is there, has caught up and, if it is meant to, votes.
    #[arg(long)]
    wait: bool,
    /// How long to wait, such as `60s` or `10m`.
    #[arg(long, value_parser = duration::parse, value_name = "TIME", default_value = "60s", requires = "wait")]
    wait_timeout: Duration,
}

/// See [`ClientVerb::TransferLeader`](super::ClientVerb::TransferLeader).
#[derive(Debug, Args)]
pub(crate) struct TransferLeaderArgs {
    /// The id of the voter that is to lead; whichever has come furthest, if none is given.
    #[arg(long, value_name = "ID")]
    pub(crate) to: Option<MemberId>,
}

// === impl AddArgs ===

impl AddArgs {
    /// What the member is to be.
    pub(crate) fn calling(&self) -> Calling {
        if self.learner { Calling::Learner } else { Calling::Voter }
    }
}

// === impl WaitArgs ===

impl WaitArgs {
    /// How long to wait, if at all.
    pub(crate) fn time(&self) -> Option<Duration> {
        self.wait.then_some(self.wait_timeout)
    }
}
