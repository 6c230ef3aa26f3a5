//! One request, from the first attempt to its end: which member is asked when, and when to stop.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prost::Message;
use quorate_model::{ClusterId, DoorAddress, limits};
use quorate_proto::convert::InvalidField;
use rand::{RngExt as _, rngs::SmallRng};
use tokio::time::Instant;
use tonic::{Request, Response, Status, transport::Channel};

use crate::{
    Answer, Connector, Error, Header,
    backoff::Backoff,
    seen::{Seen, State},
};

mod course;
mod door;
mod doors;
mod failure;
mod refresh;
mod stream;
#[cfg(test)]
mod tests;

use course::Course;
pub(crate) use door::Door;
use door::Locksmith;
use doors::Doors;
use failure::Failure;
pub(crate) use failure::is_of_the_catalog;

/// What a request is for, and with that how often it may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To learn something: it may be sent as often as one likes.
    Read,
    /// To change something: it is sent again only if it surely was not carried out.
    Change,
    /// To change something that a repetition does not change any further, because the request has a key of its own
    /// or says what is to be: it is sent again even if it may have been carried out.
    Repeatable,
}

/// An answer, and what is known of the attempts before it.
#[derive(Debug)]
pub(crate) struct Answered<T> {
    pub(crate) answer: Answer<T>,
    /// Whether the answer to an attempt before was lost: that one may be carried out as well, even later.
    pub(crate) was_lost: bool,
}

/// What a [`Caller`] is made of.
pub(crate) struct CallerParts {
    /// The doors that it is given: at least one.
    pub(crate) endpoints: Vec<DoorAddress>,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) connect_timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) cluster_id: Option<ClusterId>,
    /// Whether it learns of other doors from the cluster.
    pub(crate) discovers: bool,
    pub(crate) rng: SmallRng,
}

/// Sends requests to whichever member takes them.
#[derive(Debug)]
pub(crate) struct Caller {
    doors: Doors,
    deadline: Duration,
    cluster_id: OnceLock<ClusterId>,
    seen: Seen,
    rng: Mutex<SmallRng>,
    turn: AtomicU64,
}

// === impl Purpose ===

impl Purpose {
    fn is_change(self) -> bool {
        match self {
            Self::Read => false,
            Self::Change | Self::Repeatable => true,
        }
    }
}

// === impl Caller ===

impl Caller {
    pub(crate) fn new(parts: CallerParts) -> Self {
        let locksmith = Locksmith {
            connector: parts.connector,
            connect_timeout: parts.connect_timeout,
        };
        Self {
            doors: Doors::new(parts.endpoints, parts.discovers, locksmith),
            deadline: parts.deadline,
            cluster_id: parts.cluster_id.map(OnceLock::from).unwrap_or_default(),
            seen: Seen::default(),
            rng: Mutex::new(parts.rng),
            turn: AtomicU64::new(0),
        }
    }

    /// The newest state that an answer has shown.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// When a request has to be over that begins now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// A random number.
    pub(crate) fn draw(&self) -> u64 {
        self.rng().random()
    }

    /// A number that goes up by one each time.
    pub(crate) fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// How long to wait before all members are asked again.
    pub(crate) fn draw_wait(&self, backoff: &mut Backoff) -> Duration {
        backoff.draw(&mut self.rng())
    }

    /// Sends `request` until a member takes it or the time is up.
    pub(crate) async fn call<Q, M, T, F, R>(&self, purpose: Purpose, request: Q, send: F) -> Result<Answer<T>, Error>
    where
        Q: Message + Clone,
        Answer<T>: TryFrom<M, Error = InvalidField>,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<M>, Status>>,
    {
        self.call_until(self.deadline(), purpose, &request, &send).await
    }

    /// The same, until then.
    pub(crate) async fn call_until<Q, M, T, F, R>(
        &self,
        until: Instant,
        purpose: Purpose,
        request: &Q,
        send: &F,
    ) -> Result<Answer<T>, Error>
    where
        Q: Message + Clone,
        Answer<T>: TryFrom<M, Error = InvalidField>,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<M>, Status>>,
    {
        let answered = self.answered_until(until, purpose, request, send).await?;
        Ok(answered.answer)
    }

    /// The same for an answer that may tell of failures, which say nothing of the attempts before.
    pub(crate) async fn answered_until<Q, M, T, F, R>(
        &self,
        until: Instant,
        purpose: Purpose,
        request: &Q,
        send: &F,
    ) -> Result<Answered<T>, Error>
    where
        Q: Message + Clone,
        Answer<T>: TryFrom<M, Error = InvalidField>,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<M>, Status>>,
    {
        check_len(request.encoded_len())?;
        let mut course = Course::new(purpose, until);
        loop {
            let mut last = None;
            let doors = self.doors.in_order(purpose.is_change());
            for (turn, door) in doors.iter().enumerate() {
                let answered = match door.ask(request, send, course.patience(doors.len() - turn)).await {
                    Ok(message) => self.accept(purpose, door, message)?,
                    Err(failure) => Err(failure),
                };
                match answered {
                    Ok(answer) => {
                        self.note(door, purpose, &answer.header);
                        self.refresh(door, course.remaining()).await;
                        let was_lost = course.was_lost();
                        return Ok(Answered { answer, was_lost });
                    }
                    Err(failure) => {
                        self.doors.failed(door);
                        last = Some(course.survive(failure)?);
                    }
                }
            }
            let last = last.expect("a client has at least one endpoint");
            let wait = self.draw_wait(course.backoff());
            course.next_round(last, wait).await?;
        }
    }

    /// An answer that has passed its check. Whatever is wrong with the answer to a change, somebody has given it:
    /// the change may have taken effect, here or in another cluster. A read goes on to the next member if this one
    /// was learned of from the cluster, and has left it since for another one.
    fn accept<M, T>(&self, purpose: Purpose, door: &Door, message: M) -> Result<Result<Answer<T>, Failure>, Error>
    where
        Answer<T>: TryFrom<M, Error = InvalidField>,
    {
        let error = match self.check(door, message) {
            Ok(answer) => return Ok(Ok(answer)),
            Err(error) => error,
        };
        let is_foreign = matches!(error, Error::WrongCluster { .. });
        let is_forgotten = is_foreign && self.doors.forget(door);
        let message = error.to_string();
        match purpose {
            Purpose::Read if is_forgotten => Ok(Err(Failure::Unreachable { message })),
            Purpose::Read => Err(error),
            Purpose::Change | Purpose::Repeatable => Err(Error::OutcomeUnknown { message }),
        }
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

    /// Takes note of what an answer tells beside what was asked for.
    fn note(&self, door: &Door, purpose: Purpose, header: &Header) {
        self.doors.answered(door, purpose.is_change(), header);
        self.seen.observe(State {
            epoch: header.epoch,
            revision: header.revision,
        });
    }

    fn rng(&self) -> MutexGuard<'_, SmallRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
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
