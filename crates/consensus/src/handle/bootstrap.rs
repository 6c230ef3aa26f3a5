//! The beginning of a cluster: one member, and the command that gives it its identity.

use std::{collections::BTreeMap, fmt::Display, time::Duration};

use bytes::Bytes;
use quorate_model::Epoch;
use quorate_state::Command;
use tokio::time::{sleep, timeout};

use super::Consensus;
use crate::{
    error::{ProposeError, StartError},
    type_config::MemberInfo,
};

/// How long the founder waits for its own first command.
const BOOTSTRAP_TIMEOUT: Duration = Duration::from_secs(30);

impl Consensus {
    /// Founds the cluster with this member as its only one. Finishes a founding that was interrupted, and does
    /// nothing to a cluster that is founded.
    pub async fn bootstrap(&self, info: MemberInfo, epoch: Epoch) -> Result<(), StartError> {
        self.elect_itself(info).await?;
        let found = Command::Found {
            cluster_id: self.identity.cluster_id,
            epoch,
        };
        let found = found.encode().map_err(failed)?;
        let founded = timeout(BOOTSTRAP_TIMEOUT, self.found(found)).await;
        founded.map_err(|_| failed("no leader was elected"))?
    }

    /// Makes this member the only voter, unless raft has begun already.
    async fn elect_itself(&self, info: MemberInfo) -> Result<(), StartError> {
        if self.raft.is_initialized().await.map_err(failed)? {
            return Ok(());
        }
        let members = BTreeMap::from([(self.identity.member_id.get(), info)]);
        self.raft.initialize(members).await.map_err(failed)
    }

    async fn found(&self, found: Bytes) -> Result<(), StartError> {
        loop {
            self.leader_known().await;
            if self.view().cluster().is_some() {
                return Ok(());
            }
            match self
                .propose(self.identity.member_id, found.clone(), BOOTSTRAP_TIMEOUT)
                .await
            {
                Ok(_) => return Ok(()),
                // The fresh leader has not heard from its quorum, itself, yet.
                Err(ProposeError::NotLeader(_)) => sleep(self.timing.heartbeat).await,
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

fn failed(problem: impl Display) -> StartError {
    StartError::Bootstrap(problem.to_string())
}
