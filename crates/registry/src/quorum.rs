//! What a request needs of consensus, as a trait: tests script it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use quorate_consensus::{Applied, Consensus, ProposeError, ReadIndexError, Stopping};
use quorate_model::{LogIndex, LogTime, MemberId};
use quorate_state::State;

/// See the methods of the same names of [`Consensus`].
pub(crate) trait Quorum: Clone + Send + Sync + 'static {
    fn leader(&self) -> Option<MemberId>;

    fn leader_known(&self) -> impl Future<Output = ()> + Send;

    fn propose(
        &self,
        leader: MemberId,
        command: Bytes,
        time_left: Duration,
    ) -> impl Future<Output = Result<Applied, ProposeError>> + Send;

    fn read_index(
        &self,
        leader: MemberId,
        time_left: Duration,
    ) -> impl Future<Output = Result<LogIndex, ReadIndexError>> + Send;

    fn wait_applied(&self, index: LogIndex) -> impl Future<Output = Result<(), Stopping>> + Send;

    fn view(&self) -> Arc<State>;

    fn log_time(&self) -> LogTime;
}

impl Quorum for Consensus {
    fn leader(&self) -> Option<MemberId> {
        self.leader()
    }

    async fn leader_known(&self) {
        self.leader_known().await;
    }

    async fn propose(&self, leader: MemberId, command: Bytes, time_left: Duration) -> Result<Applied, ProposeError> {
        self.propose(leader, command, time_left).await
    }

    async fn read_index(&self, leader: MemberId, time_left: Duration) -> Result<LogIndex, ReadIndexError> {
        self.read_index(leader, time_left).await
    }

    async fn wait_applied(&self, index: LogIndex) -> Result<(), Stopping> {
        self.wait_applied(index).await
    }

    fn view(&self) -> Arc<State> {
        self.view()
    }

    fn log_time(&self) -> LogTime {
        self.log_time()
    }
}
