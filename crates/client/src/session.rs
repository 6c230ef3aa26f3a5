//! Sessions: writes that take effect once, however often they have to be sent.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use prost::Message;
use quorate_model::{Holder, InstanceSpec, LeaseId, LeaseTtl, Owner, RemoveAfter, RequestKey};
use quorate_proto::convert::InvalidField;
use tokio::{sync::watch, time::Instant};
use tonic::{Request, Response, Status, transport::Channel};

use crate::{Answer, Client, Error, LeaseOptions, Reason, RegisterOptions, Vitality, call::Purpose, keeper::Kept};

mod batch;
mod sum;
#[cfg(test)]
mod tests;
mod window;
mod writes;

use window::Window;

/// What a session is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// Who opens it, by a name that is the same after a restart: the name of a pod, say.
    pub owner: Option<Owner>,
    /// How long its lease is to live without being renewed.
    pub ttl: LeaseTtl,
    /// How long its lease is to stay when it has lapsed; twice its time to live, if absent.
    pub remove_after: Option<RemoveAfter>,
    /// Whether the session keeps its lease alive by itself, as long as it or a clone of it is there; true otherwise.
    /// With `false` it lives for its time to live, unless somebody [renews](Client::renew) it.
    pub keep_alive: bool,
}

/// One process's standing with the cluster, under a lease: each of its writes takes effect once.
///
/// A [`Client`] cannot tell whether a write took effect whose answer was lost, and leaves that to its caller as
/// [`Error::OutcomeUnknown`]. A session numbers its writes, and the cluster keeps what each came to: it sends a write
/// again, through other members, until one answers or the deadline is over, and gets the first outcome however often
/// it asks.
///
/// ```no_run
/// # use quorate_client::{Client, Error, RegisterOptions, SessionOptions, model::{InstanceId, ServiceName}};
/// # async fn example(client: Client, service: ServiceName, id: InstanceId, registration: RegisterOptions) -> Result<(), Error> {
/// let session = client.open_session(SessionOptions::default()).await?;
/// let registered = session.register(&service, &id, registration).await?;
/// // ... and when the process ends:
/// session.deregister(&service, &id, Some(registered.value.generation)).await?;
/// session.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// Cheap to clone, and safe to be used by many tasks at a time; at most 1,024 writes are under way, and others wait.
/// Dropping the future of a write gives up on it: it may still take effect, once, but its outcome is forgotten.
///
/// The session keeps its lease alive, with those of all other sessions and registrations of its client, over one stream
/// to whichever member answers; [`vitality`](Self::vitality) tells how that goes. One that is dropped without
/// [`close`](Self::close) leaves its lease behind, which then lapses and goes by itself. When the lease is gone every
/// write ends as [`Error::SessionLost`].
#[derive(Debug, Clone)]
pub struct Session {
    client: Client,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    lease: LeaseId,
    holder: Holder,
    window: Window,
    is_lost: AtomicBool,
    /// Absent if it is not to be kept alive, or not any more.
    kept: Mutex<Option<Kept>>,
}

// === impl SessionOptions ===

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            owner: None,
            ttl: LeaseTtl::default(),
            remove_after: None,
            keep_alive: true,
        }
    }
}

// === impl Client ===

impl Client {
    /// Opens a session: the cluster grants it a lease, which is the only write that this takes.
    ///
    /// # Errors
    ///
    /// [`Error::OutcomeUnknown`] leaves a lease behind that nobody uses; it is safe to try again.
    pub async fn open_session(&self, options: SessionOptions) -> Result<Session, Error> {
        let incarnation = self.draw_incarnation();
        let SessionOptions {
            owner,
            ttl,
            remove_after,
            keep_alive,
        } = options;
        let lease = LeaseOptions {
            owner: owner.clone(),
            ttl,
            remove_after,
        };
        let asked = Instant::now();
        let granted = self.grant(lease, incarnation).await?.value;
        let kept = keep_alive.then(|| self.keeper.keep(&self.caller, granted, asked));
        Ok(Session {
            client: self.clone(),
            shared: Arc::new(Shared {
                lease: granted.lease,
                holder: Holder {
                    owner,
                    incarnation: Some(incarnation),
                },
                window: Window::default(),
                is_lost: AtomicBool::new(false),
                kept: Mutex::new(kept),
            }),
        })
    }
}

