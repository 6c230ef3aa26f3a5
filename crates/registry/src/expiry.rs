//! The keeper of expiries: has done what the log time asks for.
//!
//! Every member has one, and that of the leader acts: it looks at the time that the cluster agrees on, and when the state
//! has something to do by it — an override that has expired, a drain or a guard that ends, a lapsed lease that goes, a
//! lapse that is not recent any more — has the log say so. Nothing else does it, so that all members and all readers agree on when it was done.
//!
//! Time that no entry carries is lost when the leader changes: so while anything waits for its time, the keeper has
//! a stamp written now and then, also where nothing else is.

use std::time::Duration;

use bytes::Bytes;
use quorate_consensus::Applied;
use quorate_model::MemberId;
use quorate_state::{Command, Outcome};
use tokio::time::sleep;

use crate::{Policy, Tasks, quorum::Quorum};

/// Between two looks: how late anything may be done, beside the time that a log entry takes. A look costs next to
/// nothing.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How far the log time of the leader may run ahead of that which is applied, while anything waits for its time:
/// what a change of the leader may cost it. One small entry in a minute is little.
const UNWRITTEN_MAX_MS: u64 = 60_000;

/// How long one entry may take. The next look tries again.
const PROPOSE_MAX: Duration = Duration::from_secs(5);

/// Starts the keeper of this member.
pub(crate) fn start<Q: Quorum>(own: MemberId, quorum: Q, tasks: &Tasks) {
    tasks.spawn("expiry", Policy::Essential, keep(own, quorum));
}

async fn keep<Q: Quorum>(own: MemberId, quorum: Q) {
    let command = Command::PassTime.encode();
    let command = command.expect("a command without values is always short enough");
    loop {
        sleep(LOOK_EVERY).await;
        while is_due(own, &quorum) && propose(own, &quorum, command.clone()).await {}
    }
}

/// Whether anything is due, or waits for that and time has to be written down; and this member has to see to it.
fn is_due<Q: Quorum>(own: MemberId, quorum: &Q) -> bool {
    if quorum.leader() != Some(own) {
        return false;
    }
    let view = quorum.view();
    let (now, written) = (quorum.log_time(), view.log_time());
    let next = view.next_due();
    next.is_some_and(|next| next <= now || written.plus_ms(UNWRITTEN_MAX_MS) < now)
}

/// Writes the time down, has done what is due by it, as much as one log entry may, and answers whether there was any.
async fn propose<Q: Quorum>(own: MemberId, quorum: &Q, command: Bytes) -> bool {
    match quorum.propose(own, command, PROPOSE_MAX).await {
        Ok(Applied { revision, outcome }) => {
            let gone = matches!(outcome, Outcome::TimePassed { count: 1.. });
            if gone {
                tracing::info!(%revision, ?outcome, "done what the time asked for");
            }
            gone
        }
        Err(error) => {
            tracing::debug!(%error, "what the time asks for is not done yet");
            false
        }
    }
}

#[cfg(test)]
mod tests;
