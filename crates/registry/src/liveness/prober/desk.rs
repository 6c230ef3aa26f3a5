//! The desk: takes what the prober of this member has found to the cluster, many changes in one entry of the log.

use std::{sync::Arc, time::Duration};

use quorate_model::{Clock, MemberId, Revision};
use quorate_state::{CheckReport, Command};
use tokio::{sync::mpsc, time::sleep};

use super::{Edge, Host};
use crate::{Error, Policy, Tasks, deadline::Deadline, quorum::Quorum, read::Reader, route::Repeat, route::Route};

/// Changes that wait to be told. As many as are found in some seconds when much goes down at once; what finds no room
/// is told again with its next result.
const WAITING_MAX: usize = 4_096;

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(20);

/// Changes of one entry, and their bytes at most: other entries are not to wait for long behind it.
const ITEMS_MAX: usize = 256;
const BYTES_MAX: usize = 16 << 10;

/// Bytes of a report besides its texts, at most.
const REPORT_LEN: usize = 48;

/// How long one entry may take. What is not told by then is told again, if it is still so.
const TELL_MAX: Duration = Duration::from_secs(2);

/// How long ago the leader of this member may have been confirmed for its results to count.
const CONFIRMED_MAX: Duration = Duration::from_secs(1);

/// What the prober leaves its results with.
pub(super) struct Desk<Q> {
    reader: Reader<Q>,
    waiting: mpsc::Sender<Edge>,
}

/// Who takes them on.
struct Clerk<Q> {
    own: MemberId,
    reader: Reader<Q>,
    route: Route<Q>,
    clock: Arc<dyn Clock>,
    waiting: mpsc::Receiver<Edge>,
    /// What did not fit into the last entry.
    next: Option<Edge>,
}

/// A desk, with the task that takes on what is left there.
pub(super) fn open<Q: Quorum>(
    own: MemberId,
    quorum: Q,
    reader: Reader<Q>,
    clock: Arc<dyn Clock>,
    tasks: &Tasks,
) -> Desk<Q> {
    let (waiting, left) = mpsc::channel(WAITING_MAX);
    let clerk = Clerk {
        own,
        reader: reader.clone(),
        route: Route::new(quorum),
        clock,
        waiting: left,
        next: None,
    };
    tasks.spawn("check-reports", Policy::Essential, clerk.run());
    Desk { reader, waiting }
}

// === impl Desk ===

impl<Q: Quorum> Host for Desk<Q> {
    fn confirmed(&self) -> bool {
        let staleness = self.reader.reading().staleness;
        staleness.is_some_and(|staleness| staleness <= CONFIRMED_MAX)
    }

    fn report(&self, edge: Edge) {
        if self.waiting.try_send(edge).is_err() {
            tracing::debug!("a change of a check finds no room, and is told with the next result");
        }
    }
}

// === impl Clerk ===

impl<Q: Quorum> Clerk<Q> {
    async fn run(mut self) {
        loop {
            let first = match self.next.take() {
                Some(edge) => Some(edge),
                None => self.waiting.recv().await,
            };
            let Some(first) = first else {
                // The prober has ended, and the member stops.
                return std::future::pending().await;
            };
            sleep(GATHER).await;
            let edges = self.gather(first);
            let count = edges.len();
            if let Err(error) = self.tell(edges).await {
                tracing::debug!(%error, count, "changes of checks are not told, and are told again if they are still so");
            }
        }
    }

    /// What goes into one entry: all of one assignment, as far as it fits.
    fn gather(&mut self, first: Edge) -> Vec<Edge> {
        let mut len = report_len(&first);
        let mut edges = vec![first];
        while edges.len() < ITEMS_MAX
            && let Ok(edge) = self.waiting.try_recv()
        {
            len += report_len(&edge);
            if len > BYTES_MAX || edge.assignment != edges[0].assignment {
                self.next = Some(edge);
                break;
            }
            edges.push(edge);
        }
        edges
    }

    /// What was found while this member was cut off and did not know it yet is not told: a quorum has to confirm its
    /// leader once more, after all of it was found.
    async fn tell(&self, edges: Vec<Edge>) -> Result<(), Error> {
        let deadline = Deadline::after(Arc::clone(&self.clock), TELL_MAX);
        self.reader.barrier(&deadline).await?;
        let command = Command::ReportChecks {
            probers: edges.first().map_or(Revision::ZERO, |edge| edge.assignment),
            reporter: self.own,
            items: edges.into_iter().map(CheckReport::from).collect(),
        };
        let encoded = command.encode().map_err(|error| Error::Internal {
            problem: error.to_string(),
        })?;
        // What is told twice has an effect once.
        self.route.propose(encoded, Repeat::Harmless, &deadline).await?;
        Ok(())
    }
}

fn report_len(edge: &Edge) -> usize {
    let key = &edge.key;
    let texts = [key.namespace.as_str(), key.service.as_str(), key.id.as_str()];
    let own = [edge.check.as_str(), edge.output.as_str()];
    REPORT_LEN + texts.into_iter().chain(own).map(str::len).sum::<usize>()
}

impl From<Edge> for CheckReport {
    fn from(edge: Edge) -> Self {
        Self {
            key: edge.key,
            generation: edge.generation,
            check: edge.check,
            verdict: edge.verdict,
            output: edge.output,
        }
    }
}

#[cfg(test)]
mod tests;