// === impl Session ===

impl Session {
    /// The id of its lease.
    pub fn lease(&self) -> LeaseId {
        self.shared.lease
    }

    /// Who stands behind its registrations: the owner that it was opened with, and the incarnation of its lease.
    pub fn holder(&self) -> &Holder {
        &self.shared.holder
    }

    /// The client that it was opened with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How it is with its lease; nothing, if it is not kept alive, or not any more.
    pub fn vitality(&self) -> Option<watch::Receiver<Vitality>> {
        let kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(Kept::vitality)
    }

    /// Ends the session: the cluster ends its lease, deregisters what it keeps, and forgets the outcomes of its writes.
    /// Registrations that it does not keep stay. Let the writes that are under way come to an end before: they fail
    /// otherwise.
    ///
    /// # Errors
    ///
    /// After [`Error::OutcomeUnknown`] and [`Error::Unavailable`] the lease may still be there; it is safe to call
    /// this again.
    pub async fn close(&self) -> Result<(), Error> {
        self.client.revoke_lease(self.shared.lease).await?;
        self.shared.is_lost.store(true, Ordering::Relaxed);
        let kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(kept);
        Ok(())
    }

    /// Whether its lease is gone, as far as is known.
    pub(crate) fn is_lost(&self) -> bool {
        let is_gone = |vitality: watch::Receiver<Vitality>| *vitality.borrow() == Vitality::Gone;
        self.shared.is_lost.load(Ordering::Relaxed) || self.vitality().is_some_and(is_gone)
    }

    /// Sends one write with the next key until it is answered or the time is up.
    async fn write<Q, M, T, F, R>(&self, request: impl FnOnce(RequestKey) -> Q, send: F) -> Result<Answer<T>, Error>
    where
        Q: Message + Clone,
        Answer<T>: TryFrom<M, Error = InvalidField>,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<M>, Status>>,
    {
        let until = self.client.caller.deadline();
        let place = self.enter(until).await?;
        let request = request(place.key(self.shared.lease));
        let answer = self
            .client
            .caller
            .call_until(until, Purpose::Repeatable, &request, &send)
            .await;
        answer.map_err(|error| self.judge(error))
    }

    /// A place in the window for one write.
    async fn enter(&self, until: Instant) -> Result<window::Place<'_>, Error> {
        if self.is_lost() {
            return Err(Error::SessionLost {
                message: format!("lease {} has been closed, or is gone", self.shared.lease),
            });
        }
        let entered = tokio::time::timeout_at(until, self.shared.window.enter()).await;
        entered.map_err(|_| Error::Unavailable {
            reason: None,
            message: "too many writes of this session are under way; this one was not sent".to_owned(),
        })
    }

    /// Takes note if the lease is gone: no later write will be carried out either.
    fn judge(&self, error: Error) -> Error {
        if error.reason() != Some(Reason::LeaseNotFound) {
            return error;
        }
        self.shared.is_lost.store(true, Ordering::Relaxed);
        Error::SessionLost {
            message: error.to_string(),
        }
    }

    /// A registration that says nothing of who stands behind it is one of the session.
    fn own(&self, registration: &mut RegisterOptions) -> Result<(), Error> {
        if *registration.spec.holder() != Holder::default() {
            return Ok(());
        }
        let mut parts = registration.spec.clone().into_parts();
        parts.holder = self.shared.holder.clone();
        registration.spec = InstanceSpec::new(parts).map_err(|problem| Error::InvalidArgument {
            message: problem.to_string(),
        })?;
        Ok(())
    }
}
