//! The end of a raft node: on purpose, with leadership handed over first, or by a failure.

use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use quorate_model::MemberId;
use tokio::time::timeout;

use super::Consensus;
use crate::status::{Member, MemberRole, Role};

/// A follower that has missed so many heartbeats is not there to take over.
const HEARTBEATS_MISSED_MAX: u32 = 3;

impl Consensus {
    /// Hands leadership to the follower that has most of the log, and waits for another leader. Does nothing
    /// on a member that does not lead, or that has nobody to hand over to.
    pub async fn step_down(&self, time_left: Duration) {
        if let Some(successor) = self.successor() {
            self.hand_over(successor, time_left).await;
        }
    }

    /// Hands leadership to a voter, and answers who leads then; nobody, if that is not known in time. From now on
    /// until then there are no writes: a voter that is not there, or lags behind, must not be asked.
    pub async fn hand_over(&self, to: MemberId, time_left: Duration) -> Option<MemberId> {
        tracing::info!(%to, "handing leadership over");
        self.raft().trigger().transfer_leader(to.get()).await.ok()?;
        let handed_over = self.status_is(|status| status.role != Role::Leader && status.leader.is_some());
        if timeout(time_left, handed_over).await.is_err() {
            tracing::warn!(%to, "leadership was not taken over in time");
            return None;
        }
        self.leader()
    }

    /// Whether a follower has answered one of the last heartbeats: it is there to take over.
    pub fn is_present(&self, follower: &Member) -> bool {
        let recently = HEARTBEATS_MISSED_MAX * self.timing.heartbeat;
        follower.last_heard.is_some_and(|silence| silence < recently)
    }

    /// Stops taking part.
    pub async fn shutdown(&self) {
        if let Err(error) = self.raft().shutdown().await {
            tracing::error!(%error, "raft did not stop cleanly");
        }
    }

    /// Waits until raft has died of a failure, and answers why. The process must then stop: it takes part no
    /// more, and its state stands still.
    pub async fn stopped(&self) -> String {
        let mut metrics = self.metrics();
        loop {
            if let Err(fatal) = &metrics.borrow_watched().running_state {
                return fatal.to_string();
            }
            if metrics.changed().await.is_err() {
                return "raft has ended".to_owned();
            }
        }
    }
}

impl Consensus {
    /// The voter with most of the log among those that were there a moment ago, if this member leads.
    pub fn successor(&self) -> Option<MemberId> {
        let status = self.status();
        if status.role != Role::Leader {
            return None;
        }
        let others = status.members.iter().filter(|member| Some(member.id) != status.leader);
        let voters = others.filter(|member| member.role == MemberRole::Voter && self.is_present(member));
        voters.max_by_key(|member| member.matched).map(|member| member.id)
    }
}
