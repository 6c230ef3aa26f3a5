//! A member that hears nothing finds out whether it still is one.
//!
//! Nobody tells a member that it goes: the last that it is sent is what came before. So it asks, when it is not among
//! the members that it knows of, when it is about to go, or when no quorum has confirmed a leader to it for a while. The others pass the
//! question on to their leader, who answers only what a quorum confirms: a member that is cut off with a minority
//! gets no answer, and goes on waiting.

use std::time::Duration;

use quorate_consensus::{Consensus, ask_whether_removed};
use quorate_model::{Identity, MemberId, limits};
use tokio::time::sleep;

use super::Membership;
use crate::{Policy, Tasks, backoff::Backoff, quorum::Quorum, read::Reader};

/// Between two looks at whether there is something to ask.
const PERIOD: Duration = Duration::from_millis(500);

/// How long a member hears nothing before it asks: longer than an election takes.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// Between two rounds of asking all others: for ever, but ever more rarely.
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));

/// How long a member may take to answer: it asks its leader, and that one a quorum.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);

/// How long a leader tries to be confirmed for an answer: less than whoever asks it waits.
const CONFIRM_TIME_MAX: Duration = Duration::from_secs(1);

/// What a member id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// A member.
    Member,
    /// One that was a member, or was to be.
    Removed,
    /// Nobody yet.
    NeverGiven,
}

/// Starts the task. It ends when this member was removed.
pub(super) fn start(membership: Membership, reader: Reader<Consensus>, tasks: &Tasks) {
    tasks.spawn("departure", Policy::Expendable, run(membership, reader));
}

async fn run(membership: Membership, reader: Reader<Consensus>) {
    let mut backoff = RETRY;
    loop {
        sleep(PERIOD).await;
        if !membership.may_be_removed(reader.reading().staleness) {
            backoff.reset();
            continue;
        }
        if membership.ask_others().await {
            membership.removed.send_replace(true);
            return;
        }
        backoff.pause().await;
    }
}

// === impl Membership ===

impl Membership {
    fn may_be_removed(&self, staleness: Option<Duration>) -> bool {
        let settled = self.consensus.settled_members();
        let is_missing = settled.is_some_and(|members| !members.contains(&self.own_id()));
        is_missing || self.consensus.is_leaving() || staleness.is_none_or(|staleness| staleness > SILENCE_MAX)
    }

    /// Asks every other member that is known here, until one says that this member was removed.
    async fn ask_others(&self) -> bool {
        let own = self.consensus.identity();
        for member in self.consensus.status().members {
            if member.id == own.member_id {
                continue;
            }
            let address = &member.info.peer_address;
            let asked = ask_whether_removed(&self.connector, address, own, limits::FORWARD_QUOTA, ANSWER_TIME_MAX);
            match asked.await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "it is not known there whether this member was removed"),
            }
        }
        false
    }

    /// Whether `member_id` was a member and is none any more: false, unless a quorum confirms it.
    pub(super) async fn is_removed(&self, member_id: MemberId, quota: u32) -> bool {
        match self.consensus.leader() {
            Some(leader) if leader == self.own_id() => self.is_removed_for_sure(member_id).await,
            Some(leader) if quota > 0 => self.ask_leader(leader, member_id).await,
            Some(_) | None => false,
        }
    }

    async fn ask_leader(&self, leader: MemberId, member_id: MemberId) -> bool {
        let Some(leader) = self.consensus.member(leader) else {
            return false;
        };
        let of = Identity {
            member_id,
            ..self.consensus.identity()
        };
        let time_left = 2 * CONFIRM_TIME_MAX;
        let asked = ask_whether_removed(&self.connector, &leader.info.peer_address, of, 0, time_left).await;
        asked.unwrap_or(false)
    }

    async fn is_removed_for_sure(&self, member_id: MemberId) -> bool {
        matches!(self.confirm(member_id).await, Some(Confirmed::Removed))
    }

    /// What a member id stands for, if this member leads and a quorum confirms it.
    ///
    /// The order matters: first a quorum confirms that this member leads, then it applies what was committed until
    /// then, and then it looks, at nothing that is not committed.
    pub(super) async fn confirm(&self, member_id: MemberId) -> Option<Confirmed> {
        let deadline = self.deadline(CONFIRM_TIME_MAX);
        let confirmed = Quorum::read_index(&self.consensus, self.own_id(), CONFIRM_TIME_MAX).await;
        let applied = deadline.wait_for(self.consensus.wait_applied(confirmed.ok()?)).await;
        applied.ok()?.ok()?;
        let last = self.consensus.view().last_member();
        let settled = self.consensus.settled_members()?;
        Some(if settled.contains(&member_id) {
            Confirmed::Member
        } else if last.is_some_and(|last| member_id <= last) {
            Confirmed::Removed
        } else {
            Confirmed::NeverGiven
        })
    }
}
