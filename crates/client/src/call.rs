//! One request, from the first attempt to its end: which member is asked when, and when to stop.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use prost::Message;
use quorate_model::{ClusterId, DoorAddress, limits};
use quorate_proto::convert::InvalidField;
use rand::rngs::SmallRng;
use tokio::time::Instant;
use tonic::{Request, Response, Status, transport::Channel};

use crate::{Answer, Error, backoff::Backoff};

mod door;
mod failure;
#[cfg(test)]
mod tests;

use door::Door;
use failure::Failure;

/// How often all members are tried when none of them can even be reached: often enough for a restart behind
/// a supervisor, seldom enough that nobody waits out the deadline for a wrong address.
const UNREACHABLE_ROUNDS_MAX: u32 = 3;

/// What a request is for, and with that how often it may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To learn something: it may be sent as often as one likes.
    Read,
    /// To change something: it is sent again only if it surely was not carried out.
    Change,
}

/// Sends requests to whichever member takes them.
#[derive(Debug)]
pub(crate) struct Caller {
    doors: Vec<Door>,
    /// The door to begin with: where the last answer came from that was taken.
    preferred: AtomicUsize,
    deadline: Duration,
    cluster_id: OnceLock<ClusterId>,
    rng: Mutex<SmallRng>,
}

/// The course of one request: how much time there is, and what has gone wrong so far.
struct Course {
    purpose: Purpose,
    until: Instant,
    backoff: Backoff,
    /// Rounds over all doors of which none could be reached, in a row.
    unreachable_rounds: u32,
    /// Whether a member could be reached in this round.
    reached: bool,
    /// The wait that a member has asked for in this round.
    retry_after: Duration,
}

// === impl Caller ===

impl Caller {
    /// A caller of the members behind `endpoints`, of which there is at least one.
    pub(crate) fn new(
        endpoints: Vec<DoorAddress>,
        deadline: Duration,
        connect_timeout: Duration,
        cluster_id: Option<ClusterId>,
        rng: SmallRng,
    ) -> Self {
        let door = |address| Door::new(address, connect_timeout);
        Self {
            doors: endpoints.into_iter().map(door).collect(),
            preferred: AtomicUsize::new(0),
            deadline,
            cluster_id: cluster_id.map(OnceLock::from).unwrap_or_default(),
            rng: Mutex::new(rng),
        }
    }

    /// Sends `request` until a member takes it or the time is up.
    pub(crate) async fn call<Q, M, T, F, R>(&self, purpose: Purpose, request: Q, send: F) -> Result<Answer<T>, Error>
    where
        Q: Message + Clone,
        Answer<T>: TryFrom<M, Error = InvalidField>,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<M>, Status>>,
    {
        check_len(request.encoded_len())?;
        let mut course = Course::new(purpose, Instant::now() + self.deadline);
        let first = self.preferred.load(Ordering::Relaxed);
        loop {
            let mut last = None;
            for turn in 0..self.doors.len() {
                let index = (first + turn) % self.doors.len();
                let door = &self.doors[index];
                let patience = course.patience(self.doors.len() - turn);
                match door.ask(&request, &send, patience).await {
                    Ok(message) => {
                        let answer = self.accept(purpose, door, message)?;
                        self.preferred.store(index, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Err(failure) => last = Some(course.survive(failure)?),
                }
            }
            let last = last.expect("a client has at least one endpoint");
            course.next_round(last, &self.rng).await?;
        }
    }

    /// An answer that has passed its check. Whatever is wrong with the answer to a change, somebody has given it:
    /// the change may have taken effect, here or in another cluster.
    fn accept<M, T>(&self, purpose: Purpose, door: &Door, message: M) -> Result<Answer<T>, Error>
    where
        Answer<T>: TryFrom<M, Error = InvalidField>,
    {
        self.check(door, message).map_err(|error| match purpose {
            Purpose::Read => error,
            Purpose::Change => Error::OutcomeUnknown {
                message: error.to_string(),
            },
        })
    }

    /// Checks an answer before anybody sees it.
    fn check<M, T>(&self, door: &Door, message: M) -> Result<Answer<T>, Error>
    where
        Answer<T>: TryFrom<M, Error = InvalidField>,
    {
        let answer = Answer::try_from(message).map_err(|error| Error::BadAnswer {
            endpoint: door.to_string(),
            problem: error.to_string(),
        })?;
        let found = answer.header.cluster_id;
        let expected = *self.cluster_id.get_or_init(|| found);
        if found == expected {
            return Ok(answer);
        }
        let endpoint = door.to_string();
        Err(Error::WrongCluster {
            endpoint,
            expected,
            found,
        })
    }
}

/// A request over the limit would be refused by every member: it is not sent at all.
fn check_len(len: usize) -> Result<(), Error> {
    let max = limits::REQUEST_LEN_MAX;
    if len <= max {
        return Ok(());
    }
    Err(Error::InvalidArgument {
        message: format!("the request has {len} bytes, over the limit of {max}; make it smaller"),
    })
}

// === impl Course ===

impl Course {
    fn new(purpose: Purpose, until: Instant) -> Self {
        Self {
            purpose,
            until,
            backoff: Backoff::new(),
            unreachable_rounds: 0,
            reached: false,
            retry_after: Duration::ZERO,
        }
    }

    fn remaining(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// How long the next attempt may take, when `doors` are still to be tried in this round. A read leaves
    /// time for the others, in case a member hangs; a change gets all there is, because it is not sent twice.
    fn patience(&self, doors: usize) -> Duration {
        match self.purpose {
            Purpose::Read => self.remaining() / u32::try_from(doors).unwrap_or(u32::MAX),
            Purpose::Change => self.remaining(),
        }
    }

    /// Ends the request, or hands the failure back if another attempt makes sense.
    fn survive(&mut self, failure: Failure) -> Result<Failure, Error> {
        let is_final = match &failure {
            Failure::Refused { .. } => true,
            Failure::Lost { .. } => {
                self.reached = true;
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
            return Err(failure.into_error(self.purpose));
        }
        Ok(failure)
    }

    /// Waits for the next round, unless it would come too late or make no sense.
    async fn next_round(&mut self, last: Failure, rng: &Mutex<SmallRng>) -> Result<(), Error> {
        self.unreachable_rounds = if self.reached { 0 } else { self.unreachable_rounds + 1 };
        let drawn = self
            .backoff
            .draw(&mut rng.lock().unwrap_or_else(PoisonError::into_inner));
        let wait = drawn.max(self.retry_after);
        if wait >= self.remaining() || self.unreachable_rounds >= UNREACHABLE_ROUNDS_MAX {
            return Err(last.into_error(self.purpose));
        }
        tokio::time::sleep(wait).await;
        (self.reached, self.retry_after) = (false, Duration::ZERO);
        Ok(())
    }
}
