//! A node that serves, until it is told to stop or cannot go on.

use std::time::Duration;

use quorate_consensus::Consensus;
use quorate_registry::Tasks;
use quorate_storage::FatalError;
use tokio::{join, sync::watch, time::timeout};

use super::{
    NodeError, Runtimes,
    disk::{Keeping, OpenDisk},
    health::Health,
};

// A stop ends within 15 seconds: the sum of these, three times the tasks', and what `OpenDisk::close` and the
// runtimes may take. Orchestrators kill what they have told to stop after 30.

/// How long requests under way have to end before they are cut off.
const DRAIN_MAX: Duration = Duration::from_secs(7);

/// How long another member has to take leadership over: some elections. Passes while requests end.
const HANDOVER_MAX: Duration = Duration::from_secs(3);

/// How long tasks that only have to be dropped may take.
const TASKS_STOP_MAX: Duration = Duration::from_secs(1);

/// How long raft may take to end what it does.
const RAFT_STOP_MAX: Duration = Duration::from_secs(1);

/// A node that serves.
pub(super) struct Serving {
    pub(super) consensus: Consensus,
    pub(super) disk: OpenDisk,
    pub(super) tasks: TaskGroups,
    pub(super) fatal: watch::Receiver<Option<FatalError>>,
    pub(super) health: Health,
    /// Whether the member was removed from its cluster.
    pub(super) removed: watch::Receiver<bool>,
}

/// The tasks of a node, in groups that stop one after the other.
pub(super) struct TaskGroups {
    /// The door for clients: first, and while everything behind it still works.
    pub(super) clients: Tasks,
    /// The registry's, and the watchdogs.
    pub(super) main: Tasks,
    /// The door for the other members, beside raft.
    pub(super) peers: Tasks,
    /// The writer of the log, if it is a task: last, after everybody who has something to write.
    pub(super) writer: Tasks,
}

// === impl TaskGroups ===

impl TaskGroups {
    pub(super) fn new(runtimes: &Runtimes) -> Self {
        Self {
            clients: Tasks::new(runtimes.main.clone()),
            main: Tasks::new(runtimes.main.clone()),
            peers: Tasks::new(runtimes.raft.clone()),
            writer: Tasks::new(runtimes.raft.clone()),
        }
    }
}

// === impl Serving ===

impl Serving {
    /// Waits until the node cannot go on, and answers why. Of several reasons, the one from which the others
    /// follow.
    pub(super) async fn failed(&mut self) -> NodeError {
        let Self {
            consensus,
            tasks,
            fatal,
            ..
        } = self;
        let log_failed = async {
            let failed = fatal.wait_for(Option::is_some).await.map(|error| error.clone());
            match failed.ok().flatten() {
                Some(error) => error,
                // Storage has let go of its hook: it was closed, and cannot fail any more.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            error = log_failed => error.into(),
            problem = consensus.stopped() => NodeError::RaftDied(problem),
            failure = tasks.peers.failed() => failure.into(),
            failure = tasks.writer.failed() => failure.into(),
            failure = tasks.main.failed() => failure.into(),
            failure = tasks.clients.failed() => failure.into(),
        }
    }

    /// Waits until the member was removed from its cluster. For ever, if it was not.
    pub(super) fn removed(&self) -> impl Future<Output = ()> + use<> {
        let mut removed = self.removed.clone();
        async move {
            if removed.wait_for(|removed| *removed).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Sees to it that the member, which was removed, does not come back.
    pub(super) fn leave(&self) {
        let identity = self.consensus.identity();
        tracing::error!(
            "member {} was removed from cluster {}: it stops; wipe its data directory if the node is to join as a \
             new member",
            identity.member_id,
            identity.cluster_id
        );
        let marked = match &self.disk.keeping {
            Keeping::Directory(directory) => directory.mark_removed(),
            // It finds out again.
            Keeping::Memory(_) => Ok(()),
        };
        if let Err(error) = marked {
            // It would find out again.
            tracing::warn!(%error, "the directory is not marked as one of a member that was removed");
        }
    }

    /// Stops: tells load balancers, hands leadership over, lets requests end, and closes what is open.
    pub(super) async fn stop(self) {
        tracing::info!("stopping");
        let Self {
            consensus,
            disk,
            tasks,
            health,
            ..
        } = self;
        health.stop();
        let (drained, ()) = join!(tasks.clients.stop(DRAIN_MAX), consensus.step_down(HANDOVER_MAX));
        if drained.is_err() {
            tracing::warn!(
                after_ms = DRAIN_MAX.as_millis(),
                "requests are still under way and are cut off"
            );
        }
        stop_group("main", &tasks.main).await;
        stop_group("peers", &tasks.peers).await;
        if timeout(RAFT_STOP_MAX, consensus.shutdown()).await.is_err() {
            tracing::warn!("raft did not stop in time");
        }
        disk.close().await;
        stop_group("writer", &tasks.writer).await;
        tracing::info!("stopped");
    }
}

async fn stop_group(group: &'static str, tasks: &Tasks) {
    if let Err(error) = tasks.stop(TASKS_STOP_MAX).await {
        tracing::warn!(group, %error, "not all tasks stopped in time");
    }
}
