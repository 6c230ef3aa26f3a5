//! The end of a raft node: on purpose, with leadership handed over first, or by a failure.

use std::time::Duration;

use openraft::{Instant as _, async_runtime::WatchReceiver as _};
use quorate_model::MemberId;
use tokio::time::timeout;

use super::Consensus;
use crate::status::{MemberRole, Role};

/// A follower that has missed so many heartbeats is not there to take over.
const HEARTBEATS_MISSED_MAX: u32 = 3;

impl Consensus {
    /// Hands leadership to the follower that has most of the log, and waits for another leader. Does nothing
    /// on a member that does not lead, or that has nobody to hand over to.
    pub async fn step_down(&self, time_left: Duration) {
        let Some(successor) = self.successor() else { return };
        tracing::info!(to = %successor, "handing leadership over");
        if self.raft().trigger().transfer_leader(successor.get()).await.is_err() {
            return;
        }
        let handed_over = self.status_is(|status| status.role != Role::Leader && status.leader.is_some());
        if timeout(time_left, handed_over).await.is_err() {
            tracing::warn!(to = %successor, "leadership was not taken over in time");
        }
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
    fn successor(&self) -> Option<MemberId> {
        let status = self.status();
        if status.role != Role::Leader {
            return None;
        }
        let others = status.members.iter().filter(|member| Some(member.id) != status.leader);
        let voters = others.filter(|member| member.role == MemberRole::Voter && self.is_present(member.id));
        voters.max_by_key(|member| member.matched).map(|member| member.id)
    }

    /// Whether a follower has answered one of the last heartbeats.
    fn is_present(&self, id: MemberId) -> bool {
        let metrics = self.metrics();
        let metrics = metrics.borrow_watched();
        let answered = metrics
            .heartbeat
            .as_ref()
            .and_then(|answered| answered.get(&id.get())?.as_ref());
        answered.is_some_and(|at| at.elapsed() < HEARTBEATS_MISSED_MAX * self.timing.heartbeat)
    }
}
