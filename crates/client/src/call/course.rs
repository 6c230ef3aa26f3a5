//! The course of one request: how much time there is, what has gone wrong so far, and when to stop.

use std::time::Duration;

use tokio::time::Instant;

use super::{Failure, Purpose};
use crate::{Error, backoff::Backoff};

/// How often all members are tried when none of them can even be reached: often enough for a restart behind
/// a supervisor, seldom enough that nobody waits out the deadline for a wrong address.
const UNREACHABLE_ROUNDS_MAX: u32 = 3;

/// A member that hangs costs at most this part of the time that is left, while there are others.
const SHARES: usize = 3;

/// The longest that the first member is waited for while there are others. Each one after a lost answer gets twice
/// as long, so that a request that takes its time is answered in the end.
const PATIENCE_FIRST: Duration = Duration::from_secs(2);

/// How one request goes.
pub(super) struct Course {
    purpose: Purpose,
    until: Instant,
    patience: Duration,
    backoff: Backoff,
    /// Rounds over all doors of which none could be reached, in a row.
    unreachable_rounds: u32,
    /// Whether a member could be reached in this round.
    reached: bool,
    /// Whether the answer to an attempt was lost.
    was_lost: bool,
    /// The wait that a member has asked for in this round.
    retry_after: Duration,
}

// === impl Course ===

impl Course {
    pub(super) fn new(purpose: Purpose, until: Instant) -> Self {
        Self {
            purpose,
            until,
            patience: PATIENCE_FIRST,
            backoff: Backoff::new(),
            unreachable_rounds: 0,
            reached: false,
            was_lost: false,
            retry_after: Duration::ZERO,
        }
    }

    /// Whether the answer to an attempt was lost.
    pub(super) fn was_lost(&self) -> bool {
        self.was_lost
    }

    pub(super) fn remaining(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// How long the next attempt may take, when `doors` are still to be tried in this round. What may be sent again
    /// leaves time for the others, in case a member hangs; what may not gets all there is.
    pub(super) fn patience(&self, doors: usize) -> Duration {
        let shares = match self.purpose {
            Purpose::Read | Purpose::Repeatable => doors.min(SHARES),
            Purpose::Change => 1,
        };
        match shares {
            0 | 1 => self.remaining(),
            more => (self.remaining() / u32::try_from(more).unwrap_or(u32::MAX)).min(self.patience),
        }
    }

    /// Ends the request, or hands the failure back if another attempt makes sense.
    pub(super) fn survive(&mut self, failure: Failure) -> Result<Failure, Error> {
        let is_final = match &failure {
            Failure::Refused { .. } => true,
            Failure::Lost { .. } => {
                self.reached = true;
                self.was_lost = true;
                self.patience = self.patience.saturating_mul(2);
                self.purpose == Purpose::Change
            }
            Failure::NotDone { retry_after, .. } => {
                self.reached = true;
                self.retry_after = self.retry_after.max(*retry_after);
                false
            }
            Failure::Unreachable { .. } => false,
        };
        if is_final || self.remaining().is_zero() {
            return Err(self.end(failure));
        }
        Ok(failure)
    }

    /// How long to wait between rounds.
    pub(super) fn backoff(&mut self) -> &mut Backoff {
        &mut self.backoff
    }

    /// Waits at least so long for the next round, unless it would come too late or make no sense.
    pub(super) async fn next_round(&mut self, last: Failure, wait: Duration) -> Result<(), Error> {
        self.unreachable_rounds = if self.reached { 0 } else { self.unreachable_rounds + 1 };
        let wait = wait.max(self.retry_after);
        if wait >= self.remaining() || self.unreachable_rounds >= UNREACHABLE_ROUNDS_MAX {
            return Err(self.end(last));
        }
        tokio::time::sleep(wait).await;
        (self.reached, self.retry_after) = (false, Duration::ZERO);
        Ok(())
    }

    fn end(&self, failure: Failure) -> Error {
        failure.into_error(self.purpose, self.was_lost)
    }
}
